"""What an option of a build costs: one field, and its effect in one place for all who plan rows."""

import io
import json
import tokenize
from dataclasses import dataclass, replace

import pytest
from click.testing import CliRunner
from conftest import ROOT

import flan_tasks as ft
from flan_tasks.cli.main import cli
from flan_tasks.core.errors import BuildError
from flan_tasks.core.spec import option
from flan_tasks.datasets import catalog
from flan_tasks.engine import asked_for, from_spec
from flan_tasks.engine.asked_for import recorded_spec
from flan_tasks.engine.reopen import reopen
from flan_tasks.plan.prepare import SourceChoice
from flan_tasks.specs.build_spec import BuildSpec


def places(name: str) -> dict[str, int]:
    """Module -> how often its code, comments and texts aside, has a name."""
    counts = {}
    for path in sorted((ROOT / "flan_tasks").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if name in text:
            words = tokenize.generate_tokens(io.StringIO(text).readline)
            count = sum(word.type == tokenize.NAME and word.string == name for word in words)
            if count:
                counts[str(path.relative_to(ROOT / "flan_tasks"))] = count
    return counts


@pytest.mark.parametrize("name", ["license_allow", "license_deny"])
def test_an_option_stands_in_its_field_and_where_it_takes_effect(name):
    assert places(name) == {"engine/from_spec.py": 1, "specs/build_spec.py": 1}


def test_what_an_option_leaves_out_is_out_everywhere(tmp_path):
    deny = ("*-NC-*", "not stated*")
    spec = ft.BuildSpec(mixture="nli", source="samples", license_deny=deny, seed=3)
    built = ft.build(spec, tmp_path / "out")
    names = {task["name"] for task in built.tasks}
    assert {"snli", "qnli"} <= names and not {"rte", "anli_r1"} & names
    assert {row["task"].removeprefix("flan:") for row in ft.rows(spec)} == names
    words = ["show", "nli", "--seed", "3", "-n", str(built.examples), "--json"]
    words += [word for pattern in deny for word in ("--license-deny", pattern)]
    shown = json.loads(CliRunner().invoke(cli, words, catch_exceptions=False).output)["prompts"]
    assert {prompt["dataset"] for prompt in shown} == names
    prepared, plan = reopen(built.manifest, catalog(), source=SourceChoice("samples"))
    assert {item.dataset.name for item in prepared.ingredients} == names
    assert len(plan) == built.examples


@dataclass(frozen=True, kw_only=True)
class Fewer(BuildSpec):
    """A build with an option more."""

    without: str | None = option(None)
    """A dataset that is left out."""


def test_a_new_option_needs_a_field_and_an_effect(tmp_path, monkeypatch):
    declared = from_spec.declared_mixture

    def effect(spec, known):
        mixture, refused = declared(spec, known)
        if spec.without:
            mixture = replace(mixture, exclude=(*mixture.exclude, spec.without))
        return mixture, refused

    monkeypatch.setattr(from_spec, "declared_mixture", effect)
    monkeypatch.setattr(asked_for, "BuildSpec", Fewer)
    spec = Fewer(mixture="coreference", source="samples", without="winogrande", report=False)
    built = ft.build(spec, tmp_path / "out")
    assert built.command.endswith("--without winogrande")
    assert built.manifest["recipe"]["spec"]["without"] == "winogrande"
    assert "winogrande" not in {row["dataset"] for row in ft.rows(spec)}
    assert "winogrande" in {row["dataset"] for row in ft.rows(replace(spec, without=None))}
    again = recorded_spec(built.manifest)
    assert isinstance(again, Fewer) and again.without == "winogrande"
    prepared, plan = reopen(built.manifest, catalog(), source=SourceChoice("samples"))
    assert "winogrande" not in {item.dataset.name for item in prepared.ingredients}
    assert len(plan) == built.examples == len(ft.rows(spec))


@pytest.mark.parametrize(
    "settings",
    [
        {"format": "jsonl", "examples": 30, "split": "validation"},
        {"format": "arrays", "vocab": "bytes", "lengths": {"inputs": 400}},
        {"format": "jsonl", "shots": 2, "vocab": "bytes", "kinds": ("forward",), "seed": 5},
        {"format": "jsonl", "drop_overlaps": True},
    ],
    ids=lambda settings: ",".join(settings),
)
def test_the_record_of_a_build_plans_its_rows_again(tmp_path, settings):
    spec = ft.BuildSpec(mixture="nli", source="samples", report=False, **settings)
    built = ft.build(spec, tmp_path / "out")
    prepared, plan = reopen(built.manifest, catalog(), source=SourceChoice("samples"))
    tasks = {task["name"]: task["requested"] for task in built.tasks if task["requested"]}
    counts = zip(plan.ingredients, plan.counts, strict=True)
    assert {item.dataset.name: count for item, count in counts if count} == tasks
    assert prepared.variation == spec.variation and plan.seed == spec.seed


def test_a_build_of_a_later_version_is_refused_in_words(tmp_path):
    built = ft.build("rte", tmp_path / "out", source="samples", report=False)
    recipe = built.manifest["recipe"]
    later = {**recipe, "spec": {**recipe["spec"], "moon_phase": "full"}}
    with pytest.raises(BuildError, match='another version .*unknown field of BuildSpec "moon_ph'):
        recorded_spec({**built.manifest, "recipe": later})


def test_a_build_before_there_were_records_is_planned_by_its_manifest(tmp_path):
    built = ft.build("rte", tmp_path / "out", source="samples", shots=1, vocab="bytes", seed=2)
    recipe = {name: value for name, value in built.manifest["recipe"].items() if name != "spec"}
    old = {**built.manifest, "recipe": recipe}
    prepared, plan = reopen(old, catalog(), source=SourceChoice("samples"))
    assert (plan.seed, len(plan)) == (2, built.manifest["examples"])
    assert prepared.variation.shots == 1
