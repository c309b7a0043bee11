"""What each installation brings, and what works in it: all that is not installed is hidden."""

import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from prepared_trees import write_rte
from test_imports import MODULES, THEIRS, room
from without_library import results_of

from flan_tasks.core import extras

# What the project is built on; t5 lives in an environment of its own.
FIXED = "seqio tensorflow tensorflow-datasets gin-config jax flax optax".split()
# Rooms that are of one extra; all else imports with the core alone.
EXTRA_OF = {
    "models": "train",
    "checkpoints": "train",
    "inference": "train",
    "trainer": "train",
    "seqio": "seqio",
    "registration": "seqio",
    "promptsource": "p3",
}
# Asked for and imported by other libraries alone.
NOT_OURS = {"optax"}
SAMPLES = ("--source", "samples")
TRAIN = ("train", "--gin_file", "models/t5_1_1_tiny.gin", "--gin_file", "runs/finetune.gin")
NEW = ("--gin.INITIAL_CHECKPOINT_PATH=None", "--gin.TRAIN_STEPS=2", "--gin.MODEL_DIR=run")


def build(name, form, *words):
    return ("build", "rte", *SAMPLES, "--format", form, "--out", name, *words)


# Extras -> what works with them and nothing else, in this order: words of flan, or Python.
WORKS = {
    (): (
        ("list",),
        ("sources",),
        ("env",),
        ("show", "rte", "--shots", "1"),
        ("show", "rte", "--tokens", "--vocab", "bytes"),
        ("lint", "rte", *SAMPLES),
        build("jsonl", "jsonl"),
        build("parquet", "parquet", "--vocab", "bytes", "--shots", "1"),
        build("arrays", "arrays", "--vocab", "bytes", "--drop-contaminated", "cb"),
        ("verify", "arrays"),
        ("report", "parquet", "--text"),
        ("report", "arrays"),
        ("diff", "jsonl", "parquet"),
        ("contamination", "jsonl", "--against", "cb"),
        ("eval", "samsum", *SAMPLES, "--write-prompts", "prompts.jsonl"),
        ("eval", "rte", *SAMPLES, "--predictions", "answers.jsonl", "--out", "scores-rte"),
        ("build", "rte", "--data-dir", "tfds=trees", "--out", "prepared"),
        ("build", "mine", "--module", "mine", "--allow-missing", "--out", "mine"),
        "import flan_tasks; assert len(flan_tasks.open('arrays').batch(0, batch_size=2)) > 3",
        # Rows of the same build again: they are in the store.
        ("show", "rte", *SAMPLES, "--templates", "rte.text_then_question"),
    ),
    ("eval",): (
        ("eval", "samsum", *SAMPLES, "--predictions", "summaries.jsonl", "--out", "scores"),
        ("export-lm-eval", "samsum", *SAMPLES, "--out", "samsum"),
        ("export-lm-eval", "cb", *SAMPLES, "--out", "cb"),
    ),
    ("train",): (
        build("packed", "arrays", "--vocab", "bytes"),
        (*TRAIN, *NEW, "--gin.BUILD_DIR=packed", "--dry_run"),
    ),
}
OWN = """
import flan_tasks as ft


def _haiku(row):
    "Asks when it is."
    return ft.Example(fields={"haiku": row["haiku"]}, answer="spring")


HAIKU = ft.Dataset(
    name="haiku",
    source=ft.Files({"train": "haiku.jsonl"}, root="."),
    splits=ft.Splits(),
    schema={"haiku": str},
    fields=("haiku",),
    normalize=_haiku,
    metrics=("rouge",),
    license="CC0-1.0",
    citation="Nobody",
)
ft.add(HAIKU, templates="haiku.toml")
ft.add(ft.Mixture(name="mine", include=("haiku", "rte")))
"""
TEMPLATE = """\
# When?

[example]
haiku = "First snow"
answer = "winter"

[[template]]
id = "season"
inputs = '''
{haiku}

When is it?'''
targets = "{answer}"
"""


@pytest.fixture(scope="module")
def declared():
    """Returns extra -> the requirements that setup.py has for it; "" is the core."""
    # In a process of its own: setuptools changes how Python imports from then on.
    code = """
import json, runpy, setuptools
setuptools.setup = lambda **given: print(
    json.dumps({"": given["install_requires"], **given["extras_require"]})
)
runpy.run_path("setup.py")
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lists = json.loads(ran.stdout)
    return {extra: [Requirement(text) for text in texts] for extra, texts in lists.items()}


def names(requirements):
    return {one.name for one in requirements}


def test_all_brings_every_package_that_the_project_is_built_on(declared):
    assert set(FIXED) <= names(declared["all"])
    everyday = ("tfds", "seqio", "train", "eval", "hf", "arrayrecord", "p3", "dask")
    assert names(declared["all"]) == {name for one in everyday for name in names(declared[one])}
    assert names(declared["all"]) <= names(declared["test"])
    assert "t5" not in {name for listed in declared.values() for name in names(listed)}


def test_the_core_brings_nothing_that_only_an_extra_needs(declared):
    light = {d for d, extra in extras.LIBRARIES.values() if not extra}
    assert names(declared[""]) == light


def test_each_library_comes_with_the_extra_that_is_named(declared):
    for module, (distribution, extra) in extras.LIBRARIES.items():
        if module == "absl":
            continue  # TFDS requires it
        assert distribution in names(declared[extra]), module
    for extra, other in extras.INCLUDES.items():
        assert names(declared[other]) < names(declared[extra])


def test_what_an_extra_brings_is_known_where_it_is_missing(declared):
    known = {distribution for distribution, _ in extras.LIBRARIES.values()}
    for extra in ("tfds", "seqio", "train", "eval", "hf", "arrayrecord", "beam", "p3", "dask"):
        assert names(declared[extra]) <= known | NOT_OURS


def test_every_import_is_of_the_core_or_behind_an_extra(declared):
    for importer, library in THEIRS:
        if library not in sys.stdlib_module_names and library not in extras.OTHERS:
            distribution, extra = extras.LIBRARIES[library]
            assert extra or distribution in names(declared[""]), f"{importer} imports {library}"


def at_once(node):
    """Yields the names of modules that are imported when a module is."""
    for child in ast.iter_child_nodes(node):
        is_later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_later or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield child.module
        yield from at_once(child)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_modules_of_the_core_import_no_extra_at_once(module):
    for imported in at_once(MODULES[module]):
        top = imported.split(".")[0]
        if top in extras.LIBRARIES:
            _, extra = extras.LIBRARIES[top]
            own = EXTRA_OF.get(room(module), "")
            allowed = {"", own, extras.INCLUDES.get(own, "")}
            assert extra in allowed, f"{module} imports {imported} when it is imported"


def hidden(requirements):
    """Returns the modules installed here that these requirements do not bring."""
    brought, waiting = set(), [(one, extra) for one in requirements for extra in {"", *one.extras}]
    while waiting:
        requirement, extra = waiting.pop()
        name = folded(requirement.name)
        if (name, extra) in brought:
            continue
        brought.add((name, extra))
        for text in importlib.metadata.requires(requirement.name) or ():
            inner = Requirement(text)
            if inner.marker is None or inner.marker.evaluate({"extra": extra}):
                waiting += [(inner, one) for one in {"", *inner.extras}]
    known = {name for name, _ in brought} | {"flan-tasks"}
    found = importlib.metadata.packages_distributions()
    return sorted(m for m, owners in found.items() if not known & set(map(folded, owners)))


def folded(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the commands read: a dataset of one's own, answers made elsewhere."""
    folder = tmp_path_factory.mktemp("light")
    write_rte(folder / "trees")
    (folder / "mine.py").write_text(OWN)
    (folder / "haiku.toml").write_text(TEMPLATE)
    (folder / "haiku.jsonl").write_text('{"haiku": "Plum petals"}\n{"haiku": "One leaf"}\n')
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "FLAN_TASKS_STORE": str(folder / "store"),
        "TFDS_DATA_DIR": str(folder / "none"),
        "JAX_PLATFORMS": "cpu",
    }
    for name, dataset in (("answers", "rte"), ("summaries", "samsum")):
        subprocess.run(
            [
                *(sys.executable, "-m", "flan_tasks", "eval", dataset, *SAMPLES),
                *("--write-prompts", f"{name}.jsonl"),
            ],
            cwd=folder,
            check=True,
            capture_output=True,
            env=environment,
        )
        path = folder / f"{name}.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            count = len(line.get("options") or ())
            line |= {"scores": list(range(count))} if count else {"prediction": "a text"}
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder, environment


@pytest.mark.parametrize(
    "chosen",
    [pytest.param(one, marks=[pytest.mark.slow] if one else []) for one in WORKS],
    ids=lambda chosen: "+".join(chosen) or "core",
)
def test_commands_work_with_what_is_installed_for_them(chosen, folder, declared):
    folder, environment = folder
    away = hidden([one for extra in ("", *chosen) for one in declared[extra]])
    for needed in ("tensorflow", "seqio", "pandas", "tensorflow_datasets"):
        assert needed in away
    ended = results_of([[away, what] for what in WORKS[chosen]], folder, environment)
    failed = [
        f"{what}: exit code {code}, {printed}"
        for what, (code, printed) in zip(WORKS[chosen], ended, strict=True)
        if code
    ]
    assert not failed, "\n".join(failed)
