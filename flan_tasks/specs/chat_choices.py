"""What is chosen of chats beside the tokenizer; imports nothing that takes time."""

from dataclasses import dataclass

# What templates take for today unless it is said: one that changes would change the ids each day.
DATE = "2024-07-26"
# What becomes of thoughts before answers.
KEEP, DROP, FIELD = "keep", "drop", "field"
CHOICES = (KEEP, DROP, FIELD)
# Where shards, tasks and manifests say what is known of conversations.
CHAT = "chat"


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
