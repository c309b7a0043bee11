"""What is wrong with templates: alone, together, and filled with sample rows and the user's own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core import notebook
from flan_tasks.core.counting import counted
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import FlanTasksError, RowError, SourceUnavailableError
from flan_tasks.core.example import Example
from flan_tasks.core.lint import Finding, lint_across, lint_set
from flan_tasks.core.origin import Files
from flan_tasks.core.row_examples import normalize_row
from flan_tasks.core.template import TemplateSet
from flan_tasks.datasets import catalog
from flan_tasks.jobs.lint_families import (
    alike_members,
    declared_alike,
    families_of,
    rows_of_members,
)
from flan_tasks.raw_rows import DECLARED, State, open_source
from flan_tasks.raw_rows.checked_rows import CheckedRows, check_rows
from flan_tasks.raw_rows.samples import SamplesSource


@dataclass(frozen=True)
class LintResult:
    """What was looked at, and what is wrong with it."""

    findings: tuple[Finding, ...]
    """Faults and hints, in the order they were come upon."""
    datasets: int
    """Datasets whose templates were looked at."""
    families: int
    """Families whose templates were looked at, each once."""
    templates: int
    """Templates of theirs."""
    samples: int
    """Embedded examples that were filled in."""
    rows: Mapping[str, CheckedRows]
    """Dataset -> what became of its rows, of those that were read from a source."""

    @property
    def faults(self) -> tuple[Finding, ...]:
        """Findings that are no hints."""
        return tuple(finding for finding in self.findings if not finding.is_hint)

    @property
    def hints(self) -> tuple[Finding, ...]:
        """Findings that others need not mind."""
        return tuple(finding for finding in self.findings if finding.is_hint)

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON-able values."""
        return {
            "findings": [
                {
                    "path": one.path,
                    "template": one.template,
                    "problem": one.problem,
                    "level": "hint" if one.is_hint else "error",
                }
                for one in self.findings
            ],
            "rows": {
                name: {
                    "rows": checked.rows,
                    "examples": checked.num_examples,
                    "skipped": dict(checked.skipped),
                    "all": not checked.is_part,
                }
                for name, checked in self.rows.items()
            },
        }

    def _repr_html_(self) -> str:
        rows = [
            ["hint" if one.is_hint else "fault", one.path, one.template, one.problem]
            for one in (*self.faults, *self.hints)
        ]
        title = (
            f"{counted(len(self.faults), 'fault')}, {counted(len(self.hints), 'hint')} in "
            f"{counted(self.templates, 'template')} of {counted(self.datasets, 'dataset')}"
        )
        header = ("", "file", "template", "what is wrong")
        return notebook.page(title, notebook.table(header, rows))


def lint(
    names: Sequence[str] = (),
    *,
    source: str | None = None,
    data_dir: Path | None = None,
    most: int | None = 20_000,
    progress: Callable[[str], None] | None = None,
) -> LintResult:
    """Looks at the templates of datasets and clusters, or of all, and fills rows in.

    Args:
      names: datasets and clusters; none means all.
      source: kind of source that rows are read from; None is the embedded rows, and the files of
        datasets that declare files.
      data_dir: a prepared TFDS tree, or a folder of files.
      most: rows of each split that are read from a source; None is all.
      progress: told what is being read.

    Raises:
      UnknownNameError: a name is none of a dataset or cluster.
    """
    datasets = catalog().expand(names) if names else catalog().datasets
    of_families = families_of(datasets)
    if not names:
        of_families = {
            name: [family.task(member) for member in family.members]
            for name, family in catalog().families.items()
        }
    datasets = tuple(dataset for dataset in datasets if not dataset.family)
    findings: list[Finding] = []
    sets: list[TemplateSet] = []
    own_files: set[str] = set()
    num_samples = 0
    read: dict[str, CheckedRows] = {}
    for dataset in datasets:
        try:
            templates = catalog().templates(dataset.name)
            examples = sample_examples(dataset.name) if source is None else []
        except FlanTasksError as error:
            findings += [Finding(dataset.name, "", line) for line in str(error).splitlines()]
            continue
        num_samples += len(examples)
        sets.append(templates)
        checked, problem = _read(dataset, source, data_dir, most, progress)
        own = catalog().is_own(dataset.name)
        own_files |= {templates.path} if own else set()
        more = checked.examples if checked else ()
        findings += lint_set(dataset, templates, examples, rows=more, own=own)
        if checked:
            read[dataset.name] = checked
            findings += [_of_rows(dataset, line) for line in checked.refused]
        elif problem and (source is not None or not examples):
            findings.append(Finding(dataset.name, "", problem, is_hint=source is None))
    for name, tasks in of_families.items():
        own = catalog().is_own(name)
        sets.append(catalog().templates(name))
        own_files |= {sets[-1].path} if own else set()
        for alike in alike_members(tasks):
            examples, problems = rows_of_members(alike, source=source, data_dir=data_dir)
            num_samples += len(examples)
            dataset, templates = declared_alike(alike)
            worded = catalog().family(name).tables is None
            findings += lint_set(dataset, templates, examples, own=own, worded=worded)
            findings += [
                Finding(name, "", problem, is_hint=source is None and "refuses" not in problem)
                for problem in problems
            ]
    findings += [
        Finding(f.path, f.template, f.problem, is_hint=f.path in own_files)
        for f in lint_across(sets)
    ]
    findings += [Finding("declarations", "", problem) for problem in catalog().check()]
    return LintResult(
        findings=tuple(dict.fromkeys(findings)),
        datasets=len(datasets),
        families=len(of_families),
        templates=sum(len(one) for one in {one.path: one for one in sets}.values()),
        samples=num_samples,
        rows=read,
    )


def sample_examples(name: str) -> list[Example]:
    """Every example of a dataset's embedded rows, all source splits; none where it has no rows.

    Raises:
      RowError: rows cannot be used; all of them are named.
    """
    dataset = catalog()[name]
    source = SamplesSource(name, catalog().samples(name))
    try:
        splits = source.splits()
    except SourceUnavailableError:
        return []
    examples: list[Example] = []
    refused: list[str] = []
    for split, count in splits.items():
        for number, row in enumerate(source.rows(split, range(count))):
            try:
                items = normalize_row(dataset, row, source_split=split, number=number)
            except RowError as error:
                refused += error.rows
                continue
            examples += [item for item in items if isinstance(item, Example)]
    if refused:
        raise RowError(*refused)
    return examples


def _read(
    dataset: Dataset,
    source: str | None,
    data_dir: Path | None,
    most: int | None,
    progress: Callable[[str], None] | None,
) -> tuple[CheckedRows | None, str]:
    """Reads rows of a dataset; returns what became of them, or why none were read."""
    if source is None and not isinstance(dataset.source, Files):
        return None, (
            "no row was filled in, since it has no embedded ones; --source declared reads its "
            "source, with --data-dir DIR where it lies prepared"
        )
    try:
        rows = open_source(
            dataset,
            kind=source or DECLARED,
            data_dir=data_dir,
            samples=catalog().samples(dataset.name),
        )
        if source is None and rows.status().state is not State.AVAILABLE:
            return None, f"no row was filled in: {rows.status().detail}"
        if progress:
            progress(f"reading {dataset.name}")
        return check_rows(dataset, rows, most=most), ""
    except SourceUnavailableError as error:
        return None, error.reason


def _of_rows(dataset: Dataset, line: str) -> Finding:
    return Finding(dataset.name, "", f"a build refuses {line.removeprefix(f'{dataset.name}, ')}")
