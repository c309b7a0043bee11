"""From parts to flat mixtures: what holds where, and names that cannot be."""

from dataclasses import replace
from fractions import Fraction

import pytest

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.part_tree import part_tree
from flan_tasks.core.parts import Part
from flan_tasks.core.variation import PLAIN, Variation
from flan_tasks.datasets import catalog


def mixture(*parts: Part, **changes) -> Mixture:
    return Mixture(name="m", parts=parts, **changes)


def leaves(declared: Mixture, names=None) -> dict:
    return {leaf.path: leaf for leaf in part_tree(declared, names or catalog()).leaves}


def members(leaf) -> list[str]:
    return [dataset.name for dataset in catalog().left_of(leaf.mixture)]


def test_what_a_part_does_not_say_is_as_around_it():
    inner = Part(name="inner", include=("rte", "cb"), cap=7)
    outer = Part(name="outer", parts=(inner,), limit=50, cap=9, exclude=("cb",), max_repeats=2)
    leaf = leaves(mixture(outer, scheme="equal", max_repeats=5))["outer/inner"]
    assert (leaf.mixture.scheme, leaf.mixture.cap, leaf.mixture.limit) == ("equal", 7, 50)
    assert leaf.max_repeats == Fraction(2)
    assert members(leaf) == ["rte"]


def test_a_mixture_by_name_keeps_what_it_says_unless_the_part_says_otherwise():
    part = Part(name="a", mixture="without.nli", limit=100)
    leaf = leaves(mixture(part, scheme="equal", cap=1))["a"]
    # Neither the scheme nor the cap around it: those are its own.
    assert (leaf.mixture.scheme, leaf.mixture.cap, leaf.mixture.limit) == (
        "proportional",
        3000,
        100,
    )
    left = set(members(leaf))
    assert left == {d.name for d in catalog().members(catalog().mixture("without.nli"))}
    assert not left & {d.name for d in catalog().expand(["nli", "paraphrase"])}


def test_what_the_whole_leaves_out_is_in_no_part():
    held = mixture(
        Part(name="a", mixture="all"),
        Part(name="b", include=("nli", "coreference")),
        hold_out=("wsc273",),
        exclude=("sentiment",),
        drop_overlaps=True,
    )
    for leaf in leaves(held).values():
        assert not set(members(leaf)) & {"wnli", "wsc273", "imdb", "sst2"}
    assert not {"wnli", "wsc273", "imdb"} & {d.name for d in catalog().members(held)}


def test_prompt_types_split_a_part():
    part = Part(
        name="a",
        include=("rte",),
        prompt_types={"zs_opt": 1, "fs_opt": 2, "fs_noopt": 1},
        shots=(2, 5),
        option_order="shuffled",
    )
    found = leaves(mixture(part))
    assert list(found) == ["a/zs_opt", "a/fs_opt", "a/fs_noopt"]
    plain, few, none = (leaf.variation(PLAIN) for leaf in found.values())
    assert plain == Variation(option_order="shuffled")
    assert few == Variation(shots=5, option_order="shuffled")
    assert none == Variation(shots=5, options=False, option_order="shuffled")
    assert [leaf.fewest_shots for leaf in found.values()] == [None, 2, 2]
    tree = part_tree(mixture(part), catalog())
    assert [one.weight for one in tree.branches[0].branches] == [1, 2, 1]


def test_the_nearest_word_on_prompts_holds():
    inner = Part(name="inner", include=("rte",), shots=1, kinds=("forward",))
    outer = Part(name="outer", parts=(inner, Part(name="other", include=("rte",))), shots=(2, 4))
    found = leaves(mixture(outer))
    around = Variation(shots=9, num_templates=3, kinds=("inverted",))
    assert found["outer/inner"].variation(around) == Variation(shots=1, num_templates=3)
    assert found["outer/inner"].mixture.kinds == ("forward",)
    assert found["outer/inner"].fewest_shots is None
    assert found["outer/other"].variation(around) == replace(around, shots=4)
    assert found["outer/other"].fewest_shots == 2


def test_mixtures_hold_mixtures_with_parts():
    names = Catalog()
    for dataset in catalog().expand(["rte", "copa"]):
        names._datasets[dataset.name] = dataset
    names.add_mixture(
        Mixture(
            name="inside",
            parts=(Part(name="x", include=("rte",)), Part(name="y", include=("copa",), cap=5)),
            cap=11,
        )
    )
    whole = mixture(Part(name="a", mixture="inside", limit=8), Part(name="b", include=("rte",)))
    found = leaves(whole, names)
    assert list(found) == ["a/x", "a/y", "b"]
    assert [leaf.mixture.cap for leaf in found.values()] == [11, 5, 3000]
    assert [leaf.mixture.limit for leaf in found.values()] == [8, 8, 30_000]
    with pytest.raises(DeclarationError, match='"inside" has parts of its own'):
        part_tree(mixture(Part(name="a", mixture="inside", prompt_types=("zs_opt",))), names)


def test_mixtures_that_name_each_other_are_refused():
    names = Catalog()
    for dataset in catalog().expand(["rte"]):
        names._datasets[dataset.name] = dataset
    one = names.add_mixture(Mixture(name="one", parts=(Part(name="p", mixture="two"),)))
    names.add_mixture(Mixture(name="two", parts=(Part(name="q", mixture="one"),)))
    with pytest.raises(DeclarationError, match='part "p/q": .*one - two - one; take one of these'):
        part_tree(one, names)
    with pytest.raises(DeclarationError, match="that name each other"):
        names.members(replace(one, exclude=("rte",)))
    itself = names.add_mixture(Mixture(name="self", parts=(Part(name="p", mixture="self"),)))
    with pytest.raises(DeclarationError, match="self - self"):
        part_tree(itself, names)


def test_everything_wrong_is_listed_at_once():
    declared = mixture(
        Part(name="a", include=("ret",)),
        Part(name="b", parts=(Part(name="c", mixture="al"),)),
        Part(name="d", include=("rte",), prompt_types=("fs_opt",)),
        Part(name="e", include=("cb",), exclude=("nli",)),
        Part(name="f", include=("rte",), exclude=("wni",)),
        hold_out=("sentment",),
    )
    with pytest.raises(DeclarationError) as raised:
        part_tree(declared, catalog())
    text = str(raised.value)
    assert text.startswith('mixture "m": ')
    for words in (
        '"sentment"',
        'part "a": unknown dataset or cluster "ret"',
        'part "b/c": unknown mixture or dataset "al"',
        'part "d": fs_opt has exemplars; say how many',
        'part "f": unknown dataset or cluster "wni"',
    ):
        assert words in text, words


def test_a_part_that_exclusions_leave_empty_is_named():
    declared = mixture(
        Part(name="a", include=("nli",)), Part(name="b", include=("paraphrase",)), exclude=("nli",)
    )
    with pytest.raises(DeclarationError, match='part "a": nothing is left to train on: .* of nli'):
        catalog().members(declared)


def test_a_mixture_without_parts_is_one_leaf():
    flat = catalog().mixture("nli")
    tree = part_tree(flat, catalog())
    assert tree.leaf is not None and tree.leaf.mixture is flat and tree.leaf.path == ""
