"""The runs of a study, one after the other, each done once and its result kept.

The folder is the queue: a run with a result is done, a run whose lock is held is being done by
another process, which may be one on the same device, and any other is next. So the same command
goes on where it was stopped, and the same command started twice shares the work.
"""

import csv
import io
import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core import lock
from flan_tasks.core.counting import duration
from flan_tasks.core.errors import BuildError, EvaluationError
from flan_tasks.core.parsing import parse_json
from flan_tasks.core.version import VERSION
from flan_tasks.core.whole import write_text
from flan_tasks.experiments.runs import Run
from flan_tasks.experiments.steps import Step

RESULT, TABLE = "result.json", "runs.csv"
_LOCK = ".lock"
# Seconds between two looks at whether what runs begin from is done by another process.
_LOOK = 2.0
ACCURACY = "accuracy"
# Numbers of one answer for all, where that is no matter of the examples.
_OF_ONE_ANSWER = {"matthews": 0.0}
DONE, BEGUN, WAITING, ELSEWHERE = "done", "begun", "waiting", "running elsewhere"


@dataclass(frozen=True)
class State:
    """How far a run is."""

    run: Run
    """The run."""
    state: str
    """DONE, BEGUN (and stopped), WAITING, or ELSEWHERE."""
    seconds: float | None = None
    """How long it took, where it is done: of steps that were stopped, the last start."""


def read_result(run: Run) -> dict[str, Any] | None:
    """Returns what came of a run; None where it is not done.

    Raises:
      EvaluationError: the file is there and cannot be read, or is of another run.
    """
    path = run.home / RESULT
    try:
        held = parse_json(path.read_text(encoding="utf-8"))
        if held["digest"] != run.digest:
            raise ValueError("it is of a run that was told something else")
        float(sum(held["seconds"].values()))
        return {**held, "scores": list(held["scores"])}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise EvaluationError(
            f"{path} cannot be read ({why}); remove it, and the same command makes it again of "
            "what lies beside it"
        ) from error


def states(runs: Sequence[Run]) -> list[State]:
    """Returns how far each run is.

    Raises:
      EvaluationError: the result of a run cannot be read.
    """
    found = []
    for run in runs:
        result = read_result(run)
        if result is not None:
            found.append(State(run, DONE, sum(result["seconds"].values())))
        elif not run.home.exists():
            found.append(State(run, WAITING))
        else:
            found.append(State(run, ELSEWHERE if _is_held(run) else BEGUN))
    return found


def work(
    runs: Sequence[Run],
    folder: Path,
    *,
    do: Callable[[Step], None],
    told: Callable[[str], None],
    after: Callable[[], None] = lambda: None,
    budget: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> list[Run]:
    """Does the runs that nobody has done and nobody does, in their order; returns those left.

    With a budget a run begins only if the longest that is done would fit into what is left; the
    first begins in any case, as nobody knows how long it takes. A pretraining that another process
    does is waited for, as nothing can begin without it.

    Args:
      runs: of a study, as `plan_runs` orders them.
      folder: of the study: its table of runs is written anew after each.
      do: does a step.
      told: told in a line what begins and what is done.
      after: called when a run is done and its result is kept.
      budget: seconds from now in which to begin runs that will end in them; None is any.
      clock: seconds.
      wait: waits for so many.

    Raises:
      FlanTasksError: as the job of a step; what is done is kept.
      EvaluationError: a result cannot be read or written.
    """
    begun = clock()
    left = []
    for number, run in enumerate(runs, start=1):
        if read_result(run) is not None:
            continue
        which = f"{run.name} ({number} of {len(runs)})"
        if run.begins_from is not None and read_result(run.begins_from) is None:
            left.append(run)
            continue
        longest = max(
            (
                one.seconds
                for one in states(runs)
                if one.seconds is not None and one.run.is_scored == run.is_scored
            ),
            default=0.0,
        )
        rest = None if budget is None else budget - (clock() - begun)
        if rest is not None and rest < longest:
            left.append(run)
            continue
        with ExitStack() as held:
            if not _taken(run, held):
                told(f"{which}: another process does it")
                if run.is_scored:
                    left.append(run)
                    continue
                while not _taken(run, held):
                    wait(_LOOK)
            if read_result(run) is not None:  # done by another process meanwhile
                continue
            told(which)
            seconds = _carried_out(run, do, clock)
        _write(folder / TABLE, as_csv(states(runs)))
        told(f"{which}: done in {duration(seconds)}")
        after()
    _write(folder / TABLE, as_csv(states(runs)))
    # Another process may have done some meanwhile.
    return [run for run in left if read_result(run) is None]


def _carried_out(run: Run, do: Callable[[Step], None], clock: Callable[[], float]) -> float:
    """Does the steps of a run, each of which goes on where it was stopped, and keeps its result."""
    if run.mixture_text:
        _write(run.mixture_file, run.mixture_text)
    seconds: dict[str, float] = {}
    for step in run.steps:
        started = clock()
        do(step)
        seconds[step.name] = round(clock() - started, 1)
    result = {
        "arm": run.arm,
        "levels": dict(run.levels),
        "seed": run.seed,
        "digest": run.digest,
        "flan_tasks": VERSION,
        "commands": [step.command for step in run.steps],
        "wordings": {name: list(ids) for name, ids in run.wordings.items()},
        "seconds": seconds,
        "scores": numbers_of(run.home / "scores" / "scores.json") if run.is_scored else [],
    }
    _write(run.home / RESULT, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return sum(seconds.values())


def numbers_of(path: Path) -> list[dict[str, Any]]:
    """Returns a number of each template in its first way, on test where it has one.

    That is accuracy, which can be compared with the most frequent answer, or else the first.

    Raises:
      EvaluationError: the scores cannot be read.
    """
    found = []
    try:
        for dataset in parse_json(path.read_text(encoding="utf-8"))["datasets"]:
            templates = dataset["templates"]
            tested = [one for one in templates if one["split"] == "test"] or templates
            for one in tested:
                if one["way"] != tested[0]["way"]:
                    continue
                number = ACCURACY if ACCURACY in one["scores"] else next(iter(one["scores"]))
                found.append(
                    {
                        "dataset": dataset["dataset"],
                        "cluster": dataset["cluster"],
                        "template": one["template"],
                        "split": one["split"],
                        "number": number,
                        "value": one["scores"][number],
                        "examples": one["num_examples"],
                        "majority": one["majority"].get(number, _OF_ONE_ANSWER.get(number)),
                    }
                )
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise EvaluationError(f"{path} holds no scores: {error}") from error
    return found


def as_csv(found: Sequence[State]) -> str:
    """Returns a line for each run, and how far it is."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("run", "state", "seconds", "folder"))
    for one in found:
        seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
        writer.writerow((one.run.name, one.state, seconds, one.run.home.name))
    return out.getvalue()


def _taken(run: Run, held: ExitStack) -> bool:
    """Whether a run is this process's until `held` is closed; else another one does it.

    Raises:
      EvaluationError: its folder cannot be written to.
    """
    try:
        held.enter_context(lock.hold(run.home / _LOCK))
    except BuildError:
        return False
    except OSError as error:
        raise EvaluationError(
            f"{run.home} cannot be written to: {error.strerror or error}"
        ) from error
    return True


def _is_held(run: Run) -> bool:
    with ExitStack() as held:
        return (run.home / _LOCK).exists() and not _taken(run, held)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be written: {error.strerror or error}. What is complete is kept; fix "
            "that, and the same command goes on"
        ) from error
