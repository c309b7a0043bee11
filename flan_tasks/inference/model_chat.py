"""The chat template that a model is asked by: what its checkpoint says, or whoever asks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flan_tasks.chat.files import read_chat_files
from flan_tasks.chat.kept import KEPT
from flan_tasks.chat.proofs import check
from flan_tasks.chat.tokenizer import ChatTokenizer
from flan_tasks.core.errors import ChatTemplateError, ModelError
from flan_tasks.specs.chat_choices import CHAT, ChatAsked, ChatChoices
from flan_tasks.specs.model_config import ModelConfig
from flan_tasks.vocabulary import VocabularyName


def chat_of(
    folder: Path, config: ModelConfig, trained_on: Mapping[str, Any], asked: ChatAsked
) -> ChatTokenizer | None:
    """Returns the tokenizer by whose chat template a model is asked, proved; None for none.

    Args:
      folder: the checkpoint, or a folder of transformers.
      config: the model.
      trained_on: what the checkpoint says of its rows.
      asked: what whoever asks says; the rest is as the checkpoint says, or usual.

    Raises:
      ModelError: it is not the template that the model was trained with, the model takes none, or
        something is chosen of a template and there is none.
      ChatTemplateError: the folder has no template, or it fails a proof.
      VocabularyError: the tokenizer cannot be read.
    """
    told = _told(trained_on)
    place = Path(asked.folder) if asked.folder is not None else _kept(folder) if told else None
    if place is None:
        if asked.choices:
            names = ", ".join(asked.choices)
            raise ModelError(
                f"{names}: is of conversations; give the tokenizer's folder as --chat"
                if not told
                else missing_tokenizer(folder, trained_on)
            )
        return None
    if config.architecture != "decoder":
        raise ModelError(
            f"{folder} is an encoder-decoder, for which there is no chat template: --chat is for "
            "decoder-only models"
        )
    choices = asked.over(ChatChoices.from_record(told) if told else ChatChoices())
    chat = ChatTokenizer(place, choices)
    _check_trained_with(chat, folder, place, trained_on)
    check(chat)
    return chat


def missing_tokenizer(folder: Path, trained_on: Mapping[str, Any]) -> str:
    """Returns what is said of a model of conversations whose tokenizer is not beside it."""
    return (
        f"{folder} was trained on conversations of the chat template "
        f"{_told(trained_on)['template'][:15]}, and its tokenizer does not lie beside it as "
        f"{KEPT}; give the tokenizer's folder as --chat (--vocab of flan export)"
    )


def has_template(folder: Path) -> bool:
    """Whether a folder has a chat template."""
    try:
        read_chat_files(folder)
    except ChatTemplateError:
        return False
    return True


def _told(trained_on: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint says of its conversations; {} where it was trained on none."""
    told = trained_on.get(CHAT) or {}
    # In older records the template stands alone; what was chosen beside it is not known.
    return {"template": told, **vars(ChatChoices())} if isinstance(told, str) else dict(told)


def _kept(folder: Path) -> Path | None:
    """The tokenizer that the trainer has kept, beside the checkpoints."""
    place = folder.parent / KEPT
    return place if place.is_dir() else None


def _check_trained_with(
    chat: ChatTokenizer, folder: Path, place: Path, trained_on: Mapping[str, Any]
) -> None:
    vocabulary = trained_on.get("vocabulary")
    named = VocabularyName.parse(chat.vocabulary.name).file
    if vocabulary is not None and VocabularyName.parse(vocabulary).file != named:
        raise ModelError(
            f"{folder} was trained with the vocabulary {vocabulary}, and that of {place} is "
            f"{chat.vocabulary.name}; its ids mean something else"
        )
    told = _told(trained_on)
    if told and chat.name != told["template"]:
        raise ModelError(
            f"{folder} was trained on conversations of the chat template {told['template'][:15]}, "
            f"and that of {place} is {chat.name[:15]}; asked by it, its answers would say little"
        )
