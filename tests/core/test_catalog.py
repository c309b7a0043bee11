import pytest
from conftest import TOY_TEMPLATES, toy_dataset

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.errors import DeclarationError, TemplateError, UnknownNameError
from flan_tasks.core.mixture import Mixture


@pytest.fixture
def catalog(tmp_path):
    path = tmp_path / "birds.toml"
    path.write_text(TOY_TEMPLATES)
    found = Catalog()
    for name, changes, cluster in (
        ("a1", {"part_of": "a"}, "air"),
        ("a2", {"part_of": "a"}, "air"),
        ("b", {"overlaps": ("c",)}, "air"),
        ("c", {"overlaps": ("b", "d")}, "sea"),
        ("d", {"overlaps": ("c",)}, "land"),
        ("extra", {"in_default_mixtures": False}, "land"),
    ):
        found.add(toy_dataset(name, **changes), cluster=cluster, templates=path)
    return found


@pytest.mark.parametrize("cluster", ["Own", "a/b", "a\nb", "", "<b>", "x" * 300])
def test_a_cluster_has_a_name_like_those_of_datasets(catalog, tmp_path, cluster):
    with pytest.raises(DeclarationError, match="cluster"):
        catalog.add(toy_dataset("e"), cluster=cluster, templates=tmp_path / "birds.toml")


def names(datasets):
    return [dataset.name for dataset in datasets]


def test_expand_knows_datasets_parents_clusters_and_all(catalog):
    assert names(catalog.expand(["a"])) == ["a1", "a2"]
    assert names(catalog.expand(["air", "d"])) == ["a1", "a2", "b", "d"]
    assert names(catalog.expand(["all"])) == ["a1", "a2", "b", "d", "c"]
    assert names(catalog.expand(["extra"])) == ["extra"]


def test_expand_offers_the_nearest_names(catalog):
    with pytest.raises(UnknownNameError, match=r'dataset or cluster "airr". Did you mean air'):
        catalog.expand(["airr"])


def test_members_leave_out_what_is_excluded_and_held_out(catalog):
    mixture = Mixture(name="m", exclude=("a1",), hold_out=("b",))
    assert names(catalog.members(mixture)) == ["a2", "d", "c"]
    assert names(catalog.held_out(mixture)) == ["b"]


def test_members_follow_overlaps_transitively_when_asked(catalog):
    mixture = Mixture(name="m", hold_out=("b",), drop_overlaps=True)
    assert names(catalog.members(mixture)) == ["a1", "a2"]


def test_what_is_added_after_a_name_was_looked_up_is_in_it(catalog, tmp_path):
    mixture = Mixture(name="m", include=("air",))
    assert names(catalog.members(mixture)) == names(catalog.expand(["air"])) == ["a1", "a2", "b"]
    catalog.add(toy_dataset("a3"), cluster="air", templates=tmp_path / "birds.toml")
    assert names(catalog.members(mixture)) == names(catalog.expand(["air"]))
    assert "a3" in names(catalog.members(mixture))
    assert names(catalog.members(Mixture(name="m", include=("sea",)))) == ["c"]


def test_members_refuse_an_empty_mixture(catalog):
    with pytest.raises(DeclarationError, match="nothing is left to train on"):
        catalog.members(Mixture(name="m", include=("air",), exclude=("air",)))


def test_mixture_of_a_dataset_name_is_that_dataset(catalog):
    assert names(catalog.members(catalog.mixture("a"))) == ["a1", "a2"]


def test_mixture_offers_the_nearest_names(catalog):
    catalog.add_mixture(Mixture(name="without.air", exclude=("air",)))
    with pytest.raises(UnknownNameError, match=r"Did you mean without\.air"):
        catalog.mixture("without.ari")


def test_names_are_taken_once(catalog, tmp_path):
    for name in ("b", "air", "a", "all"):
        with pytest.raises(DeclarationError, match="taken"):
            catalog.add(toy_dataset(name), cluster="air", templates=tmp_path / "birds.toml")
    catalog.add_mixture(Mixture(name="m"))
    with pytest.raises(DeclarationError, match="taken"):
        catalog.add_mixture(Mixture(name="m"))


def test_templates_of_a_missing_file_are_an_error(catalog, tmp_path):
    catalog.add(toy_dataset("e"), cluster="air", templates=tmp_path / "none.toml")
    with pytest.raises(TemplateError, match=r"templates/air/none.toml: cannot be read"):
        catalog.templates("e")


def test_members_that_share_text_with_what_is_held_out_are_known(catalog):
    assert catalog.overlapping(Mixture(name="m", hold_out=("b",))) == {"d": ("b",), "c": ("b",)}
    assert catalog.overlapping(Mixture(name="m", hold_out=("b",), exclude=("c",))) == {"d": ("b",)}
    assert catalog.overlapping(Mixture(name="m", hold_out=("b",), drop_overlaps=True)) == {}
    assert catalog.overlapping(Mixture(name="m")) == {}


def test_check_finds_overlaps_said_on_one_side_only(catalog, tmp_path):
    assert catalog.check() == []
    path = tmp_path / "birds.toml"
    catalog.add(toy_dataset("f", overlaps=("b", "gone")), cluster="air", templates=path)
    assert catalog.check() == [
        "f overlaps b, which does not say so",
        'f: overlaps "gone", which is no dataset',
    ]


def test_refused_licenses_are_those_not_allowed_and_those_denied(tmp_path):
    path = tmp_path / "birds.toml"
    path.write_text(TOY_TEMPLATES)
    found = Catalog()
    for name, license_ in (("a", "CC-BY-4.0"), ("b", "CC-BY-NC-4.0"), ("c", "MIT")):
        found.add(toy_dataset(name, license=license_), cluster="air", templates=path)
    mixture = Mixture(name="m")
    assert names(found.refused_licenses(mixture)) == []
    assert names(found.refused_licenses(mixture, allow=["cc-by-*"])) == ["c"]
    assert names(found.refused_licenses(mixture, deny=["*-NC-*"])) == ["b"]
    assert names(found.refused_licenses(mixture, allow=["CC*"], deny=["*NC*"])) == ["b", "c"]


def test_rates_by_name_are_shared_by_the_parts_of_a_parent(catalog):
    mixture = Mixture(name="m", include=("a", "b"), scheme="rates", rates={"a": 3.0, "b": 1.0})
    members = catalog.members(mixture)
    rates = catalog.rates(mixture, members, {"a1": 20, "a2": 10, "b": 7})
    assert rates == {"a1": 2.0, "a2": 1.0, "b": 1.0}
    proportional = Mixture(name="m", include=("a", "b"))
    assert catalog.rates(proportional, members, {"a1": 20, "a2": 10, "b": 0}) == {
        "a1": 20,
        "a2": 10,
    }
