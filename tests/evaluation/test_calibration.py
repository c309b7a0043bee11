"""Expected calibration error against numbers computed by hand."""

import pytest

from flan_tasks.core.errors import EvaluationError
from flan_tasks.evaluation.calibration import calibration_error, calibration_of, confidence
from flan_tasks.evaluation.records import Prompt, Record
from flan_tasks.metrics.gold import Gold


@pytest.mark.parametrize(
    ("confidences", "right", "bins", "error"),
    [
        # Bins of two: |0.3 - 0.5| and |0.8 - 1|.
        ((0.1, 0.7, 0.5, 0.9), (0, 1, 1, 1), 2, 20),
        # One each: 0.1, 0.5, 0.3, 0.1.
        ((0.1, 0.7, 0.5, 0.9), (0, 1, 1, 1), 4, 25),
        # One bin: |0.55 - 0.75|.
        ((0.1, 0.7, 0.5, 0.9), (0, 1, 1, 1), 1, 20),
        # More bins than examples are as many as examples.
        ((0.1, 0.7, 0.5, 0.9), (0, 1, 1, 1), 10, 25),
        # Equal confidences are never parted, in whatever order: |0.5 - 0.5| of all four.
        ((0.5, 0.5, 0.5, 0.5), (1, 1, 0, 0), 2, 0),
        ((1.0,), (1,), 10, 0),
    ],
)
def test_errors_are_those_of_bins_of_equal_size(confidences, right, bins, error):
    truth = [bool(one) for one in right]
    assert calibration_error(confidences, truth, bins=bins) == pytest.approx(error)


def test_nothing_has_no_error():
    with pytest.raises(EvaluationError, match="no example"):
        calibration_error((), ())


def test_confidence_is_the_share_of_the_likeliest_option():
    gold = Gold("a", ("a",), ("a", "b", "c"))
    record = Record(Prompt("?", gold), sums=(-1000.0, -1000.0, -2000.0), tokens=(1, 1, 1))
    assert confidence(record) == pytest.approx(0.5)
    # Half sure, and right.
    assert calibration_of([record]) == pytest.approx(50)
