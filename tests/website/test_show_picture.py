"""The README's picture of `flan show` is of what it prints."""

import re
from xml.etree import ElementTree

from show_picture import COMMANDS, PICTURE, printed


def words(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\xa0", " ").split()


def test_the_picture_shows_what_the_commands_print():
    texts = ElementTree.parse(PICTURE).getroot().iter("{http://www.w3.org/2000/svg}text")
    # By place: a line is cut where its color changes, and where the picture ends.
    pieces = [(float(one.get("y")), float(one.get("x")), one.text or "") for one in texts]
    shown = "".join(text for *_, text in sorted(pieces[1:], key=lambda piece: piece[:2]))
    wanted = "".join(f"$ {command}\n{printed(command)}\n" for command in COMMANDS)
    assert "".join(words(shown)) == "".join(words(wanted))


def test_the_picture_asks_for_nothing():
    text = PICTURE.read_text(encoding="utf-8")
    assert "url(http" not in text and "@font-face" not in text and "<script" not in text
