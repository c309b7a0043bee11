"""Which examples share a passage."""

from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.evaluation.groups import FEW_EXAMPLES, SHORTEST_SHARED, shared_text_groups

LONG, OTHER = "a passage " * 10, "another one " * 10


def groups(fields, constants=frozenset()):
    return shared_text_groups(fields, [str(n) for n in range(len(fields))], constants=constants)


def test_questions_on_one_passage_belong_together():
    fields = [{"passage": text, "question": f"{n}?"} for n, text in enumerate("ABABC" * 2)]
    long = {"A": LONG, "B": OTHER, "C": "a third " * 12}
    fields = [{**one, "passage": long[one["passage"]]} for one in fields]
    assert groups(fields) == ["0", "1", "0", "1", "4", "0", "1", "0", "1", "4"]


def test_a_short_text_is_shared_by_chance():
    fields = [{"topic": "t" * (SHORTEST_SHARED - 1)}, {"topic": "t" * (SHORTEST_SHARED - 1)}]
    assert groups([*fields, {"topic": "other"}]) == ["0", "1", "2"]


def test_what_most_hold_tells_none_apart():
    fields = [{"instruction": LONG, "text": f"{n}"} for n in range(FEW_EXAMPLES + 1)]
    assert groups(fields) == [str(n) for n in range(FEW_EXAMPLES + 1)]
    assert groups(fields[1:]) == ["0"] * FEW_EXAMPLES
    pair = [{"passage": LONG}, {"passage": LONG}]
    assert groups(pair) == ["0", "0"]
    assert groups(pair, constants=frozenset({"passage"})) == ["0", "1"]


def test_a_third_may_join_two():
    other = {"a": "x" * 90, "b": "y" * 90}
    fields = [{"a": LONG}, {"b": OTHER}, {"a": LONG, "b": OTHER}, other, {"a": "z" * 90}]
    assert groups(fields) == ["0", "0", "0", "3", "4"]


@given(st.lists(st.integers(0, 5), max_size=30))
def test_groups_do_not_depend_on_the_order(owners):
    fields = [{"passage": f"{owner} " * 50} for owner in owners]
    sizes = {one: owners.count(one) for one in owners}
    forwards = groups(fields)
    backwards = groups(fields[::-1])[::-1]
    same = [[a == b for b in forwards] for a in forwards]
    assert same == [[a == b for b in backwards] for a in backwards]
    for name, owner in zip(forwards, owners, strict=True):
        is_of_most = 2 * sizes[owner] > len(owners) > FEW_EXAMPLES
        expected = 1 if is_of_most else sizes[owner]
        assert forwards.count(name) == expected
