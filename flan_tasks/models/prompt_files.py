"""Soft prompts in peft's format, as its prompt tuning writes and reads them.

peft puts the vectors before what the first layer reads, as we do: before the embeddings of the
inputs, which families with scaled embeddings have scaled by then (transformers 5).
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.core.errors import ModelError
from flan_tasks.models.model import Model, ModelConfig, Tree
from flan_tasks.models.peft_folder import TASKS, PeftFolder
from flan_tasks.models.soft_prompt import VECTORS
from flan_tasks.models.trees import flat, nested

# peft's names of the kind, and of its one tensor.
PROMPT_TUNING = "PROMPT_TUNING"
_TENSOR = "prompt_embeddings"


@dataclass(frozen=True)
class PromptFiles:
    """A folder with a soft prompt, read."""

    files: PeftFolder
    """What it holds."""
    base: Path
    """The folder of the model that it is of."""
    vectors: np.ndarray
    """float32[length, embed]."""

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.files.folder

    def config(self, base: ModelConfig) -> ModelConfig:
        """Returns the configuration of its base with it.

        Raises:
          ModelError: it is of another base.
        """
        task, needed = self.files.settings.get("task_type"), TASKS[base.architecture]
        if task != needed:
            raise self.files.of_another(f"task_type is {task}, wanted {needed}")
        length, width = self.vectors.shape
        if width != base.embed:
            raise self.files.of_another(f"its vectors are {width} wide, the model {base.embed}")
        return replace(base, prompt_length=length)

    def check(self, model: ModelConfig) -> None:
        """Checks that it is that of a model that is to be trained.

        Raises:
          ModelError: the model has none, or one of another length.
        """
        mine = self.config(replace(model, lora_rank=0, prompt_length=0))
        if model.prompt_length != mine.prompt_length:
            raise ModelError(
                f"{self.folder} has a soft prompt of {mine.prompt_length} vectors; give "
                f"--gin.PROMPT_LENGTH={mine.prompt_length}"
            )

    def put(self, model: Model, params: Tree) -> Tree:
        """Returns the parameters of the base with it in its place.

        Raises:
          ModelError: it is of another base.
        """
        self.files.check_base(params)
        return nested({**flat(params), VECTORS: self.vectors})


def prompt_of(files: PeftFolder) -> PromptFiles:
    """Returns the soft prompt of a folder.

    Raises:
      ModelError: it is another function than ours, or its base is no folder here.
    """
    settings, folder = files.settings, files.folder
    length, parts = (settings.get(n) for n in ("num_virtual_tokens", "num_transformer_submodules"))
    is_t5 = settings.get("task_type") == TASKS["t5"]
    # peft keeps vectors for both stacks of an encoder-decoder, and reads the encoder's alone.
    parts = (2 if is_t5 else 1) if parts is None else parts
    if not isinstance(length, int) or length < 1:
        raise ModelError(f"{folder}: num_virtual_tokens is {length}; want a number above 0")
    if parts not in ((1, 2) if is_t5 else (1,)):
        raise ModelError(
            f"{folder}: num_transformer_submodules is {parts}, with which peft computes nothing"
        )
    if settings.get("modules_to_save"):
        raise ModelError(
            f"{folder}: modules_to_save is {settings['modules_to_save']}; a soft prompt alone is "
            "read, and these are parts of the base that were trained too"
        )
    if odd := sorted({_TENSOR} ^ files.tensors.keys()):
        said = "is missing" if odd[0] == _TENSOR else "is no soft prompt"
        raise ModelError(f"{folder}: {odd[0]} {said}; wanted {_TENSOR} alone")
    stored = files.tensors[_TENSOR]
    if stored.ndim != 2 or len(stored) != length * parts:
        raise ModelError(
            f"{folder}: {_TENSOR} is {list(stored.shape)}, wanted {length * parts} vectors "
            "(num_virtual_tokens times num_transformer_submodules)"
        )
    return PromptFiles(files, files.base(), stored[:length])


def prompt_settings(config: ModelConfig) -> dict[str, Any]:
    """Returns what peft's config says of a model's soft prompt."""
    return {
        "peft_type": PROMPT_TUNING,
        "num_virtual_tokens": config.prompt_length,
        "token_dim": config.embed,
        "num_transformer_submodules": 1,
        "num_attention_heads": config.heads,
        "num_layers": config.layers,
        "prompt_tuning_init": "RANDOM",
        "prompt_tuning_init_text": None,
        "tokenizer_name_or_path": None,
    }


def prompt_tensors(params: Tree) -> dict[str, np.ndarray]:
    """Returns a model's soft prompt by peft's name."""
    return {_TENSOR: np.ascontiguousarray(np.asarray(flat(params)[VECTORS], np.float32))}
