"""What a Hugging Face directory is found to hold, whatever its family: names all readers share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.core.errors import ModelError
from flan_tasks.core.parsing import parse_json
from flan_tasks.models.hf_tensors import Tensors
from flan_tasks.specs.model_config import ModelConfig

HEAD = "lm_head.weight"
# What to do with a model that is not read; each line about one ends with it.
INSTEAD = (
    "; to score it by our prompts, run it elsewhere: `flan eval --write-prompts FILE` or "
    "`flan export-lm-eval`"
)
# Names of transformers' functions and ours.
ACTIVATIONS = {
    "gelu_new": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "gelu_fast": "gelu",
    "gelu": "gelu_exact",
    "silu": "silu",
    "swish": "silu",
    "relu": "relu",
}
# Called with one line.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Head:
    """What the logits are computed with."""

    tensor: str
    """The tensor's name: the embedding's or the head's own."""
    scaled: bool
    """Whether the stream is scaled by embed ** -0.5 before it."""


@dataclass(frozen=True)
class Description:
    """A folder's model, and where its embedding and head lie."""

    config: ModelConfig
    """The network, computed in float32."""
    embedding: str
    """Name of the embedding's tensor in the files."""
    head: Head
    """The head."""
    unused: frozenset[str] = field(default=frozenset())
    """Tensors that may be in the files and are not read: copies, and what nobody computes with."""


def read_settings(path: Path) -> dict[str, Any]:
    """Returns what a config.json holds.

    Raises:
      ModelError: it cannot be read, or is no object.
    """
    try:
        settings = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(settings, dict):
        raise ModelError(f"{path} holds no object; wanted the configuration of a model")
    return settings


def same_tensors(tensors: Tensors, one: str, other: str) -> bool:
    """Whether two tensors of a directory are equal."""
    if tensors.shape(one) != tensors.shape(other):
        return False
    return np.array_equal(tensors.load(one), tensors.load(other))


def wrong_flags(settings: Mapping[str, Any], *names: str) -> list[str]:
    """Names those of some settings that are there and neither true nor false."""
    return [
        f"{name} is {settings[name]!r}; wanted true or false"
        for name in names
        if name in settings and not isinstance(settings[name], bool)
    ]
