"""Prompts and options as ids: all that a model reads of them.

What stands before a prompt and behind it is decided here alone. Whoever scores or writes reads the
ids as they are, so that prompts that share a beginning share whatever it begins with.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from flan_tasks.chat.reasoning import with_reasoning
from flan_tasks.chat.tokenizer import ChatTokenizer
from flan_tasks.core.errors import ChatTemplateError, EvaluationError
from flan_tasks.core.messages import ASSISTANT, USER, Message
from flan_tasks.evaluation.records import Prompt
from flan_tasks.packing.chat_turns import ChatBudget, asked_in_a_turn
from flan_tasks.plan.exemplars import Budget
from flan_tasks.specs.chat_choices import FIELD, KEEP
from flan_tasks.specs.model_config import ModelConfig
from flan_tasks.vocabulary import Vocabulary


class AskedIds(NamedTuple):
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

    def prompts(self, prompts: Sequence[Prompt]) -> list[AskedIds]:
        """Returns all that is read of each prompt."""
        ...

    def options(self, prompts: Sequence[Prompt]) -> dict[str, AskedIds]:
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

    def prompts(self, prompts: Sequence[Prompt]) -> list[AskedIds]:
        """Returns all that is read of each prompt."""
        encoded = self._encoded([prompt.inputs for prompt in prompts], "inputs")
        return [AskedIds(whole_prompt(self._config, one.ids), one.is_cut) for one in encoded]

    def options(self, prompts: Sequence[Prompt]) -> dict[str, AskedIds]:
        """Returns the options of some prompts: text -> ids with EOS."""
        texts = sorted({option for prompt in prompts for option in prompt.gold.targets})
        return dict(zip(texts, self._encoded(texts, "targets"), strict=True))

    def written(self, prompt: Prompt, ids: Sequence[int]) -> str:
        """Returns the text of what was written."""
        return self._vocabulary.decode(ids)

    def _encoded(self, texts: Sequence[str], side: str) -> list[AskedIds]:
        limit = self._lengths[side]
        encoded = self._vocabulary.encode_flat(texts, limit)
        ids = np.split(encoded.ids, np.cumsum(encoded.lengths)[:-1]) if texts else []
        is_cut = (encoded.whole > limit).tolist()
        return [AskedIds(*pair) for pair in zip(ids, is_cut, strict=True)]


class ChatPrompts:
    """Prompts as the user's turn of a conversation, and options as the answer to it.

    Rendered as a build of conversations renders rows: the ids of a prompt are those that stand in
    such a row before what is trained on, and the ids of an option are what is trained on then, with
    the token that ends an answer. Nothing else is put before a prompt.

    Args:
      chat: the tokenizer with its chat template.
      lengths: longest prompt with all that the template writes around it, and longest answer.
    """

    def __init__(self, chat: ChatTokenizer, lengths: Mapping[str, int]) -> None:
        self._chat = chat
        self._lengths = lengths
        self._budget = ChatBudget(chat.vocabulary, lengths["inputs"], chat)
        self._parts = chat.choices.reasoning == FIELD

    @property
    def budget(self) -> Budget:
        """What prompts must fit into."""
        return self._budget

    def prompts(self, prompts: Sequence[Prompt]) -> list[AskedIds]:
        """Returns all that is read of each prompt.

        Raises:
          EvaluationError: what the template writes around a prompt is too long by itself.
        """
        limit = self._lengths["inputs"]
        turns = [asked_in_a_turn(self._chat, prompt.inputs) for prompt in prompts]
        thinks = [self._thinks(prompt) for prompt in prompts]
        whole = self._chat.prompt_ids_each(turns, thinks=thinks)
        return [
            AskedIds(np.asarray(ids, np.int32), False) if len(ids) <= limit else self._cut(prompt)
            for prompt, ids in zip(prompts, whole, strict=True)
        ]

    def options(self, prompts: Sequence[Prompt]) -> dict[str, AskedIds]:
        """Returns the options of some prompts: text -> ids with the token that ends an answer.

        Each is rendered behind the first prompt that lists it: between a question and its answer
        stands a token that no text reaches over, as was proved.

        Raises:
          EvaluationError: the template does not take an option as an answer.
        """
        first: dict[str, Prompt] = {}
        for prompt in prompts:
            for option in prompt.gold.targets:
                first.setdefault(option, prompt)
        answered = [
            self._chat.prepared([Message(USER, prompt.inputs), Message(ASSISTANT, option)])
            for option, prompt in first.items()
        ]
        limit = self._lengths["targets"]
        options = {}
        for option, found in zip(first, self._chat.encode_each(answered), strict=True):
            if isinstance(found, ChatTemplateError):
                raise EvaluationError(
                    f"the option {option!r} is no answer of the chat template of "
                    f"{self._chat.template.where}: {found.reason}"
                )
            start, end = found.spans[-1]
            options[option] = AskedIds(
                found.ids[start : min(end, start + limit)], end - start > limit
            )
        return options

    def written(self, prompt: Prompt, ids: Sequence[int]) -> str:
        """Returns the text of what was written; thoughts stand before the answer, without tags."""
        text = self._chat.vocabulary.decode(ids)
        if not self._thinks(prompt):
            return text
        (turn,) = with_reasoning([Message(ASSISTANT, text)], FIELD)
        return with_reasoning([turn], KEEP)[0].content

    def _thinks(self, prompt: Prompt) -> bool:
        return self._parts and prompt.reasons

    def _cut(self, prompt: Prompt) -> AskedIds:
        """Returns the longest beginning of a prompt that fits, whole turns around it."""
        limit, thinks = self._lengths["inputs"], self._thinks(prompt)

        def ids(letters: int) -> list[int]:
            turns = asked_in_a_turn(self._chat, prompt.inputs[:letters])
            return self._chat.prompt_ids(turns, thinks=thinks)

        best = ids(0)
        if len(best) > limit:
            raise EvaluationError(
                f"{self._chat.template.where} writes {len(best):,} tokens around a prompt, and "
                f"prompts may have {limit:,} with them; give longer inputs as --lengths"
            )
        fits, over = 0, len(prompt.inputs)
        while over - fits > 1:
            middle = (fits + over) // 2
            tried = ids(middle)
            if len(tried) <= limit:
                fits, best = middle, tried
            else:
                over = middle
        return AskedIds(np.asarray(best, np.int32), True)
