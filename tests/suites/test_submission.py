"""Files for the servers of GLUE and SuperGLUE, from embedded rows without labels."""

import json

import pytest
import suite_runs
from suite_runs import suite_text
from without_model import WithoutModel, ranked

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.spec import ConfigError
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.answers import Answers
from flan_tasks.jobs.asked_suites import submitted_suite, suites_of
from flan_tasks.plan.source_choice import SourceChoice
from flan_tasks.specs.eval_config import EvalSpec, QuestionSpec
from flan_tasks.suites.library import parse_suite, published_suite
from flan_tasks.suites.submission import write_submission


class Last(WithoutModel):
    """Takes the last option everywhere, and so scores the same by every template."""

    def record(self, unit, prompt):
        return ranked(prompt, [*(-2.0 for _ in prompt.gold.options[1:]), -1.0])


def submitted(name, folder, answerer):
    spec = suite_runs.asked(name)
    result = suite_runs.scored(folder / "out", spec, answerer, store=folder / "store")
    return write_submission(
        submitted_suite(suites_of(spec)),
        result.suites[0],
        catalog(),
        answerer,
        folder / "files",
        answers=Answers(folder / "unlabeled", answerer.settings),
        source=SourceChoice("samples"),
        seed=0,
    )


def text_of(folder, name):
    return (folder / "files" / name).read_text(encoding="utf-8")


def test_glue_takes_tables_of_numbers_and_labels(tmp_path):
    answerer = Last()
    written = submitted("glue", tmp_path, answerer)
    names = [one.path.name for one in written.files]
    assert names == [
        one.name for one in published_suite("glue").submission.files if one.name != "AX.tsv"
    ]
    assert "glue/ax:2.0.0" in written.missing["AX.tsv"]
    lines = text_of(tmp_path, "CoLA.tsv").splitlines()
    assert lines[0] == "index\tprediction" and {one.split("\t")[1] for one in lines[1:]} == {"1"}
    numbers = [int(line.split("\t")[0]) for line in lines[1:]]
    assert numbers == sorted(numbers) and len(numbers) == 4
    ends = {
        "SST-2.tsv": "1",
        "MRPC.tsv": "1",
        "QQP.tsv": "1",
        "STS-B.tsv": "5",
        "MNLI-m.tsv": "contradiction",
        "MNLI-mm.tsv": "contradiction",
        "QNLI.tsv": "not_entailment",
        "RTE.tsv": "not_entailment",
        "WNLI.tsv": "0",
    }
    for name, label in ends.items():
        head, *rows = text_of(tmp_path, name).splitlines()
        assert head == "index\tprediction" and rows
        assert {row.split("\t")[1] for row in rows} == {label}, name
    # What was answered is kept: the same again asks nothing.
    before = {name: text_of(tmp_path, name) for name in names}
    asked = len(answerer.asked)
    submitted("glue", tmp_path, answerer)
    assert len(answerer.asked) == asked
    assert before == {name: text_of(tmp_path, name) for name in names}


def test_superglue_takes_lines_of_json(tmp_path):
    written = submitted("superglue", tmp_path, Last())
    names = {one.path.name for one in written.files}
    assert set(written.missing) == {"BoolQ.jsonl", "AX-b.jsonl", "AX-g.jsonl"}
    labels = {
        "CB.jsonl": "contradiction",
        "COPA.jsonl": 1,
        "RTE.jsonl": "not_entailment",
        "WiC.jsonl": "true",
        "WSC.jsonl": "False",
    }
    assert names == {*labels, "MultiRC.jsonl", "ReCoRD.jsonl"}
    for name, label in labels.items():
        rows = [json.loads(line) for line in text_of(tmp_path, name).splitlines()]
        assert rows and all(set(row) == {"idx", "label"} for row in rows)
        assert {row["label"] for row in rows} == {label}, name
        assert [row["idx"] for row in rows] == sorted(row["idx"] for row in rows)
    assert text_of(tmp_path, "MultiRC.jsonl") == MULTIRC
    assert text_of(tmp_path, "ReCoRD.jsonl") == RECORD


# As the server's: answers by question, and questions by paragraph.
MULTIRC = (
    '{"idx": 0, "passage": {"questions": ['
    '{"idx": 0, "answers": [{"idx": 0, "label": 0}, {"idx": 1, "label": 0}]}, '
    '{"idx": 1, "answers": [{"idx": 2, "label": 0}, {"idx": 3, "label": 0}]}]}}\n'
)
RECORD = (
    '{"idx": 59, "label": "TNN"}\n'
    '{"idx": 60, "label": "Velden"}\n'
    '{"idx": 61, "label": "Osei"}\n'
    '{"idx": 62, "label": "Ostrow"}\n'
)


def test_rows_are_asked_by_the_template_that_is_best_on_labeled_ones(tmp_path):
    best = "grammar_check"

    class OneTemplate(WithoutModel):
        def record(self, unit, prompt):
            gold, right = prompt.gold, unit.template == best
            picked = [(option == gold.answer) == right for option in gold.options]
            return ranked(prompt, [-1.0 if one else -2.0 for one in picked])

    best = catalog().templates("cola").ids[3]
    written = submitted("glue", tmp_path, OneTemplate())
    cola = next(one for one in written.files if one.path.name == "CoLA.tsv")
    assert (cola.template, cola.rows, cola.unasked) == (best, 4, 0)


def test_labels_are_those_of_the_options():
    for name in ("glue", "superglue"):
        for one in published_suite(name).submission.files:
            dataset = catalog()[one.dataset]
            if one.labels:
                assert set(one.labels) == set(dataset.options), one.name
            assert set(one.missing) | set(one.columns) <= set(dataset.schema), one.name


def test_what_has_no_server_is_refused():
    def asked(names):
        return suites_of(QuestionSpec(mixture_or_task_name=names))

    with pytest.raises(DeclarationError, match="no name has files .* of glue, superglue"):
        submitted_suite(asked("niv2_test"))
    with pytest.raises(DeclarationError, match="2 of the names have files"):
        submitted_suite(asked("glue,superglue"))
    with pytest.raises(ConfigError, match="needs a model"):
        EvalSpec(mixture_or_task_name="glue", predictions="p.jsonl", output_dir="o", submission="d")


SUBMISSION = """
[submission]
source = "here"
form = "tsv"
[[submission.files]]
name = "A.tsv"
dataset = "copa"
by_place = true
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('form = "tsv"', 'form = "csv"', "form is 'csv'"),
        ('name = "A.tsv"', 'name = "../A.tsv"', "is no name of a file"),
        ('name = "A.tsv"', 'nam = "A.tsv"', "unknown key 'nam'"),
        ('source = "here"\nform', 'source = " "\nform', "say where the form is written down"),
        ("by_place = true", "by_place = true\nnested = true", "neither labels nor nested"),
        ("templates = true", 'question = "q"\nanswer = "a"', "goes with a protocol of templates"),
    ],
)
def test_what_is_wrong_with_a_submission_is_said(old, new, said):
    good = suite_text("templates = true", datasets=["copa"]) + SUBMISSION
    parse_suite(good, name="one", path="one.toml")
    assert old in good
    with pytest.raises(DeclarationError) as caught:
        parse_suite(good.replace(old, new), name="one", path="one.toml")
    assert said in str(caught.value)


def test_the_command_says_what_was_written_and_what_was_not(flan, tmp_path, monkeypatch):
    from flan_tasks.jobs import evaluate as job

    monkeypatch.setattr(job, "_model_of", lambda *_, **__: Last())
    words = ("--source", "samples", "--allow-missing", "--out", tmp_path / "out")
    words += ("--model", tmp_path, "--store", tmp_path / "store", "--examples", "3")
    printed = flan("eval", "superglue", *words, "--write-submission", tmp_path / "files")
    assert "for the server of superglue" in printed.out and "CB.jsonl" in printed.out
    assert "not written: AX-b.jsonl" in printed.out and "SuperGLUE score" in printed.out
    assert (tmp_path / "files" / "WSC.jsonl").is_file()
    assert not any((tmp_path / "out" / "predictions").glob("*/*unlabeled*"))
    refused = flan("eval", "rte", *words, "--write-submission", tmp_path / "files", code=1)
    assert "give one suite of glue, superglue" in refused.err
