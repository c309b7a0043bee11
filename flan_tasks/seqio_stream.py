"""Rendered, tokenized examples as a `tf.data.Dataset`: chunks made in Python, cut in the graph.

Each chunk is a pure function of its number, so nothing is carried from one to the next, a shard is
every n-th row, and an epoch only a range of numbers.
"""

import atexit
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import seqio
import tensorflow as tf

from flan_tasks.build.exemplars import Budget
from flan_tasks.build.rows import BuiltRow
from flan_tasks.build.vocabulary import Vocabulary, open_vocabulary
from flan_tasks.build.writers.seqio_cache import about_text

# Rows of a chunk: enough to tokenize in batches, few enough that the first is there at once.
CHUNK = 1024
INPUTS, TARGETS = "inputs", "targets"
# In rank streams: whether the option is the answer.
IS_CORRECT = "is_correct"


def lengths_of(
    sequence_length: Mapping[str, int] | None, *, trim: bool
) -> Mapping[str, int | None]:
    """Returns how long inputs and targets may be, EOS included; None is as long as they are."""
    given = sequence_length or {}
    return {name: given.get(name) if trim else None for name in (INPUTS, TARGETS)}


def prompt_budget(vocab: str, lengths: Mapping[str, int | None] | None) -> Budget | None:
    """What exemplars must fit into; None where inputs may be as long as they are."""
    length = (lengths or {}).get(INPUTS)
    return None if length is None else Budget(open_vocabulary(vocab), length)


Encode = Callable[[Sequence[str], str], list[np.ndarray]]


def encoder(vocab: str, lengths: Mapping[str, int | None] | None) -> Encode:
    """Returns (texts, feature) -> ids; with lengths, cut to them and closed by EOS."""
    vocabulary: Vocabulary = open_vocabulary(vocab)
    eos = np.asarray([vocabulary.eos_id], np.int32)

    def encode(texts: Sequence[str], feature: str) -> list[np.ndarray]:
        found = vocabulary.encode(texts)
        if lengths is None:
            return found
        length = lengths.get(feature)
        if length is None:
            return [np.concatenate((ids, eos)) for ids in found]
        return [np.concatenate((ids[: length - 1], eos)) for ids in found]

    return encode


def stream(
    rows: Callable[[np.ndarray], list[BuiltRow]],
    *,
    per_epoch: int,
    num_epochs: int | None,
    shard_info: seqio.ShardInfo | None,
    encode: Encode,
    texts: Sequence[str],
    rank: bool = False,
    chunk_rows: int = CHUNK,
) -> tf.data.Dataset:
    """Makes a dataset of examples out of chunks that Python renders and tokenizes.

    Args:
      rows: int64[n] positions -> rendered rows; positions go on for ever.
      per_epoch: rows of an epoch.
      num_epochs: None never ends.
      shard_info: which positions, of those that several readers share.
      encode: (texts, feature) -> ids.
      texts: names of the string features to hand out.
      rank: whether each option becomes an example of its own.
      chunk_rows: rows of a chunk, at most.
    """
    index, num_shards = (shard_info.index, shard_info.num_shards) if shard_info else (0, 1)
    if num_epochs is None:
        count = np.iinfo(np.int64).max // (2 * num_shards)
    else:
        total = per_epoch * num_epochs
        count = (total - index + num_shards - 1) // num_shards
    # Small datasets come in smaller chunks: the first example is there at once.
    size = int(min(chunk_rows, max(1, count)))
    num_chunks = -(-count // size)

    def chunk(number: np.int64) -> list[np.ndarray]:
        with _running:
            first = int(number) * size
            positions = np.arange(first, min(first + size, count), dtype=np.int64)
            found = rows(positions * num_shards + index)
            pairs = _each_option(found) if rank else ((row, row.targets) for row in found)
            return _columns(list(pairs), encode, names)

    names = [*texts, *((IS_CORRECT,) if rank else ())]
    types = [tf.int32, tf.int64, tf.int32, tf.int64]
    types += [tf.bool if name == IS_CORRECT else tf.string for name in names]

    def make(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        values = tf.numpy_function(chunk, [number], types, stateful=False)
        for value in values:
            value.set_shape([None])
        return tuple(values)

    # Each example is a slice of its chunk's flat ids: plain tensors, which are handed out several
    # times faster than ragged ones are unbatched.
    def split(
        inputs: tf.Tensor,
        num_in: tf.Tensor,
        targets: tf.Tensor,
        num_out: tf.Tensor,
        *more: tf.Tensor,
    ) -> tf.data.Dataset:
        edges = (tf.cumsum(num_in) - num_in, num_in, tf.cumsum(num_out) - num_out, num_out)

        def one(first_in, length_in, first_out, length_out, *texts):
            return {
                INPUTS: inputs[first_in : first_in + length_in],
                TARGETS: targets[first_out : first_out + length_out],
                **dict(zip(names, texts, strict=True)),
            }

        return tf.data.Dataset.from_tensor_slices((*edges, *more)).map(one)

    chunks = tf.data.Dataset.range(num_chunks).map(make, num_parallel_calls=2, deterministic=True)
    return chunks.prefetch(1).flat_map(split)


def _each_option(found: Sequence[BuiltRow]) -> Iterator[tuple[BuiltRow, str]]:
    for row in found:
        for option in row.example.options:
            yield row, option


def _columns(
    found: Sequence[tuple[BuiltRow, str]], encode: Encode, names: Sequence[str]
) -> list[np.ndarray]:
    columns = []
    for texts, feature in (
        ([row.inputs for row, _ in found], INPUTS),
        ([target for _, target in found], TARGETS),
    ):
        ids = encode(texts, feature)
        flat = np.concatenate(ids) if ids else np.zeros(0, np.int32)
        columns += [flat, np.asarray([len(one) for one in ids], np.int64)]
    for name in names:
        if name == IS_CORRECT:
            columns.append(np.asarray([target == row.targets for row, target in found], bool))
        else:
            values = [_text(name, row, target).encode() for row, target in found]
            columns.append(np.asarray(values, dtype=object))
    return columns


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
