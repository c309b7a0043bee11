"""What becomes of thoughts before answers: kept in the text, dropped, or a field of their own."""

import re
from collections.abc import Sequence
from dataclasses import replace

from flan_tasks.core.messages import ASSISTANT, Message
from flan_tasks.specs.chat_choices import DROP, KEEP

# How published rows write thoughts into an answer.
_THOUGHTS = re.compile(r"\A\s*<think>\n?(.*?)\n?</think>\s*(.*)\Z", re.S)


def with_reasoning(messages: Sequence[Message], choice: str) -> tuple[Message, ...]:
    """Returns turns whose thoughts are where they are wanted.

    Args:
      messages: the turns; thoughts stand in their reasoning, or in <think> tags before an answer.
      choice: `keep` has them in the text of the answer, before it (tags stay as they stand, as
        text); `drop` leaves them out; `field` gives them to the template apart.
    """
    return tuple(_turn(message, choice) for message in messages)


def _turn(message: Message, choice: str) -> Message:
    if message.role != ASSISTANT:
        return message
    if choice == KEEP:
        if not message.reasoning:
            return message
        both = f"{message.reasoning}\n\n{message.content}"
        return replace(message, content=both, reasoning="")
    if not message.reasoning and (tagged := _THOUGHTS.match(message.content)):
        message = replace(message, reasoning=tagged[1].strip(), content=tagged[2])
    return replace(message, reasoning="") if choice == DROP else message


def apart(targets: str, rationale: str) -> tuple[str, str]:
    """Returns the thoughts of a target and what follows them; ("", target) where there are none.

    Args:
      targets: reasoning, and the answer behind it.
      rationale: the reasoning, as it stands there.
    """
    place = targets.find(rationale) if rationale else -1
    if place < 0 or not targets[place + len(rationale) :].strip():
        return "", targets
    end = place + len(rationale)
    return targets[:end].strip(), targets[end:].strip()
