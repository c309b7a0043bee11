"""Plans that go by blocks: the same rows, and neighbors in the store near one another."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import make_catalog

import flan_tasks as ft
from flan_tasks.datasets import catalog
from flan_tasks.engine.reopen import reopen
from flan_tasks.plan import order
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare


@pytest.fixture
def small(monkeypatch):
    """Blocks of 4, windows of 2 of them and of 8 rows."""
    for name, value in (("BLOCK", 4), ("BLOCKS", 2), ("ROWS", 8)):
        monkeypatch.setattr(order, name, value)


@pytest.mark.parametrize("size", [1, 3, 4, 7, 8, 9, 30, 64, 101])
def test_blocks_of_neighbors_are_permuted_and_mixed_in_their_window(small, size):
    places = order.permuted_in_blocks(np.arange(size), size, 5)
    assert sorted(places.tolist()) == list(range(size))
    sizes = np.full(size, size)
    assert (order.permuted_in_blocks(np.arange(size), sizes, 5) == places).all()
    for start in range(0, size, 8):
        assert len(set((places[start : start + 8] // 4).tolist())) <= 2
    if size > 30:
        assert (np.diff(places) != 1).any() and places[:4].tolist() != [0, 1, 2, 3]


@pytest.mark.parametrize("counts", [[1], [5, 0, 3], [40, 3, 20], [8, 8], [17, 17, 1]])
def test_each_window_has_the_next_rows_of_every_task(small, counts):
    size = sum(counts)
    task, row = order.rows_of_tasks(np.arange(2 * size), [counts], 3, blocks=True)
    for number, count in enumerate(counts):
        for done in (0, 1):
            own = slice(done * size, (done + 1) * size)
            rows = row[own][task[own] == number]
            assert sorted(rows.tolist()) == list(range(done * count, (done + 1) * count))
            # Sorted within windows they are in order over all: nothing is drawn from far away.
            windows = -(-size // 8)
            edges = [size // windows * w + min(w, size % windows) for w in range(windows + 1)]
            parts = [
                sorted(row[own][a:b][task[own][a:b] == number].tolist())
                for a, b in zip(edges, edges[1:], strict=False)
            ]
            assert [r for part in parts for r in part] == sorted(rows.tolist())
            assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_plan_by_blocks_has_the_rows_of_any_other(small, tmp_path):
    found = prepare(
        ft.Mixture(name="m"), make_catalog(tmp_path, {"a": 104, "b": 34}), source=SourceChoice()
    )
    plans = [make_plan(found, seed=1, num_examples=260, blocks=b) for b in (False, True)]
    drawn = [
        sorted(zip(r.task.tolist(), r.example.tolist(), r.epoch.tolist(), strict=True))
        for r in (plan.rows(0, 260) for plan in plans)
    ]
    assert drawn[0] == drawn[1] and plans[0].counts == plans[1].counts
    rows = plans[1].rows(0, 260)
    assert plans[1].rows(100, 101).example[0] == rows.example[100]
    first = rows.take(np.flatnonzero((rows.task == 0) & (rows.epoch == 0))[:8])
    assert len(set((first.example // 4).tolist())) <= 3
    assert (order.tasks_at(np.arange(260), [plans[1].counts], 1, blocks=True) == rows.task).all()
    assert replace(plans[1], blocks=False).rows(0, 260).example.tolist() != rows.example.tolist()


def test_a_build_by_blocks_says_so_and_is_reopened_so(small, tmp_path):
    settings = {"source": "samples", "examples": 90, "seed": 2}
    built = ft.build("nli", tmp_path / "out", order="blocks", **settings)
    assert built.manifest["order"] == "blocks" and "--order blocks" in built.command
    assert "order by blocks" in (tmp_path / "out" / "README.md").read_text()
    ft.verify(tmp_path / "out")
    _, plan = reopen(built.manifest, catalog(), source=SourceChoice("samples"))
    assert plan.blocks
    other = ft.build("nli", tmp_path / "other", report=False, **settings)
    assert "order" not in other.manifest
    found = ft.diff(tmp_path / "other", tmp_path / "out")
    assert found.settings["order"] == (None, "blocks")
    assert not found.rows.same_order
