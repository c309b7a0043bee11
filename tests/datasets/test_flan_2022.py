"""The mixtures of Flan 2022: what is in them, in which shares, and what held-out clusters leave."""

from fractions import Fraction

import pytest

import flan_tasks as ft
from flan_tasks.core.part_tree import part_tree
from flan_tasks.datasets import catalog

CAPS = {"flan2021": 30_000, "t0": 20_000, "niv2": 5_000, "cot": 100_000, "dialog": 200_000}
WEIGHTS = {"flan2021": 40, "t0": 32, "niv2": 20, "cot": 5, "dialog": 3}


@pytest.fixture(scope="module")
def whole():
    return ft.shares("flan2022")


def names_by_part(name):
    """Outermost part -> names of its members."""
    found = {}
    for leaf in part_tree(catalog().mixture(name), catalog()).leaves:
        members = {one.name for one in catalog().left_of(leaf.mixture)}
        found.setdefault(leaf.path.split("/")[0], set()).update(members)
    return found


def test_parts_have_their_published_shares_exactly(whole):
    exact = {part.path: Fraction(part.exact) for part in whole.parts}
    total = sum(WEIGHTS.values())
    assert {path: share for path, share in exact.items() if "/" not in path} == {
        name: Fraction(weight, total) for name, weight in WEIGHTS.items()
    }
    for name in ("cot", "dialog"):
        assert exact[f"{name}/inverted"] / exact[f"{name}/forward"] == Fraction(3, 10)
    for name in ("flan2021/zs_noopt", "flan2021/fs_opt"):
        assert exact[name] == exact["flan2021"] / 4
    assert exact["niv2/fs_opt"] == exact["niv2"] / 2
    assert not any("noopt" in path for path in exact if not path.startswith(("flan2021", "t0")))


def test_caps_are_on_each_task(whole):
    parents = {one.name: catalog()[one.name].parent for one in whole.datasets}
    rates = {}
    for one in whole.datasets:
        part = one.part.split("/")[0]
        key = one.part, parents[one.name]
        rates[key] = rates.get(key, 0) + one.rate
        assert rates[key] <= CAPS[part] + 0.01
    capped = [key for key, rate in rates.items() if rate == CAPS["niv2"] and "niv2" in key[0]]
    assert len(capped) > 200  # the published code has 5,000 for all of them together
    assert rates["cot/forward/zs_opt", "esnli"] == 36_174


def test_muffin_has_the_71_tasks_of_the_public_code():
    members = catalog().members(catalog().mixture("muffin"))
    translation = [one for one in members if one.cluster == "translation"]
    directions = len(translation) - len({one.parent for one in translation})
    never_trained_on = ["wsc273"]
    assert len(members) - directions - len(never_trained_on) == 71
    assert {"wsc", "true_case", "word_segment", "lambada"} <= {one.name for one in members}


def test_each_part_is_a_mixture_of_its_own():
    found = names_by_part("flan2022")
    assert found["flan2021"] == {one.name for one in catalog().members(catalog().mixture("muffin"))}
    for name, mixture in {"t0": "t0sf", "niv2": "niv2", "cot": "cot", "dialog": "dialog"}.items():
        members = catalog().members(catalog().mixture(mixture))
        assert found[name] == {one.name for one in members}
    assert len(found["t0"]) == 193 and len(found["niv2"]) == 1_556 and len(found["cot"]) == 9
    assert not any("mmmlu" in name for name in found["niv2"])


@pytest.mark.parametrize(
    "without", [one.name for one in catalog().mixtures if one.name.startswith("without.")]
)
def test_a_held_out_cluster_is_held_out_in_every_part(without):
    flat = catalog().mixture(without)
    every, left = names_by_part("flan2022"), names_by_part(f"flan2022.{without}")
    assert list(left) == list(every)
    out = {one.name for one in catalog().with_overlaps(flat.hold_out)}
    for family in (catalog().family("niv2"), catalog().family("p3")):
        of_cluster = [family.clusters.get(name, ()) for name in flat.hold_out]
        held_out = catalog().expand(flat.hold_out)
        made_of_it = [family.overlapping.get(one.name, ()) for one in held_out]
        for members in (*of_cluster, *made_of_it):
            out |= {f"{family.name}:{member}" for member in members}
    for part, names in left.items():
        assert names and names <= every[part]
        assert not names & out


def test_what_holds_the_same_texts_goes_with_its_cluster():
    left = names_by_part("flan2022.without.nli")
    assert "esnli" not in left["cot"] and "gsm8k" in left["cot"]
    assert "niv2:task190_snli_classification" in names_by_part("flan2022")["niv2"]
    assert not any("snli" in name for name in left["niv2"])
