"""Rows of TFDS read by a child process: the same rows, the same errors, nothing left behind."""

import subprocess
import sys

import pytest
from conftest import ROOT
from prepared_trees import write_rte

from flan_tasks.core.errors import RowError, SourceUnavailableError
from flan_tasks.core.origin import Tfds
from flan_tasks.raw_rows import tfds_apart
from flan_tasks.raw_rows.tfds import TfdsSource
from flan_tasks.raw_rows.tfds_apart import TfdsApart, end_children

COLUMNS = ("premise", "hypothesis", "label")


@pytest.fixture(autouse=True)
def _ended():
    yield
    end_children()
    assert not tfds_apart._idle


def test_what_lies_prepared_needs_no_child(tmp_path):
    write_rte(tmp_path)
    source = TfdsApart(Tfds("super_glue/rte:1.0.2"), columns=COLUMNS, data_dir=tmp_path)
    assert len(list(source.rows("train", range(3, 13)))) == 10
    assert source.labels() == {"label": ("entailment", "not_entailment")}
    assert not tfds_apart._idle


@pytest.mark.slow
def test_rows_and_labels_are_those_of_tfds(real_tree):
    origin = Tfds("super_glue/rte:1.0.2")
    apart = TfdsApart(origin, columns=COLUMNS, data_dir=real_tree)
    here = TfdsSource(origin, columns=COLUMNS, data_dir=real_tree)
    apart._tree = here._tree = None  # as where only TFDS can read it
    assert apart.splits() == here.splits()
    assert apart.identity("train") == here.identity("train")
    assert list(apart.rows("train", range(3, 203))) == list(here.rows("train", range(3, 203)))
    assert apart.labels() == here.labels()
    (child,) = tfds_apart._idle  # one for all of them
    rows = apart.rows("train", range(500))
    next(rows)
    rows.close()
    assert not tfds_apart._idle and child._process.returncode is not None


class _Answering(tfds_apart._Child):
    """A child whose answers come from here."""

    def __init__(self, code):
        self.is_busy = False
        self._line, its_line = tfds_apart.Pipe()
        with its_line:
            start = (
                f"from multiprocessing.connection import Connection as C; line = C({{}}); {code}"
            )
            self._process = subprocess.Popen(
                [sys.executable, "-c", start.format(its_line.fileno())],
                pass_fds=[its_line.fileno()],
                cwd=ROOT,
            )


def source(tmp_path):
    # Prepared in a form that only TFDS reads.
    (tmp_path / "a" / "1.0.0").mkdir(parents=True)
    (tmp_path / "a" / "1.0.0" / "dataset_info.json").write_text("{}")
    return TfdsApart(Tfds("a:1.0.0"), columns=(), data_dir=tmp_path, dataset="some")


def test_a_child_that_dies_is_named(tmp_path):
    tfds_apart._idle.append(_Answering("line.recv(); import os; os._exit(7)"))
    with pytest.raises(SourceUnavailableError, match="some: TFDS a:1.0.0.*exit code 7"):
        list(source(tmp_path).rows("train", range(3)))
    assert not tfds_apart._idle


def test_an_error_of_the_child_is_raised_here_with_its_notes(tmp_path):
    code = (
        "line.recv(); from flan_tasks.core.errors import RowError as E; e = E('row 3', 'row 4'); "
        "e.add_note('a note'); line.send(([dict(a=1)],)); line.send(e); line.recv()"
    )
    tfds_apart._idle.append(_Answering(code))
    rows = source(tmp_path).rows("train", range(3))
    assert next(rows) == {"a": 1}
    with pytest.raises(RowError) as raised:
        next(rows)
    assert raised.value.rows == ("row 3", "row 4") and raised.value.__notes__ == ["a note"]
    assert len(tfds_apart._idle) == 1  # it goes on to the next question


def test_what_is_not_prepared_is_told_as_without_a_child(tmp_path):
    # Nothing is prepared: no row is asked for, so that this needs no TensorFlow either.
    origin = Tfds("super_glue/rte:1.0.2")
    expected = TfdsSource(origin, columns=COLUMNS, data_dir=tmp_path).status()
    assert TfdsApart(origin, columns=COLUMNS, data_dir=tmp_path).status() == expected


def test_the_child_ends_with_its_parent():
    parent = """
import os
from flan_tasks.raw_rows.tfds_apart import _Child
child = _Child()
os.kill(os.getpid(), 9)
"""
    # The child has the same stdout, which is at its end only when both are gone.
    done = subprocess.run(
        [sys.executable, "-c", parent], cwd=ROOT, stdout=subprocess.PIPE, timeout=300
    )
    assert done.returncode == -9
