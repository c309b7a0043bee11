"""Natural Instructions: 1,613 tasks, each with a definition and solved examples of its own.

Every task asks something else; what it asks is its definition, which stands in the task's file and
not here. `niv2.index.jsonl` beside this module has the facts of each task and none of its text;
`flan index` makes such a file from a checkout.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flan_tasks.core.dataset import WHOLE, Normalized, Row
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.family import Family
from flan_tasks.core.field_types import shown
from flan_tasks.core.member import Member
from flan_tasks.core.origin import Alternative, Files, HuggingFace, Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.datasets._task_files import Solved, definition_and_examples

# Templates show the first two positive examples of a task; every task has at least two.
_PLACES = ("example", "second")
_PARTS = ("input", "output", "explanation")
_CONSTANTS = ("definition", *(f"{place}_{part}" for place in _PLACES for part in _PARTS))


def _constants(record: Row, member: Member) -> Mapping[str, str] | Skip:
    if "Definition" not in record and "definition" in record:
        # A row of a table, which has the definition and no examples.
        record = {"Definition": record["definition"]}
    definition, examples = definition_and_examples(record, where=member.source_name)
    if not definition:
        return Skip("its task has no definition")
    texts = dict.fromkeys(_CONSTANTS, "") | {"definition": definition.strip()}
    for place, solved in zip(_PLACES, examples, strict=False):
        texts |= {f"{place}_{part}": _text_of(solved, part) for part in _PARTS}
    return texts


def _text_of(solved: Solved, part: str) -> str:
    return str(getattr(solved, part)).strip()


def _instance(row: Row, member: Member) -> Normalized:
    """Does what a task's own definition says with one input."""
    outputs = _outputs(row)
    # Blanks around texts are chance: they differ from one instance of a task to the next.
    text = row["input"].strip()
    if not text:
        return Skip("no input")
    references = tuple(dict.fromkeys(output.strip() for output in outputs if output.strip()))
    if not references:
        return Skip("no output")
    return Example(
        fields={"input": text},
        answer=references[0],
        references=references,
        key=row["id"] or "",
    )


def _outputs(row: Row) -> list[str]:
    if "output" not in row:
        raise DeclarationError('it has no "output"')
    # One text in the older form of the files, and in TFDS.
    outputs: list[Any] = row["output"] if isinstance(row["output"], list) else [row["output"]]
    for text in outputs:
        if not isinstance(text, str):
            raise DeclarationError(
                f'"output" is {shown(text)}; it must be a text or a list of texts'
            )
    return outputs


def _hub_row(row: Row) -> Row:
    return {
        "id": row["id"],
        "input": row["inputs"],
        "output": row["targets"],
        "definition": row["definition"],
    }


NIV2 = Family(
    name="niv2",
    collection="flan2022",
    source=Files({"train": "tasks/*.json"}, rows="Instances"),
    alternatives=(
        # The first definition and the first output of each row, and no examples.
        Alternative(Tfds("natural_instructions:1.0.1", download_mib=3154), task_column="task_name"),
        # The official training tasks alone.
        Alternative(
            HuggingFace("Muennighoff/natural-instructions"),
            adapt=_hub_row,
            task_column="task_name",
        ),
    ),
    index=Path(__file__).with_name("niv2.index.jsonl"),
    # The official test set of a test task is its first 100 instances.
    splits=Splits(train="train", carve_validation=100, test_first=100),
    keeps_order=True,
    schema={"id": str | None, "input": str},
    normalize=_instance,
    fields=("input",),
    constants=_CONSTANTS,
    constants_of=_constants,
    solved={"input": tuple(f"{place}_input" for place in _PLACES)},
    # An input may have its question anywhere.
    keep=WHOLE,
    metrics=("rouge",),
    license="unknown",
    citation="Wang et al. 2022, Super-NaturalInstructions: Generalization via Declarative "
    "Instructions on 1600+ NLP Tasks",
    version=1,
)
