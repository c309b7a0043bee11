"""Folders of adapters that peft wrote, what it computes with them, and changed copies of them."""

import dataclasses
import functools
import json
import os
import shutil
import subprocess
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file, save_file

from flan_tasks.models.adapter_files import export_adapters, read_adapters
from flan_tasks.models.hf import import_hf, read_config
from flan_tasks.models.model import Model

FIXTURES = Path(__file__).parents[1] / "fixtures"
FOLDERS = FIXTURES / "adapters"
DECODERS = FIXTURES / "decoders"
STORED = json.loads((FOLDERS / "logits.json").read_text())
INPUTS = [[5, 17, 90, 33, 62, 8, 1], [70, 3, 3, 41, 1, 0, 0]]
TARGETS = [[12, 44, 9, 1], [7, 66, 1, 0]]
TEXTS = [np.random.default_rng(n).integers(3, 100, size).tolist() for n, size in ((1, 22), (2, 9))]
# A Python with peft.
PYTHON = "FLAN_TASKS_LM_EVAL_PYTHON"


@functools.cache
def opened(folder):
    """The model of a folder of adapters, with its parameters, which nobody changes."""
    adapters = read_adapters(folder)
    model = Model(adapters.config(read_config(adapters.base)))
    return model, adapters.put(model, import_hf(model, adapters.base))


def logits(model, params):
    """Of a T5's batch; or of the last tokens of each text, which stand in one row."""
    if model.config.architecture == "t5":
        inputs = jnp.asarray(INPUTS)
        decoder = jnp.asarray([[0, *row[:-1]] for row in TARGETS])
        batch = {
            "encoder_input_tokens": inputs,
            "encoder_segment_ids": (inputs != 0).astype(jnp.int32),
            "decoder_input_tokens": decoder,
            "decoder_segment_ids": jnp.ones_like(decoder),
        }
        return np.asarray(jax.jit(model.logits)(params, batch))
    rows = [[*model.config.starts, *text] for text in TEXTS]
    lengths = [len(row) for row in rows]
    arrays = {
        "decoder_input_tokens": np.concatenate(rows),
        "decoder_segment_ids": np.repeat([1, 2], lengths),
        "decoder_positions": np.concatenate([np.arange(length) for length in lengths]),
    }
    batch = {name: jnp.asarray(values[None], jnp.int32) for name, values in arrays.items()}
    found = np.asarray(jax.jit(model.logits)(params, batch))[0]
    return np.stack([found[end - 6 : end] for end in np.cumsum(lengths)])


def edited(tmp_path, name, *, base=None, tensors=None, **settings):
    """A copy of adapters with another base, other settings or tensors; None takes one away."""
    folder = tmp_path / "edited"
    shutil.copytree(FOLDERS / name, folder)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = str(base or read_adapters(FOLDERS / name).base)
    path.write_text(json.dumps({**config, **settings}))
    if tensors:
        file = folder / "adapter_model.safetensors"
        values = {**load_file(file), **tensors}
        save_file({n: x for n, x in values.items() if x is not None}, file)
    return folder


def with_random_adapters(model, base):
    """Parameters with the base of a folder and adapters that are not zero."""
    draw = np.random.default_rng(0)

    def of(keys, leaf):
        if not model.is_adapter(tuple(key.key for key in keys)):
            return leaf
        return draw.normal(size=leaf.shape).astype("f") * 0.3

    return jax.tree_util.tree_map_with_path(of, import_hf(model, base))


def compared_with_peft(tmp_path, cases):
    """What we and peft compute with adapters that we export: pairs of logits.

    Args:
      tmp_path: where they are exported to.
      cases: folder of a base -> what its configuration has besides.
    """
    pairs, ours = [], []
    for base, changes in cases.items():
        model = Model(dataclasses.replace(read_config(base), **changes))
        params = with_random_adapters(model, base)
        pairs += [export_adapters(model, params, tmp_path / base.name, base=str(base)), base]
        ours.append(logits(model, params))
    ran = subprocess.run(
        [os.environ[PYTHON], FOLDERS / "make.py", "score", *pairs],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    lines = [line for line in ran.stdout.splitlines() if line.startswith("[")]
    return list(zip(ours, (np.array(json.loads(line)) for line in lines), strict=True))
