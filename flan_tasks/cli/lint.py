"""`flan lint`: templates alone, together, and filled with every sample row."""

import click

from flan_tasks.cli import options
from flan_tasks.cli.table import print_json, say
from flan_tasks.core.errors import FlanTasksError, SourceUnavailableError
from flan_tasks.core.example import Example
from flan_tasks.core.lint import Finding, lint_across, lint_set
from flan_tasks.datasets import catalog


@click.command(name="lint")
@click.argument("names", nargs=-1)
@options.module
@options.as_json
def command(names: tuple[str, ...], as_json: bool) -> int:
    """Checks the templates of NAMES (datasets, clusters), or all."""
    datasets = catalog().expand(names) if names else catalog().datasets
    findings: list[Finding] = []
    sets = []
    num_examples = 0
    for dataset in datasets:
        try:
            templates = catalog().templates(dataset.name)
            examples = sample_examples(dataset.name)
        except FlanTasksError as error:
            findings += [Finding(dataset.name, "", line) for line in str(error).splitlines()]
            continue
        num_examples += len(examples)
        sets.append(templates)
        findings += lint_set(dataset, templates, examples)
    findings += lint_across(sets)
    findings += [Finding("declarations", "", problem) for problem in catalog().check()]
    findings = list(dict.fromkeys(findings))
    if as_json:
        found = [{"path": f.path, "template": f.template, "problem": f.problem} for f in findings]
        print_json({"findings": found})
    else:
        for finding in findings:
            say(str(finding))
        num_templates = sum(len(s) for s in {s.path: s for s in sets}.values())
        click.echo(
            f"{len(findings)} findings in {num_templates} templates of {len(datasets)} datasets, "
            f"each filled with every one of its sample rows ({num_examples} in all).",
            err=bool(findings),
        )
    return 1 if findings else 0


def sample_examples(name: str) -> list[Example]:
    """Every example of a dataset's embedded rows, all source splits; none where it has no rows."""
    from flan_tasks.core.dataset import normalize_row
    from flan_tasks.sources.samples import SamplesSource

    dataset = catalog()[name]
    source = SamplesSource(name, catalog().samples(name))
    try:
        splits = source.splits()
    except SourceUnavailableError:
        return []
    return [
        item
        for split, count in splits.items()
        for number, row in enumerate(source.rows(split, range(count)))
        for item in normalize_row(dataset, row, source_split=split, number=number)
        if isinstance(item, Example)
    ]
