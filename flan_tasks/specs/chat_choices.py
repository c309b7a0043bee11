"""What is chosen of chats beside the tokenizer; imports nothing that takes time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

# What templates take for today unless it is said: one that changes would change the ids each day.
DATE = "2024-07-26"
# What becomes of thoughts before answers.
KEEP, DROP, FIELD = "keep", "drop", "field"
CHOICES = (KEEP, DROP, FIELD)
# Where shards, tasks, manifests and checkpoints say what is known of conversations.
CHAT = "chat"
# What of it is chosen.
CHOSEN = ("date", "system", "reasoning")


@dataclass(frozen=True)
class ChatChoices:
    """What is chosen beside the tokenizer."""

    date: str = DATE
    """What templates take for today, as 2024-07-26."""
    system: str | None = None
    """System prompt of conversations that have none; None leaves it to the template."""
    reasoning: str = KEEP
    """Thoughts before answers: `keep` has them in their text, `drop` leaves them out, `field` gives
    them to the template apart."""

    @classmethod
    def from_record(cls, said: Mapping[str, Any]) -> "ChatChoices":
        """Returns the choices that a build's manifest or a checkpoint says."""
        return cls(**{name: said[name] for name in CHOSEN})


@dataclass(frozen=True)
class ChatAsked:
    """What whoever asks a model says of its conversations; None is what the model says."""

    folder: str | None = None
    """The tokenizer's folder."""
    date: str | None = None
    """As of `ChatChoices`."""
    system: str | None = None
    """As of `ChatChoices`."""
    reasoning: str | None = None
    """As of `ChatChoices`."""

    @property
    def choices(self) -> dict[str, str]:
        """The choices that are said."""
        return {name: value for name in CHOSEN if (value := getattr(self, name)) is not None}

    def over(self, choices: ChatChoices) -> ChatChoices:
        """Returns choices with those that are said instead."""
        return replace(choices, **self.choices)
