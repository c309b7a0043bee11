"""Batches by step: from a build directory, whose rows are arithmetic on (seed, step).

The second path, a SeqIO name, is in `seqio_data`. Both give a `Source`; a thread reads ahead.
"""

import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np
from jax.sharding import Mesh

from flan_tasks.chat.kept import KEPT, keep_tokenizer
from flan_tasks.core.address import path_or_address
from flan_tasks.models.partition import put_batch
from flan_tasks.models.soft_prompt import STARTS
from flan_tasks.packing.features import begun
from flan_tasks.reader import Reader
from flan_tasks.specs.chat_choices import CHAT, CHOSEN
from flan_tasks.specs.config import DataConfig, TrainingError
from flan_tasks.specs.model_config import ModelConfig
from flan_tasks.trainer.metrics_file import writing

Arrays = dict[str, np.ndarray]
# What a build must have been packed for.
PACKED_FOR = {"t5": "encoder-decoder", "decoder": "decoder"}
# Batches read ahead of the step that runs.
_AHEAD = 2


class Batches(Protocol):
    """Batches of packed rows, by number."""

    @property
    def batch_size(self) -> int:
        """Rows over all devices in a batch."""
        ...

    def read(self, step: int, block: int, blocks: int) -> Arrays:
        """Returns one block of a batch, of `blocks` that make it up in order."""
        ...


class Source(Batches, Protocol):
    """Batches to train on."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks that `segment_tasks` counts; empty if it has none."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """What must be the same for a resumed run to see the same batches."""
        ...

    @property
    def about(self) -> Mapping[str, Any]:
        """Vocabulary, end token, lengths and digest of the rows, as far as they are known.

        It is what a checkpoint says of them to those that score or export it.
        """
        ...


@dataclass(frozen=True)
class BuildSource:
    """The rows of a build, each epoch in an order of its own; any step at once."""

    reader: Reader
    """The open build."""
    batch_size: int
    """Rows over all devices in a batch."""
    seed: int
    """Of the orders."""
    shuffle: bool
    """Whether rows are taken in those orders."""
    starts: tuple[int, ...] = (0,)
    """What a decoder reads before each example: one token or none."""
    prompts: int = 0
    """Examples of a row before which an encoder reads a soft prompt, at most; 0: it has none."""
    first_row: int = 0
    """Row, in those orders, that step 0 would have begun with: not 0 of a build that a run went
    over to at some step."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks by number, as `flan eval` and reports say them: no `flan:`."""
        return tuple(str(task["name"]) for task in self.reader.tasks)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the rows of each step."""
        return {
            "kind": "build",
            "digest": self.reader.manifest["digest"],
            # Of the manifest, which names every file by its hash; never a path.
            "sha256": self.reader.manifest.get("sha256"),
            "batch_size": self.batch_size,
            "seed": self.seed,
            "shuffle": self.shuffle,
            # Only where it is not the usual, so that other records are what they were.
            **({"first_row": self.first_row} if self.first_row else {}),
        }

    @property
    def about(self) -> dict[str, Any]:
        """What the rows are."""
        names = (
            *("vocabulary", "vocabulary_size", "eos_id", "lengths", "split"),
            *("digest", "sha256", "command"),
        )
        about = {name: self.reader.manifest.get(name) for name in names}
        # Whoever asks such a model has to write prompts by the same template.
        chat = self.reader.manifest.get(CHAT)
        said = {name: chat[name] for name in ("template", *CHOSEN)} if chat else {}
        return {**about, **({CHAT: said} if chat else {})}

    def read(self, step: int, block: int, blocks: int) -> Arrays:
        """Returns one block of a batch."""
        rows = self.reader.batch(
            step,
            self.batch_size,
            host=block,
            hosts=blocks,
            seed=self.seed,
            shuffle=self.shuffle,
            first_row=self.first_row,
        )
        return with_prompt_places(begun(rows, self.starts), self.prompts)


@dataclass(frozen=True)
class PassSource:
    """One pass over a build in stored order; padding behind its end has zero weight."""

    reader: Reader
    """The open build."""
    batch_size: int
    """Rows over all devices in a batch."""
    starts: tuple[int, ...] = (0,)
    """What a decoder reads before each example: one token or none."""
    prompts: int = 0
    """Examples of a row before which an encoder reads a soft prompt, at most; 0: it has none."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks by number, as `flan eval` and reports say them: no `flan:`."""
        return tuple(str(task["name"]) for task in self.reader.tasks)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the rows."""
        return {"kind": "build", "digest": self.reader.manifest["digest"]}

    @property
    def steps(self) -> int:
        """Batches in the pass."""
        return -(-len(self.reader) // self.batch_size)

    def read(self, step: int, block: int, blocks: int) -> Arrays:
        """Returns one block of a batch."""
        share = self.batch_size // blocks
        stored = self.reader.batch(step, self.batch_size, host=block, hosts=blocks, shuffle=False)
        rows = with_prompt_places(begun(stored, self.starts), self.prompts)
        first = step * self.batch_size + block * share
        real = first + np.arange(share) < len(self.reader)
        rows["decoder_loss_weights"] = rows["decoder_loss_weights"] * real[:, None]
        return rows


def open_source(config: DataConfig, model: ModelConfig) -> Source:
    """Returns the training batches, once they are checked to fit the model.

    Raises:
      BuildError: the build directory is missing, unfinished or damaged.
      TrainingError: it does not fit the model.
    """
    if config.mixture_or_task_name is not None:
        from flan_tasks.trainer.seqio_data import SeqioSource

        return SeqioSource(config, model)
    reader = _open(config.build_dir, config, model, name="BUILD_DIR")
    # The first steps of a shuffled build want nearly every file.
    reader.prefetch()
    starts, prompts = _starts(reader, model), _prompts(reader, model)
    return BuildSource(reader, config.batch_size, config.seed, config.shuffle, starts, prompts)


def open_evaluation(config: DataConfig, model: ModelConfig) -> PassSource | None:
    """Returns the batches to evaluate on, if there is a build for it.

    Raises:
      BuildError: the build directory is missing, unfinished or damaged.
      TrainingError: it does not fit the model.
    """
    if config.eval_build_dir is None:
        return None
    reader = _open(config.eval_build_dir, config, model, name="EVAL_BUILD_DIR")
    rows = config.eval_batch_size or config.batch_size
    return PassSource(reader, rows, _starts(reader, model), _prompts(reader, model))


def with_prompt_places(rows: Arrays, most: int) -> Arrays:
    """Returns an encoder's rows with the places of their soft prompts (`soft_prompt.STARTS`).

    Args:
      rows: packed rows.
      most: examples of a row at most; 0 leaves the rows as they are.
    """
    if not most:
        return rows
    begins = (rows["encoder_segment_ids"] > 0) & (rows["encoder_positions"] == 0)
    width = begins.shape[1]
    # The first places of each row, in order; those of fewer examples lie behind its end.
    places = np.sort(np.where(begins, np.arange(width), width), axis=1)[:, :most]
    return {**rows, STARTS: places.astype(np.int32)}


def _prompts(reader: Reader, model: ModelConfig) -> int:
    # A decoder reads the prompt once, as what all examples begin with.
    has_places = model.prompt_length and model.architecture == "t5"
    return reader.most_examples if has_places else 0


def keep_chat_tokenizer(source: Source, model_dir: Path) -> None:
    """Copies the tokenizer of a build's conversations to where the model is kept, if it has one.

    Raises:
      TrainingError: it cannot be read or written.
    """
    if isinstance(source, BuildSource) and (source.reader.folder / KEPT).is_dir():
        with writing(model_dir / KEPT):
            keep_tokenizer(source.reader.folder / KEPT, model_dir)


def _starts(reader: Reader, model: ModelConfig) -> tuple[int, ...]:
    # A conversation has its first token from its template, and is read from there on.
    return (0,) if reader.manifest.get(CHAT) else model.starts


def _open(folder: str | None, config: DataConfig, model: ModelConfig, *, name: str) -> Reader:
    assert folder is not None
    reader = Reader(path_or_address(folder))
    check_fit(reader, config, model, name=name)
    return reader


def check_fit(reader: Reader, config: DataConfig, model: ModelConfig, *, name: str) -> None:
    """Checks that a build was packed for the model, with its vocabulary and lengths.

    Raises:
      TrainingError: with everything that does not fit.
    """
    problems = []
    needed = PACKED_FOR[model.architecture]
    if reader.arch != needed:
        problems.append(
            f'it was packed for "{reader.arch}", the model is "{model.architecture}", which needs '
            f'"{needed}"'
        )
    size = reader.manifest["vocabulary_size"]
    if not model.fits_vocabulary(size):
        problems.append(
            f'its vocabulary "{reader.manifest["vocabulary"]}" has {size:,} ids, the model '
            f"{model.vocabulary_size:,}; give --gin.VOCABULARY_SIZE={size}, or build with the "
            "model's vocabulary"
        )
    lengths = config.task_feature_lengths
    packed = {key: reader.manifest["lengths"].get(key) for key in ("inputs", "targets")}
    if lengths is not None and dict(lengths) != packed:
        problems.append(
            f"it was packed to {packed}, TASK_FEATURE_LENGTHS is {dict(lengths)}; give "
            f'--gin.TASK_FEATURE_LENGTHS="{packed}", or build with --lengths '
            f"inputs={lengths['inputs']},targets={lengths['targets']}"
        )
    if problems:
        raise TrainingError(f"{name} {reader.where} does not fit: {'; '.join(problems)}")


def batches(
    source: Batches, mesh: Mesh, start: int, stop: int
) -> Iterator[tuple[int, dict[str, jax.Array]]]:
    """Yields (step, placed batch) from `start` to `stop`, read ahead by a thread.

    What is read ahead is not taken until its step is: a resumed run computes it again.
    """
    ready: queue.Queue = queue.Queue(maxsize=_AHEAD)
    done = threading.Event()

    def read_ahead() -> None:
        try:
            for step in range(start, stop):

                def read(block: int, blocks: int, step: int = step) -> Arrays:
                    return source.read(step, block, blocks)

                batch = put_batch(read, mesh, source.batch_size)
                if not _offer(ready, (step, batch), done):
                    return
            _offer(ready, None, done)
        except Exception as error:  # handed to the loop, which raises it
            _offer(ready, error, done)

    thread = threading.Thread(target=read_ahead, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        done.set()
        thread.join()


def _offer(ready: queue.Queue, item: Any, done: threading.Event) -> bool:
    """Puts an item as soon as there is room; False once nobody wants it."""
    while not done.is_set():
        try:
            ready.put(item, timeout=0.1)
            return True
        except queue.Full:
            continue
    return False
