"""Answers kept by unit, and answers made elsewhere."""

import json
from dataclasses import replace

import pytest

from flan_tasks.core.errors import EvaluationError
from flan_tasks.evaluation.elsewhere import FileAnswers, prompt_line, read_answers
from flan_tasks.evaluation.gold import Gold
from flan_tasks.evaluation.records import (
    GENERATE,
    GENERATED,
    NORMALIZED,
    RANK,
    SUM,
    Answers,
    Asked,
    Prompt,
    Record,
    Unit,
)

UNIT = Unit("birds", "plain", "test", RANK)
WRITTEN = Unit("birds", "plain", "test", GENERATE)


def prompt(number=0):
    extra = {"paragraph": 3}
    return Prompt(f"Is {number} a bird?", Gold("yes", ("yes",), ("yes", "no"), extra, f"k{number}"))


def test_of_options_the_likeliest_answers_and_length_may_change_it():
    record = Record(prompt(), sums=(-6.0, -3.0), tokens=(4, 1))
    assert record.ways == (SUM, NORMALIZED)
    assert record.prediction(SUM) == "no"
    assert record.prediction(NORMALIZED) == "yes"
    assert Record(prompt(), sums=(-1.0, -1.0)).prediction(SUM) == "yes"  # the first of equals


def test_a_written_text_is_the_answer():
    assert Record(prompt(), "perhaps").ways == (GENERATED,)
    assert Record(prompt(), "perhaps").prediction(GENERATED) == "perhaps"


@pytest.mark.parametrize(
    "record",
    [
        Record(prompt(), 'a text\u2028of "two" lines\n'),
        Record(prompt(), sums=(-6.25, -3.0), tokens=(4, 1), trimmed=True),
    ],
)
def test_writing_and_reading_is_identity(tmp_path, record):
    answers = Answers(tmp_path / "out", {"model": "m"})
    assert not answers.has(UNIT)
    answers.write(UNIT, [record, record])
    assert answers.has(UNIT)
    assert answers.read(UNIT, [prompt(), prompt()]) == [record, record]
    line = json.loads(record.to_json(UNIT))
    assert line["dataset"] == "birds" and line["prompt"] == "Is 0 a bird?"
    assert line["prediction"] == record.prediction(record.ways[0])


def test_a_folder_goes_on_with_the_same_settings_alone(tmp_path):
    folder = tmp_path / "out"
    Answers(folder, {"model": "m", "lengths": {"inputs": 4}}).write(UNIT, [])
    assert Answers(folder, {"model": "m", "lengths": {"inputs": 4}}).has(UNIT)
    with pytest.raises(EvaluationError, match="model: 'm' there, 'other' now"):
        Answers(folder, {"model": "other", "lengths": {"inputs": 4}})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(EvaluationError, match="not empty"):
        Answers(tmp_path / "full", {})


def test_a_changed_file_is_named(tmp_path):
    answers = Answers(tmp_path / "out", {})
    answers.write(UNIT, [Record(prompt(), "yes")])
    (answers.folder / UNIT.path).write_text('{"key": 1}\n')
    with pytest.raises(EvaluationError, match="plain.test.rank.jsonl"):
        answers.read(UNIT, [prompt()])


def test_answers_to_other_prompts_are_refused(tmp_path):
    answers = Answers(tmp_path / "out", {})
    answers.write(UNIT, [Record(prompt(), "yes")])
    reworded = replace(prompt(), inputs="Is 0 no bird?")
    for others in ([reworded], [prompt(1)], [prompt(), prompt(1)], []):
        with pytest.raises(EvaluationError, match="answers to other prompts"):
            answers.read(UNIT, others)


def lines_file(folder, *lines):
    path = folder / "predictions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def answered(answerer, unit, prompts):
    stream = [Asked(unit, place, prompt) for place, prompt in enumerate(prompts)]
    return [record for _, record in answerer.answer(stream)]


def line(number=0, **more):
    return {"dataset": "birds", "template": "plain", "split": "test", "key": f"k{number}", **more}


def test_answers_from_elsewhere_fit_their_prompts(tmp_path):
    path = lines_file(tmp_path, line(1, scores=[-2, -1.5], tokens=[1, 1]), line(0, scores=[0, -9]))
    answers = FileAnswers(path)
    assert answers.has(UNIT) and not answers.has(WRITTEN)
    found = answered(answers, UNIT, [prompt(0), prompt(1)])
    assert [record.prediction(SUM) for record in found] == ["yes", "no"]
    texts = FileAnswers(lines_file(tmp_path, line(0, prediction=" yes\n")))
    assert texts.has(WRITTEN) and not texts.has(UNIT)
    assert answered(texts, WRITTEN, [prompt(0)])[0].prediction(GENERATED) == "yes"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line(0, scores=[1, 2])], "1 of 2 examples have no prediction, the first is k1"),
        ([line(n, scores=[1, 2]) for n in range(3)], "1 predictions are of no example"),
        ([line(0, scores=[1]), line(1, scores=[1])], "1 scores and 0 tokens for 2 options"),
    ],
)
def test_answers_that_do_not_fit_are_refused(tmp_path, lines, message):
    answers = FileAnswers(lines_file(tmp_path, *lines))
    with pytest.raises(EvaluationError, match=message):
        answered(answers, UNIT, [prompt(0), prompt(1)])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line(0)], "predictions.jsonl:1: neither scores nor a prediction"),
        ([line(0, scores=["a"])], "no list of numbers"),
        ([line(0, scores=[float("nan")])], "no list of numbers"),
        ([{"key": "k0", "prediction": "yes"}], "no text under dataset, template, split"),
        ([line(0, prediction="a"), line(0, prediction="b")], "predictions.jsonl:2: .* twice"),
        ([["a"]], "not a JSON object"),
    ],
)
def test_malformed_lines_are_named(tmp_path, lines, message):
    with pytest.raises(EvaluationError, match=message):
        read_answers(lines_file(tmp_path, *lines))


def test_a_prompt_for_elsewhere_says_what_comes_back():
    found = json.loads(prompt_line(UNIT, prompt(0)))
    assert {name: found[name] for name in line(0)} == line(0)
    assert found["prompt"] == "Is 0 a bird?" and found["options"] == ["yes", "no"]
