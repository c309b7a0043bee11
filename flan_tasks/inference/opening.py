"""A model opened as whoever asks says: vocabulary, chat template, what is computed in."""

from collections.abc import Callable
from pathlib import Path

from flan_tasks.checkpoints.checkpoint import is_hugging_face
from flan_tasks.core.errors import ModelError
from flan_tasks.inference.model_chat import has_template
from flan_tasks.inference.open_model import OpenModel, open_model
from flan_tasks.specs.eval_config import ModelAsked
from flan_tasks.vocabulary import asked_vocabulary


def open_asked(
    spec: ModelAsked, path: Path, *, say: Callable[[str], None] | None = None
) -> OpenModel:
    """Opens the model at a path as a specification says that it is asked.

    Args:
      spec: vocabulary, chat template and what is computed in.
      path: as of `open_model`, whose errors this raises.
      say: called as there, and where a chat template lies beside a model that is asked without.
    """
    unused = spec.chat is None and is_hugging_face(path) and has_template(path)
    try:
        opened = open_model(
            path, vocab=asked_vocabulary(spec), dtype=spec.dtype, chat=spec.chat_asked, say=say
        )
    except ModelError as error:
        if unused:
            error.add_note(f"{path} has a chat template: --chat {path} asks by it")
        raise
    if say and unused:
        say(f"{path} has a chat template, and prompts are asked without it: --chat {path}")
    return opened
