"""The unit of work: `build_shard` makes one file of a build from the plan alone."""

import errno
import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.build.exemplars import Budget
from flan_tasks.build.formats import DECODER, ENCODER_DECODER
from flan_tasks.build.packed import PARTS, packed_shard
from flan_tasks.build.plan import Plan
from flan_tasks.build.rows import BuiltRow, rendered_rows
from flan_tasks.build.vocabulary import Vocabulary
from flan_tasks.build.writers import WRITERS
from flan_tasks.build.writers.base import Shard, TokenizedRow, WriteSettings
from flan_tasks.core.errors import BuildError


@dataclass(frozen=True)
class BuildSettings:
    """How a plan is written."""

    # One of `formats.FORMATS`.
    format: str
    # train, validation or test.
    split: str
    # One of `formats.STYLES`.
    style: str
    # Longest inputs and targets, EOS included; decoder-only also `row`, by default their sum.
    lengths: Mapping[str, int]
    # For ids and token counts; None counts no tokens.
    vocabulary: Vocabulary | None = None
    # Number of files (for each task, where a format keeps tasks apart); None goes by rows.
    num_shards: int | None = None

    # One of `formats.ARCHS`; packed formats only.
    arch: str = ENCODER_DECODER

    def __post_init__(self) -> None:
        if self.arch == DECODER and "row" not in self.lengths:
            lengths = {**self.lengths, "row": sum(self.lengths[part] for part in PARTS)}
            object.__setattr__(self, "lengths", lengths)

    @property
    def budget(self) -> Budget | None:
        """What exemplars must fit into; None where there is no vocabulary to measure by."""
        return Budget(self.vocabulary, self.lengths["inputs"]) if self.vocabulary else None

    @property
    def for_writer(self) -> WriteSettings:
        """What the writer needs of it."""
        eos_id = self.vocabulary.eos_id if self.vocabulary else None
        return WriteSettings(self.split, self.style, self.lengths, eos_id, self.arch)


def build_shard(plan: Plan, shard: Shard, settings: BuildSettings, folder: Path) -> dict[str, Any]:
    """Writes one shard and returns what is known of it, as it stands in the manifest.

    Each file appears under its name only when it is whole.

    Raises:
      BuildError: it cannot be written; nothing of it is left behind.
    """
    writer = WRITERS[settings.format]
    paths = writer.paths(shard, settings.for_writer)
    temporary = {path: folder / f"{path}.tmp" for path in paths}
    try:
        (folder / shard.path).parent.mkdir(parents=True, exist_ok=True)
        if writer.is_packed:
            stats = _write_packed(plan, shard, settings, temporary)
        else:
            stats = _write_rows(plan, shard, settings, temporary[shard.path])
        for path in paths:
            with temporary[path].open("rb") as file:
                os.fsync(file.fileno())
        files = [{"path": path, **file_facts(temporary[path])} for path in paths]
        for path in paths:
            os.replace(temporary[path], folder / path)
    except OSError as error:
        raise write_error(error, folder / shard.path) from error
    except Exception as error:
        if _is_full(error):  # TensorFlow wraps the system's error in one of its own
            full = OSError(errno.ENOSPC, "No space left on device")
            raise write_error(full, folder / shard.path) from error
        raise
    finally:
        for path in temporary.values():
            with suppress(OSError):
                path.unlink(missing_ok=True)
    return {"path": shard.path, "files": files, **stats}


def file_facts(path: Path) -> dict[str, Any]:
    """Size and digest of a file, as they stand in the manifest."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def write_error(error: OSError, path: Path) -> BuildError:
    """Says that `path` could not be written, and what helps."""
    if error.errno == errno.ENOSPC:
        return BuildError(
            f"no space left on the disk while writing {path}. What is complete is kept: free some "
            "space and run the same command again"
        )
    return BuildError(f"{path} cannot be written: {error.strerror or error}")


def _is_full(error: Exception) -> bool:
    return type(error).__name__ == "ResourceExhaustedError" or "No space left" in str(error)


def _write_rows(plan: Plan, shard: Shard, settings: BuildSettings, path: Path) -> dict[str, Any]:
    counted = _Counted(settings, has_exemplars=plan.has_exemplars)
    chunks = (
        counted.seen(tokenize(rows, settings.vocabulary))
        for rows in rendered_rows(plan, shard.start, shard.stop, budget=settings.budget)
    )
    WRITERS[settings.format].write(path, chunks, settings.for_writer)
    lengths = {part: np.asarray(found, np.int64) for part, found in counted.lengths.items()}
    rows = counted.templates.total()
    found = {
        "rows": rows,
        "examples": rows,
        "templates": _by_task(counted.templates),
        "num_shots": _by_task(counted.num_shots),
    }
    return found | (token_facts(lengths, settings.lengths) if settings.vocabulary else {})


def _write_packed(
    plan: Plan, shard: Shard, settings: BuildSettings, paths: Mapping[str, Path]
) -> dict[str, Any]:
    assert settings.vocabulary is not None
    packed = packed_shard(
        plan,
        shard.start,
        shard.stop,
        vocabulary=settings.vocabulary,
        lengths=settings.lengths,
        arch=settings.arch,
    )
    WRITERS[settings.format].write_packed(paths, packed, settings.for_writer)
    templates: Counter[tuple[str, str]] = Counter()
    drawn, counts = np.unique(
        np.stack((packed.task, packed.template), axis=1), axis=0, return_counts=True
    )
    for (task, template), count in zip(drawn.tolist(), counts.tolist(), strict=True):
        item = plan.ingredients[task]
        templates[item.dataset.name, item.templates[template].id] = count
    shots: Counter[tuple[str, int]] = Counter()
    if plan.has_exemplars:
        for task, count in zip(packed.task.tolist(), packed.num_shots.tolist(), strict=True):
            shots[plan.ingredients[task].dataset.name, count] += 1
    lengths = {part: packed.whole[:, side] - 1 for side, part in enumerate(PARTS)}
    return {
        "rows": packed.num_rows,
        "examples": len(packed.whole),
        "templates": _by_task(templates),
        "num_shots": _by_task(shots),
        "simple_bound": packed.simple_bound,
        "bound": packed.bound,
        **token_facts(lengths, settings.lengths),
    }


def token_facts(
    lengths: Mapping[str, np.ndarray], limits: Mapping[str, int]
) -> dict[str, dict[str, int]]:
    """Counts tokens, each part's longest text, texts over the limits and the tokens they lose.

    Args:
      lengths: part -> tokens of each text, uncut and without EOS: int64[texts].
      limits: part -> longest text, EOS included.
    """
    # One place is for EOS.
    over = {part: np.maximum(found - (limits[part] - 1), 0) for part, found in lengths.items()}
    return {
        "tokens": {part: int(found.sum()) for part, found in lengths.items()},
        "longest": {part: int(found.max(initial=0)) for part, found in lengths.items()},
        "over_length": {part: int((found > 0).sum()) for part, found in over.items()},
        "tokens_over": {part: int(found.sum()) for part, found in over.items()},
    }


def tokenize(rows: Sequence[BuiltRow], vocabulary: Vocabulary | None) -> list[TokenizedRow]:
    """Adds ids to rows, in one batch."""
    if vocabulary is None:
        return [TokenizedRow(row) for row in rows]
    ids = vocabulary.encode([row.inputs for row in rows] + [row.targets for row in rows])
    pairs = zip(rows, ids[: len(rows)], ids[len(rows) :], strict=True)
    return [TokenizedRow(row, inputs, targets) for row, inputs, targets in pairs]


class _Counted:
    """Counts what passes through to a writer."""

    def __init__(self, settings: BuildSettings, *, has_exemplars: bool) -> None:
        self._has_ids = settings.vocabulary is not None
        self.templates: Counter[tuple[str, str]] = Counter()
        self.num_shots: Counter[tuple[str, int]] = Counter()
        self._has_exemplars = has_exemplars
        self.lengths: dict[str, list[int]] = {part: [] for part in PARTS}

    def seen(self, chunk: Sequence[TokenizedRow]) -> Sequence[TokenizedRow]:
        self.templates.update((item.row.dataset.name, item.row.template.id) for item in chunk)
        if self._has_exemplars:
            self.num_shots.update((item.row.dataset.name, item.row.num_shots) for item in chunk)
        if self._has_ids:
            for part in PARTS:
                self.lengths[part] += [len(getattr(item, part)) for item in chunk]
        return chunk


def _by_task(counts: Mapping[tuple[str, Any], int]) -> dict[str, dict[str, int]]:
    tasks: dict[str, dict[str, int]] = {}
    for (name, what), count in sorted(counts.items()):
        tasks.setdefault(name, {})[str(what)] = count
    return tasks
