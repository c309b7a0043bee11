import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.decontamination import word_ids
from flan_tasks.decontamination.word_ids import Vocabulary, words


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("The  CAT, sat!", "the cat sat"),
        ("caf\u00e9", "cafe\u0301"),
        ("it's", "it s"),
        ("STRASSE", "stra\u00dfe"),
        ("a_b\tc\n", "a b c"),
        ("x\u00a0| \u00e9_e |y\x1fz", "x \u00e9 e y z"),
    ],
)
def test_words_leave_case_punctuation_and_blanks_out(text, same):
    assert words(text) == words(same)


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("每天16个蛋。", ["每", "天", "16", "个", "蛋"]),
        ("東京Towerへ", ["東", "京", "tower", "へ"]),
        ("ไข่ 3 ฟอง", ["ไ", "ข่", "3", "ฟ", "อ", "ง"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
    ],
)
def test_letters_of_scripts_without_blanks_are_words(text, letters):
    # NFKC parts Thai SARA AM; none is in these.
    assert words(text) == letters


def spelled(vocabulary: Vocabulary, texts: list[str], stream) -> list[list[str]]:
    return [
        vocabulary.spell(stream.ids[start : start + size])
        for start, size in zip(stream.starts, stream.sizes, strict=True)
    ]


@given(st.lists(st.text()))
def test_a_stream_holds_the_words_of_each_text(texts):
    vocabulary = Vocabulary()
    stream = vocabulary.learn(texts)
    assert spelled(vocabulary, texts, stream) == [words(text) for text in texts]
    again = vocabulary.read(texts)
    assert np.array_equal(again.ids, stream.ids) and np.array_equal(again.starts, stream.starts)


@given(st.lists(st.text("ab |_-.\u00e9\ud800", max_size=9), max_size=5))
def test_texts_are_read_a_few_at_a_time(texts):
    before, word_ids._AT_ONCE = word_ids._AT_ONCE, 3
    try:
        parted = Vocabulary().learn(texts)
    finally:
        word_ids._AT_ONCE = before
    whole = Vocabulary().learn(texts)
    for name in ("ids", "starts", "sizes"):
        assert np.array_equal(getattr(parted, name), getattr(whole, name))


def test_what_is_read_is_not_kept():
    vocabulary = Vocabulary()
    vocabulary.learn(["a cat"])
    stream = vocabulary.read(["a dog", "cat"])
    assert len(vocabulary) == 2
    assert stream.ids.tolist() == [0, word_ids.UNKNOWN, word_ids._END, 1, word_ids._END]
    assert stream.text_of(np.asarray([0, 3])).tolist() == [0, 1]
