"""What answers come to that no metric says: which class is taken for which, and how sure of itself
a model is where it is right.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from flan_tasks.evaluation.records import GENERATED, NORMALIZED, Record

# Classes of which a table can be read.
MOST_CLASSES = 30
# Of the probability that the likeliest option has among the options: equal parts of 0 to 1.
BINS = 10


def confusion(records: Sequence[Record], way: str) -> dict[str, Any] | None:
    """Returns labels and [right, answered, how often] of classes; None without options that several
    examples share.

    An answer that is none of the options, or that options with the same ids leave open, has the
    number behind the last option. Of several right options the first stands for the row, unless
    the answer is one of them.

    Args:
      records: the answers to one unit.
      way: which of their answers.
    """
    options = records[0].prompt.gold.options if len(records) > 1 else ()
    if not 2 <= len(options) <= MOST_CLASSES:
        return None
    if any(set(record.prompt.gold.options) != set(options) for record in records):
        return None
    labels = sorted(options)
    place = {label: number for number, label in enumerate(labels)}
    cells: Counter[tuple[int, int]] = Counter()
    for record in records:
        gold, answer = record.prompt.gold, record.prediction(way)
        right = answer if answer in gold.references else gold.references[0]
        if right not in place:
            return None  # the right answers are no options
        cells[place[right], place.get(answer, len(labels))] += 1
    return {"labels": labels, "cells": [[*cell, count] for cell, count in sorted(cells.items())]}


def calibration(records: Sequence[Record], way: str) -> list[list[float]] | None:
    """Returns of each bin of confidence: answers, right ones, sum of confidence; None of texts.

    Confidence is the share that the likeliest option has of the probability of all options of the
    example, each to the mean for each token where the way says so.
    """
    if way == GENERATED or not records:
        return None
    bins: list[list[float]] = [[0, 0, 0.0] for _ in range(BINS)]
    for record in records:
        confidence = max(shares(record, way))
        one = bins[min(int(confidence * BINS), BINS - 1)]
        one[0] += 1
        one[1] += record.prediction(way) in record.prompt.gold.references
        one[2] += confidence
    return [[answers, right, round(total, 9)] for answers, right, total in bins]


def shares(record: Record, way: str) -> list[float]:
    """Returns the share of each option in the probability of all options of an example."""
    scores = list(record.sums)
    if way == NORMALIZED:
        scores = [s / n for s, n in zip(record.sums, record.tokens, strict=True)]
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    total = sum(weights)
    return [weight / total for weight in weights]
