"""Conversations that every chat template is tried with, odd ones among them."""

from dataclasses import dataclass

from flan_tasks.core.messages import ASSISTANT, SYSTEM, USER, Message

_ROLE = {"s": SYSTEM, "u": USER, "a": ASSISTANT}


@dataclass(frozen=True)
class Probe:
    """A conversation that is tried."""

    name: str
    """What is particular about it."""
    messages: tuple[Message, ...]
    """Its turns."""
    is_needed: bool = False
    """Whether a template that refuses it is of no use here."""


def talk(roles: str, *texts: str) -> tuple[Message, ...]:
    """Returns turns: a letter (s, u, a) for the role of each, and their texts."""
    return tuple(Message(_ROLE[r], text) for r, text in zip(roles, texts, strict=True))


_ASKED = "What color is a ripe cherry?"
# What manifests keep the ids of; never changed, as builds are compared by it.
GOLDEN = talk("uaua", _ASKED, "Red.", "And a young leaf?", "Green, as a rule.")
_THOUGHT = Message(ASSISTANT, "Red.", "Cherries ripen from green to red.")

PROBES = (
    Probe("one turn", talk("ua", _ASKED, "Red."), is_needed=True),
    Probe("two turns", GOLDEN, is_needed=True),
    Probe("a system prompt", talk("sua", "Answer in a word.", _ASKED, "Red.")),
    Probe("two system prompts", talk("ssua", "Answer in a word.", "Be kind.", _ASKED, "Red.")),
    Probe("an empty answer", talk("uaua", _ASKED, "", "Well?", "Red.")),
    Probe("an empty question", talk("ua", "", "What do you want to know?")),
    Probe("a question without an answer", talk("uau", _ASKED, "Red.", "Thank you!")),
    Probe("two answers in a row", talk("uaaua", _ASKED, "Red.", "Or black.", "Why?", "Its juice.")),
    Probe("an answer first", talk("aua", "Hello! What can I do?", _ASKED, "Red.")),
    Probe("blanks around texts", talk("ua", f"  {_ASKED}\n", "Red, or\n\n  black. ")),
    Probe("many scripts", talk("ua", "桜桃は何色？ Какого цвета вишня?", "赤 🍒 أحمر लाल ก็แดง")),
    Probe("thoughts", (*talk("u", _ASKED), _THOUGHT)),
    Probe(
        "thoughts in an older turn",
        (*talk("u", _ASKED), _THOUGHT, *talk("ua", "And a young leaf?", "Green.")),
    ),
)
