"""The unit of work: `build_shard` makes one file of a build from the plan alone."""

import errno
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.build.plan import Plan
from flan_tasks.build.rows import BuiltRow, rendered_rows
from flan_tasks.build.vocabulary import Vocabulary
from flan_tasks.build.writers import WRITERS
from flan_tasks.build.writers.base import Shard, TokenizedRow, WriteSettings
from flan_tasks.core.errors import BuildError

PARTS = ("inputs", "targets")


@dataclass(frozen=True)
class BuildSettings:
    """How a plan is written."""

    # One of `formats.FORMATS`.
    format: str
    # train, validation or test.
    split: str
    # One of `formats.STYLES`.
    style: str
    # Longest inputs and targets, EOS included.
    lengths: Mapping[str, int]
    # For ids and token counts; None counts no tokens.
    vocabulary: Vocabulary | None = None
    # Number of files (for each task, where a format keeps tasks apart); None goes by rows.
    num_shards: int | None = None

    @property
    def for_writer(self) -> WriteSettings:
        """What the writer needs of it."""
        eos_id = self.vocabulary.eos_id if self.vocabulary else None
        return WriteSettings(self.split, self.style, self.lengths, eos_id)


def build_shard(plan: Plan, shard: Shard, settings: BuildSettings, folder: Path) -> dict[str, Any]:
    """Writes one shard and returns what is known of it, as it stands in the manifest.

    The file appears under its name only when it is whole.

    Raises:
      BuildError: it cannot be written; nothing of it is left behind.
    """
    path = folder / shard.path
    temporary = path.with_name(path.name + ".tmp")
    stats = _Stats(settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        chunks = stats.count(_tokenized(plan, shard, settings))
        WRITERS[settings.format].write(temporary, chunks, settings.for_writer)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        known = {"path": shard.path, **file_facts(temporary), **stats.facts()}
        os.replace(temporary, path)
    except OSError as error:
        raise write_error(error, path) from error
    except Exception as error:
        if _is_full(error):  # TensorFlow wraps the system's error in one of its own
            raise write_error(OSError(errno.ENOSPC, "No space left on device"), path) from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return known


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


def _tokenized(
    plan: Plan, shard: Shard, settings: BuildSettings
) -> Iterator[Sequence[TokenizedRow]]:
    for rows in rendered_rows(plan, shard.start, shard.stop):
        yield tokenize(rows, settings.vocabulary)


def tokenize(rows: Sequence[BuiltRow], vocabulary: Vocabulary | None) -> list[TokenizedRow]:
    """Adds ids to rows, in one batch."""
    if vocabulary is None:
        return [TokenizedRow(row) for row in rows]
    ids = vocabulary.encode([row.inputs for row in rows] + [row.targets for row in rows])
    pairs = zip(rows, ids[: len(rows)], ids[len(rows) :], strict=True)
    return [TokenizedRow(row, inputs, targets) for row, inputs, targets in pairs]


class _Stats:
    """Counts what passes through to a writer."""

    def __init__(self, settings: BuildSettings) -> None:
        self._settings = settings
        self._templates: Counter[tuple[str, str]] = Counter()
        self._tokens = dict.fromkeys(PARTS, 0)
        self._longest = dict.fromkeys(PARTS, 0)
        self._trimmed = dict.fromkeys(PARTS, 0)

    def count(self, chunks: Iterator[Sequence[TokenizedRow]]) -> Iterator[Sequence[TokenizedRow]]:
        for chunk in chunks:
            for item in chunk:
                self._templates[item.row.dataset.name, item.row.template.id] += 1
                for part in PARTS if item.inputs is not None else ():
                    num = len(getattr(item, part))
                    self._tokens[part] += num
                    self._longest[part] = max(self._longest[part], num)
                    # One place is for EOS.
                    self._trimmed[part] += num > self._settings.lengths[part] - 1
            yield chunk

    def facts(self) -> dict[str, Any]:
        tasks: dict[str, dict[str, int]] = {}
        for (name, template), count in sorted(self._templates.items()):
            tasks.setdefault(name, {})[template] = count
        found: dict[str, Any] = {"rows": self._templates.total(), "templates": tasks}
        if self._settings.vocabulary is not None:
            found |= {
                "tokens": self._tokens,
                "longest": self._longest,
                "over_length": self._trimmed,
            }
        return found
