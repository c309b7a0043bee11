"""Answers kept by unit, and answers made elsewhere."""

import json
from dataclasses import replace

import pytest

from flan_tasks.core.errors import EvaluationError
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.elsewhere import FileAnswers, prompt_line, read_answers
from flan_tasks.evaluation.records import (
    GENERATE,
    GENERATED,
    NORMALIZED,
    RANK,
    SUM,
    Asked,
    Prompt,
    Record,
    Unit,
)
from flan_tasks.metrics.gold import Gold

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


def test_a_written_answer_ends_at_the_separator_where_there_are_exemplars():
    text = "yes\n\n#####\n\nIs 2 a bird?\n=>\nno"
    shown = replace(prompt(), num_shots=2)
    assert Record(shown, text).prediction(GENERATED) == "yes"
    assert Record(prompt(), text).prediction(GENERATED) == text


@pytest.mark.parametrize(
    "record",
    [
        Record(prompt(), 'a text\u2028of "two" lines\n'),
        Record(prompt(), sums=(-6.25, -3.0), tokens=(4, 1), trimmed=True),
    ],
)
def test_writing_and_reading_is_identity(tmp_path, record):
    unit = UNIT if record.sums else WRITTEN
    answers = Answers(tmp_path / "out", {"model": "m"})
    assert not answers.has(unit)
    answers.write(unit, [record, record])
    assert answers.has(unit)
    assert answers.read(unit, [prompt(), prompt()]) == [record, record]
    line = json.loads(record.to_json(unit))
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
    answers.write(WRITTEN, [Record(prompt(), "yes")])
    reworded = replace(prompt(), inputs="Is 0 no bird?")
    for others in ([reworded], [prompt(1)], [prompt(), prompt(1)], []):
        with pytest.raises(EvaluationError, match="answers to other prompts"):
            answers.read(WRITTEN, others)


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
        ([line(0, scores=[1, 2])], "no prediction for 1 of 2 examples, the first is k1; .* k0"),
        (
            [line(n + 5, scores=[1, 2]) for n in range(4)],
            "the first is k0; the predictions are of k5, k6, k7 and 1 more. Write the prompts",
        ),
        ([line(n, scores=[1, 2]) for n in range(3)], "1 prediction is of no example"),
        ([line(0, scores=[1]), line(1, scores=[1])], "1 score and 0 tokens for 2 options"),
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
        ([line(0, prediction=None)], "jsonl:1: prediction is no text: null\n"),
        ([line(0, prediction={"text": "a"})], 'jsonl:1: prediction is no text: {"text": "a"}\n'),
        (
            [{"doc_id": 1, "resps": "a"}],
            "split, key; the line has 'doc_id', 'resps'\nEach line needs",
        ),
        ([line(0, scores=["a"])], "no list of numbers"),
        ([line(0, scores=[float("nan")])], "no list of numbers"),
        ([line(0, scores=[-1.0, -2.0], tokens=[0, 0])], "tokens are no list of whole numbers"),
        ([line(0, scores=[-1.0, -2.0], tokens=["a", "b"])], "tokens are no list"),
        ([line(0, scores=[-1.0, -2.0], tokens=3)], "tokens are no list"),
        ([line(0, scores=[-1.0, -2.0], equal_options=[[0], [1]])], "equal_options are no list"),
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


def answered_unit(folder, settings=None, *, unit=WRITTEN, text="yes"):
    answers = Answers(folder, settings or {"model": "m", "files": "1"})
    record = Record(prompt(), text) if unit == WRITTEN else Record(prompt(), sums=(-2.0, -1.0))
    answers.write(unit, [record])
    return answers, answers.folder / unit.path


def edited(path):
    path.write_text(path.read_text().replace('"prediction": "yes"', '"prediction": "no"'))


def swapped(path):
    other = path.with_name(path.name.replace("plain", "other"))
    path.write_bytes(other.read_bytes())
    path.with_name(path.name + ".sha256").write_bytes(
        other.with_name(other.name + ".sha256").read_bytes()
    )


def as_a_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (edited, "was changed after it was written"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "was changed after it was written"),
        (lambda path: path.write_bytes(b""), "was changed after it was written"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "was changed after it was written"),
        (swapped, "another unit or settings"),
        (as_a_folder, "cannot be read: Is a directory"),
        (lambda path: path.with_name(path.name + ".sha256").unlink(), "has no digest beside it"),
        (lambda path: path.with_name(path.name + ".sha256").write_text("x"), "or its digest"),
    ],
)
def test_damage_to_a_finished_unit_is_named_with_what_to_do(tmp_path, damage, message):
    answers, path = answered_unit(tmp_path / "out")
    answered_unit(tmp_path / "out", unit=replace(WRITTEN, template="other"))
    damage(path)
    with pytest.raises(EvaluationError, match=f"plain.test.generate.jsonl .*{message}") as caught:
        Answers(answers.folder, {"model": "m", "files": "1"}).read(WRITTEN, [prompt()])
    assert "remove it to have the unit answered again" in str(caught.value)


def test_answers_of_another_evaluation_are_not_taken_for_ours(tmp_path):
    ours, path = answered_unit(tmp_path / "ours")
    _, theirs = answered_unit(tmp_path / "theirs", {"model": "n", "files": "2"}, text="no")
    for ending in ("", ".sha256"):
        path.with_name(path.name + ending).write_bytes(
            theirs.with_name(theirs.name + ending).read_bytes()
        )
    with pytest.raises(EvaluationError, match="was not written by this evaluation"):
        ours.read(WRITTEN, [prompt()])


def test_answers_from_before_digests_are_read_and_counted(tmp_path):
    answers, path = answered_unit(tmp_path / "out")
    path.with_name(path.name + ".sha256").unlink()
    settings = answers.folder / "settings.json"
    settings.write_text(json.dumps({"model": "m", "files": "1"}))
    old = Answers(answers.folder, {"model": "m", "files": "1"})
    assert old.read(WRITTEN, [prompt()])[0].text == "yes"
    assert old.unchecked == {str(path)}


def test_a_model_that_was_moved_is_the_same_model(tmp_path):
    answers, _ = answered_unit(tmp_path / "out")
    moved = Answers(answers.folder, {"model": "elsewhere/m", "files": "1"})
    assert moved.read(WRITTEN, [prompt()])[0].text == "yes"


def test_settings_that_differ_are_said_in_words(tmp_path):
    settings = {"model": "m", "files": "1" * 64, "lengths": {"inputs": 4, "targets": 2}}
    answers, _ = answered_unit(tmp_path / "out", settings)
    changes = [
        ({"lengths": {"inputs": 9, "targets": 2}}, "lengths, inputs: 4 there, 9 now"),
        ({"files": "2" * 64}, "the model: the files in m are others now"),
        ({"files": "2" * 64, "model": "n"}, "the model: m there, n now, whose files differ"),
        ({"vocabulary": "t5"}, "vocabulary: None there, 't5' now"),
    ]
    for change, message in changes:
        with pytest.raises(EvaluationError, match=message) as caught:
            Answers(answers.folder, settings | change)
        assert "1111" not in str(caught.value) and "2222" not in str(caught.value)
    with pytest.raises(EvaluationError, match="who answers: a file of predictions now alone"):
        Answers(answers.folder, {"predictions": "3" * 64, "predictions_file": "p.jsonl"})


def test_a_try_that_fails_does_not_lock_its_folder(tmp_path):
    folder = tmp_path / "out"
    Answers(folder, {"model": "m", "lengths": 1})  # it failed before its first unit was finished
    Answers(folder, {"model": "m", "lengths": 2}).write(WRITTEN, [Record(prompt(), "yes")])
    with pytest.raises(EvaluationError, match="lengths: 2 there, 1 now"):
        Answers(folder, {"model": "m", "lengths": 1})


def test_mended_predictions_are_taken_anew_until_there_are_scores(tmp_path):
    first = {"predictions": "1" * 64, "predictions_file": "a.jsonl"}
    second = {"predictions": "2" * 64, "predictions_file": "b.jsonl"}
    answers, path = answered_unit(tmp_path / "out", first)
    mended = Answers(answers.folder, second)
    assert not mended.has(WRITTEN)
    mended.write(WRITTEN, [Record(prompt(), "no")])
    (answers.folder / "scores.json").write_text("{}")
    message = "the predictions: b.jsonl there, a.jsonl now, whose content differs"
    with pytest.raises(EvaluationError, match=message):
        Answers(answers.folder, first)
    assert path.exists()


def test_a_full_disk_is_a_message_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    answers = Answers(tmp_path / "out", {})
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EvaluationError, match="cannot be written: No space left on device"):
        answers.write(UNIT, [Record(prompt(), sums=(-1.0, -2.0))])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
