"""Evaluations of embedded rows that a rule answered, not a model."""

from pathlib import Path

from flan_tasks.datasets import catalog
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.loop import evaluate
from flan_tasks.evaluation.records import GENERATE, Record
from flan_tasks.evaluation.units import Evaluation
from flan_tasks.plan.prepare import SourceChoice
from flan_tasks.store.store import Store


class ByRule:
    """Answers with what a rule says of a unit and a gold answer."""

    budget = None

    def __init__(self, rule, name):
        self.rule = rule
        self.settings = {"model": name, "files": name}

    def has(self, unit):
        return True

    def answer(self, stream):
        for asked in stream:
            text = self.rule(asked.unit, asked.prompt.gold)
            options = asked.prompt.gold.options
            if asked.unit.method == GENERATE:
                yield asked, Record(asked.prompt, text)
            else:
                sums = tuple(-1.0 if option == text else -2.0 for option in options)
                yield asked, Record(asked.prompt, sums=sums, tokens=(1,) * len(sums))


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
