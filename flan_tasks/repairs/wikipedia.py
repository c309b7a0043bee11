"""What pages of Wikipedia leave in text that was taken from them.

Every repair works on a passage and on a stretch cut out of it alike, so that an answer stays a part
of its passage.
"""

import re

from flan_tasks.repairs.blanks import tidy
from flan_tasks.repairs.marks import with_dashes

# Notes of editors: "[citation needed]", "[page needed]", "[dubious – discuss]". A question is one
# with its mark alone: "the man [who] came" is a quotation.
_EDITORS_NOTE = re.compile(
    r"[^\S\n]*[\[(](?:"
    r"(?:\w+ ){0,2}(?:citation|clarification|quotation|verification|page|source|year|date)s?"
    r"(?: \w+)? needed"
    r"|(?:dubious|disputed)(?: [–-] discuss)?|not in citation given|failed verification"
    r"|original research\??|(?:unreliable|self-published) source\??|weasel words|update|vague"
    r"|(?:when|who|whom|which|where|why|how|by whom|according to whom|clarification|specify"
    r"|says who)\?"
    r")[\])]",
    re.IGNORECASE,
)
# Marks of footnotes: "[note 7]" anywhere; "[4]" after the end of a clause or a name, "[a]" after
# the end of a clause. "array[0]" and "[T]he" stay.
_FOOTNOTE = re.compile(
    r"\s?\[(?:note|nb|n|fn) ?\d{1,3}\]"
    r"|(?:(?<=[.,;!?)\"”])|(?<=\b[A-Z][a-z]{2})|(?<=\b[A-Z][a-z]{3})|(?<=\b[A-Z][a-z]{4})"
    r"|(?<=\b[A-Z][a-z]{5})|(?<=\b[A-Z][a-z]{6}))\[\d{1,3}\](?!\w)"
    r"|(?<=[.,;!?)\"”])\[[a-z]\](?!\w)"
)
# Pages of the source beside a footnote: "in 1999.:10–13 In most", "gaming table.:43, 301".
_PAGES = re.compile(
    r"(?<=[.,)\"”]):\d{1,4}(?:[–-]\d{1,4})?(?:, ?\d{1,4}(?:[–-]\d{1,4})?)*(?=\s|$|\")"
)
_LISTEN = re.compile(r"[^\S\n]*\(\s*listen\s*\)")
_REFERENCE = re.compile(
    r"<ref\b[^<>]*/>|<ref\b[^<>]*>[^<>]{0,300}</ref>"
    r"|(?:(?:Accessed|Retrieved) [^.<>]{4,30}\. ?)?</ref>|<ref\b[^<>]*>|</?nowiki>"
)
# Coordinates are given three times: in degrees and minutes, in degrees, and for machines.
_COORDINATES = re.compile(
    r"(?<=[NSEW])\ufeff? / \ufeff?-?[\d.]+°[NS] -?[\d.]+°[EW]\ufeff? / -?[\d.]+; -?\d+(?:\.\d+)?"
)
_FORMULA = re.compile(r"[({]\\displaystyle\b")
_BRACKETS = re.compile(r"(?<!\S)\(([^()]*)\)")
# "Urdu:" with no Urdu behind it.
_LEADS_UP = re.compile(r"[A-Z][\w-]+(?: [\w-]+)?:")
_PARTS = re.compile(r"\s*;(?:\s+|$)")


def without_page_marks(text: str) -> str:
    """Drops notes, footnotes, page numbers, tags and formulas and coordinates given twice."""
    # Before blanks are folded: what parts coordinates is not seen.
    text = _COORDINATES.sub("", _REFERENCE.sub("", text))
    text = _EDITORS_NOTE.sub("", _without_formulas(text))
    text = _LISTEN.sub("", _PAGES.sub("", _FOOTNOTE.sub("", text)))
    return with_dashes(tidy(text))


def _without_formulas(text: str) -> str:
    """Drops the LaTeX that stands, between brackets, behind each formula as it is shown."""
    pieces, at = [], 0
    for match in _FORMULA.finditer(text):
        if match.start() < at:
            continue
        depth = 0
        for place in range(match.start(), len(text)):
            depth += (text[place] in "({") - (text[place] in ")}")
            if not depth:
                pieces.append(text[at : match.start()].rstrip())
                at = place + 1
                break
    return "".join(pieces) + text[at:] if pieces else text


def without_cut_outs(text: str) -> str:
    """Drops from brackets what a pronunciation or foreign name leaves that was cut out of them.

    Its end may be left, "(] ; born 1950)", the name of its language, "(Urdu: ; born 1950)", or
    nothing, "( ; born 1950)".
    """
    return _BRACKETS.sub(_without_cut_out, text)


def _without_cut_out(match: re.Match[str]) -> str:
    inner = match.group(1)
    has_end = "]" in inner and "[" not in inner
    parts = [part.strip(" ,]" if has_end else " ,") for part in _PARTS.split(inner)]
    # The words that led up to it are of no use without it.
    leading = ("", "pronounced") if all(parts) and not has_end else ("", "pronounced", "or")
    rest = [part for part in parts if part not in leading and not _LEADS_UP.fullmatch(part)]
    if len(rest) == len(parts) and not has_end and not inner.lstrip().startswith((",", ";")):
        return match.group() if inner.rstrip().endswith((".", "!", "?")) else f"({inner.strip()})"
    return f"({'; '.join(rest)})" if rest else ""
