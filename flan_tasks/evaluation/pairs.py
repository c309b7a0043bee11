"""The answers of two models side by side, each to the same prompt as the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from flan_tasks.core.errors import EvaluationError
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.records import RANK, Record, Unit
from flan_tasks.evaluation.unconditional import added_as_kept, alone
from flan_tasks.metrics.gold import Gold

# What is listed of what differs.
_MOST_LINES = 10


@dataclass(frozen=True)
class Pair:
    """The answers of two models to one unit."""

    unit: Unit
    """What was asked."""
    before: Sequence[Record]
    """The first model's."""
    after: Sequence[Record]
    """The other's, to the same prompts in the same order."""

    @property
    def golds(self) -> list[Gold]:
        """What is right, for each."""
        return [record.prompt.gold for record in self.before]

    @property
    def group_names(self) -> list[str]:
        """For each, the first example that it shares a passage with, mostly itself."""
        prompts = [record.prompt for record in self.before]
        return [prompt.group or prompt.gold.key for prompt in prompts]


def common_units(folders: Sequence[Answers], *, common: bool) -> list[Unit]:
    """Returns the units that all evaluations have.

    Args:
      folders: the evaluations.
      common: whether units that only some have are left out; else they are an error.

    Raises:
      EvaluationError: the units differ; those that some lack are named.
    """
    units = [set(one.units) for one in folders]
    shared = set.intersection(*units)
    if not shared:
        raise EvaluationError(
            "these evaluations have no dataset, template, split and method in common: "
            + "; ".join(_folder_line(one) for one in folders)
        )
    lines = [
        f"  {folders[place].folder} lacks {unit}"
        for unit in sorted(set.union(*units) - shared)
        for place, of_one in enumerate(units)
        if unit not in of_one
    ]
    if lines and not common:
        raise EvaluationError(
            "\n".join(
                [
                    "the evaluations are not of the same:",
                    *_shortened(lines),
                    "Evaluate these too, or compare what all have: --common.",
                ]
            )
        )
    return sorted(shared)


def _folder_line(answers: Answers) -> str:
    datasets = sorted({unit.dataset for unit in answers.units})
    return f"{answers.folder} has {', '.join(datasets[:6]) or 'none'}" + (
        f" and {len(datasets) - 6} more" if len(datasets) > 6 else ""
    )


def _shortened(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], *([f"  and {more:,} more"] if more > 0 else [])]


def pair_answers(
    first: Answers, other: Answers, unit: Unit, *, common: bool, unconditional: bool = False
) -> Pair:
    """Reads the answers to one unit, which must be to the same prompts.

    Args:
      first: the answers of the first model.
      other: the answers of the other.
      unit: what was asked.
      common: whether examples that only one was asked are left out; else they are an error.
      unconditional: whether options come with what they have without the question.

    Raises:
      EvaluationError: the two were asked different things, or their files were changed.
    """
    before, after = (
        {r.prompt.gold.key: r for r in _kept(one, unit, unconditional)} for one in (first, other)
    )
    shared = [key for key in before if key in after]
    if not common and (len(shared) < len(before) or len(shared) < len(after)):
        only = [
            f"{one.folder} alone was asked {len(set(mine) - set(theirs)):,} of them, as "
            f"{sorted(set(mine) - set(theirs))[0]}"
            for one, mine, theirs in ((first, before, after), (other, after, before))
            if set(mine) - set(theirs)
        ]
        raise EvaluationError(
            f"{unit}: the examples differ: {'; '.join(only)}. Evaluate with the same --examples, "
            "--seed and --lengths, or compare what both were asked: --common"
        )
    if not shared:
        raise EvaluationError(f"{unit}: the two have no example in common")
    for key in shared:
        if why := _what_differs(before[key], after[key]):
            raise EvaluationError(
                f"{unit}: example {key} is not the same in {first.folder} and {other.folder}: "
                f"{why}. Evaluate both with the same rows, templates, shots and lengths"
            )
    return Pair(unit, [before[key] for key in shared], [after[key] for key in shared])


def _kept(answers: Answers, unit: Unit, unconditional: bool) -> list[Record]:
    records = answers.kept(unit)
    if not unconditional or unit.method != RANK:
        return records
    if not answers.has(alone(unit)):
        raise EvaluationError(
            f"{answers.folder} has no scores of the options of {unit.dataset} without their "
            "question; run the same `flan eval` again with --normalize unconditional, which keeps "
            "its answers"
        )
    return added_as_kept(answers, unit, records)


def _what_differs(before: Record, after: Record) -> str:
    one, two = before.prompt, after.prompt
    if (one.gold.answer, one.gold.references) != (two.gold.answer, two.gold.references):
        return "the right answer differs"
    if one.gold.options != two.gold.options:
        return "the options, or their order, differ"
    if one.num_shots != two.num_shots:
        return f"{one.num_shots} exemplars stand before one and {two.num_shots} before the other"
    if one.gold.targets != two.gold.targets:
        return "what is ranked for each option differs"
    if (one.stops, one.scores_end) != (two.stops, two.scores_end):
        return "where an answer ends, or whether its end counts, differs"
    return "the words of the prompt differ" if one.inputs != two.inputs else ""
