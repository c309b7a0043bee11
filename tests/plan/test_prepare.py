import pytest
from conftest import make_catalog, toy_normalize

from flan_tasks.core.errors import (
    DeclarationError,
    RowError,
    SourceUnavailableError,
    TemplateError,
)
from flan_tasks.core.mixture import Mixture
from flan_tasks.plan.prepare import SourceChoice, prepare


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
    assert "2 of its datasets are not available for train" in text
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


def break_rows(folder, name, numbers):
    """Gives rows of a toy dataset, counted from its first line, a number where a text belongs."""
    path = folder / name / "train.jsonl"
    rows = path.read_text().splitlines()
    for number in numbers:
        rows[number] = '{"animal": 7, "bird": 1}'
    path.write_text("\n".join(rows) + "\n")


def lines_of(error):
    return [line.strip() for line in str(error).splitlines()]


def bad_row(name, number):
    return f'{name}, split train, row {number}: column "animal" is int 7; the schema says str'


def test_bad_rows_of_all_datasets_are_named_at_once(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 40, "cats": 40, "fish": 40})
    break_rows(tmp_path, "birds", (3, 9))
    break_rows(tmp_path, "fish", (5,))
    with pytest.raises(RowError) as caught:
        prepare(Mixture(name="m"), catalog, source=SourceChoice())
    assert lines_of(caught.value) == [
        "3 rows cannot be used:",
        *(bad_row("birds", number) for number in (3, 9)),
        bad_row("fish", 5),
    ]
    # What could be read need not be read again.
    assert [path.name[:4] for path in (tmp_path / "store").glob("*.arrow")] == ["cats"]


def test_one_bad_row_is_named_as_it_is(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 40})
    break_rows(tmp_path, "birds", (3,))
    with pytest.raises(RowError) as caught:
        prepare(Mixture(name="m"), catalog, source=SourceChoice())
    assert str(caught.value) == bad_row("birds", 3)


def test_reading_stops_at_the_tenth_bad_row(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 90, "cats": 40, "fish": 40})
    break_rows(tmp_path, "birds", range(0, 80, 20))
    break_rows(tmp_path, "cats", range(40))
    (tmp_path / "fish" / "train.jsonl").unlink()  # never asked for
    with pytest.raises(RowError) as caught:
        prepare(Mixture(name="m"), catalog, source=SourceChoice())
    head, *rows, more, last = lines_of(caught.value)
    assert head == "14 rows cannot be used:" and len(rows) == 10
    assert rows[:4] == [bad_row("birds", number) for number in range(0, 80, 20)]
    numbers = [int(row.split("row ")[1].split(":")[0]) for row in rows[4:]]
    assert rows[4:] == [bad_row("cats", number) for number in sorted(numbers)]
    assert more == "and 4 more" and last.endswith("stopped there: there may be others")


def test_lines_that_cannot_be_read_are_named_with_dataset_and_row(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 40})
    path = tmp_path / "birds" / "train.jsonl"
    rows = path.read_text().splitlines()
    rows[2], rows[6], rows[7] = '{"animal": ', "[]", '{"animal": "owl"}'
    path.write_text("\n".join(rows) + "\n")
    with pytest.raises(RowError) as caught:
        prepare(Mixture(name="m"), catalog, source=SourceChoice())
    head, broken, no_row, lacking = lines_of(caught.value)
    assert head == "3 rows cannot be used:"
    assert broken.startswith("birds, split train, row 2: train.jsonl, row 2: not valid JSON")
    assert no_row.startswith("birds, split train, row 6: train.jsonl, row 6: a row is a JSON obj")
    assert lacking == "birds, split train, row 7: no column bird; the row has animal"


def test_a_bad_row_behind_the_limit_is_not_read(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 40})
    whole = prepare(Mixture(name="m", limit=5), catalog, source=SourceChoice())
    read = {example.key for example in whole.ingredients[0].examples.take(range(5))}
    behind = next(n for n in range(36) if f"train:{n}" not in read)
    break_rows(tmp_path, "birds", (behind,))
    again = prepare(Mixture(name="m", limit=5), catalog, source=SourceChoice())
    assert again.ingredients[0].available == 5
