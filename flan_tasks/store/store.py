"""The store: normalized examples, written once for each task and split, read memory-mapped.

A file's name holds the hash of everything its rows depend on: the source's identity, the split
rule, the normalizer's code, the schema and the limit. Whatever changes makes another file. A file
that is not what its checksum says is named and made anew.
"""

import copy
import errno
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from flan_tasks.core import whole
from flan_tasks.core.address import Address, path_or_address
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import BuildError, FlanTasksError
from flan_tasks.core.home import under_home
from flan_tasks.core.member import Member
from flan_tasks.raw_rows.base import Source
from flan_tasks.raw_rows.families import FamilySource, MemberSource
from flan_tasks.raw_rows.reading import VALIDATION_LIMIT
from flan_tasks.store import checksum
from flan_tasks.store.arrow_rows import copy_file, store_schema
from flan_tasks.store.families import (
    Entry,
    family_key_parts,
    read_entries,
    unavailable,
    warn_of_unknown,
    write_rows,
)
from flan_tasks.store.files import Files, about_of, read_file
from flan_tasks.store.key import digest_of_parts, key_parts
from flan_tasks.store.shared_files import SharedFiles
from flan_tasks.store.split_file import Part, PartedSplit, SplitFile
from flan_tasks.store.table import StoredExamples

ENVIRONMENT = "FLAN_TASKS_STORE"
_log = logging.getLogger(__name__)


def default_store() -> Path | Address:
    """Where examples are kept unless told otherwise.

    Raises:
      DeclarationError: an address is named for it that holds credentials.
      FlanTasksError: it would lie in the home folder, and none is known.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    named = os.environ.get(ENVIRONMENT)
    place = path_or_address(named) if named else Path(cache) / "flan_tasks" / "store"
    return place if isinstance(place, Address) else under_home(place, setting=ENVIRONMENT)


def open_store(where: str | os.PathLike[str] | Address | None = None) -> "Store":
    """Opens a store.

    Args:
      where: a folder, or an address; None is the usual place.

    Raises:
      DeclarationError: it is an address that holds credentials.
      BuildError: no library for such addresses is installed.
      FlanTasksError: it would lie in the home folder, and none is known.
    """
    return Store(default_store() if where is None else path_or_address(where))


class Store:
    """Stored examples.

    Args:
      place: a folder; or an address, whose files are fetched into a folder of this machine when
        they are used, and which new ones are put to.

    Raises:
      BuildError: no library for such addresses is installed.
    """

    def __init__(self, place: Path | Address) -> None:
        if isinstance(place, Address):
            shared = SharedFiles(place)
            self._files, self.root = Files(shared), shared.local_root
        else:
            self._files, self.root = Files(None), place
        # What was opened of families: source, split, limit -> name of a member -> examples, or why
        # it has none. Sources are kept, so that no other takes the number of one that is gone.
        self._families: dict[tuple[int, str, int | None], _OpenedFamily] = {}
        whole.sweep(self.root)
        for pattern in ("*.arrow*.[0-9]*.tmp", "*.arrow.[0-9]*.rows"):
            whole.sweep_old(self.root, pattern)

    def absolute(self) -> "Store":
        """Returns it with a path that holds in other processes."""
        store = copy.copy(self)
        store.root = self.root.absolute()
        return store

    def open(
        self,
        dataset: Dataset,
        source: Source,
        split: str,
        *,
        limit: int | None,
        reading: Callable[[], None] | None = None,
    ) -> StoredExamples:
        """Returns the examples of a dataset's split, reading them from the source if need be.

        Args:
          dataset: whose examples.
          source: where its rows are.
          split: train, validation or test.
          limit: at most so many examples are read; None reads all. Validation has a limit of its
            own, 200.
          reading: called before rows are read; not where the store has their examples.

        Raises:
          SourceUnavailableError: the rows are not available.
          RowError: rows break the schema; the first ten are named.
          BuildError: the store cannot be written.
        """
        limit = limit_of(split, limit)
        if isinstance(source, MemberSource):
            return self._member(source, split, limit, reading)
        asked = SplitFile(self.root, dataset, source, split, limit)
        path, key, schema = asked.path, asked.key, asked.schema
        found = self._files.look(path, key, schema)
        if isinstance(found, StoredExamples):
            return found
        if reading:
            reading()
        try:
            with self._writing():
                asked.write()
        except FlanTasksError as error:
            if not found:
                raise
            raise type(error)(
                f"{error}. Its stored examples {path} are damaged ({found}) and cannot be made "
                "anew without the rows"
            ) from error
        return self._files.written(path, key, schema)

    def without(
        self, examples: StoredExamples, numbers: np.ndarray, *, reason: str
    ) -> StoredExamples:
        """Returns stored examples less some, in a file of their own; those count as skipped.

        Args:
          examples: all of them.
          numbers: which are left out: int64[n].
          reason: under which they are counted.

        Raises:
          BuildError: the store cannot be written.
        """
        if not len(numbers):
            return examples
        if examples.stop is not None:
            return self._without_in_family(examples, numbers, reason)
        left_out = hashlib.sha256(np.sort(numbers).astype("<i8").tobytes()).hexdigest()
        parts = {**examples.parts, "without": [examples.key, reason, left_out]}
        key = digest_of_parts(parts)
        dataset_and_split = examples.path.stem.rsplit("-", 1)[0]
        path = self.root / f"{dataset_and_split}-{key[:16]}.arrow"
        schema = examples.schema
        found = self._files.look(path, key, schema)
        if isinstance(found, StoredExamples):
            return found
        skipped = {**examples.skipped, reason: len(numbers)}
        about = {
            "key": key,
            "parts": parts,
            "skipped": dict(sorted(skipped.items())),
            "rows": examples.rows,
            "at_hand": examples.rows_at_hand,
        }
        keep = np.setdiff1d(np.arange(len(examples)), numbers)
        with self._writing(), whole.file_aside(path) as aside:
            examples.copy(keep, aside, metadata={"flan_tasks": json.dumps(about)})
            checksum.write(aside, stands_for=path)
        return self._files.written(path, key, schema)

    def _member(
        self,
        source: MemberSource,
        split: str,
        limit: int | None,
        reading: Callable[[], None] | None,
    ) -> StoredExamples:
        """Returns the examples of one member out of the table of its family."""
        place = (id(source.of_family), split, limit)
        if place not in self._families:
            self._families[place] = self._family(source.of_family, split, limit, reading)
        return self._families[place].of(source.member)

    def _family(
        self,
        source: FamilySource,
        split: str,
        limit: int | None,
        reading: Callable[[], None] | None,
    ) -> "_OpenedFamily":
        family = source.family
        parts = family_key_parts(source, split, limit=limit)
        key = digest_of_parts(parts)
        path = self.root / f"{_stored_as(source)}-{split}-{key[:16]}.arrow"
        schema = store_schema(family.shared)
        stored = self._files.look(path, key, schema)
        if isinstance(stored, str):
            if reading:
                reading()
            try:
                with (
                    self._writing(),
                    whole.file_aside(path) as aside,
                    whole.scratch_file(path) as rows_alone,
                ):
                    about = write_rows(rows_alone, source, split, schema, limit=limit)
                    members = about["members"].values()
                    about |= {
                        "key": key,
                        "parts": parts,
                        "skipped": {},
                        "rows": sum(one.get("rows", 0) for one in members),
                        "at_hand": sum(one.get("at_hand", 0) for one in members),
                    }
                    copy_file(rows_alone, aside, {"flan_tasks": json.dumps(about)})
                    checksum.write(aside, stands_for=path)
            except FlanTasksError as error:
                if not stored:
                    raise
                raise type(error)(
                    f"{error}. Its stored examples {path} are damaged ({stored}) and cannot be "
                    "made anew without the rows"
                ) from error
            stored = self._files.written(path, key, schema)
        about = about_of(path)
        warn_of_unknown(family, about)
        return _OpenedFamily(source, stored, read_entries(about, len(stored)))

    def _without_in_family(
        self, examples: StoredExamples, numbers: np.ndarray, reason: str
    ) -> StoredExamples:
        # No file for each of a thousand tasks: the numbers of the others say as much.
        left_out = hashlib.sha256(np.sort(numbers).astype("<i8").tobytes()).hexdigest()
        parts = {**examples.parts, "without": [examples.key, reason, left_out]}
        skipped = {**examples.skipped, reason: len(numbers)}
        return replace(
            examples,
            key=digest_of_parts(parts),
            parts=parts,
            skipped=dict(sorted(skipped.items())),
            chosen=examples.places(np.setdiff1d(np.arange(len(examples)), numbers)),
        )

    def explain(
        self, dataset: Dataset, source: Source, split: str, *, limit: int | None
    ) -> list[str]:
        """Says which parts of the key differ from those of the available files, one line each."""
        if isinstance(source, MemberSource):
            parts = family_key_parts(source.of_family, split, limit=limit)
        else:
            parts = key_parts(dataset, source, split, limit=limit)
        key = digest_of_parts(parts)
        lines = []
        name = dataset.name
        if isinstance(source, MemberSource):
            name = _stored_as(source.of_family)
        for path in sorted(self.root.glob(f"{name}-{split}-*.arrow")):
            try:
                found = read_file(path)
            except BuildError:
                continue  # it is named when it is used
            if found.key == key or "without" in found.parts:  # the latter are made of others
                continue
            changed = [name for name, value in parts.items() if found.parts.get(name) != value]
            lines.append(f"{path.name}: differs in {', '.join(changed) or 'layout'}")
        return lines

    def has(self, dataset: Dataset, source: Source, split: str, *, limit: int | None) -> bool:
        """Whether a dataset's split is stored, for all that its name says.

        Raises:
          SourceUnavailableError: the rows are not available.
        """
        asked = SplitFile(self.root, dataset, source, split, limit_of(split, limit))
        return self._files.has(asked.path)

    @contextmanager
    def in_parts(
        self, dataset: Dataset, source: Source, split: str, *, limit: int | None, size: int
    ) -> Iterator[PartedSplit]:
        """Yields a split whose rows several processes may read; their files go when it ends.

        Args:
          dataset, source, split, limit: as for `open`.
          size: rows of a part.

        Raises:
          SourceUnavailableError: the rows are not available.
          BuildError: the store cannot be written.
        """
        file = SplitFile(self.root, dataset, source, split, limit_of(split, limit))
        with self._writing(), ExitStack() as opened:
            yield PartedSplit(
                file,
                [
                    Part(opened.enter_context(whole.scratch_file(file.path)), start, stop)
                    for start, stop in file.ranges(size)
                ],
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Makes the folder, and says in words what keeps a file from being written there."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            yield
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise BuildError(
                    f"no space left for the store in {self.root}; free some, or name another place "
                    f"in {ENVIRONMENT}, and run the same command again"
                ) from error
            if error.filename and not Path(os.fsdecode(error.filename)).is_relative_to(self.root):
                raise  # a file of the source
            raise BuildError(
                f"the store {self.root} cannot be written: {error.strerror or error}"
            ) from error


def limit_of(split: str, limit: int | None) -> int | None:
    """Returns how many examples of a split are stored at most: of validation there are fewer."""
    if split != "validation":
        return limit
    return VALIDATION_LIMIT if limit is None else min(limit, VALIDATION_LIMIT)


def _stored_as(source: FamilySource) -> str:
    return source.family.stored_as(next(iter(source.members.values())))


@dataclass(frozen=True)
class _OpenedFamily:
    """The table of a family, and what it says of its members."""

    source: FamilySource
    """Where its rows are."""
    whole: StoredExamples
    """All examples."""
    entries: Mapping[str, Entry]
    """Name of a member -> what is said of it."""

    def of(self, member: Member) -> StoredExamples:
        """Returns the examples of a member.

        Raises:
          SourceUnavailableError: it has no rows.
        """
        entry = self.entries.get(member.name)
        if entry is None or entry.unavailable:
            raise unavailable(self.source.family, member, entry)
        return replace(
            self.whole,
            rows=entry.rows,
            rows_at_hand=entry.at_hand,
            skipped=entry.skipped,
            start=entry.start,
            stop=entry.stop,
            constants=entry.constants,
        )
