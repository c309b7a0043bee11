"""Options compared, and suites averaged, by normalized sums: cases computed by hand."""

import csv
import io
import json

import pytest
from commands import flan  # noqa: F401 - a fixture

import flan_tasks as ft
from flan_tasks.core.errors import EvaluationError
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.records import GENERATE, RANK, Prompt, Record, Unit
from flan_tasks.evaluation.unconditional import CONTEXT, alone
from flan_tasks.metrics.gold import Gold

UNIT = Unit("copa", "bare_labels", "test", RANK)
# Three characters in five bytes, four in four; as tokens one and seven.
OPTIONS, TOKENS = ("été", "cold"), (1, 7)
ALONE = (-1.0, -6.5)
BEFORE = ((-6.0, -7.0),) * 3
AFTER = ((-3.0, -8.0), (-3.0, -8.0), (-3.0, -12.0))
# Accuracy before and after, where "été" is right.
NUMBERS = {
    None: (100, 100),  # -6 and -7; -3 and -8, -12
    "tokens": (0, 0),  # -6 / 1 and -7 / 7; -3 / 1 and -8 / 7, -12 / 7
    "characters": (0, 100),  # -6 / 3 and -7 / 4; -3 / 3 and -8 / 4, -12 / 4
    "bytes": (100, 100),  # -6 / 5 and -7 / 4; -3 / 5 and -8 / 4, -12 / 4
    "unconditional": (0, 100 / 3),  # -6 + 1 and -7 + 6.5; -3 + 1 and -8 + 6.5, -12 + 6.5
}


def answered(folder, sums, *, tokens=TOKENS, with_alone=True):
    """An evaluation of one unit, of which each example has the same options."""
    answers = Answers(folder, {"model": folder.name})
    gold = Gold("été", ("été",), OPTIONS, {}, "")
    records = []
    for number, of_one in enumerate(sums):
        one = Gold("été", ("été",), OPTIONS, {}, str(number))
        records.append(Record(Prompt(f"{number}?", one), "", of_one, tokens))
    answers.write(UNIT, records)
    if with_alone:
        answers.write(alone(UNIT), [Record(Prompt(CONTEXT, gold), "", ALONE, TOKENS)])
    text = Record(Prompt("?", Gold("a", ("a",), key="k")), "a")
    answers.write(Unit("samsum", "bare_labels", "test", GENERATE), [text])
    return folder


@pytest.fixture
def pair(tmp_path):
    return answered(tmp_path / "a", BEFORE), answered(tmp_path / "b", AFTER)


@pytest.mark.parametrize("normalize", NUMBERS)
def test_options_are_compared_by_what_was_asked_for(pair, normalize):
    result = ft.compare(*pair, normalize=normalize)
    changes = {change.dataset: change for change in result.changes[0]}
    before, after = NUMBERS[normalize]
    change = changes["copa"]
    assert (change.before, change.after) == pytest.approx((before, after))
    assert change.change == pytest.approx(after - before)
    won = round(3 * (after - before) / 100)
    assert (change.templates[0].won, change.templates[0].lost) == (won, 0)
    assert change.sureness.p == pytest.approx(min(1, 2 / 2**won))
    flips = [f for f in result.comparisons[0].flips if f.way == change.way]
    assert len(flips) == won and all(f.predictions == ("cold", "été") for f in flips)
    # What was written has no other way, and stays.
    assert changes["samsum"].way == "generated"
    assert result.to_json()["way"] == change.way
    if normalize:
        assert {one.way for one in result.comparisons[0].changes} == {change.way, "generated"}
        assert f"normalized by {normalize}" in result.tables[0][0]


def test_the_command_takes_one(pair, flan):  # noqa: F811
    words = ("compare", *pair, "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(flan(*words, "--normalize", "characters").out)))
    assert {(line["dataset"], line["by"]) for line in lines} >= {("copa", "characters")}
    assert "characters" in flan(*words, "--normalize", "letters", code=2).err


def test_answers_that_lack_what_it_needs_are_refused(tmp_path):
    first = answered(tmp_path / "a", BEFORE)
    lacking = answered(tmp_path / "b", AFTER, tokens=(), with_alone=False)
    with pytest.raises(EvaluationError, match="do not say how many tokens an option has"):
        ft.compare(first, lacking, normalize="tokens")
    with pytest.raises(EvaluationError, match="again with --normalize unconditional"):
        ft.compare(first, lacking, normalize="unconditional")
    with pytest.raises(ft.UnknownNameError, match="normalization"):
        ft.compare(first, lacking, normalize="words")


SUITE = """
description = "Words."
home = "ours"
layout = "words.jsonl"
files = { test = "words.jsonl" }
averages = [{ name = "micro", over = "examples" }, { name = "macro", over = "tasks" }]
[protocols.plain]
source = "ours"
method = "rank"
question = "{number}?"
options = ["{x}", "{y}"]
answer = "{right}"
"""
ROWS = [("été", (-6.0, -7.0)), ("été", (-3.0, -8.0)), ("cold", (-3.0, -12.0))]
AVERAGES = {"tokens": 100 / 3, "characters": 100 / 3, "bytes": 200 / 3}


def suite_in(folder):
    rows = [
        {"number": str(n), "x": "été", "y": "cold", "right": right}
        for n, (right, _) in enumerate(ROWS)
    ]
    (folder / "words.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "words.toml").write_text(SUITE)
    return folder / "words.toml"


def predictions_in(folder, prompts, *, tokens):
    lines = [json.loads(line) for line in prompts.read_text().splitlines()]
    for line in lines:
        line["scores"] = ROWS[int(line["prompt"].removesuffix("?"))][1]
        line |= {"tokens": TOKENS} if tokens else {}
    path = folder / f"predictions-{tokens}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_suite_has_averages_by_what_was_asked_for(tmp_path, flan):  # noqa: F811
    suite = suite_in(tmp_path)
    prompts = tmp_path / "prompts.jsonl"
    flan("eval", suite, "--write-prompts", prompts)

    def averages(*words, tokens=True):
        path = predictions_in(tmp_path, prompts, tokens=tokens)
        out = tmp_path / "-".join(("out", *words, str(tokens)))
        printed = flan("eval", suite, "--predictions", path, "--out", out, *words)
        (one,) = json.loads((out / "scores.json").read_text())["suites"]
        return {a["name"]: a["value"] for a in one["averages"]}, one, printed.out, out

    values, one, _, _ = averages()
    assert values == pytest.approx({"micro": 200 / 3, "macro": 200 / 3})
    assert one["way"] == "sum"
    values, one, printed, out = averages("--normalize", ",".join(AVERAGES))
    assert values == pytest.approx(
        {
            **{"micro": 200 / 3, "macro": 200 / 3},
            **{f"micro, by {name}": value for name, value in AVERAGES.items()},
            **{f"macro, by {name}": value for name, value in AVERAGES.items()},
        }
    )
    assert "micro, by characters" in printed and "micro, by bytes" in flan("scores", out).out
    values = json.loads(ft.scores(out, "lm-eval"))["results"]
    value = values["words@plain, micro, by bytes"][f"{one['number']},bytes"]
    assert value == pytest.approx(200 / 3)
    # Predictions that do not count tokens have no average by them, which is said.
    values, one, printed, _ = averages("--normalize", "tokens,bytes", tokens=False)
    assert "micro, by tokens" not in values and values["micro, by bytes"] == pytest.approx(200 / 3)
    assert "no average by tokens" in " ".join(printed.split())


def test_a_suite_of_templates_has_them_too(tmp_path, flan):  # noqa: F811
    words = ("eval", "superglue", "--source", "samples", "--allow-missing")
    words += ("--normalize", "characters")
    flan(*words, "--write-prompts", tmp_path / "prompts.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "prompts.jsonl").read_text().splitlines()]
    for line in lines:
        # The longest option has the lowest sum, and the highest mean of a character.
        if line["method"] == RANK:
            line["scores"] = [-(5.0 + len(text) / 2) for text in line["options"]]
        else:
            line["prediction"] = "nothing"
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    flan(*words, "--predictions", path, "--out", tmp_path / "out")
    content = json.loads((tmp_path / "out" / "scores.json").read_text())
    (suite,) = content["suites"]
    whole = {a["name"]: a["value"] for a in suite["averages"] if not a["group"]}
    (name,) = [name for name in whole if "by characters" not in name]
    numbers = {line["dataset"]: line["numbers"] for line in suite["lines"]}

    def average(way):
        """The mean over datasets of the mean of their numbers, of options in one way."""
        scores = []
        for dataset in content["datasets"]:
            spreads = [one for one in dataset["spreads"] if one["split"] == suite["split"]]
            means = {(one["number"], one["way"]): one["mean"] for one in spreads}
            ways = {one["way"] for one in spreads}
            own = way if way in ways else "generated"
            of_one = [means[number, own] for number in numbers[dataset["dataset"]]]
            scores.append(sum(of_one) / len(of_one))
        return sum(scores) / len(scores)

    assert whole[name] == pytest.approx(average("sum"))
    assert whole[f"{name}, by characters"] == pytest.approx(average("characters"))
    assert average("sum") != pytest.approx(average("characters"))
