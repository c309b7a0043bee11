"""The columns a prompt and its target stand in, by style: to be written, declared, read back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flan_tasks.core.messages import ASSISTANT, USER, Message, with_tags

# Columns beside the texts: name -> type, as `datasets` and Arrow call it. None is a list or may be
# null: readers of JSON take the types of all files from the first one, where a list that happens to
# be empty has none.
ABOUT = {
    **dict.fromkeys(("task", "dataset", "cluster", "template", "kind"), "string"),
    "num_shots": "int32",
    **dict.fromkeys(("key", "split", "options", "license"), "string"),
}


# Where options are listed in several ways, which of them; and columns of mixtures with parts.
OPTION_STYLE = "option_style"
_OF_PARTS = dict.fromkeys(("collection", "part", "prompt_type"), "string")


def about_columns(*, parts: bool, option_styles: bool = False) -> dict[str, str]:
    """Returns the columns beside the texts: name -> type.

    Args:
      parts: whether the mixture has parts.
      option_styles: whether options of any task are listed in another way than the plain one.
    """
    return {
        **ABOUT,
        **({OPTION_STYLE: "string"} if option_styles else {}),
        **(_OF_PARTS if parts else {}),
    }


@dataclass(frozen=True)
class Columns:
    """Prompt and target in columns of text."""

    prompt: str
    """Column of the prompt."""
    target: str
    """Column of the target."""
    empty: str = ""
    """Column that readers expect between the two and that is empty here; "" where there is none."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Names of the columns, in their order."""
        return tuple(filter(None, (self.prompt, self.empty, self.target)))

    def write(self, prompt: str, target: str) -> dict[str, Any]:
        """Returns the columns of a row."""
        return dict.fromkeys(self.texts, "") | {self.prompt: prompt, self.target: target}

    def is_of(self, row: Mapping[str, Any]) -> bool:
        """Whether a row has these columns."""
        return self.prompt in row

    def read(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """Returns prompt and target of a row."""
        return row[self.prompt], row[self.target]


@dataclass(frozen=True)
class Turns:
    """Prompt and target as turns of a conversation, in one column of two-key objects: two, or where
    the prompt is itself a conversation, those of it and the target."""

    column: str
    """The column."""
    role: str
    """Key of who speaks."""
    content: str
    """Key of what is said."""
    user: str
    """Who asks."""
    assistant: str
    """Who answers."""

    def write(self, prompt: str, target: str) -> dict[str, Any]:
        """Returns the column of a row."""
        return self.write_turns((prompt, target))

    def write_turns(self, turns: Sequence[str]) -> dict[str, Any]:
        """Returns the column of a row; turns alternate, and the last one is the assistant's."""
        who = (self.assistant, self.user)
        count = len(turns)
        return {
            self.column: [
                {self.role: who[(count - 1 - place) % 2], self.content: text}
                for place, text in enumerate(turns)
            ]
        }

    def write_messages(self, messages: Sequence[Message]) -> dict[str, Any]:
        """Returns the column of a conversation; reasoning stands in tags before its answer."""
        who = {USER: self.user, ASSISTANT: self.assistant}
        return {
            self.column: [
                {self.role: who.get(one.role, one.role), self.content: with_tags(one)}
                for one in messages
            ]
        }

    def is_of(self, row: Mapping[str, Any]) -> bool:
        """Whether a row has this column."""
        return self.column in row

    def read(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """Returns prompt and target of a row."""
        *before, answered = (turn[self.content] for turn in row[self.column])
        return "\n".join(before), answered


BY_STYLE: dict[str, Columns | Turns] = {
    "inputs-targets": Columns("inputs", "targets"),
    "prompt-completion": Columns("prompt", "completion"),
    "messages": Turns("messages", "role", "content", "user", "assistant"),
    "alpaca": Columns("instruction", "output", empty="input"),
    "sharegpt": Turns("conversations", "from", "value", "human", "gpt"),
}


def texts_in(row: Mapping[str, Any]) -> tuple[str, str]:
    """Returns prompt and target of a row of any style.

    Raises:
      ValueError: it is of none.
    """
    for columns in BY_STYLE.values():
        if columns.is_of(row):
            return columns.read(row)
    raise ValueError(f"columns of no style: {', '.join(row)}")


def options_text(options: list[str] | tuple[str, ...]) -> str:
    """Returns options as they stand in a row: one a line, and nothing where there are none."""
    return "\n".join(options)


def options_in(value: str | list[str]) -> list[str]:
    """Returns the options in a row; builds of before hold a list."""
    return value.splitlines() if isinstance(value, str) else value
