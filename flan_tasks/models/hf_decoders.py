"""Which decoder-only model a Hugging Face directory is, as transformers 4 and 5 spell it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import ModelError, VocabularyError
from flan_tasks.core.parsing import parse_json
from flan_tasks.models.hf_description import (
    ACTIVATIONS,
    HEAD,
    INSTEAD,
    Description,
    Head,
    same_tensors,
    wrong_flags,
)
from flan_tasks.models.hf_families import (
    CAPS,
    EMBEDDING,
    FAMILIES,
    FIELDS,
    FULL,
    SILENT,
    SLIDING,
    START,
    Family,
)
from flan_tasks.models.hf_tensors import Tensors
from flan_tasks.specs.model_config import NO_START, ModelConfig, padded_size
from flan_tasks.vocabulary import Vocabulary, open_vocabulary

# Waves of RoPE, which early files hold and no version reads.
_WAVES = "model.layers.{}.self_attn.rotary_emb.inv_freq"
# Switches that no family here computes with, and the value that turns each off.
_OFF = {
    "attention_bias": False,
    "mlp_bias": False,
    "partial_rotary_factor": 1.0,
    "use_bidirectional_attention": False,
    "quantization_config": None,
}


def describe_decoder(
    directory: Path, settings: Mapping[str, Any], tensors: Tensors | None
) -> Description:
    """Returns what a config.json and tensors describe; without tensors, config.json.

    Args:
      directory: where config.json is, perhaps with a tokenizer.json.
      settings: what it holds.
      tensors: those beside it, if they are there.

    Raises:
      ModelError: the model is another than those computed here, or the tokenizer has ids for which
        the embedding has no rows; all at once.
    """
    path = directory / "config.json"
    try:
        config = network_of(settings)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    rows = config.vocabulary_size
    vocabulary = _tokenizer(directory)
    size = rows if vocabulary is None else vocabulary.size
    if size > rows:
        raise ModelError(
            f"{directory}: tokenizer.json has ids up to {size - 1:,} and the embedding {rows:,} "
            "rows (vocab_size); call resize_token_embeddings in transformers and save both, or "
            "take the tokens beyond out of tokenizer.json"
        )
    changes = {
        "vocabulary_size": size,
        "head_rows": 0 if padded_size(size) == rows else rows,
        "start_token": _start(directory, settings, vocabulary),
    }
    config = ModelConfig.from_json(config.to_json() | changes)
    waves = {_WAVES.format(layer) for layer in range(config.layers)}
    head = Head(EMBEDDING if config.tied_head else HEAD, scaled=False)
    if config.tied_head and tensors is not None and HEAD in tensors and EMBEDDING in tensors:
        if not same_tensors(tensors, EMBEDDING, HEAD):
            raise ModelError(
                f"{path}: tie_word_embeddings is true and {HEAD} differs from {EMBEDDING}; set it "
                f"to false where {HEAD} is the head, or remove {HEAD} where the embedding is"
            )
        waves.add(HEAD)
    return Description(config, EMBEDDING, head, frozenset(waves))


def network_of(settings: Mapping[str, Any]) -> ModelConfig:
    """Returns the network of a config.json, of whose vocabulary every row is an id.

    Raises:
      ModelError: it is none that is computed here.
    """
    family = FAMILIES[settings["model_type"]]
    wrong = _wrong(family, settings)
    if wrong:
        raise ModelError("; ".join(wrong) + INSTEAD)
    known = {**SILENT, **family.silent, **settings}
    fields: dict[str, Any] = {name: known[theirs] for name, theirs in FIELDS.items()}
    fields["kv_heads"] = known.get("num_key_value_heads") or 0
    fields["head_dim"] = known.get("head_dim") or fields["embed"] // fields["heads"]
    fields["norm_epsilon"] = known["rms_norm_eps"]
    fields["max_positions"] = known["max_position_embeddings"]
    fields["activation"] = ACTIVATIONS[known.get(family.activation) or "gelu_pytorch_tanh"]
    if family.caps:
        fields |= {n: _number(known.get(theirs) or 0.0) for n, theirs in CAPS.items()}
        if fields["query_scalar"] == fields["head_dim"]:
            fields["query_scalar"] = 0.0
    windows = _windows(family, known)
    return ModelConfig(
        architecture="decoder",
        positions="rope",
        inputs_attention="causal",
        tied_head=known["tie_word_embeddings"],
        scaled_head=not known["tie_word_embeddings"],
        windows=windows,
        **fields,
        **_rope(known),
        **family.fixed,
    )


def _wrong(family: Family, settings: Mapping[str, Any]) -> list[str]:
    wrong = []
    classes = settings.get("architectures") or []
    if others := [name for name in classes if name != family.network]:
        wrong.append(f"it is of a {others[0]}; wanted a head of vocabulary: {family.network}")
    missing = [name for name in FIELDS.values() if not isinstance(settings.get(name), int)]
    if missing:
        wrong.append(f"it has no {', '.join(missing)}")
    flags = ("tie_word_embeddings", "use_sliding_window")
    wrong += wrong_flags(settings, *flags)
    for name, off in _OFF.items():
        value = settings.get(name, off)
        if value not in (off, None):
            shown = "set" if isinstance(value, Mapping) else repr(value)
            wrong.append(f"{name} is {shown}, which is not computed here")
    function = settings.get(family.activation, family.silent.get(family.activation, "silu"))
    if function is not None and function not in ACTIVATIONS:
        wrong.append(f'{family.activation} is "{function}"; wanted {", ".join(ACTIVATIONS)}')
    kinds = settings.get("layer_types") or []
    if odd := sorted({str(kind) for kind in kinds} - {SLIDING, FULL}):
        wrong.append(f"layer_types has {', '.join(odd)}; wanted {FULL} or {SLIDING}")
    elif kinds and len(kinds) != settings.get("num_hidden_layers"):
        wrong.append(f"layer_types has {len(kinds)} layers, num_hidden_layers is another number")
    return wrong + _wrong_rope(settings)


def _wrong_rope(settings: Mapping[str, Any]) -> list[str]:
    wrong = []
    for name, part in _rope_parts(settings).items():
        kind = part.get("rope_type", part.get("type", "default"))
        allowed = ("default",) if name == SLIDING else ("default", "linear", "llama3")
        if kind not in allowed:
            where = f" of {SLIDING}" if name == SLIDING else ""
            wrong.append(f'the scaling of RoPE{where} is "{kind}"; computed are {_listed(allowed)}')
        if part.get("partial_rotary_factor", 1.0) not in (1.0, None):
            wrong.append("partial_rotary_factor is set, which is not computed here")
    return wrong


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _rope_parts(settings: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Returns RoPE's parameters of full layers, and of those with a window if they have their own.

    transformers 5 has one dict, or one for each kind of layer; 4 has keys beside each other.
    """
    parameters = settings.get("rope_parameters") or {}
    if FULL in parameters or SLIDING in parameters:
        return {kind: parameters.get(kind) or {} for kind in (FULL, SLIDING)}
    parts: dict[str, Mapping[str, Any]] = {
        FULL: {**(settings.get("rope_scaling") or {}), **parameters}
    }
    if (local := settings.get("rope_local_base_freq")) is not None:
        parts[SLIDING] = {"rope_theta": local}
    return parts


def _rope(known: Mapping[str, Any]) -> dict[str, Any]:
    parts = _rope_parts(known)
    full = parts[FULL]
    theta = _number(full.get("rope_theta", known["rope_theta"]))
    fields: dict[str, Any] = {"rope_theta": theta}
    kind = full.get("rope_type", full.get("type", "default"))
    if kind != "default":
        fields["rope_scaling"] = kind
        fields["rope_factor"] = _number(full.get("factor"))
    if kind == "llama3":
        fields["rope_low_frequency"] = _number(full.get("low_freq_factor"))
        fields["rope_high_frequency"] = _number(full.get("high_freq_factor"))
        before = full.get("original_max_position_embeddings")
        fields["rope_length"] = before or known["max_position_embeddings"]
    local = _number(parts.get(SLIDING, {}).get("rope_theta", theta))
    if SLIDING in parts and (local != theta or kind != "default"):
        fields["rope_local_theta"] = local
    return fields


def _number(value: Any) -> Any:
    """A whole number as the float it stands for; what is none is left for ModelConfig to name."""
    return float(value) if type(value) is int else value


def _windows(family: Family, known: Mapping[str, Any]) -> tuple[int, ...]:
    """Returns `ModelConfig.windows`: the shortest tuple that is repeated along the layers."""
    window, layers = known.get("sliding_window"), known["num_hidden_layers"]
    if family.windows == "last" and not known.get("use_sliding_window", False):
        window = None
    if not family.windows or not window:
        return ()
    if known.get("layer_types"):
        sliding = [kind == SLIDING for kind in known["layer_types"]]
    elif family.windows == "last":
        sliding = [layer >= known["max_window_layers"] for layer in range(layers)]
    else:
        each = known["sliding_window_pattern"] if family.windows == "but each" else layers + 1
        sliding = [bool((layer + 1) % each) for layer in range(layers)]
    windows = tuple(window if slides else 0 for slides in sliding)
    if not any(windows):
        return ()
    lengths = range(1, len(windows) + 1)
    return next(
        windows[:size]
        for size in lengths
        if all(one == windows[place % size] for place, one in enumerate(windows))
    )


def _tokenizer(directory: Path) -> Vocabulary | None:
    """The tokenizer.json of a folder; None where there is none, or it does not open.

    What is wrong with it is said by who reads texts with it.
    """
    if not (directory / "tokenizer.json").is_file():
        return None
    try:
        return open_vocabulary(str(directory / "tokenizer.json"))
    except VocabularyError:
        return None


def _start(directory: Path, settings: Mapping[str, Any], vocabulary: Vocabulary | None) -> int:
    """What texts begin with: as our export says, as the tokenizer does, or as the family does."""
    if isinstance(start := settings.get(START), int):
        return start
    if vocabulary is not None:
        return NO_START if vocabulary.bos_id is None else vocabulary.bos_id
    begins: Any = FAMILIES[settings["model_type"]].begins
    about = directory / "tokenizer_config.json"
    if about.is_file():
        try:
            begins = parse_json(about.read_text(encoding="utf-8")).get("add_bos_token", begins)
        except (OSError, ValueError, AttributeError) as error:
            raise ModelError(f"{about} cannot be read: {error}") from error
    bos = settings.get("bos_token_id")
    return bos if begins and isinstance(bos, int) else NO_START
