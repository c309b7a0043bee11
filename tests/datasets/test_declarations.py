"""Every declared dataset: its labels, sample rows, templates and golden renderings."""

import pytest
from conftest import ROOT
from datasets_page import datasets_page
from golden_text import golden_text

from flan_tasks.core.example import Example, Skip
from flan_tasks.core.lint import lint_across, lint_set
from flan_tasks.core.origin import Tfds
from flan_tasks.core.render import render
from flan_tasks.core.row_examples import normalize_row, selected
from flan_tasks.core.splits import Splits
from flan_tasks.core.template import FORWARD, INVERTED
from flan_tasks.datasets import catalog
from flan_tasks.raw_rows.reading import read_examples
from flan_tasks.raw_rows.samples import SamplesSource
from flan_tasks.raw_rows.tfds import TfdsSource

NAMES = [dataset.name for dataset in catalog().datasets]
GOLDEN = ROOT / "tests" / "golden"


def samples(name: str) -> SamplesSource:
    return SamplesSource(name, catalog().samples(name))


def items(name: str) -> list[tuple[str, int, dict, Example | Skip]]:
    """(source split, row number, row, what became of it) for every sample row."""
    dataset, source = catalog()[name], samples(name)
    return [
        (split, number, row, selected(dataset, item, source_split=split))
        for split, count in source.splits().items()
        for number, row in enumerate(source.rows(split, range(count)))
        for item in normalize_row(dataset, row, source_split=split, number=number)
    ]


def examples(name: str) -> list[Example]:
    return [item for _, _, _, item in items(name) if isinstance(item, Example)]


@pytest.mark.parametrize("name", NAMES)
def test_samples_have_enough_rows_in_each_split(name):
    dataset, counts = catalog()[name], samples(name).splits()
    feeding = dataset.splits.train or dataset.splits.test
    assert counts[feeding] >= 12, counts
    for split in {dataset.splits.source_split(s) for s in dataset.splits.names} - {feeding}:
        assert counts[split] >= 4, counts
    assert all(count >= 4 for count in counts.values()), counts


@pytest.mark.parametrize("name", NAMES)
def test_samples_show_every_class_about_equally(name):
    dataset = catalog()[name]
    if not dataset.options:
        return
    found = [example.answer for example in examples(name)]
    counts = {option: found.count(option) for option in dataset.options}
    assert min(counts.values()) >= max(1, len(found) // (3 * len(dataset.options))), counts


@pytest.mark.parametrize("name", NAMES)
def test_every_split_yields_examples_from_the_samples(name):
    dataset, source = catalog()[name], samples(name)
    for split in dataset.splits.names:
        found = [item for _, items in read_examples(dataset, source, split) for item in items]
        assert any(isinstance(item, Example) for item in found), split


@pytest.mark.parametrize("name", NAMES)
def test_templates_are_lint_clean_on_every_sample_row(name):
    found = lint_set(catalog()[name], catalog().templates(name), examples(name))
    assert [str(finding) for finding in found] == []


def test_no_wording_stands_in_two_files():
    assert [str(f) for f in lint_across(catalog().templates(name) for name in NAMES)] == []


def test_declarations_agree_with_one_another():
    assert catalog().check() == []


@pytest.mark.parametrize("name", NAMES)
def test_every_template_filled_with_every_row_is_whole(name):
    dataset = catalog()[name]
    for template in catalog().templates(name):
        for example in examples(name):
            for options in (True, False):
                filled = render(template, example, options=options)
                own = "".join([*example.fields.values(), example.answer, *example.options])
                for text in (filled.inputs, filled.targets):
                    assert text.strip(), (template.id, example.key)
                    for field in (*dataset.fields, "answer", "options"):
                        brace = "{" + field + "}"
                        assert brace not in text or brace in own, (template.id, example.key)
                if template.kind == FORWARD and dataset.is_ranked:
                    assert filled.targets in example.options
                if not options:
                    assert "OPTIONS:" not in filled.inputs or "OPTIONS:" in own


@pytest.mark.parametrize("name", NAMES)
def test_the_place_of_the_answer_does_not_give_it_away(name):
    dataset = catalog()[name]
    if not dataset.options_per_example:
        return
    places = [example.options.index(example.answer) for example in examples(name)]
    assert len(set(places)) > 1, "the answer always stands in the same place"


@pytest.mark.parametrize("name", NAMES)
def test_labels_of_the_samples_are_within_the_sources_own(name):
    dataset = catalog()[name]
    for column, labels in dataset.labels.items():
        for split, number, row, item in items(name):
            value = row[column]
            assert -1 <= value < len(labels), (split, number)
            if value < 0:
                assert isinstance(item, Skip), (split, number)


@pytest.mark.parametrize("name", NAMES)
def test_labels_are_the_sources_own_in_their_order(name, real_tree):
    dataset = catalog()[name]
    if not isinstance(dataset.source, Tfds):
        pytest.skip("its source is not TFDS")
    source = TfdsSource(dataset.source, columns=tuple(dataset.schema), data_dir=real_tree)
    if source.status().state != "available":
        pytest.skip("no real rows of it are available")
    stated = source.labels()
    assert {c: tuple(dataset.labels[c]) for c in stated} == stated
    assert set(dataset.labels) <= set(stated)


@pytest.mark.parametrize("name", NAMES)
def test_templates_are_ten_and_up_to_three(name):
    templates = catalog().templates(name)
    assert len(templates.of_kind(FORWARD)) == 10
    # Answer, question and reasoning can be asked for in four ways.
    assert len(templates.of_kind(INVERTED)) <= (4 if catalog()[name].rationale else 3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0, 1, 2, 3, 12, 64, 199, 200, 400, 401, 5000, 100_000])
def test_splits_share_no_row_at_any_size(name, size):
    splits: Splits = catalog()[name].splits
    parts = [splits.slice(split, size) for split in splits.names]
    for i, one in enumerate(parts):
        for other in parts[i + 1 :]:
            if one.source_split == other.source_split:
                assert one.stop <= other.start or other.stop <= one.start


@pytest.mark.parametrize("name", NAMES)
def test_summary_is_one_line(name):
    assert catalog()[name].summary.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_golden_renderings(name, request):
    dataset = catalog()[name]
    path = GOLDEN / dataset.cluster / f"{name}.txt"
    text = golden_text(name, catalog().templates(name), examples(name))
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.exists(), "run pytest --update-golden and read the file aloud"
    assert text == path.read_text(encoding="utf-8"), "prompts changed; read the diff"


def test_no_golden_file_is_left_over():
    known = {GOLDEN / catalog()[name].cluster / f"{name}.txt" for name in NAMES}
    clusters = {path.parent for path in known}
    assert {path for folder in clusters for path in folder.rglob("*.txt")} == known


def test_datasets_page_is_what_the_declarations_say(request):
    path = ROOT / "docs" / "datasets.md"
    text = datasets_page(catalog())
    if request.config.getoption("--update-golden"):
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text == path.read_text(encoding="utf-8"), "run pytest --update-golden"
