"""`flan build flan2022` on embedded rows: exact shares, counted rows, the same rows in SeqIO."""

import json
from collections import Counter
from itertools import islice

import pytest

import flan_tasks as ft
from flan_tasks.core.option_styles import option_styles

SHARED = {"source": "samples", "vocab": "bytes", "allow_missing": True}
# Of a thousand rows: 40, 32, 20, 5 and 3 %, inverted ones at 0.3 of forward ones.
SHARES = {"flan2021": 400, "t0": 320, "niv2": 200, "cot": 50, "dialog": 30}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flan2022") / "out"
    ft.build("flan2022", folder, examples=1_000, shards=2, **SHARED)
    return folder


def rows_of(folder):
    paths = sorted((folder / "data").iterdir())
    return [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()]


def test_shares_are_the_published_ones_exactly(built):
    rows = rows_of(built)
    parts = Counter(row["part"] for row in rows)
    outer = Counter()
    for part, count in parts.items():
        outer[part.partition("/")[0]] += count
    assert outer == SHARES
    types = ("zs_opt", "fs_opt", "zs_noopt", "fs_noopt")
    assert [parts[f"flan2021/{name}"] for name in types] == [100] * 4
    assert [parts[f"t0/{name}"] for name in types] == [80] * 4
    assert [parts[f"niv2/{name}"] for name in types[:2]] == [100] * 2
    for part, total in (("cot", 50), ("dialog", 30)):
        inverted = sum(count for path, count in parts.items() if f"{part}/inverted" in path)
        assert abs(inverted - total * 0.3 / 1.3) < 1
    assert {row["collection"] for row in rows} == {"flan2021", "flan2022", "p3"}


def test_every_row_says_what_it_is(built):
    for row in rows_of(built):
        assert all(row[name] for name in ("dataset", "template", "kind", "key", "split"))
        assert row["license"] and row["prompt_type"] == row["part"].rpartition("/")[2]
        few = row["prompt_type"].startswith("fs")
        assert few or not row["num_shots"]
        assert row["option_style"] in {"", *option_styles()}
        if "noopt" in row["prompt_type"] or row["kind"] == "inverted" and not row["options"]:
            assert not row["option_style"]


def test_what_is_missing_is_said_and_the_build_is_sound(built, flan):
    card = (built / "README.md").read_text(encoding="utf-8")
    assert "tasks of families, whose rows were not available:" in card
    assert "no prompt of this package stands in for it" in card
    for line in ("| flan2021 | 0.4 | 40.00% | 400 | 400 |", "## Licenses", "| style |"):
        assert line in card
    flan("verify", built)
    printed = flan("report", built, "--text").out
    assert "Tasks, by the way of counting" in printed and "Options by style" in printed


@pytest.mark.slow
def test_workers_make_the_same_bytes(built, tmp_path):
    ft.build("flan2022", tmp_path / "two", examples=1_000, shards=2, workers=2, **SHARED)
    files = {path.relative_to(built) for path in built.rglob("*") if path.is_file()}
    for path in files:
        assert (tmp_path / "two" / path).read_bytes() == (built / path).read_bytes(), path


@pytest.mark.slow
def test_seqio_streams_the_rows_of_a_build():
    pytest.importorskip("seqio")
    lengths = {"inputs": 1_500, "targets": 400}
    mixture = ft.mixture("flan2022", **SHARED)
    stream = mixture.get_dataset(lengths, seed=5, num_epochs=1, copy_pretokenized=True)
    view = ft.rows("flan2022", seed=5, lengths=lengths, **SHARED)
    columns = ("inputs_pretokenized", "targets_pretokenized")
    streamed = [
        tuple(row[name].decode() for name in columns)
        for row in islice(stream.as_numpy_iterator(), 300)
    ]
    assert streamed == [(row["inputs"], row["targets"]) for row in view[:300]]
    ids = [
        row["inputs"].tolist()
        for row in islice(
            mixture.get_dataset(lengths, seed=5, num_epochs=1).as_numpy_iterator(), 300
        )
    ]
    vocabulary = mixture.output_features["inputs"].vocabulary
    assert [vocabulary.decode(row[:-1]) for row in ids] == [inputs for inputs, _ in streamed]
