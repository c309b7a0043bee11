"""LoRA adapters in peft's format: `adapter_config.json` and `adapter_model.safetensors`.

Read and written with safetensors and NumPy, without peft or torch. Names are those of the matrices
in the base's own files (`hf.places`), with peft's ends.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from flan_tasks.core.errors import ModelError
from flan_tasks.core.whole import folder_aside
from flan_tasks.models.hf import Place, places
from flan_tasks.models.hf_tensors import Tensors
from flan_tasks.models.layers import ADAPTERS
from flan_tasks.models.model import Model, ModelConfig, Tree
from flan_tasks.models.trees import flat, nested

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_ROOT, _ENDS = "base_model.model.", ("lora_A.weight", "lora_B.weight")
_TASKS = {"t5": "SEQ_2_SEQ_LM", "decoder": "CAUSAL_LM"}
# Key of the safetensors' metadata: what of the base tells it from others of its shape.
_BASE = "flan_tasks_base"
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

    folder: Path
    """Where they lie."""
    base: Path
    """The folder of the model that they are of."""
    rank: int
    """Their rank."""
    alpha: float
    """They add (alpha / rank) A B."""
    tensors: Mapping[str, np.ndarray]
    """By name, without peft's beginning: float32."""
    base_digest: str | None
    """What tells their base from others of its shape, if the folder says it."""

    def config(self, base: ModelConfig) -> ModelConfig:
        """Returns the configuration of their base with them.

        Raises:
          ModelError: they are of another base.
        """
        names = {name.removesuffix(f".{end}") for name in self.tensors for end in _ENDS}
        matrices = _matrices(base)
        strange = sorted(name for name in names if name not in matrices and not _is_end(name))
        if strange:
            raise self._other(f"{strange[0]} is no matrix of it")
        targets = {matrices[name].path[-2] for name in names if name in matrices}
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
        without = replace(model, lora_rank=0)
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
        if self.base_digest is not None and self.base_digest != base_digest(params):
            raise self._other("its norms differ")
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
                raise self._other(f"{name}.{end} is {list(found)}, wanted {list(shape)}")

    def _other(self, what: str) -> ModelError:
        return ModelError(f"{self.folder} is of another base than {self.base}: {what}")


def is_lora(folder: Path) -> bool:
    """Whether a folder holds adapters in peft's format, and no model."""
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()


def read_lora(folder: Path) -> LoraFiles:
    """Returns the adapters of a folder.

    Raises:
      ModelError: files are missing or damaged, are of another kind than LoRA, change more than
        matrices, or their base is no folder here.
    """
    from safetensors import SafetensorError, safe_open

    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        with safe_open(folder / WEIGHTS, framework="numpy") as file:
            metadata = file.metadata() or {}
            found = Tensors(folder, dict.fromkeys(file.keys(), file))
            tensors = {name: found.load(name) for name in found}
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(f"{folder}: adapters cannot be read: {error}") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        kind = config.get("peft_type") if isinstance(config, dict) else None
        raise ModelError(f"{folder}: peft_type is {kind}; LORA alone is read")
    for name, values in _PLAIN.items():
        if name in config and config[name] not in values:
            raise ModelError(
                f"{folder}: {name} is {json.dumps(config[name])}, which is not read; merge the "
                "adapter into its base with peft (merge_and_unload) and give that folder"
            )
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or not isinstance(alpha, int | float) or rank < 1 or alpha <= 0:
        raise ModelError(f"{folder}: r is {rank} and lora_alpha {alpha}; want numbers above 0")
    if odd := sorted(name for name in tensors if not _is_end(name)):
        raise ModelError(f"{folder}: {odd[0]} is no matrix of LoRA, which alone is read")
    if bad := sorted(name for name, x in tensors.items() if not np.isfinite(x).all()):
        raise ModelError(f"{folder}: {bad[0]} holds values that are not finite")
    return LoraFiles(
        folder=folder,
        base=_base_folder(folder, config.get("base_model_name_or_path")),
        rank=rank,
        # Rank-stabilized LoRA divides by the root of the rank.
        alpha=alpha * math.sqrt(rank) if config.get("use_rslora") else float(alpha),
        tensors={name.removeprefix(_ROOT): x for name, x in tensors.items()},
        base_digest=metadata.get(_BASE),
    )


def export_lora(model: Model, params: Tree, directory: Path, *, base: str) -> Path:
    """Writes the adapters of a model as peft's `PeftModel.from_pretrained` loads them.

    Args:
      model: the model, with adapters.
      params: its parameters.
      directory: new or empty; it appears whole or not at all.
      base: name or folder of the base, for peft.

    Raises:
      ModelError: there are no adapters, or the directory exists or cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    config = model.config
    if not config.lora_rank:
        raise ModelError("the model has no adapters; train it with --gin.LORA_RANK=8 or the like")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ModelError(f"{directory} exists and is not empty; export to a new directory")
    leaves = flat(params)
    tensors = {
        f"{_ROOT}{name}.{end}": np.ascontiguousarray(
            np.asarray(leaves[*place.path[:-1], ours][place.layer], np.float32).T
        )
        for name, place in _adapted(config).items()
        for end, ours in zip(_ENDS, ADAPTERS, strict=True)
    }
    alpha = config.lora_alpha
    settings = {
        "peft_type": "LORA",
        "task_type": _TASKS[config.architecture],
        "base_model_name_or_path": base,
        "r": config.lora_rank,
        "lora_alpha": int(alpha) if alpha == int(alpha) else alpha,
        "lora_dropout": 0.0,
        "target_modules": sorted({name.rpartition(".")[2] for name in _adapted(config)}),
        "bias": "none",
        "fan_in_fan_out": False,
        "use_rslora": False,
        "use_dora": False,
        "modules_to_save": None,
        "inference_mode": True,
    }
    try:
        with folder_aside(directory) as aside:
            text = json.dumps(settings, indent=2) + "\n"
            (aside / CONFIG).write_text(text, encoding="utf-8")
            metadata = {"format": "pt", _BASE: base_digest(params)}
            save_file(tensors, aside / WEIGHTS, metadata=metadata)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{directory} cannot be written: {error}") from error
    return directory


def base_digest(params: Tree) -> str:
    """Returns what tells a base from others of its shape: a hash of its norms and biases.

    They are rounded to bfloat16 first, so that a base is itself in any of its files' types.
    """
    digest = hashlib.sha256()
    for path, leaf in sorted(flat(params).items()):
        if path[-1] == "scale" or "relative_bias" in path:
            digest.update(np.asarray(leaf, np.float32).astype(jnp.bfloat16).tobytes())
    return digest.hexdigest()


def _matrices(config: ModelConfig) -> dict[str, Place]:
    """Matrices that may have adapters, by their names in files."""
    found = places(config).items()
    return {n.removesuffix(".weight"): p for n, p in found if p.turned and p.layer is not None}


def _adapted(config: ModelConfig) -> dict[str, Place]:
    targets = config.lora_targets
    return {name: place for name, place in _matrices(config).items() if place.path[-2] in targets}


def _is_end(name: str) -> bool:
    return name.endswith(tuple(f".{end}" for end in _ENDS))


def _base_folder(folder: Path, name: Any) -> Path:
    if isinstance(name, str) and name:
        for path in (Path(name), folder / name):
            if (path / "config.json").is_file():
                return path.absolute()
    raise ModelError(
        f"{folder}: its base is {name!r}, which is no folder of a model here; write the folder as "
        f"base_model_name_or_path into {CONFIG}"
    )
