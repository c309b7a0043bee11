"""What a Hugging Face directory holds beside weights: configurations and tokenizer files.

The tokenizer files are of the vocabulary trained with: T5's own for a SentencePiece model, ByT5's
for bytes, and for a `tokenizer.json` the file, but for what it puts around a text: EOS alone.
"""

import json
import shutil
from pathlib import Path

from flan_tasks.core.errors import ModelError
from flan_tasks.models.hf_config import ACTIVATIONS, FIELDS, START
from flan_tasks.specs.model_config import ModelConfig
from flan_tasks.vocabulary import (
    BytesVocabulary,
    SentencePieceVocabulary,
    TokenizersVocabulary,
    Vocabulary,
)

_README = """\
# A T5 of flan_tasks

Written by `flan export` for transformers 4 and 5:

    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    model = AutoModelForSeq2SeqLM.from_pretrained(DIR)
    tokenizer = AutoTokenizer.from_pretrained(DIR)
"""
_README_TIED = """
Its head is its embedding. Do not load it with `tie_word_embeddings=False` in transformers 5, where
encoder, decoder and head would get random embeddings.
"""
_README_UNTIED = """
## The head is not the embedding

transformers 5 takes every T5 for one whose head is its embedding. `from_pretrained` keeps the head
of this folder, because it differs, and warns. `tie_weights()` overwrites it, and what the model has
learned is lost: `resize_token_embeddings` calls it, and so does lm-evaluation-harness. Whatever
calls it has to load the model with `tie_word_embeddings=False`:

    lm_eval run --model hf --model_args pretrained=DIR,tie_word_embeddings=False ...

The files hold the embedding under three names for this. To train the model, load it without that
argument, as training would make three embeddings of them. transformers 4 needs none of this.
"""


def write_config(
    directory: Path, config: ModelConfig, *, vocabulary: Vocabulary, dtype: str
) -> None:
    """Writes config.json and generation_config.json."""
    ours = {**config.to_json(), "vocabulary_size": config.outputs}
    function = next(
        name for name, name_here in ACTIVATIONS.items() if name_here == config.activation
    )
    # T5 1.1's own name for the tanh form; dense_act_fn beside it has the last word.
    gate = "gated-gelu" if function == "gelu_new" else f"gated-{function}"
    ends = {
        "decoder_start_token_id": START,
        "eos_token_id": vocabulary.eos_id,
        "pad_token_id": vocabulary.pad_id,
    }
    model = {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        **{hf_name: ours[name] for name, hf_name in FIELDS.items()},
        "feed_forward_proj": gate if config.gated else function,
        "is_gated_act": config.gated,
        "dense_act_fn": function,
        "initializer_factor": 1.0,
        "is_encoder_decoder": True,
        # Version 4 ties and scales together; version 5 scales by the second key.
        "tie_word_embeddings": config.tied_head and config.scaled_head,
        "scale_decoder_outputs": config.tied_head and config.scaled_head,
        "torch_dtype": dtype,
        "use_cache": True,
        **ends,
    }
    _write(directory / "config.json", model)
    _write(directory / "generation_config.json", ends)


def write_readme(directory: Path, config: ModelConfig) -> None:
    """Writes README.md: how to load the folder, and what must not be done with it."""
    tied = config.tied_head and config.scaled_head
    text = _README + (_README_TIED if tied else _README_UNTIED)
    (directory / "README.md").write_text(text, encoding="utf-8")


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


def _write(path: Path, settings: dict) -> None:
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
