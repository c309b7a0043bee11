"""Suites beside lm-evaluation-harness itself: prompts, log-probabilities, texts and scores.

The harness asks its task files as they are shipped, on the same real rows.
FLAN_TASKS_LM_EVAL_PYTHON names an interpreter that has lm_eval, torch and transformers, and not
this package.
"""

import dataclasses
import json
import os
from itertools import cycle

import pytest
from conftest import REAL
from models_elsewhere import saved, tokenizer_of
from toy_models import DECODER, T5, random_params

from benchmarks.llama_folder import write_llama
from benchmarks.suites_in_lm_eval import (
    RANKED,
    TASKS,
    Compared,
    ask_harness,
    cut,
    examples_of,
    harness_task,
    task_changes,
)
from benchmarks.suites_in_lm_eval import hub_rows as rows_in_hub
from flan_tasks.jobs.evaluate import evaluate
from flan_tasks.jobs.write_prompts import write_prompts
from flan_tasks.models.hf import export_hf
from flan_tasks.models.model import Model
from flan_tasks.specs.eval_config import EvalSpec, QuestionSpec
from flan_tasks.vocabulary import open_vocabulary

pytestmark = pytest.mark.slow


WRITTEN = tuple(name for name in TASKS if name not in RANKED)
GSM8K = tuple(name for name in TASKS if name.startswith("gsm8k"))
OTHERS = tuple(name for name in TASKS if name not in GSM8K)
# Rows of each task; scripted answers to the one task of GSM8K are of every form.
EXAMPLES, EVERY = 2, 14
# What models are asked; prompts are compared of all tasks.
SUBJECTS = ("anatomy", "elementary_mathematics", "world_religions")
FILES = ("boolean_expressions", "snarks", "word_sorting")
TOKENS = 24
LENGTHS = {"inputs": 8192, "targets": TOKENS}
CONFIGS = {
    "t5": dataclasses.replace(T5, vocabulary_size=1024),
    "decoder": dataclasses.replace(
        DECODER, vocabulary_size=1024, inputs_attention="causal", tied_head=False
    ),
}
# What is written, of what is right: rightly, wrongly, and nearly.
FORMS = (
    "Well. So the answer is {}.",
    "Well. So the answer is {}.\n\nQ: And now?\nA: So the answer is 7.",
    "So the answer is {}",
    "Not 7. the answer is 7. No, the answer is {}.",
    "{}",
    " {}",
    "{}.",
    "{}\nQ: And now?",
    "It is 7.\n#### {}",
    "It is 7.\n#### ${}.\n\nQuestion: And now? #### 7",
    "#### {} or {}",
    "of 7, the answer Is {}.",
    "7",
    "",
)


def hub_rows():
    """The rows as the harness has them."""
    folder = REAL / "suites"
    return rows_in_hub(mmlu=folder / "mmlu", bbh=folder / "bbh", gsm8k=REAL / "tfds")


def part_of(folder):
    """Some subjects and files of the suites, laid out as the whole."""
    for suite, names in (
        ("mmlu", [f"{split}/{one}_{split}.csv" for one in SUBJECTS for split in ("dev", "test")]),
        ("bbh", [f"{kind.format(one)}" for one in FILES for kind in ("bbh/{}.json",)]),
        ("bbh", [f"cot-prompts/{one}.txt" for one in FILES]),
    ):
        for name in names:
            path = folder / suite / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(REAL / "suites" / suite / name)
    return folder


def places(folder):
    own = {"mmlu": str(folder / "mmlu"), "bbh": str(folder / "bbh")}
    return {"data_dir": own | {"gsm8k": str(REAL / "tfds")}, "allow_missing": True}


def right_answer(rows, name, task, number):
    if name.startswith("mmlu"):
        return f"({'ABCD'[rows['cais/mmlu'][task]['test'][number]['answer']]})"
    if name.startswith("bbh"):
        return rows["SaylorTwift/bbh"][task]["test"][number]["target"]
    return rows["openai/gsm8k"]["main"]["test"][number]["answer"].rpartition("#### ")[2]


def scripted_answers(lines, rows):
    """(task of the harness, number of a row) -> what is answered, in one form after the other."""
    forms, scripted = cycle(FORMS), {}
    for place, (name, task, number, line) in enumerate(lines):
        key = harness_task(name, task), number
        if line["options"]:
            scripted[key] = [
                -float((7 * place + 3 * option) % 5) - option / 8 for option in range(4)
            ]
        elif key not in scripted:
            scripted[key] = next(forms).replace("{}", right_answer(rows, name, task, number))
    return scripted


def evaluated(folder, names, where, *, examples=EXAMPLES, **who):
    spec = EvalSpec(
        mixture_or_task_name=",".join(names),
        output_dir=str(folder),
        num_examples=examples,
        **places(where),
        **who,
    )
    evaluate(spec)
    return folder


def written_prompts(path, names, *, examples=EXAMPLES):
    """(protocol, task, number of the row, line) of each prompt of each task."""
    spec = QuestionSpec(
        mixture_or_task_name=",".join(names), num_examples=examples, **places(REAL / "suites")
    )
    write_prompts(spec, path)
    lines = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    return [
        (one["template"], one["dataset"].partition(":")[2], int(one["key"].partition(":")[2]), one)
        for one in lines
    ]


def predictions(prompts, scripted):
    lines = []
    for name, task, number, line in prompts:
        answer = scripted[harness_task(name, task), number]
        lines.append({**line, ("prediction" if isinstance(answer, str) else "scores"): answer})
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Who answers -> answers of both; and all prompts of ours."""
    python = os.environ.get("FLAN_TASKS_LM_EVAL_PYTHON")
    if not python:
        pytest.skip("FLAN_TASKS_LM_EVAL_PYTHON names no Python with lm_eval")
    if not (REAL / "suites").is_dir():
        pytest.skip("the real rows are not available (FLAN_TASKS_TEST_DATA names their folder)")
    folder = tmp_path_factory.mktemp("suites")
    rows = hub_rows()
    parts = {
        "scripted": (written_prompts(folder / "prompts.jsonl", OTHERS), OTHERS, EXAMPLES),
        "scripted gsm8k": (
            written_prompts(folder / "gsm8k.jsonl", GSM8K, examples=EVERY),
            GSM8K,
            EVERY,
        ),
    }
    prompts = [one for of_part, _, _ in parts.values() for one in of_part]
    scripted = scripted_answers(prompts, rows)
    ours = {}
    for who, (of_part, names, examples) in parts.items():
        path = folder / f"{who}.jsonl"
        path.write_text(predictions(of_part, scripted), encoding="utf-8")
        ours[who] = evaluated(
            folder / who, names, REAL / "suites", examples=examples, predictions=str(path)
        )
    by_task = {}
    for (task, number), answer in scripted.items():
        by_task.setdefault(task, {})[number] = answer
    runs = [{"scripted": by_task, "examples": examples_of(scripted)}]
    results_of = {"scripted": 0, "scripted gsm8k": 0}
    (folder / "tokenizer").mkdir()
    tokenizer = tokenizer_of([line["prompt"] for *_, line in prompts], folder / "tokenizer")
    vocabulary = open_vocabulary(str(tokenizer))
    some = part_of(folder / "part")
    asked = [
        (harness_task(name, task), number)
        for name, task, number, _ in (
            *parts["scripted"][0],
            *written_prompts(folder / "few.jsonl", GSM8K),
        )
        if task in (*SUBJECTS, *FILES, "")
    ]
    for kind, config in CONFIGS.items():
        model = Model(config)
        params = random_params(model)
        if kind == "t5":
            theirs = export_hf(model, params, folder / "hf_t5", vocabulary=vocabulary)
        else:
            theirs = write_llama(folder / "hf_decoder", config, params)
            for path in tokenizer.parent.iterdir():
                (theirs / path.name).write_bytes(path.read_bytes())
        ours[kind] = evaluated(
            folder / kind,
            TASKS,
            some,
            checkpoint_path=str(saved(config, params, folder / f"run_{kind}")),
            vocab=str(tokenizer),
            task_feature_lengths=LENGTHS,
        )
        run = {"model": str(theirs), "kind": kind, "tokens": TOKENS}
        results_of[kind] = len(runs)
        runs.append({**run, "examples": examples_of(asked)})
    tasks = task_changes((name, task) for name, task, _, _ in prompts)
    results = ask_harness(python, folder, {"rows": rows, "tasks": tasks, "runs": runs})
    theirs = {who: results[at]["tasks"] for who, at in results_of.items()}
    return prompts, {who: Compared(ours[who], theirs[who]) for who in theirs}


@pytest.mark.parametrize("name", TASKS)
def test_prompts_options_and_stops_are_those_of_the_harness(compared, name):
    prompts, answers = compared
    count = 0
    for protocol, task, number, line in prompts:
        if protocol != name:
            continue
        count += 1
        row = answers["scripted"].theirs[harness_task(name, task)]["rows"][str(number)]
        asked = row["arguments"]
        texts = {prompt for prompt, _ in asked}
        assert texts == {line["prompt"]}, (task, number)
        beside = [other for _, other in asked]
        assert (line["options"] or [line["stops"]]) == beside
    expected = EVERY if name in GSM8K else {"mmlu": 57, "bbh": 27}[name.partition("@")[0]] * 2
    assert count == expected


@pytest.mark.parametrize("name", TASKS)
def test_scores_of_the_same_answers_are_those_of_the_harness(compared, name):
    numbers = list(compared[1]["scripted gsm8k" if name in GSM8K else "scripted"].numbers(name))
    differ = [one for one in numbers if one[1] != pytest.approx(one[2])]
    assert not differ
    # Some are right and some wrong, so that a reading that differs would show.
    assert 0 < sum(ours for _, ours, _ in numbers) < 100 * len(numbers)


@pytest.mark.parametrize("who", CONFIGS)
@pytest.mark.parametrize("name", RANKED)
def test_models_rank_options_as_in_the_harness(compared, name, who):
    differences = []
    for _, line, row in compared[1][who].lines(name):
        pairs = list(zip(line["scores"], row["answers"], strict=True))
        differences += [abs(ours - theirs) for ours, theirs in pairs]
        ours, theirs = (
            max(range(4), key=of_one.__getitem__) for of_one in zip(*pairs, strict=True)
        )
        assert ours == theirs
    print(f"{who} {name}: {len(differences)} options, at most {max(differences):.1e} apart")
    assert len(differences) == 4 * EXAMPLES * len(SUBJECTS) and max(differences) < 1e-4
    for task, ours, theirs in compared[1][who].numbers(name):
        assert ours == pytest.approx(theirs), task


@pytest.mark.parametrize("who", CONFIGS)
@pytest.mark.parametrize("name", WRITTEN)
def test_models_write_what_they_write_in_the_harness(compared, name, who):
    lines = list(compared[1][who].lines(name))
    assert len(lines) == EXAMPLES * (1 if name in GSM8K else len(SUBJECTS))
    for task, line, row in lines:
        assert cut(line["prediction"], row["arguments"][0][1]) == row["answers"][0], task
    for task, ours, theirs in compared[1][who].numbers(name):
        assert ours == pytest.approx(theirs), task
