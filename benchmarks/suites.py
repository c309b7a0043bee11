"""Suites beside lm-evaluation-harness, asked of small models before and after training: a table.

    python -m benchmarks.suites --theirs HARNESS/bin/python --mmlu DIR --bbh DIR --gsm8k TREE

`--theirs` is a Python with lm_eval, torch, transformers, sentencepiece and protobuf;
the folders are the suites as published, and a tree of TFDS. A T5 1.1 (`models/t5_1_1_tiny.gin`) and
a causal decoder of the same size, which the harness opens as a Llama, are trained on embedded rows
by `flan build` and `flan train`. What training began with and what came of it are scored by
`flan eval`, and by the harness with its own task files on the same rows, one after the other.
Seconds are of answering alone, with the model open and programs compiled: ours answers three times,
of which the last counts. Processor time is that of all threads.
"""

import argparse
import itertools
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.small_models import DECODER, T5, Seconds, Trained, flan, models
from benchmarks.suites_in_lm_eval import (
    TASKS,
    Compared,
    ask_harness,
    cut,
    examples_of,
    harness_task,
    hub_rows,
    kept_lines,
    task_changes,
)
from flan_tasks.evaluation.loop import Answerer
from flan_tasks.evaluation.records import Asked, Record
from flan_tasks.inference.kept_programs import ENVIRONMENT, keep_programs
from flan_tasks.inference.model_answers import ModelAnswers
from flan_tasks.inference.open_model import open_model
from flan_tasks.jobs.asked_datasets import evaluation_of
from flan_tasks.jobs.asked_suites import suites_of
from flan_tasks.jobs.evaluate import score
from flan_tasks.specs.eval_config import Decoding, EvalSpec

PROTOCOLS = ("mmlu@lm_eval", "bbh@lm_eval", "bbh@lm_eval_direct", "gsm8k@lm_eval_first_n")
# Rows of a task for each that is asked for: GSM8K is one task, MMLU is 57.
ROWS = {"mmlu": 1, "bbh": 1, "gsm8k": 16}
# What SentencePiece writes for ids that transformers calls special.
SPECIAL = re.compile(r"<extra_id_\d+>|\u2047")
# No prompt is as long, so that none is cut.
LONGEST = 8192
HEADER = (
    "model",
    "suite",
    "rows",
    "prompts equal",
    "largest difference of an option",
    "same answer",
    "accuracy, ours",
    "theirs",
    "ours, s",
    "theirs, s",
    "ours, CPU s",
    "theirs, CPU s",
)


@dataclass(frozen=True)
class Place:
    """Where everything is."""

    room: Path
    """Where everything is written."""
    data: Mapping[str, Path]
    """Suite -> its folder."""
    vocab: str
    """The vocabulary."""
    steps: int
    """Of training."""
    examples: int
    """Rows of each task."""
    tokens: int
    """Most tokens of an answer."""


class Timed:
    """Whoever answers, and how long that took; prompts are made and answers kept meanwhile."""

    def __init__(self, answerer: Answerer) -> None:
        self.answerer = answerer
        self.taken = Seconds(0.0, 0.0)

    def __getattr__(self, name: str) -> object:
        return getattr(self.answerer, name)

    def answer(self, stream: Iterable[Asked]) -> Iterator[tuple[Asked, Record]]:
        """Yields the answers."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield from self.answerer.answer(stream)
        self.taken = Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def groups_of(protocols: Sequence[str], place: Place) -> dict[int, list[str]]:
    """Rows of a task -> the protocols that ask as many."""
    groups: dict[int, list[str]] = {}
    for name in protocols:
        rows = place.examples * ROWS[name.partition("@")[0]]
        groups.setdefault(rows, []).append(name)
    return groups


def from_where(place: Place) -> list[str]:
    """Options that say where rows are."""
    pairs = [("--data-dir", f"{suite}={folder}") for suite, folder in place.data.items()]
    return [*itertools.chain.from_iterable(pairs)]


def by_command(
    model: Trained, protocols: Sequence[str], place: Place
) -> tuple[dict[str, Path], Seconds]:
    """Scores a model by `flan eval`: protocol -> folder of the evaluation, and what it took."""
    folders: dict[str, Path] = {}
    taken = []
    for rows, names in groups_of(protocols, place).items():
        folder = place.room / f"{model.kind}_{model.state}_{rows}"
        lengths = f"inputs={LONGEST},targets={place.tokens}"
        taken.append(
            flan(
                *("eval", *names, "--model", model.checkpoint, "--vocab", place.vocab),
                *(*from_where(place), "--examples", rows, "--lengths", lengths),
                *("--no-results", "--out", folder),
            )
        )
        folders |= dict.fromkeys(names, folder)
    return folders, Seconds(sum(one.wall for one in taken), sum(one.cpu for one in taken))


def warm_seconds(model: Trained, name: str, answerer: ModelAnswers, place: Place) -> Seconds:
    """What one suite takes by what `flan eval` runs once its model is open, the second time."""
    for turn in range(2):
        folder = place.room / f"warm_{model.kind}_{model.state}_{name}_{turn}"
        suite = name.partition("@")[0]
        spec = EvalSpec(
            mixture_or_task_name=name,
            output_dir=str(folder),
            num_examples=place.examples * ROWS[suite],
            data_dir={suite: str(place.data[suite])},
            checkpoint_path=str(model.checkpoint),
        )
        timed = Timed(answerer)
        score(evaluation_of(spec), timed, folder, suites=suites_of(spec))
    return timed.taken


def by_ours(
    model: Trained, protocols: Sequence[str], place: Place
) -> tuple[dict[str, Path], Seconds, dict[str, Seconds]]:
    """Scores a model: folders of evaluations, what the commands took, and each suite warm."""
    folders, whole = by_command(model, protocols, place)
    opened = open_model(model.checkpoint, vocab=place.vocab)
    lengths = {"inputs": LONGEST, "targets": place.tokens}
    answerer = ModelAnswers(opened, lengths=lengths, decoding=Decoding())
    return folders, whole, {name: warm_seconds(model, name, answerer, place) for name in protocols}


def by_harness(
    python: str,
    asked: Sequence[tuple[Trained, str, Path]],
    place: Place,
    batch: int,
) -> list[dict]:
    """Has the harness score models by protocols, each in a run of its own, on the same rows."""
    runs, tasks = [], set()
    for model, name, folder in asked:
        rows = [
            (task, int(line["key"].removeprefix("test:")))
            for task, line in kept_lines(folder, name)
        ]
        tasks |= {(name, task) for task, _ in rows}
        pairs = [(harness_task(name, task), number) for task, number in rows]
        who = {"model": str(model.exported), "kind": model.kind, "tokens": place.tokens}
        runs.append({**who, "batch": batch, "examples": examples_of(pairs)})
    # The first of a process is slower, so it is of one task and does not count.
    first = {**runs[0], "examples": dict(itertools.islice(runs[0]["examples"].items(), 1))}
    folders = {name: place.data.get(name) for name in ("mmlu", "bbh", "gsm8k")}
    described = {
        "rows": hub_rows(**folders),
        "tasks": task_changes(sorted(tasks)),
        "runs": [first, *runs],
    }
    try:
        return ask_harness(python, place.room, described)[1:]
    except RuntimeError as error:
        raise SystemExit(str(error)) from None


def same_prompt(line: Mapping, row: Mapping) -> bool:
    """Whether a prompt, with its options or stop strings, is the same to the letter."""
    texts = {prompt for prompt, _ in row["arguments"]}
    beside = [other for _, other in row["arguments"]]
    return texts == {line["prompt"]} and (line["options"] or [line["stops"]]) == beside


def same_answer(line: Mapping, row: Mapping) -> bool:
    """Whether the same option was chosen, or the same text written.

    The harness leaves special tokens out of texts, with the blanks around them.
    """
    if line["options"]:
        return int(np.argmax(line["scores"])) == int(np.argmax(row["answers"]))
    (_, stops), theirs = row["arguments"][0], row["answers"][0]
    if not SPECIAL.search(line["prediction"]):
        return cut(line["prediction"], stops) == theirs
    ours = cut(SPECIAL.sub("", line["prediction"]), stops)
    return "".join(ours.split()) == "".join(theirs.split())


def differences(line: Mapping, row: Mapping) -> list[float]:
    """By how much the log-probabilities of options differ."""
    if not line["options"]:
        return []
    return [abs(ours - theirs) for ours, theirs in zip(line["scores"], row["answers"], strict=True)]


def table_line(
    model: str, name: str, both: Compared, ours: Seconds, theirs: Mapping[str, float]
) -> str:
    """A line of the table."""
    pairs = [(line, row) for _, line, row in both.lines(name)]
    prompts, answers = (
        sum(same(line, row) for line, row in pairs) for same in (same_prompt, same_answer)
    )
    apart = [one for line, row in pairs for one in differences(line, row)]
    numbers = list(both.numbers(name))
    cells = (
        *(model, f"`{name}`", len(pairs), f"{prompts} of {len(pairs)}"),
        *(f"{max(apart):.1e}" if apart else "", f"{answers} of {len(pairs)}"),
        *(f"{np.mean([one[side] for one in numbers]):.1f}" for side in (1, 2)),
        *(f"{ours.wall:.1f}", f"{theirs['wall']:.1f}", f"{ours.cpu:.1f}", f"{theirs['cpu']:.1f}"),
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Trains the models, has both sides score them, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--theirs", required=True, help="a Python with lm_eval")
    parser.add_argument("--mmlu", type=Path, help="a folder of MMLU as published")
    parser.add_argument("--bbh", type=Path, help="a folder of BIG-Bench Hard as published")
    parser.add_argument("--gsm8k", type=Path, help="a tree of TFDS with GSM8K, or its files")
    parser.add_argument("--vocab", default="t5")
    parser.add_argument("--mixture", default="without.nli", help="what is trained on")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--examples", type=int, default=1, help="rows of a task; 16 x in GSM8K")
    parser.add_argument("--tokens", type=int, default=32, help="most tokens of an answer")
    parser.add_argument("--batch", type=int, default=8, help="prompts of a batch of the harness")
    parser.add_argument("--room", type=Path, help="a new folder to keep everything in")
    parser.add_argument("--only", nargs="*", choices=(T5, DECODER), default=[T5, DECODER])
    parser.add_argument("--protocols", nargs="*", choices=TASKS, default=PROTOCOLS)
    given = parser.parse_args()
    folders = {name: getattr(given, name) for name in ROWS if getattr(given, name)}
    protocols = [name for name in given.protocols if name.partition("@")[0] in folders]
    if not protocols:
        parser.error("nothing is asked: give --mmlu, --bbh or --gsm8k, the folders of suites")
    if given.room and given.room.exists() and any(given.room.iterdir()):
        parser.error(f"--room {given.room} is not empty: seconds would not be those of new runs")
    with tempfile.TemporaryDirectory() as name:
        room = given.room or Path(name)
        room.mkdir(parents=True, exist_ok=True)
        place = Place(
            room=room.absolute(),
            data={suite: folder.absolute() for suite, folder in folders.items()},
            vocab=given.vocab,
            steps=given.steps,
            examples=given.examples,
            tokens=given.tokens,
        )
        # None is compiled before, and each once.
        os.environ[ENVIRONMENT] = str(place.room / "programs")
        keep_programs()
        run(given.theirs, given.only, protocols, place, mixture=given.mixture, batch=given.batch)


def run(
    python: str,
    kinds: Sequence[str],
    protocols: Sequence[str],
    place: Place,
    *,
    mixture: str,
    batch: int,
) -> None:
    """Everything behind the options."""
    everyone = [
        model
        for kind in kinds
        for model in models(kind, mixture, place.room, vocab=place.vocab, steps=place.steps)
    ]
    ours = {model.name: by_ours(model, protocols, place) for model in everyone}
    asked = [(model, name, ours[model.name][0][name]) for model in everyone for name in protocols]
    began = time.perf_counter()
    theirs = by_harness(python, asked, place, batch)
    whole = time.perf_counter() - began
    print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
    for (model, name, folder), result in zip(asked, theirs, strict=True):
        both, warm = Compared(folder, result["tasks"]), ours[model.name][2][name]
        print(table_line(model.name, name, both, warm, result["seconds"]))
    print("\nWhole commands, with starting and compiling:")
    for model in everyone:
        taken = ours[model.name][1]
        print(f"* flan eval of {model.name}: {taken.wall:.0f} s, {taken.cpu:.0f} CPU s")
    print(f"* the harness, one process for all: {whole:.0f} s")


if __name__ == "__main__":
    main()
