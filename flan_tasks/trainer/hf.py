"""Weights in and out of Hugging Face: T5 1.1 and Flan-T5 as safetensors, whole or in shards.

Read and written with safetensors and NumPy, without torch. What a directory holds besides weights
(configurations, tokenizer files) is written by `hf_files`.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from flan_tasks.build.vocabulary import Vocabulary
from flan_tasks.core.errors import ModelError
from flan_tasks.trainer.hf_files import read_config, write_config, write_tokenizer
from flan_tasks.trainer.model import Model, ModelConfig, Tree

__all__ = ["export_hf", "import_hf", "read_config"]

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SHARED = "shared.weight"
HEAD = "lm_head.weight"
# Copies of the embedding that files of some versions hold.
ALIASES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
# A table no version computes with, in files of early ones.
DEAD = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
# How many offenders of a kind an error lists.
LISTED = 8


class Place(NamedTuple):
    """Where a tensor of a file lies among ours."""

    # Names down to the parameter.
    path: tuple[str, ...]
    # Place in the stack of layers; None where there is none.
    layer: int | None = None
    # Whether theirs is [out, in] and ours [in, out].
    turned: bool = False


def places(config: ModelConfig) -> dict[str, Place]:
    """Returns where each tensor of a T5 file goes.

    Raises:
      ModelError: the model is no T5.
    """
    if config.architecture != "t5":
        raise ModelError(
            f'Hugging Face files are read and written for t5, and the model is "'
            f'{config.architecture}"'
        )
    found = {SHARED: Place(("embedding", "embedding"))}
    if not config.tied_head:
        found[HEAD] = Place(("head", "kernel"), turned=True)
    halves = (("encoder", config.layers), ("decoder", config.decoder_layers))
    for half, count in halves:
        first = f"{half}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        found[first] = Place((half, "relative_bias", "embedding"))
        found[f"{half}.final_layer_norm.weight"] = Place((half, "norm", "scale"))
        for layer in range(count):
            for name, path, turned in _of_layer(half):
                place = Place((half, "stack", "layers", *path), layer, turned)
                found[f"{half}.block.{layer}.layer.{name}.weight"] = place
    return found


def _of_layer(half: str) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    attentions = [("SelfAttention", "attention", "attention_norm")]
    if half == "decoder":
        attentions = [
            ("SelfAttention", "self_attention", "self_norm"),
            ("EncDecAttention", "cross_attention", "cross_norm"),
        ]
    for number, (theirs, ours, norm) in enumerate(attentions):
        yield f"{number}.layer_norm", (norm, "scale"), False
        for letter, name in zip("qkvo", ("query", "key", "value", "out"), strict=True):
            yield f"{number}.{theirs}.{letter}", (ours, name, "kernel"), True
    last = len(attentions)
    yield f"{last}.layer_norm", ("mlp_norm", "scale"), False
    for name in ("wi_0", "wi_1", "wo"):
        yield f"{last}.DenseReluDense.{name}", ("mlp", name, "kernel"), True


def import_hf(model: Model, directory: Path, *, key: jax.Array | None = None) -> Tree:
    """Returns float32 parameters from the safetensors of a directory, as NumPy arrays.

    A file with fewer rows of vocabulary than the model's padded one, but all that it needs, gets
    rows of zeros. Adapters, which no file holds, start as `model.init(key)` has them.

    Raises:
      ModelError: there are no safetensors, or they do not fit; lists missing, unexpected and
        misshapen tensors at once.
    """
    directory = Path(directory)
    wanted = places(model.config)
    abstract = _flat(model.abstract())
    with ExitStack() as stack:
        files = _open(directory, stack)
        names = _named(files, wanted)
        _check(directory, files, names, wanted, abstract, model.config)
        found = {
            path: np.empty(leaf.shape, np.float32)
            for path, leaf in abstract.items()
            if not model.is_adapter(path)
        }
        for name, place in wanted.items():
            tensor = files[names[name]].get_tensor(names[name]).astype(np.float32)
            tensor = tensor.T if place.turned else tensor
            target = found[place.path]
            if place.layer is not None:
                target = target[place.layer]
            # All but the vocabulary fits exactly, as checked above.
            target[...] = 0
            target[tuple(slice(size) for size in tensor.shape)] = tensor
    return _nested(found | _adapters(model, key))


def export_hf(
    model: Model,
    params: Tree,
    directory: Path,
    *,
    vocabulary: Vocabulary,
    dtype: str = "float32",
    shard_bytes: int = 5_000_000_000,
) -> Path:
    """Writes a directory that transformers' `T5ForConditionalGeneration.from_pretrained` loads.

    Adapters are merged into the base. The vocabulary stays padded: `vocab_size` in config.json is
    the number of rows, as in T5's own files. The directory appears whole or not at all.

    Raises:
      ModelError: the directory exists or cannot be written, the vocabulary does not fit, or the
        model is no T5.
    """
    directory = Path(directory)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ModelError(f"{directory} exists and is not empty; export to a new directory")
    if vocabulary.size > model.config.padded_vocabulary:
        raise ModelError(
            f"the vocabulary has {vocabulary.size:,} ids and the model "
            f"{model.config.vocabulary_size:,}; export with the vocabulary it was trained on"
        )
    if model.config.lora_rank:
        model, params = model.without_adapters(), model.merge_lora(params)
    tensors = list(places(model.config).items())
    partial = directory.with_name(f".{directory.name}.partial-{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        _write_weights(partial, tensors, _flat(params), np.dtype(dtype), shard_bytes)
        write_config(partial, model.config, vocabulary=vocabulary, dtype=dtype)
        write_tokenizer(partial, vocabulary=vocabulary)
        for path in partial.iterdir():
            _sync(path)
        os.replace(partial, directory)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        # safetensors has an error of its own for what the disk says.
        if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
            raise ModelError(f"{directory} cannot be written: {error}") from error
        raise
    _sync(directory.parent)
    return directory


def _write_weights(
    directory: Path, tensors: list, params: dict, dtype: np.dtype, shard_bytes: int
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
    index = {}
    for number, shard in enumerate(shards, start=1):
        file = WEIGHTS
        if len(shards) > 1:
            file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        held = {name: _theirs(params[place.path], place, dtype) for name, place in shard}
        save_file(held, directory / file, metadata={"format": "pt"})
        index |= dict.fromkeys(held, file)
    if len(shards) > 1:
        listed = {"metadata": {"total_size": total}, "weight_map": index}
        (directory / INDEX).write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


def _theirs(leaf: Any, place: Place, dtype: np.dtype) -> np.ndarray:
    # One layer at a time comes from the device; the whole stack may not fit twice.
    tensor = np.asarray(leaf if place.layer is None else leaf[place.layer])
    return np.ascontiguousarray((tensor.T if place.turned else tensor).astype(dtype))


def _open(directory: Path, stack: ExitStack) -> dict[str, Any]:
    """Returns the open file of every tensor."""
    from safetensors import SafetensorError, safe_open

    if (directory / INDEX).exists():
        try:
            index = json.loads((directory / INDEX).read_text(encoding="utf-8"))
            files = sorted(set(index["weight_map"].values()))
        except (ValueError, KeyError, AttributeError) as error:
            raise ModelError(f"{directory / INDEX} is no index of safetensors: {error}") from error
    elif (directory / WEIGHTS).exists():
        files = [WEIGHTS]
    else:
        held = sorted(p.name for p in directory.iterdir())[:12] if directory.is_dir() else []
        raise ModelError(
            f"{directory} has no {WEIGHTS} and no {INDEX}"
            + (f"; it has {', '.join(held)}" if held else "; it is no directory or empty")
            + ". Files of torch are not read: save the model again with transformers"
        )
    found = {}
    for file in files:
        try:
            opened = stack.enter_context(safe_open(directory / file, framework="numpy"))
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{directory / file} cannot be read: {error}") from error
        found |= dict.fromkeys(opened.keys(), opened)
    return found


def _named(files: Mapping[str, Any], wanted: Mapping[str, Place]) -> dict[str, str]:
    """Returns the name in the files of each wanted tensor that is there."""
    names = {name: name for name in wanted if name in files}
    if SHARED not in files:
        # Some files hold the embedding under the encoder's name alone.
        names |= {SHARED: alias} if (alias := ALIASES[0]) in files else {}
    return names


def _check(
    directory: Path,
    files: Mapping[str, Any],
    names: Mapping[str, str],
    wanted: Mapping[str, Place],
    abstract: Mapping[tuple, jax.ShapeDtypeStruct],
    config: ModelConfig,
) -> None:
    known = {*names.values(), *ALIASES, DEAD, *([HEAD] if config.tied_head else [])}
    missing = [name for name in wanted if name not in names]
    unexpected = sorted(name for name in files if name not in known)
    misshapen = []
    for name, theirs in names.items():
        place = wanted[name]
        ours = abstract[place.path].shape[place.layer is not None :]
        ours = ours[::-1] if place.turned else ours
        shape = tuple(files[theirs].get_slice(theirs).get_shape())
        rows = name in (SHARED, HEAD) and shape[1:] == ours[1:]
        if shape != ours and not (rows and config.vocabulary_size <= shape[0] < ours[0]):
            misshapen.append(f"{theirs} {list(shape)}, the model has {list(ours)}")
    problems = [
        f"{len(found)} {what}: {'; '.join(found[:LISTED])}{'; ...' if found[LISTED:] else ''}"
        for what, found in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", misshapen),
        )
        if found
    ]
    if problems:
        raise ModelError(
            f"the weights of {directory} do not fit the model:\n  "
            + "\n  ".join(problems)
            + "\nIts config.json gives the model they fit: flan_tasks.trainer.hf.read_config"
        )


def _adapters(model: Model, key: jax.Array | None) -> dict[tuple[str, ...], np.ndarray]:
    if not model.config.lora_rank:
        return {}
    start = jax.random.key(0) if key is None else key

    def drawn(key: jax.Array) -> dict:
        # The base is drawn too, but as nobody looks at it, the compiler leaves it out.
        return {p: x for p, x in _flat(model.init(key)).items() if model.is_adapter(p)}

    return jax.tree.map(np.asarray, jax.jit(drawn)(start))


def _flat(tree: Tree, above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    found = {}
    for name, value in tree.items():
        path = (*above, name)
        found |= _flat(value, path) if isinstance(value, Mapping) else {path: value}
    return found


def _nested(flat: Mapping[tuple[str, ...], Any]) -> Tree:
    tree: Tree = {}
    for (*above, last), value in flat.items():
        place = tree
        for name in above:
            place = place.setdefault(name, {})
        place[last] = value
    return tree


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
