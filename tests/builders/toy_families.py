"""A small family of tasks, one a JSON file, for tests."""

from flan_tasks.core.example import Example
from flan_tasks.core.family import Family, Member, write_index
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
    return {"definition": record["Definition"]}


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
