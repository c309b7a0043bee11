"""What lm-evaluation-harness calls when it runs tasks that `flan export-lm-eval` wrote.

It knows metrics as a value an example (then averaged, with a standard error), or as pairs that one
function scores together. Numbers are those of `evaluation.metrics`, from 0 to 100.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flan_tasks.evaluation.classes import check_told_apart
from flan_tasks.evaluation.gold import Gold
from flan_tasks.evaluation.metrics import AVERAGED, metric

Pair = tuple[str, str]


def read_rows(path: Path) -> dict[str, Any]:
    """Reads an exported file of rows as the one split that tasks are evaluated on."""
    from datasets import Dataset

    with path.open(encoding="utf-8") as file:
        return {"test": Dataset.from_list([json.loads(line) for line in file])}


def process_generation(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Returns name of a number -> its value, or (gold, prediction), for a generated text."""
    check_told_apart([Gold.from_json(doc["gold"])])
    return _values(doc, results[0].strip(), "")


def process_rank(doc: Mapping[str, Any], results: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Returns the same for the likeliest option, and for the likeliest for each byte of it."""
    options = doc["options"]
    sums = [float(result[0]) for result in results]
    each = [score / len(text.encode()) for score, text in zip(sums, options, strict=True)]
    return {
        **_values(doc, options[sums.index(max(sums))], ""),
        **_values(doc, options[each.index(max(each))], "_norm"),
    }


def aggregate(name: str, number: str) -> Callable[[Sequence[Pair]], float]:
    """Returns a function that scores all (gold, prediction) of a task together."""

    def compute(items: Sequence[Pair]) -> float:
        golds = [Gold.from_json(gold) for gold, _ in items]
        return metric(name)(golds, [prediction for _, prediction in items])[number]

    return compute


def numbers_of(names: Sequence[str], golds: Sequence[Gold]) -> list[tuple[str, str, bool]]:
    """Returns (metric, number, whether it is a mean over examples) that metrics give for golds."""
    said = [gold.answer for gold in golds]
    return [
        (name, number, name in AVERAGED) for name in names for number in metric(name)(golds, said)
    ]


def number_name(name: str, number: str, *, is_norm: bool = False) -> str:
    """How the harness lists a number: `accuracy`, `squad_em`, `accuracy_norm`."""
    joined = number if number.startswith(name) or name in number else f"{name}_{number}"
    return f"{joined}_norm" if is_norm else joined


def _values(doc: Mapping[str, Any], prediction: str, ending: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, number, is_mean in map(tuple, json.loads(doc["numbers"])):
        key = number_name(name, number) + ending
        if is_mean:
            found[key] = metric(name)([Gold.from_json(doc["gold"])], [prediction])[number]
        else:
            found[key] = (doc["gold"], prediction)
    return found
