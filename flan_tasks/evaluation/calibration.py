"""Whether a model that ranks options is as sure as it is right: expected calibration error."""

import math
from bisect import bisect_left
from collections.abc import Sequence

from flan_tasks.core.errors import EvaluationError
from flan_tasks.evaluation.records import SUM, Record

BINS = 10


def calibration_error(
    confidences: Sequence[float], right: Sequence[bool], *, bins: int = BINS
) -> float:
    """Returns the expected calibration error, in percent, over bins of equally many examples.

    It is the mean, over examples, of the difference between the share that is right and the mean
    confidence of their bin. Equal confidences are never parted, so that bins may be fewer.

    Args:
      confidences: from 0 to 1.
      right: whether each answer is right.
      bins: how many at most.

    Raises:
      EvaluationError: there is no example.
    """
    if not confidences:
        raise EvaluationError("there is no example whose calibration could be computed")
    ordered = sorted(confidences)
    size, more = divmod(len(ordered), bins)
    ends = [size * number + min(number, more) for number in range(1, bins)]
    edges = sorted(
        {(ordered[end - 1] + ordered[end]) / 2 for end in ends if 0 < end < len(ordered)}
    )
    members: dict[int, list[tuple[float, bool]]] = {}
    for confidence, is_right in zip(confidences, right, strict=True):
        members.setdefault(bisect_left(edges, confidence), []).append((confidence, is_right))
    gaps = (
        abs(math.fsum(confidence - is_right for confidence, is_right in of_bin))
        for of_bin in members.values()
    )
    return 100 * math.fsum(gaps) / len(confidences)


def confidence(record: Record) -> float:
    """Returns the probability of the likeliest option among the options, by their sums."""
    highest = max(record.sums)
    return 1 / math.fsum(math.exp(one - highest) for one in record.sums)


def calibration_of(records: Sequence[Record]) -> float:
    """Returns the expected calibration error of ranked options, in percent.

    Raises:
      EvaluationError: there is no record.
    """
    right = [record.prediction(SUM) in record.prompt.gold.references for record in records]
    return calibration_error([confidence(record) for record in records], right)
