"""Prompts and options as ids: all that a model reads of them.

What stands before a prompt and behind it is decided here alone. Whoever scores or writes reads the
ids as they are, so that prompts that share a beginning share whatever it begins with.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from flan_tasks.evaluation.records import Prompt
from flan_tasks.plan.exemplars import Budget
from flan_tasks.specs.model_config import ModelConfig
from flan_tasks.vocabulary import Vocabulary


class Ids(NamedTuple):
    """A prompt or an option."""

    ids: np.ndarray
    """int32[length]."""
    is_cut: bool
    """Whether its end was cut to fit."""


class PromptIds(Protocol):
    """How prompts and options become ids, and what is written a text."""

    @property
    def budget(self) -> Budget:
        """What prompts must fit into."""
        ...

    def prompts(self, prompts: Sequence[Prompt]) -> list[Ids]:
        """Returns all that is read of each prompt."""
        ...

    def options(self, prompts: Sequence[Prompt]) -> dict[str, Ids]:
        """Returns the options of some prompts: text -> ids, with the token that ends an answer."""
        ...

    def written(self, prompt: Prompt, ids: Sequence[int]) -> str:
        """Returns the text of what was written behind a prompt, without the token that ends it."""
        ...


def whole_prompt(config: ModelConfig, ids: np.ndarray) -> np.ndarray:
    """Returns all that a model reads of a prompt's ids: a decoder its first token before them."""
    if config.architecture == "t5" or not config.starts:
        return ids
    return np.append(np.asarray(config.starts, np.int32), ids).astype(np.int32)


class TextPrompts:
    """Prompts as they are, each with EOS; options with EOS.

    Args:
      config: of the model, which says what a decoder reads before a prompt.
      vocabulary: texts to ids.
      lengths: longest inputs and targets, EOS included.
    """

    def __init__(
        self, config: ModelConfig, vocabulary: Vocabulary, lengths: Mapping[str, int]
    ) -> None:
        self._config = config
        self._vocabulary = vocabulary
        self._lengths = lengths
        self.budget = Budget(vocabulary, lengths["inputs"])

    def prompts(self, prompts: Sequence[Prompt]) -> list[Ids]:
        """Returns all that is read of each prompt."""
        encoded = self._encoded([prompt.inputs for prompt in prompts], "inputs")
        return [Ids(whole_prompt(self._config, one.ids), one.is_cut) for one in encoded]

    def options(self, prompts: Sequence[Prompt]) -> dict[str, Ids]:
        """Returns the options of some prompts: text -> ids with EOS."""
        texts = sorted({option for prompt in prompts for option in prompt.gold.targets})
        return dict(zip(texts, self._encoded(texts, "targets"), strict=True))

    def written(self, prompt: Prompt, ids: Sequence[int]) -> str:
        """Returns the text of what was written."""
        return self._vocabulary.decode(ids)

    def _encoded(self, texts: Sequence[str], side: str) -> list[Ids]:
        limit = self._lengths[side]
        encoded = self._vocabulary.encode_flat(texts, limit)
        ids = np.split(encoded.ids, np.cumsum(encoded.lengths)[:-1]) if texts else []
        is_cut = (encoded.whole > limit).tolist()
        return [Ids(*pair) for pair in zip(ids, is_cut, strict=True)]
