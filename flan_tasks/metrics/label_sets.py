"""A metric of answers that list labels: which of them apply, in any order."""

import re
from collections.abc import Sequence

from flan_tasks.core import extras
from flan_tasks.core.errors import EvaluationError
from flan_tasks.metrics.classes import normalize_label
from flan_tasks.metrics.gold import Gold, Scores, checked, percent

# What stands between labels: commas and semicolons of any script, bars and line ends.
_BETWEEN = re.compile(r"[,;|\n\u3001\uff0c\uff1b\u060c\u061b]")


def labels_of(text: str) -> frozenset[str]:
    """Returns the labels that a text lists, each folded as options are."""
    folded = (normalize_label(piece) for piece in _BETWEEN.split(text))
    return frozenset(label for label in folded if label)


@checked
def multilabel(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Exact match, and F1 of labels over all examples, over labels, and for each example.

    `em`: no label too few or too many. `micro_f1`: of all pairs of example and label. `macro_f1`:
    the mean of the F1 of each label that some answer has. `samples_f1`: the mean of the F1 of each
    example (Tsoumakas and Katakis 2007). A label that no answer has counts as one too many.
    """
    with extras.needed_for("F1"):
        from sklearn.metrics import f1_score
        from sklearn.preprocessing import MultiLabelBinarizer

    right = [labels_of(gold.answer) for gold in golds]
    if frozenset() in right:
        gold = golds[right.index(frozenset())]
        raise EvaluationError(
            f'metric multilabel: the answer of example "{gold.key}" lists no label: '
            f'"{gold.answer[:40]}"; where none applies, write one for it, such as "none"'
        )
    predicted = [labels_of(prediction) for prediction in predictions]
    labels = sorted(frozenset().union(*right))
    others = sorted(frozenset().union(*predicted).difference(labels))
    # One column more, of no label: a single one would be taken for two classes.
    columns = MultiLabelBinarizer(classes=[*labels, *others, ""], sparse_output=True)
    sides = columns.fit_transform(right), columns.transform(predicted)
    averages = {
        "micro_f1": f1_score(*sides, average="micro", zero_division=0),
        "macro_f1": f1_score(
            *sides, average="macro", labels=list(range(len(labels))), zero_division=0
        ),
        "samples_f1": f1_score(*sides, average="samples", zero_division=0),
    }
    return {
        "em": percent([a == b for a, b in zip(right, predicted, strict=True)]),
        **{name: 100 * float(value) for name, value in averages.items()},
    }
