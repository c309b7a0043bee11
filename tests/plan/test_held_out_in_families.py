"""What is held out is in no part of a mixture, of whichever family: by name, cluster and text."""

from dataclasses import replace

import pytest
from toy_families import TEMPLATES, family_catalog, toy_family, write_tasks

import flan_tasks as ft
from flan_tasks.core.family import Member
from flan_tasks.core.family_index import write_index
from flan_tasks.core.splits import Splits
from flan_tasks.datasets import catalog
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.store.store import Store

SIZES = {"red": 9, "blue": 8, "here": 7}
MEMBERS = [
    Member(source_name=name, cluster="place" if name == "here" else "color") for name in SIZES
]
WITHOUT = [one.name for one in catalog().mixtures if one.name.startswith("without.")]


@pytest.fixture
def known(tmp_path):
    """Two families of one's own, `toys` and `copies`, of the same texts."""
    write_tasks(tmp_path, SIZES)
    known = family_catalog(tmp_path, MEMBERS)
    (tmp_path / "copies").mkdir()
    write_tasks(tmp_path / "copies", SIZES)
    copies = toy_family(
        tmp_path / "copies", write_index(MEMBERS), name="copies", splits=Splits(train="tasks")
    )
    templates = tmp_path / "copies" / "copies.toml"
    templates.write_text(TEMPLATES, encoding="utf-8")
    known.add_family(copies, templates=templates)
    return known


def drawn(mixture, known, tmp_path, **more):
    store = Store(tmp_path / "store")
    prepared = prepare(mixture, known, source=SourceChoice(), store=store, **more)
    return {item.name: item for item in prepared.ingredients}


PARTS = (
    ft.Part(name="a", include=("toys",)),
    ft.Part(name="b", parts=(ft.Part(name="c", mixture="copies"),)),
)


@pytest.mark.parametrize("how", ["hold_out", "exclude"])
def test_a_cluster_is_held_out_in_every_family_of_the_users(known, tmp_path, how):
    mixture = ft.Mixture(name="m", parts=PARTS, **{how: ("place",)})
    names = set(drawn(mixture, known, tmp_path))
    assert names == {
        "a/toys:red", "a/toys:blue", "b/c/copies:red", "b/c/copies:blue",
    }  # fmt: skip
    if how == "hold_out":
        held_out = {dataset.name for dataset in known.held_out(mixture)}
        assert held_out == {"toys:here", "copies:here"}


def test_texts_of_an_evaluation_set_are_found_in_another_family(known, tmp_path):
    mixture = ft.Mixture(name="m", parts=PARTS[1:])
    items = drawn(mixture, known, tmp_path, drop_against=["toys:red", "toys:here"])
    dropped = {name: sum(item.examples.skipped.values()) for name, item in items.items()}
    # The two validation rows of each.
    assert dropped == {"b/c/copies:red": 2, "b/c/copies:blue": 0, "b/c/copies:here": 2}


def test_rows_of_parts_have_no_cluster_that_is_held_out():
    mixture = ft.Mixture(
        name="m",
        parts=(
            ft.Part(name="a", include=("sst2", "common_gen")),
            ft.Part(name="b", include=("niv2",)),
        ),
        hold_out=("sentiment",),
    )
    rows = ft.rows(mixture, source="samples", allow_missing=True)
    clusters, names = {row["cluster"] for row in rows}, {row["dataset"] for row in rows}
    assert "sentiment" not in clusters and len(clusters) > 3
    assert "common_gen" in names and "niv2:task591_sciq_answer_generation" in names
    assert not [name for name in names if "sst2" in name]


@pytest.mark.parametrize("name", WITHOUT)
def test_what_published_mixtures_hold_out_is_in_no_part_with_a_family(name):
    published = catalog().mixture(name)
    parts = (ft.Part(name="a", mixture=name), ft.Part(name="b", include=("niv2",)))
    out = {"hold_out": published.hold_out, "exclude": published.exclude}
    whole = ft.Mixture(name="m", parts=parts, **out)
    flat = replace(published, include=(*published.include, "niv2"))
    clusters = set(published.hold_out) & set(catalog().clusters)
    for mixture in (whole, flat):
        members = catalog().members(mixture)
        assert len([one for one in members if one.family]) > 1000
        assert not clusters & {one.cluster for one in members}


@pytest.mark.parametrize("name", ["niv2", "question_answering", "natural_instructions"])
def test_tasks_of_mmlu_are_in_no_part(name):
    how = {"mixture": name} if name == "natural_instructions" else {"include": (name,)}
    parts = (ft.Part(name="a", **how), ft.Part(name="b", include=("rte",)))
    members = catalog().members(ft.Mixture(name="m", parts=parts))
    assert not [one.name for one in members if "mmmlu" in one.name]
    assert len(members) > 50
