"""Planted overlaps between training rows and evaluation rows, and none where there is none."""

import json

import numpy as np
import pytest
from conftest import make_catalog

from flan_tasks.core.errors import BuildError, UnknownNameError
from flan_tasks.core.mixture import Mixture
from flan_tasks.decontamination.matches import (
    Checker,
    Part,
    evaluation_side,
    explain,
)
from flan_tasks.engine.reopen import drawn, reopen
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, compared_datasets, evaluation_parts, prepare

SETTINGS = BuildSettings("jsonl", "train", "inputs-targets", {"inputs": 64, "targets": 8})
PLANTED = "a small grey bird that sings before dawn and sleeps in an old barn near the river"


def plant(folder, name, split, rows):
    """Writes rows over the first ones of a file."""
    path = folder / name / f"{split}.jsonl"
    lines = path.read_text().splitlines()
    texts = [json.dumps({"animal": animal, "bird": 1}) for animal in rows]
    path.write_text("\n".join([*texts, *lines[len(rows) :]]) + "\n")


def catalog_of(folder, sizes, **changes):
    """Toy datasets whose rows do not repeat each other's."""
    catalog = make_catalog(folder, sizes, **changes)
    for number, name in enumerate(sizes):
        for split in ("train", "test"):
            path = folder / name / f"{split}.jsonl"
            count = len(path.read_text().splitlines())
            rows = [f"{split} {name} {number} {i}" for i in range(count)]
            plant(folder, name, split, rows)
    return catalog


def findings(catalog, names, against, **options):
    mixture = Mixture(name="m", include=tuple(names))
    prepared = prepare(mixture, catalog, source=SourceChoice(), **options)
    compared = compared_datasets(against, catalog, SourceChoice())
    checker = Checker(catalog, evaluation_parts(compared, catalog, source=SourceChoice()))
    parts = [Part(i.dataset, "train", i.examples) for i in prepared.ingredients]
    return [finding for part in parts for finding in checker.findings(part)]


def test_disjoint_data_has_no_findings(tmp_path):
    catalog = catalog_of(tmp_path, {"birds": 40, "fish": 40})
    assert findings(catalog, ["birds", "fish"], ["birds", "fish"]) == []


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (PLANTED, "example"),
        (PLANTED.upper().replace(" ", ",  ") + "!", "example"),
        ("Two days ago: " + PLANTED[: PLANTED.index(" near")] + "?", "13-gram"),
    ],
)
def test_a_planted_overlap_is_found_and_quoted(tmp_path, written, kind):
    catalog = catalog_of(tmp_path, {"birds": 40, "fish": 40})
    plant(tmp_path, "birds", "train", [written])
    plant(tmp_path, "fish", "test", ["something else", PLANTED])
    (found,) = findings(catalog, ["birds"], ["fish"])
    assert (found.dataset, found.evaluation, found.split) == ("birds", "fish", "test")
    assert dict(found.kinds) == {kind: 1}
    assert (found.examples, found.evaluation_examples) == (1, 1)
    (match,) = found.shown
    assert match.words in PLANTED and len(match.words.split()) >= 13
    assert match.key.startswith("train:") and match.evaluation_key.startswith("test:")


def test_an_example_counts_once_under_the_strongest_kind(tmp_path):
    catalog = catalog_of(tmp_path, {"birds": 40, "fish": 40})
    plant(tmp_path, "birds", "train", [PLANTED, "now " + PLANTED])
    plant(tmp_path, "fish", "test", [PLANTED, PLANTED + " and more"])
    (found,) = findings(catalog, ["birds"], ["fish"])
    assert dict(found.kinds) == {"example": 1, "13-gram": 1}
    assert (found.examples, found.evaluation_examples) == (2, 2)


def test_dropping_leaves_no_finding_and_counts_what_it_drops(tmp_path):
    catalog = catalog_of(tmp_path, {"birds": 40, "fish": 40})
    plant(tmp_path, "birds", "train", [PLANTED, "now " + PLANTED])
    plant(tmp_path, "fish", "test", [PLANTED])
    kept = prepare(
        Mixture(name="m", include=("birds",)),
        catalog,
        source=SourceChoice(),
        drop_against=("fish",),
    )
    (item,) = kept.ingredients
    whole = prepare(Mixture(name="m", include=("birds",)), catalog, source=SourceChoice())
    (before,) = whole.ingredients
    assert len(item.examples) == item.available == before.available - 2
    assert sum(item.examples.skipped.values()) == 2
    assert item.examples.key != before.examples.key
    texts = [e.fields["animal"] for e in item.examples.take(np.arange(item.available))]
    others = [e.fields["animal"] for e in before.examples.take(np.arange(before.available))]
    assert texts == [text for text in others if PLANTED not in text]
    assert findings(catalog, ["birds"], ["fish"], drop_against=("fish",)) == []


def test_a_build_without_matches_says_so_and_is_the_same_again(tmp_path):
    catalog = catalog_of(tmp_path, {"birds": 40, "fish": 40})
    plant(tmp_path, "birds", "train", [PLANTED])
    plant(tmp_path, "fish", "test", [PLANTED])
    made = []
    for name in ("one", "two"):
        prepared = prepare(
            Mixture(name="m", include=("birds",)),
            catalog,
            source=SourceChoice(),
            drop_against=("fish",),
        )
        plan = make_plan(prepared, seed=3)
        folder = tmp_path / name
        made.append(build(prepared, plan, SETTINGS, folder).manifest)
        assert PLANTED not in (folder / made[0]["files"][0]["path"]).read_text()
    assert made[0] == made[1]
    about = made[0]["decontaminated"]
    assert about["against"] == ["fish"] and about["dropped"] == {"birds": 1}
    assert [(e["name"], e["split"]) for e in about["evaluation"]] == [
        ("fish", "validation"),
        ("fish", "test"),
    ]
    assert "occur in the evaluation sets of fish, 1 of 1" in (folder / "README.md").read_text()


def test_a_build_is_compared_by_the_examples_it_draws(tmp_path):
    catalog = catalog_of(tmp_path, {"birds": 40})
    prepared = prepare(Mixture(name="m", cap=10), catalog, source=SourceChoice())
    plan = make_plan(prepared, seed=0)
    manifest = build(prepared, plan, SETTINGS, tmp_path / "out").manifest
    again, planned = reopen(manifest, catalog, source=SourceChoice())
    (part,) = drawn(again, planned)
    rows = (tmp_path / "out" / manifest["files"][0]["path"]).read_text().splitlines()
    keys = {json.loads(row)["key"] for row in rows}
    assert {example.key for example in part.examples.take(part.chosen)} == keys
    assert len(part.chosen) == 10


def test_a_build_of_other_rows_is_refused(tmp_path):
    catalog = catalog_of(tmp_path, {"birds": 40})
    prepared = prepare(Mixture(name="m"), catalog, source=SourceChoice())
    plan = make_plan(prepared, seed=0)
    manifest = build(prepared, plan, SETTINGS, tmp_path / "out").manifest
    plant(tmp_path, "birds", "train", ["a row that was changed"])
    with pytest.raises(BuildError, match="birds: its source, version or normalizer is another"):
        reopen(manifest, catalog, source=SourceChoice())


def overlap_path(one, other):
    from flan_tasks.datasets import catalog

    return catalog().overlap_path(catalog()[one], catalog()[other])


def test_overlaps_that_families_declare_are_explained_from_both_sides():
    from flan_tasks.datasets import catalog

    families = catalog().families
    tasks = {name: f"{name}:{families[name].overlapping['rte'][0]}" for name in ("niv2", "p3")}
    for task in tasks.values():
        for one, other in (("rte", task), (task, "rte")):
            assert explain(catalog(), catalog()[one], catalog()[other]) == (
                f"declared overlap: {one} - {other}"
            )
    task = f"p3:{families['p3'].overlapping['squad_v1'][0]}"
    assert overlap_path("qnli", task) == ("qnli", "squad_v1", task)
    assert overlap_path(task, "qnli") == (task, "squad_v1", "qnli")
    assert overlap_path(tasks["niv2"], tasks["p3"]) == (tasks["niv2"], "rte", tasks["p3"])


def test_overlaps_are_explained_along_their_chain():
    from flan_tasks.datasets import catalog

    assert overlap_path("fix_punct", "word_segment") == ("fix_punct", "word_segment")
    for one, other in (("qnli", "squad_v2"), ("squad_v2", "qnli")):
        path = overlap_path(one, other)
        assert path[0] == one and path[-1] == other
    assert overlap_path("rte", "trec") == ()
    get = catalog().__getitem__
    assert explain(catalog(), get("anli_r1"), get("anli_r2")) == "both are parts of anli"
    assert explain(catalog(), get("rte"), get("rte")) == "another split of the same dataset"
    assert explain(catalog(), get("rte"), get("trec")) == "not declared"
    assert explain(catalog(), get("e2e_nlg"), get("web_nlg_en")) == (
        "declared overlap: e2e_nlg - dart - web_nlg_en"
    )


def test_overlaps_are_symmetric_and_transitive():
    from flan_tasks.datasets import catalog

    # What stands outside the collection is met, and not followed.
    names = {dataset.name for dataset in catalog().expand(["all"])}
    reach = {name: {d.name for d in catalog().with_overlaps([name])} & names for name in names}
    for one in names:
        for other in reach[one]:
            assert reach[other] == reach[one]
            assert overlap_path(one, other)


def test_a_mixture_means_its_held_out_side():
    from flan_tasks.datasets import catalog

    held_out = {d.name for d in evaluation_side(catalog(), "without.nli")}
    assert held_out == {d.name for d in catalog().expand(["nli"])}
    assert {d.name for d in evaluation_side(catalog(), "anli")} == {
        "anli_r1",
        "anli_r2",
        "anli_r3",
    }
    with pytest.raises(UnknownNameError):
        evaluation_side(catalog(), "without.nil")
