"""Text from data and declarations, made safe for where it is shown: terminals, Markdown, YAML.

Nothing of it may act there: no escape sequence, no markup, no key. What is changed stays readable.
"""

import json
import re

# Control characters but tab and line feed, what ends a line elsewhere, what turns the direction of
# a line, tags nobody sees, and halves of surrogate pairs, which no stream takes.
_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_TO_BLANKS = str.maketrans("\n\t", "  ")
# What begins or is markup wherever it stands in a line of Markdown, HTML within it included.
# An underscore between two letters or digits is none.
_MARKUP = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
# What makes a line something else than a paragraph: a heading, a list, a quotation, a rule.
_AT_START = re.compile(r"(\d*)([-#+=>:.)])")
_ENTITY = re.compile(r"&(?=#?\w+;)")


def for_terminal(text: object) -> str:
    """Returns text whose control characters are written out, as \\x1b; lines and tabs stay."""
    plain = str(text)
    # None of them is printable by Python's word, and nearly all texts are.
    return plain if plain.isprintable() else _ACTING.sub(_written, plain)


def for_line(text: object) -> str:
    """The same in one line: line ends and tabs become blanks."""
    return for_terminal(text).translate(_TO_BLANKS)


def for_markdown(text: object) -> str:
    """Returns one line of Markdown, of a paragraph or of a table's cell, that shows the text."""
    line = " ".join(for_terminal(text).split())
    line = _ENTITY.sub("&amp;", line).replace("<", "&lt;")
    line = _MARKUP.sub(lambda match: f"\\{match.group()}", line)
    return re.sub(_AT_START, r"\1\\\2", line, count=1) if _AT_START.match(line) else line


def for_html(text: object) -> str:
    """Returns HTML that shows the text, between tags or within a quoted attribute."""
    import html  # here, as every command imports this module: it brings the names of all entities

    return html.escape(for_terminal(text), quote=True)


def for_code_block(text: str) -> str:
    """Returns lines of Markdown's indented code, which nothing in them can end."""
    return "\n".join(f"    {line}" for line in for_terminal(text).split("\n"))


def for_yaml(text: str) -> str:
    """Returns a double-quoted scalar of YAML, in one line, that reads as the text."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else _written_wide(letter) for letter in quoted)


def _written(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else _written_wide(match.group())


def _written_wide(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
