"""The repairs of the translation normalizer, and what its two directions share."""

import pytest

from flan_tasks.core.example import Example, Skip
from flan_tasks.datasets import translation
from flan_tasks.datasets.translation import (
    PARA_CRAWL_ENES_FROM_ENGLISH,
    PARA_CRAWL_ENES_INTO_ENGLISH,
    WMT14_ENFR_INTO_ENGLISH,
    WMT16_DEEN_FROM_ENGLISH,
    WMT16_DEEN_INTO_ENGLISH,
    WMT16_ROEN_FROM_ENGLISH,
    WMT16_TREN_FROM_ENGLISH,
)


def _german(english: str, german: str):
    return WMT16_DEEN_FROM_ENGLISH.normalize({"en": english, "de": german})


def test_from_english_asks_for_the_other_language():
    found = _german("A dog.", "Ein Hund.")
    assert isinstance(found, Example)
    assert found.fields == {
        "source": "A dog.",
        "source_language": "English",
        "target_language": "German",
    }
    assert found.answer == "Ein Hund."


def test_into_english_asks_for_the_english():
    found = WMT16_DEEN_INTO_ENGLISH.normalize({"en": "A dog.", "de": "Ein Hund."})
    assert isinstance(found, Example)
    assert (found.fields["source"], found.answer) == ("Ein Hund.", "A dog.")
    assert found.fields["target_language"] == "English"


@pytest.mark.parametrize("pair", [("", "Ein Hund."), ("A dog.", " \u00ad\t")])
def test_pair_with_an_empty_side_is_skipped(pair):
    assert _german(*pair) == Skip("an empty side")


def test_pair_left_untranslated_is_skipped():
    line = "All rights reserved by the publisher"
    assert _german(line, line) == Skip("not translated")


@pytest.mark.parametrize("text", ["1989", "Berlin (dpa)"])
def test_equal_names_and_numbers_are_kept(text):
    assert isinstance(_german(text, text), Example)


def test_character_references_become_characters():
    found = _german("Fish &amp; chips &#8211; &quot;fresh&quot;", "Fisch")
    assert found.fields["source"] == 'Fish & chips – "fresh"'


def test_ampersand_without_semicolon_is_left_alone():
    found = _german("page?a=1&copy=2", "Seite")
    assert found.fields["source"] == "page?a=1&copy=2"


def test_soft_hyphens_are_removed():
    assert _german("Steam", "Dampf\u00adschiff").answer == "Dampfschiff"


def test_joiner_inside_an_emoji_is_kept():
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert _german(f"Hello {family}", f"Hallo {family}").answer == f"Hallo {family}"


def test_windows_leftovers_become_what_they_were():
    assert _german("1914\x961918", "1914\x961918").answer == "1914–1918"


def test_letters_with_loose_accents_are_composed():
    assert _german("Over", "U\u0308ber").answer == "Über"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("The last Friday in November .", "The last Friday in November."),
        ("They, too , came.", "They, too, came."),
        ("Iraq on 1 November 2013, .", "Iraq on 1 November 2013."),
        ("Wait ...", "Wait ..."),
        ("It costs .5 cents", "It costs .5 cents"),
    ],
)
def test_blank_before_comma_or_period_is_closed(given, wanted):
    assert _german(given, "Text").fields["source"] == wanted


def test_unbreakable_blank_becomes_a_blank():
    found = WMT14_ENFR_INTO_ENGLISH.normalize({"en": "How?", "fr": "Comment\u00a0?"})
    assert found.fields["source"] == "Comment ?"


def test_line_breaks_stay():
    assert _german("One\r\ntwo", "Eins\nzwei").fields["source"] == "One\ntwo"


def test_romanian_cedilla_becomes_comma_below():
    assert WMT16_ROEN_FROM_ENGLISH.normalize({"en": "x", "ro": "Anul şi viaţa"}).answer == (
        "Anul și viața"
    )


def test_turkish_cedilla_stays():
    assert WMT16_TREN_FROM_ENGLISH.normalize({"en": "x", "tr": "Şişli"}).answer == "Şişli"


def test_hub_row_becomes_the_primary_schema():
    adapt = WMT16_DEEN_FROM_ENGLISH.alternatives[0].adapt
    assert adapt({"translation": {"de": "Ja.", "en": None}}) == {"de": "Ja.", "en": ""}


@pytest.mark.parametrize("num_rows", [22, 5000, 38_971_348])
def test_directions_share_no_training_row(num_rows):
    one = PARA_CRAWL_ENES_FROM_ENGLISH.splits.slice("train", num_rows)
    other = PARA_CRAWL_ENES_INTO_ENGLISH.splits.slice("train", num_rows)
    assert len(one) and len(other)
    assert one.stop <= other.start


def test_directions_are_tested_on_the_same_rows():
    splits = [d.splits for d in (PARA_CRAWL_ENES_FROM_ENGLISH, PARA_CRAWL_ENES_INTO_ENGLISH)]
    assert splits[0].slice("test", 5000) == splits[1].slice("test", 5000)


def test_every_constant_is_named_after_its_dataset():
    declared = {n: d for n, d in vars(translation).items() if isinstance(d, translation.Dataset)}
    assert len(declared) == 16
    assert all(name == dataset.name.upper() for name, dataset in declared.items())
