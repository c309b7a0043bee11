"""The reading side of a build: packed rows by number, batches by step, nothing to remember.

Needs numpy and the build directory; neither TensorFlow nor JAX, and none of the data sources. Of a
build at an address files are fetched when they are used, into a copy that stays.
"""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.chat.files import TOKENIZER
from flan_tasks.chat.kept import KEPT
from flan_tasks.core.address import Address
from flan_tasks.core.errors import BuildError, DeclarationError, VocabularyError
from flan_tasks.engine.contents import CHECKS, USE
from flan_tasks.engine.local_copy import LocalCopy
from flan_tasks.engine.manifest_file import read_manifest
from flan_tasks.packing.features import STORED, features
from flan_tasks.reader.order import Place, epoch_and_row
from flan_tasks.reader.shards import Shards
from flan_tasks.specs.chat_choices import CHAT
from flan_tasks.specs.formats import ENCODER_DECODER
from flan_tasks.vocabulary import Vocabulary, open_here, open_vocabulary

ARRAYS = "arrays"
# What opens the other formats; {0} is the directory, {1} the folder of its shards.
_OTHERS = {
    "jsonl": 'datasets.load_dataset("{0}")',
    "parquet": 'datasets.load_dataset("{0}")',
    "tfrecord": 'tf.data.TFRecordDataset(tf.io.gfile.glob("{1}/*.tfrecord"))',
    "packed-tfrecord": 'tf.data.TFRecordDataset(tf.io.gfile.glob("{1}/*.tfrecord"))',
    "arrayrecord": 'grain.sources.ArrayRecordDataSource(glob.glob("{1}/*.arrayrecord"))',
    "seqio-cache": 'seqio.add_global_cache_dirs(["{0}"]) and use_cached=True',
}


@dataclass(frozen=True)
class PackedExample:
    """One example, as it stands in a packed row."""

    inputs: np.ndarray
    """int32[length], EOS included."""
    targets: np.ndarray
    """int32[length], EOS included."""
    task: int
    """Number of its task: an index into `Reader.tasks`."""
    plan_row: int
    """Which row of the plan it was."""


class Reader:
    """The packed rows of an `arrays` build.

    `len` counts rows and `[k]` reads one, so that Grain and PyTorch take it as a data source;
    `batch` is a pure function of its arguments, so that a trainer resumes by computing the step.
    """

    def __init__(
        self, folder: Path | Address, *, vocabulary: Vocabulary | None = None, check: str = USE
    ) -> None:
        """Opens a directory.

        Args:
          folder: a complete build of format `arrays`, here or at an address.
          vocabulary: for `text`, where the manifest names it by digest only.
          check: when files are compared with the hashes in the manifest: "use", each when it is
            first used; "open", all of them now; "never", for storage that checks itself.

        Raises:
          DeclarationError: `check` is none of these.
          BuildError: the directory is none, unfinished, damaged, or of another format.
          VocabularyError: the vocabulary is not the one of the build.
        """
        if check not in CHECKS:
            raise DeclarationError(f'check "{check}": known are {", ".join(CHECKS)}')
        self.where = folder
        self._copy: LocalCopy | None = None
        if isinstance(folder, Address):
            self._copy = LocalCopy(folder)
            self.folder, self.manifest = self._copy.folder, self._copy.manifest
        else:
            self.folder, self.manifest = folder, read_manifest(folder)
        _check_format(folder, self.manifest)
        if vocabulary is not None and vocabulary.name != self.manifest["vocabulary"]:
            raise VocabularyError(
                f'vocabulary "{vocabulary.name}" does not belong to {folder}, whose ids are of '
                f'"{self.manifest["vocabulary"]}"'
            )
        self._vocabulary = vocabulary
        if self._copy is not None:
            kept = (entry["path"] for entry in self.manifest["files"])
            self._copy.bring(name for name in kept if name.split("/")[0] == KEPT)
        self._shards = Shards(self.folder, self.manifest, check=check, copy=self._copy)

    def prefetch(self) -> None:
        """Begins to fetch all files of a build at an address, while others are read."""
        if self._copy is not None:
            self._copy.prefetch()

    @property
    def arch(self) -> str:
        """For which models it was packed: "encoder-decoder" or "decoder"."""
        return self._shards.arch

    @property
    def tasks(self) -> Sequence[Mapping[str, Any]]:
        """What is known of each task, by its number."""
        tasks: Sequence[Mapping[str, Any]] = self.manifest["tasks"]
        return tasks

    @property
    def num_examples(self) -> int:
        """How many examples are in the rows."""
        return self._shards.examples

    @property
    def most_examples(self) -> int:
        """How many examples the fullest row holds; reads where those of all rows begin."""
        return self._shards.most_examples

    def __len__(self) -> int:
        return self._shards.rows

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        """Returns the features of a stored row: int32[length] each."""
        features = self.rows(np.asarray([_in_range(row, len(self), "row")]))
        return {name: array[0] for name, array in features.items()}

    def __repr__(self) -> str:
        """Says which build it is by the hash of its manifest: Grain compares it on resuming.

        So the same build goes on from wherever it lies, and another under its path does not.
        """
        build = self.manifest.get("sha256", self.manifest["digest"])
        return f"flan_tasks.Reader(build {build}): {len(self)} rows of {self.num_examples} examples"

    def rows(self, rows: np.ndarray | Sequence[int]) -> dict[str, np.ndarray]:
        """Returns the features of stored rows, by number: int32[len(rows), length] each.

        Numbers below 0 count from the end.

        Raises:
          TypeError: numbers are not whole ones in one line.
          IndexError: there is no such row.
        """
        numbers = np.asarray(rows, dtype=None if len(rows) else np.int64)
        if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer):
            raise TypeError(
                f"rows are of {numbers.dtype}, {numbers.ndim}-dimensional; want a list "
                "of whole numbers"
            )
        if len(numbers):
            _in_range(int(numbers.min()), len(self), "row")
            _in_range(int(numbers.max()), len(self), "row")
        stored, tasks = self._shards.gather(np.where(numbers < 0, numbers + len(self), numbers))
        return features(self.arch, stored, chat=CHAT in self.manifest) | {"segment_tasks": tasks}

    def batch(
        self,
        step: int,
        batch_size: int,
        *,
        host: int = 0,
        hosts: int = 1,
        seed: int = 0,
        shuffle: bool = True,
        first_row: int = 0,
    ) -> dict[str, np.ndarray]:
        """Returns one host's part of a batch: int32[batch_size // hosts, length] each.

        Every epoch has each row once, in an order of its own; a batch at an epoch's end takes the
        rest of its rows from the next epoch.

        Args:
          step: number of the batch, from 0; there is no last one.
          batch_size: rows over all hosts together.
          host: which host asks.
          hosts: how many hosts share the batch.
          seed: what the order of each epoch depends on.
          shuffle: whether rows come in that order; otherwise as stored.
          first_row: row in that order, over all epochs, that step 0 begins with; below 0 for who
            asks for later steps only.

        Raises:
          DeclarationError: an argument is out of range, or hosts do not divide the batch.
        """
        place = Place(step, batch_size, host, hosts, seed, shuffle, first_row)
        return self.rows(epoch_and_row(place, len(self))[1])

    def epoch_and_row(
        self,
        step: int,
        batch_size: int,
        *,
        host: int = 0,
        hosts: int = 1,
        seed: int = 0,
        shuffle: bool = True,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the epoch and the number of each row that `batch` gives for these arguments."""
        return epoch_and_row(Place(step, batch_size, host, hosts, seed, shuffle), len(self))

    def unpack(self, row: int) -> list[PackedExample]:
        """Returns the examples of a stored row."""
        row = _in_range(row, len(self), "row")
        shard, local, numbers = self._shards.row_examples(row)
        stored = {name: shard[name][local].astype(np.int32) for name in STORED[self.arch]}
        return [
            PackedExample(*self._parts(stored, segment), shard.task(number), shard.plan_row(number))
            for segment, number in enumerate(numbers, start=1)
        ]

    def example(self, number: int) -> PackedExample:
        """Returns one example, counted through the rows as stored."""
        number = _in_range(number, self.num_examples, "example")
        row, place = self._shards.row_of_example(number)
        return self.unpack(row)[place]

    def text(self, example: PackedExample) -> tuple[str, str]:
        """Returns the inputs and targets of an example as the vocabulary decodes them.

        Raises:
          VocabularyError: the build's vocabulary is not available.
        """
        if self._vocabulary is None:
            name = self.manifest["vocabulary"]
            if name.startswith("sha256:"):
                # Builds of conversations hold their tokenizer.
                here = open_here(name, beside=self.folder / KEPT / TOKENIZER)
                if here is None:
                    raise VocabularyError(
                        f"{self.where} names its vocabulary by digest, {name[:15]}...; give its "
                        "file: flan_tasks.open(DIR, vocab=PATH)"
                    )
                self._vocabulary = here
            else:
                self._vocabulary = open_vocabulary(name)
        sides = (example.inputs, example.targets)
        inputs, targets = (self._decoded(self._vocabulary, ids) for ids in sides)
        return inputs, targets

    def _decoded(self, vocabulary: Vocabulary, ids: np.ndarray) -> str:
        is_closed = len(ids) and ids[-1] == self.manifest["eos_id"]
        return vocabulary.decode((ids[:-1] if is_closed else ids).tolist())

    def _parts(
        self, stored: Mapping[str, np.ndarray], segment: int
    ) -> tuple[np.ndarray, np.ndarray]:
        if self.arch == ENCODER_DECODER:
            return tuple(
                stored[part][stored[f"{part}_segment_ids"] == segment]
                for part in ("inputs", "targets")
            )
        in_segment = stored["segment_ids"] == segment
        trained = stored["loss_mask"] > 0
        return stored["tokens"][in_segment & ~trained], stored["tokens"][in_segment & trained]


def _check_format(folder: Path | Address, manifest: Mapping[str, Any]) -> None:
    form = manifest["format"]
    if form != ARRAYS:
        # A build of before has its shards beside the manifest.
        names = [shard["name"] for shard in manifest["shards"]]
        inside = names[0].rpartition("/")[0] if names else ""
        place = folder / inside if inside else folder
        hint = f"Read it with {_OTHERS[form].format(folder, place)}"
        raise BuildError(
            f'{folder} is of format "{form}"; flan_tasks.open reads "{ARRAYS}". {hint}, or build '
            f"with --format {ARRAYS}"
        )


def _in_range(number: int, size: int, noun: str) -> int:
    index = operator.index(number)
    if index < 0:
        index += size
    if not 0 <= index < size:
        raise IndexError(f"{noun} {number} of a build of {size}")
    return index
