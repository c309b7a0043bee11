"""Styles of the block of options: how people list what can be answered, as data beside this file.

A style is drawn for options with which it stays readable, on one line too, as T5's vocabulary makes
blanks of line ends: where each option begins and ends can be told, and no label can be taken for an
option.
"""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import DeclarationError, unknown_name
from flan_tasks.core.parsing import parse_toml

PLAIN_STYLE, VARIED = "plain", "varied"
TEXT, LABEL, BOTH = "text", "label", "both"
OPTION_TARGETS = (TEXT, LABEL, BOTH)
_FILE = Path(__file__).with_suffix(".toml")
# Labels of each kind, in their order.
_CAPITALS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
LABELS: Mapping[str, tuple[str, ...]] = {
    "capitals": _CAPITALS,
    "letters": tuple(letter.lower() for letter in _CAPITALS),
    "numbers": tuple(str(number) for number in range(1, 100)),
    "roman": _ROMAN,
    "capital_roman": tuple(number.upper() for number in _ROMAN),
}
_LETTERS = ("capitals", "letters")
# Letters of all options on one line, and of one of them: more is read as a list.
_LONGEST_LINE, _LONGEST_ON_LINE = 200, 60
_OPENING, _CLOSING = "([{\"'“‘«", ")]}.,:;!?\"'”’»"
# What ends a sentence, in the scripts that have a mark of their own.
_ENDS = ".!?…\u3002\uff0e\uff61\uff01\uff1f\u0964\u061f"
# An option that begins like one of a list: "A) ", "(2) ", "iv. ", "C: ".
_LISTED = re.compile(r"[(\[]?([a-z]|\d{1,2}|[ivx]{1,4})[)\].:](\s|$)")
_LISTED_NAME = re.compile(r"(option|choice|answer)\s+([a-z]|\d{1,2})\b")
# One that speaks of others by their labels: "both A and C", "1 or 3", "option B".
_SPEAKS_OF_OTHERS = re.compile(
    r"(?<![\w'’])[(\[]?([b-h]|\d{1,2}|[ivx]{1,4})[)\]]?\s*(,|and|or|nor|&|\+)\s*[(\[]?"
    r"([a-h]|\d{1,2}|[ivx]{1,4})[)\]]?(?![\w'’])"
    r"|(?<![\w'’])[(\[]?a[)\]]?\s*(and|or|nor|&|\+)\s*[(\[]?[b-h][)\]]?(?![\w'’])"
    r"|\b(options?|choices?|answers?|statements?)\s+[(\[]?([a-h]|\d{1,2}|[ivx]{1,4})\b"
)


@dataclass(frozen=True, kw_only=True)
class OptionStyle:
    """One way to list options.

    Raises:
      DeclarationError: its parts do not make a list of options.
    """

    id: str
    """What it is called."""
    text: str
    """The block; `{items}` is the list."""
    item: str
    """One option: `{option}`, and `{label}` where it has one."""
    between: str
    """What parts two options."""
    last: str = ""
    """What parts the last two, where that is something else."""
    labels: str = ""
    """The kind of its labels, one of LABELS; empty where it has none."""
    answer: str = ""
    """What a target says of the label."""
    asks: bool = False
    """Whether it tells to choose."""
    least: int = 2
    """The fewest options it is for."""

    def __post_init__(self) -> None:
        problems = [
            f"{name} needs {wanted} once"
            for name, wanted in (("text", "{items}"), ("item", "{option}"))
            if getattr(self, name).count(wanted) != 1
        ]
        if self.labels and self.labels not in LABELS:
            problems.append(str(unknown_name("kind of labels", self.labels, LABELS)))
        for name in ("item", "answer"):
            if ("{label}" in getattr(self, name)) != bool(self.labels):
                problems.append(f"labels, and {{label}} in {name}: give both or neither")
        if not self.between.strip() and self.item == "{option}":
            problems.append("nothing but a blank or line end tells where an option begins")
        if problems:
            raise DeclarationError(f'option style "{self.id}": {"; ".join(problems)}')

    @property
    def is_one_line(self) -> bool:
        """Whether all options stand on one line."""
        return "\n" not in self.between

    def labels_of(self, count: int) -> tuple[str, ...]:
        """Returns the labels of so many options; () where it has none."""
        return LABELS[self.labels][:count] if self.labels else ()

    def items(self, options: Sequence[str]) -> list[str]:
        """Returns each option as it stands in the list."""
        if not self.labels:
            return [self.item.replace("{option}", option) for option in options]
        # The label first: the text of an option may be "{label}".
        return [
            self.item.replace("{label}", label).replace("{option}", option)
            for label, option in zip(self.labels_of(len(options)), options, strict=True)
        ]

    def list(self, options: Sequence[str]) -> str:
        """Returns the list without what stands around it."""
        items = self.items(options)
        if not self.last or len(items) < 2:
            return self.between.join(items)
        return self.between.join(items[:-1]) + self.last + items[-1]

    def fits(self, options: Sequence[str]) -> bool:
        """Whether the block stays readable with these options; that of `plain` is always taken."""
        if self.id == PLAIN_STYLE:
            return True
        if len(options) < self.least or not self._has_labels_for(options):
            return False
        if self.is_one_line and not self._fit_one_line(options):
            return False
        return self._is_told_apart(options)

    def _has_labels_for(self, options: Sequence[str]) -> bool:
        """Whether there are enough labels, none of which could be taken for an option."""
        if not self.labels:
            return True
        if len(options) > len(LABELS[self.labels]):
            return False
        folded = [option.casefold() for option in options]
        bare = {option.strip(_OPENING + _CLOSING + " ") for option in folded}
        if any(map(_LISTED.match, folded)) or any(map(_LISTED_NAME.match, folded)):
            return False
        if any(map(_SPEAKS_OF_OTHERS.search, folded)):
            return False
        if self.labels == "numbers":
            # "2" for the third of "0", "1" and "2"; and "3 km", which begins like another label.
            return not any(option[:1].isdigit() for option in bare)
        if self.labels in _LETTERS:
            return not any(len(option) == 1 and option.isascii() for option in bare)
        return not bare & {*_ROMAN, "c", "d", "l", "m"}

    def _fit_one_line(self, options: Sequence[str]) -> bool:
        """Whether options are short, and hold nothing that parts them or ends the list."""
        length = sum(map(len, options))
        if length > _LONGEST_LINE or max(map(len, options)) > _LONGEST_ON_LINE:
            return False
        behind = self.text.partition("{items}")[2]
        marks = {*(self.between + self.last + behind + self.item.partition("{option}")[2])}
        marks = {mark for mark in marks if not mark.isalnum() and not mark.isspace()}
        # A period within "U.S." is none that ends the list; one at the end of an option would be.
        inside = marks - {".", "?"}
        words = {word for part in (self.between, self.last) for word in re.findall(r"\w+", part)}
        for option in options:
            if any(mark in option for mark in inside):
                return False
            if (marks and option[-1] in _ENDS) or words & {*re.findall(r"\w+", option.casefold())}:
                return False
        return True

    def _is_told_apart(self, options: Sequence[str]) -> bool:
        """Whether the marks before the options stand nowhere else in the list, on one line."""
        line = f" {' '.join(self.list(options).split())} "
        labels = self.labels_of(len(options)) or ("",) * len(options)
        before = self.item.partition("{option}")[0]
        heads = [before.replace("{label}", label).strip() for label in labels]
        if not any(heads):
            return True
        wanted = 1 if self.labels else len(options)
        return all(line.count(f" {head}") == wanted for head in set(heads))


@dataclass(frozen=True)
class Block:
    """The options of one prompt as they are written."""

    style: str
    """Id of the style."""
    text: str
    """What stands in the prompt."""
    options: tuple[str, ...]
    """The options."""
    labels: tuple[str, ...]
    """What each is called; () where they have no labels."""
    choices: tuple[str, ...]
    """What the target is for each."""

    def choice(self, answer: str) -> str:
        """Returns the target for an answer, which is one of the options."""
        return self.choices[self.options.index(answer)]


@functools.cache
def option_styles() -> Mapping[str, OptionStyle]:
    """Returns id -> style, in the order of the file.

    Raises:
      DeclarationError: the file is malformed.
    """
    return read_styles(_FILE.read_text(encoding="utf-8"))


def read_styles(text: str) -> dict[str, OptionStyle]:
    """Reads the text of a file of styles: id -> style.

    Raises:
      DeclarationError: with every problem of the file.
    """
    known = {one.name for one in fields(OptionStyle)}
    styles: dict[str, OptionStyle] = {}
    problems = []
    for table in parse_toml(text).get("style", []):
        unknown = sorted(set(table) - known)
        if unknown:
            problems.append(str(unknown_name("key of a style", unknown[0], known)))
            continue
        try:
            style = OptionStyle(**table)
        except (TypeError, DeclarationError) as error:
            problems.append(str(error))
            continue
        if style.id in styles:
            problems.append(f'two styles are called "{style.id}"')
        styles[style.id] = style
    if problems:
        raise DeclarationError("\n".join(problems))
    return styles


@functools.lru_cache(maxsize=4096)
def fits(style: str, options: tuple[str, ...]) -> bool:
    """Whether a style stays readable with some options."""
    return option_styles()[style].fits(options)


@functools.lru_cache(maxsize=4096)
def clashes(style: str, wording: str) -> bool:
    """Whether a prompt's own wording has labels like those of a style: "A:" for who speaks, "1."

    Args:
      style: its id.
      wording: of a template.
    """
    chosen = option_styles()[style]
    if not chosen.labels:
        return False
    first = "|".join(map(re.escape, chosen.labels_of(6)))
    return re.search(rf"(?<![\w'’])({first})\s?[).:\]]", wording, re.IGNORECASE) is not None


@functools.lru_cache(maxsize=4096)
def block_of(style: str, options: tuple[str, ...], targets: str = TEXT) -> Block:
    """Returns options in a style.

    Args:
      style: its id.
      options: in the order they are shown.
      targets: one of OPTION_TARGETS; where a style has no labels it is the text.
    """
    chosen = option_styles()[style]
    labels = chosen.labels_of(len(options))
    choices = options
    if labels and targets == LABEL:
        choices = tuple(chosen.answer.replace("{label}", label) for label in labels)
    elif labels and targets == BOTH:
        choices = tuple(chosen.items(options))
    text = chosen.text.replace("{items}", chosen.list(options))
    return Block(chosen.id, text, options, labels, choices)


def check_style(name: str) -> str:
    """Returns what is wrong with the name of a style, "" mostly."""
    if name in (PLAIN_STYLE, VARIED) or name in option_styles():
        return ""
    return f"has an {unknown_name('option_style', name, (VARIED, *option_styles()))}"


def contents(names: Iterable[str]) -> list[Any]:
    """Returns what the texts of some styles depend on, for records."""
    styles = option_styles()
    return [[getattr(styles[name], one.name) for one in fields(OptionStyle)] for name in names]
