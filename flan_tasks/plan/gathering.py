"""Opens the examples of a mixture's datasets, each once in however many parts it is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import (
    DeclarationError,
    RowError,
    SourceUnavailableError,
    TooFewRowsError,
)
from flan_tasks.core.escaping import for_line
from flan_tasks.core.family import stored_as
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.option_styles import PLAIN_STYLE
from flan_tasks.core.part_tree import MARK, Leaf
from flan_tasks.core.template import Template
from flan_tasks.core.variation import PLAIN, Variation
from flan_tasks.plan.exemplars import Exemplars
from flan_tasks.plan.source_choice import SourceChoice
from flan_tasks.plan.suitable import check_templates, suitable
from flan_tasks.raw_rows import State
from flan_tasks.raw_rows.families import FamilySource
from flan_tasks.store.store import Store, StoredExamples

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Ingredient:
    """One dataset of a mixture, with its available examples."""

    dataset: Dataset
    """The declaration."""
    examples: StoredExamples
    """Its stored examples; those from `available` on are behind the mixture's limit."""
    available: int
    """How many of them the mixture may draw."""
    templates: tuple[Template, ...]
    """The templates drawn from, in the order of their file."""
    rate: float = 0.0
    """Mixing rate."""
    variation: Variation = PLAIN
    """How prompts are made of the examples."""
    exemplars: Exemplars | None = None
    """Where exemplars come from; None where the variation wants none."""
    part: str = ""
    """Path of the part of the mixture that it is in; empty where there are none."""
    fewest_shots: int | None = None
    """The fewest exemplars, where their number is drawn."""

    @property
    def name(self) -> str:
        """What its rows are counted and drawn under: the dataset's name, in parts behind a path."""
        return f"{self.part}{MARK}{self.dataset.name}" if self.part else self.dataset.name

    @property
    def is_styled(self) -> bool:
        """Whether its options are listed in another way than the plain one."""
        variation = self.variation
        return (
            variation.options
            and variation.option_style != PLAIN_STYLE
            and self.dataset.is_classification
        )

    @property
    def prompt_type(self) -> str:
        """One of `core.parts.PROMPT_TYPES`: whether it has exemplars, and options where it can."""
        return (
            f"{'fs' if self.variation.shots else 'zs'}_{'' if self.variation.options else 'no'}opt"
        )


class Gathering:
    """Opens the examples of datasets, each once in however many parts it is."""

    def __init__(
        self,
        catalog: Catalog,
        source: SourceChoice,
        store: Store,
        split: str,
        progress: Progress | None,
        present: Sequence[str],
        opened: dict[str, FamilySource] | None = None,
    ) -> None:
        self._catalog = catalog
        self._source = source
        self._store = store
        self._split = split
        self._progress = progress
        self._places = {name: place for place, name in enumerate(present, start=1)}
        self._opened: dict[str, StoredExamples | SourceUnavailableError] = {}
        self._families: dict[str, FamilySource] = {} if opened is None else opened
        # One object for all members of a family, which are rendered together for it.
        self._alike: dict[object, tuple[Template, ...]] = {}
        # Ceiling on what is read of a dataset: the highest of the parts it is in, as it has one
        # file in the store.
        self.limits: dict[str, int] = {}
        self.missing: dict[str, str] = {}
        self.notes: dict[str, str] = {}
        # Those that have too few rows for the split.
        self.too_small: dict[str, str] = {}
        self.bad = RowError()
        # Stored tables with bad rows: one has all members, so what one of them meets all do.
        self._bad_families: set[str] = set()

    def datasets_of(self, leaf: Leaf) -> list[Dataset]:
        """Returns the datasets of a part that have the split.

        Raises:
          DeclarationError: none of them is trained on.
        """
        left = self._catalog.left_of(leaf.mixture)
        found = [dataset for dataset in left if dataset.name in self._places]
        if not found and self._split == "train":
            raise DeclarationError(
                f'mixture "{leaf.mixture.name}", part "{leaf.path}": none of its datasets has a '
                f"train split: {', '.join(one.name for one in left)}; leave the part out, or give "
                "it others"
            )
        return found

    def set_limits(self, by_leaf: Sequence[tuple[Leaf, Sequence[Dataset]]]) -> None:
        """Notes how much is read of each dataset."""
        for leaf, datasets in by_leaf:
            for dataset in datasets:
                before = self.limits.get(dataset.name, 0)
                self.limits[dataset.name] = max(before, leaf.mixture.limit)

    def gather(
        self, leaf: Leaf, datasets: Sequence[Dataset], around: Variation
    ) -> Iterator[Ingredient]:
        """Yields the datasets of a part that have examples; what is missing is noted.

        Raises:
          RowError: more rows break their schema than are listed.
          DeclarationError: a dataset has no template that is wanted.
          TemplateError: a template uses a field that its dataset does not have.
        """
        variation = leaf.variation(around)
        if variation.templates != around.templates:
            known = ((d.name, self._catalog.templates(d.name).ids) for d in datasets)
            variation.check_templates(known)
        for dataset in datasets:
            if dataset.family and stored_as(dataset) in self._bad_families:
                continue
            try:
                examples, exemplars = self._read(dataset, variation, leaf.mixture.limit)
            except TooFewRowsError as error:
                self.too_small[dataset.name] = error.reason
                self.notes[dataset.name] = _notes(error)
                continue
            except SourceUnavailableError as error:
                # It stands in manifest, card and report; names of files may hold anything.
                self.missing[dataset.name] = for_line(error.reason)
                self.notes[dataset.name] = _notes(error)
                continue
            except RowError as error:
                # Other datasets are read on, and kept in the store: their bad rows are named too.
                self.bad = RowError(
                    *self.bad.rows, *error.rows, where=self.bad.where or error.where
                )
                if self.bad.is_full:
                    raise self.bad from error
                if dataset.family:
                    self._bad_families.add(stored_as(dataset))
                continue
            templates = self._templates(dataset, leaf.mixture, variation)
            yield Ingredient(
                dataset,
                examples,
                len(examples),
                templates,
                variation=variation,
                exemplars=exemplars,
                part=leaf.path,
                fewest_shots=leaf.fewest_shots if variation.shots else None,
            )

    def _read(
        self, dataset: Dataset, variation: Variation, limit: int
    ) -> tuple[StoredExamples, Exemplars | None]:
        catalog, source, store = self._catalog, self._source, self._store
        exemplars = None
        examples = self._once(dataset)
        if variation.shots and self._split != "train":
            exemplars = _exemplars(dataset, catalog, source, store, limit, self._families)
        examples = suitable(variation, dataset, examples, store)
        if exemplars is not None:
            shown = suitable(variation, dataset, exemplars.examples, store)
            exemplars = replace(exemplars, examples=shown, available=len(shown))
        return examples, exemplars

    def _once(self, dataset: Dataset) -> StoredExamples:
        name = dataset.name
        if name not in self._opened:
            where = f"{name} ({self._places[name]} of {len(self._places)})"
            limit = self.limits[name] if self._split == "train" else None
            try:
                self._opened[name] = open_examples(
                    dataset,
                    self._catalog,
                    self._source,
                    self._store,
                    self._split,
                    limit,
                    opened=self._families,
                    progress=self._progress,
                    where=where,
                )
            except SourceUnavailableError as error:
                self._opened[name] = error
        found = self._opened[name]
        if isinstance(found, SourceUnavailableError):
            raise found
        return found

    def _templates(
        self, dataset: Dataset, mixture: Mixture, variation: Variation
    ) -> tuple[Template, ...]:
        every = self._catalog.templates(dataset.name).templates
        templates = variation.choose(dataset.name, every, self._split, kinds=mixture.kinds)
        alike = (dataset.family or dataset.name, templates, dataset.is_classification)
        if alike not in self._alike:
            self._catalog.check_fields(dataset)
        templates = self._alike.setdefault(alike, templates)
        if variation.shots:
            check_templates(dataset, templates)
        if not templates and dataset.is_trained_on:
            raise DeclarationError(
                f'mixture "{mixture.name}": {dataset.name} has no {" or ".join(mixture.kinds)} '
                "template; exclude it, or add a kind"
            )
        return templates


def _notes(error: SourceUnavailableError) -> str:
    return "".join(f" ({note})" for note in getattr(error, "__notes__", []))


def open_examples(
    dataset: Dataset,
    catalog: Catalog,
    source: SourceChoice,
    store: Store,
    split: str,
    limit: int | None,
    *,
    opened: dict[str, FamilySource],
    progress: Progress | None = None,
    where: str = "",
) -> StoredExamples:
    """Opens the stored examples of a dataset, which are read where they are not there.

    Sources of families are kept in `opened` for their other members.

    Raises:
      SourceUnavailableError: its rows are not available.
      RowError: rows break their schema.
    """
    # What is to be said of a family is said with its first member.
    is_said = bool(dataset.family) and stored_as(dataset) in opened
    rows = source.open(dataset, catalog, opened=opened)
    if dataset.family:
        where = f"{stored_as(dataset)}, all its tasks"
    if (
        progress
        and not is_said
        and source.data_dir is None
        and rows.status().state is not State.AVAILABLE
    ):
        progress(f"fetching {where}")
    reading = partial(progress, f"reading {where}") if progress else None
    return store.open(dataset, rows, split, limit=limit, reading=reading)


def _exemplars(
    dataset: Dataset,
    catalog: Catalog,
    source: SourceChoice,
    store: Store,
    limit: int,
    opened: dict[str, FamilySource],
) -> Exemplars:
    """Opens the training examples that exemplars of an evaluation split come from.

    Raises:
      DeclarationError: neither the dataset nor a part beside it has some.
      SourceUnavailableError: they are not available.
      TooFewRowsError: a task of a family has none, as all its rows are for evaluation.
    """
    beside = [
        other
        for other in catalog.datasets
        if other.parent == dataset.parent and other.template_file == dataset.template_file
    ]
    trained = [other for other in (dataset, *beside) if other.is_trained_on]
    if not trained and dataset.family:
        # Of a thousand tasks some have exemplars and some have none; the others are asked.
        raise TooFewRowsError("it has no train split, so there are no exemplars")
    if not trained:
        raise DeclarationError(
            f"{dataset.name}: it has no train split, so there are no exemplars; leave it out, or "
            "take no shots"
        )
    examples = open_examples(trained[0], catalog, source, store, "train", limit, opened=opened)
    return Exemplars(examples, len(examples), dataset.options)
