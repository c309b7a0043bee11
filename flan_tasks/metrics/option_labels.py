"""Written answers to options with labels: a label, an option's text, or both, read as the option.

The rule, case, blanks and a final period aside:

1. A text that is an option, its label, or its target means that option.
2. A label in brackets or with a mark behind it, "(b)", "B.", "b:", "Option 2)", means its option;
   so does one with the option's text behind it, or with anything that begins no other option.
3. A label with the text of another option behind it means neither, and counts as wrong.
4. What only begins like a label is none: a number that goes on ("1.5 km", "2:30"), a word
   ("I'm", "A.M.", "I, for one"), and labels in a row ("A, B and C").

No label equals an option, so that a text never means two: where options are letters or numbers
themselves, styles with such labels are not taken.
"""

import re
from collections.abc import Sequence

from flan_tasks.metrics.classes import normalize_label
from flan_tasks.metrics.gold import Gold

# What may stand around a label.
_OPENING, _CLOSING = "([*_\"'“‘«", ")]*_\"'”’».,:;"
# Marks that end a label by themselves, and those that do where one like it stands before the label.
_BRACKETS, _PAIRED = ")]", ")]*_\"'”’»"
# Marks behind labels of a list, where a blank follows.
_LISTING = ".:="
# A roman number that is a word, too.
_PRONOUN = "i"
# Behind a label: another one, alone or before one more.
_NEXT = r"(?:(?:and|or|&|/)\s+|/)?[(\[]?(?:{})[)\].]*(?:\s*$|\s*[,;/&]|\s+(?:and|or)\b)"
# What a label with the text of another option means.
NEITHER = -1
_NAMED = r"(?:(?:the\s+)?(?:option|choice|letter|number|answer)\s+)?"


def read_option(gold: Gold, text: str) -> str:
    """Returns the option that a written answer means; the text itself where that is none."""
    if not (gold.labels and gold.choices) or text in gold.options:
        return text
    folded = normalize_label(text)
    for names in (gold.options, gold.choices, gold.labels):
        for option, name in zip(gold.options, names, strict=True):
            if folded == normalize_label(name):
                return option
    place = labeled_place(text, gold.options, gold.labels)
    return text if place in (None, NEITHER) else gold.options[place]


def labeled_place(text: str, options: Sequence[str], labels: Sequence[str]) -> int | None:
    """Returns which option a text means that begins with a label; None where it begins with none,
    NEITHER where the text of another option stands behind it.

    Args:
      text: what was written.
      options: what can be answered.
      labels: what each is called.
    """
    one_of = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    head = re.compile(
        rf"[{re.escape(_OPENING)}\s]*(?P<named>{_NAMED})[{re.escape(_OPENING)}]*(?P<label>{one_of})"
        rf"(?:\s*(?P<marks>[{re.escape(_CLOSING)}]+|=)(?P<gap>\s*)|\s*$)",
        re.IGNORECASE,
    )
    match = head.match(text)
    if match is None:
        return None
    behind = text[match.end() :]
    place = [label.casefold() for label in labels].index(match["label"].casefold())
    named = _named(normalize_label(behind.strip(_OPENING + _CLOSING)), options)
    if behind and not _stands(match, behind, has_its_text=named == place):
        return None
    if re.match(_NEXT.format(one_of), behind, re.IGNORECASE):
        return None
    return place if named in (None, place) else NEITHER


def _stands(match: re.Match[str], behind: str, *, has_its_text: bool) -> bool:
    """Whether what was found is a label, by its marks and by what stands behind them."""
    label, marks = match["label"], match["marks"]
    is_opened = match.string[match.start("label") - 1 : match.start("label")] in tuple(_OPENING)
    if set(marks) & set(_PAIRED if is_opened else _BRACKETS):
        return True
    goes_on = behind[0].isdigit()
    if has_its_text:
        return not (goes_on and label[-1].isdigit() and not match["gap"])
    if not match["gap"]:
        # "B.It is", where a blank was forgotten.
        return set(marks) <= set(".:") and behind[:2].isalpha()
    if set(marks) <= set(",;"):
        return bool(match["named"]) or not (goes_on or label.casefold() == _PRONOUN)
    return set(marks) <= set(_LISTING)


def _named(text: str, options: Sequence[str]) -> int | None:
    """The option that a text begins with, the longest of several; None where there is none."""
    folded = [normalize_label(option.strip(_OPENING + _CLOSING)) for option in options]
    for place in sorted(range(len(folded)), key=lambda one: -len(folded[one])):
        label = folded[place]
        if label and text.startswith(label) and not text[len(label) : len(label) + 1].isalnum():
            return place
    return None
