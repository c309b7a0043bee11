"""From a mixture's declaration to what is really available: examples, rates, what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.data_dirs import DataDirs
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.declared import ordered
from flan_tasks.core.errors import DeclarationError, SourceUnavailableError, TooFewRowsError
from flan_tasks.core.mixture import Mixture, one_pass
from flan_tasks.core.part_tree import Branch, Leaf, part_tree
from flan_tasks.core.splits import share_limit
from flan_tasks.core.suite_datasets import settled, suite_datasets
from flan_tasks.core.variation import PLAIN, Variation
from flan_tasks.decontamination.compared import Part
from flan_tasks.decontamination.matches import (
    EVALUATION_SPLITS,
    Checker,
    describe,
    evaluation_side,
)
from flan_tasks.plan.exemplars import Exemplars
from flan_tasks.plan.gathering import Gathering, Ingredient, Progress, open_examples
from flan_tasks.plan.missing import listed, missing_text
from flan_tasks.plan.source_choice import SourceChoice
from flan_tasks.raw_rows.families import FamilySource
from flan_tasks.raw_rows.places import remedy
from flan_tasks.specs.contamination_presets import FIELDS
from flan_tasks.store.store import Store, StoredExamples, open_store


@dataclass(frozen=True)
class MeanTokens:
    """How long rows of a task are, measured on some of them."""

    rows: int
    """How many rows were measured."""
    inputs: int
    """Tokens of all their prompts, as they are written."""
    targets: int
    """Tokens of all their targets, as they are written."""


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
    """Name -> why its rows are not available."""
    too_small: Mapping[str, str] = field(default_factory=dict)
    """Name -> why it has no example here, of those that have too few rows for the split."""
    without_split: tuple[str, ...] = ()
    """Members that have no such split by declaration, such as test-only sets."""
    variation: Variation = PLAIN
    """How prompts are made of the examples."""
    drop_against: tuple[str, ...] = ()
    """What training examples were compared with, to drop those that occur there."""
    compared_with: tuple[Part, ...] = ()
    """The evaluation sets this meant."""
    drop_preset: str = FIELDS
    """By which rule they were compared."""
    tree: Branch | None = None
    """Its parts; a mixture without is one leaf."""
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Path of a part without parts -> its datasets that have the split, with rows or without."""
    mean_tokens: Mapping[str, MeanTokens] = field(default_factory=dict)
    """Task -> how long its rows are; for mixtures whose parts are weighed by tokens."""
    not_compared: Mapping[str, str] = field(default_factory=dict)
    """Evaluation set with its split -> why it is not available to be compared with."""

    @property
    def one_pass(self) -> int:
        """Examples of one pass: of the capped mixture for train, of all examples else.

        That of a mixture with parts is the sum of theirs.
        """
        if self.split != "train":
            return sum(item.available for item in self.ingredients)
        leaves = self.tree.leaves if self.tree else [Leaf("", self.mixture)]
        total = 0
        for leaf in leaves:
            items = [item for item in self.ingredients if item.part == leaf.path]
            counts = {item.dataset.name: item.available for item in items}
            total += one_pass(leaf.mixture, [item.dataset for item in items], counts)
        return total


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
    drop_preset: str = FIELDS,
    progress: Progress | None = None,
    opened: dict[str, FamilySource] | None = None,
) -> Prepared:
    """Reads (or finds in the store) the examples of a mixture and computes its rates.

    Args:
      mixture: the declaration.
      catalog: where its datasets are looked up.
      source: where rows come from.
      split: train, validation or test.
      store: where examples are kept; the default store if None.
      allow_missing: go on without datasets whose rows are not available.
      variation: how prompts are made of the examples.
      drop_against: suites, datasets, clusters or mixtures; training examples that occur in their
        evaluation sets are left out, and counted.
      drop_preset: by which rule they are compared.
      progress: told what is being fetched or read; what is in the store is not read.
      opened: sources of families that were opened before with the same store, and takes those that
        are opened here: looking at a thousand files takes a moment.

    Raises:
      SourceUnavailableError: rows of some datasets are not available (all are listed), or of all.
      TooFewRowsError: every dataset has too few rows for the split.
      RowError: rows of some datasets break their schema; the first ten are named.
      DeclarationError: no member has that split.
      TemplateError: a template uses a field that its dataset does not have.
    """
    source.check(catalog)
    store = store or open_store()
    tree = part_tree(mixture, catalog)
    members = catalog.members(mixture)
    present = [dataset for dataset in members if split in dataset.splits.names]
    without = tuple(dataset.name for dataset in members if split not in dataset.splits.names)
    if not present:
        raise DeclarationError(
            f'mixture "{mixture.name}": none of its datasets has a {split} split: '
            f"{', '.join(without)}. Such datasets are evaluated only; try --split test"
        )
    variation.check_templates((d.name, catalog.templates(d.name).ids) for d in present)
    gathering = Gathering(
        catalog, source, store, split, progress, [d.name for d in present], opened
    )
    by_leaf = [(leaf, gathering.datasets_of(leaf)) for leaf in tree.leaves]
    gathering.set_limits(by_leaf)
    found = [
        item for leaf, datasets in by_leaf for item in gathering.gather(leaf, datasets, variation)
    ]
    if gathering.bad.rows:
        raise gathering.bad
    missing = gathering.missing
    if missing and (not allow_missing or not found):
        has_samples = any(catalog.samples(name) is not None for name in missing)
        raise SourceUnavailableError(
            missing_text(
                mixture.name,
                split,
                missing,
                gathering.notes,
                remedies=list(dict.fromkeys(remedy(catalog[name]) for name in missing)),
                some=bool(found),
                has_samples=has_samples,
            ),
            problems=[(name, f"{why}{gathering.notes[name]}") for name, why in missing.items()],
        )
    if not found:
        whole = {name: f"{why}{gathering.notes[name]}" for name, why in gathering.too_small.items()}
        reasons = "; ".join(f"{names}: {why}" for names, why in listed(whole))
        raise TooFewRowsError(
            f'mixture "{mixture.name}": nothing is left to read. {reasons}',
            problems=gathering.too_small.items(),
        )
    compared: tuple[Part, ...] = ()
    not_compared: dict[str, str] = {}
    if drop_against:
        # What the build is told to have been compared with means the same wherever it is read.
        given = DataDirs.of(source.data_dir).named
        drop_against = tuple(
            dict.fromkeys(one for name in drop_against for one in settled(name, given=given))
        )
        compared = evaluation_parts(
            compared_datasets(drop_against, catalog, source),
            catalog,
            source=source,
            asked=drop_against,
            built=[item.dataset for item in found],
            store=store,
            allow_missing=allow_missing,
            missing=not_compared,
            progress=progress,
        )
        checker = Checker(catalog, compared, drop_preset)
        reason = describe(drop_against, drop_preset)
        found = _without_matches(found, split, checker, store, reason)
    rated = [
        item
        for leaf, _ in by_leaf
        for item in _finished(
            leaf, catalog, [item for item in found if item.part == leaf.path], split, gathering
        )
    ]
    return Prepared(
        mixture,
        split,
        tuple(rated),
        missing,
        gathering.too_small,
        without,
        variation,
        tuple(drop_against),
        compared,
        drop_preset,
        tree,
        {leaf.path: tuple(one.name for one in datasets) for leaf, datasets in by_leaf},
        not_compared=not_compared,
    )


def _finished(
    leaf: Leaf, catalog: Catalog, found: Sequence[Ingredient], split: str, gathering: Gathering
) -> tuple[Ingredient, ...]:
    """The datasets of a part with what it may draw of each, exemplars and rates."""
    limit = leaf.mixture.limit if split == "train" else None
    if limit is not None:
        # Of one that another part reads more of.
        found = [
            replace(item, available=min(item.available, limit))
            if gathering.limits[item.dataset.name] > limit
            else item
            for item in found
        ]
    found = _share_limit(found, limit)
    if split == "train":
        found = [
            replace(i, exemplars=Exemplars(i.examples, i.available, i.dataset.options))
            if i.variation.shots
            else i
            for i in found
        ]
    return _with_rates(leaf.mixture, catalog, found, split)


def compared_datasets(
    names: Sequence[str], catalog: Catalog, source: SourceChoice
) -> tuple[Dataset, ...]:
    """Returns the datasets that names of suites, datasets, clusters or mixtures mean.

    Args:
      names: of them; a suite is what `flan eval` asks by its name, whatever else is called so.
      catalog: where they are looked up.
      source: where rows come from: a suite may be asked by what is given.

    Raises:
      UnknownNameError: a name is none of these.
      DeclarationError: a suite's file cannot be read.
    """
    given = DataDirs.of(source.data_dir).named
    datasets = (
        dataset
        for name in names
        for one in suite_datasets(name, given=given) or (name,)
        for dataset in evaluation_side(catalog, one)
    )
    return tuple({dataset.name: dataset for dataset in datasets}.values())


def evaluation_parts(
    datasets: Sequence[Dataset],
    catalog: Catalog,
    *,
    source: SourceChoice,
    asked: Sequence[str] = (),
    built: Sequence[Dataset] = (),
    store: Store | None = None,
    allow_missing: bool = False,
    missing: dict[str, str] | None = None,
    progress: Progress | None = None,
) -> tuple[Part, ...]:
    """Returns the evaluation sets of datasets.

    Args:
      datasets: whose; each once.
      catalog: where they are declared.
      source: where rows come from, as for the build; but see `SourceChoice.for_compared`.
      asked: the names that they were asked by, which messages say.
      built: what they are compared with.
      store: where examples are kept.
      allow_missing: go on with those that are available.
      missing: takes the others, as "name (split)" -> why.
      progress: told what is being read.

    Raises:
      SourceUnavailableError: rows are not available, and may not be missing, or none are.
    """
    store = store or open_store()
    source = source.for_compared(datasets, built, catalog)
    found: list[Part] = []
    opened: dict[str, FamilySource] = {}
    lines: list[str] = []
    for dataset in ordered(datasets):
        if progress:
            progress(f"reading {dataset.name} for comparison")
        for split in EVALUATION_SPLITS:
            if split not in dataset.splits.names:
                continue
            try:
                examples = open_examples(
                    dataset, catalog, source, store, split, None, opened=opened
                )
            except TooFewRowsError:
                continue  # there is nothing to compare with
            except SourceUnavailableError as error:
                lines.append(f"  {split}: {error}")
                if missing is not None:
                    missing[f"{dataset.name} ({split})"] = error.reason
                continue
            found.append(Part(dataset, split, examples))
    if lines and (not allow_missing or not found):
        raise SourceUnavailableError(
            "\n".join(
                [
                    f"{', '.join(asked)}: evaluation sets that are not available to compare with:"
                    if asked
                    else "evaluation sets that are not available to compare with:",
                    *lines,
                    "Provide them, or go on without them with --allow-missing.",
                ]
            )
        )
    return tuple(found)


def _without_matches(
    found: Sequence[Ingredient], split: str, checker: Checker, store: Store, reason: str
) -> list[Ingredient]:
    kept = []
    # A dataset in several parts of a mixture is compared once.
    without: dict[tuple[str, str, int], StoredExamples] = {}
    for item in found:
        same = (item.dataset.name, item.examples.key, len(item.examples))
        if same not in without:
            matching = checker.matching(Part(item.dataset, split, item.examples))
            without[same] = store.without(item.examples, matching, reason=reason)
        examples = without[same]
        kept.append(replace(item, examples=examples, available=len(examples)))
    return kept


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
        # All members, so that a rate of one whose rows are missing is not taken for a mistake.
        rates = catalog.rates(mixture, catalog.left_of(mixture), counts)
    else:
        rates = {name: float(count) for name, count in counts.items()}
    return tuple(replace(item, rate=rates.get(item.dataset.name, 0.0)) for item in found)
