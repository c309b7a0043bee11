"""Rendered, tokenized examples as a `tf.data.Dataset`: chunks made in Python, cut in the graph.

Each chunk, its length included, is a pure function of its number, so nothing is carried from one to
the next, a shard is every n-th row, and an epoch only a range of numbers.
"""

import atexit
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import seqio
import tensorflow as tf

from flan_tasks.core.errors import DeclarationError
from flan_tasks.engine.writers.seqio_cache import about_text
from flan_tasks.packing.encoder import INPUTS, TARGETS, Encoder, RenderAgain
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.fitting import Fitted
from flan_tasks.vocabulary import Encoded, open_vocabulary

# Rows of the first chunk: enough to tokenize in batches, few enough that they are there at once.
CHUNK = 1024
# None of the functions here decides on what a tensor holds: rewriting them takes a moment for each.
_as_it_is = tf.autograph.experimental.do_not_convert
# In rank streams: whether the option is the answer.
IS_CORRECT = "is_correct"


def lengths_of(
    sequence_length: Mapping[str, int] | None, *, trim: bool
) -> Mapping[str, int | None]:
    """Returns how long inputs and targets may be, EOS included; None is as long as they are."""
    lengths = sequence_length or {}
    return {name: lengths.get(name) if trim else None for name in (INPUTS, TARGETS)}


# Positions, int64[n] -> ids and lengths of inputs, the same of targets, string features.
Columns = Callable[[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True)
class StreamEncoder(Encoder):
    """What turns the prompts and targets of a stream into columns of ids."""

    has_eos: bool = True
    """Whether texts are closed by EOS."""

    @classmethod
    def open(cls, vocab: str, lengths: Mapping[str, int | None] | None) -> "StreamEncoder":
        """Opens the vocabulary; without lengths texts stay whole and have no EOS."""
        return cls(open_vocabulary(vocab), lengths or {}, has_eos=lengths is not None)

    def fit(self, inputs: Sequence[str], render_again: RenderAgain) -> Fitted:
        """Returns the prompts that fit, with their ids.

        Raises:
          DeclarationError: none of a whole chunk of prompts fits.
        """
        fitted = super().fit(inputs, render_again)
        if len(inputs) >= CHUNK and not len(fitted.kept):
            # An infinite stream would look for one that fits forever.
            raise DeclarationError(
                f"none of {len(inputs):,} prompts fits {self.lengths[INPUTS]} tokens, however "
                "their fields are shortened; give longer inputs in sequence_length"
            )
        return fitted

    def targets(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Returns the ids of targets, one after the other, and how many are of each."""
        return self.flat(self.encode(texts, TARGETS))

    def flat(self, encoded: Encoded) -> list[np.ndarray]:
        """Returns ids one after the other and how many are of each text."""
        if self.has_eos:
            return [encoded.ids, encoded.lengths]
        is_text = np.ones(len(encoded.ids), bool)
        is_text[np.cumsum(encoded.lengths) - 1] = False
        return [encoded.ids[is_text], encoded.lengths - 1]


def text_columns(
    texts: Callable[[np.ndarray], tuple[Sequence[str], Sequence[str]]],
    rows: Callable[[np.ndarray], list[BuiltRow]],
    encoder: StreamEncoder,
) -> Columns:
    """Returns columns of ids alone.

    Args:
      texts: positions -> (inputs, targets).
      rows: positions -> the same rows with their examples, for prompts that are too long.
      encoder: gives the ids.
    """

    def columns(positions: np.ndarray) -> list[np.ndarray]:
        inputs, targets = texts(positions)
        fitted = encoder.fit(inputs, lambda over: rows(positions[over]))
        target_ids = encoder.targets([targets[place] for place in fitted.kept.tolist()])
        return [*encoder.flat(fitted.encoded), *target_ids]

    return columns


def row_columns(
    rows: Callable[[np.ndarray], list[BuiltRow]],
    encoder: StreamEncoder,
    names: Sequence[str],
    *,
    rank: bool = False,
) -> Columns:
    """Returns columns of ids and string features.

    Args:
      rows: positions -> rendered rows.
      encoder: gives the ids.
      names: the string features.
      rank: whether each option becomes an example of its own.
    """

    def columns(positions: np.ndarray) -> list[np.ndarray]:
        rendered = rows(positions)
        fitted = encoder.fit(
            [row.inputs for row in rendered],
            lambda over: [rendered[place] for place in over.tolist()],
        )
        left = [fitted.rows.get(n, rendered[k]) for n, k in enumerate(fitted.kept.tolist())]
        # Place of each example's row among those left, and what is to be said.
        pairs = [
            (place, target)
            for place, row in enumerate(left)
            for target in (row.choices if rank else (row.targets,))
        ]
        places = np.asarray([place for place, _ in pairs], np.int64)
        target_ids = encoder.targets([target for _, target in pairs])
        input_ids = encoder.flat(fitted.encoded.take(places))
        spread = [(left[place], target) for place, target in pairs]
        shown = [*names, *([IS_CORRECT] if rank else [])]
        return [*input_ids, *target_ids, *(_column(name, spread) for name in shown)]

    return columns


@dataclass(frozen=True)
class Sizes:
    """How many rows each chunk has: the first few, each next twice as many, up to a ceiling."""

    first: int = CHUNK
    """Rows of the first chunk."""
    doublings: int = 0
    """How often it doubles."""

    def start(self, number: int) -> int:
        """Returns the position a chunk begins at."""
        grown = min(number, self.doublings)
        return self.first * ((1 << grown) - 1 + ((number - grown) << self.doublings))

    def chunks(self, count: int) -> int:
        """Returns how many chunks `count` rows are, the last of which may be shorter."""
        for number in range(self.doublings + 1):
            if self.start(number) >= count:
                return number
        rest = count - self.start(self.doublings)
        return self.doublings - -rest // (self.first << self.doublings)


def stream(
    columns: Columns,
    *,
    per_epoch: int,
    num_epochs: int | None,
    shard_info: seqio.ShardInfo | None,
    texts: Sequence[str] = (),
    rank: bool = False,
    sizes: Sizes = Sizes(),
) -> tf.data.Dataset:
    """Makes a dataset of examples out of chunks that Python renders and tokenizes.

    Args:
      columns: what the examples at some positions are; positions go on forever.
      per_epoch: rows of an epoch.
      num_epochs: None never ends.
      shard_info: which positions, of those that several readers share.
      texts: names of the string features that `columns` gives.
      rank: whether each option is an example of its own.
      sizes: rows of each chunk.
    """
    index, num_shards = (shard_info.index, shard_info.num_shards) if shard_info else (0, 1)
    if num_epochs is None:
        count = np.iinfo(np.int64).max // (2 * num_shards)
    else:
        total = per_epoch * num_epochs
        count = (total - index + num_shards - 1) // num_shards

    def chunk(number: np.int64) -> list[np.ndarray]:
        with _running:
            first, stop = (sizes.start(int(number) + more) for more in (0, 1))
            positions = np.arange(first, min(stop, count), dtype=np.int64)
            return columns(positions * num_shards + index)

    names = [*texts, *((IS_CORRECT,) if rank else ())]
    types = [tf.int32, tf.int64, tf.int32, tf.int64]
    types += [tf.bool if name == IS_CORRECT else tf.string for name in names]

    @_as_it_is
    def make(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        values = tf.numpy_function(chunk, [number], types, stateful=False)
        for value in values:
            value.set_shape([None])
        return tuple(values)

    # Each example is a slice of its chunk's flat ids: plain tensors, which are handed out several
    # times faster than ragged ones are unbatched.
    @_as_it_is
    def split(
        inputs: tf.Tensor,
        num_in: tf.Tensor,
        targets: tf.Tensor,
        num_out: tf.Tensor,
        *more: tf.Tensor,
    ) -> tf.data.Dataset:
        edges = (tf.cumsum(num_in) - num_in, num_in, tf.cumsum(num_out) - num_out, num_out)

        @_as_it_is
        def one(first_in, length_in, first_out, length_out, *texts):
            return {
                INPUTS: inputs[first_in : first_in + length_in],
                TARGETS: targets[first_out : first_out + length_out],
                **dict(zip(names, texts, strict=True)),
            }

        return tf.data.Dataset.from_tensor_slices((*edges, *more)).map(one)

    chunks = tf.data.Dataset.range(sizes.chunks(count)).map(
        make, num_parallel_calls=2, deterministic=True
    )
    return chunks.prefetch(1).flat_map(split)


def _column(name: str, pairs: Sequence[tuple[BuiltRow, str]]) -> np.ndarray:
    if name == IS_CORRECT:
        return np.asarray([target == row.targets for row, target in pairs], bool)
    values = [_text(name, row, target).encode() for row, target in pairs]
    return np.asarray(values, dtype=object)


def _text(name: str, row: BuiltRow, target: str) -> str:
    if name == "inputs_pretokenized":
        return row.inputs
    if name == "targets_pretokenized":
        return target
    return about_text(row, name)


class _Running:
    """Keeps the interpreter from ending while TensorFlow's threads are inside Python.

    A thread that waits for the interpreter lock while the interpreter ends never wakes up, and
    TensorFlow waits for the thread. So at exit chunks in work are waited for, and none is begun.
    """

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._inside = 0
        self._ending = False
        atexit.register(self._end)

    def __enter__(self) -> None:
        with self._lock:
            if self._ending:
                raise RuntimeError("the interpreter is ending")
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            self._lock.notify_all()

    def _end(self) -> None:
        with self._lock:
            self._ending = True
            self._lock.wait_for(lambda: not self._inside, timeout=10)


_running = _Running()
