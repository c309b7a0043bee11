"""The sample is of the build: even, the same from plan and files, and nothing added or lost."""

import json
from collections import Counter

import numpy as np
import pytest
from conftest import make_catalog
from packed_build import seal_again
from report_builds import AWKWARD

from flan_tasks.core.errors import BuildError, DeclarationError
from flan_tasks.core.mixture import Mixture
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.order import tasks_at
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.reports.length_tables import histograms
from flan_tasks.reports.make import read_build, report_of, reporter
from flan_tasks.reports.packed_data import FIRST_CODE, packed_script_text, script_text
from flan_tasks.reports.payload import examples
from flan_tasks.reports.sample import even_positions, some_of_each
from flan_tasks.vocabulary import open_vocabulary

FORMS = [
    ("jsonl", "inputs-targets"),
    ("jsonl", "messages"),
    ("parquet", "prompt-completion"),
    ("tfrecord", "inputs-targets"),
    ("seqio-cache", "inputs-targets"),
    ("arrayrecord", "inputs-targets"),
]


@pytest.mark.parametrize(("form", "style"), FORMS)
def test_files_give_the_report_that_the_plan_gave(make_build, form, style):
    folder = make_build(form, style=style)
    assert report_of(folder) == (folder / "report.html").read_text(encoding="utf-8")


def test_rows_that_cannot_be_read_one_by_one_are_said_to_be(make_build):
    folder = make_build("packed-tfrecord")
    _, sample = read_build(folder)
    assert sample.examples == () and "cannot be shown" in sample.notes[0]
    assert '"sampled":0' in report_of(folder)
    assert '"sampled":56' in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("arch", ["encoder-decoder", "decoder"])
def test_packed_files_give_the_ids_and_texts_that_the_plan_gave(make_build, arch):
    text = {e.row: e for e in read_build(make_build("jsonl"))[1].examples}
    manifest, sample = read_build(make_build("arrays", arch=arch))
    assert len(sample.examples) == manifest["examples"] == len(text)
    assert sorted(e.row for e in sample.examples) == sorted(text)
    for example in sample.examples:
        whole = text[example.row]
        assert example.task == whole.task
        for part, limit in (("input_ids", 160), ("target_ids", 64)):
            ids, wanted = getattr(example, part), getattr(whole, part)
            assert ids[-1] == 1 and len(ids) <= limit
            assert (ids[:-1] == wanted[: len(ids) - 1]).all()
    assert sum(len(span) for _, span in sample.rows) == len(sample.examples)


def test_positions_are_even_and_none_is_beyond():
    assert even_positions(3, 10).tolist() == [0, 1, 2]
    gaps = np.diff(even_positions(1000, 30))
    assert len(gaps) == 29 and set(gaps) == {33, 34}
    assert even_positions(0, 5).tolist() == []


@pytest.mark.parametrize("form", ["jsonl", "seqio-cache", "arrays"])
def test_a_small_task_is_shown_and_lengths_are_told_from_the_even_rows(tmp_path, form):
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 3000})
    prepared = prepare(Mixture(name="m"), catalog, source=SourceChoice())
    plan = make_plan(prepared, seed=0, grouped=form == "seqio-cache")
    bytes_ = open_vocabulary("bytes")
    lengths = {"inputs": 160, "targets": 64}
    settings = BuildSettings(form, "train", "inputs-targets", lengths, bytes_)
    folder = tmp_path / "out"
    build(prepared, plan, settings, folder, report=reporter(plan, bytes_))
    manifest, sample = read_build(folder, examples=100)
    shown = Counter(e.task for e in sample.examples)
    least = 10 if form != "arrays" else 2
    assert shown["birds"] >= least > Counter(e.task for e in sample.fair)["birds"]
    assert len(sample.fair) == pytest.approx(100, abs=0 if form != "arrays" else 30)
    assert len(sample.examples) <= 2 * len(sample.fair)
    assert [e.row for e in sample.examples] == sorted(
        {e.row for e in sample.examples}
    ) or sample.rows
    assert histograms(manifest, sample)["of"] == len(sample.fair)
    if form != "arrays":  # of which the files keep no text
        assert report_of(folder) == (folder / "report.html").read_text(encoding="utf-8")


def test_of_each_task_what_is_wanting_is_added():
    task = np.array([0, 1, 0, 0, 2, 0, 1, 1, 1])
    shown = np.array([1, 1, 0, 1, 0, 0, 0, 0, 0], bool)
    assert sorted(some_of_each(task, 2, shown)) == [4, 6]
    assert sorted(some_of_each(task, 9, shown)) == np.flatnonzero(~shown).tolist()
    assert some_of_each(task, 0, shown).tolist() == []
    assert some_of_each(task, 2, np.ones(9, bool)).tolist() == []
    assert some_of_each(task[:0], 2, shown[:0]).tolist() == []


@pytest.mark.parametrize("seed", [0, 7])
def test_tasks_of_rows_are_those_of_the_plan(awkward_mixture, seed):
    plan = make_plan(awkward_mixture, seed=seed, num_examples=100)
    rows = np.arange(100)
    assert (tasks_at(rows, [[*plan.counts, 0]], seed) == plan.rows_at(rows).task).all()


def test_codes_of_ids_are_read_back_as_the_ids(make_build):
    manifest, sample = read_build(make_build())
    found = json.loads(script_text(examples(sample, [t["name"] for t in manifest["tasks"]])))
    for example, codes in zip(sample.examples, found["input_ids"], strict=True):
        ids = [found["ids"][ord(letter) - FIRST_CODE] for letter in codes]
        assert ids == example.input_ids.tolist()


def test_codes_step_over_surrogates():
    from flan_tasks.reports.packed_data import _codes

    rank = np.arange(70_000)
    codes = [ord(letter) for letter in _codes(rank, rank)]
    back = [code - (0x800 if code >= 0xE000 else 0) - FIRST_CODE for code in codes]
    assert back == rank.tolist()


def test_no_text_of_the_data_can_end_the_script_it_stands_in(make_build):
    page = (make_build() / "report.html").read_text(encoding="utf-8")
    data = page.split('<script id="examples" type="application/json">')[1].split("</script>")[0]
    assert "<" not in data
    assert {text for text in AWKWARD if text in json.loads(data)["targets"]}


def test_large_values_are_packed_and_small_ones_readable():
    kind, text = packed_script_text({"a": "<b>"})
    assert (kind, text) == ("application/json", '{"a":"\\u003cb>"}')
    kind, text = packed_script_text("x" * 9_000_000)
    assert kind == "application/gzip+base64" and len(text) < 100_000
    assert packed_script_text("x" * 9_000_000) == (kind, text)


def test_a_damaged_file_is_named(make_build):
    folder = make_build()
    (folder / "data" / "train-00001-of-00002.jsonl").write_text('{"inputs": ')
    with pytest.raises(BuildError, match="train-00001-of-00002.jsonl was changed"):
        read_build(folder)
    seal_again(folder)
    with pytest.raises(BuildError, match="train-00001-of-00002.jsonl cannot be read"):
        read_build(folder)


def test_a_file_that_ends_early_is_named(make_build):
    folder = make_build()
    (folder / "data" / "train-00001-of-00002.jsonl").write_text("")
    seal_again(folder)
    with pytest.raises(BuildError, match="end before the rows"):
        read_build(folder)


def test_ids_of_another_vocabulary_are_refused(make_build, t5_model):
    with pytest.raises(DeclarationError, match="of vocabulary bytes, not t5"):
        read_build(make_build("arrays"), vocabulary=str(t5_model))


def test_pieces_of_a_vocabulary_are_what_its_ids_stand_for(t5_model):
    vocabulary = open_vocabulary(str(t5_model))
    (ids,) = vocabulary.encode(["A heron stands."])
    assert "".join(vocabulary.pieces(ids)) == " A heron stands."
    assert open_vocabulary("bytes").pieces([1, 68, 13, 252]) == ["</s>", "A", "\n", "<0xF9>"]
