"""The tensors of a Hugging Face directory: safetensors, whole or in shards, opened and not read.

Read with NumPy, without torch; a tensor is loaded when it is asked for.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.core.errors import ModelError
from flan_tasks.core.parsing import parse_json

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
# What is read as float32; others are quantized or no weights.
_FLOATS = ("F64", "F32", "F16", "BF16")
# What torch and the frameworks before it write.
_OTHERS = ("*.bin", "*.pt", "*.pth", "*.h5", "*.msgpack", "*.ckpt*", "*.gguf")


class Tensors:
    """The tensors of all files of a directory, by name.

    Args:
      directory: where they lie.
      files: name of a tensor -> its open file.
    """

    def __init__(self, directory: Path, files: dict[str, Any]) -> None:
        self.directory = directory
        self._files = files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a tensor, which is not loaded for it."""
        return tuple(self._files[name].get_slice(name).get_shape())

    def load(self, name: str) -> np.ndarray:
        """Returns a tensor in float32.

        Raises:
          ModelError: its values are no floats.
        """
        kind = self._files[name].get_slice(name).get_dtype()
        if kind not in _FLOATS:
            raise ModelError(
                f"{self.directory}: {name} is stored as {kind}; wanted {', '.join(_FLOATS)}. "
                "Quantized weights are not read"
            )
        return self._files[name].get_tensor(name).astype(np.float32)


def has_tensors(directory: Path) -> bool:
    """Whether a directory holds weights that `open_tensors` looks for."""
    return (directory / INDEX).is_file() or (directory / WEIGHTS).is_file()


@contextmanager
def open_tensors(directory: Path) -> Iterator[Tensors]:
    """Opens the safetensors of a directory.

    Raises:
      ModelError: there are none, a file cannot be read, or the index and the files differ.
    """
    with ExitStack() as stack:
        yield Tensors(directory, _open(directory, stack))


def _open(directory: Path, stack: ExitStack) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    listed = _index(directory) if (directory / INDEX).exists() else None
    if listed is None and not (directory / WEIGHTS).exists():
        raise ModelError(_nothing(directory))
    files: dict[str, Any] = {}
    for file in [WEIGHTS] if listed is None else sorted(set(listed.values())):
        try:
            opened = stack.enter_context(safe_open(directory / file, framework="numpy"))
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{directory / file} cannot be read: {error}") from error
        for name in opened.keys():
            if name in files:
                raise ModelError(f"{directory}: two of its files hold {name}; save the model again")
            files[name] = opened
    if absent := sorted(name for name in listed or () if name not in files):
        raise ModelError(
            f"{directory / INDEX} lists {absent[0]}, which is in no file; save the model again"
        )
    return files


def _index(directory: Path) -> dict[str, str]:
    path = directory / INDEX
    try:
        listed = parse_json(path.read_text(encoding="utf-8"))["weight_map"]
        return {str(name): str(file) for name, file in listed.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is no index of safetensors: {error}") from error


def _nothing(directory: Path) -> str:
    names = sorted(p.name for p in directory.iterdir())[:12] if directory.is_dir() else []
    text = f"{directory} has no {WEIGHTS} and no {INDEX}"
    text += f"; it has {', '.join(names)}" if names else "; it is no directory or empty"
    if others := [p.name for pattern in _OTHERS for p in directory.glob(pattern)]:
        text += (
            f". {others[0]} is not read: load the folder in transformers and call "
            "save_pretrained, which writes safetensors"
        )
    return text
