"""What a Hugging Face directory holds beside weights: configurations and tokenizer files.

The tokenizer files are of the vocabulary trained with: T5's own for a SentencePiece model, ByT5's
for bytes, and for a `tokenizer.json` the file, but for what it puts around a text: EOS alone.
"""

import json
import shutil
from pathlib import Path

from flan_tasks.build.vocabulary import (
    BytesVocabulary,
    SentencePieceVocabulary,
    TokenizersVocabulary,
    Vocabulary,
)
from flan_tasks.core.errors import ModelError
from flan_tasks.trainer.model_config import ModelConfig

# Names of the gated MLP in config.json.
GATES = {"gated-gelu": "gelu", "gated-silu": "silu"}
# Our fields and T5's; what else config.json holds has no part in the network.
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
SILENT = {
    "num_decoder_layers": 0,
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "dropout_rate": 0.1,
    "layer_norm_epsilon": 1e-6,
}
# The decoder's first input, in every model of ours.
START = 0


def read_config(directory: Path) -> ModelConfig:
    """Returns the model a directory's config.json describes, computed in float32.

    Its vocabulary is as large as the embedding has rows, padding included.

    Raises:
      ModelError: the file cannot be read, or describes another kind of model.
    """
    path = Path(directory) / "config.json"
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    kind, gate = held.get("model_type"), held.get("feed_forward_proj", "relu")
    if kind != "t5" or gate not in GATES:
        raise ModelError(
            f'{path} describes a "{kind}" with feed_forward_proj "{gate}"; wanted T5 1.1 or '
            'Flan-T5: "t5" with "gated-gelu"'
        )
    missing = [n for n in FIELDS.values() if n not in held and n not in SILENT]
    if missing:
        raise ModelError(f"{path} has no {', '.join(missing)}")
    fields = {ours: held.get(theirs, SILENT.get(theirs)) for ours, theirs in FIELDS.items()}
    fields["decoder_layers"] = fields["decoder_layers"] or 0
    tied = held.get("tie_word_embeddings", True)
    return ModelConfig(architecture="t5", activation=GATES[gate], tied_head=tied, **fields)


def write_config(
    directory: Path, config: ModelConfig, *, vocabulary: Vocabulary, dtype: str
) -> None:
    """Writes config.json and generation_config.json."""
    ours = {**config.to_json(), "vocabulary_size": config.padded_vocabulary}
    gate = next(name for name, function in GATES.items() if function == config.activation)
    ends = {
        "decoder_start_token_id": START,
        "eos_token_id": vocabulary.eos_id,
        "pad_token_id": vocabulary.pad_id,
    }
    model = {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        **{theirs: ours[name] for name, theirs in FIELDS.items()},
        "feed_forward_proj": gate,
        "is_gated_act": True,
        "dense_act_fn": {"gelu": "gelu_new", "silu": "silu"}[config.activation],
        "initializer_factor": 1.0,
        "is_encoder_decoder": True,
        # False also tells transformers 5 not to scale the decoder's output.
        "tie_word_embeddings": config.tied_head,
        "torch_dtype": dtype,
        "use_cache": True,
        **ends,
    }
    _write(directory / "config.json", model)
    _write(directory / "generation_config.json", ends)


def write_tokenizer(directory: Path, *, vocabulary: Vocabulary) -> None:
    """Writes the tokenizer's files; its ids are those the model was trained on.

    Raises:
      ModelError: transformers has no tokenizer for such a vocabulary.
    """
    roles = {"eos_token": vocabulary.eos_id, "pad_token": vocabulary.pad_id}
    if vocabulary.unk_id is not None:
        roles["unk_token"] = vocabulary.unk_id
    specials = {role: vocabulary.pieces([number])[0] for role, number in roles.items()}
    if isinstance(vocabulary, BytesVocabulary):
        # With extra ids ByT5 reads "<extra_id_0>" in a text as one of them; ours are its bytes.
        unknown = {"unk_token": "<unk>"}
        settings = {"tokenizer_class": "ByT5Tokenizer", "extra_ids": 0, **specials, **unknown}
    elif isinstance(vocabulary, SentencePieceVocabulary):
        shutil.copyfile(vocabulary.path, directory / "spiece.model")
        extra = vocabulary.extra_ids
        settings = {"tokenizer_class": "T5Tokenizer", "extra_ids": extra, **specials}
    elif isinstance(vocabulary, TokenizersVocabulary):
        (directory / "tokenizer.json").write_text(vocabulary.closing_json(), encoding="utf-8")
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", **specials}
    else:
        raise ModelError(f'the vocabulary "{vocabulary.name}" has no tokenizer in transformers')
    _write(directory / "tokenizer_config.json", settings)


def _write(path: Path, held: dict) -> None:
    path.write_text(json.dumps(held, indent=2) + "\n", encoding="utf-8")
