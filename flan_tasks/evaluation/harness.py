"""What lm-evaluation-harness calls when it runs tasks that `flan export-lm-eval` wrote.

It knows metrics as a value an example (then averaged, with a standard error), or as pairs that one
function scores together. Numbers are those of `metrics`, from 0 to 100.

Exports carry this module and those it imports: none may need more than the standard library and
what computes the metrics, and Python 3.10 must read them, as the harness does.
"""

import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flan_tasks.core import extras
from flan_tasks.core.counting import counted
from flan_tasks.core.errors import EvaluationError, FlanTasksError
from flan_tasks.core.joints import first_answer
from flan_tasks.metrics.by_name import AVERAGED, metric, metric_of_one
from flan_tasks.metrics.classes import check_told_apart
from flan_tasks.metrics.gold import Gold
from flan_tasks.metrics.option_labels import read_option

Pair = tuple[str, str]

_log = logging.getLogger("flan_export")
# (metric, language) that were computed once.
_computed: set[tuple[str, str]] = set()


def _check(needed: Iterable[tuple[str, str]]) -> None:
    """Computes metrics once, each in a language, so that nothing is missing after hours of answers.

    One line says what is, and ends the harness without the frames of how it came to ask.
    """
    for name, language in needed:
        if (name, language) in _computed:
            continue
        trial = Gold("1", ("1",), ("1", "2"), language=language)
        try:
            metric(name)([trial], ["1"])
        except (FlanTasksError, ImportError) as error:
            missing = isinstance(error, ImportError) and extras.explain(error, f"Metric {name}")
            raise SystemExit(f"flan_export: {missing or error}") from error
        _computed.add((name, language))


def read_rows(path: Path) -> dict[str, Any]:
    """Reads an exported file of rows as the one split that tasks are evaluated on.

    Raises:
      SystemExit: what their metrics need is not installed; the message is one line.
    """
    from datasets import Dataset

    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    languages = {Gold.from_json(row["gold"]).language for row in rows}
    names = {name for name, _, _ in json.loads(rows[0]["numbers"])}
    _check(sorted((name, language) for name in names for language in languages))
    return {"test": Dataset.from_list(rows)}


def line_to_answer(doc: Mapping[str, Any]) -> str:
    """Returns a prompt for decoder-only models: the line end before the answer belongs to it.

    Whoever ranks options puts the same line end before each.
    """
    return doc["inputs"] + "\n"


def process_generation(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Returns name of a number -> its value, or (gold, prediction), for a generated text.

    Behind exemplars an answer ends where the model goes on with one of its own, whether or not what
    runs it stopped there.
    """
    gold = Gold.from_json(doc["gold"])
    check_told_apart([gold])
    text = first_answer(results[0]) if doc["num_shots"] else results[0].strip()
    return _values(doc, read_option(gold, text), "")


def process_rank(doc: Mapping[str, Any], results: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Returns the same for the likeliest option, and for the likeliest for each byte of it."""
    options = Gold.from_json(doc["gold"]).options
    sums = [float(result[0]) for result in results]
    each = [score / len(text.encode()) for score, text in zip(sums, doc["options"], strict=True)]
    return {
        **_values(doc, options[sums.index(max(sums))], ""),
        **_values(doc, options[each.index(max(each))], "_norm"),
    }


def aggregate(name: str, number: str) -> Callable[[Sequence[Pair]], float]:
    """Returns a function that scores all (gold, prediction) of a task together.

    Some of the examples, as with --limit, may have no such number: it is no number then.
    """

    def compute(items: Sequence[Pair]) -> float:
        golds = [Gold.from_json(gold) for gold, _ in items]
        try:
            return metric(name)(golds, [prediction for _, prediction in items])[number]
        except EvaluationError as error:
            _log.warning("%s", error)
        except KeyError:
            _log.warning("metric %s: no %s of %s", name, number, counted(len(items), "example"))
        return math.nan

    return compute


def numbers_of(names: Sequence[str], golds: Sequence[Gold]) -> list[tuple[str, str, bool]]:
    """Returns (metric, number, whether it is a mean over examples) that metrics give for golds."""
    answers = [gold.answer for gold in golds]
    return [
        (name, number, name in AVERAGED)
        for name in names
        for number in metric(name)(golds, answers)
    ]


def number_name(name: str, number: str, *, is_norm: bool = False) -> str:
    """How the harness lists a number: `accuracy`, `squad_em`, `accuracy_norm`."""
    joined = number if number.startswith(name) or name in number else f"{name}_{number}"
    return f"{joined}_norm" if is_norm else joined


def _values(doc: Mapping[str, Any], prediction: str, ending: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, number, is_mean in map(tuple, json.loads(doc["numbers"])):
        key = number_name(name, number) + ending
        if is_mean:
            values[key] = metric_of_one(name)([Gold.from_json(doc["gold"])], [prediction])[number]
        else:
            values[key] = (doc["gold"], prediction)
    return values
