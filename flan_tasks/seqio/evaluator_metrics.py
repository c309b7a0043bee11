"""Our metrics in the shapes SeqIO's Evaluator calls: by generation and by rank."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flan_tasks.core.joints import first_answer
from flan_tasks.metrics.by_name import metric
from flan_tasks.metrics.classes import check_told_apart
from flan_tasks.metrics.gold import Gold
from flan_tasks.metrics.option_labels import read_option


@dataclass(frozen=True)
class Candidate:
    """One option of one example, as rank tasks hand it out."""

    gold: Gold
    """What is right for the example."""
    option: str
    """The option scored here."""


def postprocess(output: Any, example: Mapping[str, Any] | None = None, is_target: bool = False):
    """Turns a target into what metrics compare with; predictions stay text, stripped.

    Behind exemplars a prediction ends where the model goes on with one of its own.
    """
    if not is_target:
        if not isinstance(output, str):
            return output
        has_exemplars = example is not None and int(_plain(example.get("num_shots", 0)) or 0)
        return first_answer(output) if has_exemplars else output.strip()
    assert example is not None
    gold = Gold.from_json(_plain(example["gold"]))
    if "is_correct" in example:
        target = _plain(example["targets_pretokenized"])
        return Candidate(gold, gold.options[gold.targets.index(target)])
    return gold


def generation_metrics(names: Sequence[str]) -> list[Callable]:
    """Returns (targets, predictions) functions for metric names.

    Raises:
      UnknownNameError: there is no such metric.
    """
    return [_generation(name) for name in names]


def rank_metrics(names: Sequence[str]) -> list[Callable]:
    """Returns (targets, scores) functions for metric names; the likeliest option is the answer.

    Raises:
      UnknownNameError: there is no such metric.
    """
    return [_rank(name) for name in names]


def best_options(
    targets: Sequence[Candidate], scores: Sequence[float]
) -> tuple[list[Gold], list[str]]:
    """Returns each example's gold and its option with the highest score; the first of equals."""
    best: dict[str, tuple[float, str]] = {}
    golds: dict[str, Gold] = {}
    for target, score in zip(targets, scores, strict=True):
        key = target.gold.key
        golds[key] = target.gold
        if key not in best or score > best[key][0]:
            best[key] = (float(score), target.option)
    return list(golds.values()), [best[key][1] for key in golds]


def _generation(name: str) -> Callable:
    measure = metric(name)

    def compute(targets, predictions):
        check_told_apart(targets)
        return measure(targets, list(map(read_option, targets, predictions)))

    compute.__name__ = name
    return compute


def _rank(name: str) -> Callable:
    measure = metric(name)

    def compute(targets, scores):
        # Evaluators hand out scores alone, or with auxiliary values.
        sums = scores[0] if isinstance(scores, tuple) else scores
        return measure(*best_options(targets, sums))

    compute.__name__ = name
    return compute


def _plain(value: Any) -> str:
    value = value.numpy() if hasattr(value, "numpy") else value
    value = value.item() if hasattr(value, "item") else value
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
