"""The repairs of the commonsense normalizers, each on a toy row."""

import pytest

from flan_tasks.core.example import Skip
from flan_tasks.datasets.commonsense import COPA, HELLASWAG, PIQA, STORY_CLOZE


def _copa_row(**changes) -> dict:
    row = {
        "premise": "The lamp went out. ",
        "choice1": "The bulb burned out.",
        "choice2": "The cat slept.",
        "question": "cause",
        "label": 0,
    }
    return row | changes


def _hellaswag_row(context: str = "A dog sits. it", **changes) -> dict:
    endings = ["barks.", "sings.", "types.", "flies."]
    return {"context": context, "endings": endings, "label": 0, "activity_label": "Dogs"} | changes


def _piqa_row(**changes) -> dict:
    return {"goal": "Boil an egg", "sol1": "Use  water .", "sol2": "Use sand", "label": 0} | changes


def _story_row(**changes) -> dict:
    row = {"context": "Ann ran. She fell", "endings": ["It hurt.", "She flew."], "label": 1}
    return row | changes


@pytest.mark.parametrize(("question", "connective"), [("cause", "because"), ("effect", "so")])
def test_copa_question_is_put_in_words(question, connective):
    fields = COPA.normalize(_copa_row(question=question)).fields
    assert (fields["relation"], fields["connective"]) == (question, connective)


def test_copa_label_counts_from_zero():
    assert COPA.normalize(_copa_row(label=1)).answer == "The cat slept."


def test_copa_skips_rows_without_label():
    assert COPA.normalize(_copa_row(label=-1)) == Skip("no gold label")


def test_hellaswag_half_sentence_begins_with_a_capital():
    assert HELLASWAG.normalize(_hellaswag_row()).fields["context"] == "A dog sits. It"


def test_hellaswag_period_before_the_text_goes():
    row = _hellaswag_row(". a dog sits. it")
    assert HELLASWAG.normalize(row).fields["context"] == "A dog sits. It"


def test_hellaswag_ellipsis_before_the_text_stays():
    row = _hellaswag_row("... and a dog sits. It barks.")
    assert HELLASWAG.normalize(row).fields["context"] == "... and a dog sits. It barks."


def test_hellaswag_whole_sentences_keep_their_case():
    row = _hellaswag_row("Buy e.g. apples. Wash them.")
    assert HELLASWAG.normalize(row).fields["context"] == "Buy e.g. apples. Wash them."


def test_hellaswag_markup_makes_paragraphs_of_the_context():
    row = _hellaswag_row("[header] How to nap [title] Lie down. [step] Pick a quiet room.")
    context = HELLASWAG.normalize(row).fields["context"]
    assert context == "How to nap\n\nLie down. Pick a quiet room."


def test_hellaswag_title_without_a_period_gets_one_before_its_step():
    row = _hellaswag_row("[header] How to nap [title] Lie down [step] Pick a quiet room.")
    context = HELLASWAG.normalize(row).fields["context"]
    assert context == "How to nap\n\nLie down. Pick a quiet room."


def test_hellaswag_markup_of_endings_goes():
    endings = ["Rest. [title] Wake up [step] Stretch. [substeps] Yawn.", "B.", "C.", "D."]
    row = _hellaswag_row("Lie down.", endings=endings)
    assert HELLASWAG.normalize(row).answer == "Rest. Wake up. Stretch. Yawn."


def test_hellaswag_other_brackets_stay():
    row = _hellaswag_row("He reads [aloud] to us.")
    assert HELLASWAG.normalize(row).fields["context"] == "He reads [aloud] to us."


def test_hellaswag_word_before_a_mark_goes_with_every_ending():
    row = _hellaswag_row(endings=["'s asleep.", ", a pup, barks.", "sings.", "flies."])
    example = HELLASWAG.normalize(row)
    assert example.fields["context"] == "A dog sits."
    assert example.options == ("It's asleep.", "It, a pup, barks.", "It sings.", "It flies.")


def test_hellaswag_skips_rows_without_label():
    assert HELLASWAG.normalize(_hellaswag_row(label=-1)) == Skip("no gold label")


def test_hellaswag_skips_rows_with_two_equal_endings():
    row = _hellaswag_row(endings=["barks.", "barks. ", "sings.", "flies."])
    assert HELLASWAG.normalize(row) == Skip("two equal options")


def test_piqa_blanks_are_folded():
    assert PIQA.normalize(_piqa_row()).answer == "Use water."


def test_piqa_skips_rows_with_an_empty_solution():
    assert PIQA.normalize(_piqa_row(sol2=" ")) == Skip("an empty option")


def test_story_cloze_label_counts_from_one():
    assert STORY_CLOZE.normalize(_story_row(label=2)).answer == "She flew."


def test_story_cloze_lost_period_is_added():
    assert STORY_CLOZE.normalize(_story_row()).fields["context"] == "Ann ran. She fell."


def test_story_cloze_blank_before_a_period_goes():
    row = _story_row(endings=["It hurt .", "She flew."])
    assert STORY_CLOZE.normalize(row).answer == "It hurt."


def test_story_cloze_last_comma_becomes_a_period():
    assert STORY_CLOZE.normalize(_story_row(endings=["It hurt,", "Ha!"])).answer == "It hurt."


def test_story_cloze_skips_rows_without_label():
    assert STORY_CLOZE.normalize(_story_row(label=-1)) == Skip("no gold label")


def test_story_cloze_hub_rows_become_rows_of_the_source():
    hub = {f"input_sentence_{number}": f"S{number}." for number in range(1, 5)}
    hub |= {"sentence_quiz1": "A.", "sentence_quiz2": "B.", "answer_right_ending": 2}
    (alternative,) = STORY_CLOZE.alternatives
    assert alternative.adapt(hub) == {
        "context": "S1. S2. S3. S4.",
        "endings": ["A.", "B."],
        "label": 2,
    }
