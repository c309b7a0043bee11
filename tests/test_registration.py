"""Every published name, in an interpreter of its own: configuration is decided once."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from flan_tasks.datasets import catalog


def run(code: str, **env: str) -> str:
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1500,
        env=os.environ | env,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    return found.stdout.strip().splitlines()[-1]


YIELDS = """
import json, os, sys
opened, refused, looking = [], "", True
def look(event, args):
    if looking and (event.startswith("socket.connect") or (
        # The index of a family names its members, and has no rows. A mixture's file has its name.
        event == "open" and (
            str(args[0]).endswith((".jsonl", ".arrow", ".model")) or "/mixtures/" in str(args[0])
        )
        and not str(args[0]).endswith((".index.jsonl", "p3.subtasks.jsonl", "p3.datasets.jsonl"))
    )):
        opened.append(str(args))
sys.addaudithook(look)
import seqio, flan_tasks as ft, flan_tasks.registration
looking = False
from flan_tasks.core.naming import MixtureName, parse_name
from flan_tasks.datasets import catalog
early = [family.name for family in catalog().families.values()
    if "members" in vars(family) and not family.member_of]
ft.configure(source="samples", vocab="bytes")
L = {"inputs": 4096, "targets": 2048}
names = [*seqio.TaskRegistry.names(), *seqio.MixtureRegistry.names()]
names = [name for name in names if name.startswith("flan:")]
tried, seen, sources = 0, set(), {}
from flan_tasks.raw_rows import open_source
from flan_tasks.raw_rows.reading import positions
def has_rows(name):
    # Of the members of a family a dozen have embedded rows, and some of these too few to train on.
    if ":" not in name:
        return True
    dataset, samples = catalog()[name], catalog().samples(name)
    try:
        source = open_source(dataset, kind="samples", samples=samples, opened=sources)
        return len(positions(dataset, source, "train")) > 0
    except ft.SourceUnavailableError:
        return False
names_without = 0
for name in names:
    parsed = parse_name(name)
    # A parent and a family are mixtures under the name of a task.
    is_mixture = name in seqio.MixtureRegistry.names()
    dataset = parsed.name if isinstance(parsed, MixtureName) else parsed.dataset
    # Every third mixture, and of every eighth dataset its training name and one evaluation name a
    # way, unless all are asked for.
    number = sum(map(ord, dataset))
    if number % (3 if is_mixture else 8) and not os.environ.get("EVERY"):
        continue
    if is_mixture:
        # Most members of a family have no embedded rows.
        without = any(one.family for one in catalog().members(catalog().mixture(dataset)))
    else:
        without = not has_rows(dataset)
    if without:
        names_without += 1
        continue
    kind = name if is_mixture else (dataset, bool(parsed.template), parsed.is_rank)
    if kind in seen and not os.environ.get("EVERY"):
        continue
    seen.add(kind)
    provider = seqio.get_mixture_or_task(name)
    training = is_mixture or not parsed.template
    split = "train" if training and "train" in provider.splits else "test"
    row = next(iter(provider.get_dataset(L, split, num_epochs=1).as_numpy_iterator()))
    assert row["inputs"].size > 1 and row["targets"].size > 1, name
    tried += 1
import flan_tasks.registration as registration
num_tasks = len(seqio.TaskRegistry.names())
member = "flan:niv2:task1344_glue_entailment_classification"
asked, one = member + ".definition_above", None
errors = []
for wrong in (member + ".definition_abvoe", "flan:niv2:task1344_glue", asked + ".rank", "rte"):
    try:
        registration.get_mixture_or_task(wrong)
    except ft.FlanTasksError as error:
        errors.append(str(error))
try:
    seqio.get_mixture_or_task(asked)
except ValueError:
    one = registration.get_mixture_or_task(asked)
assert registration.get_mixture_or_task(asked) is one is seqio.get_mixture_or_task(asked)
assert registration.get_mixture_or_task(member) is seqio.get_mixture_or_task(member)
plain = ft.task(asked)
assert plain.name == asked and plain is not one
late = {"errors": errors, "registered": len(seqio.TaskRegistry.names()) - num_tasks}
ft.configure(source="samples")
try:
    ft.configure(source="tfds")
except ft.DeclarationError as error:
    refused = str(error)
print(json.dumps({"names": names, "tried": tried, "opened": opened, "refused": refused,
    "late": late, "without": names_without, "early": early}))
"""


@pytest.fixture(scope="module")
def published():
    """What one interpreter finds, as importing SeqIO is most of what each costs."""
    return json.loads(run(YIELDS))


def test_published_names_yield(published):
    names = set(published["names"])
    assert {"flan:rte", "flan:anli", "flan:mix.all", "flan:mix.without.nli"} <= names
    assert sum(name.startswith("flan:rte.") for name in names) == 20
    assert published["tried"] > 25


@pytest.mark.slow
def test_every_published_name_yields():
    found = json.loads(run(YIELDS, EVERY="1"))
    assert found["tried"] + found["without"] == len(found["names"])


def test_a_task_of_one_template_of_a_member_is_registered_when_it_is_asked_for(published):
    assert not any(name.startswith("flan:niv2:") and "." in name for name in published["names"])
    assert published["late"]["registered"] == 1
    template, task, ranked, foreign = published["late"]["errors"]
    assert "definition_above" in template and "Did you mean" in template
    assert "Did you mean" in task and "task1344_glue_entailment_classification" in task
    assert "has no options" in ranked
    assert 'unknown SeqIO task or mixture "rte". Did you mean flan:rte' in foreign


def test_registering_opens_nothing_but_names(published):
    """No rows, no model, no mixture's file; and the members of families are not built."""
    assert published["opened"] == []
    assert published["early"] == []


def test_every_published_mixture_has_something_to_train_on():
    # So their names are registered without a look at what they hold.
    for mixture in catalog().mixtures:
        assert any(dataset.is_trained_on for dataset in catalog().members(mixture)), mixture.name


def test_configuration_is_decided_once(published):
    assert published["refused"].startswith(
        "registered names are in use with Configuration(source='sam"
    )


@pytest.mark.parametrize("given", [{"source": "sample"}, {"source": "gcs"}])
def test_configure_refuses_an_unknown_source(given):
    import flan_tasks as ft

    with pytest.raises(ft.UnknownNameError, match="unknown source"):
        ft.configure(**given)


def test_additions_after_registration_are_registered(tmp_path):
    code = f"""
import sys; sys.path.insert(0, {str(ROOT / "tests")!r})
import flan_tasks as ft
ft.add(ft.Mixture(name="tested", include=("wsc273",)))  # nothing of it is trained on
import flan_tasks.registration, seqio, pathlib, json
from conftest import TOY_TEMPLATES, toy_dataset, toy_rows
folder = pathlib.Path({str(tmp_path)!r})
(folder / "birds.toml").write_text(TOY_TEMPLATES)
(folder / "train.jsonl").write_text("\\n".join(json.dumps(r) for r in toy_rows(20)))
from flan_tasks import Files, Mixture, Splits
ft.add(
    toy_dataset(source=Files({{"train": "train.jsonl"}}, root=str(folder)),
                splits=Splits.validation_from_train(4, test=None)),
    templates=folder / "birds.toml",
)
ft.add(Mixture(name="zoo", include=("birds",)))
ft.configure(vocab="bytes")
task, mixture = map(seqio.get_mixture_or_task, ("flan:birds", "flan:mix.zoo"))
n = sum(1 for _ in task.get_dataset(None, "train"))
m = sum(1 for _ in mixture.get_dataset(None, "train", num_epochs=1))
names = set(seqio.TaskRegistry.names()) | set(seqio.MixtureRegistry.names())
print(n, m, "flan:birds.plain.rank" in names, "flan:mix.tested" in names)
"""
    assert run(code) == "16 16 True False"
