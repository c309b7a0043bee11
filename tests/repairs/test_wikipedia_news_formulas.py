"""Tests of what pages and feeds leave, and of LaTeX."""

import pytest

from flan_tasks.repairs.formulas import plain_formulas
from flan_tasks.repairs.news import without_byline, without_dateline
from flan_tasks.repairs.wikipedia import without_cut_outs, without_page_marks


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("at 12 kHz.[citation needed]", "at 12 kHz."),
        ("a third[better source needed].[note 7] The", "a third. The"),
        ("As of 2015[update], some [who?] say", "As of 2015, some say"),
        (
            "nutrition.:10–13 In most; table.:43, 301",
            "nutrition. In most; table.",
        ),
        ("Land).[a] Peter Gard[4] died.[12]", "Land). Peter Gard died."),
        ("Warsaw ([vaʂa] ( listen); see", "Warsaw ([vaʂa]; see"),
        ("Europe. Accessed May 2, 2014.</ref> It", "Europe. It"),
        ("a<ref name=x>A. Book, 2001</ref> b<ref name=x/>", "a b"),
        ("9°19′E\ufeff / \ufeff47.650°N 9.317°E\ufeff / 47.650; 9.317.", "9°19′E."),
        ("ratio 1.6 (\\displaystyle (1+(\\sqrt (5)))/2) is", "ratio 1.6 is"),
        ("(4 May 1914 -- 11 June 1918)", "(4 May 1914 – 11 June 1918)"),
    ],
)
def test_marks_of_a_page_go(page, text):
    assert without_page_marks(page) == text


@pytest.mark.parametrize(
    "text",
    [
        'he said "[t]he man [who] came [to us]"',
        "array[0] and x[12] = y[i]; pairs {a, b}",
        "John 3:16 and 10:30 a.m., a ratio 2:1",
        "(see the update) and (listen to it)",
        "[varˈʂava], [Ee], [sic], [...]",
    ],
)
def test_other_brackets_and_numbers_stay(text):
    assert without_page_marks(text) == text
    assert without_cut_outs(text) == text


@pytest.mark.parametrize(
    ("cut", "text"),
    [
        ("Ada ( ; born 1950) ran", "Ada (born 1950) ran"),
        ("Dasht (Urdu: ) is", "Dasht is"),
        ("County (; Standard Zhuang:) is", "County is"),
        ("Lee (, lit. Sky) is", "Lee (lit. Sky) is"),
        ("light (Q.W. ) and (1 + 5 ) / 2", "light (Q.W. ) and (1 + 5) / 2"),
    ],
)
def test_what_a_cut_out_name_leaves_goes(cut, text):
    assert " ".join(without_cut_outs(cut).split()) == text


@pytest.mark.parametrize(
    ("article", "text"),
    [
        ("(CNN) -- Rain fell", "Rain fell"),
        ("LOS ANGELES, California (CNN) -- Rain fell", "Rain fell"),
        ("(CNN)Rain fell", "Rain fell"),
        ("(OPRAH.com) -- Rain fell", "Rain fell"),
        ("Rain (heavy) fell -- hard", "Rain (heavy) fell -- hard"),
    ],
)
def test_an_article_begins_with_its_first_word(article, text):
    assert without_dateline(article) == text


@pytest.mark.parametrize(
    ("article", "text"),
    [
        ("By Ada Reeve\n\nRain fell", "Rain fell"),
        ("By Daily Mail Reporter Rain fell", "Rain fell"),
        ("By Ada Reeve and Bo Teal for MailOnline\nRain fell", "Rain fell"),
        ("By Monday Rain Had Fallen.\nIt was wet", "By Monday Rain Had Fallen.\nIt was wet"),
        ("By noon rain fell", "By noon rain fell"),
    ],
)
def test_a_byline_goes_and_a_sentence_stays(article, text):
    assert without_byline(article) == text


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        ("2H_{2} + O_{2} -> 2H_{2}O", "2H₂ + O₂ -> 2H₂O"),
        ("Cu(NO_{3})_{2}, 4 m/s^2, 10^{-3}", "Cu(NO₃)₂, 4 m/s², 10⁻³"),
        (
            r"q = m \times C \times \Delta T; \frac{1}{2}",
            "q = m × C × Δ T; 1/2",
        ),
        (r"CH_{4} + \Box O_{2}; v_{q}", "CH₄ + ___ O₂; v_q"),
        (r"a_b, file_name, \unknown, ___", r"a_b, file_name, \unknown, ___"),
    ],
)
def test_formulas_are_written_as_people_do(latex, text):
    assert plain_formulas(latex) == text
