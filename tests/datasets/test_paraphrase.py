"""Tests of what the paraphrase normalizers repair and skip."""

import pytest

from flan_tasks.core.example import Skip
from flan_tasks.datasets.paraphrase import GLUE_MRPC, GLUE_QQP, PAWS_WIKI, STSB


def test_mrpc_is_detokenized():
    row = {"sentence1": 'He " won \'t " pay $ 5 .', "sentence2": "It 's due .", "label": 0}
    example = GLUE_MRPC.normalize(row)
    assert dict(example.fields) == {
        "sentence1": 'He "won\'t" pay $5.',
        "sentence2": "It's due.",
    }


@pytest.mark.parametrize("dataset", [GLUE_MRPC, PAWS_WIKI])
def test_label_one_means_the_same(dataset):
    row = {"sentence1": "a", "sentence2": "b", "label": 1}
    assert dataset.normalize(row).answer == "yes"


@pytest.mark.parametrize("dataset", [GLUE_MRPC, PAWS_WIKI, STSB])
def test_hidden_labels_are_skipped(dataset):
    row = {"sentence1": "a", "sentence2": "b", "label": -1}
    assert dataset.normalize(row) == Skip("no gold label")


@pytest.mark.parametrize("dataset", [GLUE_MRPC, PAWS_WIKI, STSB])
def test_pairs_with_an_empty_sentence_are_skipped(dataset):
    row = {"sentence1": "a", "sentence2": "", "label": 1}
    assert dataset.normalize(row) == Skip("an empty sentence")


def test_paws_is_detokenized():
    row = {"sentence1": "`` Up '' ( 1901 -- 88 ) .", "sentence2": "x", "label": 0}
    assert PAWS_WIKI.normalize(row).fields["sentence1"] == '"Up" (1901–88).'


def test_qqp_loses_the_quoting_of_its_csv_file():
    row = {"question1": '"Is ""so"" a word?"', "question2": "Who?", "label": 0}
    assert GLUE_QQP.normalize(row).fields["question1"] == 'Is "so" a word?'


def test_qqp_keeps_quotation_marks_around_a_whole_question():
    row = {"question1": '"Who goes there?"', "question2": "Who?", "label": 0}
    assert GLUE_QQP.normalize(row).fields["question1"] == '"Who goes there?"'


def test_qqp_skips_an_empty_question():
    row = {"question1": "Who?", "question2": "", "label": 0}
    assert GLUE_QQP.normalize(row) == Skip("an empty question")


@pytest.mark.parametrize(
    ("score", "answer"), [(0.0, "0"), (0.5, "1"), (2.5, "3"), (2.799999952316284, "3"), (5.0, "5")]
)
def test_stsb_rounds_half_up(score, answer):
    row = {"sentence1": "a", "sentence2": "b", "label": score}
    assert STSB.normalize(row).answer == answer


def test_stsb_keeps_the_gold_score_for_metrics():
    row = {"sentence1": "a", "sentence2": "b", "label": 2.799999952316284}
    assert STSB.normalize(row).extra == {"score": 2.8}


def test_stsb_and_mrpc_declare_their_shared_text_on_both_sides():
    assert STSB.overlaps == ("glue_mrpc",) and GLUE_MRPC.overlaps == ("stsb",)
