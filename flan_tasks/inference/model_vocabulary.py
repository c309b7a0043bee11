"""Which vocabulary a model was trained with: by its record, what lies beside it, or its size."""

from pathlib import Path

from flan_tasks.core.errors import ModelError
from flan_tasks.specs.model_config import ModelConfig
from flan_tasks.vocabulary import (
    BYTES,
    HELD,
    T5,
    Vocabulary,
    VocabularyName,
    is_byt5,
    open_recorded,
    open_vocabulary,
)

# Vocabularies told by their size, where nobody names one.
_BY_SIZE = {259: BYTES, 32_100: T5}


def vocabulary_of(
    folder: Path, config: ModelConfig, named: str | None, trained_with: str | None
) -> Vocabulary:
    """Returns the vocabulary of a model.

    Args:
      folder: the checkpoint, or a folder of transformers.
      config: the model.
      named: bytes, t5 or a file, by whoever asks; None finds it.
      trained_with: its name, as a checkpoint says it.

    Raises:
      ModelError: it is another than that of training, nobody says which, or it has too many ids.
      VocabularyError: it cannot be read.
    """
    if named is not None:
        vocabulary = open_recorded(named, trained_with)
        if trained_with not in (None, vocabulary.name):
            raise ModelError(
                f"{folder} was trained with the vocabulary {trained_with}, and {named} is "
                f"{vocabulary.name}; its ids mean something else"
            )
    elif trained_with and VocabularyName.parse(trained_with).file in (BYTES, T5):
        vocabulary = open_vocabulary(trained_with)
    elif trained_with is not None:
        raise ModelError(
            f"{folder} was trained with the vocabulary file {trained_with}; give it as --vocab"
        )
    elif any((folder / name).is_file() for name in HELD) or is_byt5(folder):
        vocabulary = open_vocabulary(str(folder))
    elif config.vocabulary_size in _BY_SIZE:
        vocabulary = open_vocabulary(_BY_SIZE[config.vocabulary_size])
    else:
        raise ModelError(
            f"{folder}: nothing says which vocabulary of {config.vocabulary_size:,} ids it was "
            "trained with; give --vocab"
        )
    check_size(vocabulary, config, folder if named is None else None)
    return vocabulary


def check_size(
    vocabulary: Vocabulary,
    config: ModelConfig,
    folder: Path | None = None,
    *,
    option: str = "--vocab",
) -> None:
    """Checks that a model has all ids.

    Args:
      vocabulary: gives them.
      config: the model.
      folder: where the vocabulary was found, if nobody named it.
      option: what names it.

    Raises:
      ModelError: there are more than the model has.
    """
    if vocabulary.size > config.outputs:
        hint = f"give the {option} it was trained with"
        if folder is not None and (folder / "tokenizer.model").is_file():
            # A SentencePiece model has T5's 100 extra ids here.
            hint = "AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR) writes tokenizer.json"
        raise ModelError(
            f"the vocabulary {vocabulary.name} has {vocabulary.size:,} ids and the model "
            f"{config.vocabulary_size:,}; {hint}"
        )
