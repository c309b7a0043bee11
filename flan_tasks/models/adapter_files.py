"""Adapters in peft's format, whichever kind: LoRA or a soft prompt."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from flan_tasks.core.errors import ModelError
from flan_tasks.models.lora_files import LORA, lora_of, lora_settings, lora_tensors
from flan_tasks.models.model import Model, ModelConfig, Tree
from flan_tasks.models.peft_folder import CONFIG, PeftFolder, read_folder, write_folder
from flan_tasks.models.prompt_files import (
    PROMPT_TUNING,
    prompt_of,
    prompt_settings,
    prompt_tensors,
)


class Adapters(Protocol):
    """A folder of adapters, read."""

    @property
    def folder(self) -> Path:
        """Where they lie."""
        ...

    @property
    def base(self) -> Path:
        """The folder of the model that they are of."""
        ...

    def config(self, base: ModelConfig) -> ModelConfig:
        """Returns the configuration of their base with them.

        Raises:
          ModelError: they are of another base.
        """
        ...

    def check(self, model: ModelConfig) -> None:
        """Checks that they are those of a model that is to be trained.

        Raises:
          ModelError: it has none, or others.
        """
        ...

    def put(self, model: Model, params: Tree) -> Tree:
        """Returns the parameters of the base with these in their place.

        Raises:
          ModelError: they are of another base.
        """
        ...


_KINDS: Mapping[Any, Callable[[PeftFolder], Adapters]] = {
    LORA: lora_of,
    PROMPT_TUNING: prompt_of,
}


def is_adapters(folder: Path) -> bool:
    """Whether a folder holds adapters in peft's format, and no model."""
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()


def read_adapters(folder: Path) -> Adapters:
    """Returns the adapters of a folder.

    Raises:
      ModelError: files are missing or damaged, are of another kind, would be another function than
        ours, or their base is no folder here.
    """
    files = read_folder(folder)
    if files.kind not in _KINDS:
        raise ModelError(
            f"{folder}: peft_type is {files.kind}; {' and '.join(_KINDS)} alone are read"
        )
    return _KINDS[files.kind](files)


def export_adapters(model: Model, params: Tree, directory: Path, *, base: str) -> Path:
    """Writes the adapters of a model as peft's `PeftModel.from_pretrained` loads them.

    Args:
      model: the model, with adapters or a soft prompt.
      params: its parameters.
      directory: new or empty; it appears whole or not at all.
      base: name or folder of the base, for peft.

    Raises:
      ModelError: there are no adapters, or the directory exists or cannot be written.
    """
    config = model.config
    if config.lora_rank:
        settings, tensors = lora_settings(config), lora_tensors(config, params)
    elif config.prompt_length:
        settings, tensors = prompt_settings(config), prompt_tensors(params)
    else:
        raise ModelError(
            "the model has no adapters; train it with --gin.LORA_RANK=8 or --gin.PROMPT_LENGTH=20 "
            "or the like"
        )
    return write_folder(directory, config, settings, tensors, base=base, params=params)
