r"""Answers that stand behind written reasoning: how they are read, and metrics of what is read.

The rule, for numbers and options alike:

1. A mark says that the answer comes: "answer is", "answer:", "Answer =", "####", "\\boxed{". What
   stands behind it on its line is looked at, or where that is empty the next line that is not.
2. Of several marks the last one counts that an answer can be read behind: reasoning may correct
   itself, and may break off behind its last mark.
3. Without a mark, or with none that an answer can be read behind, it is where reasoning ends: the
   last number of the text; the last line or its last sentence for options.

A text in which nothing is read counts as wrong. Marks of Markdown and quotation marks around an
answer are not part of it.
"""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

from flan_tasks.metrics.answers_in_passages import squad
from flan_tasks.metrics.classes import normalize_label
from flan_tasks.metrics.gold import Gold, Scores, checked, percent
from flan_tasks.metrics.option_labels import NEITHER, labeled_place

# "The answer is", "Final answer:", "**Answer**: ", "answer to the question is", "#### ".
_MARK = re.compile(
    r"\banswer(?:s| option| choice)?\b[*_]*(?: to [^.:\n]{1,80}?)?\s*"
    r"(?:(?:is|was|are|must be|should be|will be|would be)\b\s*:?|[:=])|(?<!#)####(?!#)|\\boxed\{",
    re.IGNORECASE,
)
_AROUND = " \t*_`~\"'“”‘’«»$"
# A number as people write it: sign, currency, commas between thousands, fraction or decimals.
_NUMBER = re.compile(
    r"""(?P<sign>(?<![\w.)\]}%])[-−–](?=\S))?(?:(?:[$€£¥₹]|Rs\.?|USD)\s?(?P<inner>[-−])?)?
        (?<![\d.,])(?<!\d/)
        (?:(?P<mixed>\d+)\s+(?=\d+\s?/\s?\d))?
        (?:(?P<over>\d{1,3}(?:,\d{3})+|\d+)\s?/\s?(?P<under>\d+)(?![\d/])
        |(?P<plain>(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)(?P<power>[eE][+-]?\d{1,2}\b)?)
    """,
    re.VERBOSE | re.ASCII,
)
# No number of more letters is read: a model that repeats itself writes digits without end.
_LONGEST_NUMBER = 400
# "(D)", "D.", "D)", "D:", "option D", "Sentence (B)"; or a letter that is all there is.
_LETTER = re.compile(
    r"(?:(?:option|choice|letter)\s+)?(?:\(\s*([A-Za-z])\s*\)|([A-Za-z])"
    r"(?=[).,:\]]|$|\s+(?:because|since)\b))[).,:\]]*\s*"
)
# A letter, and behind it the text of another option.
_CONTRADICTION = ""
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def number_in(text: str) -> Fraction | None:
    """Returns the number that written reasoning ends in; None where there is none.

    Units, percent signs and currencies are not part of a number, commas between thousands are no
    decimal marks, and numbers are compared by value: 1,250.50 is 1250.5, "2 1/2" is 2.5. Of an
    equation behind a mark the right-hand side counts.
    """
    for piece in _pieces(text):
        # "9 * 2 = 18 dollars" says 18.
        side = piece.rpartition("=")[2] if _NUMBER.search(piece.rpartition("=")[2]) else piece
        numbers = _numbers(side)
        if numbers:
            return numbers[0]
    numbers = _numbers(text)
    return numbers[-1] if numbers else None


def option_in(text: str, options: Sequence[str], labels: Sequence[str] = ()) -> str | None:
    """Returns the option that written reasoning ends in; None where there is none, or several.

    An option is its text, or its label, which is the letter of its place where the prompt has no
    others, "(D)" for the fourth; a label with the text of another option behind it is neither. What
    follows the text is an explanation. Where neither begins what stands behind the mark, one option
    alone must occur in it.
    """
    for piece in _pieces(text):
        if (option := _option(piece, options, labels, inside=True)) is not None:
            return option or None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    if (option := _option(lines[-1], options, labels, inside=False)) is not None:
        return option or None
    last = _SENTENCE.split(lines[-1].strip())[-1]
    return _option(last, options, labels, inside=True) or None


def text_in(text: str) -> str:
    """Returns what stands behind the last mark of written reasoning, or else its last line."""
    lines = [line for line in text.splitlines() if line.strip()]
    return next(_pieces(text), lines[-1] if lines else "").strip(_AROUND)


@checked
def number_after_reasoning(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Share of predictions whose number, read behind their reasoning, is an accepted one.

    As GSM8K is scored (Cobbe et al. 2021), with the number read by `number_in`.
    """
    return {"accuracy": percent(list(map(_is_right_number, golds, predictions)))}


@checked
def option_after_reasoning(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Share of predictions whose option, read behind their reasoning by `option_in`, is right."""
    return {
        "accuracy": percent(
            [
                option_in(prediction, gold.options, gold.labels) in gold.references
                for gold, prediction in zip(golds, predictions, strict=True)
            ]
        )
    }


@checked
def text_after_reasoning(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Exact match and F1 of words, as SQuAD scores them, of what `text_in` reads."""
    return squad(golds, [text_in(prediction) for prediction in predictions])


def _is_right_number(gold: Gold, prediction: str) -> bool:
    value = number_in(prediction)
    if value is None:
        return False
    return any(value in _numbers(answer)[:1] for answer in gold.references)


def _pieces(text: str) -> Iterator[str]:
    """Yields what stands behind each mark, the last one first."""
    marks = list(_MARK.finditer(text))
    end = len(text)
    for mark in reversed(marks):
        lines = text[mark.end() : end].splitlines()
        end = mark.start()
        piece = next((line for line in lines if line.strip(_AROUND)), "")
        if mark.group().startswith("\\"):
            piece = piece.partition("}")[0]
        if piece.strip(_AROUND):
            yield piece


def _numbers(text: str) -> list[Fraction]:
    return [value for match in _NUMBER.finditer(text) if (value := _value(match)) is not None]


def _value(match: re.Match[str]) -> Fraction | None:
    if len(match.group()) > _LONGEST_NUMBER:
        return None
    if match["plain"] is not None:
        value = Fraction(match["plain"].replace(",", "") + (match["power"] or ""))
    else:
        if not int(match["under"]):
            return None
        value = Fraction(int(match["over"].replace(",", "")), int(match["under"]))
    value += int(match["mixed"] or 0)
    return -value if match["sign"] or match["inner"] else value


def _option(
    piece: str, options: Sequence[str], labels: Sequence[str], *, inside: bool
) -> str | None:
    """Reads one piece of text; `inside`: whether an option may stand among other words."""
    bare = piece.strip(_AROUND)
    folded = _folded(bare)
    by_text = {_folded(option): option for option in options}
    if piece.strip() in options:
        return piece.strip()
    if folded in by_text:
        return by_text[folded]
    if labels and (place := labeled_place(bare, options, labels)) is not None:
        return _CONTRADICTION if place == NEITHER else options[place]
    letter = None if labels else _LETTER.match(bare)
    if letter is not None and letter.group().strip():
        place = ord((letter[1] or letter[2]).upper()) - ord("A")
        rest = _folded(bare[letter.end() :])
        named = _beginning(rest, by_text)
        if place < len(options) and (named is None or named == options[place]):
            return options[place]
        if named is not None:
            return _CONTRADICTION
    if not inside:
        return None
    return _beginning(folded, by_text) or _only(folded, by_text)


def _folded(text: str) -> str:
    label = normalize_label(text)
    return normalize_label(label.strip(_AROUND)) or label


def _beginning(text: str, by_text: dict[str, str]) -> str | None:
    """The option a text begins with, the longest of several."""
    for label in sorted(by_text, key=len, reverse=True):
        if text.startswith(label) and not text[len(label) : len(label) + 1].isalnum():
            return by_text[label]
    return None


def _only(text: str, by_text: dict[str, str]) -> str | None:
    """The one option that occurs in a text, those within a longer one not counted."""
    found = []
    for label in sorted(by_text, key=len, reverse=True):
        pattern = rf"(?<!\w){re.escape(label)}(?!\w)"
        if re.search(pattern, text):
            found.append(by_text[label])
            text = re.sub(pattern, " ", text)
    return found[0] if len(found) == 1 else None
