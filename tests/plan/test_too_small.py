"""Tasks that have too few rows for a split: named with their reason, and no obstacle."""

import pytest
from toy_families import family_catalog, write_tasks
from without_model import ByRule, right

from flan_tasks.core.errors import EvaluationError, TooFewRowsError
from flan_tasks.core.family import Member
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.parts import Part
from flan_tasks.core.splits import Splits
from flan_tasks.core.variation import Variation
from flan_tasks.engine.manifest import make_manifest
from flan_tasks.engine.part_table import part_table
from flan_tasks.engine.recipe import make_recipe
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.loop import evaluate
from flan_tasks.evaluation.units import Evaluation
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.raw_rows import task_files
from flan_tasks.specs.build_spec import BuildSpec
from flan_tasks.store.store import Store

# The first four rows are test, the last two validation, as far as there are so many.
SPLITS = Splits(train="tasks", carve_validation=2, test_first=4)
SIZES = {"small": 4, "large": 9, "tiny": 2}
MIX = Mixture(name="m", include=("toys",))
SOURCE = SourceChoice()


@pytest.fixture
def known(tmp_path):
    write_tasks(tmp_path, SIZES)
    members = [
        Member(source_name=name, cluster="c", splits=("test",) if name == "tiny" else ())
        for name in SIZES
    ]
    return family_catalog(tmp_path, members, splits=SPLITS)


def test_a_task_too_small_for_train_is_not_missing(tmp_path, known):
    store = Store(tmp_path / "store")
    prepared = prepare(MIX, known, source=SOURCE, store=store)
    assert [item.name for item in prepared.ingredients] == ["toys:large"]
    assert prepared.missing == {} and prepared.without_split == ("toys:tiny",)
    assert prepared.too_small == {"toys:small": "too few rows for a train split"}
    # What stands in the store says the same.
    assert prepare(MIX, known, source=SOURCE, store=Store(tmp_path / "store")).too_small
    alone = Mixture(name="alone", include=("toys:small",))
    with pytest.raises(TooFewRowsError, match="toys:small: too few rows for a train split"):
        prepare(alone, known, source=SOURCE, store=store)


def test_the_manifest_has_a_reason_of_its_own_for_it(tmp_path, known):
    prepared = prepare(MIX, known, source=SOURCE, store=Store(tmp_path / "store"))
    plan, spec = make_plan(prepared, seed=0), BuildSpec(mixture=MIX)
    recipe = make_recipe(prepared, plan, spec)
    settings = BuildSettings(
        format="jsonl",
        split="train",
        style="inputs-targets",
        lengths={"inputs": 64, "targets": 64},
        num_shards=1,
    )
    manifest = make_manifest(
        prepared, plan, settings, spec=spec, recipe=recipe, shards=[], others=[]
    )
    assert manifest["too_small"] == {"toys:small": "too few rows for a train split"}
    assert manifest["missing"] == {} and recipe["too_small"] == ["toys:small"]


def test_a_part_counts_tasks_that_are_too_small_as_without_rows(tmp_path, known):
    parts = Mixture(name="m", parts=(Part(name="toys", weight=1, include=("toys",)),))
    prepared = prepare(parts, known, source=SOURCE, store=Store(tmp_path / "store"))
    (entry,) = part_table(prepared, make_plan(prepared, seed=0))
    assert (entry["tasks"], entry["missing"]) == (1, 1)


def test_a_split_that_is_too_small_keeps_no_other_from_being_scored(tmp_path, known):
    evaluation = Evaluation(datasets=known.expand(["toys"]))
    answers = Answers(tmp_path / "out", {})
    store = Store(tmp_path / "store")
    outcome = evaluate(evaluation, known, answers, ByRule(right), store=store)
    splits = {one.dataset: [t.split for t in one.templates] for one in outcome.scores}
    assert {name: set(of_it) for name, of_it in splits.items()} == {
        "toys:large": {"validation", "test"},
        "toys:small": {"test"},
        "toys:tiny": {"test"},
    }
    assert outcome.missing == {}
    assert outcome.left_out == {
        "toys:small (validation)": "too few rows for a validation split",
    }


def test_where_nothing_is_left_to_score_the_reasons_are_named(tmp_path, known):
    evaluation = Evaluation(
        datasets=known.expand(["toys:small", "toys:tiny"]), splits=("validation",)
    )
    answers = Answers(tmp_path / "out", {})
    with pytest.raises(EvaluationError) as caught:
        evaluate(evaluation, known, answers, ByRule(right), store=Store(tmp_path / "store"))
    assert "toys:small (validation): too few rows for a validation split" in str(caught.value)
    assert "toys:tiny: it has no validation split by declaration" in str(caught.value)


def test_tasks_without_exemplars_are_named_and_the_others_are_asked(tmp_path, known):
    evaluation = Evaluation(
        datasets=known.expand(["toys"]), splits=("test",), variation=Variation(shots=2)
    )
    answers = Answers(tmp_path / "out", {})
    outcome = evaluate(evaluation, known, answers, ByRule(right), store=Store(tmp_path / "store"))
    assert [score.dataset for score in outcome.scores] == ["toys:large"]
    assert outcome.left_out == {
        "toys:small (test)": "too few rows for a train split",
        "toys:tiny (test)": "it has no train split, so there are no exemplars",
    }


def test_an_evaluation_digests_the_files_of_a_family_once(tmp_path, known, monkeypatch):
    asked = []
    digests = task_files.digests
    monkeypatch.setattr(task_files, "digests", lambda paths: asked.append(paths) or digests(paths))
    evaluation = Evaluation(datasets=known.expand(["toys"]))
    answers = Answers(tmp_path / "out", {})
    evaluate(evaluation, known, answers, ByRule(right), store=Store(tmp_path / "store"))
    assert len(asked) == 1 and len(asked[0]) == 3
