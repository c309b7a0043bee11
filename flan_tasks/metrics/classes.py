"""Metrics of classification, and correlations with a gold score."""

import math
import re
from collections.abc import Sequence

from flan_tasks.core import extras
from flan_tasks.core.errors import EvaluationError
from flan_tasks.metrics.gold import Gold, Scores, checked, percent

# Marks that end a sentence, in the scripts that have one of their own.
_PERIODS = ".\u3002\uff0e\uff61\u0964"
# A decimal number as people write it; neither "nan", "inf" and "1_0", which Python reads, nor an
# exponent whose square is beyond a float.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)


def normalize_label(text: str) -> str:
    """Folds case and blanks and drops a final period, to compare an answer with an option."""
    return " ".join(text.casefold().split()).rstrip(_PERIODS)


def check_told_apart(golds: Sequence[Gold]) -> None:
    """Refuses options that a written answer cannot tell apart, as `normalize_label` folds them.

    Raises:
      EvaluationError: two options of an example are one text once they are folded.
    """
    for options in dict.fromkeys(gold.options for gold in golds):
        first: dict[str, str] = {}
        for option in options:
            other = first.setdefault(normalize_label(option), option)
            if other != option:
                raise EvaluationError(
                    f'the options "{other}" and "{option}" are one text without case, blanks and '
                    "final periods, so that a written answer may mean either; rank the options "
                    "(--method rank) or reword them"
                )


@checked
def accuracy(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Share of predictions equal to an accepted answer, case and a final period aside.

    A prediction that is an option to the letter, as every ranked one is, means that option alone.
    """
    right = [
        is_right(gold, prediction) for gold, prediction in zip(golds, predictions, strict=True)
    ]
    return {"accuracy": percent(right)}


@checked
def exact_match(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Share of predictions equal to an accepted answer to the letter."""
    pairs = zip(golds, predictions, strict=True)
    return {"exact_match": percent([prediction in gold.references for gold, prediction in pairs])}


@checked
def macro_f1(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """F1 averaged over the classes; a prediction that is no option counts against its class.

    As SuperGLUE scores CB (Wang et al. 2019; De Marneffe et al. 2019).
    """
    with extras.needed_for("F1"):
        from sklearn.metrics import f1_score

    classes = list(range(len(_shared_options(golds, "macro_f1"))))
    numbers = _class_numbers(golds, predictions)
    return {
        "macro_f1": 100
        * float(f1_score(*numbers, labels=classes, average="macro", zero_division=0))
    }


@checked
def f1(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """F1 of the class whose option is "yes", or else the last option (MRPC, QQP: Wang 2019)."""
    with extras.needed_for("F1"):
        from sklearn.metrics import f1_score

    options = _shared_options(golds, "f1")
    positive = options.index("yes") if "yes" in options else len(options) - 1
    numbers = _class_numbers(golds, predictions)
    score = f1_score(*numbers, labels=[positive], average="macro", zero_division=0)
    return {"f1": 100 * float(score)}


@checked
def matthews(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Matthews correlation (Warstadt et al. 2019)."""
    with extras.needed_for("The Matthews correlation"):
        from sklearn.metrics import matthews_corrcoef

    _shared_options(golds, "matthews")
    right, predicted = _class_numbers(golds, predictions)
    if len(set(right)) < 2 or len(set(predicted)) < 2:
        return {"matthews": 0.0}  # a constant correlates with nothing
    return {"matthews": 100 * float(matthews_corrcoef(right, predicted))}


@checked
def pearson(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Pearson correlation with the gold score; a prediction that is no number counts as 0."""
    return {"pearson": _correlation("pearsonr", golds, predictions)}


@checked
def spearman(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Spearman correlation with the gold score; a prediction that is no number counts as 0."""
    return {"spearman": _correlation("spearmanr", golds, predictions)}


def is_right(gold: Gold, prediction: str) -> bool:
    """Whether a prediction is an accepted answer."""
    if prediction in gold.options:
        return prediction in gold.references
    folded = normalize_label(prediction)
    return any(folded == normalize_label(answer) for answer in gold.references)


def _shared_options(golds: Sequence[Gold], name: str) -> tuple[str, ...]:
    options = golds[0].options
    # In any order: options may be shuffled, each example's in a way of its own.
    if not options or any(set(gold.options) != set(options) for gold in golds):
        raise EvaluationError(
            f"metric {name} is for classes that all examples share; the options of example "
            f'"{golds[0].key}" are {list(options)}, and not those of all others'
        )
    return options


def _class_numbers(
    golds: Sequence[Gold], predictions: Sequence[str]
) -> tuple[list[int], list[int]]:
    options = golds[0].options
    number_of = {normalize_label(option): number for number, option in enumerate(options)}
    right = [options.index(gold.answer) for gold in golds]
    # To the letter first. One class more for whatever is no option.
    number_of |= {option: number for number, option in enumerate(options)}
    predicted = [
        number_of.get(text, number_of.get(normalize_label(text), len(options)))
        for text in predictions
    ]
    return right, predicted


def _correlation(name: str, golds: Sequence[Gold], predictions: Sequence[str]) -> float:
    with extras.needed_for("A correlation"):
        from scipy import stats

    right = [float(gold.extra.get("score", gold.answer)) for gold in golds]
    predicted = [_number(prediction) or 0.0 for prediction in predictions]
    if len(set(right)) < 2 or len(set(predicted)) < 2:
        return 0.0  # a constant correlates with nothing
    return 100 * float(getattr(stats, name)(right, predicted).statistic)


def not_numbers(predictions: Sequence[str]) -> int:
    """Returns how many predictions are no finite decimal number."""
    return sum(_number(prediction) is None for prediction in predictions)


def _number(text: str) -> float | None:
    written = text.strip().rstrip(_PERIODS)
    if not _NUMBER.fullmatch(written) or not math.isfinite(float(written)):
        return None
    return float(written)
