"""LoRA adapters in peft's format.

Names are those of the matrices in the base's own files (`hf_names`), with peft's ends.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.core.errors import ModelError
from flan_tasks.models.hf_names import Place, places
from flan_tasks.models.layers import ADAPTERS
from flan_tasks.models.model import Model, ModelConfig, Tree
from flan_tasks.models.peft_folder import PeftFolder
from flan_tasks.models.trees import flat, nested

# peft's name of the kind.
LORA = "LORA"
_ROOT, _ENDS = "base_model.model.", ("lora_A.weight", "lora_B.weight")
# What to do about an adapter of which we have no form.
_MERGE = "merge the adapter into its base with peft (merge_and_unload) and give that folder"
# Settings of peft with which the adapter would be another function; what they must be here.
_PLAIN: Mapping[str, tuple[Any, ...]] = {
    "bias": ("none",),
    "fan_in_fan_out": (False, None),
    "use_dora": (False, None),
    "lora_bias": (False, None),
    "use_qalora": (False, None),
    "use_bdlora": (False, None),
    # Those of others than these change the base.
    "init_lora_weights": (True, False, None, "gaussian", "orthogonal", "eva"),
    "layer_replication": (None,),
    "alora_invocation_tokens": (None,),
    "arrow_config": (None,),
    "kasa_config": (None,),
    "megatron_config": (None,),
    "monteclora_config": (None,),
    "velora_config": (None,),
    "modules_to_save": (None, []),
    "layers_to_transform": (None, []),
    "rank_pattern": ({}, None),
    "alpha_pattern": ({}, None),
    "trainable_token_indices": (None, []),
    "target_parameters": (None, []),
}


@dataclass(frozen=True)
class LoraFiles:
    """A folder of adapters, read."""

    files: PeftFolder
    """What it holds."""
    base: Path
    """The folder of the model that they are of."""
    rank: int
    """Their rank."""
    alpha: float
    """They add (alpha / rank) A B."""
    tensors: Mapping[str, np.ndarray]
    """By name, without peft's beginning: float32."""

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.files.folder

    def config(self, base: ModelConfig) -> ModelConfig:
        """Returns the configuration of their base with them.

        Raises:
          ModelError: they are of another base, or on matrices that have none here.
        """
        names = {name.removesuffix(f".{end}") for name in self.tensors for end in _ENDS}
        names = {name for name in names if not _is_end(name)}
        matrices = _matrices(base)
        for name in sorted(names - matrices.keys()):
            if f"{name}.weight" in places(base):
                raise ModelError(
                    f"{self.folder}: {name} has an adapter, and here the matrices of layers alone "
                    f"have; {_MERGE}"
                )
            raise self.files.of_another(f"{name} is no matrix of it")
        targets = {matrices[name].path[-2] for name in names}
        adapted = replace(
            base, lora_rank=self.rank, lora_alpha=self.alpha, lora_targets=tuple(sorted(targets))
        )
        shapes = flat(Model(base).abstract())
        for name, place in _adapted(adapted).items():
            for end in _ENDS:
                if f"{name}.{end}" not in self.tensors:
                    raise ModelError(
                        f"{self.folder}: {name}.{end} is missing; adapters must be on "
                        f"{', '.join(sorted(targets))} of every layer"
                    )
            self._check_shape(name, shapes[place.path].shape[-2:])
        return adapted

    def check(self, model: ModelConfig) -> None:
        """Checks that they are those of a model that is to be trained.

        Raises:
          ModelError: it has none, or others.
        """
        without = replace(model, lora_rank=0, prompt_length=0)
        mine = self.config(without)
        wanted = (mine.lora_rank, mine.lora_alpha, set(mine.lora_targets))
        if (model.lora_rank, model.lora_alpha, set(model.lora_targets)) != wanted:
            raise ModelError(
                f"{self.folder} has adapters of rank {mine.lora_rank}, alpha {mine.lora_alpha:g}, "
                f"on {', '.join(mine.lora_targets)}; give --gin.LORA_RANK={mine.lora_rank} "
                f"--gin.LORA_ALPHA={mine.lora_alpha:g} --gin.LORA_TARGETS='{mine.lora_targets}'"
            )

    def put(self, model: Model, params: Tree) -> Tree:
        """Returns the parameters of the base and fresh adapters with these in their place.

        Raises:
          ModelError: they are of another base.
        """
        self.files.check_base(params)
        leaves = flat(params)
        for name, place in _adapted(model.config).items():
            for end, ours in zip(_ENDS, ADAPTERS, strict=True):
                path = (*place.path[:-1], ours)
                leaves[path] = stack = np.array(leaves[path], np.float32)
                stack[place.layer] = self.tensors[f"{name}.{end}"].T
        return nested(leaves)

    def _check_shape(self, name: str, kernel: tuple[int, ...]) -> None:
        wanted = ((self.rank, kernel[0]), (kernel[1], self.rank))
        for end, shape in zip(_ENDS, wanted, strict=True):
            found = self.tensors[f"{name}.{end}"].shape
            if found != shape:
                raise self.files.of_another(f"{name}.{end} is {list(found)}, wanted {list(shape)}")


def lora_of(files: PeftFolder) -> LoraFiles:
    """Returns the adapters of a folder.

    Raises:
      ModelError: they change more than matrices, or their base is no folder here.
    """
    config, folder = files.settings, files.folder
    for name, values in _PLAIN.items():
        if name in config and config[name] not in values:
            raise ModelError(
                f"{folder}: {name} is {json.dumps(config[name])}, which is not read; {_MERGE}"
            )
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or not isinstance(alpha, int | float) or rank < 1 or alpha <= 0:
        raise ModelError(f"{folder}: r is {rank} and lora_alpha {alpha}; want numbers above 0")
    if odd := sorted(name for name in files.tensors if not _is_end(name)):
        raise ModelError(f"{folder}: {odd[0]} is no matrix of LoRA, which alone is read")
    return LoraFiles(
        files=files,
        base=files.base(),
        rank=rank,
        # Rank-stabilized LoRA divides by the root of the rank.
        alpha=alpha * math.sqrt(rank) if config.get("use_rslora") else float(alpha),
        tensors={name.removeprefix(_ROOT): x for name, x in files.tensors.items()},
    )


def lora_settings(config: ModelConfig) -> dict[str, Any]:
    """Returns what peft's config says of a model's adapters."""
    alpha = config.lora_alpha
    return {
        "peft_type": LORA,
        "r": config.lora_rank,
        "lora_alpha": int(alpha) if alpha == int(alpha) else alpha,
        "lora_dropout": 0.0,
        "target_modules": sorted({name.rpartition(".")[2] for name in _adapted(config)}),
        "bias": "none",
        "fan_in_fan_out": False,
        "use_rslora": False,
        "use_dora": False,
    }


def lora_tensors(config: ModelConfig, params: Tree) -> dict[str, np.ndarray]:
    """Returns a model's adapters by peft's names."""
    leaves = flat(params)
    return {
        f"{_ROOT}{name}.{end}": np.ascontiguousarray(
            np.asarray(leaves[*place.path[:-1], ours][place.layer], np.float32).T
        )
        for name, place in _adapted(config).items()
        for end, ours in zip(_ENDS, ADAPTERS, strict=True)
    }


def _matrices(config: ModelConfig) -> dict[str, Place]:
    """Matrices that may have adapters, by their names in files."""
    found = places(config).items()
    return {n.removesuffix(".weight"): p for n, p in found if p.turned and p.layer is not None}


def _adapted(config: ModelConfig) -> dict[str, Place]:
    targets = config.lora_targets
    return {name: place for name, place in _matrices(config).items() if place.path[-2] in targets}


def _is_end(name: str) -> bool:
    return name.endswith(tuple(f".{end}" for end in _ENDS))
