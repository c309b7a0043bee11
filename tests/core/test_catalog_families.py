import re

import pytest
from conftest import TOY_TEMPLATES, toy_dataset
from toy_families import toy_family

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.errors import DeclarationError, UnknownNameError
from flan_tasks.core.family_index import write_index
from flan_tasks.core.member import Member
from flan_tasks.core.mixture import Mixture

MEMBERS = (
    Member(source_name="one", cluster="air", overlaps=("b",)),
    Member(source_name="Two.b", cluster="odd"),
    Member(source_name="three", cluster="odd", in_default_mixtures=False),
    Member(source_name="four", cluster="air", overlaps=("a", "c")),
)


@pytest.fixture
def catalog(tmp_path):
    path = tmp_path / "birds.toml"
    path.write_text(TOY_TEMPLATES)
    made = Catalog()
    for name, changes, cluster in (
        ("a1", {"part_of": "a"}, "air"),
        ("b", {}, "air"),
        ("c", {}, "sea"),
        ("other", {"collection": "else"}, "air"),
    ):
        made.add(toy_dataset(name, **changes), cluster=cluster, templates=path)
    made.add_family(toy_family(tmp_path, write_index(MEMBERS)), templates=path)
    return made


def names(datasets):
    return [dataset.name for dataset in datasets]


def test_all_and_a_cluster_do_not_reach_into_families(catalog):
    assert names(catalog.expand(["all"])) == ["a1", "b", "c"]
    assert names(catalog.expand(["air"])) == ["a1", "b"]


def test_a_family_means_its_members_less_those_it_leaves_out(catalog):
    assert names(catalog.expand(["toys"])) == ["toys:four", "toys:one", "toys:two_b"]
    assert names(catalog.expand(["toys:three"])) == ["toys:three"]


def test_a_member_is_found_by_its_name_and_by_the_sources(catalog):
    assert catalog["toys:two_b"] is catalog["toys:Two.b"]
    assert "toys:Two.b" in catalog and "toys:five" not in catalog and "no:one" not in catalog
    assert catalog.mixture("toys:Two.b").include == ("toys:two_b",)
    with pytest.raises(UnknownNameError, match='task of toys "tow_b". Did you mean two_b'):
        catalog["toys:tow_b"]
    with pytest.raises(UnknownNameError, match='unknown family "toy". Did you mean toys'):
        catalog.expand(["toy:two_b"])
    with pytest.raises(UnknownNameError, match="it is a family of tasks: toys:<task>"):
        catalog["toys"]


def test_case_and_marks_of_a_member_do_not_matter(catalog):
    for name in ("toys:TWO_B", "toys:two-b", "toys:two b"):
        assert name in catalog and catalog[name].name == "toys:two_b"
    with pytest.raises(UnknownNameError, match='task of toys "Hre". Did you mean three'):
        catalog["toys:Hre"]
    with pytest.raises(UnknownNameError, match='unknown family "TOYS". Did you mean toys'):
        catalog["TOYS:two_b"]


@pytest.mark.parametrize("prefix", ["", "flan:"])
def test_names_of_tasks_are_read_with_members_of_families_in_them(catalog, prefix):
    def read(text):
        return str(catalog.task_name(prefix + text))

    assert read("b") == "flan:b" and read("b.plain") == "flan:b.plain"
    assert read("b.plain.rank") == "flan:b.plain.rank"
    # The source's name has a dot of its own.
    for member in ("two_b", "Two.b"):
        assert read(f"toys:{member}") == "flan:toys:two_b"
        assert read(f"toys:{member}.plain") == "flan:toys:two_b.plain"
        assert read(f"toys:{member}.plain.rank") == "flan:toys:two_b.plain.rank"
    for text, problem in (
        ("d.plain", 'unknown dataset "d"'),
        ("toys:tow_b.plain", 'unknown task of toys "tow_b.plain". Did you mean two_b'),
        ("toys.plain", "it is a family of tasks: toys:<task>"),
        ("b.plain.more", "after the template id only .rank may follow"),
        ("b.rank", ".rank stands behind the id of a template"),
        ("mix.air", "it is the name of a mixture"),
        ("B.plain", "is no name of ours"),
    ):
        with pytest.raises(UnknownNameError, match=re.escape(problem)):
            read(text)


def test_mixtures_are_found_by_the_names_of_seqio(catalog):
    catalog.add_mixture(Mixture(name="two.words", include=("b",)))
    assert catalog.mixture("flan:mix.two.words").name == "two.words"
    assert catalog.mixture("flan:toys:Two.b").include == ("toys:two_b",)
    assert catalog.mixture("flan:toys").include == ("toys",)
    for name in ("toys:two_b.plain", "flan:toys:Two.b.plain.rank"):
        with pytest.raises(UnknownNameError, match="rows are drawn of toys:two_b, with --templ"):
            catalog.mixture(name)
    with pytest.raises(UnknownNameError, match='unknown family "toy". Did you mean toys'):
        catalog.mixture("toy:two_b")


def test_a_cluster_that_families_alone_have_means_their_members(catalog):
    assert names(catalog.expand(["odd"])) == ["toys:two_b"]
    assert catalog.knows("odd")


def test_a_cluster_held_out_is_held_out_in_the_families_of_the_mixture(catalog):
    mixture = Mixture(name="m", include=("all", "toys"), hold_out=("air",))
    assert names(catalog.members(mixture)) == ["toys:two_b", "c"]
    assert names(catalog.held_out(mixture)) == ["a1", "b", "toys:four", "toys:one"]
    plain = Mixture(name="m", hold_out=("air",))
    assert names(catalog.held_out(plain)) == ["a1", "b"]


def test_a_cluster_held_out_leaves_out_what_no_default_mixture_has(catalog):
    mixture = Mixture(name="m", include=("all", "other", "toys:three"), hold_out=("air", "odd"))
    assert names(catalog.members(mixture)) == ["c"]


def test_overlaps_that_members_declare_count_on_both_sides(catalog):
    mixture = Mixture(name="m", include=("all", "toys"), hold_out=("b",), drop_overlaps=True)
    assert names(catalog.members(mixture)) == ["a1", "toys:four", "toys:two_b", "c"]
    kept = Mixture(name="m", include=("all", "toys"), hold_out=("a", "toys:one"))
    assert catalog.overlapping(kept) == {"b": ("toys:one",), "toys:four": ("a1",)}


def test_what_one_member_overlaps_with_does_not_overlap_for_that(catalog):
    # four is made of a and c; they share no text.
    assert names(catalog.with_overlaps(["a"], families=["toys"])) == ["a1", "toys:four"]


def test_families_share_data_sets_and_overlap_with_tasks_of_each_other(catalog, tmp_path):
    members = (
        Member(source_name="of_pond", cluster="sea", data_sets=("pond",)),
        Member(source_name="of_both", cluster="sea", data_sets=("pond", "lake")),
        Member(source_name="of_one", cluster="sea", overlaps=("toys:one",)),
        Member(source_name="of_all", cluster="sea", overlaps=("toys",)),
    )
    more = (
        Member(source_name="pond_too", cluster="air", data_sets=("pond",)),
        Member(source_name="lake_too", cluster="air", data_sets=("lake",)),
    )
    lost = Member(source_name="x", cluster="sea", overlaps=("toys:nine",))
    for name, some in {"games": members, "songs": more, "lost": (lost,)}.items():
        (tmp_path / name).mkdir()
        family = toy_family(tmp_path / name, write_index(some), name=name)
        catalog.add_family(family, templates=tmp_path / "birds.toml")
    assert catalog.check() == ['lost: overlaps "toys:nine", which is no dataset']

    def left(hold_out, *include):
        mixture = Mixture(name="m", include=include, hold_out=hold_out, drop_overlaps=True)
        return names(catalog.members(mixture))

    games = ["games:of_all", "games:of_both", "games:of_one", "games:of_pond"]
    assert left(("songs:pond_too",), "games") == ["games:of_all", "games:of_one"]
    # What one task is made of does not link the tasks of each.
    assert left(("games:of_pond",), "songs", "games") == [
        *("songs:lake_too", "games:of_all", "games:of_one"),
    ]
    assert left(("toys:one",), "games") == ["games:of_both", "games:of_pond"]
    assert left(("toys:two_b",), "games") == [name for name in games if name != "games:of_all"]
    assert left(("games:of_one",), "all", "toys") == ["a1", "b", "toys:four", "toys:two_b", "c"]
    # Of a family that is not asked for nothing is looked at.
    assert names(catalog.with_overlaps(["games:of_one"])) == ["games:of_one"]


def test_a_family_has_a_name_of_its_own(catalog, tmp_path):
    for name in ("b", "air", "a", "all", "toys"):
        with pytest.raises(DeclarationError, match=r"taken|all"):
            catalog.add_family(toy_family(tmp_path, name=name), templates=tmp_path / "birds.toml")
    with pytest.raises(DeclarationError, match="taken"):
        catalog.add(toy_dataset("toys"), cluster="air", templates=tmp_path / "birds.toml")


def test_members_share_the_templates_of_their_family(catalog):
    assert catalog.templates("toys:one") is catalog.templates("toys:two_b")
    assert catalog.templates("toys") is catalog.templates("toys:one")


def test_check_names_overlaps_and_clusters_of_members_that_are_none(catalog, tmp_path):
    index = write_index([Member(source_name="x", cluster="b", overlaps=("nowhere",))])
    odd = toy_family(tmp_path, index, name="more", index=tmp_path / "toys.index.jsonl")
    catalog.add_family(odd, templates=tmp_path / "birds.toml")
    problems = "\n".join(catalog.check())
    assert 'more: overlaps "nowhere", which is no dataset' in problems
    assert 'more: cluster "b" is a dataset\'s' in problems


def test_the_index_is_not_read_before_a_member_is_named(catalog, tmp_path):
    broken = toy_family(tmp_path / "..", "no JSON", name="broken", index=tmp_path / "none.jsonl")
    catalog.add_family(broken, templates=tmp_path / "birds.toml")
    mixture = Mixture(name="m", include=("all",), hold_out=("air",), drop_overlaps=True)
    assert names(catalog.members(mixture)) == ["c"]
    assert catalog.knows("b") and catalog.overlapping(mixture) == {}
