"""Finished evaluations of embedded rows that a rule answered, and what a page of results holds."""

import json
import re
from pathlib import Path

from without_model import Unsure

from flan_tasks.datasets import catalog
from flan_tasks.evaluation.units import Evaluation
from flan_tasks.jobs.evaluate import score
from flan_tasks.plan.prepare import SourceChoice


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
