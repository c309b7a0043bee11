"""The view of rows: those of a build, one by one, and a list as lists are."""

import importlib
import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import hypothesis
import pytest
from conftest import ROOT
from hypothesis import strategies as st

import flan_tasks as ft
from flan_tasks.core.errors import BuildError, DeclarationError, UnknownNameError
from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.specs.formats import STYLES
from flan_tasks.vocabulary import open_vocabulary

LENGTHS = {"inputs": 1024, "targets": 256}


def built(
    folder, mixture, *, seed, split="train", style="inputs-targets", examples=None, lengths=None,
    **variation,
):  # fmt: skip
    """Builds as `flan build` does; returns the rows and the manifest."""
    fits = lengths is not None
    prepared = prepare(
        catalog().mixture(mixture),
        catalog(),
        source=SourceChoice("samples"),
        split=split,
        variation=Variation(**variation),
    )
    settings = BuildSettings(
        format="jsonl",
        split=split,
        style=style,
        lengths=LENGTHS | (lengths or {}),
        vocabulary=open_vocabulary("bytes") if fits or variation.get("shots") else None,
        fit=fits,
    )
    plan = make_plan(prepared, seed=seed, num_examples=examples)
    manifest = build(prepared, plan, settings, folder).manifest
    lines = [
        line
        for shard in manifest["shards"]
        for path in shard["paths"]
        for line in (folder / path).read_text(encoding="utf-8").splitlines()
    ]
    return [json.loads(line) for line in lines], manifest


@hypothesis.given(
    mixture=st.sampled_from(["nli", "rte", "coreference", "openbookqa", "closed_book_qa"]),
    seed=st.integers(0, 3),
    examples=st.one_of(st.none(), st.integers(1, 90)),
    split=st.sampled_from(["train", "train", "validation"]),
    style=st.sampled_from(STYLES),
    options=st.booleans(),
    option_order=st.sampled_from(["fixed", "shuffled"]),
    shots=st.sampled_from([0, 0, 2]),
    lengths=st.sampled_from([None, {"inputs": 90}, {"inputs": 300, "targets": 64}]),
)
@hypothesis.settings(
    max_examples=20, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_rows_are_those_of_a_build(tmp_path_factory, mixture, **asked):
    folder = tmp_path_factory.mktemp("build") / "out"
    try:
        expected, manifest = built(folder, mixture, **asked)
    except BuildError as error:
        assert "no prompt" in str(error)
        with pytest.raises(BuildError, match="no prompt"):
            list(ft.rows(mixture, source="samples", vocab="bytes", **asked))
        return
    view = ft.rows(mixture, source="samples", vocab="bytes", **asked)
    assert list(view) == expected
    assert len(view) == len(expected)
    assert view.counts == {t["name"]: t["realized"] for t in manifest["tasks"] if t["realized"]}
    assert view.skipped == {t["name"]: t["skipped"] for t in manifest["tasks"] if t["skipped"]}


def test_rows_are_those_of_the_command(tmp_path):
    from flan_tasks.cli.main import cli

    words = "build nli --source samples --seed 3 --shots 2 --vocab bytes --option-order shuffled"
    more = "--examples 60 --style messages --drop-overlaps --kinds forward --no-report --out"
    cli.main([*f"{words} {more}".split(), str(tmp_path / "out")], standalone_mode=False)
    (shard,) = (tmp_path / "out" / "data").iterdir()
    asked = {"shots": 2, "vocab": "bytes", "option_order": "shuffled", "kinds": ["forward"]}
    more = {"examples": 60, "style": "messages", "drop_overlaps": True, "seed": 3}
    view = ft.rows("nli", source="samples", **asked, **more)
    lines = shard.read_text(encoding="utf-8").splitlines()
    assert [json.dumps(row) for row in view] == [json.dumps(json.loads(line)) for line in lines]


@pytest.fixture(params=[None, {"inputs": 200}], ids=["whole", "fitted"])
def view(request):
    return ft.rows("coreference", source="samples", vocab="bytes", lengths=request.param)


def test_a_view_is_a_list_of_rows(view):
    rows = list(view)
    assert list(view) == rows  # again
    assert [view[i] for i in range(len(view))] == rows
    assert [view[i] for i in (3, 3, 0, -1, -len(rows))] == [
        rows[i] for i in (3, 3, 0, -1, -len(rows))
    ]
    assert list(reversed(view)) == rows[::-1]
    assert view.__getitems__([5, -2, 5]) == [rows[5], rows[-2], rows[5]]


@hypothesis.given(
    *(st.one_of(st.none(), st.integers(-80, 80)) for _ in range(2)),
    st.one_of(st.none(), st.integers(-5, 5).filter(bool)),
    st.integers(-9, 9),
)
@hypothesis.settings(
    max_examples=40, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_slices_are_those_of_a_list(fitted_and_rows, start, stop, step, again):
    fitted, rows = fitted_and_rows
    part = slice(start, stop, step)
    assert list(fitted[part]) == rows[part]
    assert len(fitted[part]) == len(rows[part])
    assert list(fitted[part][again:]) == rows[part][again:]


@pytest.fixture(scope="module")
def fitted_and_rows(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    asked = {"source": "samples", "vocab": "bytes", "lengths": {"inputs": 260}, "store": store}
    view = ft.rows("coreference", **asked)
    rows = list(view)
    assert 20 < len(rows) < len(view._planned.plan)
    return view, rows


def test_a_row_that_is_changed_is_as_it_was_when_it_is_asked_for_again(view):
    first = view[0]
    copied = dict(first)
    first["inputs"] = "changed"
    assert view[0] == copied
    view[1]["inputs"] = "changed"
    assert view[1]["inputs"] != "changed"


def test_the_first_rows_are_counted_no_further_than_asked():
    whole = ft.rows("nli", source="samples", vocab="bytes", lengths={"inputs": 400})
    assert whole[2] == next(iter(whole[2:3]))
    assert whole._planned._looked_at < len(whole._planned.plan)
    some = ft.rows("nli", source="samples", vocab="bytes", lengths={"inputs": 400}, limit=7)
    assert len(some) == 7 and list(some) == list(whole[:7])
    assert sum(some.counts.values()) == 7 == sum(whole[:7].counts.values())


def test_limit_is_of_a_plan_that_does_not_depend_on_it():
    whole = ft.rows("nli", source="samples", examples=50)
    assert list(ft.rows("nli", source="samples", examples=50, limit=9)) == list(whole)[:9]
    assert len(ft.rows("nli", source="samples", examples=50, limit=99)) == 50


def test_a_mixture_is_named_in_three_ways(tmp_path):
    path = tmp_path / "two.toml"
    path.write_text('include = ["rte", "copa"]\n')
    declared = ft.Mixture(name="two", include=("rte", "copa"))
    rows = [list(ft.rows(one, source="samples")) for one in (path, str(path), declared)]
    assert rows[0] == rows[1] == rows[2] and {row["dataset"] for row in rows[0]} == {"rte", "copa"}


def test_missing_datasets_are_named(tmp_path):
    asked = {"source": "files", "data_dir": tmp_path}
    with pytest.raises(ft.SourceUnavailableError, match="rte"):
        ft.rows("rte", **asked)
    folder = tmp_path / "rte"
    folder.mkdir()
    row = {"premise": "A.", "hypothesis": "B.", "label": 0}
    (folder / "train.jsonl").write_text("\n".join([json.dumps(row)] * 40))
    view = ft.rows("nli", allow_missing=True, **asked)
    assert {row["dataset"] for row in view} == {"rte"}
    assert "anli_r1" in view.missing and "rte" not in view.missing


def test_rows_that_give_no_example_are_counted(own):
    seasons = ["", "spring"] * 6
    _, module = own([{"haiku": f"Line {n}", "season": one} for n, one in enumerate(seasons)])
    importlib.import_module(module)
    view = ft.rows("haiku")
    assert len(view) + view.skipped["haiku"]["no season"] == 10  # two are validation's
    assert {row["options"] for row in view} == {"spring\nsummer\nautumn\nwinter"}


def test_a_plan_without_rows_is_refused_in_words(own):
    _, module = own([{"haiku": f"Line {n}", "season": ""} for n in range(12)])
    importlib.import_module(module)
    with pytest.raises(DeclarationError, match="every row was skipped .*10 no season"):
        ft.rows("haiku")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"mixture": "rty"}, 'unknown mixture or dataset "rty".*rte'),
        ({"mixture": ft.Mixture(name="x", include=("rtt",))}, 'mixture "x".*"rtt"'),
        ({"mixture": 3}, r"BuildSpec.mixture is 3 \(int\); want"),
        ({"split": "dev"}, 'unknown split "dev"'),
        ({"style": "chat"}, 'unknown style "chat"'),
        ({"seed": -1}, "seed is -1; want 0 or more"),
        ({"seed": "0"}, r"seed is '0' \(str\); want int"),
        ({"examples": 0}, "examples is 0; want 1 or more"),
        ({"limit": "9"}, 'limit "9": wanted a whole number'),
        ({"limit": 0}, "limit 0: wanted 1 or more"),
        ({"lengths": {"input": 3}}, "lengths"),
        ({"lengths": {"inputs": 1}}, "wanted 2 or more"),
        ({"lengths": 512}, "lengths is 512"),
        ({"split_of": "test"}, 'unknown field of BuildSpec "split_of". Did you mean split'),
        ({"source": "web"}, 'unknown source "web"'),
        ({"templates": ["none_such"]}, "none_such"),
        ({"kinds": "forward"}, "kinds"),
        ({"drop_contaminated": "rte"}, "drop_contaminated"),
        ({"mixture": "wsc273"}, "try --split test|none of its datasets has a train split"),
    ],
)
def test_what_cannot_be_is_refused_in_words(asked, said):
    given = {"mixture": "rte", "source": "samples", "vocab": "bytes"} | asked
    with pytest.raises((DeclarationError, UnknownNameError), match=said):
        ft.rows(given.pop("mixture"), **given)


def test_a_specification_stands_for_its_fields():
    spec = ft.BuildSpec(mixture="rte", source="samples", seed=4, style="messages")
    view = ft.rows(spec, limit=3)
    assert list(view) == list(ft.rows("rte", source="samples", seed=4, style="messages"))[:3]
    with pytest.raises(DeclarationError, match="BuildSpec and seed: give one or the other"):
        ft.rows(spec, seed=1)


def test_the_rows_of_a_format_with_ids_are_those_it_packs():
    asked = {"mixture": "coreference", "source": "samples", "vocab": "bytes"}
    packed = ft.BuildSpec(**asked, format="arrays", lengths={"inputs": 260})
    assert list(ft.rows(packed)) == list(
        ft.rows("coreference", source="samples", vocab="bytes", lengths={"inputs": 260})
    )


def test_rows_that_are_not_there_are_refused_in_words(view):
    count = len(view)
    for place in (count, -count - 1):
        with pytest.raises(IndexError, match=f"no row {place} in {count} rows"):
            view[place]
    for place in ("3", 1.5, True, None):
        with pytest.raises(TypeError, match="wanted a whole number"):
            view[place]
    with pytest.raises(IndexError):
        view[2:4][2]


def test_it_goes_to_other_processes(view):
    again = pickle.loads(pickle.dumps(view[3:9]))
    assert list(again) == list(view[3:9])


def test_neither_tensorflow_nor_jax_is_imported(tmp_path):
    code = """
import sys
import flan_tasks as ft
view = ft.rows("nli", source="samples", vocab="bytes", shots=1, lengths={"inputs": 512}, limit=40)
rows = list(view)
view.to_arrow()
heavy = ("tensorflow", "tensorflow_datasets", "jax", "seqio")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_several_threads_read_what_one_does():
    asked = {"source": "samples", "vocab": "bytes", "lengths": {"inputs": 400}, "examples": 3000}
    one = list(ft.rows("nli", **asked))
    view = ft.rows("nli", **asked)
    places = list(range(0, len(one), 97))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(view.__getitem__, places)) == [one[place] for place in places]
    assert len(view) == len(one)
