"""Local processes: the same bytes from any number of them, and what is said when one fails."""

import os
import signal
import threading
from dataclasses import replace

import pytest
from conftest import make_catalog

from flan_tasks.core.errors import BuildError
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.variation import Variation
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.engine.verification import verify
from flan_tasks.engine.work import Work
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.specs.formats import FORMATS
from flan_tasks.vocabulary import BytesVocabulary


class Ailing(BytesVocabulary):
    """Does something else once it is asked to encode; `what` says what."""

    def __init__(self, what: str) -> None:
        self.what = what

    def encode(self, texts):
        if self.what == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.what == "exits":
            print("it was too much", file=open(2, "w", closefd=False), flush=True)
            os._exit(7)
        if self.what == "raises":
            raise ZeroDivisionError("in the vocabulary")
        if self.what == "raises oddly":
            raise Odd("a", "b")
        raise BuildError("a message of ours")


class Odd(Exception):
    """Cannot be unpickled: its arguments are others than those it passes on."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def settings(form: str = "jsonl", **changes) -> BuildSettings:
    declared = {
        "format": form,
        "split": "train",
        "style": "inputs-targets",
        "lengths": {"inputs": 64, "targets": 16},
        "vocabulary": BytesVocabulary(),
        "num_shards": 9,
    }
    return BuildSettings(**(declared | changes))


SETTINGS = settings()


@pytest.fixture
def prepared(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    return prepare(Mixture(name="m"), catalog, source=SourceChoice())


@pytest.fixture
def run(prepared, tmp_path):
    def go(name, *, how=SETTINGS, **options):
        plan = make_plan(prepared, seed=0)
        return build(prepared, plan, how, tmp_path / name, **options)

    return go


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(("form", "workers"), [("jsonl", 2), ("arrays", 8)])
def test_any_number_of_workers_gives_the_same_bytes(run, tmp_path, form, workers):
    run("one", how=settings(form))
    run("several", how=settings(form), workers=workers)
    assert files(tmp_path / "several") == files(tmp_path / "one")
    verify(tmp_path / "several")


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_one_two_and_eight_workers_give_the_same_bytes_in_every_format(run, tmp_path, form):
    run("1", how=settings(form))
    for workers in (2, 8):
        run(str(workers), how=settings(form), workers=workers)
        assert files(tmp_path / str(workers)) == files(tmp_path / "1")


@pytest.mark.parametrize(
    ("what", "kind", "message"),
    [
        ("dies", BuildError, r"building data/train-0000\d-of-00009.jsonl died: signal 9 .*memory"),
        ("exits", BuildError, "died: exit code 7"),
        ("raises", ZeroDivisionError, "in the vocabulary"),
        ("raises oddly", RuntimeError, "Odd: a and b"),
        ("refuses", BuildError, "a message of ours"),
    ],
)
def test_a_worker_that_fails_is_reported_and_the_rest_stops(run, tmp_path, what, kind, message):
    ailing = settings(vocabulary=Ailing(what))
    with pytest.raises(kind, match=message) as caught:
        run("out", how=ailing, workers=2)
    if what == "exits":
        assert caught.value.__notes__ == ["it printed: it was too much"]
    if what == "raises":
        assert "in encode" in caught.value.__notes__[0]  # where it was raised, in the worker
    assert not list((tmp_path / "out").rglob("*.tmp"))
    assert not (tmp_path / "out" / "manifest.json").exists()
    run("whole")
    run("out")  # the same vocabulary by name, so the same build
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_work_travels_without_examples_and_normalizers(prepared, tmp_path):
    unknown = threading.Lock()  # nothing that could be pickled

    def normalize(row):
        """Cannot be imported by another process."""
        return unknown

    plan = make_plan(prepared, seed=0)
    plan.rows(0, len(plan))  # fills what a plan caches: every example's key
    items = [
        replace(item, dataset=replace(item.dataset, normalize=normalize))
        for item in plan.ingredients
    ]
    work = Work(replace(plan, ingredients=tuple(items)), settings(), tmp_path)
    data = work.to_bytes()
    assert len(data) < 6_000
    there = Work.from_bytes(data)
    assert there.plan.rows(3, 9).example.tolist() == plan.rows(3, 9).example.tolist()


def test_progress_tells_of_rows_shards_and_tokens(run):
    seen = []
    run("out", workers=2, watch=seen.append)
    first, last = seen[0], seen[-1]
    assert (first.shards, first.done, first.rows_to_do, first.tokens_done) == (9, 0, 50, None)
    assert (last.done, last.rows_done, dict(last.running)) == (9, 50, {})
    assert last.tokens_done > 1000
    assert any(status.running for status in seen)
    done = [status.rows_done for status in seen]
    assert done == sorted(done)


def test_progress_of_one_process_shows_rows_inside_a_shard(prepared, tmp_path):
    seen = []
    plan = make_plan(prepared, seed=0, num_examples=9000)
    options = {"watch": seen.append}
    build(prepared, plan, settings(num_shards=1), tmp_path / "out", **options)
    running = [done for status in seen for done, rows in status.running.values() if rows == 9000]
    assert running == [0, 8192]


def test_exemplars_are_the_same_from_any_number_of_workers(tmp_path):
    variation = Variation(shots=3, option_order="shuffled")
    toys = make_catalog(tmp_path, {"birds": 40, "fish": 30})
    prepared = prepare(Mixture(name="m"), toys, source=SourceChoice(), variation=variation)
    chosen = settings(lengths={"inputs": 160, "targets": 16}, num_shards=4)
    found = []
    for workers in (1, 2):
        out = tmp_path / f"from-{workers}"
        made = build(prepared, make_plan(prepared, seed=0), chosen, out, workers=workers)
        found.append({path.name: path.read_bytes() for path in out.glob("data/*.jsonl")})
    assert found[0] == found[1]
    counts = [task["num_shots"] for task in made.manifest["tasks"]]
    assert any({"1", "2", "3"} & set(count) for count in counts)
