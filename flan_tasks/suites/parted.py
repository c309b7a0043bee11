"""Averages of a suite with and without the examples that training shares text with."""

from collections.abc import Iterator, Sequence

from flan_tasks.evaluation.records import Record
from flan_tasks.evaluation.shared_examples import Parted, SharedExamples, parted
from flan_tasks.suites.declared import Protocol, Suite
from flan_tasks.suites.scores import AverageScore, SuiteScore, score_suite, score_task
from flan_tasks.suites.tasks import SuiteQuestion


def parted_suite(
    suite: Suite,
    protocol: Protocol,
    answered: Sequence[tuple[SuiteQuestion, Sequence[Record]]],
    whole: SuiteScore,
    shared: SharedExamples,
) -> Iterator[Parted]:
    """Yields each average of a suite, where all of its tasks were compared with training.

    A task of which all examples are shared has no number without them, and stands in no average.

    Args:
      suite: the suite.
      protocol: how it was asked.
      answered: its tasks, with the answers to each.
      whole: the numbers of all examples.
      shared: which examples are shared.

    Raises:
      EvaluationError: the file was written of other rows.
      RowError: a row breaks its dataset's schema.
    """
    both: tuple[list, list] = ([], [])
    ways = tuple(dict.fromkeys(one.way for one in whole.averages if one.way))
    for question, records in answered:
        keys = shared.keys[question.task.name, protocol.split]
        # Keys of other rows are left as they are, and refused.
        keys = question.task.prompt_keys(keys) or keys
        parts = parted(records, keys, of=question.task.name)
        for into, part in zip(both, parts, strict=True):
            if part:
                of_task = score_task(question.task, part, left_out=0, ways=ways)
                into.append((question, of_task))
    without, of_shared = (
        {
            one.name: one
            for one in score_suite(suite, protocol, scored, missing={}, averaged=ways).averages
        }
        if scored
        else {}
        for scored in both
    )
    for one in whole.averages:
        yield Parted(
            f"{whole.name}, {one.name}",
            protocol.split,
            whole.number,
            one.way or whole.way,
            one.num_examples,
            of_shared[one.name].num_examples if one.name in of_shared else 0,
            one.value,
            _value(without.get(one.name)),
            _value(of_shared.get(one.name)),
        )


def not_compared(
    protocol: Protocol, questions: Sequence[SuiteQuestion], shared: SharedExamples
) -> list[str]:
    """Returns the names of tasks that the file says nothing of."""
    return [
        question.task.name
        for question in questions
        if (question.task.name, protocol.split) not in shared.keys
    ]


def _value(average: AverageScore | None) -> float | None:
    return None if average is None else average.value
