"""Errors carry the file, line or row that is wrong beside their message."""

import dataclasses
import json
import pickle

import pytest
from conftest import toy_dataset

from flan_tasks import datasets
from flan_tasks.core.errors import DeclarationError, RowError, TemplateError
from flan_tasks.core.mixture import parse_mixture, read_mixture
from flan_tasks.core.origin import Files
from flan_tasks.core.parsing import parse_json, parse_toml, place_of_fault
from flan_tasks.core.row_examples import normalize_row
from flan_tasks.core.template_files import parse_template_set, read_template_set
from flan_tasks.raw_rows.reading import BadRows
from flan_tasks.raw_rows.tables import open_table


def place_in(read, *words, error=TemplateError, **more):
    """Where the error of a call says it is, which its message says too."""
    with pytest.raises(error) as caught:
        read(*words, **more)
    assert caught.value.where and caught.value.where.split(", ")[0] in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).where == caught.value.where
    return caught.value.where


@pytest.mark.parametrize(
    ("parse", "text", "place"),
    [
        (parse_toml, "a = 1\nb = oops", "x, line 2, column 5"),
        (parse_toml, "a = [", "x"),
        (parse_json, '{\n "a": b}', "x, line 2, column 7"),
        (parse_json, b"\xff\xfe\xff", "x"),
    ],
)
def test_a_text_that_cannot_be_read_is_placed(parse, text, place):
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert place_of_fault("x", caught.value) == place


def test_a_template_file_is_placed(tmp_path):
    assert place_in(parse_template_set, "a = 1\nb = oops", path="nli/rte.toml") == (
        "nli/rte.toml, line 2, column 5"
    )
    assert place_in(parse_template_set, "[[template]]\nid = 1", path="nli/rte.toml") == (
        "nli/rte.toml"
    )
    assert place_in(read_template_set, tmp_path / "none.toml") == str(tmp_path / "none.toml")


def test_a_mixture_file_is_placed(tmp_path):
    about = {"name": "mine", "path": "mine.toml", "error": DeclarationError}
    assert place_in(parse_mixture, "include = [", **about).startswith("mine.toml")
    assert place_in(parse_mixture, 'includes = ["rte"]', **about) == "mine.toml"
    assert place_in(parse_mixture, 'include = ["rte"]\ncap = -1', **about) == "mine.toml"
    none = tmp_path / "none.toml"
    assert place_in(read_mixture, none, error=DeclarationError) == str(none)


def test_the_first_wrong_line_of_an_index_is_placed(tmp_path):
    path = tmp_path / "own.index.jsonl"
    good = json.dumps({"source_name": "one", "cluster": "logic"})
    path.write_text("\n".join([good, "", "{}", "[]"]))
    family = dataclasses.replace(datasets.catalog().families["niv2"], name="own_tasks", index=path)
    where = place_in(lambda: family.members, error=DeclarationError)
    assert where == "own.index.jsonl, line 3"


def test_a_row_is_placed():
    about = {"source_split": "train", "number": 7, "error": RowError}
    assert place_in(normalize_row, toy_dataset("birds"), {}, **about) == "birds, split train, row 7"


def test_of_several_bad_rows_the_first_is_placed():
    bad = BadRows()
    for number in (5, 2):
        bad.add(number, RowError(f"row {number}: x", where=f"row {number}"))
    assert place_in(bad.check, error=RowError) == "row 2"
    with pytest.raises(RowError, match="2 rows cannot be used"):
        bad.check()


def test_a_row_of_a_file_is_placed(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"a": 1}\n{"a": }\n')
    table = open_table(path, Files({"train": "train.jsonl"}), {"a": int})
    assert place_in(table.row, 1, error=RowError) == "train.jsonl, row 1"
