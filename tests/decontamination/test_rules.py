"""Each rule finds what comparing words finds, by an implementation that knows nothing of hashes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flan_tasks.decontamination.example_words import Texts
from flan_tasks.decontamination.rules import RULES, RUN, SHORTEST_TEXT, run_length
from flan_tasks.decontamination.shared import covered, same_example, shared_run, shared_text
from flan_tasks.decontamination.word_ids import words
from flan_tasks.specs.contamination_presets import FIELDS, GPT3, PRESETS, TULU

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


def first(count: int) -> str:
    return " ".join(LONG.split()[:count])


def kinds_shared(one: Texts, other: Texts, preset: str = FIELDS) -> set[str]:
    """The kinds under which an example and an item meet."""
    rule = RULES[preset]([other], np.zeros(1, np.int64))
    names = rule.kinds(0)
    return {names[kind] for kind in rule.pairs([one]).kinds}


def test_an_example_is_found_whatever_the_order_of_its_texts():
    one, other = Texts(("A cat.", "A dog.")), Texts(("a dog", "a cat"))
    assert kinds_shared(one, other) == {"example"}


def test_a_short_text_alone_is_no_match():
    seven, eight = first(SHORTEST_TEXT - 1), first(SHORTEST_TEXT)
    assert kinds_shared(Texts((seven, "x")), Texts((seven, "y"))) == set()
    assert kinds_shared(Texts((eight, "x")), Texts((eight, "y"))) == {"text"}


def test_a_run_of_thirteen_words_is_found_and_twelve_are_not():
    for count, kinds in ((RUN, {"13-gram"}), (RUN - 1, set())):
        assert kinds_shared(Texts((f"x {first(count)} y",)), Texts((f"z {first(count)}",))) == kinds


def test_a_run_does_not_reach_from_one_text_into_the_next():
    head, tail = first(7), LONG.removeprefix(first(7))
    assert kinds_shared(Texts((head, tail)), Texts((LONG,))) == set()


def test_more_texts_take_part_in_runs_and_not_in_the_example():
    assert kinds_shared(Texts(("cat",), (LONG,)), Texts(("cat",))) == {"example"}
    assert kinds_shared(Texts(("dog",), (LONG,)), Texts((LONG + " more",))) == {"13-gram"}


def test_gpt3_takes_n_from_the_lengths_of_the_set():
    assert run_length(np.asarray([])) == 13
    assert run_length(np.asarray([2, *[9] * 19])) == 8
    assert run_length(np.asarray([2, *[9] * 20])) == 9
    assert run_length(np.full(5, 40)) == 13


def test_gpt3_compares_a_shorter_item_whole_from_8_words_on():
    items = [Texts((first(7),)), Texts((first(9),)), *[Texts((f"{n} {LONG}",)) for n in range(98)]]
    rule = RULES[GPT3](items, np.zeros(len(items), np.int64))
    assert rule.kinds(0) == ("whole item", "13-gram") and rule.too_short.sum() == 1
    assert rule.pairs([Texts((f"so {first(9)} he said",))]).items.tolist() == [1]
    assert rule.pairs([Texts((f"so {first(8)} he said",))]).items.tolist() == []


def test_gpt3_reads_an_item_and_an_example_as_one_text_each():
    assert kinds_shared(Texts((first(7), LONG.removeprefix(first(7)))), Texts((LONG,)), GPT3)


def test_tulu_wants_more_than_half_of_the_words_from_one_example():
    item = Texts((f"{first(8)} a b c d e f g h",))
    assert kinds_shared(Texts((first(8),)), item, TULU) == set()
    shorter = Texts((f"{first(8)} a b c d e f g",))
    assert kinds_shared(Texts((first(8),)), shorter, TULU) == {"8-grams over 50%"}
    halves = [Texts((f"{first(8)} x",)), Texts(("y a b c d e f g h",))]
    rule = RULES[TULU]([item], np.zeros(1, np.int64))
    assert len(rule.pairs(halves).rows) == 0


def test_tulu_compares_prompts_alone():
    assert kinds_shared(Texts(("x",), (LONG,)), Texts((LONG,)), TULU) == set()
    assert kinds_shared(Texts((LONG,)), Texts((LONG,), (LONG * 3,)), TULU)


@pytest.mark.parametrize("preset", PRESETS)
def test_empty_texts_match_nothing(preset):
    for items in ([], [Texts(("", "..."))], [Texts(())]):
        rule = RULES[preset](items, np.zeros(len(items), np.int64))
        for examples in ([], [Texts(("",))], [Texts((), ("?",)), Texts((LONG,))]):
            pairs = rule.pairs(examples)
            assert len(pairs.rows) == len(pairs.touched) == 0


@pytest.mark.parametrize("preset", PRESETS)
def test_text_without_blanks_is_found_by_its_letters(preset):
    chinese = "珍妮特的鸭子每天下十六个蛋她早餐吃三个"
    item = Texts((f"{chinese}。",))
    assert kinds_shared(Texts((f"题目：{chinese}，对吗？",)), item, preset)
    assert not kinds_shared(Texts((chinese[:5] + "们" + chinese[14:],)), item, preset)


# Few words, so that runs meet; some in one side alone.
spoken = st.lists(st.sampled_from("a b c d".split()), max_size=18).map(" ".join)
others = st.lists(st.sampled_from("a b c d e".split()), max_size=30).map(" ".join)


def examples_of(texts):
    return st.builds(
        lambda whole, more: Texts(tuple(whole), tuple(more)),
        st.lists(texts, max_size=3),
        st.lists(texts, max_size=2),
    )


def overlaps(preset: str, example: Texts, item: Texts, n: int) -> set[int]:
    """The kinds under which they meet, word by word; n is that of the item's set."""
    if preset == FIELDS:
        has_words = any(words(text) for text in item.whole)
        alike = (
            has_words and same_example(example, item),
            bool(shared_text(example, item)),
            bool(shared_run((*example.whole, *example.more), (*item.whole, *item.more))),
        )
        return {kind for kind, holds in enumerate(alike) if holds}
    if preset == TULU:
        _, count, total = covered(example, item)
        return {0} if count * 2 > total else set()
    one = words(" ".join((*example.whole, *example.more)))
    other = words(" ".join((*item.whole, *item.more)))
    length = min(n, len(other))
    if length < 8:
        return set()
    runs = {tuple(one[at : at + length]) for at in range(len(one) - length + 1)}
    met = any(tuple(other[at : at + length]) in runs for at in range(len(other) - length + 1))
    return ({0} if length < n else {1}) if met else set()


@pytest.mark.parametrize("preset", PRESETS)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_rule_finds_what_comparing_words_finds(preset, data):
    items = data.draw(st.lists(examples_of(spoken), max_size=6))
    examples = data.draw(st.lists(examples_of(others), max_size=4))
    set_of = np.asarray(
        sorted(data.draw(st.lists(st.integers(0, 2), min_size=len(items), max_size=len(items)))),
        np.int64,
    )
    lengths = [len(words(" ".join((*item.whole, *item.more)))) for item in items]
    n_of = {s: run_length(np.asarray(lengths)[set_of == s]) for s in range(3)}
    expected: dict[tuple[int, int, int], list[int]] = {}
    for row, example in enumerate(examples):
        for number, item in enumerate(items):
            inside = int(set_of[number])
            for kind in overlaps(preset, example, item, n_of[inside]):
                expected.setdefault((row, inside, kind), []).append(number)
    pairs = RULES[preset](items, set_of).pairs(examples)
    columns = (pairs.rows, pairs.sets, pairs.kinds)
    shown = dict(zip(zip(*(c.tolist() for c in columns), strict=True), pairs.items, strict=True))
    assert set(shown) == set(expected) and len(shown) == len(pairs.rows)
    assert all(int(item) in expected[at] for at, item in shown.items())
    assert pairs.touched.tolist() == sorted({n for at in expected.values() for n in at})


@pytest.mark.parametrize("preset", PRESETS)
@given(st.lists(examples_of(others), max_size=6))
@settings(max_examples=40, deadline=None)
def test_many_at_a_time_give_what_each_alone_gives(preset, examples):
    items = [Texts((LONG,)), Texts(("a b c d " * 4,)), Texts(("a a b b c c d d e e",), ("d",))]
    rule = RULES[preset](items, np.asarray([0, 0, 1]))
    together = rule.pairs(examples)
    alone = [rule.pairs([example]) for example in examples]
    for name in ("sets", "kinds", "items"):
        joined = [value for pairs in alone for value in getattr(pairs, name).tolist()]
        assert getattr(together, name).tolist() == joined
    assert together.rows.tolist() == [row for row, p in enumerate(alone) for _ in p.rows]


def test_a_share_is_looked_at_a_few_rows_at_a_time(monkeypatch):
    from flan_tasks.decontamination import rules

    items = [Texts((f"{LONG} {n}",)) for n in range(20)]
    examples = [Texts((f"{n} {LONG}",)) for n in range(9)] + [Texts(("none",)), Texts((LONG,))]
    rule = RULES[TULU](items, np.arange(20) % 3)
    whole = rule.pairs(examples)
    monkeypatch.setattr(rules, "_PAIRS_AT_ONCE", 200)
    parted = rule.pairs(examples)
    for name in ("rows", "sets", "kinds", "items", "touched"):
        assert getattr(whole, name).tolist() == getattr(parted, name).tolist()
    assert len(whole.rows) == 30 and whole.touched.tolist() == list(range(20))
