"""Punctuation of typed text: marks that stand apart from their words, dashes, quotation marks."""

import re

_BLANK_BEFORE_MARK = re.compile(
    # An ellipsis of spaced points stays, as do bullets, which have a blank or nothing before them.
    r"(?<=[^\W_]|[)\]\"'’”%+]) +(?=(?:[,;.?!]|:(?! \d))(?:[\"'’”)\]]*(?:\s|$)))(?![.?!] [.?!])"
)
_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
)
_YEARS = re.compile(r"(?<!\d)(\d{3,4}) -- (\d{2,4})(?!\d| [a-z]+ ago)")
# The date before the dash ends in its year; that after it begins with its day or its month.
_DATES = re.compile(rf"(?<=\d\d\d) -- (?=(?:c\. ?|circa )?(?:\d{{1,2}} )?{_MONTH} \d)")
_SCORE = re.compile(r"(?<![\w.,/$£€-])(\d{1,2}) -- (\d{1,2})(?![\w/%-]|[.,]\d)")
_QUOTE = re.compile(r'"')


def joined_marks(text: str) -> str:
    """Joins a comma, period, semicolon, question or exclamation mark to the word before it."""
    return _BLANK_BEFORE_MARK.sub("", text)


def with_dashes(text: str) -> str:
    """Writes "1901 -- 88", "6 -- 4" and "May 1874 -- 3 June 1904" with the dash of ranges."""
    text = _DATES.sub(" – ", text)
    return _SCORE.sub(r"\1–\2", _YEARS.sub(r"\1–\2", text))


def paired_quotes(text: str) -> str:
    """Joins straight quotation marks to what they enclose, where it is plain which pairs they make.

    Line by line: a line is left alone where marks are odd in number, where one follows a digit and
    may mean inches, or where a pair looks like the end of one quotation and the start of the next.
    """
    return "\n".join(map(_paired, text.split("\n")))


def _paired(line: str) -> str:
    places = [match.start() for match in _QUOTE.finditer(line)]
    if not places or len(places) % 2:
        return line
    sides = [_sides(line, place) for place in places]
    changes = []
    for number in range(0, len(places), 2):
        opening, closing = sides[number], sides[number + 1]
        if opening == "opens" and closing == "closes":
            continue
        wrong = (opening == "closes") + (closing == "opens")
        alone = (opening == "alone") + (closing == "alone")
        if wrong and not (wrong == 1 and alone == 1):
            return line
        if any(line[place - 1 : place].isdigit() for place in places[number : number + 2]):
            return line
        changes.append((places[number], places[number + 1]))
    for start, stop in reversed(changes):
        inner = line[start + 1 : stop].strip()
        if not inner:
            continue
        before, after = line[:start], line[stop + 1 :]
        before = before if before[-1:] in ("", " ", "(", "[", "-", "—", "/", "'") else f"{before} "
        after = f" {after}" if after[:1].isalnum() else after
        if after[:2] in (" ,", " .", " ;", " !", " ?") and after[2:3] in ("", " "):
            after = after[1:]
        line = f'{before}"{inner}"{after}'
    return line


def _sides(line: str, place: int) -> str:
    """What a mark looks like by the blanks beside it: "opens", "closes", "alone" or "within"."""
    before, after = line[place - 1 : place] if place else "", line[place + 1 : place + 2]
    is_free_before = before in ("", " ", "(", "[", "-", "—", "–", "/", "'")
    is_free_after = after in (
        "",
        " ",
        ",",
        ".",
        ";",
        ":",
        "!",
        "?",
        ")",
        "]",
        "-",
        "—",
        "–",
        "/",
        "'",
    )
    if is_free_before and not (after in ("", " ") or (before == " " and is_free_after)):
        return "opens"
    if is_free_after and before not in ("", " "):
        return "closes"
    return "alone" if is_free_before and is_free_after else "within"
