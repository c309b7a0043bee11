"""What a soft prompt begins with: embeddings of the vocabulary (Lester et al. 2021, section 2)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from flan_tasks.checkpoints.checkpoint import is_hugging_face, read_record
from flan_tasks.core.errors import VocabularyError
from flan_tasks.models.adapter_files import is_adapters, read_adapters
from flan_tasks.models.model import ModelConfig, Tree
from flan_tasks.models.soft_prompt import VECTORS
from flan_tasks.models.trees import flat, nested
from flan_tasks.specs.config import TrainingError, TrainSpec
from flan_tasks.vocabulary import Vocabulary, open_here, open_recorded

# Vectors are drawn among so many first ids, of which the most frequent tokens come first in
# vocabularies; those before them are padding and the like.
FREQUENT, SPECIAL = 5_000, 3
# What its random numbers are for, beside the seed of a run.
_PURPOSE = 2


def begin_prompt(run: TrainSpec, params: Tree, about: Mapping[str, Any]) -> Tree:
    """Returns the parameters with a fresh soft prompt begun, where the model has one.

    Args:
      run: what is trained.
      params: placed parameters, of the base as training begins with them.
      about: what the rows are, as a source says it.

    Raises:
      TrainingError: the text to begin with does not fit.
    """
    ids = first_ids(run, about)
    if ids is None:
        return params
    leaves = flat(params)
    scale = run.model.embed**0.5 if run.model.scaled_embedding else 1.0

    def taken(table: jax.Array) -> jax.Array:
        return jnp.take(table, ids, axis=0) * scale

    begun = jax.jit(taken, out_shardings=leaves[VECTORS].sharding)
    return nested({**leaves, VECTORS: begun(leaves["embedding", "embedding"])})


def first_ids(run: TrainSpec, about: Mapping[str, Any]) -> np.ndarray | None:
    """Returns the ids whose embeddings a soft prompt begins with; None where nothing begins.

    Those of the text come first, where there is one; the others are drawn.

    Args:
      run: what is trained.
      about: what the rows are, as a source says it.

    Raises:
      TrainingError: the text has more tokens than the prompt, its vocabulary is not here, or what
        training begins with has a prompt already.
    """
    length, text = run.model.prompt_length, run.checkpoint.prompt_init_text
    path = run.checkpoint.initial_checkpoint_path
    if not length:
        return None
    if path is not None and _has_prompt(Path(path)):
        if text is not None:
            raise TrainingError(
                f"{path} has a soft prompt, which is trained further; leave out PROMPT_INIT_TEXT"
            )
        return None
    ids = [] if text is None else _encoded(run, text, about)
    if len(ids) > length:
        raise TrainingError(
            f"PROMPT_INIT_TEXT has {len(ids)} tokens and the soft prompt {length} vectors; give "
            f"--gin.PROMPT_LENGTH={len(ids)} or a shorter text"
        )
    drawn = _drawn(run.model, length - len(ids), run.seed)
    return np.concatenate([ids, drawn]).astype(np.int32)


def _has_prompt(path: Path) -> bool:
    if is_adapters(path):
        return True  # of the right kind, as is checked before
    if is_hugging_face(path):
        return False
    model = read_record(path).get("config", {}).get("model", {})
    return bool(model.get("prompt_length", 0))


def _drawn(model: ModelConfig, count: int, seed: int) -> np.ndarray:
    """Returns ids drawn among the most frequent ones, each at most once if there are enough."""
    first = min(SPECIAL, model.vocabulary_size - 1)
    ids = np.arange(first, min(FREQUENT, model.vocabulary_size))
    draw = np.random.default_rng([seed, _PURPOSE])
    return draw.choice(ids, count, replace=count > len(ids))


def _encoded(run: TrainSpec, text: str, about: Mapping[str, Any]) -> list[int]:
    name = about.get("vocabulary")
    vocabulary = _vocabulary(run, name) if name else None
    if vocabulary is None:
        raise TrainingError(
            f"PROMPT_INIT_TEXT: the vocabulary of the rows, {name or 'of SeqIO'}, is not here; set "
            "FLAN_TASKS_VOCAB to its file, or leave the text out, and tokens are drawn"
        )
    return vocabulary.encode([text])[0].tolist()


def _vocabulary(run: TrainSpec, name: str) -> Vocabulary | None:
    """Opens the vocabulary of the rows, or that of the folder to begin with if it is the same."""
    if (vocabulary := open_here(name)) is not None:
        return vocabulary
    path = run.checkpoint.initial_checkpoint_path
    if path is None:
        return None
    folder = read_adapters(Path(path)).base if is_adapters(Path(path)) else Path(path)
    try:
        vocabulary = open_recorded(str(folder), name)
    except VocabularyError:
        return None
    return vocabulary if vocabulary.name == name else None
