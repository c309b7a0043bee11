"""A decoder-only model of ours as a folder that transformers opens as a Llama."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from flan_tasks.models.model import ModelConfig

_ATTENTION = {"query": "q", "key": "k", "value": "v", "out": "o"}
_MLP = {"wi_0": "gate", "wi_1": "up", "wo": "down"}
_NORMS = {"attention_norm": "input_layernorm", "mlp_norm": "post_attention_layernorm"}


def write_llama(folder: Path, config: ModelConfig, params: Mapping[str, Any]) -> Path:
    """Writes weights and configuration, and returns the folder.

    Args:
      folder: where; it is made.
      config: of a causal decoder with RoPE, SiLU and a head of its own, which is what Llama is.
      params: its parameters.
    """
    folder.mkdir(parents=True)
    layers = params["stack"]["layers"]
    tensors = {
        "model.embed_tokens.weight": params["embedding"]["embedding"],
        "model.norm.weight": params["norm"]["scale"],
        "lm_head.weight": params["head"]["kernel"].T,
    }
    for layer in range(config.layers):
        of_layer = {theirs: layers[ours]["scale"] for ours, theirs in _NORMS.items()}
        for ours, theirs in _ATTENTION.items():
            of_layer[f"self_attn.{theirs}_proj"] = layers["attention"][ours]["kernel"]
        for ours, theirs in _MLP.items():
            of_layer[f"mlp.{theirs}_proj"] = layers["mlp"][ours]["kernel"]
        for name, stacked in of_layer.items():
            tensors[f"model.layers.{layer}.{name}.weight"] = stacked[layer].T
    held = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
    settings = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.padded_vocabulary,
        "hidden_size": config.embed,
        "intermediate_size": config.mlp,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "rms_norm_eps": config.norm_epsilon,
        "rope_theta": config.rope_theta,
        "hidden_act": "silu",
        "max_position_embeddings": 8192,
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": 1,
    }
    (folder / "config.json").write_text(json.dumps(settings, indent=2) + "\n")
    return folder
