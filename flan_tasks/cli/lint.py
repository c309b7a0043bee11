"""`flan lint`: templates alone, together, and filled with sample rows and the user's own."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flan_tasks.cli import options
from flan_tasks.cli.lint_families import families_of, rows_of_members
from flan_tasks.cli.table import print_json, print_wrapped, say
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import FlanTasksError, RowError, SourceUnavailableError
from flan_tasks.core.example import Example
from flan_tasks.core.lint import Finding, lint_across, lint_set
from flan_tasks.core.origin import SOURCE_KINDS, Files
from flan_tasks.datasets import catalog

if TYPE_CHECKING:
    from flan_tasks.raw_rows.checked_rows import CheckedRows


@click.command(name="lint")
@click.argument("names", nargs=-1)
@click.option(
    "--source",
    type=click.Choice(SOURCE_KINDS),
    help="Read rows from there. By default the embedded rows, and the files of datasets that "
    "declare files.",
)
@options.data_dir
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="Rows of each split to read from a source.",
)
@click.option("--all-rows", is_flag=True, help="Read all of them.")
@options.module
@options.as_json
def command(
    names: tuple[str, ...],
    source: str | None,
    data_dir: Path | None,
    rows: int,
    all_rows: bool,
    as_json: bool,
) -> int:
    """Checks the templates of NAMES (datasets, clusters), or all, and the rows of own files.

    Rows are read as `flan build` reads them; the first ten that it would refuse are named. Exits
    with 1 where something is wrong; hints are no fault.
    """
    datasets = catalog().expand(names) if names else catalog().datasets
    of_families = families_of(datasets)
    if not names:
        of_families = {
            name: [family.task(member) for member in family.members]
            for name, family in catalog().families.items()
        }
    datasets = tuple(dataset for dataset in datasets if not dataset.family)
    if source is not None and options.reads_tfds(datasets, source):
        options.import_tensorflow_quietly()
    findings: list[Finding] = []
    sets = []
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
        checked, problem = _read(dataset, source, data_dir, None if all_rows else rows)
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
        examples, problems = rows_of_members(tasks, source=source, data_dir=data_dir)
        num_samples += len(examples)
        sets.append(catalog().templates(name))
        own_files |= {sets[-1].path} if own else set()
        shared = catalog().family(name).shared
        findings += lint_set(shared, sets[-1], examples, own=own)
        findings += [
            Finding(name, "", problem, is_hint=source is None and "refuses" not in problem)
            for problem in problems
        ]
    findings += [
        Finding(f.path, f.template, f.problem, is_hint=f.path in own_files)
        for f in lint_across(sets)
    ]
    findings += [Finding("declarations", "", problem) for problem in catalog().check()]
    findings = list(dict.fromkeys(findings))
    options.end_progress()
    faults = [finding for finding in findings if not finding.is_hint]
    if as_json:
        print_json(_report(findings, read))
        return 1 if faults else 0
    for finding in sorted(findings, key=lambda finding: finding.is_hint):
        say(str(finding))
    for name, checked in read.items():
        print_wrapped(f"{name}: {_counts(checked)}")
    num_templates = sum(len(s) for s in {s.path: s for s in sets}.values())
    hints = len(findings) - len(faults)
    num_rows = sum(len(checked.examples) for checked in read.values())
    of_sources = f" and {num_rows:,} read from sources" if read else ""
    families = f" and {len(of_families)} families" if of_families else ""
    print_wrapped(
        f"{len(faults)} findings{f', {hints} hints' if hints else ''} in {num_templates} templates "
        f"of {len(datasets)} datasets{families}, each filled with its rows: {num_samples} embedded"
        f"{of_sources}.",
        err=bool(faults),
    )
    return 1 if faults else 0


def _read(
    dataset: Dataset, source: str | None, data_dir: Path | None, most: int | None
) -> "tuple[CheckedRows | None, str]":
    """Reads rows of a dataset; returns what became of them, or why none were read."""
    from flan_tasks.raw_rows import DECLARED, State, open_source
    from flan_tasks.raw_rows.checked_rows import check_rows

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
        options.progress(f"reading {dataset.name}")
        return check_rows(dataset, rows, most=most), ""
    except SourceUnavailableError as error:
        return None, str(error).removeprefix(f"{dataset.name}: ")


def _of_rows(dataset: Dataset, line: str) -> Finding:
    return Finding(dataset.name, "", f"a build refuses {line.removeprefix(f'{dataset.name}, ')}")


def _counts(checked: "CheckedRows") -> str:
    part = " (the first of each split; --all-rows reads all)" if checked.is_part else ""
    text = f"{checked.rows:,} rows read{part}, {checked.num_examples:,} examples"
    if checked.skipped:
        reasons = ", ".join(f"{count:,} {why}" for why, count in checked.skipped.most_common())
        text += f", skipped: {reasons}"
    return text


def _report(findings: list[Finding], read: "dict[str, CheckedRows]") -> dict[str, object]:
    return {
        "findings": [
            {
                "path": f.path,
                "template": f.template,
                "problem": f.problem,
                "level": "hint" if f.is_hint else "error",
            }
            for f in findings
        ],
        "rows": {
            name: {
                "rows": checked.rows,
                "examples": checked.num_examples,
                "skipped": dict(checked.skipped),
                "all": not checked.is_part,
            }
            for name, checked in read.items()
        },
    }


def sample_examples(name: str) -> list[Example]:
    """Every example of a dataset's embedded rows, all source splits; none where it has no rows.

    Raises:
      RowError: rows cannot be used; all of them are named.
    """
    from flan_tasks.core.dataset import normalize_row
    from flan_tasks.raw_rows.samples import SamplesSource

    dataset = catalog()[name]
    source = SamplesSource(name, catalog().samples(name))
    try:
        splits = source.splits()
    except SourceUnavailableError:
        return []
    found: list[Example] = []
    refused: list[str] = []
    for split, count in splits.items():
        for number, row in enumerate(source.rows(split, range(count))):
            try:
                items = normalize_row(dataset, row, source_split=split, number=number)
            except RowError as error:
                refused += error.rows
                continue
            found += [item for item in items if isinstance(item, Example)]
    if refused:
        raise RowError(*refused)
    return found
