"""What an evaluation asks: each dataset's templates, splits and methods, with their examples."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import (
    DeclarationError,
    SourceUnavailableError,
    TooFewRowsError,
)
from flan_tasks.core.variation import PLAIN, Variation
from flan_tasks.evaluation.normalizing import ways_of
from flan_tasks.evaluation.prompts import check_evaluated, chosen_examples, evaluation_prompts
from flan_tasks.evaluation.records import (
    GENERATE,
    RANK,
    Prompt,
    Unit,
)
from flan_tasks.evaluation.summary import (
    TEST,
    VALIDATION,
)
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.prepare import Ingredient, SourceChoice, prepare
from flan_tasks.raw_rows.families import FamilySource
from flan_tasks.specs.eval_config import USUAL_NORMALIZATIONS
from flan_tasks.store.store import Store

AUTO, BOTH = "auto", "both"
METHODS = (AUTO, RANK, GENERATE, BOTH)
SPLITS = (VALIDATION, TEST)
Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is asked.

    Raises:
      DeclarationError: parts of it contradict each other.
    """

    datasets: tuple[Dataset, ...]
    """Each of them on each of its splits."""
    splits: tuple[str, ...] = SPLITS
    """Of validation and test."""
    method: str = AUTO
    """One of METHODS; auto ranks options where there are some, and generates elsewhere."""
    examples: int | None = None
    """Examples of a split; None is all."""
    seed: int = 0
    """What the draw of examples, exemplars and option orders depends on."""
    source: SourceChoice = SourceChoice()
    """Where rows come from."""
    variation: Variation = PLAIN
    """How prompts are made."""
    allow_missing: bool = False
    """Go on without datasets whose rows are not available."""
    normalize: tuple[str, ...] = USUAL_NORMALIZATIONS
    """What else than the sum chooses among options, of `eval_config.NORMALIZATIONS`."""

    def __post_init__(self) -> None:
        ways_of(self.normalize)
        if self.method not in METHODS:
            raise DeclarationError(f'method "{self.method}" must be one of {", ".join(METHODS)}')
        if not self.splits or set(self.splits) - set(SPLITS):
            raise DeclarationError(f"splits {list(self.splits)} must be of {', '.join(SPLITS)}")
        check_evaluated(self.variation)
        free = [d.name for d in self.datasets if not d.is_ranked]
        if self.method == RANK and free:
            raise DeclarationError(
                f"{', '.join(free)}: no options to rank (or reasoning before them); use method "
                "auto, generate or both"
            )

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the answers to one unit, but for who answers; JSON-able."""
        return {
            "examples": self.examples,
            "seed": self.seed,
            "source": self.source.kind,
            "variation": self.variation.words,
        }

    def methods(self, dataset: Dataset) -> tuple[str, ...]:
        """Returns how a dataset's prompts are answered."""
        if not dataset.is_ranked:
            return (GENERATE,)
        return {AUTO: (RANK,), BOTH: (RANK, GENERATE)}.get(self.method, (self.method,))


@dataclass(frozen=True)
class Question:
    """A unit with what makes its prompts."""

    unit: Unit
    """What is asked."""
    item: Ingredient
    """The dataset's split."""
    numbers: Sequence[int]
    """Numbers of the examples."""

    def prompts(self, *, seed: int, budget: Budget | None) -> list[Prompt]:
        """Returns the prompts, in the order of the source."""
        template = next(t for t in self.item.templates if t.id == self.unit.template)
        return evaluation_prompts(self.item, template, self.numbers, seed=seed, budget=budget)


def questions(
    evaluation: Evaluation,
    dataset: Dataset,
    catalog: Catalog,
    *,
    store: Store,
    progress: Progress | None = None,
    left_out: dict[str, str] | None = None,
    opened: dict[str, FamilySource] | None = None,
) -> Iterator[Question]:
    """Yields the units of one dataset: splits, methods, templates.

    Args:
      evaluation: what is asked.
      dataset: one of its datasets.
      catalog: where it is looked up.
      store: where examples are kept.
      progress: called with what is being read.
      left_out: takes splits for which the dataset is too small, as "name (split)" -> why; the
        others are asked.
      opened: sources of families, which are kept in it for their other members.

    Raises:
      SourceUnavailableError: its rows are not available.
    """
    present = [split for split in evaluation.splits if split in dataset.splits.names]
    if not present and left_out is not None:
        splits = " or ".join(evaluation.splits)
        left_out[dataset.name] = f"it has no {splits} split by declaration"
    for split in present:
        if progress:
            progress(f"reading {dataset.name}, {split}")
        try:
            prepared = prepare(
                catalog.mixture(dataset.name),
                catalog,
                source=evaluation.source,
                split=split,
                store=store,
                variation=evaluation.variation.for_dataset(
                    dataset.name, catalog.templates(dataset.name).ids
                ),
                opened=opened,
            )
        except TooFewRowsError as error:
            if left_out is not None:
                left_out[f"{dataset.name} ({split})"] = reason_of(error, dataset)
            continue
        for item in prepared.ingredients:
            numbers = chosen_examples(item, evaluation.examples, seed=evaluation.seed)
            if not numbers:
                continue
            for method in evaluation.methods(dataset):
                for template in item.templates:
                    yield Question(Unit(dataset.name, template.id, split, method), item, numbers)


def reason_of(error: SourceUnavailableError, dataset: Dataset) -> str:
    """What an error says of one dataset, in a line."""
    return dict(error.problems).get(dataset.name, error.reason).splitlines()[0]
