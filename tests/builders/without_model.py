"""Whoever answers prompts in tests: rules, not models. Evaluations of embedded rows by them."""

import random
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

from flan_tasks.core.choice import hash_text
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.loop import evaluate
from flan_tasks.evaluation.records import GENERATE, Record
from flan_tasks.evaluation.units import Evaluation
from flan_tasks.plan.prepare import SourceChoice
from flan_tasks.store.store import Store


class WithoutModel:
    """Answers every prompt that waits for an answer with what `record` makes of it.

    `record` is called with the unit and the prompt; a class of its own may define it instead.
    """

    budget = None
    opened = SimpleNamespace(vocabulary=None)

    def __init__(self, record=None, *, settings=None):
        if record:
            self.record = record
        self.settings = settings or {"model": "constructed"}
        self.asked = []

    @property
    def units(self):
        """The unit of each prompt that was answered."""
        return [unit for unit, _ in self.asked]

    def has(self, unit):
        return True

    def answer(self, stream):
        for one in stream:
            if not one.done:
                record = self.record(one.unit, one.prompt)
                self.asked.append((one.unit, one.prompt))
                yield one, record


class ByRule(WithoutModel):
    """Answers with what a rule says of a unit and a gold answer.

    It stops like a killed process before the unit numbered `stop`; `answered` has those before.
    """

    def __init__(self, rule, name="constructed", *, stop=None):
        super().__init__(settings={"model": name, "files": name})
        self.rule = rule
        self.stop = stop
        self.answered = []

    def record(self, unit, prompt):
        if self.answered[-1:] != [unit]:
            if len(self.answered) == self.stop:
                raise KeyboardInterrupt
            self.answered.append(unit)
        return answering(unit, prompt, self.rule(unit, prompt.gold))


class Unsure(ByRule):
    """Answers as a rule says, more or less sure by the example, in options of several tokens."""

    def record(self, unit, prompt):
        gold = prompt.gold
        text = self.rule(unit, gold)
        if unit.method == GENERATE:
            return Record(prompt, text)
        gap = 0.25 + hash_text(unit.template, gold.key) % 40 / 10
        sums = tuple(-1.5 if option == text else -1.5 - gap for option in gold.options)
        return Record(prompt, sums=sums, tokens=tuple(1 + len(o) // 4 for o in gold.options))


class Told(WithoutModel):
    """Answers rightly, or in a form that is wrong everywhere."""

    def __init__(self, form="", *, right):
        self.right = right
        self.form = form
        super().__init__(settings={"form": form, "right": right})

    def is_right(self, unit):
        """Whether the answers of a unit are right."""
        return self.right

    def record(self, unit, prompt):
        gold, right = prompt.gold, self.is_right(unit)
        if unit.method == GENERATE:
            return Record(prompt, (self.form or ("{}" if right else "\u00a7")).format(gold.answer))
        of_right, others = (-1.0, -99.0) if right else (-99.0, -1.0)
        return ranked(prompt, [of_right if o in gold.references else others for o in gold.options])


class Shuffled(ByRule):
    """Answers by rule in an order of its own, units mixed; is killed after so many prompts."""

    def __init__(self, rule, *, prompts=None):
        super().__init__(rule)
        self.prompts = prompts

    def answer(self, stream):
        waiting = list(stream)
        random.Random(3).shuffle(waiting)
        answers = super().answer(waiting)
        yield from islice(answers, self.prompts)
        if next(answers, None):
            raise KeyboardInterrupt


def ranked(prompt, sums):
    """Returns the record of options of a token each that have these sums."""
    return Record(prompt, sums=tuple(sums), tokens=(1,) * len(sums))


def answering(unit, prompt, text):
    """Returns the record of an answer: the text as it is written, or the option it is."""
    if unit.method == GENERATE:
        return Record(prompt, text)
    return ranked(prompt, [-1.0 if option == text else -2.0 for option in prompt.gold.options])


def evaluated(folder: Path, *names: str, rule, known=None, **changes) -> Path:
    """Has some datasets answered into `folder`; returns it."""
    known = known or catalog()
    changes.setdefault("source", SourceChoice("samples"))
    evaluation = Evaluation(datasets=known.expand(names), **changes)
    answerer = ByRule(rule, folder.name)
    answers = Answers(folder, {**answerer.settings, **evaluation.settings})
    evaluate(evaluation, known, answers, answerer, store=Store(folder.parent / "store"))
    return folder


def right(unit, gold):
    """What is right."""
    return gold.answer


def wrong(unit, gold):
    """Another option, or a text that is nobody's answer."""
    others = [option for option in gold.options if option not in gold.references]
    return others[0] if others else "nothing of the kind"


def first(unit, gold):
    """The first option, right or not."""
    return gold.options[0] if gold.options else "nothing"
