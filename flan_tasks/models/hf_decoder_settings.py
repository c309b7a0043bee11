"""The config.json of a decoder-only model, as transformers 5 and 4 read it."""

from typing import Any

from flan_tasks.core.errors import ModelError
from flan_tasks.models.hf_decoders import network_of
from flan_tasks.models.hf_description import ACTIVATIONS, INSTEAD
from flan_tasks.models.hf_families import CAPS, FAMILIES, FIELDS, FULL, SLIDING
from flan_tasks.specs.model_config import ModelConfig

# Which of our fields decide nothing of what a model computes of its inputs.
_FREE = (
    *("dropout", "dtype", "remat", "attention", "lora_rank", "lora_alpha", "lora_targets"),
    "prompt_length",
)
_SIZES = ("vocabulary_size", "head_rows", "start_token", "max_positions")


def settings_of(config: ModelConfig) -> dict[str, Any]:
    """Returns a config.json of a decoder: that of the first family which computes the same.

    Raises:
      ModelError: none does; says what of the model none has.
    """
    wanted = _compared(config)
    fewest: dict[str, Any] | None = None
    for kind in FAMILIES:
        settings = _settings(kind, config)
        try:
            found = _compared(network_of(settings))
        except ModelError:
            continue
        different = {name: value for name, value in wanted.items() if found[name] != value}
        if not different:
            return settings
        if fewest is None or len(different) < len(fewest):
            fewest = different
    listed = ", ".join(f"{name} = {value!r}" for name, value in (fewest or {}).items())
    raise ModelError(
        f"no decoder of transformers that is written here has {listed or 'these switches'}; a "
        'decoder is exported that was trained with inputs_attention = "causal" and positions = '
        f'"rope", or from a folder of theirs{INSTEAD}'
    )


def _compared(config: ModelConfig) -> dict[str, Any]:
    fields = {n: v for n, v in config.to_json().items() if n not in (*_FREE, *_SIZES)}
    fields["windows"] = config.layer_windows
    if config.query_scalar in (0.0, config.head_dim):
        fields["query_scalar"] = 0.0
    # What is not looked at may be anything.
    unseen = ["relative_buckets", "relative_distance"]
    unseen += ["scaled_head"] * (not config.tied_head)
    if config.rope_scaling == "none":
        unseen.append("rope_factor")
    if config.rope_scaling != "llama3":
        unseen += ["rope_low_frequency", "rope_high_frequency", "rope_length"]
    return {name: value for name, value in fields.items() if name not in unseen}


def _settings(kind: str, config: ModelConfig) -> dict[str, Any]:
    """Returns a config.json that says of a model what a family can say."""
    family = FAMILIES[kind]
    ours = {**config.to_json(), "vocabulary_size": config.outputs}
    function = next(name for name, here in ACTIVATIONS.items() if here == config.activation)
    settings: dict[str, Any] = {
        "architectures": [family.network],
        "model_type": kind,
        **{theirs: ours[name] for name, theirs in FIELDS.items()},
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "rms_norm_eps": config.norm_epsilon,
        "max_position_embeddings": config.max_positions or 8192,
        "tie_word_embeddings": config.tied_head,
        "attention_dropout": 0.0,
        # The tanh form has two names, of which the later families know the second.
        family.activation: "gelu_pytorch_tanh" if function == "gelu_new" else function,
    }
    if family.caps:
        settings |= {theirs: ours[name] or None for name, theirs in CAPS.items()}
        # Version 5 takes no float for it.
        scalar = config.query_scalar or config.head_dim
        settings["query_pre_attn_scalar"] = int(scalar) if scalar == int(scalar) else scalar
    windows = config.layer_windows
    if family.windows:
        settings["sliding_window"] = max(windows, default=0) or None
    if family.windows not in ("", "all"):
        settings["layer_types"] = [SLIDING if window else FULL for window in windows]
    if family.windows == "last":
        settings["use_sliding_window"] = any(windows)
        settings["max_window_layers"] = sum(not window for window in windows)
    return settings | _rope_settings(kind, config)


def _rope_settings(kind: str, config: ModelConfig) -> dict[str, Any]:
    scaling: dict[str, Any] = {}
    if config.rope_scaling != "none":
        scaling = {"rope_type": config.rope_scaling, "factor": config.rope_factor}
    if config.rope_scaling == "llama3":
        scaling |= {
            "low_freq_factor": config.rope_low_frequency,
            "high_freq_factor": config.rope_high_frequency,
            "original_max_position_embeddings": config.rope_length,
        }
    parameters = {"rope_type": "default", "rope_theta": config.rope_theta, **scaling}
    # Version 4 has keys of its own, which 5 reads where its own are missing.
    settings = {"rope_theta": config.rope_theta, "rope_scaling": scaling or None}
    if "rope_local_base_freq" not in FAMILIES[kind].silent:
        return {**settings, "rope_parameters": parameters}
    local = config.rope_local_theta or config.rope_theta
    own = {"rope_type": "default", "rope_theta": local}
    settings["rope_local_base_freq"] = local
    return {**settings, "rope_parameters": {FULL: parameters, SLIDING: own}}
