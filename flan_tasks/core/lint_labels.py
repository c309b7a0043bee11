"""Wordings that ask for words of an option, beside options whose labels may be the target."""

import re
from collections.abc import Iterable

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.template import OPTIONS, Template

_ASKS_FOR_WORDS = re.compile(
    r"\b(in full|word for word|in lower case|no decimals|(whole|exact) (number|step|word)s?"
    r"|yes( or |/)(a )?no|(one|single) (more )?(word|sentence)"
    r"|(say|answer|reply|respond|write)( with)?( a)?( plain)? (yes|no|true|false))\b"
)


def label_problems(dataset: Dataset, template: Template) -> Iterable[str]:
    """Yields what asks for words of an option, where the target may be its label."""
    if not (template.is_answered_by_label and OPTIONS in template.fields("inputs")):
        return
    wording = "".join(
        " " if is_field else text for is_field, text in template.pieces["inputs", True]
    ).casefold()
    named = [
        option
        for option in dataset.options
        if re.search(rf"(?<!\w){re.escape(option.casefold())}(?!\w)", wording)
    ]
    asked = _ASKS_FOR_WORDS.search(wording)
    if len(named) > 1 or asked:
        what = asked.group() if asked else " and ".join(f'"{option}"' for option in named)
        yield (
            f"its wording asks for words of an option ({what}), and options may be listed with "
            "labels that are the target; give label_targets = false, or reword it"
        )
