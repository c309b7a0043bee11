"""LAMBADA, UnifiedQA's science and DialogSum: odd rows, and that no default mixture has them."""

from pathlib import Path

import pytest

from flan_tasks.core.example import Example, Skip
from flan_tasks.core.row_examples import normalize_row
from flan_tasks.datasets import catalog, get
from flan_tasks.raw_rows import open_source

OUTSIDE = ("chain_of_thought", "dialog", "word_prediction")


def normalized(name, **row):
    (item,) = normalize_row(get(name), row, source_split="train", number=0)
    return item


def test_lambada_asks_for_the_last_word_of_text_made_whole():
    item = normalized("lambada", passage="`` i do n't know , '' said her friend tom\n")
    assert (item.fields["passage"], item.answer) == ('"i don\'t know," said her friend', "tom")


@pytest.mark.parametrize(
    ("passage", "reason"),
    [("word", "one word"), ("", "one word"), ("he stopped .", "a mark at the end")],
)
def test_lambada_skips_what_has_no_last_word(passage, reason):
    assert normalized("lambada", passage=passage) == Skip(reason)


@pytest.mark.parametrize("end", ["\\n", "\n"])
def test_unified_qa_takes_the_options_out_of_the_text(end):
    item = normalized(
        "unified_qa_science", input=f"Q ? {end} (a) ice (b) The sun.", output="the Sun"
    )
    assert item.fields["question"] == "Q?"
    assert (item.options, item.answer) == (("ice", "The sun."), "The sun.")


@pytest.mark.parametrize(
    ("text", "gold", "reason"),
    [
        ("Q?", "ice", "options that cannot be told apart"),
        ("Q? \\n ice", "ice", "options that cannot be told apart"),
        ("Q? \\n (A) ice", "ice", "options that cannot be told apart"),
        ("Q? \\n (A) ice (C) sun", "ice", "options that cannot be told apart"),
        ("Q? \\n (A) ice (B) Ice.", "ice", "two equal options"),
        ("Q? \\n (A) ice (B) sun", "rain", "an answer that is no option"),
    ],
)
def test_unified_qa_skips_what_cannot_be_told_apart(text, gold, reason):
    assert normalized("unified_qa_science", input=text, output=gold) == Skip(reason)


def test_dialogsum_names_speakers_and_joins_apostrophes():
    item = normalized(
        "dialogsum",
        dialogue="#Person1#: I ' Ve seen it , didn ' t you?\n#Person2#: It is #CarNumber1#.",
        summary="#Person1#'s car.",
    )
    assert item.fields["dialogue"] == (
        "Person 1: I've seen it, didn't you?\nPerson 2: It is [car number]."
    )
    assert item.answer == "Person 1's car."


def test_dialogsum_test_rows_have_several_summaries():
    summaries = {"summary1": "A.", "summary2": "B.", "summary3": "A."}
    assert normalized("dialogsum", dialogue="D.", **summaries).references == ("A.", "B.")
    assert normalized("dialogsum", dialogue="D.", summary="") == Skip("no summary")
    assert normalized("dialogsum", dialogue=" ", summary="A.") == Skip("no text")


@pytest.mark.parametrize(("split", "summaries"), [("dev", 1), ("test", 3)])
def test_real_rows_of_dialogsum_are_all_examples(real_tree: Path, split: str, summaries: int):
    folder = real_tree.parent / "dialogsum"
    if not folder.is_dir():
        pytest.skip("no real rows of it available")
    lines = (folder / f"dialogsum.{split}.jsonl").read_text(encoding="utf-8").splitlines()
    dataset = get("dialogsum")
    import json

    for number, line in enumerate(lines):
        (item,) = normalize_row(dataset, json.loads(line), source_split=split, number=number)
        assert isinstance(item, Example)
        assert 1 <= len(item.references) <= summaries
        assert "#Person" not in item.fields["dialogue"] + item.answer


def test_files_of_the_users_are_looked_for_in_the_data_directory(tmp_path: Path):
    dataset = get("qasc")
    source = open_source(dataset, data_dir=tmp_path, samples=None)
    assert source.status().state == "needs manual download"
    assert "cot_data/qasc_train.tsv" in source.status().detail
    row = 'What melts?\\nOptions:\\n- (A) ice\\n- (B) sand\t(A)\tIt "melts".\n'
    for place in (tmp_path, tmp_path / "qasc"):
        place.mkdir(exist_ok=True)
        (place / "qasc_train.tsv").write_text(row * 2, encoding="utf-8")
        source = open_source(dataset, data_dir=tmp_path, samples=None)
        (first,) = source.rows("train", [0])
        assert source.splits() == {"train": 2}
        assert first["chain"] == 'It "melts".' and first["answer"] == "(A)"
        (place / "qasc_train.tsv").unlink()


def test_no_default_mixture_has_what_stands_outside():
    usual = {dataset.name for dataset in catalog().expand(["all"])}
    outside = {dataset.name for dataset in catalog().datasets if dataset.cluster in OUTSIDE}
    assert outside and not usual & outside
    assert not usual & {"dialogsum", "unified_qa_science"}
    for cluster in ("closed_book_qa", "summarization"):
        assert {dataset.name for dataset in catalog().expand([cluster])} <= usual
    for cluster in OUTSIDE:
        assert {dataset.cluster for dataset in catalog().expand([cluster])} == {cluster}


def test_overlaps_are_not_followed_through_what_stands_outside():
    def near(name):
        return {dataset.name for dataset in catalog().with_overlaps([name])}

    assert near("qrecc") == {"qrecc", "natural_questions", "quac", "qed"}
    assert near("quac") == {"quac", "qrecc"}
    assert near("snli") == {"snli", "esnli"}
