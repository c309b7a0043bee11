"""From a mixture's declaration to what is really at hand: examples, rates, what is missing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.declared import ordered
from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.core.escaping import for_line
from flan_tasks.core.mixture import Mixture, mixing_rates, one_pass
from flan_tasks.core.naming import MEMBER_MARK
from flan_tasks.core.splits import share_limit
from flan_tasks.core.template import Template
from flan_tasks.core.variation import PLAIN, Variation
from flan_tasks.decontamination.matches import (
    EVALUATION_SPLITS,
    Checker,
    Part,
    describe,
    evaluation_side,
)
from flan_tasks.plan.exemplars import Exemplars
from flan_tasks.plan.suitable import check_templates, suitable
from flan_tasks.raw_rows import DECLARED, State, open_source
from flan_tasks.raw_rows.families import FamilySource
from flan_tasks.store.store import Store, StoredExamples, default_store

Progress = Callable[[str], None]
# Members of a family that a message names, where many have the same fault.
_NAMED = 5


@dataclass(frozen=True)
class Ingredient:
    """One dataset of a mixture, with its examples at hand."""

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


@dataclass(frozen=True)
class Prepared:
    """A mixture with everything it needs to be planned."""

    mixture: Mixture
    """The declaration."""
    split: str
    """Which split: train, validation or test."""
    ingredients: tuple[Ingredient, ...]
    """Datasets that have examples, in the order of the catalog."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Name -> why its rows could not be had."""
    without_split: tuple[str, ...] = ()
    """Members that have no such split by declaration, such as test-only sets."""
    variation: Variation = PLAIN
    """How prompts are made of the examples."""
    drop_against: tuple[str, ...] = ()
    """What training examples were compared with, to drop those that occur there."""
    compared_with: tuple[Part, ...] = ()
    """The evaluation sets this meant."""

    @property
    def one_pass(self) -> int:
        """Examples of one pass: of the capped mixture for train, of all examples else."""
        counts = {i.dataset.name: i.available for i in self.ingredients}
        if self.split != "train":
            return sum(counts.values())
        return one_pass(self.mixture, [i.dataset for i in self.ingredients], counts)


@dataclass(frozen=True)
class SourceChoice:
    """Where rows are read from."""

    kind: str = DECLARED
    """One of `core.origin.SOURCE_KINDS`."""
    data_dir: Path | None = None
    """A prepared TFDS tree, or a folder of files."""
    exceptions: Mapping[str, str] = field(default_factory=dict)
    """Name of a dataset -> its own kind, where it is another."""
    apart: bool = False
    """Whether what needs TensorFlow is read by a process of its own, so that this has none."""

    def kind_of(self, dataset: Dataset) -> str:
        """Returns the kind of source that a dataset is read from."""
        return self.exceptions.get(dataset.family or dataset.name, self.kind)


def prepare(
    mixture: Mixture,
    catalog: Catalog,
    *,
    source: SourceChoice,
    split: str = "train",
    store: Store | None = None,
    allow_missing: bool = False,
    variation: Variation = PLAIN,
    drop_against: Sequence[str] = (),
    progress: Progress | None = None,
) -> Prepared:
    """Reads (or finds in the store) the examples of a mixture and computes its rates.

    Args:
      mixture: the declaration.
      catalog: where its datasets are looked up.
      source: where rows come from.
      split: train, validation or test.
      store: where examples are kept; the default store if None.
      allow_missing: go on without datasets whose rows cannot be had.
      variation: how prompts are made of the examples.
      drop_against: datasets, clusters or mixtures; training examples that occur in their
        evaluation sets are left out, and counted.
      progress: told what is being fetched or read; what is in the store is not read.

    Raises:
      SourceUnavailableError: rows of some datasets cannot be had (all are listed), or of all.
      RowError: rows of some datasets break their schema; the first ten are named.
      DeclarationError: no member has that split.
      TemplateError: a template uses a field that its dataset does not have.
    """
    store = store or Store(default_store())
    members = catalog.members(mixture)
    present = [dataset for dataset in members if split in dataset.splits.names]
    without = tuple(dataset.name for dataset in members if split not in dataset.splits.names)
    if not present:
        raise DeclarationError(
            f'mixture "{mixture.name}": none of its datasets has a {split} split: '
            f"{', '.join(without)}. Such datasets are evaluated only; try --split test"
        )
    variation.check_templates((d.name, catalog.templates(d.name).ids) for d in present)
    found: list[Ingredient] = []
    missing: dict[str, str] = {}
    notes: dict[str, str] = {}
    bad = RowError()
    limit = mixture.limit if split == "train" else None
    opened: dict[str, FamilySource] = {}
    shared: dict[object, tuple[Template, ...]] = {}
    for number, dataset in enumerate(present, start=1):
        where = f"{dataset.name} ({number} of {len(present)})"
        try:
            examples = _open(
                dataset,
                catalog,
                source,
                store,
                split,
                limit,
                opened=opened,
                progress=progress,
                where=where,
            )
            exemplars = None
            if variation.shots and split != "train":
                exemplars = _exemplars(dataset, catalog, source, store, mixture.limit, opened)
            examples = suitable(variation, dataset, examples, store)
            if exemplars is not None:
                shown = suitable(variation, dataset, exemplars.examples, store)
                exemplars = replace(exemplars, examples=shown, available=len(shown))
        except SourceUnavailableError as error:
            # It stands in the manifest, the card and the report; names of files may hold anything.
            missing[dataset.name] = for_line(str(error).removeprefix(f"{dataset.name}: "))
            notes[dataset.name] = "".join(f" ({note})" for note in getattr(error, "__notes__", []))
            continue
        except RowError as error:
            # Other datasets are read on, and kept in the store: their bad rows are named as well.
            bad = RowError(*bad.rows, *error.rows)
            if bad.is_full:
                raise bad from error
            continue
        templates = variation.choose(
            dataset.name, catalog.templates(dataset.name).templates, split, kinds=mixture.kinds
        )
        alike = (dataset.family or dataset.name, templates)
        if alike not in shared:
            catalog.check_fields(dataset)
        # One object for all members of a family, which are rendered together for it.
        templates = shared.setdefault(alike, templates)
        if variation.shots:
            check_templates(dataset, templates)
        if not templates and dataset.is_trained_on:
            raise DeclarationError(
                f'mixture "{mixture.name}": {dataset.name} has no {" or ".join(mixture.kinds)} '
                "template; exclude it, or add a kind"
            )
        found.append(
            Ingredient(
                dataset,
                examples,
                len(examples),
                templates,
                variation=variation,
                exemplars=exemplars,
            )
        )
    if bad.rows:
        raise bad
    if missing and (not allow_missing or not found):
        has_samples = any(catalog.samples(name) is not None for name in missing)
        raise SourceUnavailableError(
            _missing_text(mixture, split, missing, notes, some=bool(found), has_samples=has_samples)
        )
    compared: tuple[Part, ...] = ()
    if drop_against:
        compared = evaluation_parts(
            drop_against,
            catalog,
            source=source,
            store=store,
            allow_missing=allow_missing,
            progress=progress,
        )
        found = _without_matches(found, split, Checker(catalog, compared), store, drop_against)
    found = _share_limit(found, limit)
    if variation.shots and split == "train":
        found = [
            replace(i, exemplars=Exemplars(i.examples, i.available, i.dataset.options))
            for i in found
        ]
    return Prepared(
        mixture,
        split,
        _with_rates(mixture, catalog, found, split),
        missing,
        without,
        variation,
        tuple(drop_against),
        compared,
    )


def evaluation_parts(
    names: Sequence[str],
    catalog: Catalog,
    *,
    source: SourceChoice,
    store: Store | None = None,
    allow_missing: bool = False,
    progress: Progress | None = None,
) -> tuple[Part, ...]:
    """Returns the evaluation sets that names of datasets, clusters or mixtures mean.

    Raises:
      UnknownNameError: a name is none of these.
      SourceUnavailableError: rows cannot be had, and may not be missing, or none can.
    """
    store = store or Store(default_store())
    sides = {d.name: d for name in names for d in evaluation_side(catalog, name)}
    found: list[Part] = []
    opened: dict[str, FamilySource] = {}
    missing: list[str] = []
    for dataset in ordered(sides.values()):
        if progress:
            progress(f"reading {dataset.name} for comparison")
        for split in EVALUATION_SPLITS:
            if split not in dataset.splits.names:
                continue
            try:
                examples = _open(dataset, catalog, source, store, split, None, opened=opened)
            except SourceUnavailableError as error:
                missing.append(f"  {split}: {error}")
                continue
            found.append(Part(dataset, split, examples))
    if missing and (not allow_missing or not found):
        raise SourceUnavailableError(
            "\n".join(
                [
                    f"{', '.join(names)}: evaluation sets that cannot be had to compare with:",
                    *missing,
                    "Provide them, or go on without them with --allow-missing.",
                ]
            )
        )
    return tuple(found)


def _open(
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
    # What is to be said of a family is said with its first member.
    is_said = dataset.family in opened
    rows = open_source(
        dataset,
        kind=source.kind_of(dataset),
        data_dir=source.data_dir,
        samples=catalog.samples(dataset.name),
        apart=source.apart,
        opened=opened,
    )
    if dataset.family:
        where = f"{dataset.family}, all its tasks"
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
      SourceUnavailableError: they cannot be had.
    """
    beside = [
        other
        for other in catalog.datasets
        if other.parent == dataset.parent and other.template_file == dataset.template_file
    ]
    trained = [other for other in (dataset, *beside) if other.is_trained_on]
    if not trained:
        raise DeclarationError(
            f"{dataset.name}: it has no train split, so there are no exemplars; leave it out, or "
            "take no shots"
        )
    examples = _open(trained[0], catalog, source, store, "train", limit, opened=opened)
    return Exemplars(examples, len(examples), dataset.options)


def _without_matches(
    found: Sequence[Ingredient],
    split: str,
    checker: Checker,
    store: Store,
    against: Sequence[str],
) -> list[Ingredient]:
    kept = []
    for item in found:
        matching = checker.matching(Part(item.dataset, split, item.examples))
        examples = store.without(item.examples, matching, reason=describe(against))
        kept.append(replace(item, examples=examples, available=len(examples)))
    return kept


def _missing_text(
    mixture: Mixture,
    split: str,
    missing: Mapping[str, str],
    notes: Mapping[str, str],
    *,
    some: bool,
    has_samples: bool,
) -> str:
    by_reason: dict[str, list[str]] = {}
    for name, reason in missing.items():
        by_reason.setdefault(f"{reason}{notes[name]}", []).append(name)
    lines = [f"  {_listed(names)}: {reason}" for reason, names in by_reason.items()]
    remedy = (
        "Provide them (flan sources NAME says how), exclude them, or build without them with "
        "--allow-missing"
        if some
        else "Nothing is left to build from"
        + ("; --source samples builds from the embedded rows" if has_samples else "")
    )
    return "\n".join(
        [
            f'mixture "{mixture.name}": {len(missing)} of its datasets cannot be had for {split}:',
            *lines,
            remedy + ".",
        ]
    )


def _listed(names: Sequence[str]) -> str:
    """Names in a line; of a family that has many of them the first few."""
    by_family: dict[str, list[str]] = {}
    for name in names:
        family, mark, _ = name.partition(MEMBER_MARK)
        by_family.setdefault(family if mark else "", []).append(name)
    parts = []
    for family, of_it in by_family.items():
        few = of_it if not family or len(of_it) <= _NAMED else of_it[:_NAMED]
        more = len(of_it) - len(few)
        parts += [*few, *([f"and {more:,} more of {family}"] if more else [])]
    return ", ".join(parts)


def _share_limit(found: Sequence[Ingredient], limit: int | None) -> list[Ingredient]:
    if limit is None:
        return list(found)
    groups: dict[str, dict[str, int]] = {}
    for item in found:
        groups.setdefault(item.dataset.parent, {})[item.dataset.name] = _size(item.examples)
    shares = {n: s for sizes in groups.values() for n, s in share_limit(limit, sizes).items()}
    return [
        replace(item, available=min(shares[item.dataset.name], item.available))
        if len(groups[item.dataset.parent]) > 1
        else item
        for item in found
    ]


def _size(examples: StoredExamples) -> int:
    """Examples of a whole split; where reading stopped at the limit, rows stand in for them."""
    if examples.rows == examples.rows_at_hand:
        return len(examples)
    return max(len(examples), examples.rows_at_hand)


def _with_rates(
    mixture: Mixture, catalog: Catalog, found: Sequence[Ingredient], split: str
) -> tuple[Ingredient, ...]:
    counts = {item.dataset.name: item.available for item in found}
    if split == "train":
        meant = {name: [d.name for d in catalog.expand([name])] for name in mixture.rates}
        rates = mixing_rates(mixture, [i.dataset for i in found], counts, rate_of=meant)
    else:
        rates = {name: float(count) for name, count in counts.items()}
    return tuple(replace(item, rate=rates.get(item.dataset.name, 0.0)) for item in found)
