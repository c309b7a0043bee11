"""Work that lies in a file for workers which came to it from elsewhere."""

import os
import pickle
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from flan_tasks.core.errors import BuildError
from flan_tasks.engine import handed as module
from flan_tasks.engine.handed import different_workers, handed, make, unfit


@dataclass(frozen=True)
class Doubling:
    """Work that any process can be handed."""

    runs_own_code: bool = False
    libraries = ("numpy",)

    def build(self, piece, tick):
        if piece.number < 0:
            raise ValueError("it is below nothing")
        tick(1)
        return {"twice": 2 * piece.number, "process": os.getpid()}

    def to_bytes(self):
        return pickle.dumps(self)


def piece(number):
    return SimpleNamespace(number=number, path=f"number {number}")


def test_work_lies_in_a_file_as_long_as_it_is_wanted(tmp_path):
    with handed(Doubling(), tmp_path) as given:
        assert unfit(given) == ""
        assert make(given, piece(3))["twice"] == 6
    assert not list(tmp_path.iterdir())
    assert unfit(given).startswith(f"does not see {tmp_path}; workers must see the build's")
    with pytest.raises(BuildError, match=f"worker .*, process {os.getpid()}, does not see"):
        make(given, piece(3))


def test_what_making_a_piece_raises_is_raised(tmp_path):
    with handed(Doubling(), tmp_path) as given, pytest.raises(ValueError, match="below nothing"):
        make(given, piece(-1))


def test_code_of_the_user_runs_in_a_process_without_what_was_imported_before(tmp_path, monkeypatch):
    with handed(Doubling(runs_own_code=True), tmp_path) as given:
        made = make(given, piece(4))
    assert made["twice"] == 8 and made["process"] != os.getpid()


@pytest.mark.parametrize("name", ["flan_tasks", "python", "numpy"])
def test_another_version_makes_no_piece(tmp_path, name):
    with handed(Doubling(), tmp_path) as given:
        mine = dict(given.versions)
        other = replace(given, versions=tuple({**mine, name: "1.0"}.items()))
        with pytest.raises(BuildError, match="the bytes depend on them") as caught:
            make(other, piece(3))
    said = str(caught.value)
    assert f"has {name} {mine[name]} and not 1.0; " in said and len(said.splitlines()) == 1


def test_a_library_that_only_the_worker_lacks_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_version", lambda name: module.NONE)
    with handed(Doubling(), tmp_path) as given:
        other = replace(given, versions=(*given.versions[:2], ("numpy", "2.4.6")))
        assert unfit(other).startswith("has numpy none and not 2.4.6; ")


def test_workers_with_one_problem_are_told_of_together():
    error = different_workers({"tcp://a:1": "has x", "tcp://b:2": "has x", "tcp://c:3": "sees y"})
    assert str(error) == "worker tcp://a:1 (and 1 more) has x; worker tcp://c:3 sees y"
