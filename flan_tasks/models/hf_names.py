"""The table of tensors: which name of a Hugging Face file is which of our parameters."""

from collections.abc import Iterator
from typing import NamedTuple

from flan_tasks.models.hf_description import HEAD
from flan_tasks.models.hf_families import EMBEDDING
from flan_tasks.models.hf_t5 import SHARED
from flan_tasks.specs.model_config import ModelConfig

# Names of a layer's parts in decoders, and ours.
_ATTENTION = {"q_proj": "query", "k_proj": "key", "v_proj": "value", "o_proj": "out"}
_MLP = {"gate_proj": "wi_0", "up_proj": "wi_1", "down_proj": "wo"}
_HEAD_NORMS = {"q_norm": "query_norm", "k_norm": "key_norm"}
_NORMS = {"input_layernorm": "attention_norm", "post_attention_layernorm": "mlp_norm"}
# Where what a branch gives is normed too, the norm after attention is of its branch.
_BRANCH_NORMS = {
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "attention_branch_norm",
    "pre_feedforward_layernorm": "mlp_norm",
    "post_feedforward_layernorm": "mlp_branch_norm",
}


class Place(NamedTuple):
    """Where a tensor of a file lies among ours."""

    path: tuple[str, ...]
    """Names down to the parameter."""
    layer: int | None = None
    """Place in the stack of layers; None where there is none."""
    turned: bool = False
    """Whether theirs is [out, in] and ours [in, out]."""


def embedding_name(config: ModelConfig) -> str:
    """Returns the name of the embedding's tensor."""
    return SHARED if config.architecture == "t5" else EMBEDDING


def places(config: ModelConfig) -> dict[str, Place]:
    """Returns where each tensor of a file goes."""
    places = {embedding_name(config): Place(("embedding", "embedding"))}
    if not config.tied_head:
        places[HEAD] = Place(("head", "kernel"), turned=True)
    return places | (_t5(config) if config.architecture == "t5" else _decoder(config))


def _decoder(config: ModelConfig) -> dict[str, Place]:
    places = {"model.norm.weight": Place(("norm", "scale"))}
    norms = _BRANCH_NORMS if config.branch_norms else _NORMS
    table: dict[str, tuple[tuple[str, ...], bool]] = {
        **{f"{name}.weight": ((ours, "scale"), False) for name, ours in norms.items()},
        **{f"mlp.{n}.weight": (("mlp", ours, "kernel"), True) for n, ours in _MLP.items()},
    }
    for name, ours in _ATTENTION.items():
        table[f"self_attn.{name}.weight"] = (("attention", ours, "kernel"), True)
        if config.attention_bias and ours != "out":
            table[f"self_attn.{name}.bias"] = (("attention", ours, "bias"), False)
    for name, ours in _HEAD_NORMS.items() if config.query_key_norms else ():
        table[f"self_attn.{name}.weight"] = (("attention", ours, "scale"), False)
    for layer in range(config.layers):
        for name, (path, turned) in table.items():
            place = Place(("stack", "layers", *path), layer, turned)
            places[f"model.layers.{layer}.{name}"] = place
    return places


def _t5(config: ModelConfig) -> dict[str, Place]:
    places = {}
    halves = (("encoder", config.layers), ("decoder", config.decoder_layers))
    wide = ("wi_0", "wi_1") if config.gated else ("wi",)
    for half, count in halves:
        first = f"{half}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        places[first] = Place((half, "relative_bias", "embedding"))
        places[f"{half}.final_layer_norm.weight"] = Place((half, "norm", "scale"))
        for layer in range(count):
            for name, path, turned in _of_t5_layer(half, (*wide, "wo")):
                place = Place((half, "stack", "layers", *path), layer, turned)
                places[f"{half}.block.{layer}.layer.{name}.weight"] = place
    return places


def _of_t5_layer(half: str, mlp: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    attentions = [("SelfAttention", "attention", "attention_norm")]
    if half == "decoder":
        attentions = [
            ("SelfAttention", "self_attention", "self_norm"),
            ("EncDecAttention", "cross_attention", "cross_norm"),
        ]
    for number, (hf_name, name_here, norm) in enumerate(attentions):
        yield f"{number}.layer_norm", (norm, "scale"), False
        for letter, name in zip("qkvo", ("query", "key", "value", "out"), strict=True):
            yield f"{number}.{hf_name}.{letter}", (name_here, name, "kernel"), True
    last = len(attentions)
    yield f"{last}.layer_norm", ("mlp_norm", "scale"), False
    for name in mlp:
        yield f"{last}.DenseReluDense.{name}", ("mlp", name, "kernel"), True
