"""The options of an evaluation without their question, for what is normalized by it.

Brown et al. 2020 (section 2.4) compare P(option | prompt) / P(option | "Answer:"), where the
second context says that an answer follows and nothing else. That probability depends on the option
alone: each is asked for once, whatever templates and examples have it, and is kept like an answer.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Protocol

from flan_tasks.core.errors import EvaluationError
from flan_tasks.evaluation.answers import ALONE, Answers
from flan_tasks.evaluation.records import RANK, Prompt, Record, Unit
from flan_tasks.metrics.gold import Gold
from flan_tasks.plan.exemplars import Budget
from flan_tasks.specs.eval_config import UNCONDITIONAL

# What stands in a question's place.
CONTEXT = "Answer:"
# In the templates of tasks of suites, whose protocols have options of their own.
_PROTOCOL = "@"
# Options that are asked for together, in one prompt.
_TOGETHER = 64


class Ranked(Protocol):
    """A unit whose options are ranked."""

    @property
    def unit(self) -> Unit:
        """What is asked."""
        ...

    def prompts(self, *, seed: int, budget: Budget | None) -> list[Prompt]:
        """Returns its prompts."""
        ...


class CanAnswer(Protocol):
    """Who answers prompts."""

    def has(self, unit: Unit) -> bool:
        """Whether it can answer a unit at all."""
        ...


def alone(unit: Unit) -> Unit:
    """Returns the unit that asks for the options of another without their question.

    Of a dataset's split it is one for all templates; of a suite one for each protocol.
    """
    protocol = unit.template.removesuffix(ALONE) if _PROTOCOL in unit.template else ""
    return Unit(unit.dataset, f"{protocol}{ALONE}", unit.split, RANK)


class OptionsAlone:
    """The options of some units, asked for without their question."""

    def __init__(self, of: Sequence[Ranked], *, seed: int, budget: Budget | None) -> None:
        self.unit = alone(of[0].unit)
        self._of = of
        self._seed, self._budget = seed, budget

    @property
    def numbers(self) -> range:
        """Numbers of the prompts."""
        return range(len(self._prompts))

    def prompts(self, *, seed: int = 0, budget: Budget | None = None) -> list[Prompt]:
        """Returns the prompts; of seed and budget it was told when it was built."""
        return self._prompts

    def sums(self, answers: Answers) -> dict[str, float]:
        """Returns the sum of each option without its question, which must be answered."""
        records = answers.read(self.unit, self._prompts)
        return {
            text: total
            for record in records
            for text, total in zip(record.prompt.gold.targets, record.sums, strict=True)
        }

    @cached_property
    def _prompts(self) -> list[Prompt]:
        texts: set[str] = set()
        languages: set[str] = set()
        ends: set[bool] = set()
        for one in self._of:
            for prompt in one.prompts(seed=self._seed, budget=self._budget):
                texts.update(prompt.gold.targets)
                languages.add(prompt.gold.language)
                ends.add(prompt.scores_end)
        assert len(ends) < 2, "a protocol scores the ends of all options, or of none"
        options = sorted(texts)
        prompts = []
        for first in range(0, len(options), _TOGETHER):
            some = tuple(options[first : first + _TOGETHER])
            key = f"options:{first}"
            gold = Gold(some[0], some[:1], some, {}, key, min(languages))
            prompts.append(Prompt(CONTEXT, gold, scores_end=ends == {True}))
        return prompts


class Unconditional:
    """What answers need to be normalized by their options without the question.

    Args:
      questions: units; of those that are ranked the options are asked for.
      ways: the ways to an answer that are scored; without UNCONDITIONAL nothing is asked for.
      seed: of the evaluation.
      budget: what prompts must fit into.
    """

    def __init__(
        self,
        questions: Sequence[Ranked],
        ways: Sequence[str],
        *,
        seed: int,
        budget: Budget | None,
    ) -> None:
        groups: dict[Unit, list[Ranked]] = {}
        for question in questions:
            if UNCONDITIONAL in ways and question.unit.method == RANK:
                groups.setdefault(alone(question.unit), []).append(question)
        built = (OptionsAlone(group, seed=seed, budget=budget) for group in groups.values())
        self.asked = [one for one in built if one.numbers]
        self._sums: dict[Unit, dict[str, float]] = {}

    def check(self, answers: Answers, answerer: CanAnswer) -> None:
        """Checks that somebody answers what is asked for.

        Raises:
          EvaluationError: predictions made elsewhere lack it.
        """
        for one in self.asked:
            if not (answers.has(one.unit) or answerer.has(one.unit)):
                raise EvaluationError(
                    f"{one.unit.dataset}: the predictions have no scores of its options without "
                    f'the question, template "{one.unit.template}", {one.unit.split}; '
                    "--write-prompts with --normalize unconditional writes these prompts as well"
                )

    def added(self, answers: Answers, unit: Unit, records: Sequence[Record]) -> list[Record]:
        """Returns answers with the sums of their options without the question."""
        asked = next((one for one in self.asked if one.unit == alone(unit)), None)
        if asked is None or unit.method != RANK:
            return list(records)
        if asked.unit not in self._sums:
            # Units of one dataset come one after the other; those before are done with.
            self._sums = {asked.unit: asked.sums(answers)}
        sums = self._sums[asked.unit]
        return [
            replace(one, unconditional=tuple(sums[text] for text in one.prompt.gold.targets))
            for one in records
        ]


def added_as_kept(answers: Answers, unit: Unit, records: Sequence[Record]) -> list[Record]:
    """Returns answers to a ranked unit with the sums of their options, both of a finished run.

    Raises:
      EvaluationError: a file of answers is missing or was changed.
    """
    sums = {
        text: total
        for record in answers.kept(alone(unit))
        for text, total in zip(record.prompt.gold.targets, record.sums, strict=True)
    }
    return [
        replace(one, unconditional=tuple(sums[text] for text in one.prompt.gold.targets))
        for one in records
    ]
