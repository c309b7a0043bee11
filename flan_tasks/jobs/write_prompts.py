"""The prompts of an evaluation as lines of JSON, to be answered elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.errors import (
    SourceUnavailableError,
)
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.answers import write_kept
from flan_tasks.evaluation.loop import Asking, not_evaluated, nothing_asked
from flan_tasks.evaluation.normalizing import ways_of
from flan_tasks.evaluation.records import Unit
from flan_tasks.evaluation.unconditional import Unconditional
from flan_tasks.evaluation.units import questions, reason_of
from flan_tasks.jobs.asked_datasets import evaluation_of
from flan_tasks.jobs.asked_suites import suites_of
from flan_tasks.raw_rows.families import FamilySource
from flan_tasks.specs.eval_config import QuestionSpec
from flan_tasks.store.store import open_store
from flan_tasks.suites.asking import opened_suites
from flan_tasks.suites.tasks import where_to_get
from flan_tasks.suites.templates import mistyped_questions


@dataclass(frozen=True)
class WrittenPrompts:
    """Prompts that were written for others to answer."""

    count: int
    """How many there are."""
    missing: Mapping[str, str]
    """Dataset -> why it has none."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Dataset, or dataset with a split, that has nothing to ask -> why."""


def write_prompts(
    spec: QuestionSpec,
    path: Path,
    *,
    reading: Callable[[str], None] | None = None,
) -> WrittenPrompts:
    """Writes the prompts as JSON lines, to be answered elsewhere.

    Raises:
      SourceUnavailableError: rows are not available, and may not be missing; nothing is written.
    """
    from flan_tasks.evaluation.elsewhere import prompt_line

    known: Catalog = catalog()
    evaluation, suites = evaluation_of(spec), suites_of(spec)
    store = open_store(spec.store)
    lines = []
    suites_opened, tasks_missing = opened_suites(suites, known, progress=reading)
    of_strings = [question for _, _, of_suite, _ in suites_opened for question in of_suite]
    for asking in of_strings:
        prompts = asking.prompts(seed=suites.seed, budget=None)
        lines += [prompt_line(asking.unit, prompt) for prompt in prompts]
    missing: dict[str, str] = {}
    left_out: dict[str, str] = {}
    opened: dict[str, FamilySource] = {}
    of_suites = suites.of_templates(known)
    asked: dict[Unit, Asking] = {}
    for one in (evaluation, *(of_suite.evaluation for of_suite in of_suites)):
        for dataset in one.datasets:
            try:
                of_dataset = questions(
                    one,
                    dataset,
                    known,
                    store=store,
                    progress=reading,
                    left_out=left_out,
                    opened=opened,
                )
                asked |= {question.unit: question for question in of_dataset}
            except SourceUnavailableError as error:
                missing[dataset.name] = reason_of(error, dataset)
    if not missing or evaluation.allow_missing:
        for of_suite in of_suites:
            mistyped = mistyped_questions(of_suite, known, store=store)
            asked |= {question.unit: question for question in mistyped}
    for unit, question in asked.items():
        prompts = question.prompts(seed=evaluation.seed, budget=None)
        lines += [prompt_line(unit, prompt) for prompt in prompts]
    ways = ways_of(spec.normalizations)
    every = [*of_strings, *asked.values()]
    for alone in Unconditional(every, ways, seed=evaluation.seed, budget=None).asked:
        lines += [prompt_line(alone.unit, prompt) for prompt in alone.prompts()]
    if missing and not (evaluation.allow_missing and lines):
        lacking = not_evaluated(missing, "Provide these, or go on with --allow-missing.")
        for of_suite in of_suites:
            if missing.keys() & {dataset.name for dataset in of_suite.evaluation.datasets}:
                lacking.add_note(f"suite {of_suite.suite.name}: {where_to_get(of_suite.suite)}")
        raise lacking
    if not lines:
        raise nothing_asked(left_out)
    write_kept(path, "".join(line + "\n" for line in lines))
    return WrittenPrompts(len(lines), {**tasks_missing, **missing}, left_out)
