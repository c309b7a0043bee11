"""Suites as tests ask them: texts of small ones."""

import json

from flan_tasks.jobs.asked_datasets import evaluation_of
from flan_tasks.jobs.asked_suites import suites_of
from flan_tasks.jobs.evaluate import score
from flan_tasks.specs.eval_config import QuestionSpec

MICRO = '{ name = "micro", over = "examples" }'


def suite_text(strings, *, rows="", datasets=(), averages=MICRO, protocol="plain"):
    """A suite file of one protocol with these strings, of a file of rows or of datasets."""
    of = f'files = {{ test = "{rows}" }}' if rows else f"datasets = {json.dumps(list(datasets))}"
    return f"""
description = "One."
home = "ours"
layout = "{rows or "ours"}"
{of}
averages = [{averages}]
[protocols.{protocol}]
source = "ours"
method = "generate"
{strings.strip()}
"""


def asked(*names, **fields):
    """What names ask for, of embedded rows."""
    fields = {"source": "samples", "allow_missing": True, **fields}
    return QuestionSpec(mixture_or_task_name=",".join(names), **fields)


def scored(folder, spec, answerer, *, store=None):
    """Has suites and datasets answered into a folder."""
    return score(evaluation_of(spec), answerer, folder, suites=suites_of(spec), store=store)
