"""Experiments side by side."""

import csv
import io
import xml.etree.ElementTree as ElementTree

import pytest

from flan_tasks.core.errors import EvaluationError
from flan_tasks.evaluation.series import Point, as_csv, draw_series

POINTS = [
    Point("number of clusters", "1", {"rte": 40.0, "cb": 60.0}),
    Point("number of clusters", "2", {"rte": 70.0, "cb": 60.0}),
    Point("held out <one>", "nli", {"rte": 30.0}),
]


def test_a_line_for_each_dataset_and_the_mean():
    lines = list(csv.reader(io.StringIO(as_csv(POINTS))))
    assert lines[1:4] == [
        ["number of clusters", "1", "rte", "40.0000"],
        ["number of clusters", "1", "cb", "60.0000"],
        ["number of clusters", "1", "mean", "50.0000"],
    ]
    assert len(lines) == 1 + 3 + 3 + 2


def test_a_panel_for_each_series_with_all_its_points():
    picture = ElementTree.fromstring(draw_series(POINTS))
    name = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f"{name}circle")) == 5
    lines = [line.get("points").split() for line in picture.findall(f"{name}polyline")]
    # Joined are numbers, not names.
    assert [len(line) for line in lines] == [2]
    # The better point stands higher.
    assert float(lines[0][1].split(",")[1]) < float(lines[0][0].split(",")[1])


def test_nothing_is_no_picture():
    with pytest.raises(EvaluationError, match="nothing to draw"):
        draw_series([])
