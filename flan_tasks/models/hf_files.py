"""What a Hugging Face directory holds beside weights: configurations and tokenizer files.

The tokenizer files are of the vocabulary trained with: T5's own for a SentencePiece model, ByT5's
for bytes, and for a `tokenizer.json` the file: of a decoder with the files beside it, as they are;
of a T5 but for what it puts around a text: EOS alone.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import ModelError
from flan_tasks.models import hf_families
from flan_tasks.models.hf_decoder_settings import settings_of
from flan_tasks.models.hf_description import ACTIVATIONS
from flan_tasks.models.hf_t5 import FIELDS, START
from flan_tasks.specs.model_config import ModelConfig
from flan_tasks.vocabulary import (
    BytesVocabulary,
    SentencePieceVocabulary,
    TokenizersVocabulary,
    Vocabulary,
)
from flan_tasks.vocabulary.tokenizer_json import BESIDE

_README_DECODER = """\
# A decoder-only model of flan_tasks

Written by `flan export` for transformers 5 and 4:

    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(DIR)
    tokenizer = AutoTokenizer.from_pretrained(DIR)

Where it was trained on prompts and answers of a build without a chat template, it read {start}
prompt's ids and then the end token, {eos}, before the answer: `tokenizer(prompt,
add_special_tokens=False)` gives the prompt's ids.
"""
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
    """Writes config.json and generation_config.json.

    Raises:
      ModelError: transformers has no such decoder.
    """
    if config.architecture == "t5":
        model, ends = _t5_settings(config, vocabulary, dtype)
    else:
        model, ends = _decoder_settings(config, vocabulary, dtype)
    _write(directory / "config.json", model)
    _write(directory / "generation_config.json", ends)


def _decoder_settings(
    config: ModelConfig, vocabulary: Vocabulary, dtype: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    ends = {
        "bos_token_id": config.starts[0] if config.starts else vocabulary.bos_id,
        "eos_token_id": vocabulary.eos_id,
        # 0 stands for none, too.
        "pad_token_id": vocabulary.pad_id or None,
    }
    # Version 5 has the first name of the type, 4 the second.
    more = {"dtype": dtype, "torch_dtype": dtype, "use_cache": True}
    start = {hf_families.START: config.start_token}
    return {**settings_of(config), **more, **ends, **start}, ends


def _t5_settings(
    config: ModelConfig, vocabulary: Vocabulary, dtype: str
) -> tuple[dict[str, Any], dict[str, Any]]:
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
    return model, ends


def write_readme(directory: Path, config: ModelConfig, *, vocabulary: Vocabulary) -> None:
    """Writes README.md: how to load the folder, and what must not be done with it."""
    tied = config.tied_head and config.scaled_head
    text = _README + (_README_TIED if tied else _README_UNTIED)
    if config.architecture == "decoder":
        first = f"token {config.start_token}, the" if config.starts else "the"
        text = _README_DECODER.format(start=first, eos=vocabulary.eos_id)
    (directory / "README.md").write_text(text, encoding="utf-8")


def write_tokenizer(directory: Path, *, vocabulary: Vocabulary, closes: bool = True) -> None:
    """Writes the tokenizer's files; its ids are those the model was trained on.

    Args:
      directory: where.
      vocabulary: what made the ids.
      closes: whether a tokenizer.json closes texts, as T5's does; else it stays as it is, and so do
        the files beside it.

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
        if closes:
            content = vocabulary.closing_json()
            (directory / "tokenizer.json").write_text(content, encoding="utf-8")
        else:
            shutil.copyfile(vocabulary.path, directory / "tokenizer.json")
            if _copied_beside(vocabulary.path, directory):
                return
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", **specials}
    else:
        raise ModelError(f'the vocabulary "{vocabulary.name}" has no tokenizer in transformers')
    _write(directory / "tokenizer_config.json", settings)


def _copied_beside(path: Path, directory: Path) -> bool:
    """Copies what lies beside a tokenizer.json; returns whether its configuration was there."""
    if path.name != "tokenizer.json":
        return False
    for name in BESIDE:
        if (path.parent / name).is_file():
            shutil.copyfile(path.parent / name, directory / name)
    if (path.parent / "chat_templates").is_dir():
        shutil.copytree(path.parent / "chat_templates", directory / "chat_templates")
    return (directory / BESIDE[0]).is_file()


def _write(path: Path, settings: dict) -> None:
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
