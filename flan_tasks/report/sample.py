"""The examples a report shows: evenly spaced rows of a build, with ids where there are any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.build.plan import Plan
from flan_tasks.build.rows import CHUNK, render_chunk
from flan_tasks.build.vocabulary import Vocabulary
from flan_tasks.report import packed, stored

DEFAULT_EXAMPLES = 2000


@dataclass(frozen=True)
class ShownExample:
    """One example as a report shows it."""

    # Its row number in the plan.
    row: int
    # Name of its task without "flan:", such as "anli_r1".
    task: str
    # The prompt; decoded from ids where a build holds nothing else.
    inputs: str
    # The text to be learned.
    targets: str
    # Id of its template; empty where the build does not say.
    template: str = ""
    # forward or inverted; empty where the build does not say.
    kind: str = ""
    # The example's key; empty where the build does not say.
    key: str = ""
    # The allowed answers.
    options: tuple[str, ...] = ()
    # Ids of the prompt and of the target, EOS included; None without a vocabulary.
    input_ids: np.ndarray | None = None
    target_ids: np.ndarray | None = None


@dataclass(frozen=True)
class Sample:
    """Some examples of a build, and how they are packed."""

    # In the order of the build.
    examples: tuple[ShownExample, ...]
    # What the ids mean; None where there are none.
    vocabulary: Vocabulary | None = None
    # Of packed builds: (number of the row in the build, its examples in `examples`).
    rows: tuple[tuple[int, range], ...] = ()
    # Why there are no ids, or no texts but decoded ones; empty where nothing is wanting.
    notes: tuple[str, ...] = field(default=())


def even_positions(total: int, wanted: int) -> np.ndarray:
    """Returns at most `wanted` of the numbers below `total`, evenly spaced: int64[n]."""
    count = min(total, wanted)
    return np.arange(count, dtype=np.int64) * total // max(count, 1)


def sample_plan(
    plan: Plan,
    manifest: Mapping[str, Any],
    folder: Path,
    *,
    wanted: int,
    vocabulary: Vocabulary | None,
) -> Sample:
    """Draws a sample while a build is made: its texts are rendered, whatever its format keeps.

    Args:
      plan: the rows of the build.
      manifest: of the build.
      folder: its directory; read only where rows are packed.
      wanted: number of examples.
      vocabulary: of the build.
    """
    if manifest["format"] != packed.FORMAT:
        found = _rendered(plan, even_positions(len(plan), wanted))
        return Sample(with_ids(found, vocabulary), vocabulary)
    rows = packed.read_rows(folder, manifest, wanted)
    found = _rendered(plan, np.concatenate([row.examples for row in rows]))
    return _packed_sample(rows, found, vocabulary)


def sample_files(
    folder: Path, manifest: Mapping[str, Any], *, wanted: int, vocabulary: Vocabulary | None
) -> Sample:
    """Draws the same sample from the files of a complete build.

    Raises:
      BuildError: they cannot be read.
    """
    notes = [] if vocabulary else [_no_ids(manifest)]
    if manifest["format"] == packed.FORMAT:
        rows = packed.read_rows(folder, manifest, wanted)
        notes.append("Packed files hold ids alone: the texts shown are decoded from them.")
        found = [
            ShownExample(
                row=int(number),
                task=manifest["tasks"][task]["name"],
                inputs=vocabulary.decode(inputs) if vocabulary else "",
                targets=vocabulary.decode(targets) if vocabulary else "",
            )
            for row in rows
            for number, task, inputs, targets in zip(
                row.examples, row.tasks, row.inputs, row.targets, strict=True
            )
        ]
        sample = _packed_sample(rows, found, vocabulary)
        return Sample(sample.examples, sample.vocabulary, sample.rows, tuple(notes))
    if manifest["format"] not in stored.READERS:
        notes = [f"Files of format {manifest['format']} cannot be shown row by row."]
        return Sample((), None, notes=tuple(notes))
    positions = even_positions(manifest["examples"], wanted)
    read = stored.read_rows(folder, manifest, positions)
    found = [
        ShownExample(
            row=int(position),
            task=row["task"].removeprefix("flan:"),
            inputs=row["inputs"],
            targets=row["targets"],
            template=row["template"],
            kind=row["kind"],
            key=row["key"],
            options=tuple(row["options"]),
        )
        for position, row in zip(positions, read, strict=True)
    ]
    return Sample(with_ids(found, vocabulary), vocabulary, notes=tuple(notes))


def with_ids(
    examples: Sequence[ShownExample], vocabulary: Vocabulary | None
) -> tuple[ShownExample, ...]:
    """Adds the ids of the texts, EOS included and nothing trimmed."""
    if vocabulary is None:
        return tuple(examples)
    found: list[ShownExample] = []
    for start in range(0, len(examples), CHUNK):
        chunk = examples[start : start + CHUNK]
        ids = vocabulary.encode([e.inputs for e in chunk] + [e.targets for e in chunk])
        ids = [np.append(some, np.int32(vocabulary.eos_id)) for some in ids]
        pairs = zip(chunk, ids[: len(chunk)], ids[len(chunk) :], strict=True)
        found += [_replace(example, inputs, targets) for example, inputs, targets in pairs]
    return tuple(found)


def _replace(example: ShownExample, inputs: np.ndarray, targets: np.ndarray) -> ShownExample:
    return ShownExample(**(vars(example) | {"input_ids": inputs, "target_ids": targets}))


def _rendered(plan: Plan, positions: np.ndarray) -> list[ShownExample]:
    found = []
    for start in range(0, len(positions), CHUNK):
        some = positions[start : start + CHUNK]
        for position, row in zip(some, render_chunk(plan, plan.rows_at(some)), strict=True):
            found.append(
                ShownExample(
                    row=int(position),
                    task=row.dataset.name,
                    inputs=row.inputs,
                    targets=row.targets,
                    template=row.template.id,
                    kind=row.template.kind,
                    key=row.example.key,
                    options=row.example.options,
                )
            )
    return found


def _packed_sample(
    rows: Sequence[packed.PackedRow],
    examples: Sequence[ShownExample],
    vocabulary: Vocabulary | None,
) -> Sample:
    inputs = [ids for row in rows for ids in row.inputs]
    targets = [ids for row in rows for ids in row.targets]
    if vocabulary is not None:
        pairs = zip(examples, inputs, targets, strict=True)
        examples = [_replace(example, one, other) for example, one, other in pairs]
    spans, start = [], 0
    for row in rows:
        spans.append((row.number, range(start, start + len(row.examples))))
        start += len(row.examples)
    return Sample(tuple(examples), vocabulary, tuple(spans))


def _no_ids(manifest: Mapping[str, Any]) -> str:
    if manifest["vocabulary"] is None:
        return "The build counted no tokens; flan report DIR --vocab t5 shows them."
    return (
        f"The vocabulary of the build ({manifest['vocabulary'][:20]}) was not at hand; "
        "flan report DIR --vocab PATH shows tokens."
    )
