"""A trained model that answers the prompts of an evaluation: options ranked, or text written."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from flan_tasks.checkpoints import checksums
from flan_tasks.checkpoints.checkpoint import is_hugging_face, newest, read_record, warm_start
from flan_tasks.checkpoints.damage import PARAMS, RECORD
from flan_tasks.core.choice import hash_text
from flan_tasks.core.errors import ModelError
from flan_tasks.evaluation.records import RANK, Asked, Prompt, Record, Unit, kept_text
from flan_tasks.evaluation.ties import equal_options
from flan_tasks.inference.decode import generate_batch
from flan_tasks.inference.pool import Batch, Waiting, pooled
from flan_tasks.inference.programs import INPUTS, Programs, bucket
from flan_tasks.inference.score import score_batch, width_of
from flan_tasks.models import partition
from flan_tasks.models.hf import check_end, import_hf, read_config
from flan_tasks.models.model import Model, ModelConfig, Tree
from flan_tasks.plan.exemplars import Budget
from flan_tasks.specs.config import MeshConfig
from flan_tasks.specs.eval_config import LENGTHS, Decoding
from flan_tasks.vocabulary import (
    BYTES,
    HELD,
    T5,
    Vocabulary,
    VocabularyName,
    is_byt5,
    open_recorded,
    open_vocabulary,
)

# Endings of files of a Hugging Face folder that decide what a model answers.
_OF_MODEL = {".safetensors", ".json", ".model", ".txt"}
# Vocabularies told by their size, where nobody names one.
_BY_SIZE = {259: BYTES, 32_100: T5}
# Rows of a batch where nobody says how many. A CPU gains nothing from large ones, and pays for
# their padding.
ROWS, CPU_ROWS = 32, 8


@dataclass(frozen=True)
class OpenModel:
    """A model with its parameters and vocabulary."""

    model: Model
    """The network."""
    params: Tree
    """Its parameters, on the mesh."""
    vocabulary: Vocabulary
    """Text to ids."""
    mesh: Mesh
    """The devices."""
    lengths: dict[str, int]
    """Longest inputs and targets it was trained on, or else T5's."""
    identity: dict[str, Any]
    """Where it lies and what it is: JSON-able, the same for the same model."""


def open_model(
    path: str | Path,
    *,
    vocab: str | None = None,
    dtype: str | None = None,
    say: Callable[[str], None] | None = None,
) -> OpenModel:
    """Opens a checkpoint, a MODEL_DIR (its newest), or a Hugging Face folder.

    Args:
      path: where it is.
      vocab: bytes, t5, or a file; by default what the folder holds or says it was trained with,
        or the model's size tells.
      dtype: what is computed in; by default as it was trained, or float32.
      say: called with one line if a checkpoint has no checksums, or can be read in two ways.

    Raises:
      ModelError: there is no checkpoint, it is damaged, or weights or vocabulary do not fit.
      VocabularyError: the vocabulary is not available.
    """
    path = Path(path)
    from_hf = is_hugging_face(path)
    folder = path.absolute() if from_hf else newest(path)
    record = {} if from_hf else read_record(folder)
    config = read_config(folder, say=say) if from_hf else _recorded(folder, record)
    trained_on = record.get("trained_on", {})
    vocabulary = _vocabulary(folder, config, vocab, trained_on.get("vocabulary"))
    if from_hf:
        check_end(folder, vocabulary.name, vocabulary.eos_id)
    # Rows that only pad the embedding are no ids: none is ever written.
    real = dataclasses.replace(config, vocabulary_size=vocabulary.size)
    if real.padded_vocabulary == config.padded_vocabulary:
        config = real
    # What a run chose for its speed need not hold here: cuDNN wants a GPU, and bfloat16.
    config = dataclasses.replace(config, attention="xla", remat="none", dtype=dtype or config.dtype)
    model = Model(config)
    mesh = partition.make_mesh(MeshConfig(data=1, fsdp=-1))
    shapes = model.abstract()
    placed = jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        shapes,
        partition.shardings(model.axes(), shapes, mesh),
    )
    if from_hf:
        params = import_hf(model, folder)
        params = jax.tree.map(lambda leaf, on: jax.device_put(leaf, on.sharding), params, placed)
    else:
        params = warm_start(folder, model, placed, say=say)
    identity = {
        "model": str(folder),
        "files": _digest(folder, () if from_hf else (PARAMS, RECORD)),
        "dtype": config.dtype,
        "vocabulary": vocabulary.name,
    }
    trained_lengths = trained_on.get("lengths", {})
    lengths = {name: trained_lengths.get(name, usual) for name, usual in LENGTHS.items()}
    return OpenModel(model, params, vocabulary, mesh, lengths, identity)


@dataclass(frozen=True)
class _Question:
    """A prompt in tokens."""

    asked: Asked
    """The prompt."""
    ids: np.ndarray
    """Its ids, EOS included."""
    options: tuple[np.ndarray, ...]
    """Ids of its options, EOS included unless it does not count; empty where text is written."""
    trimmed: bool
    """Whether the end of the prompt, or of an option, was cut to fit."""


class ModelAnswers:
    """Answers by a model.

    Args:
      opened: the model.
      lengths: longest inputs and targets, EOS included; the ends of longer prompts are cut. Those
        it was trained on where none is given.
      decoding: how text is written.
      batch_size: prompts read at once; rounded up to a multiple of the devices. None is 32, and
        8 on a CPU.
      log: called for every program that is compiled.
      batching: what makes batches of prompts; benchmarks give others than `pooled`.
    """

    def __init__(
        self,
        opened: OpenModel,
        *,
        lengths: Mapping[str, int] | None = None,
        decoding: Decoding,
        batch_size: int | None = None,
        log: Callable[[str], None] | None = None,
        batching: Callable[..., Iterator[Batch]] = pooled,
    ) -> None:
        self.opened = opened
        self._batching = batching
        self.lengths = {**opened.lengths, **(lengths or {})}
        self.decoding = dataclasses.replace(decoding, max_tokens=self.lengths["targets"])
        devices = self._devices = opened.mesh.size
        if batch_size is None:
            batch_size = CPU_ROWS if jax.default_backend() == "cpu" else ROWS
        self.batch_size = -(-batch_size // devices) * devices
        place = partial(jax.device_put, device=partition.batch_sharding(opened.mesh))
        self.programs = Programs(log=log, place=place)
        self.budget = Budget(opened.vocabulary, self.lengths["inputs"])

    @property
    def settings(self) -> dict[str, Any]:
        """What decides its answers; JSON-able."""
        decoding = dataclasses.asdict(self.decoding)
        return {**self.opened.identity, "lengths": self.lengths, "decoding": decoding}

    def has(self, unit: Unit) -> bool:
        """Whether it can answer a unit: always."""
        return True

    def answer(self, stream: Iterable[Asked]) -> Iterator[tuple[Asked, Record]]:
        """Yields an answer to each prompt that is not done, by its unit's method.

        Prompts of all units share batches, so answers come in another order than prompts. An
        answer does not depend on what shares its batch, beyond the rounding of sums.

        Args:
          stream: prompts, those of a unit one after the other.
        """
        groups = groupby(stream, key=lambda asked: asked.unit)
        waiting = (self._waiting(list(group)) for _, group in groups)
        for batch in self._batching(waiting, size=self.batch_size, multiple=self._devices):
            if all(question.asked.done for question in batch.items):
                continue
            records = self._written(batch) if batch.kind is None else self._ranked(batch)
            for question, record in zip(batch.items, records, strict=True):
                if not question.asked.done:
                    yield question.asked, record

    def _waiting(self, of_unit: Sequence[Asked]) -> list[Waiting[int | None, _Question]]:
        """Returns the prompts of a unit in tokens: for ranking by the width of their options."""
        prompts = [asked.prompt for asked in of_unit]
        ids, trimmed = self._ids([prompt.inputs for prompt in prompts], self.lengths["inputs"])
        ranks = of_unit[0].unit.method == RANK
        encoded = self._options(prompts) if ranks else {}
        waiting = []
        for asked, prompt_ids, was_cut in zip(of_unit, ids, trimmed, strict=True):
            options = [encoded[text] for text in asked.prompt.gold.targets] if ranks else []
            cut = was_cut or any(option_cut for _, option_cut in options)
            option_ids = (_as_scored(option, asked.prompt) for option, _ in options)
            question = _Question(asked, prompt_ids, tuple(option_ids), cut)
            kind = width_of(question.options) if ranks else None
            waiting.append(Waiting(kind, bucket(len(prompt_ids), INPUTS), question))
        return waiting

    def _options(self, prompts: Sequence[Prompt]) -> dict[str, tuple[np.ndarray, bool]]:
        """Returns the ids of each option's text, and whether its end was cut."""
        texts = sorted({option for prompt in prompts for option in prompt.gold.targets})
        ids, trimmed = self._ids(texts, self.lengths["targets"])
        return dict(zip(texts, zip(ids, trimmed, strict=True), strict=True))

    def _written(self, batch: Batch[int | None, _Question]) -> list[Record]:
        opened = self.opened
        units = [question.asked.unit for question in batch.items]
        keys = [question.asked.prompt.gold.key for question in batch.items]
        answers = generate_batch(
            opened.model,
            opened.params,
            [question.ids for question in batch.items],
            self.decoding,
            eos_id=opened.vocabulary.eos_id,
            length=batch.length,
            rows=batch.rows,
            programs=self.programs,
            seeds=[
                hash_text(unit.dataset, unit.template, key)
                for unit, key in zip(units, keys, strict=True)
            ],
        )
        texts = [opened.vocabulary.decode(answer.tokens.tolist()) for answer in answers]
        prompts = [question.asked.prompt for question in batch.items]
        return [
            Record(prompt, kept_text(prompt, text), trimmed=question.trimmed)
            for question, prompt, text in zip(batch.items, prompts, texts, strict=True)
        ]

    def _ranked(self, batch: Batch[int | None, _Question]) -> list[Record]:
        assert batch.kind is not None
        scores = score_batch(
            self.opened.model,
            self.opened.params,
            [question.ids for question in batch.items],
            [question.options for question in batch.items],
            width=batch.kind,
            length=batch.length,
            rows=batch.rows,
            programs=self.programs,
        )
        return [
            Record(
                question.asked.prompt,
                sums=tuple(score.sum for score in of_one),
                tokens=tuple(score.tokens for score in of_one),
                trimmed=question.trimmed,
                equal=equal_options(question.options),
            )
            for question, of_one in zip(batch.items, scores, strict=True)
        ]

    def _ids(self, texts: Sequence[str], limit: int) -> tuple[list[np.ndarray], list[bool]]:
        """Returns the ids of each text with EOS, and whether its end was cut."""
        encoded = self.opened.vocabulary.encode_flat(texts, limit)
        ids = np.split(encoded.ids, np.cumsum(encoded.lengths)[:-1]) if texts else []
        return ids, (encoded.whole > limit).tolist()


def _as_scored(ids: np.ndarray, prompt: Prompt) -> np.ndarray:
    """Returns the ids of an option that count."""
    return ids if prompt.scores_end or len(ids) < 2 else ids[:-1]


def _recorded(folder: Path, record: Mapping[str, Any]) -> ModelConfig:
    fields = record.get("config", {}).get("model")
    if not fields:
        raise ModelError(
            f"{folder} does not say what model it is of; was it written by flan train?"
        )
    return ModelConfig.from_json(fields)


def _vocabulary(
    folder: Path, config: ModelConfig, named: str | None, trained_with: str | None
) -> Vocabulary:
    if named is not None:
        vocabulary = open_recorded(named, trained_with)
        if trained_with not in (None, vocabulary.name):
            raise ModelError(
                f"{folder} was trained with the vocabulary {trained_with}, and {named} is "
                f"{vocabulary.name}; its ids mean something else"
            )
    elif trained_with and VocabularyName.parse(trained_with).file in (BYTES, T5):
        vocabulary = open_vocabulary(trained_with)
    elif trained_with is not None:
        raise ModelError(
            f"{folder} was trained with the vocabulary file {trained_with}; give it as --vocab"
        )
    elif any((folder / name).is_file() for name in HELD) or is_byt5(folder):
        vocabulary = open_vocabulary(str(folder))
    elif config.vocabulary_size in _BY_SIZE:
        vocabulary = open_vocabulary(_BY_SIZE[config.vocabulary_size])
    else:
        raise ModelError(
            f"{folder}: nothing says which vocabulary of {config.vocabulary_size:,} ids it was "
            "trained with; give --vocab"
        )
    if vocabulary.size > config.outputs:
        raise ModelError(
            f"the vocabulary {vocabulary.name} has {vocabulary.size:,} ids and the model "
            f"{config.vocabulary_size:,}; give the --vocab it was trained with"
        )
    return vocabulary


def _digest(folder: Path, parts: Sequence[str]) -> str:
    """A hash of names and content of the files that make up a model.

    Those of a checkpoint have just been compared with their checksums, which are taken for
    the content; wherever a model lies, it has the same hash.
    """
    if parts and checksums.are_there(folder):
        return checksums.digest(folder, parts)
    files = [path for part in parts for path in (folder / part).rglob("*")] or [
        path for path in folder.iterdir() if path.suffix in _OF_MODEL
    ]
    return checksums.digest_of(folder, sorted(path for path in files if path.is_file()))
