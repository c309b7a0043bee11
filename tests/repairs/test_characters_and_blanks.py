"""Tests of what every text goes through: its characters and its blanks."""

import pytest

from flan_tasks.repairs.blanks import one_line, tidy
from flan_tasks.repairs.characters import readable


def test_tidy_keeps_paragraphs_and_folds_blanks():
    assert tidy(" a\t b \r\n\r\n\r\n\r\nc\rd ") == "a b\n\nc\nd"


def test_one_line_folds_every_blank():
    assert one_line(" a\n\n b\tc ") == "a b c"


@pytest.mark.parametrize(
    ("broken", "typed"),
    [
        ("paid Â£400, or â‚¬1.38", "paid £400, or €1.38"),
        ("Sinn FÃ©in â€” the partyâ\x80\x99s", "Sinn Féin — the party’s"),
        ("a film \x96 and \x93good\x94\x85", "a film – and “good”…"),
        ("15th-?\u00adcentury, Mar?\u00adshall", "15th-century, Marshall"),
        ("Hydro\u00adgen\ufeff \u200eن\u200e", "Hydrogen ن"),
    ],
)
def test_broken_characters_become_what_was_typed(broken, typed):
    assert readable(broken) == typed


@pytest.mark.parametrize(
    "text",
    [
        "Où est l’âme ? « Là », dit-il ; voilà : ÇA.",
        "Příliš žluťoučký kůň. ÄÖÜ ß. İstanbul’da. Ștefan în țară.",
        "Съешь же ещё. 日本語。 한국어. مرحبا می\u200cخواهم 👩\u200d🚀",
        "40 °C ± 2 µm, £3–4, naïve café…",
        "plain",
    ],
)
def test_text_that_makes_sense_stays(text):
    assert readable(text) == text


def test_a_control_that_was_an_ellipsis_is_no_line_end():
    assert one_line("good\x85 and\x85bad") == "good… and…bad"
