"""Every name of a task, mixture or template that docs, help and messages mention exists."""

import re

import pytest
from conftest import ROOT

from flan_tasks.core.naming import MixtureName, parse_name
from flan_tasks.datasets import catalog

# Notes of readings name templates that were replaced since, and so does the changelog.
_TEXTS = sorted(
    path
    for pattern in (
        *("README.md", "train_t5x.sh", "docs/*.md", "docs/trainers/*.md", "gin/**/*.gin"),
        *("flan_tasks/*.py", "flan_tasks/[!d]*/**/*.py"),
    )
    for path in ROOT.glob(pattern)
)
_FULL = re.compile(r"flan:[a-z0-9_]+(?:\.[a-z0-9_]+)*")
_OPTION = re.compile(r"--templates[ =]([a-z0-9_.,]+)")
# The beginning of names.
_PREFIXES = {"flan:mix"}
# What the docs' own example adds.
_EXAMPLES = {"haiku", "my_mix"}


def _exists(name: str) -> bool:
    if name in _PREFIXES:
        return True
    found = parse_name(name)
    if isinstance(found, MixtureName):
        return catalog().knows(found.name) or found.name in _EXAMPLES
    if found.dataset not in catalog():
        return found.dataset in _EXAMPLES or catalog().knows(found.dataset)
    ids = catalog().templates(found.dataset).ids
    return not found.template or found.template in ids


def _with_template(text: str):
    """Yields what looks like dataset.template, but for paths, files and modules."""
    # A variable of the code is called record.
    datasets = "|".join(d.name for d in catalog().datasets if d.name != "record")
    pattern = rf"(?<![\w/.:-])({datasets})\.([a-z0-9_]+)\b(?![.(/])"
    for dataset, template in re.findall(pattern, text):
        if template not in ("toml", "jsonl", "py", "txt", "md"):
            yield f"flan:{dataset}.{template}"


@pytest.mark.parametrize("path", _TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_exist(path):
    text = path.read_text(encoding="utf-8")
    names = {*_FULL.findall(text), *_with_template(text)}
    assert [name for name in sorted(names) if not _exists(name)] == []


def test_templates_named_behind_the_option_exist():
    ids = {i for dataset in catalog().datasets for i in catalog().templates(dataset.name).ids}
    named = {
        name.rpartition(".")[2]
        for path in _TEXTS
        for names in _OPTION.findall(path.read_text(encoding="utf-8"))
        for name in names.strip(".").split(",")
        if name.strip(".")
    }
    assert named and named <= ids


def test_a_name_that_is_gone_is_found():
    assert not _exists("flan:rte.follows") and not _exists("flan:rte.follows.rank")
    assert list(_with_template("or rte.follows where, docs/nli/rte.toml")) == ["flan:rte.follows"]
