"""Which examples and templates suit a form of prompts: without options, or with exemplars."""

from collections.abc import Sequence

import numpy as np

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.joints import LIKE_SEPARATOR, SEPARATOR, holds_separator
from flan_tasks.core.template import Template
from flan_tasks.core.variation import Variation
from flan_tasks.store.store import Store, StoredExamples

# Examples looked at together.
_LOOKED_AT = 1024


def suitable(
    variation: Variation, dataset: Dataset, examples: StoredExamples, store: Store
) -> StoredExamples:
    """Returns the examples that prompts of a form can be made of; the others count as skipped."""
    if not variation.options:
        examples = _without_needed(dataset, examples, store)
    if variation.shots:
        # It would part a prompt, or an answer, where there is no other exemplar.
        reason = f"holds {SEPARATOR}, the mark between exemplars"
        examples = store.without(examples, examples.holding(LIKE_SEPARATOR), reason=reason)
    return examples


def check_templates(dataset: Dataset, templates: Sequence[Template]) -> None:
    """Checks that templates can be used with exemplars.

    Raises:
      DeclarationError: one holds the mark between them.
    """
    for template in templates:
        if any(holds_separator(text) for text in template.texts.values()):
            raise DeclarationError(
                f'{dataset.name}: template "{template.id}" holds {SEPARATOR}, the mark between '
                "exemplars, so it cannot be used with --shots; word it otherwise, or name other "
                "--templates"
            )


def _without_needed(dataset: Dataset, examples: StoredExamples, store: Store) -> StoredExamples:
    """Leaves out what cannot be answered where options are not shown."""
    if dataset.needs_options is None:
        return examples
    needing = [
        start + place
        for start in range(0, len(examples), _LOOKED_AT)
        for place, example in enumerate(
            examples.take(range(start, min(start + _LOOKED_AT, len(examples))))
        )
        if dataset.needs_options(example)
    ]
    numbers = np.asarray(needing, np.int64)
    return store.without(examples, numbers, reason="cannot be answered without its options")
