"""Builds against suites, and scores with and without the examples that both have."""

import csv
import json
from pathlib import Path

import pytest
from suite_runs import suite_text

from flan_tasks.core.suite_datasets import suite_datasets
from flan_tasks.datasets import catalog
from flan_tasks.jobs.asked_datasets import datasets_of
from flan_tasks.jobs.asked_suites import asked_by
from flan_tasks.specs.contamination_presets import PRESETS
from flan_tasks.specs.eval_config import QuestionSpec
from flan_tasks.suites.library import suite_names

SUBJECTS = ("anatomy", "astronomy")
ALONE = "Which of these stands in a sentence that nobody else wrote about {} number {}?"
SHARED = "Which old silent pond does a frog jump into with the sound of falling water, {}?"

OTHER = "How many boats came home over the wide bay before night fell on a day of {}, {}?"


def laid_out(folder):
    """MMLU with two subjects; the third question of each stands in training."""
    for subject in SUBJECTS:
        for split, count in (("dev", 5), ("val", 2), ("test", 6)):
            path = folder / split / f"{subject}_{split}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", newline="") as file:
                for number in range(count):
                    text = {("test", 2): SHARED, ("val", 1): OTHER}.get((split, number), ALONE)
                    question = text.format(f"{subject} {split}", number)
                    csv.writer(file).writerow([question, "w", "x", "y", "z", "ABCD"[number % 4]])
    return folder


def poems():
    """Rows of which two are questions of MMLU."""
    texts = [f"Line {i} of a poem" for i in range(40)]
    texts[3], texts[5] = (SHARED.format(f"{subject} test").upper() for subject in SUBJECTS)
    return [{"haiku": poem, "season": ("spring", "summer")[i % 2]} for i, poem in enumerate(texts)]


@pytest.fixture
def build(flan, own, tmp_path):
    """A build that holds two questions of MMLU, and the words that say where rows are."""
    module = own(poems())
    flan("build", "haiku", *module, "--out", tmp_path / "out")
    data = ("--data-dir", f"mmlu={laid_out(tmp_path / 'mmlu')}", "--allow-missing")
    return tmp_path / "out", module, data


@pytest.mark.parametrize("preset", PRESETS)
def test_neither_rows_nor_exemplars_hold_what_is_left_out(flan, build, tmp_path, preset):
    folder, module, data = build
    words = (*module, *data, "--shots", "2", "--vocab", "bytes", "--seed", "3")
    flan("build", "haiku", *words, "--out", tmp_path / "with")
    dropped = ("--drop-contaminated", "mmlu", "--contamination-preset", preset)
    flan("build", "haiku", *words, *dropped, "--out", tmp_path / "without")
    counts = {}
    for name in ("with", "without"):
        lines = "".join(p.read_text() for p in (tmp_path / name / "data").glob("*.jsonl"))
        inputs = [json.loads(line)["inputs"].casefold() for line in lines.splitlines()]
        counts[name] = sum("silent pond" in text for text in inputs)
    # Two rows are the questions themselves; the others have them among their exemplars.
    assert counts["with"] > 2 and counts["without"] == 0
    compare = ("contamination", tmp_path / "without", *module, *data, "--preset", preset)
    assert "None occurs in them" in flan(*compare, "--against", "mmlu").out
    # All of training was there, and of MMLU two subjects alone: without the option it is refused.
    manifest = json.loads((tmp_path / "without" / "manifest.json").read_text())
    assert manifest["missing"] == {} and "--allow-missing" in manifest["command"].split()
    missing = manifest["decontaminated"]["missing"]
    assert "mmlu:virology (test)" in missing and "mmlu:anatomy (test)" not in missing
    card = (tmp_path / "without" / "README.md").read_text()
    assert "Not compared with, as not available: mmlu:" in card
    manifest = json.loads((tmp_path / "with" / "manifest.json").read_text())
    assert "--allow-missing" not in manifest["command"]


@pytest.mark.parametrize("name", ["mmlu@flan", "flan2022_heldout"])
def test_a_build_drops_what_stands_in_a_suite(flan, build, tmp_path, name):
    folder, module, data = build
    words = (*module, *data, "--drop-contaminated", name, "--out", tmp_path / "without")
    flan("build", "haiku", *words)
    manifest = json.loads((tmp_path / "without" / "manifest.json").read_text())
    assert manifest["decontaminated"]["against"] == [name]
    assert manifest["decontaminated"]["dropped"] == {"haiku": 2}
    against = ("--against", "mmlu")
    assert (
        "None occurs" in flan("contamination", tmp_path / "without", *module, *data, *against).out
    )
    again = flan("build", "haiku", *words[:-1], tmp_path / "again").out
    assert (
        again
        and (tmp_path / "again" / "manifest.json").read_bytes()
        == (tmp_path / "without" / "manifest.json").read_bytes()
    )


def test_a_suite_that_no_build_can_be_compared_with_is_refused(flan, build, tmp_path):
    _, module, data = build
    drop = ("build", "haiku", *module, *data, "--out", tmp_path / "no", "--drop-contaminated")
    assert "unknown suite 'mmlo'" in flan(*drop, "mmlo@flan", code=2).err.replace('"', "'")
    assert "protocol of mmlu" in flan(*drop, "mmlu@fln", code=2).err
    own = tmp_path / "own.toml"
    own.write_text('files = { test = "rows.jsonl" }\n')
    assert "the suite has rows of its own" in flan(*drop, own, code=1).err
    own.write_text("datasets = 3\n")
    assert "own.toml: is no suite" in flan(*drop, own, code=1).err
    assert "none.toml: cannot be read" in flan(*drop, tmp_path / "none.toml", code=1).err


@pytest.mark.parametrize("name", suite_names())
def test_builds_and_evaluations_mean_the_same_datasets_by_a_suite(name):
    for given in ((), ("p3",)):
        place = ",".join(f"{one}=." for one in given) or None
        asked = asked_by(name, Path(place) if place else None)
        datasets = {d for suite, protocol in asked for d in protocol.datasets or suite.datasets}
        assert set(suite_datasets(name, given=given)) == datasets
    assert suite_datasets("nli") is None


def answered(flan, folder, words, *, right):
    """Predictions that choose rightly where `right` says so of a prompt, and wrongly elsewhere."""
    flan("eval", *words, "--write-prompts", folder / "prompts.jsonl")
    lines = [json.loads(text) for text in (folder / "prompts.jsonl").read_text().splitlines()]
    for line in lines:
        number = int(line["key"].partition(":")[2])
        best = (number + (not right(line["prompt"]))) % 4
        line["scores"] = [-1.0 if place == best else -2.0 for place in range(4)]
    path = folder / "predictions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return ("--predictions", path)


def test_suites_and_datasets_are_scored_with_and_without_what_training_shares(
    flan, build, tmp_path
):
    folder, module, data = build
    shared = tmp_path / "shared.json"
    words = ("contamination", folder, *module, *data, "--out", shared, "--against", "mmlu")
    printed = flan(*words, code=1).out
    assert "mmlu" in printed and json.loads(shared.read_text())["against"] == ["mmlu"]
    asked = ("mmlu", "mmlu:anatomy", *data, "--split", "test")
    given = answered(flan, tmp_path, asked, right=is_of_shared)
    out = tmp_path / "scores"
    printed = flan("eval", *asked, *given, "--out", out, "--contamination", shared).out
    assert "those without text of training (clean)" in printed
    line = next(one for one in printed.splitlines() if one.startswith("mmlu@hendrycks, micro"))
    assert line.split()[-5:] == ["16.7", "0.0", "100.0", "2", "12"]
    content = json.loads((out / "scores.json").read_text())["contamination"]
    numbers = {(one["name"], one["way"]): one for one in content["numbers"]}
    micro = numbers["mmlu@hendrycks, micro", "sum"]
    assert (micro["examples"], micro["shared"]) == (12, 2)
    assert (micro["value"], micro["without"], micro["of_shared"]) == (
        pytest.approx(100 * 2 / 12),
        0,
        100,
    )
    anatomy = numbers["mmlu:anatomy", "sum"]
    assert (anatomy["examples"], anatomy["shared"], anatomy["number"]) == (6, 1, "accuracy")
    assert (anatomy["value"], anatomy["without"], anatomy["of_shared"]) == (
        pytest.approx(100 / 6),
        0,
        100,
    )
    assert content["not_compared"] == [] and content["preset"] == "fields"


def is_of_shared(prompt):
    """Whether the query, which stands last, is a shared question."""
    return "silent pond" in prompt[prompt.rindex("Which ") :]


def test_names_may_follow_one_another(flan, build, tmp_path):
    folder, module, data = build
    words = ("contamination", folder, *module, *data, "--json", "--against", "mmlu", "haiku")
    content = json.loads(flan(*words, code=1).out)
    assert content["against"] == ["mmlu", "haiku"]
    assert {one["name"] for one in content["compared"]} == {
        "haiku",
        *(f"mmlu:{subject}" for subject in SUBJECTS),
    }


OF_VAL = """
description = "MMLU's validation rows."
datasets = ["mmlu"]
home = "here"
layout = "as mmlu"

[protocols.val]
source = "this test"
method = "rank"
split = "validation"
question = "{question}\\nAnswer:"
options = ["A", "B", "C", "D"]
answer = "{answer}"
metric = "accuracy"

[[averages]]
name = "micro"
over = "examples"
"""


def test_keys_are_those_of_the_dataset_where_its_split_has_another_name(flan, own, tmp_path):
    texts = [f"Line {i} of a poem" for i in range(40)]
    texts[3] = OTHER.format("anatomy val", 1).upper()
    module = own([{"haiku": text, "season": "spring"} for text in texts])
    flan("build", "haiku", *module, "--out", tmp_path / "out")
    data = ("--data-dir", f"mmlu={laid_out(tmp_path / 'mmlu')}", "--allow-missing")
    suite, shared = tmp_path / "of_val.toml", tmp_path / "shared.json"
    suite.write_text(OF_VAL)
    words = ("contamination", tmp_path / "out", *module, *data, "--out", shared)
    flan(*words, "--against", suite, code=1)
    sets = json.loads(shared.read_text())["sets"]
    keys = {one["name"]: one["keys"] for one in sets if one["split"] == "validation"}
    assert keys == {"mmlu:anatomy": ["val:1"], "mmlu:astronomy": ["val:1"]}
    given = answered(flan, tmp_path, (suite, *data), right=lambda text: "boats" in text)
    words = ("eval", suite, *data, *given, "--contamination", shared, "--out", tmp_path / "scores")
    flan(*words)
    content = json.loads((tmp_path / "scores" / "scores.json").read_text())["contamination"]
    (number,) = content["numbers"]
    assert (number["examples"], number["shared"]) == (4, 2)
    assert (number["value"], number["without"], number["of_shared"]) == (50, 0, 100)


def told_of_tydiqa(folder, *keys):
    """A file in which training shares examples of Finnish, and none of other languages."""
    names = ("arabic", "bengali", "english", "finnish", "indonesian", "korean", "russian")
    sets = [
        {"name": f"tydiqa:{name}", "split": "test", "keys": keys if name == "finnish" else ()}
        for name in (*names, "swahili", "telugu")
    ]
    (folder / "shared.json").write_text(json.dumps({"preset": "fields", "sets": sets}))
    return ("--contamination", folder / "shared.json")


def told_the_answers(flan, folder, words):
    """Predictions that are right in Finnish."""
    flan("eval", *words, "--write-prompts", folder / "prompts.jsonl")
    lines = [json.loads(text) for text in (folder / "prompts.jsonl").read_text().splitlines()]
    samples = catalog().samples("tydiqa:finnish").read_text(encoding="utf-8")
    rows = [json.loads(text)["row"] for text in samples.splitlines()]
    for line in lines:
        right = (r["answers"]["text"][0] for r in rows if r["question"] in line["prompt"])
        line["prediction"] = next(right) if "finnish" in line["dataset"] else "nothing"
    path = folder / "predictions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return ("--predictions", path)


def test_sets_that_were_not_available_are_named_everywhere(flan, build, tmp_path):
    folder, module, data = build
    words = ("contamination", folder, *module, *data, "--against", "mmlu")
    shared, page = tmp_path / "shared.json", tmp_path / "shared.html"
    printed = " ".join(flan(*words, "--out", shared, "--html", page, code=1).out.split())
    assert "Not compared with, as not available: mmlu:abstract_algebra" in printed
    missing = json.loads(shared.read_text())["missing"]
    # Two subjects of 57 are there, with validation and test.
    assert len(missing) == 2 * 55 and not any("anatomy" in name for name in missing)
    assert all(reason and "\n" not in reason for reason in missing.values())
    assert f"and {2 * 55 - 3} more of mmlu" in printed
    wide = " ".join(flan(*words, "--wide", code=1).out.split())
    assert all(name in wide for name in missing) and "more of mmlu" not in wide
    assert "mmlu:virology (test)" in page.read_text()
    asked = ("mmlu", *data)
    given = answered(flan, tmp_path, asked, right=lambda text: True)
    words = ("eval", *asked, *given, "--contamination", shared, "--out", tmp_path / "scores")
    # Long paths are broken at hyphens.
    printed = "".join(flan(*words).out.split())
    assert f"notavailabletoflancontamination,by{shared}:mmlu:abstract" in printed
    content = json.loads((tmp_path / "scores" / "scores.json").read_text())["contamination"]
    assert content["missing"] == missing


def test_keys_are_those_of_the_dataset_where_its_rows_have_ids(flan, tmp_path):
    words = ("tydiqa@lm_eval", "--source", "samples", "--allow-missing")
    given = told_the_answers(flan, tmp_path, words)
    shared = told_of_tydiqa(tmp_path, "finnish-2-0")
    flan("eval", *words, *given, *shared, "--out", tmp_path / "scores")
    content = json.loads((tmp_path / "scores" / "scores.json").read_text())["contamination"]
    numbers = {one["name"]: one for one in content["numbers"]}
    micro = numbers["tydiqa@lm_eval, micro"]
    assert micro["shared"] == 1 and micro["of_shared"] == 100
    assert 0 < micro["without"] < micro["value"]
    wrong = told_of_tydiqa(tmp_path, "finnish-99-0")
    printed = flan("eval", *words, *given, *wrong, "--out", tmp_path / "others", code=1).err
    assert "finnish-99-0, are none of those asked" in printed


def test_an_id_that_is_not_among_those_drawn_is_no_fault(flan, tmp_path):
    words = ("tydiqa:finnish", "--source", "samples", "--examples", "1", "--split", "test")
    given = told_the_answers(flan, tmp_path, words)
    line = json.loads((tmp_path / "prompts.jsonl").read_text().splitlines()[0])
    (other, *_) = {"finnish-1-0", "finnish-2-0", "finnish-3-0"} - {line["key"]}
    shared = told_of_tydiqa(tmp_path, other)
    flan("eval", *words, *given, *shared, "--out", tmp_path / "scores")
    content = json.loads((tmp_path / "scores" / "scores.json").read_text())["contamination"]
    assert {(one["shared"], one["of_shared"]) for one in content["numbers"]} == {(0, None)}


@pytest.mark.parametrize(
    ("name", "families"),
    [
        ("flan2021@nli", {"nli"}),
        ("t0_heldout", {"nli", "commonsense", "coreference", "misc"}),
        ("t0_heldout@p3", {"p3"}),
        ("flan2022_heldout", {"mmlu", "bbh", "tydiqa", "mgsm"}),
    ],
)
def test_a_suite_means_what_an_evaluation_asks_by_its_name(flan, tmp_path, name, families):
    flan("build", "dialogsum", "--source", "samples", "--out", tmp_path / "out")
    words = ("contamination", tmp_path / "out", "--allow-missing", "--json", "--against", name)
    compared = json.loads(flan(*words).out)["compared"]
    datasets = [catalog()[one["name"]] for one in compared]
    assert {one.family or one.cluster for one in datasets} == families
    spec = QuestionSpec(mixture_or_task_name=name, source="samples", allow_missing=True)
    assert {one.name for one in datasets} <= {one.name for one in datasets_of(spec)}


def test_a_file_of_other_names_is_refused_before_anything_is_asked(flan, tmp_path):
    shared = told_of_tydiqa(tmp_path)
    (tmp_path / "none.jsonl").write_text("")
    words = ("eval", "t0_heldout@p3", "--source", "samples", "--allow-missing", *shared)
    words = (*words, "--predictions", tmp_path / "none.jsonl", "--out", tmp_path / "out")
    printed = flan(*words, code=1).err
    assert "nothing that is asked was compared with training; it has tydiqa:arabic" in printed


def test_a_suite_of_which_a_part_was_compared_has_its_scores(flan, tmp_path):
    words = ("tydiqa@lm_eval", "--source", "samples", "--allow-missing")
    given = told_the_answers(flan, tmp_path, words)
    sets = [{"name": "tydiqa:finnish", "split": "test", "keys": []}]
    (tmp_path / "shared.json").write_text(json.dumps({"preset": "fields", "sets": sets}))
    shared = ("--contamination", tmp_path / "shared.json")
    printed = flan("eval", *words, *given, *shared, "--out", tmp_path / "out").out
    assert "no number: of each dataset its split, and of each suite all tasks" in printed
    content = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert content["suites"] and content["contamination"]["numbers"] == []
    assert "tydiqa:english" in content["contamination"]["not_compared"]


SUMS = suite_text('question = "{question}\\n{sum}?"\nanswer = "{sum}"', rows="test.jsonl")


def test_a_suite_of_ones_own_is_compared_by_its_rows(flan, build, tmp_path):
    folder, module, _ = build
    rows = [
        {"question": ALONE.format("sums", 0), "sum": 1},
        {"question": SHARED.format("anatomy test"), "sum": 2},
    ]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    suite = tmp_path / "sums.toml"
    suite.write_text(SUMS)
    shared = tmp_path / "shared.json"
    words = ("contamination", folder, *module, "--against", suite, "--out", shared)
    flan(*words, code=1)
    (one,) = json.loads(shared.read_text())["sets"]
    assert (one["name"], one["split"], one["keys"]) == ("sums", "test", ["test:1"])
    flan("eval", suite, "--write-prompts", tmp_path / "prompts.jsonl")
    lines = [json.loads(text) for text in (tmp_path / "prompts.jsonl").read_text().splitlines()]
    given = "".join(json.dumps({**line, "prediction": "2"}) + "\n" for line in lines)
    (tmp_path / "p.jsonl").write_text(given)
    words = ("eval", suite, "--predictions", tmp_path / "p.jsonl", "--contamination", shared)
    flan(*words, "--out", tmp_path / "scores")
    content = json.loads((tmp_path / "scores" / "scores.json").read_text())["contamination"]
    (number,) = content["numbers"]
    assert (number["value"], number["without"], number["of_shared"]) == (50, 0, 100)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "cannot be read"),
        ("[1]", "not what `flan contamination --out FILE` writes"),
        ('{"preset": "mine", "sets": []}', "preset is"),
        ('{"preset": "tulu", "sets": [{"name": "a", "split": "test"}]}', "not what `flan"),
        ('{"preset": "tulu", "sets": []}', "nothing that is asked was compared with training"),
        (
            '{"preset": "tulu", "sets": [{"name": "rte", "split": "test", "keys": ["a:1"]}]}',
            "are none of those asked",
        ),
    ],
)
def test_a_file_that_says_something_else_is_refused(flan, tmp_path, text, message):
    words = ("rte", "--source", "samples", "--split", "test", "--templates", "hence")
    given = answered_rte(flan, tmp_path, words)
    (tmp_path / "shared.json").write_text(text)
    words = ("eval", *words, *given, "--contamination", tmp_path / "shared.json")
    printed = flan(*words, "--out", tmp_path / "out", code=1).err
    assert message in printed and "shared.json" in printed or "rte" in printed


def answered_rte(flan, folder, words):
    flan("eval", *words, "--write-prompts", folder / "prompts.jsonl")
    lines = [json.loads(text) for text in (folder / "prompts.jsonl").read_text().splitlines()]
    path = folder / "predictions.jsonl"
    path.write_text("".join(json.dumps({**one, "scores": [-1.0, -2.0]}) + "\n" for one in lines))
    return ("--predictions", path)


def test_every_way_to_choose_has_its_numbers(flan, tmp_path):
    ways = "tokens,characters,bytes,unconditional"
    words = ("rte", "--source", "samples", "--split", "test", "--templates", "hence")
    words = (*words, "--normalize", ways)
    flan("eval", *words, "--write-prompts", tmp_path / "prompts.jsonl")
    lines = [json.loads(text) for text in (tmp_path / "prompts.jsonl").read_text().splitlines()]
    keys = [one["key"] for one in lines if not one["key"].startswith("options:")]
    (tmp_path / "predictions.jsonl").write_text(
        "".join(
            json.dumps({**one, "scores": [-1.0, -2.0], "tokens": [1, 1]}) + "\n" for one in lines
        )
    )
    sets = [{"name": "rte", "split": "test", "keys": keys[:1]}]
    (tmp_path / "shared.json").write_text(json.dumps({"preset": "fields", "sets": sets}))
    words = (*words, "--predictions", tmp_path / "predictions.jsonl", "--out", tmp_path / "out")
    printed = flan("eval", *words, "--contamination", tmp_path / "shared.json").out
    content = json.loads((tmp_path / "out" / "scores.json").read_text())["contamination"]
    numbers = {one["way"]: one for one in content["numbers"]}
    assert {"sum", "characters", "bytes", "unconditional"} <= set(numbers)
    for way, one in numbers.items():
        assert None not in (one["without"], one["of_shared"]), way
        mean = (one["without"] * (one["examples"] - 1) + one["of_shared"]) / one["examples"]
        assert one["value"] == pytest.approx(mean), way
        assert way == "sum" or f"accuracy, {way}" in printed
