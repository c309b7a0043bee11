"""Which model of the T5 family a Hugging Face directory is, read as transformers reads it.

The same folder may mean two models: versions 4 and 5 of transformers differ in what they take for
the head and in when they scale the decoder's output. The version that wrote the folder decides, and
it is said where the other one would compute something else.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import ModelError
from flan_tasks.models.hf_description import (
    ACTIVATIONS,
    HEAD,
    Description,
    Head,
    Say,
    read_settings,
    same_tensors,
    wrong_flags,
)
from flan_tasks.models.hf_tensors import Tensors
from flan_tasks.specs.model_config import ModelConfig

SHARED = "shared.weight"
# Copies of the embedding under the names of the stacks.
ALIASES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
# Our fields and T5's; what else config.json holds is checked below, or has no part in the network.
FIELDS = {
    "vocabulary_size": "vocab_size",
    "embed": "d_model",
    "head_dim": "d_kv",
    "mlp": "d_ff",
    "layers": "num_layers",
    "decoder_layers": "num_decoder_layers",
    "heads": "num_heads",
    "relative_buckets": "relative_attention_num_buckets",
    "relative_distance": "relative_attention_max_distance",
    "dropout": "dropout_rate",
    "norm_epsilon": "layer_norm_epsilon",
}
# What transformers assumes where config.json is silent.
_SILENT = {
    "num_decoder_layers": 0,
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "dropout_rate": 0.1,
    "layer_norm_epsilon": 1e-6,
}
# A table of early files that no version of transformers computes with.
_DEAD = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
# Networks that are T5's, and the MLP they have where config.json is silent.
KINDS = {"t5": "relu", "mt5": "gated-gelu"}
# Classes whose weights are an encoder, a decoder and a head, or all but the head.
_CLASSES = (
    "T5ForConditionalGeneration",
    "T5WithLMHeadModel",
    "T5Model",
    "MT5ForConditionalGeneration",
    "MT5Model",
)
# The decoder's first input and what fills up rows, in every model here.
START = 0
# The version that reads a folder which names none.
_NEWEST = 5
# Settings of a model that no shape shows, with which the same weights are another function.
UNSEEN = ("activation", "gated", "norm_epsilon", "relative_distance")


def describe_t5(
    directory: Path, settings: Mapping[str, Any], tensors: Tensors | None, say: Say | None
) -> Description:
    """Returns what a config.json and tensors describe; without tensors, config.json.

    Args:
      directory: where config.json is.
      settings: what it holds.
      tensors: those beside it, if they are there.
      say: called with one line if versions of transformers read it in two ways.

    Raises:
      ModelError: config.json cannot be read, or describes another kind of model; all at once.
    """
    path = directory / "config.json"
    wrong = _wrong_kind(settings) or [*_wrong_tokens(directory, settings), *_wrong_values(settings)]
    if wrong:
        raise ModelError(f"{path}: " + "; ".join(wrong))
    fields: dict[str, Any] = {
        name: settings.get(hf_name, _SILENT.get(hf_name)) for name, hf_name in FIELDS.items()
    }
    fields["decoder_layers"] = fields["decoder_layers"] or 0
    activation, fields["gated"] = _mlp(settings)
    config = ModelConfig(architecture="t5", activation=ACTIVATIONS[activation], **fields)
    embedding, state = _embedding(settings, tensors)
    head = _decide(path, settings, embedding, state, say)
    # The same values under both names are kept apart where config.json says they are.
    untied = settings.get("tie_word_embeddings") is False
    apart = state == "other" or (state == "equal" and untied)
    rows = config.vocabulary_size
    changes = {
        "tied_head": not apart,
        "scaled_head": apart or head.scaled,
        "head_rows": 0 if rows == config.padded_vocabulary else rows,
    }
    config = ModelConfig.from_json(config.to_json() | changes)
    # Copies of the embedding, the head among them, are compared.
    unused = frozenset({SHARED, *ALIASES, HEAD, _DEAD})
    return Description(config, embedding, head, unused)


def _wrong_kind(settings: Mapping[str, Any]) -> list[str]:
    wrong = []
    classes = settings.get("architectures") or []
    if others := [name for name in classes if name not in _CLASSES]:
        network = "an encoder alone" if "EncoderModel" in others[0] else "another head or network"
        wrong.append(
            f"it is of a {others[0]}, {network}; wanted an encoder, a decoder and a head of "
            f"vocabulary: {_CLASSES[0]}"
        )
    elif settings.get("is_encoder_decoder") is False:
        wrong.append("is_encoder_decoder is false; wanted an encoder and a decoder")
    if settings.get("quantization_config"):
        wrong.append("its weights are quantized; wanted float32, float16 or bfloat16")
    if settings.get("tie_encoder_decoder"):
        wrong.append("tie_encoder_decoder is true; models whose stacks share weights are not read")
    missing = [n for n in FIELDS.values() if n not in settings and n not in _SILENT]
    if missing:
        wrong.append(f"it has no {', '.join(missing)}")
    return wrong


def _wrong_tokens(directory: Path, settings: Mapping[str, Any]) -> list[str]:
    """Checks the ids that our decoder begins with and fills up with."""
    wrong = []
    path = directory / "generation_config.json"
    generation = read_settings(path) if path.is_file() else {}
    for where, one in (("", settings), ("generation_config.json: ", generation)):
        for name in ("decoder_start_token_id", "pad_token_id"):
            if one.get(name, START) not in (START, None):
                wrong.append(
                    f"{where}{name} is {one[name]}; wanted {START}: models are run with "
                    f"{START} as padding and as the decoder's first input"
                )
    return wrong


def _wrong_values(settings: Mapping[str, Any]) -> list[str]:
    wrong = wrong_flags(settings, "tie_word_embeddings", "scale_decoder_outputs")
    activation, gated = _mlp(settings)
    if activation not in ACTIVATIONS or not isinstance(gated, bool):
        wrong.append(
            f'the MLP is "{settings.get("feed_forward_proj")}" (dense_act_fn '
            f'"{activation}"); its function must be {", ".join(ACTIVATIONS)}, gated or not'
        )
    return wrong


def _mlp(settings: Mapping[str, Any]) -> tuple[Any, Any]:
    """Returns transformers' name of the MLP's function, and whether it is gated.

    Of feed_forward_proj, as both versions derive it; then keys of config.json win.
    """
    text = str(settings.get("feed_forward_proj", KINDS[settings["model_type"]]))
    first, *more = text.split("-")
    if (more and first != "gated") or len(more) > 1:
        return text, None
    name = "gelu_new" if text == "gated-gelu" else [first, *more][-1]
    return settings.get("dense_act_fn", name), settings.get("is_gated_act", first == "gated")


def _embedding(settings: Mapping[str, Any], tensors: Tensors | None) -> tuple[str, str]:
    """Returns the embedding's tensor, and whether the head is "absent", "equal" or "other".

    Raises:
      ModelError: tensors that have to be copies of the embedding differ from it.
    """
    if tensors is None:
        usual = settings["model_type"] == "t5"
        return SHARED, "absent" if settings.get("tie_word_embeddings", usual) else "other"
    # Where all are tied, files may hold any one of the names.
    names = [name for name in (SHARED, *ALIASES, HEAD) if name in tensors]
    if not names:
        return SHARED, "absent"
    embedding, *others = names
    for name in others:
        if name != HEAD and not same_tensors(tensors, embedding, name):
            raise ModelError(
                f"{tensors.directory}: {name} differs from {embedding}; models whose encoder and "
                "decoder have embeddings of their own are not read"
            )
    if HEAD not in others:
        return embedding, "absent"
    return embedding, "equal" if same_tensors(tensors, embedding, HEAD) else "other"


def _decide(
    path: Path,
    settings: Mapping[str, Any],
    embedding: str,
    state: str,
    say: Say | None,
) -> Head:
    """Returns the head by the version that wrote the folder; says where the other one differs.

    Raises:
      ModelError: that version has no head for it, or would leave one in the file unused.
    """
    version = str(settings.get("transformers_version") or "")
    major = version.split(".")[0]
    writer = min(max(int(major), 4), _NEWEST) if major.isdecimal() else _NEWEST
    readings = {
        4: _by_four(settings, embedding, state),
        _NEWEST: _by_five(settings, embedding, state),
    }
    reading, other = readings[writer], readings[4 if writer == _NEWEST else _NEWEST]
    if isinstance(reading, Head) and (writer == _NEWEST and version or reading == other):
        return reading
    both = "; ".join(f"transformers {n} {_worded(one)}" for n, one in sorted(readings.items()))
    by = f'transformers_version "{version}"' if version else "no transformers_version"
    if isinstance(reading, str):
        raise ModelError(
            f"{path} and the tensors beside it do not say which head is meant ({both}; {by}). "
            f'Set "tie_word_embeddings": false where {HEAD} is the head, or remove {HEAD} where '
            "the embedding is"
        )
    if say is not None:
        say(f"{path} is read in two ways: {both}. With {by} it is read as by transformers {writer}")
    return reading


def _by_four(settings: Mapping[str, Any], embedding: str, state: str) -> Head | str:
    """Transformers 4 ties and scales together, as config.json says, whatever the file holds."""
    if settings.get("tie_word_embeddings", settings["model_type"] == "t5"):
        return f"drops {HEAD}" if state == "other" else Head(embedding, True)
    if state == "absent":
        part, missing = ("embedding", SHARED) if embedding == HEAD else ("head", HEAD)
        return f"draws a random {part}, as {missing} is missing"
    return Head(embedding if state == "equal" else HEAD, False)


def _by_five(settings: Mapping[str, Any], embedding: str, state: str) -> Head:
    """Transformers 5 ties all but a head that differs; `scale_decoder_outputs` has the last word.

    Without it, T5's output is scaled unless config.json says that the head is not tied; mT5's is
    never.
    """
    untied = settings.get("tie_word_embeddings") is False
    scaled = settings.get("scale_decoder_outputs", not untied) and settings["model_type"] == "t5"
    return Head(HEAD if state == "other" else embedding, bool(scaled))


def _worded(reading: Head | str) -> str:
    if isinstance(reading, str):
        return reading
    tensor = f"takes {HEAD}" if reading.tensor == HEAD else "takes the embedding"
    return f"{tensor} as the head, {'scaled' if reading.scaled else 'not scaled'}"
