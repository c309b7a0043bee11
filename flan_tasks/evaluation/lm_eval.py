"""Evaluation tasks as files of lm-evaluation-harness: one YAML a task, one JSONL its rows.

Rows are rendered here, template by template, exemplars included, so that the harness adds nothing
to the prompts; scores are computed by our metrics, whose code the folder carries.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.counting import are, counted
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import (
    BuildError,
    DeclarationError,
    EvaluationError,
    SourceUnavailableError,
    TooFewRowsError,
)
from flan_tasks.core.joints import SEPARATOR
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.naming import MEMBER_MARK
from flan_tasks.core.variation import PLAIN, Variation
from flan_tasks.core.whole import folder_aside, write_text
from flan_tasks.engine.file_facts import write_error
from flan_tasks.engine.folded import folded_reasons
from flan_tasks.evaluation.carried import carried
from flan_tasks.evaluation.harness import number_name, numbers_of
from flan_tasks.evaluation.lm_eval_texts import (
    MODULE,
    PACKAGE,
    function,
    group_text,
    module_text,
    readme,
    task_text,
)
from flan_tasks.evaluation.loop import nothing_asked
from flan_tasks.evaluation.prompts import check_evaluated
from flan_tasks.metrics.by_name import LOWER_IS_BETTER
from flan_tasks.metrics.classes import check_told_apart
from flan_tasks.metrics.gold import Gold
from flan_tasks.metrics.libraries import require_libraries
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.fitting import fit_rows
from flan_tasks.plan.plan import Draw
from flan_tasks.plan.prepare import Ingredient, SourceChoice, prepare
from flan_tasks.plan.rows import CHUNK, render_task
from flan_tasks.raw_rows.families import FamilySource
from flan_tasks.specs.formats import ARCHS, DECODER, ENCODER_DECODER
from flan_tasks.store.store import Store, open_store

# How T5's tokenizers write the end of an answer, which the harness does not add. `flan eval` scores
# it, as a model that was trained to end its answers tells an option from one it begins.
_END = "</s>"
_BLANK_LINE = "\n\n"


@dataclass(frozen=True)
class Export:
    """What is exported and how.

    Raises:
      DeclarationError: other kinds of templates than forward are asked for, or there is no such
        `arch`.
    """

    split: str = "test"
    """train, validation or test."""
    variation: Variation = PLAIN
    """How prompts are made of the examples."""
    limit: int | None = None
    """At most so many examples of each dataset, the first; None is all."""
    seed: int = 0
    """Number that exemplars and option orders depend on."""
    budget: Budget | None = None
    """What prompts must fit into; None leaves them, and all exemplars, as they are."""
    answer_length: int = 256
    """Longest answer that is generated, in tokens of the model's own vocabulary."""
    arch: str = DECODER
    """What kind of model reads the tasks, one of `formats.ARCHS`."""
    allow_missing: bool = False
    """Whether datasets whose rows are not available are left out."""

    def __post_init__(self) -> None:
        check_evaluated(self.variation)
        if self.arch not in ARCHS:
            raise DeclarationError(f'arch is "{self.arch}"; wanted {" or ".join(ARCHS)}')


@dataclass
class _Written:
    """What came to be known of an export while its tasks were written."""

    tasks: list[str] = field(default_factory=list)
    """Tasks, without groups."""
    first: str = ""
    """The first task or group."""
    scored: set[tuple[str, str]] = field(default_factory=set)
    """(metric, number) that are computed over all examples of a task together."""
    needed: set[tuple[str, str]] = field(default_factory=set)
    """(metric, language of its answers)."""
    unwritten: dict[str, str] = field(default_factory=dict)
    """Dataset -> why it has no tasks by generation."""
    families: dict[tuple[str, bool], list[tuple[str, list[dict[str, Any]]]]] = field(
        default_factory=dict
    )
    """Family, and whether options are ranked -> groups of its members, each with its metrics."""
    too_small: dict[str, str] = field(default_factory=dict)
    """Dataset -> why it has no rows of the split."""
    missing: dict[str, SourceUnavailableError] = field(default_factory=dict)
    """Dataset -> the error that says why its rows are not available."""
    too_long: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Template, as rte.hence -> rows that are left out, as their prompts do not fit; of how
    many."""


def export(
    datasets: Sequence[Dataset],
    catalog: Catalog,
    folder: Path,
    settings: Export,
    *,
    source: SourceChoice,
    store: Store | None = None,
    command: str = "",
    progress: Callable[[str], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> list[str]:
    """Writes the evaluation tasks of datasets and returns their names.

    Each template gives a task for generation, `flan_rte_hence`; for classification another for
    rank classification, `flan_rte_hence_rank`; and each dataset groups of these, `flan_rte` and
    `flan_rte_rank`. The folder appears whole or not at all.

    Args:
      datasets: whose tasks; those without the split are left out.
      catalog: where they are declared.
      folder: new or empty.
      settings: what is exported and how.
      source: where rows come from.
      store: where examples are kept; the default store if None.
      command: noted beside the tasks.
      progress: called with what is being written.
      warn: called with what is left out as its prompts do not fit, a line for each template.

    Raises:
      BuildError: the folder is not empty, or cannot be written.
      DeclarationError: no dataset has the split.
      MissingLibraryError: what computes their metrics is not installed.
      SourceUnavailableError: rows are not available, of any where they may be missing.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BuildError(f"{folder} is not empty, or a file; name a new or empty folder")
    present = [dataset for dataset in datasets if settings.split in dataset.splits.names]
    if not present:
        names = ", ".join(dataset.name for dataset in datasets)
        raise DeclarationError(f"none of {names} has a {settings.split} split")
    require_libraries(present)
    written = _Written()
    store = store or open_store()
    opened: dict[str, FamilySource] = {}
    try:
        with folder_aside(folder) as aside:
            for dataset in present:
                if progress:
                    progress(f"writing {dataset.name}")
                try:
                    item = _ingredient(dataset, catalog, settings, source, store, opened)
                except TooFewRowsError as error:
                    written.too_small[dataset.name] = dict(error.problems)[dataset.name]
                    continue
                except SourceUnavailableError as error:
                    if not settings.allow_missing:
                        raise
                    written.missing[dataset.name] = error
                    continue
                _write_dataset(item, aside, settings, written)
            _write_families(aside, written, present)
            if len(written.too_small) == len(present):
                raise nothing_asked(written.too_small)
            if len(written.missing) + len(written.too_small) == len(present):
                raise next(iter(written.missing.values()))
            if not written.tasks:
                length = f" of {settings.budget.length:,} tokens" if settings.budget else ""
                raise DeclarationError(
                    f"{', '.join(d.name for d in present)}: no prompt is left{length}; give a "
                    "longer --length"
                )
            for path, text in carried("evaluation.harness").items():
                write_text(aside / PACKAGE / path, text)
            write_text(aside / f"{MODULE}.py", module_text(written.scored))
            left_out = list(_left_out(written, settings))
            about = readme(
                [dataset for dataset in present if dataset.name not in written.missing],
                written.first,
                command,
                settings.arch,
                written.needed,
                written.unwritten,
                left_out,
            )
            write_text(aside / "README.md", about)
    except OSError as error:
        raise write_error(error, folder) from error
    if warn:
        for line in left_out:
            warn(line)
    return written.tasks


def _left_out(written: _Written, settings: Export) -> Iterator[str]:
    missing = {
        name: dict(error.problems).get(name, error.reason).splitlines()[0]
        for name, error in written.missing.items()
    }
    for names, reason in folded_reasons(missing):
        yield f"{names}: left out, as rows are not available: {reason}"
    for names, reason in folded_reasons(written.too_small):
        yield f"{names}: {reason}"
    assert settings.budget is not None or not written.too_long
    for name, (lost, rows) in written.too_long.items():
        assert settings.budget is not None
        whole = "; it has no task" if lost == rows else ""
        yield (
            f"{name}{whole}: {lost:,} of {counted(rows, 'row')} {are(lost)} left out, as no "
            f"shortening of fields makes prompts fit {settings.budget.length:,} tokens"
        )


def _ingredient(
    dataset: Dataset,
    catalog: Catalog,
    settings: Export,
    source: SourceChoice,
    store: Store,
    opened: dict[str, FamilySource],
) -> Ingredient:
    alone = Mixture(name=dataset.name, include=(dataset.name,))
    (item,) = prepare(
        alone,
        catalog,
        source=source,
        split=settings.split,
        store=store,
        variation=settings.variation.for_dataset(dataset.name, catalog.templates(dataset.name).ids),
        opened=opened,
    ).ingredients
    if settings.limit is None:
        return item
    return replace(item, available=min(item.available, settings.limit))


def _write_dataset(item: Ingredient, folder: Path, settings: Export, written: _Written) -> None:
    dataset = item.dataset
    name = _plain_name(dataset)
    if (folder / name).exists():
        raise DeclarationError(f"two datasets would be called flan_{name}; export one at a time")
    (folder / name).mkdir()
    tasks: dict[bool, list[str]] = {False: [], True: []}
    lists: dict[bool, list[dict[str, Any]]] = {}
    for number, template in enumerate(item.templates):
        rows = list(_rows(item, number, settings))
        if len(rows) < item.available:
            lost = item.available - len(rows)
            written.too_long[f"{dataset.name}.{template.id}"] = lost, item.available
        if not rows:
            continue
        golds = [row.gold for row in rows]
        ways = [False, True] if dataset.is_ranked else [False]
        try:
            check_told_apart(golds)
        except EvaluationError as error:
            written.unwritten[dataset.name] = str(error)
            ways.remove(False)
        numbers = numbers_of(dataset.metrics, golds)
        written.scored |= {(metric, one) for metric, one, is_mean in numbers if not is_mean}
        written.needed |= {(metric, gold.language) for metric in dataset.metrics for gold in golds}
        file = f"{name}/{template.id}.jsonl"
        pairs = zip(rows, golds, strict=True)
        docs = [_doc(*pair, numbers) for pair in pairs]
        if settings.arch == ENCODER_DECODER:
            docs = [doc | {"choices": [text + _END for text in doc["options"]]} for doc in docs]
        lines = [json.dumps(doc, ensure_ascii=False) for doc in docs]
        write_text(folder / file, "\n".join(lines) + "\n")
        for is_rank in ways:
            task = f"flan_{name}_{template.id}" + ("_rank" if is_rank else "")
            lists[is_rank] = list(_metric_list(numbers, is_rank=is_rank))
            text = task_text(
                task,
                file,
                lists[is_rank],
                arch=settings.arch,
                is_rank=is_rank,
                until=_stops(settings, rows),
                answer_length=settings.answer_length,
            )
            write_text(folder / f"{task}.yaml", text)
            tasks[is_rank].append(task)
    for is_rank, names in tasks.items():
        if names:
            group = f"flan_{name}" + ("_rank" if is_rank else "")
            write_text(folder / f"{group}.yaml", group_text(group, names, lists[is_rank]))
            written.first = written.first or group
            written.tasks += names
            if dataset.family:
                groups = written.families.setdefault((dataset.family, is_rank), [])
                groups.append((group, lists[is_rank]))


def _plain_name(dataset: Dataset) -> str:
    """What a dataset is called in names of tasks and files, which a colon may part elsewhere."""
    return dataset.name.replace(MEMBER_MARK, "_")


def _write_families(folder: Path, written: _Written, datasets: Sequence[Dataset]) -> None:
    """Writes a group of those of its members for each family that has several.

    Results call it by how many members there are where the rows of some are missing.
    """
    for (family, is_rank), groups in written.families.items():
        name = f"flan_{family}" + ("_rank" if is_rank else "")
        if len(groups) < 2 or (folder / f"{name}.yaml").exists():
            continue
        # Of numbers that all of them have.
        metrics = [one for one in groups[0][1] if all(one in of_it for _, of_it in groups)]
        missing = [
            one
            for one in datasets
            if one.family == family
            and one.name in written.missing
            and (one.is_ranked or not is_rank)
        ]
        count = f"{len(groups):,} of {len(groups) + len(missing):,} members"
        alias = f"{name} ({count})" if missing else ""
        text = group_text(name, [group for group, _ in groups], metrics, alias=alias)
        write_text(folder / f"{name}.yaml", text)


def _stops(settings: Export, rows: Sequence[BuiltRow]) -> list[str]:
    """Texts that end a written answer, beside the model's own end.

    Behind exemplars it is what stands behind each of them; no right answer holds it there, and what
    the scores compare is cut at it as well. Without exemplars a T5 ends by itself. Decoders that
    were never taught to end an answer write on: a blank line ends what they write, where no right
    answer holds one.
    """
    if settings.variation.shots:
        return [SEPARATOR]
    if settings.arch == ENCODER_DECODER:
        return []
    answers = (text for row in rows for text in (row.targets, *row.gold.references))
    return [] if any(_BLANK_LINE in text for text in answers) else [_BLANK_LINE]


def _rows(item: Ingredient, template: int, settings: Export) -> Iterator[BuiltRow]:
    for start in range(0, item.available, CHUNK):
        example = np.arange(start, min(start + CHUNK, item.available), dtype=np.int64)
        zero = np.zeros(len(example), np.int64)
        draw = Draw(example, zero, zero + template)
        rows = render_task(item, draw, seed=settings.seed, budget=settings.budget)
        fitted = rows if settings.budget is None else fit_rows(rows, settings.budget)
        yield from (row for row in fitted if row is not None)


def _doc(row: BuiltRow, gold: Gold, numbers: Sequence[tuple[str, str, bool]]) -> dict[str, Any]:
    options = list(row.choices)
    return {
        "inputs": row.inputs,
        "targets": row.targets,
        "options": options,
        "label": options.index(row.targets) if row.targets in options else -1,
        "key": row.example.key,
        "num_shots": row.num_shots,
        "gold": gold.to_json(),
        "numbers": json.dumps(numbers),
    }


def _metric_list(
    numbers: Sequence[tuple[str, str, bool]], *, is_rank: bool
) -> Iterator[dict[str, Any]]:
    for is_norm in (False, True) if is_rank else (False,):
        for metric, number, is_mean in numbers:
            yield {
                "metric": number_name(metric, number, is_norm=is_norm),
                "aggregation": "mean" if is_mean else f"!{function(metric, number)}",
                "higher_is_better": metric not in LOWER_IS_BETTER,
            }
