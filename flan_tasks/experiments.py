"""An experiment of the paper: build a mixture, train on it, score what was held out.

Each step is a `flan` command in a process of its own, and goes on where it was stopped; so an
experiment does, and a list of them. What is compared stands in one table and one picture.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from flan_tasks.core import interrupts
from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.parsing import parse_json
from flan_tasks.engine.directory import write_text
from flan_tasks.evaluation.series import Point
from flan_tasks.specs.experiment import Experiment

Run = Callable[[Sequence[str]], None]


def commands(experiment: Experiment, folder: Path) -> dict[str, list[str]]:
    """Returns the arguments of `flan` for each step; results lie under `folder`/its name."""
    home = folder / experiment.name
    rows = ["--source", experiment.source, "--seed", str(experiment.seed)]
    if experiment.data_dir is not None:
        rows += ["--data-dir", experiment.data_dir]
    if experiment.allow_missing:
        rows.append("--allow-missing")
    lengths = ",".join(f"{name}={n}" for name, n in experiment.task_feature_lengths.items())
    mixture = experiment.mixture or str(home / f"{experiment.name}.toml")
    build = ["build", mixture, "--format", "arrays", "--vocab", experiment.vocabulary]
    build += ["--lengths", lengths, "--out", str(home / "build"), *rows]
    build += [word for words in experiment.variation.words for word in words.split(" ", 1)]
    if experiment.rows is not None:
        build += ["--examples", str(experiment.rows)]
    macros = {
        **experiment.macros,
        "BUILD_DIR": str(home / "build"),
        "MODEL_DIR": str(home / "model"),
        "TASK_FEATURE_LENGTHS": dict(experiment.task_feature_lengths),
        "RANDOM_SEED": experiment.seed,
    }
    train = ["train", *(word for name in experiment.gin_files for word in ("--gin_file", name))]
    train += [f"--gin.{name}={value}" for name, value in macros.items()]
    score = ["eval", *experiment.evaluate, "--model", str(home / "model")]
    score += ["--out", str(home / "scores"), "--vocab", experiment.vocabulary, *rows]
    score += ["--lengths", lengths, "--batch-size", str(experiment.eval_batch_size)]
    if experiment.eval_examples is not None:
        score += ["--examples", str(experiment.eval_examples)]
    return {"build": build, "train": train, "eval": score}


def run_experiment(experiment: Experiment, folder: Path, *, run: Run | None = None) -> Point:
    """Builds, trains and scores, as far as that is not done; returns what came of it.

    Args:
      experiment: what is done.
      folder: where the results of all experiments lie.
      run: runs `flan` with arguments; in a process by default.

    Raises:
      BuildError: the mixture cannot be written.
      EvaluationError: a step fails.
    """
    run = run or run_flan
    home = folder / experiment.name
    if experiment.mixture is None:
        write_text(home / f"{experiment.name}.toml", mixture_text(experiment))
    for arguments in commands(experiment, folder).values():
        run(arguments)
    return read_point(experiment, home / "scores" / "scores.json")


def mixture_text(experiment: Experiment) -> str:
    """Returns the mixture file of an experiment that has no published one.

    Raises:
      DeclarationError: it cannot work.
    """
    Mixture(name=experiment.name, include=experiment.include, hold_out=experiment.hold_out)
    lines = [
        f"# {experiment.series}: {experiment.point}.",
        f"include = {json.dumps(list(experiment.include))}",
        f"hold_out = {json.dumps(list(experiment.hold_out))}",
    ]
    return "\n".join(lines) + "\n"


def read_point(experiment: Experiment, path: Path) -> Point:
    """Returns the scores of an experiment as a point of its series.

    A dataset counts with the mean over templates of its first number in its first way, on test
    where it has one, else on validation.

    Raises:
      EvaluationError: the scores cannot be read.
    """
    try:
        held = parse_json(path.read_text(encoding="utf-8"))
        scores = {}
        for dataset in held["datasets"]:
            spreads = dataset["spreads"]
            tested = [spread for spread in spreads if spread["split"] == "test"]
            scores[dataset["dataset"]] = (tested or spreads)[0]["mean"]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise EvaluationError(f"{path} holds no scores: {error}") from error
    return Point(experiment.series, experiment.point, scores)


def run_flan(arguments: Sequence[str]) -> None:
    """Runs `flan` in a process of its own.

    A signal is passed on, and the step waited for, however long it takes to save what it has: one
    that was left behind would keep others out of its folder. A second, later signal kills it.

    Raises:
      EvaluationError: it fails.
      Stopped: a signal came; the step has ended.
    """
    asked: list[tuple[int, float]] = []
    process: subprocess.Popen | None = None

    def stop(number: int, _: Any) -> None:
        now = time.monotonic()
        if not asked:
            asked.append((number, now))
            name = signal.Signals(number).name
            text = f"{name}: waiting for flan {arguments[0]} to stop; another signal kills it"
            with suppress(OSError):  # the terminal may be gone
                os.write(2, f"\n{text}\n".encode())
            if process is not None:
                process.terminate()
        elif now - asked[0][1] > interrupts.SAME:
            if process is not None:
                process.kill()
            interrupts.end_at_once(number)

    command = [sys.executable, "-m", "flan_tasks", *arguments]
    with interrupts.handled(stop):
        process = subprocess.Popen(command, stdout=sys.stderr)
        if asked:  # while it was started
            process.terminate()
        code = process.wait()
    if asked:
        raise interrupts.Stopped(asked[0][0])
    if code:
        raise EvaluationError(
            f"flan {arguments[0]} failed with {code} (its message is above); what is done is kept, "
            "run the same command again"
        )
