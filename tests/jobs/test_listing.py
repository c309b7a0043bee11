"""The facts that `flan list` prints: from declarations, and from the file a wheel brings."""

import dataclasses
import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from conftest import ROOT

from flan_tasks import datasets
from flan_tasks.core.errors import DeclarationError, UnknownNameError
from flan_tasks.core.family import Family
from flan_tasks.core.family_index import write_index
from flan_tasks.core.outline import outline
from flan_tasks.jobs import listing as job
from flan_tasks.jobs.listing import listing, write_published


@pytest.fixture
def published(monkeypatch, tmp_path):
    """As in an installed package, which has the file."""
    monkeypatch.setattr(job, "PUBLISHED", tmp_path / "published.json")
    write_published()
    return job.PUBLISHED


def test_an_installed_package_lists_what_the_declarations_say(published):
    from_file = listing(own=False)
    published.unlink()
    declared = listing()
    assert json.loads(json.dumps(dataclasses.asdict(from_file))) == json.loads(
        json.dumps(dataclasses.asdict(declared))
    )
    assert len(from_file.datasets) == len(datasets.catalog().datasets)


def test_the_file_says_what_no_installation_changes(published):
    # Neither a time nor a path, so that a wheel that is built twice has the same bytes.
    files = [published, published.with_name("published_tasks.json")]
    before = [path.read_bytes() for path in files]
    write_published()
    assert [path.read_bytes() for path in files] == before
    assert not any(str(ROOT) in text.decode() for text in before)


def test_tasks_of_a_family_are_listed_as_they_are_built(published):
    every = datasets.catalog()
    for family in every.families.values():
        tasks = sorted(every.expand([family.name]), key=lambda task: (task.cluster, task.name))
        built = [dataclasses.asdict(job._dataset(every, task)) for task in tasks]
        for own in (True, False):  # from the index, and from the file
            facts = listing([family.name], own=own).datasets
            listed = json.loads(json.dumps([dataclasses.asdict(one) for one in facts]))
            assert listed == json.loads(json.dumps(built)), (family.name, own)


def test_names_of_several_kinds_are_listed_together():
    facts = listing(["bbh", "rte", "nli", "bbh"]).datasets
    names = [one.name for one in facts]
    expanded = datasets.catalog().expand(["bbh", "rte", "nli"])
    assert names == [dataset.name for dataset in expanded] and "rte" in names
    with pytest.raises(UnknownNameError, match='unknown dataset or cluster "nlii"'):
        listing(["bbh", "nlii"], own=False)


def test_what_a_user_added_is_listed_beside_what_is_published(published, own_family):
    names = [family.name for family in listing().families]
    assert own_family.name in names and "niv2" in names
    assert own_family.name not in [family.name for family in listing(own=False).families]
    write_published()
    assert own_family.name not in published.read_text()


@pytest.mark.parametrize(
    ("words", "line"),
    [(["list"], "niv2"), (["list", "niv2", "bbh"], "tasks of families")],
)
def test_an_installed_package_lists_without_a_declaration(tmp_path, words, line):
    """Neither the modules of datasets nor a template file is read."""
    code = f"""
import sys
from pathlib import Path
from flan_tasks.jobs import listing
listing.PUBLISHED = Path(sys.argv.pop())
sys.argv[1:] = {words}
opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
from flan_tasks.cli.start import main
try:
    main()
except SystemExit:
    pass
modules = [name for name in sys.modules if name.startswith("flan_tasks.datasets")]
print(modules + [name for name in opened if name.endswith((".toml", ".jsonl"))])
"""
    place = tmp_path / "published.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "PUBLISHED", place)
        write_published()
    done = subprocess.run(
        [sys.executable, "-c", code, str(place)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    lines = done.stdout.splitlines()
    assert lines[-1] == "[]", done.stderr
    assert any(line in one for one in lines)


@pytest.fixture
def own_family(monkeypatch, tmp_path):
    """A family of a user's with three tasks, in a catalog that it alone was added to."""
    published = datasets.catalog().families["niv2"]
    catalog = datasets.catalog.__wrapped__()
    monkeypatch.setattr(datasets, "catalog", lambda: catalog)
    return catalog.add_family(
        family_of(published, tmp_path, THREE),
        templates=ROOT / "templates" / "families" / "niv2.toml",
        own=True,
    )


THREE = [
    {"source_name": "one", "cluster": "logic", "size": {"train": 300}, "license": "MIT"},
    {"source_name": "two", "cluster": "logic", "languages": ["de"], "splits": ["test"]},
    {"source_name": "three", "cluster": "rhymes", "size": {"train": 150}, "splits": ["train"]},
]


def family_of(like: Family, folder, lines) -> Family:
    path = folder / "own.index.jsonl"
    path.write_text("\n".join(json.dumps(line) if line else "" for line in lines))
    return dataclasses.replace(like, name="own_tasks", index=path)


def counted(family: Family):
    """What its members, each of them built, come to."""
    tasks = [family.task(name) for name in family.members]
    return (
        len(tasks),
        Counter(task.cluster for task in tasks),
        Counter(code for task in tasks for code in task.languages),
        Counter(task.license for task in tasks),
        sum(task.declared_rows("train") or 0 for task in tasks),
    )


def test_counts_of_a_family_are_those_of_its_members(own_family):
    for family in datasets.catalog().families.values():
        counts = outline(family)
        found = (counts.tasks, counts.clusters, counts.languages, counts.licenses)
        assert (*found, counts.train_rows) == counted(family)
    assert outline(own_family).train_rows == 100 + 150


def test_no_member_is_built_for_the_counts(own_family, monkeypatch):
    def built(*args):
        raise AssertionError("a member was built")

    task = Family.task
    # P3's lines have other keys, so that its members are built.
    monkeypatch.setattr(
        Family, "task", lambda one, name: task(one, name) if one.member_of else built()
    )
    monkeypatch.setattr("flan_tasks.core.family.read_member", built)
    assert outline(own_family).tasks == 3
    assert [family.tasks for family in listing().families if family.name == "own_tasks"] == [3]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "has no task"),
        (["a task"], "line 1: a task is a JSON object, not str"),
        ([*THREE, {"source_name": "four"}], 'line 4: no "cluster"'),
        ([*THREE, {**THREE[0], "size": {"train": "many"}, "source_name": "x"}], "line 4"),
        ([{**THREE[0], "languages": [["en"]]}], "line 1"),
        ([{**THREE[0], "size": 5}], "line 1"),
    ],
)
def test_a_line_that_is_no_task_is_named(tmp_path, lines, message):
    family = family_of(datasets.catalog().families["niv2"], tmp_path, lines)
    with pytest.raises(DeclarationError, match=message):
        outline(family)


def test_an_index_that_cannot_be_read_is_named(tmp_path):
    family = dataclasses.replace(
        datasets.catalog().families["niv2"], name="own_tasks", index=tmp_path / "none.jsonl"
    )
    with pytest.raises(DeclarationError, match="none.jsonl cannot be read: No such file"):
        outline(family)


def test_the_index_that_is_written_has_the_counts_of_the_one_it_was_read_from(own_family, tmp_path):
    again = tmp_path / "again.jsonl"
    again.write_text(write_index(own_family.members.values()))
    assert outline(dataclasses.replace(own_family, index=again)) == outline(own_family)
