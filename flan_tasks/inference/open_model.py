"""A model opened to be asked: its network, parameters and vocabulary, and what tells it apart."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from flan_tasks.chat.tokenizer import ChatTokenizer
from flan_tasks.checkpoints import checksums
from flan_tasks.checkpoints.checkpoint import is_hugging_face, newest, read_record, warm_start
from flan_tasks.checkpoints.damage import PARAMS, RECORD
from flan_tasks.core.errors import ModelError
from flan_tasks.inference.model_chat import chat_of, missing_tokenizer
from flan_tasks.inference.model_vocabulary import check_size, vocabulary_of
from flan_tasks.models import partition
from flan_tasks.models.adapter_files import is_adapters, read_adapters
from flan_tasks.models.hf import check_end, import_hf, read_config
from flan_tasks.models.model import Model, ModelConfig, Tree
from flan_tasks.specs.chat_choices import CHAT, ChatAsked
from flan_tasks.specs.config import MeshConfig
from flan_tasks.specs.eval_config import LENGTHS
from flan_tasks.vocabulary import Vocabulary

# Endings of files of a Hugging Face folder that decide what a model answers.
_OF_MODEL = {".safetensors", ".json", ".model", ".txt"}


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
    chat: ChatTokenizer | None = None
    """By whose chat template it is asked; None where prompts are asked as they are."""
    lacks: str = ""
    """Why it is not to be asked, though it can be read; empty where it is."""


def open_model(
    path: str | Path,
    *,
    vocab: str | None = None,
    dtype: str | None = None,
    chat: ChatAsked | None = None,
    say: Callable[[str], None] | None = None,
) -> OpenModel:
    """Opens a checkpoint, a MODEL_DIR (its newest), a Hugging Face folder, or adapters of one.

    Args:
      path: where it is.
      vocab: bytes, t5, or a file; by default what the folder holds or says it was trained with,
        or the model's size tells.
      dtype: what is computed in; by default as it was trained, or float32.
      chat: by which chat template it is asked; by default that of its training, or none.
      say: called with one line if a checkpoint has no checksums, or can be read in two ways.

    Raises:
      ModelError: there is no checkpoint, it is damaged, or weights or vocabulary do not fit.
      VocabularyError: the vocabulary is not available.
      ChatTemplateError: the chat template is missing, or fails a proof.
    """
    path = Path(path)
    adapters = read_adapters(path.absolute()) if is_adapters(path) else None
    path = path if adapters is None else adapters.base
    from_hf = is_hugging_face(path)
    folder = path.absolute() if from_hf else newest(path)
    record = {} if from_hf else read_record(folder)
    config = read_config(folder, say=say) if from_hf else _recorded(folder, record)
    config = config if adapters is None else adapters.config(config)
    trained_on = record.get("trained_on", {})
    talks = chat_of(folder, config, trained_on, chat or ChatAsked())
    lacks = missing_tokenizer(folder, trained_on) if talks is None and CHAT in trained_on else ""
    if lacks and vocab is None:
        raise ModelError(lacks)
    if talks is not None and vocab is None:
        vocabulary: Vocabulary = talks.vocabulary
        check_size(vocabulary, config, option="--chat")
    else:
        vocabulary = vocabulary_of(folder, config, vocab, trained_on.get("vocabulary"))
    if talks is not None:
        if vocabulary.name != talks.vocabulary.name:
            raise ModelError(f"vocab {vocab}: is that of the chat tokenizer; leave it out")
        # As conversations are trained on, whatever inputs of other rows see.
        config = dataclasses.replace(config, inputs_attention="causal")
    elif from_hf:
        check_end(folder, vocabulary.name, vocabulary.eos_id)
    # Rows that only pad the embedding are no ids: none is ever written.
    real = dataclasses.replace(config, vocabulary_size=vocabulary.size)
    if real.padded_vocabulary != config.padded_vocabulary:
        real = dataclasses.replace(real, head_rows=config.outputs)
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
        params = params if adapters is None else adapters.put(model, params)
        params = jax.tree.map(lambda leaf, on: jax.device_put(leaf, on.sharding), params, placed)
    else:
        params = warm_start(folder, model, placed, say=say)
    identity = {
        "model": str(folder),
        "files": _digest(folder, () if from_hf else (PARAMS, RECORD)),
        "dtype": config.dtype,
        "vocabulary": vocabulary.name,
    }
    if adapters is not None:
        identity |= {"model": str(adapters.folder), "adapters": _digest(adapters.folder, ())}
    trained_lengths = trained_on.get("lengths", {})
    lengths = {name: trained_lengths.get(name, usual) for name, usual in LENGTHS.items()}
    return OpenModel(model, params, vocabulary, mesh, lengths, identity, talks, lacks)


def _recorded(folder: Path, record: Mapping[str, Any]) -> ModelConfig:
    fields = record.get("config", {}).get("model")
    if not fields:
        raise ModelError(
            f"{folder} does not say what model it is of; was it written by flan train?"
        )
    return ModelConfig.from_json(fields)


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
