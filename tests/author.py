"""For authors: `python tests/author.py NAME...` lints datasets and prints their renderings."""

import sys

from golden_text import golden_text

from flan_tasks.core.example import Example
from flan_tasks.core.lint import lint_set
from flan_tasks.core.row_examples import normalize_row, selected
from flan_tasks.datasets import catalog
from flan_tasks.raw_rows.samples import SamplesSource


def main(names: list[str]) -> int:
    """Lints datasets and prints every template filled; returns 1 where lint finds something."""
    found = 0
    datasets = catalog().expand(names) if names else catalog().datasets
    for dataset in datasets:
        source = SamplesSource(dataset.name, catalog().samples(dataset.name))
        examples: list[Example] = []
        for split, count in source.splits().items():
            for number, row in enumerate(source.rows(split, range(count))):
                for item in normalize_row(dataset, row, source_split=split, number=number):
                    item = selected(dataset, item, source_split=split)
                    if isinstance(item, Example):
                        examples.append(item)
                    else:
                        print(f"# {dataset.name} {split} row {number} skipped: {item.reason}")
        templates = catalog().templates(dataset.name)
        findings = lint_set(dataset, templates, examples)
        for finding in findings:
            print(f"LINT {finding}")
        found += len(findings)
        print(f"# {dataset.name}: rows {dict(source.splits())}, examples {len(examples)}")
        if names:
            print(golden_text(dataset.name, templates, examples))
    for problem in catalog().check():
        print(f"CHECK {problem}")
        found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
