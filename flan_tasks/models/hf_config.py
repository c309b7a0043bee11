"""Which model a Hugging Face directory is, read as transformers reads it."""

import sys
from pathlib import Path

from flan_tasks.core.errors import ModelError
from flan_tasks.core.escaping import for_line
from flan_tasks.models.hf_decoders import describe_decoder
from flan_tasks.models.hf_description import INSTEAD, Description, Say, read_settings
from flan_tasks.models.hf_families import FAMILIES
from flan_tasks.models.hf_t5 import KINDS, describe_t5
from flan_tasks.models.hf_tensors import Tensors, has_tensors, open_tensors
from flan_tasks.specs.model_config import ModelConfig


def on_stderr(text: str) -> None:
    """Prints a line on stderr, whatever names stand in it."""
    print(for_line(text), file=sys.stderr)


def read_config(directory: Path, *, say: Say | None = on_stderr) -> ModelConfig:
    """Returns the model of a directory, computed in float32.

    Its vocabulary is as large as that of the tokenizer.json beside it, or else as the embedding has
    rows, padding included. Where the files are there, they are looked at too: a head that differs
    from the embedding is one of its own.

    Args:
      directory: where config.json is.
      say: called with one line if versions of transformers read the directory in two ways.

    Raises:
      ModelError: config.json cannot be read, or describes another kind of model.
    """
    directory = Path(directory)
    if has_tensors(directory):
        with open_tensors(directory) as tensors:
            return describe(directory, tensors, say=say).config
    return describe(directory, None, say=say).config


def check_end(directory: Path, vocabulary: str, eos_id: int) -> None:
    """Checks that texts end with the token that a directory's model ends with.

    Args:
      directory: where config.json is.
      vocabulary: name of what made the texts' ids.
      eos_id: what closes them.

    Raises:
      ModelError: config.json names another end.
    """
    end = read_settings(directory / "config.json").get("eos_token_id")
    ends = end if isinstance(end, list) else [end]
    if end is not None and eos_id not in ends:
        raise ModelError(
            f"{directory}: the model ends with token {end} (eos_token_id in config.json), the "
            f'vocabulary "{vocabulary}" with {eos_id}; give the model\'s as --vocab'
        )


def describe(directory: Path, tensors: Tensors | None, *, say: Say | None = None) -> Description:
    """Returns what a directory's config.json and tensors describe; without tensors, config.json.

    Args:
      directory: where config.json is.
      tensors: those beside it, if they are there.
      say: called with one line if versions of transformers read it in two ways.

    Raises:
      ModelError: config.json cannot be read, or describes another kind of model; all at once.
    """
    path = directory / "config.json"
    settings = read_settings(path)
    kind = settings.get("model_type")
    if kind in KINDS:
        return describe_t5(directory, settings, tensors, say)
    if kind in FAMILIES:
        return describe_decoder(directory, settings, tensors)
    decoders = ", ".join(f'"{name}" ({family.title})' for name, family in FAMILIES.items())
    raise ModelError(
        f'{path}: it describes a "{kind}"; models of type "t5" and "mt5" are read: T5, T5 1.1, '
        f"Flan-T5, UL2, ByT5, mT5; and decoders: {decoders}{INSTEAD}"
    )
