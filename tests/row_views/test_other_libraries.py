"""Rows as other libraries hold them, and what is said where one is missing."""

import subprocess
import sys
import types

import pytest
from conftest import ROOT
from without_library import Without

import flan_tasks as ft
from flan_tasks.engine.writers.parquet import arrow_schema


@pytest.fixture
def view():
    return ft.rows("rte", source="samples", seed=1)


@pytest.mark.parametrize("style", ["inputs-targets", "messages"])
def test_arrow_and_datasets_have_the_columns_of_a_parquet_build(style):
    pytest.importorskip("datasets")
    view = ft.rows("nli", source="samples", style=style, limit=20)
    table = view.to_arrow()
    assert table.schema == arrow_schema(style)
    assert table.to_pylist() == list(view) == list(view.to_datasets())


def test_an_empty_part_has_columns_all_the_same(view):
    table = view[5:5].to_arrow()
    assert table.num_rows == 0 and table.schema == arrow_schema("inputs-targets")


def test_pandas_has_a_row_for_each(view):
    pytest.importorskip("pandas")
    assert view.to_pandas().to_dict("records") == list(view)


def test_torch_has_a_map_style_data_set(view):
    torch = pytest.importorskip("torch")
    loader = torch.utils.data.DataLoader(view.to_torch(), batch_size=4, collate_fn=list)
    assert isinstance(loader.dataset, torch.utils.data.Dataset)
    assert [row for batch in loader for row in batch] == list(view)


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_of_torch_give_the_same_rows(view, start):
    data = pytest.importorskip("torch.utils.data")
    loader = data.DataLoader(
        view.to_torch(),
        batch_size=4,
        collate_fn=list,
        num_workers=2,
        multiprocessing_context=start,
    )
    assert [row for batch in loader for row in batch] == list(view)


def test_torch_shuffles_splits_and_collates_rows(view):
    torch = pytest.importorskip("torch")
    rows, data = view.to_torch(), torch.utils.data
    loader = data.DataLoader(rows, batch_size=4, shuffle=True)  # columns of lists, by torch's rule
    keys = [key for batch in loader for key in batch["key"]]
    assert sorted(keys) == sorted(row["key"] for row in view)
    assert list(data.Subset(rows, [2, 1])) == [view[2], view[1]]
    parts = data.random_split(rows, [0.5, 0.5])
    assert sum(map(len, parts)) == len(view)


def test_the_data_set_of_torch_gives_batches(view, monkeypatch):
    # Where PyTorch is not installed: all of it that is used is this base class.
    if "torch" not in sys.modules:
        names = ("torch", "torch.utils", "torch.utils.data")
        modules = {name: types.ModuleType(name) for name in names}
        modules["torch"].utils = modules["torch.utils"]
        modules["torch.utils"].data = modules["torch.utils.data"]
        modules["torch.utils.data"].Dataset = type("Dataset", (), {})
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "flan_tasks.row_views.torch_rows", raising=False)
    data = view.to_torch()
    monkeypatch.delitem(sys.modules, "flan_tasks.row_views.torch_rows")
    rows = list(view)
    assert len(data) == len(rows) and data[2] == rows[2]
    assert data.__getitems__([3, 0]) == [rows[3], rows[0]]


@pytest.mark.parametrize(
    ("library", "call", "what"),
    [
        ("torch", "to_torch", 'needs torch, which is not installed: .*pip install.* "torch"'),
        ("pandas", "to_pandas", 'needs pandas, which is not installed: .*pip install.* "pandas"'),
        ("datasets", "to_datasets", r'needs datasets, of the extra "hf".*\[hf\]'),
    ],
)
def test_a_library_that_is_missing_is_one_line(view, monkeypatch, library, call, what):
    hidden = [name for name in sys.modules if name.split(".")[0] == library]
    for name in [*hidden, "flan_tasks.row_views.torch_rows"]:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Without(one, library) for one in sys.meta_path])
    with pytest.raises(ft.MissingLibraryError, match=what) as raised:
        getattr(view, call)()
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_rows_without_arrow_are_one_line(tmp_path):
    code = """
import sys
sys.path.insert(0, "tests/builders")
from without_library import Without
sys.meta_path[:] = [Without(one, "pyarrow") for one in sys.meta_path]
import flan_tasks as ft
try:
    ft.rows("rte", source="samples")
except ft.MissingLibraryError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "Rows needs pyarrow" in done.stdout
