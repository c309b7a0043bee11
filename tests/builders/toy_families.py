"""A small family of tasks, one a JSON file, for tests."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.example import Example
from flan_tasks.core.family import Family
from flan_tasks.core.family_index import write_index
from flan_tasks.core.member import Member
from flan_tasks.core.origin import Files
from flan_tasks.core.splits import Splits

MEMBERS = (
    Member(source_name="task1_Colors.of-birds", cluster="color", size={"tasks": 9}),
    Member(
        source_name="task2_where",
        cluster="place",
        license="MIT",
        languages=("ja",),
        overlaps=("rte",),
        splits=("test",),
        facts={"category": "Where Things Are"},
    ),
)


def normalize(row, member):
    """Answers what a task's definition asks."""
    return Example(fields={"text": row["input"]}, answer=f"{member.name}: {row['output']}")


def definition(record, member):
    return {"definition": " ".join(record["Definition"])}


def toy_family(folder, lines=None, **changes) -> Family:
    index = folder / "toys.index.jsonl"
    index.write_text(write_index(MEMBERS) if lines is None else lines, encoding="utf-8")
    declared = {
        "name": "toys",
        "source": Files({"tasks": "tasks/*.json"}, root=str(folder), rows="Instances"),
        "index": index,
        "splits": Splits(train="tasks", carve_validation=2),
        "schema": {"input": str, "output": str},
        "normalize": normalize,
        "fields": ("text",),
        "constants": ("definition",),
        "constants_of": definition,
        "metrics": ("rouge",),
        "license": "CC0-1.0",
        "citation": "Nobody 2026, Toys",
    }
    return Family(**(declared | changes))


def record(number: int, rows: int, **changes) -> dict:
    """What a task file holds: what is said of the task, and its rows."""
    return {
        "Definition": [f"Do what task {number} asks. "],
        "Instances": [
            {"id": f"{number}-{row}", "input": f"input {row} of {number}", "output": f"out {row}"}
            for row in range(rows)
        ],
    } | changes


def write_tasks(folder: Path, sizes: Mapping[str, int]) -> None:
    """Writes a file of so many rows for each task, by the source's name."""
    (folder / "tasks").mkdir(exist_ok=True)
    for number, (name, size) in enumerate(sizes.items()):
        path = folder / "tasks" / f"{name}.json"
        path.write_text(json.dumps(record(number, size)), encoding="utf-8")


TEMPLATES = """\
# Answers what a definition asks.

[[template]]
id = "plain"
inputs = '''
{definition}

{text}'''
targets = "{answer}"

[[template]]
id = "input_first"
inputs = '''
Input: {text}

{definition}'''
targets = "{answer}"
"""


def family_catalog(folder: Path, members: Sequence[Member], **changes) -> Catalog:
    """A catalog of a family alone, whose index has these members."""
    templates = folder / "toys.toml"
    templates.write_text(TEMPLATES, encoding="utf-8")
    catalog = Catalog()
    catalog.add_family(toy_family(folder, write_index(members), **changes), templates=templates)
    return catalog
