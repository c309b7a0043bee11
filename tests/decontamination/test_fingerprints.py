import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.decontamination.fingerprints import (
    EXAMPLE,
    KINDS,
    RUN,
    SHORTEST_TEXT,
    TEXT,
    WORDS,
    Fingerprinter,
    Index,
    Texts,
    same_example,
    shared_run,
    shared_text,
    words,
)

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


def kinds_shared(one: Texts, other: Texts) -> set[str]:
    """The kinds under which two examples meet, by fingerprints."""
    maker = Fingerprinter()
    index = Index(maker.prints([other]), np.zeros(1, np.int64))
    return {kind for kind, found in maker.prints([one]).items() if len(index.hits(kind, found)[0])}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("The  CAT, sat!", "the cat sat"),
        ("caf\u00e9", "cafe\u0301"),
        ("it's", "it s"),
        ("STRASSE", "stra\u00dfe"),
        ("a_b\tc\n", "a b c"),
    ],
)
def test_words_leave_case_punctuation_and_blanks_out(text, same):
    assert words(text) == words(same)


def test_an_example_is_found_whatever_the_order_of_its_texts():
    one, other = Texts(("A cat.", "A dog.")), Texts(("a dog", "a cat"))
    assert kinds_shared(one, other) == {EXAMPLE}
    assert same_example(one, other)


def test_a_short_text_alone_is_no_match():
    seven = " ".join(LONG.split()[: SHORTEST_TEXT - 1])
    assert kinds_shared(Texts((seven, "x")), Texts((seven, "y"))) == set()
    eight = " ".join(LONG.split()[:SHORTEST_TEXT])
    assert kinds_shared(Texts((eight, "x")), Texts((eight, "y"))) == {TEXT}


def test_a_run_of_thirteen_words_is_found_and_twelve_are_not():
    thirteen = " ".join(LONG.split()[:RUN])
    twelve = " ".join(LONG.split()[: RUN - 1])
    assert kinds_shared(Texts((f"x {thirteen} y",)), Texts((f"z {thirteen}",))) == {WORDS}
    assert kinds_shared(Texts((f"x {twelve} y",)), Texts((f"z {twelve}",))) == set()


def test_a_run_does_not_reach_from_one_text_into_the_next():
    head, tail = " ".join(LONG.split()[:7]), " ".join(LONG.split()[7:])
    assert kinds_shared(Texts((head, tail)), Texts((LONG,))) == set()


def test_more_texts_take_part_in_runs_and_not_in_the_example():
    one, other = Texts(("cat",), (LONG,)), Texts(("cat",))
    assert kinds_shared(one, other) == {EXAMPLE}
    assert kinds_shared(Texts(("dog",), (LONG,)), Texts((LONG + " more",))) == {WORDS}


def test_shared_run_is_the_longest():
    assert shared_run(Texts((f"a {LONG} b",)), Texts((f"c {LONG}", LONG[:-9]))) == LONG


def test_empty_texts_have_no_fingerprint():
    maker = Fingerprinter()
    for examples in ([], [Texts(("", "..."))]):
        assert all(not len(found.hashes) for found in maker.prints(examples).values())
    found = maker.prints([Texts(("",)), Texts(("cat", ""))])
    assert found[EXAMPLE].examples.tolist() == [1]


texts = st.lists(st.sampled_from("a b c d".split()), max_size=18).map(" ".join)
examples = st.builds(
    lambda whole, more: Texts(tuple(whole), tuple(more)),
    st.lists(texts, max_size=3),
    st.lists(texts, max_size=2),
)


@given(examples, examples)
def test_fingerprints_find_what_comparing_words_finds(one, other):
    found = kinds_shared(one, other)
    has_words = any(words(text) for text in one.whole)
    assert (EXAMPLE in found) == (has_words and same_example(one, other))
    assert (TEXT in found) == bool(shared_text(one, other))
    assert (WORDS in found) == bool(shared_run(one, other))


@given(st.lists(examples, max_size=6))
def test_many_at_a_time_give_what_each_alone_gives(several):
    together = Fingerprinter().prints(several)
    for kind in KINDS:
        alone = [
            (number, value)
            for number, example in enumerate(several)
            for value in sorted(Fingerprinter().prints([example])[kind].hashes.tolist())
        ]
        both = zip(together[kind].examples.tolist(), together[kind].hashes.tolist(), strict=True)
        assert sorted(both) == sorted(alone)
