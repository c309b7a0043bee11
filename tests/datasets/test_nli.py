"""Tests of how NLI labels become answers, and of what the normalizers repair and skip."""

import pytest

from flan_tasks.core.example import Skip
from flan_tasks.datasets.nli import (
    ANLI_R1,
    ANLI_R3,
    CB,
    MNLI_MATCHED,
    MNLI_MISMATCHED,
    QNLI,
    RTE,
    SNLI,
    WNLI,
)

OPEN = "it is impossible to say"


def _pair(label: int = 0, *, premise: str = "It rains.", hypothesis: str = "It is wet.") -> dict:
    return {"premise": premise, "hypothesis": hypothesis, "label": label}


def _anli(context: str = "It rains.", *, label: int = 0) -> dict:
    return {"context": context, "hypothesis": "It is wet.", "label": label}


def _context(text: str) -> str:
    return ANLI_R3.normalize(_anli(text)).fields["context"]


@pytest.mark.parametrize(
    ("dataset", "answers"),
    [
        (CB, ("yes", "no", OPEN)),
        (MNLI_MATCHED, ("yes", OPEN, "no")),
        (RTE, ("yes", "no")),
        (SNLI, ("yes", OPEN, "no")),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_label_numbers_of_pairs_have_the_meaning_of_their_source(dataset, answers):
    found = tuple(dataset.normalize(_pair(label)).answer for label in range(len(answers)))
    assert found == answers


def test_anli_labels_stand_for_entailment_neutral_contradiction():
    found = [ANLI_R1.normalize(_anli(label=label)).answer for label in range(3)]
    assert found == ["yes", OPEN, "no"]


def test_qnli_label_zero_means_that_the_sentence_answers():
    row = {"question": "Why?", "sentence": "Because.", "label": 0}
    assert QNLI.normalize(row).answer == "yes"


def test_wnli_label_zero_means_that_it_does_not_follow():
    row = {"sentence1": "It fell.", "sentence2": "The cup fell.", "label": 0}
    assert WNLI.normalize(row).answer == "no"


def test_rows_with_hidden_labels_are_skipped():
    assert RTE.normalize(_pair(-1)) == Skip("no gold label")


def test_rows_without_a_hypothesis_are_skipped():
    assert MNLI_MATCHED.normalize(_pair(hypothesis=" ")) == Skip("empty text")


def test_mismatched_mnli_is_never_trained_on():
    assert not MNLI_MISMATCHED.is_trained_on


def test_anli_turns_html_line_breaks_into_line_ends():
    assert _context("A kettle<br>Fill it.<BR/>Boil it.") == "A kettle\nFill it.\nBoil it."


def test_anli_loses_wiki_markup():
    text = '"Low Tide"<nowiki>\'</nowiki>s cover.<ref name="A/B"> </ref> It sold.'
    assert _context(text) == '"Low Tide"\'s cover. It sold.'


def test_anli_loses_what_a_template_left():
    assert _context("Ada Voss, {'1': \", '2': \"} (1900 - 1980)") == "Ada Voss (1900 - 1980)"


def test_anli_loses_step_markers():
    assert _context("Sort them. [substeps] Wrap them.") == "Sort them. Wrap them."


@pytest.mark.parametrize(
    ("left", "mended"),
    [
        ("Orla (] ; born 1967) is", "Orla (born 1967) is"),
        ("Orla ( ; born 1967) is", "Orla (born 1967) is"),
        ("Orla ( or ; ] ; born 1967) is", "Orla (born 1967) is"),
        ("Orla (pronounced ] ; born 1967) is", "Orla (born 1967) is"),
        ("Tarn (] ) is", "Tarn is"),
        ("Tarn () is", "Tarn is"),
        ("Tarn (Danish: Tjern ), once", "Tarn (Danish: Tjern), once"),
    ],
)
def test_anli_loses_the_rest_of_a_pronunciation(left, mended):
    assert _context(left) == mended


@pytest.mark.parametrize(
    "text", ["Call main() first.", "Bread and (or) rice.", "It sold (by 1990; see [2]) well."]
)
def test_anli_keeps_brackets_that_lack_nothing(text):
    assert _context(text) == text


def test_anli_undoes_tokenizing_line_by_line():
    text = "`` You 'll see , '' he said .<br>She did n't answer ."
    assert _context(text) == "\"You'll see,\" he said.\nShe didn't answer."


def test_anli_joins_thousands():
    assert _context("It costs 12 , 000 miles.") == "It costs 12,000 miles."


def test_cb_gives_every_turn_a_line():
    row = _pair(premise="A: Is it? B: No. A: Uh-huh.", hypothesis="it is")
    assert CB.normalize(row).fields["premise"] == "A: Is it?\nB: No.\nA: Uh-huh."


def test_cb_undoes_tokenizing_of_quotes_and_clitics():
    row = _pair(premise="``Yes,'' he said. He 'd gone.", hypothesis="he 'd gone")
    fields = CB.normalize(row).fields
    assert fields == {"premise": '"Yes," he said. He\'d gone.', "hypothesis": "he'd gone"}


def test_mnli_reads_character_references():
    row = _pair(premise="Brown &amp; Voss won.")
    assert MNLI_MATCHED.normalize(row).fields["premise"] == "Brown & Voss won."


def test_mnli_loses_blanks_before_marks_and_at_ends():
    row = _pair(premise="Near the Globe , a theater .", hypothesis=" It is new. ")
    assert MNLI_MATCHED.normalize(row).fields == {
        "premise": "Near the Globe, a theater.",
        "hypothesis": "It is new.",
    }


def test_qnli_keeps_code_in_sentences_as_it_is():
    row = {"question": "Which marks ?", "sentence": "Blocks have { and }.", "label": 0}
    assert QNLI.normalize(row).fields == {
        "question": "Which marks?",
        "sentence": "Blocks have { and }.",
    }
