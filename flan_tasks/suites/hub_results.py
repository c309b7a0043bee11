"""The numbers of an evaluation for the Hugging Face hub, in YAML.

`model-index` is what a model card's metadata hold, and `.eval_results/*.yaml` what the hub's
leaderboards gather, for datasets that are registered there as benchmarks. Values are those of
`scores.json`, from 0 to 100. Neither has a place for standard errors, chance, or spreads.
"""

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flan_tasks.core.counting import counted
from flan_tasks.core.escaping import for_yaml
from flan_tasks.core.version import VERSION
from flan_tasks.evaluation.normalizing import GENERATED, NORMALIZED, SUM
from flan_tasks.evaluation.summary import DatasetScore, Spread
from flan_tasks.suites.scores import SuiteScore
from flan_tasks.suites.stored import StoredScores, StoredSuite, reported_split

LEFT_OUT = "standard errors, templates one by one, chance and the majority"
# What a model of ours does, as the hub calls it.
_TASK = "text-generation"
# Suite -> dataset and task of the hub's benchmark, as huggingface.co/docs/hub/eval-results lists
# it. Others are registered by their owners; a user names them.
BENCHMARKS: Mapping[str, tuple[str, str]] = {"gsm8k": ("openai/gsm8k", "gsm8k")}


@dataclass(frozen=True)
class HubDataset:
    """A dataset as the hub has it."""

    path: str
    """Its id."""
    config: str = ""
    """Its configuration; empty for the only one."""
    splits: Mapping[str, str] = field(default_factory=dict)
    """Our split -> the split there that it is the whole of."""


def model_index(
    stored: StoredScores,
    hub: Mapping[str, HubDataset],
    *,
    parts: Mapping[tuple[str, str], str],
    model: str,
) -> str:
    """Returns the `model-index` of a model card's metadata.

    Args:
      stored: the numbers: of each dataset the means over templates, of a suite its averages.
      hub: datasets by our names; those that are not there go by our names.
      parts: (dataset, split) whose numbers are not of the whole split, and then name none.
      model: what the model is called.
    """
    results = [
        result
        for score in stored.datasets
        for result in _results_of_dataset(score, hub.get(score.dataset), parts)
    ]
    results += [_result_of_suite(suite) for suite in stored.suites]
    return _yaml(
        {"model-index": [{"name": model, "results": [r for r in results if r["metrics"]]}]}
    )


def _results_of_dataset(
    score: DatasetScore, there: HubDataset | None, parts: Container[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    by_split: dict[str, list[Spread]] = {}
    for spread in score.spreads:
        by_split.setdefault(spread.split, []).append(spread)
    for split, spreads in by_split.items():
        dataset = {"type": there.path if there else score.dataset, "name": score.dataset}
        if there and there.config:
            dataset["config"] = there.config
        is_whole = (score.dataset, split) not in parts
        if is_whole and (there is None or split in there.splits):
            dataset["split"] = there.splits[split] if there else split
        metrics = [
            {
                "type": spread.number,
                "value": spread.mean,
                "name": f"{spread.number}, {_way(spread.way)}, {split} split, mean over "
                f"{counted(spread.num_templates, 'template')}",
            }
            for spread in spreads
            if math.isfinite(spread.mean)
        ]
        yield {"task": {"type": _TASK}, "dataset": dataset, "metrics": metrics}


def _result_of_suite(stored: StoredSuite) -> dict[str, Any]:
    suite = stored.score
    path = BENCHMARKS[suite.suite][0] if suite.suite in BENCHMARKS else suite.suite
    # Suites of datasets have no one number, and no one way to an answer.
    number = suite.number or "score"
    metrics = [
        {
            "type": number,
            "value": average.value,
            "name": ", ".join(
                [number, *([_way(suite.way)] if suite.way else ()), label, _shots(suite)]
            ),
        }
        for label, average in zip(stored.labels, suite.averages, strict=True)
        if math.isfinite(average.value)
    ]
    dataset = {"type": path, "name": suite.scored_name}
    if not suite.differs:
        dataset["split"] = suite.split
    return {"task": {"type": _TASK}, "dataset": dataset, "metrics": metrics}


def eval_results(
    stored: StoredScores,
    benchmarks: Mapping[str, tuple[str, str]],
    *,
    parts: Mapping[tuple[str, str], str],
) -> tuple[str, dict[str, str]]:
    """Returns a file of `.eval_results/`, and what has no place in it -> why.

    Args:
      stored: the numbers: of a suite its first average, of a dataset the mean over its templates.
      benchmarks: suite, suite@protocol or dataset -> dataset and task of the hub's benchmark.
      parts: (dataset, split) whose numbers are not of the whole split -> why.
    """
    entries: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    for one in stored.suites:
        suite = one.score
        place = benchmarks.get(suite.name) or benchmarks.get(suite.suite)
        if place is None:
            left_out[suite.name] = "it is no benchmark of the hub that is known here"
        elif suite.differs:
            left_out[suite.name] = "it is not the published suite: " + "; ".join(suite.differs)
        else:
            notes = f"{suite.name}, {one.labels[0]}, {_shots(suite)}"
            entries.append(_entry(place, suite.averages[0].value, notes))
    for score in stored.datasets:
        place = benchmarks.get(score.dataset)
        if place is None:
            left_out[score.dataset] = "it is no benchmark of the hub that is known here"
            continue
        split = reported_split(score)
        if (score.dataset, split) in parts:
            left_out[score.dataset] = parts[score.dataset, split]
            continue
        spread = next(one for one in score.spreads if one.split == split)
        count = spread.num_templates
        notes = (
            f"{score.dataset}, {spread.number}, {_way(spread.way)}, {split} split, mean over "
            f"{counted(count, 'template')}"
        )
        entries.append(_entry(place, spread.mean, notes))
    return _yaml(entries), left_out


def _entry(place: tuple[str, str], value: float, notes: str) -> dict[str, Any]:
    path, task = place
    return {
        "dataset": {"id": path, "task_id": task},
        "value": value,
        "notes": f"{notes}; flan_tasks {VERSION}",
    }


def _way(way: str) -> str:
    """How an answer was come to, in words."""
    if way == GENERATED:
        return "text written"
    by = {NORMALIZED: "tokens"}.get(way, way)
    return "options ranked" if way == SUM else f"options ranked, normalized by {by}"


def _shots(suite: SuiteScore) -> str:
    return counted(suite.shots, "shot")


def _yaml(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """Returns maps, lists, texts and numbers as YAML that reads as the same values."""
    return "".join(f"{line}\n" for line in _lines(value)) or "[]\n"


def _lines(value: Mapping[str, Any] | Sequence[Any]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(item, Mapping | list):
                yield f"{key}:"
                indent = "  " if isinstance(item, Mapping) else ""
                yield from (indent + line for line in _lines(item))
            else:
                yield f"{key}: {_scalar(item)}"
        return
    for item in value:
        for place, line in enumerate(_lines(item)):
            yield ("  " if place else "- ") + line


def _scalar(value: str | float) -> str:
    if isinstance(value, str):
        return for_yaml(value)
    text = repr(float(value))
    # YAML reads 1e-05 as a text: it wants a point before an exponent.
    return text.replace("e", ".0e") if "e" in text and "." not in text else text
