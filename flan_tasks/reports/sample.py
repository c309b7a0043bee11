"""The examples a report shows: evenly spaced rows of a build and some of each of its tasks.

With ids where there are any.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.engine.earlier import stage_rows
from flan_tasks.engine.writers import WRITERS
from flan_tasks.packing.span_corruption import Corruption
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.fitting import fit_rows
from flan_tasks.plan.order import tasks_at
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.rows import CHUNK, render_chunk
from flan_tasks.reports import packed_tables, stored
from flan_tasks.specs.build_spec import BLOCKS
from flan_tasks.vocabulary import T5, Vocabulary, VocabularyName

DEFAULT_EXAMPLES = 2000
# Examples shown of each task at least, where as many are asked for.
_LEAST = 10
# Rows looked through for them: of a build of millions the first are enough, and the rest is not
# worth the time.
_SCANNED = 1 << 20


@dataclass(frozen=True)
class ShownExample:
    """One example as a report shows it."""

    row: int
    """Its row number in the plan."""
    task: str
    """Name of its task without "flan:", such as "anli_r1"."""
    inputs: str
    """The prompt; decoded from ids where a build holds nothing else."""
    targets: str
    """The text to be learned."""
    template: str = ""
    """Id of its template; empty where the build does not say."""
    kind: str = ""
    """forward or inverted; empty where the build does not say."""
    key: str = ""
    """The example's key; empty where the build does not say."""
    options: tuple[str, ...] = ()
    """The allowed answers."""
    input_ids: np.ndarray | None = None
    """Ids of the prompt, EOS included; None without a vocabulary."""
    target_ids: np.ndarray | None = None
    """Ids of the target, EOS included; None without a vocabulary."""


@dataclass(frozen=True)
class Sample:
    """Some examples of a build, and how they are packed."""

    examples: tuple[ShownExample, ...]
    """In the order of the build."""
    vocabulary: Vocabulary | None = None
    """What the ids mean; None where there are none."""
    rows: tuple[tuple[int, range], ...] = ()
    """Of packed builds: (number of the row in the build, its examples in `examples`)."""
    even: np.ndarray | None = None
    """Which of them are evenly spaced over the build, so that they tell of all of it; None:
    each."""
    notes: tuple[str, ...] = field(default=())
    """Why there are no ids, or no texts but decoded ones; empty where nothing is missing."""

    @property
    def fair(self) -> tuple[ShownExample, ...]:
        """Those that are evenly spaced; the others are there to show some of every task."""
        if self.even is None:
            return self.examples
        return tuple(e for e, is_even in zip(self.examples, self.even, strict=True) if is_even)


def even_positions(total: int, size: int) -> np.ndarray:
    """Returns at most `size` of the numbers below `total`, evenly spaced: int64[n]."""
    count = min(total, size)
    return np.arange(count, dtype=np.int64) * total // max(count, 1)


def sampled_positions(manifest: Mapping[str, Any], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns which rows of a build are shown, ascending, and which of these are evenly spaced.

    Besides `size` evenly spaced ones some of each task, so that small datasets can be looked at.

    Args:
      manifest: of a build whose rows are not packed.
      size: number of evenly spaced rows.
    """
    total = manifest["examples"]
    counts = [task["realized"] for task in manifest["tasks"]]
    even = even_positions(total, size)
    least = least_of_each(size, counts)
    if WRITERS[manifest["format"]].grouped:
        more = np.concatenate(
            [
                end - count + even_positions(count, least)
                for count, end in zip(counts, np.cumsum(counts), strict=True)
            ]
        )
    else:
        scanned = np.arange(min(total, _SCANNED), dtype=np.int64)
        rows = plan_rows(manifest, scanned)
        by_blocks = manifest.get("order") == BLOCKS
        task = tasks_at(rows, stage_rows(manifest), manifest["seed"], blocks=by_blocks)
        more = some_of_each(task, least, np.isin(scanned, even))
    positions = np.union1d(even, more)
    return positions, np.isin(positions, even)


def plan_rows(manifest: Mapping[str, Any], positions: np.ndarray) -> np.ndarray:
    """Returns the row of the plan that each row of a build is, as some may be left out: int64[n].

    Args:
      manifest: of a build whose rows are not packed.
      positions: of rows in the build.
    """
    gone = np.asarray(manifest.get("left_out", ()), np.int64)
    # Before position p stand those whose rank among the others is at most p.
    return positions + np.searchsorted(gone - np.arange(len(gone)), positions, side="right")


def least_of_each(size: int, counts: Sequence[int], *, per_row: float = 1.0) -> int:
    """Returns how many examples of each task to show at least; all together about `size`."""
    return min(_LEAST, int(size / (max(sum(count > 0 for count in counts), 1) * per_row)))


def some_of_each(task: np.ndarray, least: int, shown: np.ndarray) -> np.ndarray:
    """Returns places in `task` with which each number is shown `least` times, evenly spaced.

    Args:
      task: int[n].
      least: how often each is to be shown, where it is there as often.
      shown: which places are shown anyway: bool[n].
    """
    have = np.bincount(task[shown], minlength=int(task.max(initial=0)) + 1)
    places = np.flatnonzero(~shown)
    order = places[np.argsort(task[places], kind="stable")]
    groups = np.split(order, np.flatnonzero(np.diff(task[order])) + 1)
    lacking = [max(0, least - have[task[group[0]]]) if len(group) else 0 for group in groups]
    pairs = zip(groups, lacking, strict=True)
    return np.concatenate([group[even_positions(len(group), count)] for group, count in pairs])


def sample_plan(
    plan: Plan,
    manifest: Mapping[str, Any],
    folder: Path,
    *,
    size: int,
    vocabulary: Vocabulary | None,
) -> Sample:
    """Draws a sample while a build is made: its texts are rendered, whatever its format keeps.

    Args:
      plan: the rows of the build.
      manifest: of the build.
      folder: its directory; read only where rows are packed.
      size: number of examples.
      vocabulary: of the build.
    """
    if manifest["format"] != packed_tables.FORMAT:
        positions, even = sampled_positions(manifest, size)
        rows = plan_rows(manifest, positions)
        shown_examples = _rendered(plan, rows, manifest, vocabulary)
        named = [replace(one, row=int(p)) for one, p in zip(shown_examples, positions, strict=True)]
        return Sample(with_ids(named, vocabulary), vocabulary, even=even)
    numbers, even = _sampled_rows(folder, manifest, size)
    packed = list(packed_tables.read_rows(folder, manifest, numbers))
    numbers = np.concatenate([row.examples for row in packed])
    shown_examples = _rendered(plan, numbers, manifest, vocabulary)
    return _packed_sample(packed, even, shown_examples, vocabulary)


def sample_files(
    folder: Path, manifest: Mapping[str, Any], *, size: int, vocabulary: Vocabulary | None
) -> Sample:
    """Draws the same sample from the files of a complete build.

    Raises:
      BuildError: they cannot be read.
    """
    notes = [] if vocabulary else [no_ids(manifest)]
    if manifest["format"] == packed_tables.FORMAT:
        numbers, even = _sampled_rows(folder, manifest, size)
        rows = list(packed_tables.read_rows(folder, manifest, numbers))
        notes.append("Packed files hold ids alone: the texts shown are decoded from them.")
        shown_examples = [
            ShownExample(
                row=int(number),
                task=manifest["tasks"][task]["name"],
                inputs=vocabulary.decode(inputs.tolist()) if vocabulary else "",
                targets=vocabulary.decode(targets.tolist()) if vocabulary else "",
            )
            for row in rows
            for number, task, inputs, targets in zip(
                row.examples, row.tasks, row.inputs, row.targets, strict=True
            )
        ]
        return replace(_packed_sample(rows, even, shown_examples, vocabulary), notes=tuple(notes))
    if manifest["format"] not in stored.READERS:
        notes = [f"Files of format {manifest['format']} cannot be shown row by row."]
        return Sample((), None, notes=tuple(notes))
    positions, even = sampled_positions(manifest, size)
    read = stored.read_rows(folder, manifest, positions)
    shown_examples = [
        ShownExample(
            row=int(position),
            task=row["name"],
            inputs=row["inputs"],
            targets=row["targets"],
            template=row["template"],
            kind=row["kind"],
            key=row["key"],
            options=tuple(row["options"]),
        )
        for position, row in zip(positions, read, strict=True)
    ]
    return Sample(with_ids(shown_examples, vocabulary), vocabulary, even=even, notes=tuple(notes))


def with_ids(
    examples: Sequence[ShownExample], vocabulary: Vocabulary | None
) -> tuple[ShownExample, ...]:
    """Adds the ids of the texts, EOS included and nothing trimmed, where they are not there."""
    if vocabulary is None or all(one.input_ids is not None for one in examples):
        return tuple(examples)
    encoded: list[ShownExample] = []
    for start in range(0, len(examples), CHUNK):
        chunk = examples[start : start + CHUNK]
        ids = vocabulary.encode([e.inputs for e in chunk] + [e.targets for e in chunk])
        ids = [np.append(some, np.int32(vocabulary.eos_id)) for some in ids]
        pairs = zip(chunk, ids[: len(chunk)], ids[len(chunk) :], strict=True)
        encoded += [_replace(example, inputs, targets) for example, inputs, targets in pairs]
    return tuple(encoded)


def _replace(example: ShownExample, inputs: np.ndarray, targets: np.ndarray) -> ShownExample:
    return ShownExample(**(vars(example) | {"input_ids": inputs, "target_ids": targets}))


def _rendered(
    plan: Plan, positions: np.ndarray, manifest: Mapping[str, Any], vocabulary: Vocabulary | None
) -> list[ShownExample]:
    """Renders rows of a plan as the build has them: none of them is left out there."""
    budget = Budget(vocabulary, manifest["lengths"]["inputs"]) if vocabulary else None
    shown_examples = []
    for start in range(0, len(positions), CHUNK):
        some = positions[start : start + CHUNK]
        shown: list[ShownExample] = []
        rendered = render_chunk(plan, plan.rows_at(some), budget=budget)
        rows: Sequence[BuiltRow | None] = rendered
        if budget is not None and manifest.get("fits"):
            rows = fit_rows(rendered, budget)
        for position, row in zip(some, rows, strict=True):
            assert row is not None
            shown.append(
                ShownExample(
                    row=int(position),
                    task=row.name,
                    inputs=row.inputs,
                    targets=row.targets,
                    template=row.template.id,
                    kind=row.template.kind,
                    key=row.example.key,
                    options=row.choices,
                )
            )
        if "objective" in manifest and vocabulary is not None:
            corruption = Corruption(vocabulary, manifest["lengths"])
            shown = _with_hidden_spans(shown, corruption, some, plan.seed)
        shown_examples += shown
    return shown_examples


def _with_hidden_spans(
    examples: Sequence[ShownExample], corruption: Corruption, rows: np.ndarray, seed: int
) -> list[ShownExample]:
    """Returns texts as a build that hides spans has them, decoded."""
    vocabulary = corruption.vocabulary
    texts = vocabulary.encode_flat([one.inputs for one in examples], corruption.text_length + 1)
    sides = [
        np.split(side.ids, np.cumsum(side.lengths)[:-1])
        for side in corruption.hide(texts, rows, seed)
    ]
    return [
        replace(
            one,
            inputs=vocabulary.decode(inputs[:-1].tolist()),
            targets=vocabulary.decode(targets[:-1].tolist()),
            input_ids=inputs,
            target_ids=targets,
        )
        for one, inputs, targets in zip(examples, *sides, strict=True)
    ]


def _sampled_rows(
    folder: Path, manifest: Mapping[str, Any], size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns packed rows that hold about `size` examples, evenly spaced, and some of each task.

    Returns:
      The rows, ascending, and which of them are the evenly spaced ones.
    """
    total, examples = manifest["rows"], max(manifest["examples"], 1)
    even = even_positions(total, max(1, round(size * total / examples)))
    counts = [task["realized"] for task in manifest["tasks"]]
    least = least_of_each(size, counts, per_row=examples / max(total, 1))
    task, row = packed_tables.tasks_and_rows(folder, manifest, _SCANNED)
    numbers = np.union1d(even, row[some_of_each(task, least, np.isin(row, even))])
    return numbers, np.isin(numbers, even)


def _packed_sample(
    rows: Sequence[packed_tables.PackedRow],
    even: np.ndarray,
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
    each = np.repeat(even, [len(row.examples) for row in rows])
    return Sample(tuple(examples), vocabulary, tuple(spans), each)


def no_ids(manifest: Mapping[str, Any]) -> str:
    """Returns why a sample has no ids, and which option gives it some."""
    name = manifest["vocabulary"]
    if name is None:
        return "The build counted no tokens; flan report DIR --vocab t5 shows them."
    if VocabularyName.parse(name).file == T5:
        missing, way = "t5", "--vocab t5 (from the hub) or --vocab PATH (of its spiece.model)"
    else:
        missing, way = f"the file of {name[:20]}...", "--vocab PATH (of that file)"
    return (
        f"The vocabulary of the build, {missing}, is not on this machine, so no tokens are shown; "
        f"flan report DIR {way} shows them."
    )
