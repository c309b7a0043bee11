"""Which questions point at their options, and what becomes of them where options are off."""

import pytest

from flan_tasks.core.example import Example
from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog
from flan_tasks.datasets._needs_options import answers_with_options, asks_among_options
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.store.store import Store


def example(question, answer="a leaf", options=("a leaf", "a root")):
    return Example(fields={"question": question}, answer=answer, options=options)


@pytest.mark.parametrize(
    "question",
    [
        "Which of these is a conductor of heat?",
        "Which of the following best explains why ice floats?",
        "All of the following are minerals except",
        "Which statement about the Moon is true?",
        "Which is an example of a physical change?",
        "What do these following organisms have in common?",
    ],
)
def test_questions_that_point_at_their_options_are_told(question):
    assert asks_among_options(example(question))


@pytest.mark.parametrize(
    "question",
    [
        "Which planet is nearest to the Sun?",
        "What happens to water at 0 degrees?",
        "A plant takes up water through its ...",
        "Of what is a diamond made?",
    ],
)
def test_questions_that_stand_alone_are_none(question):
    assert not asks_among_options(example(question))


@pytest.mark.parametrize("answer", ["None of these.", "all of the above", "both of them"])
def test_answers_that_speak_of_the_options_are_told(answer):
    assert answers_with_options(example("Why?", answer, (answer, "because")))
    assert asks_among_options(example("Why?", answer, (answer, "because")))


@pytest.mark.parametrize("name", ["arc_easy", "openbookqa", "cosmos_qa"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_rows_that_need_options_are_skipped_where_there_are_none(name, split, tmp_path):
    def prepared(**changes):
        (item,) = prepare(
            catalog().mixture(name),
            catalog(),
            source=SourceChoice("samples"),
            split=split,
            store=Store(tmp_path),
            variation=Variation(**changes),
        ).ingredients
        return item.examples

    needs_options = catalog()[name].needs_options
    whole, alone = prepared(), prepared(options=False)
    needing = sum(needs_options(one) for one in whole.take(range(len(whole))))
    assert not any(needs_options(one) for one in alone.take(range(len(alone))))
    assert len(alone) == len(whole) - needing
    assert alone.skipped.get("cannot be answered without its options", 0) == needing


def test_exemplars_need_no_options_either(tmp_path):
    (item,) = prepare(
        catalog().mixture("arc_easy"),
        catalog(),
        source=SourceChoice("samples"),
        split="test",
        store=Store(tmp_path),
        variation=Variation(options=False, shots=2),
    ).ingredients
    shown = item.exemplars.examples.take(range(item.exemplars.available))
    assert shown and not any(map(asks_among_options, shown))
