"""Metrics by name: (golds, predictions) -> numbers from 0 to 100, correlations from -100 to 100.

Each is what its dataset's literature reports; libraries do the computing where they exist.
"""

from collections.abc import Callable, Sequence

from flan_tasks.core.counting import are, counted
from flan_tasks.core.errors import unknown_name
from flan_tasks.metrics.answers_in_passages import (
    coqa,
    drop,
    multirc,
    quac,
    squad,
    squad_v2,
    trivia_qa,
)
from flan_tasks.metrics.classes import (
    accuracy,
    exact_match,
    f1,
    macro_f1,
    matthews,
    not_numbers,
    pearson,
    spearman,
)
from flan_tasks.metrics.generated_texts import (
    bleu,
    bleu_signature,
    edit_distance,
    rouge,
    rouge_of_checked,
    rouge_signature,
)
from flan_tasks.metrics.gold import Gold, Scores
from flan_tasks.metrics.label_sets import multilabel
from flan_tasks.metrics.reasoning import (
    number_after_reasoning,
    option_after_reasoning,
    text_after_reasoning,
)

Metric = Callable[[Sequence[Gold], Sequence[str]], Scores]

METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "exact_match": exact_match,
    "macro_f1": macro_f1,
    "multilabel": multilabel,
    "f1": f1,
    "matthews": matthews,
    "pearson": pearson,
    "spearman": spearman,
    "squad": squad,
    "squad_v2": squad_v2,
    "natural_questions": squad,
    "trivia_qa": trivia_qa,
    "record": squad,
    "drop": drop,
    "coqa": coqa,
    "quac": quac,
    "multirc": multirc,
    "rouge": rouge,
    "bleu": bleu,
    "edit_distance": edit_distance,
    "option_after_reasoning": option_after_reasoning,
    "number_after_reasoning": number_after_reasoning,
    "text_after_reasoning": text_after_reasoning,
}
# Metrics whose every number is the mean over examples, so that it has a standard error.
AVERAGED = frozenset(
    {
        *("accuracy", "squad", "natural_questions", "trivia_qa", "record", "drop", "coqa"),
        *("rouge", "edit_distance", "exact_match"),
        *("option_after_reasoning", "number_after_reasoning", "text_after_reasoning"),
    }
)
# Metrics of groups of examples, and what in `extra` tells the groups apart.
GROUPED_BY = {"multirc": ("paragraph", "question")}
# Metrics of predictions that are numbers.
OF_NUMBERS = frozenset({"pearson", "spearman"})
# Numbers of which less is better.
LOWER_IS_BETTER = frozenset({"edit_distance"})


def metric(name: str) -> Metric:
    """Returns a metric by name.

    Raises:
      UnknownNameError: there is none.
    """
    if name not in METRICS:
        raise unknown_name("metric", name, METRICS)
    return METRICS[name]


def metric_of_one(name: str) -> Metric:
    """Returns a metric of `AVERAGED` for one of many examples that were checked together.

    Whether English answers are in Latin letters, say, is asked of all of them.

    Raises:
      UnknownNameError: there is no such metric.
    """
    return rouge_of_checked if name == "rouge" else metric(name)


def signature(name: str, golds: Sequence[Gold]) -> str:
    """Returns how a number was computed where that is not the same for all, "" mostly."""
    if name == "bleu":
        return bleu_signature(golds)
    return rouge_signature(golds) if name == "rouge" else ""


def remark(name: str, predictions: Sequence[str]) -> str:
    """Returns what about the predictions themselves a reader must know, "" mostly."""
    if name not in OF_NUMBERS or not (count := not_numbers(predictions)):
        return ""
    of_all = counted(len(predictions), "answer")
    return f"{count:,} of {of_all} {are(count)} no number, counted as 0"
