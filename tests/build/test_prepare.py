import pytest
from conftest import make_catalog, toy_normalize

from flan_tasks.build.prepare import SourceChoice, prepare
from flan_tasks.core.errors import DeclarationError, SourceUnavailableError, TemplateError
from flan_tasks.core.mixture import Mixture


def test_limit_is_shared_by_parts_in_proportion(tmp_path):
    catalog = make_catalog(tmp_path, {"r1": 104, "r2": 304}, part_of="rounds")
    found = prepare(Mixture(name="m", limit=40), catalog, source=SourceChoice())
    assert {i.dataset.name: i.available for i in found.ingredients} == {"r1": 10, "r2": 30}


def test_parts_whose_rows_hold_several_examples_keep_them_all(tmp_path):
    def twice(row):
        """Asks twice."""
        one = toy_normalize(row)
        return one, one

    catalog = make_catalog(tmp_path, {"r1": 24, "r2": 44}, part_of="rounds", normalize=twice)
    found = prepare(Mixture(name="m"), catalog, source=SourceChoice())
    assert {i.dataset.name: i.available for i in found.ingredients} == {"r1": 40, "r2": 80}


def test_missing_sources_are_all_listed(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 20, "fish": 20, "cats": 20})
    for name in ("birds", "cats"):
        (tmp_path / name / "train.jsonl").unlink()
    with pytest.raises(SourceUnavailableError) as caught:
        prepare(Mixture(name="m"), catalog, source=SourceChoice())
    text = str(caught.value)
    assert "2 of its datasets cannot be had for train" in text
    assert f"birds: no file train.jsonl (looked in {tmp_path / 'birds'})" in text
    assert "cats: no file train.jsonl" in text
    assert "--allow-missing" in text


def test_missing_sources_are_left_out_when_allowed(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 20, "fish": 20})
    (tmp_path / "birds" / "train.jsonl").unlink()
    found = prepare(Mixture(name="m"), catalog, source=SourceChoice(), allow_missing=True)
    assert [item.dataset.name for item in found.ingredients] == ["fish"]
    assert list(found.missing) == ["birds"]


def test_nothing_left_is_an_error_even_when_missing_is_allowed(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 20})
    (tmp_path / "birds" / "train.jsonl").unlink()
    with pytest.raises(SourceUnavailableError, match="Nothing is left to build from"):
        prepare(Mixture(name="m"), catalog, source=SourceChoice(), allow_missing=True)


def test_kinds_choose_the_templates(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 20})
    mixture = Mixture(name="m", kinds=("inverted",))
    (item,) = prepare(mixture, catalog, source=SourceChoice()).ingredients
    assert [template.id for template in item.templates] == ["name_one"]


def test_a_template_with_a_misspelt_field_is_named_before_anything_is_built(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 20})
    path = tmp_path / "birds.toml"
    path.write_text(path.read_text().replace("Is a {animal}", "Is a {animel}"))
    with pytest.raises(TemplateError) as caught:
        prepare(Mixture(name="m"), catalog, source=SourceChoice())
    assert str(caught.value) == (
        'templates/animals/birds.toml: template "plain" uses {animel}; '
        "fields are animal, answer, options. Did you mean {animal}?"
    )


def test_evaluation_splits_use_forward_templates_and_every_example(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 20})
    found = prepare(Mixture(name="m", cap=2), catalog, source=SourceChoice(), split="test")
    assert {template.kind for template in found.ingredients[0].templates} == {"forward"}
    assert found.one_pass == 6


def test_members_without_the_split_are_named(tmp_path):
    from flan_tasks.core.splits import Splits

    catalog = make_catalog(tmp_path, {"birds": 20}, splits=Splits.test_only())
    with pytest.raises(DeclarationError, match="none of its datasets has a train split: birds"):
        prepare(Mixture(name="m"), catalog, source=SourceChoice())
