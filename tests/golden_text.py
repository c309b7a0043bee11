"""Golden renderings: every template of a dataset filled with its sample rows, to be read."""

from collections.abc import Sequence

from flan_tasks.core.example import Example
from flan_tasks.core.render import render
from flan_tasks.core.template import TemplateSet


def golden_text(name: str, templates: TemplateSet, examples: Sequence[Example]) -> str:
    """Returns the page for one dataset.

    Each template is filled with another example in turn, then every example with one template, so
    that all templates and all examples are read. Options are shown as they stand.
    """
    pairs = [(t, examples[i % len(examples)]) for i, t in enumerate(templates)]
    rest = examples[len(templates) :]
    pairs += [(templates.templates[i % len(templates)], e) for i, e in enumerate(rest)]
    pages = [f"{name}: {templates.comment}"]
    for template, example in pairs:
        filled = render(template, example)
        pages.append(
            f"===== {template.id} ({template.kind}), row {example.key}\n{filled.inputs}\n"
            f"----- target\n{filled.targets}"
        )
    return "\n\n".join(pages) + "\n"
