"""A trained model that answers the prompts of an evaluation: options ranked, or text written."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from flan_tasks.build.exemplars import Budget
from flan_tasks.build.vocabulary import BYTES, T5, Vocabulary, open_vocabulary
from flan_tasks.core.choice import hash_text
from flan_tasks.core.errors import ModelError
from flan_tasks.evaluation.records import RANK, Prompt, Record, Unit
from flan_tasks.trainer import checksums, partition
from flan_tasks.trainer.checkpoint import is_hugging_face, newest, read_record, warm_start
from flan_tasks.trainer.config import MeshConfig
from flan_tasks.trainer.damage import PARAMS, RECORD
from flan_tasks.trainer.decode import generate
from flan_tasks.trainer.eval_config import LENGTHS, Decoding
from flan_tasks.trainer.hf import import_hf, read_config
from flan_tasks.trainer.model import Model, ModelConfig, Tree
from flan_tasks.trainer.programs import Programs
from flan_tasks.trainer.score import score_options

# Endings of files of a Hugging Face folder that decide what a model answers.
_OF_MODEL = {".safetensors", ".json", ".model", ".txt"}
# Vocabularies told by their size, where nobody names one.
_BY_SIZE = {259: BYTES, 32_100: T5}


@dataclass(frozen=True)
class OpenModel:
    """A model with its parameters and vocabulary."""

    # The network.
    model: Model
    # Its parameters, on the mesh.
    params: Tree
    # Text to ids.
    vocabulary: Vocabulary
    # The devices.
    mesh: Mesh
    # Longest inputs and targets it was trained on, or else T5's.
    lengths: dict[str, int]
    # Where it lies and what it is: JSON-able, the same for the same model.
    identity: dict[str, Any]


def open_model(
    path: str | Path,
    *,
    vocab: str | None = None,
    dtype: str | None = None,
    say: Callable[[str], None] | None = None,
) -> OpenModel:
    """Opens a checkpoint of ours, a MODEL_DIR (its newest), or a Hugging Face folder.

    Args:
      path: where it is.
      vocab: bytes, t5, or a file; by default what the folder holds or says it was trained with,
        or the model's size tells.
      dtype: what is computed in; by default as it was trained, or float32.
      say: told in one line if a checkpoint has no checksums.

    Raises:
      TrainingError: there is no checkpoint, or it is damaged.
      ModelError: weights or vocabulary do not fit.
      VocabularyError: the vocabulary cannot be had.
    """
    path = Path(path)
    theirs = is_hugging_face(path)
    folder = path.absolute() if theirs else newest(path)
    record = {} if theirs else read_record(folder)
    config = read_config(folder) if theirs else _recorded(folder, record)
    trained_on = record.get("trained_on", {})
    vocabulary = _vocabulary(folder, config, vocab, trained_on.get("vocabulary"))
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
    if theirs:
        params = import_hf(model, folder)
        params = jax.tree.map(lambda leaf, on: jax.device_put(leaf, on.sharding), params, placed)
    else:
        params = warm_start(folder, model, placed, say=say)
    identity = {
        "model": str(folder),
        "files": _digest(folder, () if theirs else (PARAMS, RECORD)),
        "dtype": config.dtype,
        "vocabulary": vocabulary.name,
    }
    known = trained_on.get("lengths", {})
    lengths = {name: known.get(name, usual) for name, usual in LENGTHS.items()}
    return OpenModel(model, params, vocabulary, mesh, lengths, identity)


class ModelAnswers:
    """Answers by a model.

    Args:
      opened: the model.
      lengths: longest inputs and targets, EOS included; the ends of longer prompts are cut. Those
        it was trained on where none is given.
      decoding: how text is written.
      batch_size: prompts read at once; rounded up to a multiple of the devices.
      log: told of every program that is compiled.
    """

    def __init__(
        self,
        opened: OpenModel,
        *,
        lengths: Mapping[str, int] | None = None,
        decoding: Decoding,
        batch_size: int,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.opened = opened
        self.lengths = {**opened.lengths, **(lengths or {})}
        self.decoding = dataclasses.replace(decoding, max_tokens=self.lengths["targets"])
        devices = opened.mesh.size
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

    def answer(self, unit: Unit, prompts: Sequence[Prompt]) -> list[Record]:
        """Returns an answer for each prompt, by the unit's method."""
        ids, trimmed = self._ids([prompt.inputs for prompt in prompts], self.lengths["inputs"])
        if unit.method == RANK:
            return self._ranked(prompts, ids, trimmed)
        opened = self.opened
        found = generate(
            opened.model,
            opened.params,
            ids,
            self.decoding,
            eos_id=opened.vocabulary.eos_id,
            batch_size=self.batch_size,
            programs=self.programs,
            seeds=[hash_text(unit.dataset, unit.template, p.gold.key) for p in prompts],
        )
        texts = [opened.vocabulary.decode(one.tokens.tolist()).strip() for one in found]
        return [
            Record(prompt, text, trimmed=cut)
            for prompt, text, cut in zip(prompts, texts, trimmed, strict=True)
        ]

    def _ranked(
        self, prompts: Sequence[Prompt], ids: list[np.ndarray], trimmed: list[bool]
    ) -> list[Record]:
        texts = sorted({option for prompt in prompts for option in prompt.gold.options})
        encoded, cut = self._ids(texts, self.lengths["targets"])
        of_text = dict(zip(texts, zip(encoded, cut, strict=True), strict=True))
        found = score_options(
            self.opened.model,
            self.opened.params,
            ids,
            [[of_text[option][0] for option in prompt.gold.options] for prompt in prompts],
            batch_size=self.batch_size,
            programs=self.programs,
        )
        return [
            Record(
                prompt,
                sums=tuple(score.sum for score in scores),
                tokens=tuple(score.tokens for score in scores),
                trimmed=was_cut or any(of_text[option][1] for option in prompt.gold.options),
            )
            for prompt, scores, was_cut in zip(prompts, found, trimmed, strict=True)
        ]

    def _ids(self, texts: Sequence[str], limit: int) -> tuple[list[np.ndarray], list[bool]]:
        """Returns the ids of each text with EOS, and whether its end was cut."""
        found = self.opened.vocabulary.encode_flat(texts, limit)
        ids = np.split(found.ids, np.cumsum(found.lengths)[:-1]) if texts else []
        return ids, (found.whole > limit).tolist()


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
    held = [folder / name for name in ("spiece.model", "tokenizer.json")]
    settings = folder / "tokenizer_config.json"
    if named is not None:
        vocabulary = open_vocabulary(named)
        if trained_with not in (None, vocabulary.name):
            raise ModelError(
                f"{folder} was trained with the vocabulary {trained_with}, and {named} is "
                f"{vocabulary.name}; its ids mean something else"
            )
    elif trained_with in (BYTES, T5):
        vocabulary = open_vocabulary(trained_with)
    elif trained_with is not None:
        raise ModelError(
            f"{folder} was trained with the vocabulary file {trained_with}; give it as --vocab"
        )
    elif any(path.is_file() for path in held):
        vocabulary = open_vocabulary(str(next(path for path in held if path.is_file())))
    elif settings.is_file() and "ByT5" in settings.read_text(encoding="utf-8"):
        vocabulary = open_vocabulary(BYTES)
    elif config.vocabulary_size in _BY_SIZE:
        vocabulary = open_vocabulary(_BY_SIZE[config.vocabulary_size])
    else:
        raise ModelError(
            f"{folder}: nothing says which vocabulary of {config.vocabulary_size:,} ids it was "
            "trained with; give --vocab"
        )
    if vocabulary.size > config.padded_vocabulary:
        raise ModelError(
            f"the vocabulary {vocabulary.name} has {vocabulary.size:,} ids and the model "
            f"{config.vocabulary_size:,}; give the --vocab it was trained with"
        )
    return vocabulary


def _digest(folder: Path, parts: Sequence[str]) -> str:
    """A hash of names and content of the files that make up a model.

    Those of a checkpoint of ours have just been compared with their checksums, which are taken for
    the content; wherever a model lies, it has the same hash.
    """
    if parts and checksums.are_there(folder):
        return checksums.digest(folder, parts)
    files = [path for part in parts for path in (folder / part).rglob("*")] or [
        path for path in folder.iterdir() if path.suffix in _OF_MODEL
    ]
    return checksums.digest_of(folder, sorted(path for path in files if path.is_file()))
