"""Tests of what the NLI normalizers repair and skip, and of each source's label numbers."""

import pytest

from flan_tasks.core.example import Skip
from flan_tasks.datasets import catalog

_OPEN = "it is impossible to say"


def _example(name, **row):
    return catalog().expand([name])[0].normalize(row)


def test_anli_turns_line_breaks_of_a_wiki_into_line_ends():
    example = _example("anli_r3", context="The Jar<br>It broke.<BR/>", hypothesis="So?", label=1)
    assert example.fields["context"] == "The Jar\nIt broke."


def test_anli_drops_markup_of_wikis_and_how_tos():
    context = '<nowiki>Ann\'s</nowiki> <ref name="a"> </ref> list. [substeps] Boil it.'
    example = _example("anli_r1", context=context, hypothesis="x", label=0)
    assert example.fields["context"] == "Ann's list. Boil it."


def test_anli_undoes_tokenizing_line_by_line():
    context = "`` I do n't mind , '' said he .<br>Nor I ."
    example = _example("anli_r3", context=context, hypothesis="He minds .", label=2)
    assert example.fields["context"] == '"I don\'t mind," said he.\nNor I.'
    assert example.fields["hypothesis"] == "He minds."


def test_anli_keeps_signs_that_compare():
    example = _example("anli_r1", context="Here a < b and b > c.", hypothesis="a < b", label=0)
    assert example.fields["context"] == "Here a < b and b > c."


def test_mnli_reads_character_references():
    example = _example("mnli_matched", premise="T&amp;A systems", hypothesis="x", label=0)
    assert example.fields["premise"] == "T&A systems"


@pytest.mark.parametrize(
    ("name", "texts", "answers"),
    [
        ("anli_r1", ("context", "hypothesis"), ("yes", _OPEN, "no")),
        ("cb", ("premise", "hypothesis"), ("yes", "no", _OPEN)),
        ("mnli_matched", ("premise", "hypothesis"), ("yes", _OPEN, "no")),
        ("snli", ("premise", "hypothesis"), ("yes", _OPEN, "no")),
        ("qnli", ("question", "sentence"), ("yes", "no")),
        ("rte", ("premise", "hypothesis"), ("yes", "no")),
        ("wnli", ("sentence1", "sentence2"), ("no", "yes")),
    ],
)
def test_label_numbers_of_each_source(name, texts, answers):
    row = dict.fromkeys(texts, "It rains.")
    found = tuple(_example(name, **row, label=number).answer for number in range(len(answers)))
    assert found == answers
    assert _example(name, **row, label=-1) == Skip("no gold label")
