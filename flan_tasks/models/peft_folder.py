"""A folder in peft's format, `adapter_config.json` and `adapter_model.safetensors`: read, written.

With safetensors and NumPy, without peft or torch. What the files mean is read by `lora_files` and
`prompt_files`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from flan_tasks.core.errors import ModelError
from flan_tasks.core.whole import folder_aside
from flan_tasks.models.hf_tensors import Tensors
from flan_tasks.models.model import ModelConfig, Tree
from flan_tasks.models.trees import flat

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
# peft's names of what models are for.
TASKS = {"t5": "SEQ_2_SEQ_LM", "decoder": "CAUSAL_LM"}
# Key of the safetensors' metadata: what of the base tells it from others of its shape.
_BASE = "flan_tasks_base"


@dataclass(frozen=True)
class PeftFolder:
    """What a folder holds."""

    folder: Path
    """Where it is."""
    settings: Mapping[str, Any]
    """Of its config."""
    tensors: Mapping[str, np.ndarray]
    """By name: float32, finite."""
    base_digest: str | None
    """What tells the base from others of its shape, if the files say it."""

    @property
    def kind(self) -> Any:
        """What is trained, in peft's words."""
        return self.settings.get("peft_type")

    def base(self) -> Path:
        """Returns the folder of the model that they are of.

        Raises:
          ModelError: it is none here.
        """
        name = self.settings.get("base_model_name_or_path")
        if isinstance(name, str) and name:
            for path in (Path(name), self.folder / name):
                if (path / "config.json").is_file():
                    return path.absolute()
        raise ModelError(
            f"{self.folder}: its base is {name!r}, which is no folder of a model here; write the "
            f"folder as base_model_name_or_path into {CONFIG}"
        )

    def check_base(self, params: Tree) -> None:
        """Checks that parameters are of the base, as far as the files tell it from others.

        Raises:
          ModelError: they are of another.
        """
        if self.base_digest is not None and self.base_digest != base_digest(params):
            raise self.of_another("its norms differ")

    def of_another(self, what: str) -> ModelError:
        """Returns the error that they are of another base."""
        return ModelError(f"{self.folder} is of another base than {self.base()}: {what}")


def read_folder(folder: Path) -> PeftFolder:
    """Reads a folder.

    Raises:
      ModelError: files are missing or damaged, or hold values that are not finite.
    """
    from safetensors import SafetensorError, safe_open

    try:
        settings = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        with safe_open(folder / WEIGHTS, framework="numpy") as file:
            metadata = file.metadata() or {}
            found = Tensors(folder, dict.fromkeys(file.keys(), file))
            tensors = {name: found.load(name) for name in found}
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(f"{folder}: adapters cannot be read: {error}") from error
    if bad := sorted(name for name, x in tensors.items() if not np.isfinite(x).all()):
        raise ModelError(f"{folder}: {bad[0]} holds values that are not finite")
    settings = settings if isinstance(settings, dict) else {}
    return PeftFolder(folder, settings, tensors, metadata.get(_BASE))


def write_folder(
    directory: Path,
    config: ModelConfig,
    settings: Mapping[str, Any],
    tensors: Mapping[str, np.ndarray],
    *,
    base: str,
    params: Tree,
) -> Path:
    """Writes a folder, whole or not at all.

    Args:
      directory: new or empty.
      config: of the model.
      settings: what stands in its config besides the kind of model and the base.
      tensors: by peft's names.
      base: name or folder of the base, for peft.
      params: of the model, which tell its base from others.

    Raises:
      ModelError: the directory exists or cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ModelError(f"{directory} exists and is not empty; export to a new directory")
    about = {
        "task_type": TASKS[config.architecture],
        "base_model_name_or_path": base,
        "modules_to_save": None,
        "inference_mode": True,
    }
    try:
        with folder_aside(directory) as aside:
            text = json.dumps({**settings, **about}, indent=2) + "\n"
            (aside / CONFIG).write_text(text, encoding="utf-8")
            metadata = {"format": "pt", _BASE: base_digest(params)}
            save_file(dict(tensors), aside / WEIGHTS, metadata=metadata)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{directory} cannot be written: {error}") from error
    return directory


def base_digest(params: Tree) -> str:
    """Returns what tells a base from others of its shape: a hash of its norms and relative biases.

    They are rounded to bfloat16 first, so that a base is itself in any of its files' types.
    """
    digest = hashlib.sha256()
    for path, leaf in sorted(flat(params).items()):
        if path[-1] == "scale" or "relative_bias" in path:
            digest.update(np.asarray(leaf, np.float32).astype(jnp.bfloat16).tobytes())
    return digest.hexdigest()
