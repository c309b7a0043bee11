"""Prompts with exemplars: they are of the query's own task, and never the query."""

from collections import defaultdict

import pytest
from conftest import REAL

import flan_tasks as ft
from flan_tasks.core.joints import SEPARATOR, query_text
from flan_tasks.core.render import render
from flan_tasks.datasets import catalog
from flan_tasks.datasets.natural_instructions import NIV2
from flan_tasks.raw_rows import open_source
from flan_tasks.store.store import Store

FILES = REAL / "flan22" / "niv2"


def examples_of(task, place, *, source, data_dir=None):
    samples = catalog().samples(task.name)
    source = open_source(task, samples=samples, kind=source, data_dir=data_dir)
    stored = Store(place).open(task, source, "train", limit=None)
    return [stored[number] for number in range(len(stored))]


def check_prompts(store, *, limit, least, **where):
    """Looks at prompts of training rows; returns how many had exemplars."""
    settings = {"shots": 2, "seed": 3, "vocab": "bytes", "lengths": {"inputs": 1_000_000}}
    rows = ft.rows("niv2", limit=limit, store=store, allow_missing=True, **settings, **where)
    templates = {template.id: template for template in catalog().templates("niv2")}
    by_task = defaultdict(list)
    for row in rows:
        by_task[row["dataset"], row["template"]].append(row)
    with_exemplars = 0
    examples = {
        name: examples_of(catalog()[name], store, **where) for name in {name for name, _ in by_task}
    }
    for (name, template), prompts in by_task.items():
        # What an exemplar of this task may look like in this template, and which query one is.
        queries = {query_text(render(templates[template], e).inputs): e for e in examples[name]}
        assert len(queries) == len(examples[name])
        solved = {f"{prompt}\n{e.answer}": e for prompt, e in queries.items()}
        for row in prompts:
            *blocks, last = row["inputs"].split(f"\n\n{SEPARATOR}\n\n")
            if not blocks:
                continue
            with_exemplars += 1
            for block in blocks:
                assert block in solved, (name, block)
                assert solved[block].fields["input"] != queries[last].fields["input"]
    assert with_exemplars >= least
    return len(rows)


def test_exemplars_are_other_instances_of_the_same_task(tmp_path):
    check_prompts(tmp_path / "store", limit=300, least=70, source="samples")


@pytest.mark.slow
def test_exemplars_of_ten_thousand_prompts_are_other_instances_of_the_same_task(tmp_path):
    if not FILES.is_dir():
        pytest.skip("no real task files are available (FLAN_TASKS_TEST_DATA names their folder)")
    where = {"source": "files", "data_dir": FILES}
    assert check_prompts(tmp_path / "store", limit=10_000, least=9_000, **where) == 10_000
    assert len(NIV2.members) == 1613
