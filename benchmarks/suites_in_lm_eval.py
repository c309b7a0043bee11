"""Protocols of suites beside the task files of lm-evaluation-harness that they are read from.

The harness asks its task files as they are shipped, in a Python of its own; rows and tasks that it
gets, and its answers beside those of `flan eval`, are here.
"""

import csv
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flan_tasks.datasets import catalog
from flan_tasks.raw_rows import open_source

SCRIPT = Path(__file__).parent.parent / "tests" / "builders" / "run_suites_in_lm_eval.py"


class Task(NamedTuple):
    """What the harness calls a protocol's tasks."""

    name: str
    """With a place for the task."""
    number: str
    """The number that is the protocol's, and the filter it is of."""


TASKS = {
    "mmlu@lm_eval": Task("mmlu_{}", "acc,none"),
    "mmlu@flan": Task("mmlu_flan_n_shot_generative_{}", "exact_match,strict-match"),
    "mmlu@flan_rank": Task("mmlu_flan_n_shot_loglikelihood_{}", "acc,none"),
    "bbh@lm_eval": Task("bbh_cot_fewshot_{}", "exact_match,get-answer"),
    "bbh@lm_eval_direct": Task("bbh_fewshot_{}", "exact_match,none"),
    "gsm8k@lm_eval_first_n": Task("gsm8k", "exact_match,strict-match"),
    "gsm8k@lm_eval_first_n_flexible": Task("gsm8k", "exact_match,flexible-extract"),
}
RANKED = ("mmlu@lm_eval", "mmlu@flan_rank")


class Compared(NamedTuple):
    """Answers of ours beside those of the harness."""

    ours: Path
    """Folder of the evaluation."""
    theirs: dict
    """Task -> its rows and results."""

    def lines(self, name: str) -> Iterator[tuple[str, dict, dict]]:
        """(task, kept answer of ours, row of theirs) of a protocol, in order."""
        for task, line in kept_lines(self.ours, name):
            rows = self.theirs[harness_task(name, task)]["rows"]
            yield task, line, rows[line["key"].removeprefix("test:")]

    def numbers(self, name: str) -> Iterator[tuple[str, float, float]]:
        """(task, number of ours, number of theirs) of a protocol."""
        scores = json.loads((self.ours / "scores.json").read_text(encoding="utf-8"))
        for dataset in scores["datasets"]:
            for one in dataset["templates"]:
                if one["template"] == name and one["way"] in ("sum", "generated"):
                    task = dataset["dataset"].partition(":")[2]
                    results = self.theirs[harness_task(name, task)]["results"]
                    (number,) = one["scores"].values()
                    yield task, number, 100 * results[TASKS[name].number]


def kept_lines(folder: Path, name: str) -> Iterator[tuple[str, dict]]:
    """(task, kept answer) of a protocol in the folder of an evaluation, in order."""
    method = "rank" if name in RANKED else "generate"
    for path in sorted((folder / "predictions").glob(f"*/{name}.test.{method}.jsonl")):
        task = path.parent.name.partition(":")[2]
        for text in path.read_text(encoding="utf-8").splitlines():
            yield task, json.loads(text)


def harness_task(name: str, task: str) -> str:
    """What the harness calls a task of a protocol."""
    return TASKS[name].name.format(task)


def task_changes(tasks: Iterable[tuple[str, str]]) -> dict[str, dict]:
    """Task of the harness -> what of its file is changed, for (protocol, task)."""
    changes: dict[str, dict] = {
        harness_task(name, task): {"num_fewshot": 5} if name.startswith("mmlu") else {}
        for name, task in tasks
    }
    if "gsm8k" in changes:
        # It draws them anew for each question unless it has another sampler.
        changes["gsm8k"] = {"fewshot_config": {"sampler": "first_n"}}
    return changes


def examples_of(pairs: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    """Task of the harness -> numbers of its rows."""
    examples: dict[str, list[int]] = {}
    for task, number in pairs:
        if number not in examples.setdefault(task, []):
            examples[task].append(number)
    return examples


def hub_rows(*, mmlu: Path | None, bbh: Path | None, gsm8k: Path | None) -> dict[str, dict]:
    """The rows as the datasets of the hub have them that the harness asks for.

    Args:
      mmlu: the folder as published.
      bbh: the same.
      gsm8k: a tree of TFDS, or a folder of files.
    """
    rows: dict[str, dict] = {}
    if mmlu is not None:
        subjects = [path.name.removesuffix("_test.csv") for path in (mmlu / "test").iterdir()]
        rows["cais/mmlu"] = {
            subject: {split: _of_subject(mmlu, subject, split) for split in ("dev", "test")}
            for subject in subjects
        }
    if bbh is not None:
        rows["SaylorTwift/bbh"] = {
            path.stem: {"test": json.loads(path.read_text("utf-8"))["examples"]}
            for path in sorted((bbh / "bbh").glob("*.json"))
        }
    if gsm8k is not None:
        rows["openai/gsm8k"] = {"main": _of_gsm8k(gsm8k)}
    return rows


def _of_subject(folder: Path, subject: str, split: str) -> list[dict]:
    path = folder / split / f"{subject}_{split}.csv"
    with open(path, newline="", encoding="utf-8") as file:
        return [
            {"question": question, "choices": choices, "answer": "ABCD".index(answer)}
            for question, *choices, answer in csv.reader(file)
        ]


def _of_gsm8k(place: Path) -> dict[str, list[dict]]:
    source = open_source(catalog()["gsm8k"], kind="declared", data_dir=place, samples=None)
    return {
        split: [
            {
                "question": row["question"],
                "answer": f"{row['annotation']}#### {row['short_answer']}",
            }
            for row in source.rows(split, range(source.num_rows(split)))
        ]
        for split in ("train", "test")
    }


def cut(text: str, stops: Sequence[str]) -> str:
    """A text up to the first of the strings that end it."""
    for stop in stops:
        text = text.split(stop)[0]
    return text


def ask_harness(python: str, folder: Path, asked: dict[str, Any]) -> list[dict]:
    """What the harness answers to each run, and the seconds it took.

    Args:
      python: an interpreter with lm_eval, torch and transformers, and not this package.
      folder: where it runs.
      asked: as the script that asks it describes.

    Raises:
      RuntimeError: it failed.
    """
    (folder / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
    environment = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TQDM_DISABLE": "1"}
    done = subprocess.run(
        [python, str(SCRIPT), "asked.json", "answers.json"],
        cwd=folder,
        env={**os.environ, **environment, "PYTHONPATH": "", "HF_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the harness failed: {done.stderr[-3000:]}")
    return json.loads((folder / "answers.json").read_text(encoding="utf-8"))
