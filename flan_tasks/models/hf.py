"""Weights in and out of Hugging Face: safetensors, whole or in shards, of T5 and of decoders.

Read and written with safetensors and NumPy, without torch. Which model a directory holds is read by
`hf_config`, which tensor is which parameter stands in `hf_names`; what a directory holds besides
weights is written by `hf_files`.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from flan_tasks.core.errors import ModelError
from flan_tasks.core.whole import folder_aside
from flan_tasks.models import hf_t5
from flan_tasks.models.hf_config import check_end, describe, read_config
from flan_tasks.models.hf_description import HEAD, Description
from flan_tasks.models.hf_files import write_config, write_readme, write_tokenizer
from flan_tasks.models.hf_names import Place, embedding_name, places
from flan_tasks.models.hf_tensors import INDEX, WEIGHTS, Tensors, open_tensors
from flan_tasks.models.model import Model, ModelConfig, Tree
from flan_tasks.models.trees import flat, nested
from flan_tasks.vocabulary import Vocabulary

__all__ = ["check_end", "check_hf", "export_hf", "import_hf", "read_config"]

# Settings of a decoder that no shape shows, with which the same weights are another function.
UNSEEN = (
    *("activation", "norm_epsilon", "heads", "kv_heads", "head_dim", "positions"),
    *("rope_theta", "rope_local_theta", "rope_scaling", "rope_factor", "rope_low_frequency"),
    *("rope_high_frequency", "rope_length", "windows", "inputs_attention", "query_scalar"),
    *("attention_cap", "final_cap", "offset_norms", "scaled_embedding"),
)
# How many offenders of a kind an error lists.
LISTED = 8


def import_hf(
    model: Model,
    directory: Path,
    *,
    key: jax.Array | None = None,
    say: Callable[[str], None] | None = None,
) -> Tree:
    """Returns float32 parameters from the safetensors of a directory, as NumPy arrays.

    The logits are those transformers computes from the directory, whatever it ties or scales: a
    model with a head of its own takes a tied one too, scaled or not. Embeddings with fewer rows
    than the model's padded vocabulary get rows of zeros, which are no outputs (`head_rows`).
    Adapters, which no file holds, start as `model.init(key)` has them.

    Args:
      model: the model.
      directory: config.json with safetensors beside it.
      key: of adapters.
      say: called with one line if versions of transformers read the directory in two ways.

    Raises:
      ModelError: there are no safetensors, or they do not fit, in shape or by what config.json
        says of the function; lists everything at once.
    """
    directory = Path(directory)
    needed = places(model.config)
    abstract = flat(model.abstract())
    with open_tensors(directory) as tensors:
        about, sources = _checked(model, tensors, say)
        params = {
            path: np.zeros(leaf.shape, np.float32)
            for path, leaf in abstract.items()
            if not model.is_adapter(path)
        }
        infinite = []
        for name, place in needed.items():
            tensor = tensors.load(sources[name])
            if not np.isfinite(tensor).all():
                infinite.append(sources[name])
            if name == HEAD and about.head.scaled:
                tensor = tensor * np.float32(model.config.embed**-0.5)
            tensor = tensor.T if place.turned else tensor
            target = params[place.path]
            if place.layer is not None:
                target = target[place.layer]
            # All but the vocabulary fits exactly, as checked above.
            target[tuple(slice(size) for size in tensor.shape)] = tensor
    if infinite:
        raise ModelError(
            f"the weights of {directory} hold values that are not finite: {_some(infinite)}"
        )
    return nested(params | _adapters(model, key))


def check_hf(model: Model, directory: Path, *, say: Callable[[str], None] | None = None) -> None:
    """Checks that `import_hf` would read a directory into the model; shapes alone are looked at.

    Args:
      model: the model.
      directory: config.json with safetensors beside it.
      say: called with one line if versions of transformers read the directory in two ways.

    Raises:
      ModelError: as `import_hf`, but for values that are not finite.
    """
    with open_tensors(Path(directory)) as tensors:
        _checked(model, tensors, say)


def _checked(
    model: Model, tensors: Tensors, say: Callable[[str], None] | None
) -> tuple[Description, dict[str, str]]:
    """Returns what a directory describes, and the tensor that each of the model's is read from."""
    needed = places(model.config)
    about = describe(tensors.directory, tensors, say=say)
    sources = {name: name for name in needed} | {embedding_name(model.config): about.embedding}
    if HEAD in needed:
        sources[HEAD] = about.head.tensor
    _check_function(tensors.directory, model.config, about)
    _check_tensors(tensors, sources, needed, flat(model.abstract()), model.config, about.unused)
    return about, sources


def export_hf(
    model: Model,
    params: Tree,
    directory: Path,
    *,
    vocabulary: Vocabulary,
    dtype: str = "float32",
    shard_bytes: int = 5_000_000_000,
) -> Path:
    """Writes a directory that transformers loads: a T5, or the family that a decoder is of.

    Adapters are merged into the base. The vocabulary stays padded: `vocab_size` in config.json is
    the number of rows, as in T5's own files, or of `head_rows`. A head of its own comes with copies
    of the embedding under the names of the stacks, so that the folder can be loaded untied. The
    directory appears whole or not at all.

    Raises:
      ModelError: the directory exists or cannot be written, the vocabulary does not fit, the
        model is a decoder that transformers has not, or it has a soft prompt.
    """
    directory = Path(directory)
    if model.config.prompt_length:
        raise ModelError(
            "the model has a soft prompt, which no folder of transformers holds; with --adapters "
            "it is written for peft"
        )
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ModelError(f"{directory} exists and is not empty; export to a new directory")
    if vocabulary.size > model.config.padded_vocabulary:
        raise ModelError(
            f"the vocabulary has {vocabulary.size:,} ids and the model "
            f"{model.config.vocabulary_size:,}; export with the vocabulary it was trained on"
        )
    if model.config.lora_rank:
        model, params = model.without_adapters(), model.merge_lora(params)
    from safetensors import SafetensorError

    tensors = list(_written(model.config).items())
    try:
        with folder_aside(directory) as aside:
            leaves = flat(params)
            write_config(aside, model.config, vocabulary=vocabulary, dtype=dtype)
            _write_weights(aside, tensors, leaves, model.config, np.dtype(dtype), shard_bytes)
            write_readme(aside, model.config, vocabulary=vocabulary)
            closes = model.config.architecture == "t5"
            write_tokenizer(aside, vocabulary=vocabulary, closes=closes)
    except (OSError, SafetensorError) as error:  # the latter for what the disk says, too
        raise ModelError(f"{directory} cannot be written: {error}") from error
    return directory


def _written(config: ModelConfig) -> dict[str, Place]:
    """Returns where each tensor that is written comes from, copies of the embedding too."""
    written = places(config)
    if config.architecture != "t5" or (config.tied_head and config.scaled_head):
        return written
    embedding = written[hf_t5.SHARED]
    # Version 4 scales whatever it ties, so a tied head that is not scaled is written as a copy.
    return {HEAD: embedding, **written, **dict.fromkeys(hf_t5.ALIASES, embedding)}


def _write_weights(
    directory: Path,
    tensors: list[tuple[str, Place]],
    params: Mapping[tuple[str, ...], Any],
    config: ModelConfig,
    dtype: np.dtype,
    shard_bytes: int,
) -> None:
    from safetensors.numpy import save_file

    shards: list[list] = [[]]
    filled = total = 0
    for name, place in tensors:
        leaf = params[place.path]
        size = dtype.itemsize * (leaf.size if place.layer is None else leaf.size // leaf.shape[0])
        if shards[-1] and filled + size > shard_bytes:
            shards.append([])
            filled = 0
        shards[-1].append((name, place))
        filled, total = filled + size, total + size
    index: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        file = WEIGHTS
        if len(shards) > 1:
            file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        stored = {
            name: _hf_tensor(params[place.path], place, config, dtype) for name, place in shard
        }
        save_file(stored, directory / file, metadata={"format": "pt"})
        index |= dict.fromkeys(stored, file)
    if len(shards) > 1:
        listed = {"metadata": {"total_size": total}, "weight_map": index}
        (directory / INDEX).write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


def _hf_tensor(leaf: Any, place: Place, config: ModelConfig, dtype: np.dtype) -> np.ndarray:
    # One layer at a time comes from the device; the whole stack may not fit twice.
    tensor = np.asarray(leaf if place.layer is None else leaf[place.layer])
    tensor = tensor.T if place.turned else tensor
    if place.path[0] in ("embedding", "head"):
        tensor = tensor[: config.outputs]
    return np.ascontiguousarray(tensor.astype(dtype))


def _check_function(directory: Path, config: ModelConfig, about: Description) -> None:
    """Refuses another function of the same weights, which their shapes would not show."""
    stored = about.config
    if config.architecture != stored.architecture:
        raise ModelError(
            f'{directory} holds a model of architecture "{stored.architecture}", and the model is '
            f'"{config.architecture}"'
        )
    unseen = hf_t5.UNSEEN if config.architecture == "t5" else UNSEEN
    names = [n for n in unseen if _meaning(config, n) != _meaning(stored, n)]
    if config.outputs != stored.outputs and config.padded_vocabulary == stored.padded_vocabulary:
        names.append("head_rows")
    if config.tied_head:
        if about.head.tensor != about.embedding:
            names.append("tied_head")
        elif config.scaled_head != about.head.scaled:
            names.append("scaled_head")
    if not names:
        return
    values = {name: getattr(stored, name) for name in names}
    if "scaled_head" in values:
        values["scaled_head"] = about.head.scaled
    lines = [
        f"{n} is {getattr(config, n)!r}, the folder's {value!r}" for n, value in values.items()
    ]
    settings = ", ".join(f"{name} = {value!r}" for name, value in values.items())
    raise ModelError(
        f"the model is another than that of {directory}:\n  "
        + "\n  ".join(lines)
        + f"\nSet model_config.ModelConfig's {settings} to begin with these weights"
    )


def _meaning(config: ModelConfig, name: str) -> Any:
    """A field's value; of windows, which may be written in several ways, that of each layer."""
    return config.layer_windows if name == "windows" else getattr(config, name)


def _check_tensors(
    tensors: Tensors,
    sources: Mapping[str, str],
    needed: Mapping[str, Place],
    abstract: Mapping[tuple, jax.ShapeDtypeStruct],
    config: ModelConfig,
    unused: frozenset[str],
) -> None:
    readable = {*sources.values(), *unused}
    missing = [source for source in dict.fromkeys(sources.values()) if source not in tensors]
    unexpected = sorted(name for name in tensors if name not in readable)
    misshapen = []
    for name, source in sources.items():
        if source not in tensors:
            continue
        place = needed[name]
        expected = abstract[place.path].shape[place.layer is not None :]
        # The head is [rows, embed] in files, whichever tensor it is.
        expected = expected[::-1] if place.turned else expected
        if place.path[0] in ("embedding", "head"):
            expected = (config.outputs, *expected[1:])
        shape = tensors.shape(source)
        if shape != expected:
            misshapen.append(f"{source} {list(shape)}, the model has {list(expected)}")
    problems = [
        f"{len(names)} {problem}: {_some(names)}"
        for problem, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", misshapen),
        )
        if names
    ]
    if problems:
        raise ModelError(
            f"the weights of {tensors.directory} do not fit the model:\n  "
            + "\n  ".join(problems)
            + "\nIts config.json gives the model they fit: flan_tasks.models.hf.read_config"
        )


def _some(names: list[str]) -> str:
    return "; ".join(names[:LISTED]) + ("; ..." if names[LISTED:] else "")


def _adapters(model: Model, key: jax.Array | None) -> dict[tuple[str, ...], np.ndarray]:
    if not model.config.has_adapters:
        return {}
    start = jax.random.key(0) if key is None else key

    def drawn(key: jax.Array) -> dict:
        # The base is drawn too, but as nobody looks at it, the compiler leaves it out.
        return {p: x for p, x in flat(model.init(key)).items() if model.is_adapter(p)}

    return jax.tree.map(np.asarray, jax.jit(drawn)(start))
