"""Families of decoder-only models in Hugging Face's layout, each as data.

A family is what is fixed in it, what its config.json assumes where it is silent, and which layers
have a window; the network is one, by switches of `ModelConfig`. `hf_decoders` reads folders by this
table, `hf_decoder_settings` writes config.json by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EMBEDDING = "model.embed_tokens.weight"
# What an exported folder says of the first token; transformers keeps it and does not read it.
START = "flan_tasks_start_token"
SLIDING, FULL = "sliding_attention", "full_attention"
# Our fields and those of config.json that every family has.
FIELDS = {
    "vocabulary_size": "vocab_size",
    "embed": "hidden_size",
    "mlp": "intermediate_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
}
# Our fields and those that Gemma has besides; null is 0.
CAPS = {
    "query_scalar": "query_pre_attn_scalar",
    "attention_cap": "attn_logit_softcapping",
    "final_cap": "final_logit_softcapping",
}


@dataclass(frozen=True)
class Family:
    """Models that one class of transformers computes."""

    title: str
    """What they are called."""
    network: str
    """The class, which config.json names."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Our switches that all of them have."""
    silent: Mapping[str, Any] = field(default_factory=dict)
    """What is assumed where config.json says nothing."""
    activation: str = "hidden_act"
    """The key of the MLP's function."""
    windows: str = ""
    """Which layers have one where config.json does not list them: none, "all", "last" (those from
    max_window_layers on), or "but each" (all but each sliding_window_pattern-th)."""
    caps: bool = False
    """Whether logits may be bounded and scaled otherwise than by head_dim."""
    begins: bool = True
    """Whether texts begin with bos_token_id where no tokenizer.json says it."""


_GEMMA = {"offset_norms": True, "branch_norms": True, "scaled_embedding": True}
_GEMMA_SILENT = {
    "head_dim": 256,
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
    "tie_word_embeddings": True,
    "hidden_activation": "gelu_pytorch_tanh",
}
FAMILIES = {
    "llama": Family("Llama 2 and 3", "LlamaForCausalLM"),
    "mistral": Family(
        "Mistral", "MistralForCausalLM", silent={"sliding_window": 4096}, windows="all"
    ),
    "qwen2": Family(
        "Qwen 2 and 2.5",
        "Qwen2ForCausalLM",
        fixed={"attention_bias": True},
        silent={"sliding_window": 4096, "max_window_layers": 28},
        windows="last",
        begins=False,
    ),
    "qwen3": Family(
        "Qwen 3",
        "Qwen3ForCausalLM",
        fixed={"query_key_norms": True},
        silent={"head_dim": 128, "sliding_window": 4096, "max_window_layers": 28},
        windows="last",
        begins=False,
    ),
    "gemma2": Family(
        "Gemma 2",
        "Gemma2ForCausalLM",
        fixed=_GEMMA,
        silent={
            **_GEMMA_SILENT,
            "attn_logit_softcapping": 50.0,
            "final_logit_softcapping": 30.0,
            "sliding_window_pattern": 2,
        },
        activation="hidden_activation",
        windows="but each",
        caps=True,
    ),
    "gemma3_text": Family(
        "Gemma 3, text",
        "Gemma3ForCausalLM",
        fixed={**_GEMMA, "query_key_norms": True},
        silent={
            **_GEMMA_SILENT,
            "rope_theta": 1_000_000.0,
            "rope_local_base_freq": 10_000.0,
            "sliding_window_pattern": 6,
        },
        activation="hidden_activation",
        windows="but each",
        caps=True,
    ),
}
# What all of them assume.
SILENT = {
    "rms_norm_eps": 1e-6,
    "rope_theta": 10_000.0,
    "tie_word_embeddings": False,
    "hidden_act": "silu",
    "max_position_embeddings": 0,
}
