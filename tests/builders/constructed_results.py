"""Finished evaluations of embedded rows that a rule answered, and what a page of results holds."""

import json
import re
from pathlib import Path

from constructed_answers import ByRule

from flan_tasks.core.choice import hash_text
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.records import GENERATE, Record
from flan_tasks.evaluation.units import Evaluation
from flan_tasks.jobs.evaluate import score
from flan_tasks.plan.prepare import SourceChoice


class Unsure(ByRule):
    """Answers as a rule says, more or less sure by the example, in options of several tokens."""

    def answer(self, stream):
        for asked in stream:
            gold = asked.prompt.gold
            if asked.unit.method == GENERATE:
                yield asked, Record(asked.prompt, self.rule(asked.unit, gold))
                continue
            text = self.rule(asked.unit, gold)
            gap = 0.25 + hash_text(asked.unit.template, gold.key) % 40 / 10
            sums = tuple(-1.5 if option == text else -1.5 - gap for option in gold.options)
            tokens = tuple(1 + len(option) // 4 for option in gold.options)
            yield asked, Record(asked.prompt, sums=sums, tokens=tokens)


def scored(folder: Path, *names: str, rule, suites=None, **changes) -> Path:
    """Has some datasets answered and scored into `folder`, as `flan eval` does; returns it."""
    changes.setdefault("source", SourceChoice("samples"))
    evaluation = Evaluation(datasets=catalog().expand(names), **changes)
    answerer = Unsure(rule, folder.name)
    score(evaluation, answerer, folder, suites=suites, store=folder.parent / "store")
    return folder


def block(page: str, name: str):
    """Returns the data of one block of a page."""
    (text,) = re.findall(rf'<script id="{name}" type="application/json">(.*?)</script>', page)
    return json.loads(text)
