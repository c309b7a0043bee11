"""Where a written answer ends, told of its beginning alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.evaluation.records import Prompt
from flan_tasks.inference.answer_ends import is_whole, stops_of, whole_answer
from flan_tasks.metrics.gold import Gold
from flan_tasks.suites.reading import cut_at_stops
from flan_tasks.vocabulary import BytesVocabulary


@pytest.mark.parametrize(
    ("text", "stops", "whole"),
    [
        ("4 Q", ("Q:",), False),
        ("4 Q:", ("Q:",), True),
        # Both begin where the text is cut.
        ("4\n", ("\n\n", "\n"), True),
        ("4\n", ("\n\n",), False),
        # The longer one may still begin before the one that has ended.
        ("x abcd", ("abcdef", "cd"), False),
        ("x abcdx", ("abcdef", "cd"), True),
        ("x cdab", ("abcdef", "cd"), True),
        # Bytes that are no character yet are no part of a text.
        ("4 #\ufffd", ("4 #é", "#"), False),
        ("4 #\ufffd", ("#",), True),
        ("4", (), False),
    ],
)
def test_a_text_is_whole_where_nothing_behind_it_matters(text, stops, whole):
    assert is_whole(text, stops) == whole


@given(
    st.text(alphabet="abc", max_size=20),
    st.lists(st.text(alphabet="abc", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_what_is_cut_of_a_whole_beginning_is_cut_of_the_text(text, stops):
    for length in range(len(text) + 1):
        if is_whole(text[:length], stops):
            assert cut_at_stops(text[:length], tuple(stops)) == cut_at_stops(text, tuple(stops))


def test_an_answer_ends_where_it_does_for_all_questions_that_it_is_for():
    vocabulary = BytesVocabulary()
    ids = vocabulary.encode(["4. Q: 5"])[0]
    is_over = whole_answer(vocabulary.decode, [(".",), ("Q:",)])
    assert [is_over(ids[:n]) for n in range(len(ids) + 1)] == [n >= 5 for n in range(len(ids) + 1)]
    assert whole_answer(vocabulary.decode, [(".",), ()]) is None


def test_prompts_say_where_their_answers_end():
    gold = Gold("", ("",))
    assert stops_of(Prompt("Q", gold)) == ()
    assert stops_of(Prompt("Q", gold, num_shots=2)) == ("#####",)
    assert stops_of(Prompt("Q", gold, num_shots=2, stops=("\n",))) == ("\n",)
    assert stops_of(Prompt("Q", gold, num_shots=2, stops=())) == ()
