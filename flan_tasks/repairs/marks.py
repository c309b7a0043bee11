"""Punctuation of typed text: marks that stand apart from their words, dashes, quotation marks."""

import re

_BLANK_BEFORE_MARK = re.compile(
    # An ellipsis of spaced points stays, as do bullets, which have a blank or nothing before them;
    # so do ratios, "2 : 1", and faces, ":)". "Inc. ," has two marks of its own.
    r"(?:(?<=[^\W_]|[)\]\"'’”%+])|(?<=\w\.)(?= *[,;]))"
    r" +(?=(?:[,.?!]|;(?!\))|:(?!\)| \d))[\"'’”)\]]*(?:\s|$))(?![.?!] [.?!])"
)
_APART_MARKS = (" ,", " .", " ?", " !", " ;", " :")
_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
)
_YEARS = re.compile(r"(?<!\d)(\d{3,4}) -- (\d{2,4})(?!\d| [a-z]+ ago)")
# The date before the dash ends in its year; that after it begins with its day or its month.
_DATES = re.compile(rf"(?<=\d\d\d) -- (?=(?:c\. ?|circa )?(?:\d{{1,2}} )?{_MONTH} \d)")
_SCORE = re.compile(r"(?<![\w.,/$£€-])(\d{1,2}) -- (\d{1,2})(?![\w/%-]|[.,]\d)")
_QUOTE = re.compile(r'"')
_RIGHT = ("opens", "closes")
_BEFORE_OPENING = ("", *" ([-–—/'")
_AFTER_CLOSING = ("", *" ,.;:!?)]-–—/'")
_ENDS = ".,!?…:"


def joined_marks(text: str) -> str:
    """Joins a comma, period, semicolon, question or exclamation mark to the word before it."""
    # Looking for these first takes a fifth of the time: most texts have none of them.
    if not any(mark in text for mark in _APART_MARKS):
        return text
    return _BLANK_BEFORE_MARK.sub("", text)


def with_dashes(text: str) -> str:
    """Writes "1901 -- 88", "6 -- 4" and "May 1874 -- 3 June 1904" with the dash of ranges."""
    if " -- " not in text:
        return text
    text = _DATES.sub(" – ", text)
    return _SCORE.sub(r"\1–\2", _YEARS.sub(r"\1–\2", text))


def paired_quotes(text: str) -> str:
    """Joins straight quotation marks to what they enclose, where it is plain which pairs they make.

    Line by line: a line is left alone where marks are odd in number or doubled, where one follows a
    digit and may mean inches, or where a pair looks like the end of one quotation and the start of
    the next.
    """
    return "\n".join(_paired(line) if '"' in line else line for line in text.split("\n"))


def _paired(line: str) -> str:
    places = [match.start() for match in _QUOTE.finditer(line)]
    if len(places) % 2 or '""' in line:
        return line
    pairs = list(zip(places[::2], places[1::2], strict=True))
    changes = [pair for pair in pairs if (_look(line, pair[0]), _look(line, pair[1])) != _RIGHT]
    if not all(_is_plain(line, *pair) for pair in changes):
        return line
    for start, stop in reversed(changes):
        before, inner, after = line[:start], line[start + 1 : stop].strip(), line[stop + 1 :]
        blank_before = "" if before[-1:] in _BEFORE_OPENING else " "
        blank_after = " " if after[:1].isalnum() else ""
        line = f'{before}{blank_before}"{inner}"{blank_after}{after}'
    return line


def _is_plain(line: str, start: int, stop: int) -> bool:
    """Whether two marks can only be a pair that has lost or gained a blank."""
    looks = (_look(line, start), _look(line, stop))
    if not line[start + 1 : stop].strip():
        return False
    if any(line[place - 1 : place].isdigit() for place in (start, stop)):
        return False
    # Between two letters, a mark of the sentence tells on which side the blank is missing.
    if looks[0] == "within" and line[start - 1] not in _ENDS:
        return False
    if looks[1] == "within" and line[stop - 1] not in _ENDS:
        return False
    wrong = (looks[0] == "closes") + (looks[1] == "opens")
    return not wrong or (wrong == 1 and "alone" in looks)


def _look(line: str, place: int) -> str:
    """What a mark looks like by its neighbors: "opens", "closes", "alone" or "within"."""
    before, after = line[place - 1 : place] if place else "", line[place + 1 : place + 2]
    is_free_before, is_free_after = before in _BEFORE_OPENING, after in _AFTER_CLOSING
    if is_free_before and after not in ("", " ") and not (before == " " and is_free_after):
        return "opens"
    if is_free_after and before not in ("", " "):
        return "closes"
    return "alone" if is_free_before and is_free_after else "within"
