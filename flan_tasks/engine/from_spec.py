"""From a specification of a build to its rows: the one way of all who need them.

`flan build`, `ft.rows`, `flan show` and whoever goes back from a build directory to its examples
plan here, so that an option of a build which chooses rows has its effect in all of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flan_tasks.chat.proofs import check
from flan_tasks.chat.tokenizer import ChatTokenizer
from flan_tasks.core.address import path_or_address
from flan_tasks.core.catalog import Catalog
from flan_tasks.core.configuration import resolve
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import UnknownNameError, VocabularyError, with_notes
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.mixture import Mixture, read_mixture
from flan_tasks.core.part_tree import measures_tokens
from flan_tasks.engine.earlier import EarlierBuild
from flan_tasks.engine.filling import fill
from flan_tasks.engine.local_copy import local_folder
from flan_tasks.engine.recipe import make_recipe
from flan_tasks.engine.run_local import check_settings, local_runner, resolved
from flan_tasks.engine.runner import Runner
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.engine.writers import WRITERS
from flan_tasks.packing.length_choices import LengthChoice, length_choices, proposed
from flan_tasks.plan.growth import Stage
from flan_tasks.plan.plan import Plan, check_grouped, make_plan
from flan_tasks.plan.prepare import Prepared, Progress, SourceChoice, prepare
from flan_tasks.plan.token_lengths import Measure, with_mean_tokens
from flan_tasks.specs.build_spec import AUTO, BLOCKS, BuildSpec
from flan_tasks.specs.formats import SPAN_CORRUPTION
from flan_tasks.store.store import Store, open_store
from flan_tasks.vocabulary import Vocabulary, named_with, open_vocabulary


@dataclass(frozen=True)
class Planned:
    """What a specification comes to: its rows, and how they are written."""

    spec: BuildSpec
    """What was asked for."""
    prepared: Prepared
    """The mixture with its examples."""
    plan: Plan
    """Its rows."""
    settings: BuildSettings
    """How they are going to be written."""
    refused: tuple[Dataset, ...] = ()
    """Datasets left out by their license."""
    length_choices: tuple[LengthChoice, ...] = ()
    """Lengths that were compared, where they are proposed from the data."""
    earlier: EarlierBuild | None = None
    """What it grows from."""


def plan_spec(
    spec: BuildSpec,
    catalog: Catalog,
    *,
    source: SourceChoice | None = None,
    fit: bool | None = None,
    workers: int = 1,
    runner: Runner | None = None,
    progress: Progress | None = None,
    opened: Callable[[Vocabulary], None] | None = None,
) -> Planned:
    """Reads the examples of a mixture, or finds them in the store, and plans its rows.

    Args:
      spec: what is asked for; its modules are imported already.
      catalog: where datasets are looked up.
      source: where rows come from; None is what the specification says.
      fit: whether prompts are made to fit the lengths; None does what the format does.
      workers: local processes that read rows.
      runner: who reads them, where these are not meant.
      progress: told what is being fetched or read.
      opened: told which vocabulary it is, as soon as that is known.

    Raises:
      UnknownNameError: a dataset, cluster, mixture or template is none.
      ConfigError: settings do not go together.
      DeclarationError: nor do they with what is installed, or no dataset has that split.
      VocabularyError: the vocabulary cannot be read.
      SourceUnavailableError: rows of some datasets are not available.
      RowError: rows break their schema.
      BuildError: what it is to grow from is no build, or has rows that would be others now.
    """
    earlier = _earlier(spec)
    grows = earlier if not WRITERS[spec.format].grouped else None
    declared, refused = declared_mixture(spec, catalog)
    if WRITERS[spec.format].grouped:
        check_grouped(declared)
    if declared.parts and spec.objective == SPAN_CORRUPTION:
        raise ConfigError(
            "BuildSpec",
            [
                (
                    "objective",
                    f"{SPAN_CORRUPTION} has no prompts, and parts of a mixture say how "
                    "prompts are made; give a mixture without parts",
                )
            ],
        )
    settings = _settings(spec, fit=fit, measures=measures_tokens(declared, catalog))
    if settings.vocabulary and opened:
        opened(settings.vocabulary)
    check_settings(settings)
    if spec.lengths == AUTO and settings.vocabulary is None:
        raise ConfigError("BuildSpec", [("lengths", "auto counts tokens; give a vocabulary")])
    if runner or workers > 1:
        fill(
            declared,
            catalog,
            source=source or source_of(spec),
            store=store_of(spec),
            split=spec.split,
            modules=spec.modules,
            runner=runner or local_runner(workers),
            progress=progress,
        )
    prepared = prepare_spec(spec, catalog, source=source, progress=progress)
    measure = Measure(settings.vocabulary, settings.lengths, settings.fits)
    prepared = with_mean_tokens(prepared, measure, seed=spec.seed)
    plan = plan_rows(prepared, spec, grown_from=_rows(grows.stages if grows else ()))
    choices: tuple[LengthChoice, ...] = ()
    if spec.lengths == AUTO:
        assert settings.vocabulary is not None
        choices = tuple(length_choices(plan, settings.vocabulary, arch=settings.arch))
        settings = replace(settings, lengths=dict(proposed(choices).lengths))
    if grows:
        settings = replace(settings, shards_before=tuple(s["shards"] for s in grows.stages))
        if spec.shards and spec.shards <= grows.num_shards:
            what = f"is {spec.shards}; the build it grows from has {grows.num_shards}: want more"
            raise ConfigError("BuildSpec", [("shards", what)])
        whole = resolved(spec, prepared, plan, settings, report=spec.report)
        grows.check(make_recipe(prepared, plan, whole), prepared, plan, catalog)
    return Planned(spec, prepared, plan, settings, refused, choices, earlier)


def declared_mixture(spec: BuildSpec, catalog: Catalog) -> tuple[Mixture, tuple[Dataset, ...]]:
    """Returns the mixture that is meant, and the datasets left out of it by their license.

    Raises:
      UnknownNameError: it names something unknown.
    """
    mixture = spec.mixture
    name = spec.name
    if isinstance(mixture, str):
        is_file = mixture.endswith(".toml")
        mixture = read_mixture(Path(mixture)) if is_file else catalog.mixture(mixture)
    else:
        name = f'mixture "{mixture.name}"'
    names = (*mixture.include, *mixture.exclude, *mixture.hold_out, *mixture.rates)
    try:
        # With parts, names are looked up with theirs, so that all problems are named at once.
        catalog.expand(() if mixture.parts else names)
    except UnknownNameError as error:
        raise with_notes(UnknownNameError(f"{name}: {error}"), error) from error
    if spec.drop_overlaps:
        mixture = replace(mixture, drop_overlaps=True)
    refused = catalog.refused_licenses(mixture, allow=spec.license_allow, deny=spec.license_deny)
    left = replace(mixture, exclude=(*mixture.exclude, *(one.name for one in refused)))
    return left, tuple(refused)


def prepare_spec(
    spec: BuildSpec,
    catalog: Catalog,
    *,
    source: SourceChoice | None = None,
    store: Store | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Reads, or finds in the store, the examples of the mixture that is meant.

    Args:
      spec: what is asked for.
      catalog: where datasets are looked up.
      source: where rows come from; None is what the specification says.
      store: where examples are kept; None is where the specification says.
      progress: told what is being fetched or read.

    Raises:
      UnknownNameError, DeclarationError, SourceUnavailableError, RowError: as `plan_spec`.
    """
    mixture, _ = declared_mixture(spec, catalog)
    return prepare(
        mixture,
        catalog,
        source=source or source_of(spec),
        split=spec.split,
        store=store or store_of(spec),
        allow_missing=spec.allow_missing,
        variation=spec.variation,
        drop_against=spec.drop_contaminated,
        drop_preset=spec.contamination_preset,
        progress=progress,
    )


def _earlier(spec: BuildSpec) -> EarlierBuild | None:
    if spec.grow_from is None:
        return None
    return EarlierBuild.open(local_folder(path_or_address(spec.grow_from)))


def _rows(stages: Iterable[Mapping[str, Any]]) -> list[Stage]:
    return [stage["rows"] for stage in stages]


def plan_rows(
    prepared: Prepared, spec: BuildSpec, *, grown_from: Sequence[Stage] | None = None
) -> Plan:
    """Plans the rows of a mixture whose examples are there.

    Args:
      prepared: the mixture.
      spec: what is asked for.
      grown_from: the rows that were there before; None is what the specification says.

    Raises:
      DeclarationError: there is no row.
      BuildError: what it is to grow from is no build.
    """
    if grown_from is None:
        earlier = None if WRITERS[spec.format].grouped else _earlier(spec)
        grown_from = _rows(earlier.stages) if earlier else ()
    return make_plan(
        prepared,
        seed=spec.seed,
        num_examples=spec.examples,
        grouped=WRITERS[spec.format].grouped,
        grown_from=grown_from,
        blocks=spec.order == BLOCKS,
    )


def source_of(spec: BuildSpec, *, apart: bool = False) -> SourceChoice:
    """Returns where rows come from; `apart`: what needs TensorFlow in a process of its own."""
    return SourceChoice(spec.source, spec.place, apart=apart)


def store_of(spec: BuildSpec) -> Store:
    """Returns where examples are kept.

    Raises:
      DeclarationError: an address is named for it that holds credentials.
      BuildError: no library for such addresses is installed.
    """
    return open_store(spec.store)


def _settings(spec: BuildSpec, *, fit: bool | None, measures: bool) -> BuildSettings:
    writer = WRITERS[spec.format]
    chat = _chat(spec)
    if fit is None and writer.fits_if_asked and spec.lengths is not None:
        # SeqIO trims what it reads of a cache, to lengths of its own unless some are named here.
        fit = True
    return BuildSettings(
        format=spec.format,
        split=spec.split,
        style=spec.style,
        lengths=spec.whole_lengths,
        vocabulary=chat.vocabulary
        if chat
        else _vocabulary(
            spec, needs_ids=writer.needs_vocabulary, counts=bool(fit), measures=measures
        ),
        num_shards=spec.shards,
        arch=spec.arch,
        fit=fit,
        chat=chat,
        objective=spec.objective,
    )


def _chat(spec: BuildSpec) -> ChatTokenizer | None:
    """The tokenizer of conversations, proved; None where rows are no conversations."""
    if spec.chat is None:
        return None
    wrong = [
        (name, "is that of the chat tokenizer; leave it out")
        for name in ("vocab", "eos", "control_tokens")
        if getattr(spec, name) is not None
    ]
    if wrong:
        raise ConfigError("BuildSpec", wrong)
    tokenizer = ChatTokenizer(Path(spec.chat), spec.chat_choices)
    check(tokenizer)
    return tokenizer


def _vocabulary(
    spec: BuildSpec, *, needs_ids: bool, counts: bool, measures: bool
) -> Vocabulary | None:
    # Exemplars are fitted to a number of tokens, and so are prompts where it is asked for; parts
    # of a mixture may be weighed by tokens.
    default = resolve().vocab if needs_ids or counts or spec.shots or measures else None
    name = spec.vocab or default
    if name is None:
        for field in ("eos", "control_tokens"):
            if getattr(spec, field) is not None:
                raise ConfigError("BuildSpec", [(field, "is of a vocabulary; give one")])
        return None
    try:
        return open_vocabulary(named_with(name, eos=spec.eos, control_tokens=spec.control_tokens))
    except VocabularyError as error:
        if not needs_ids and spec.vocab is None:
            if counts:
                reason = "lengths are counted in tokens of a vocabulary"
            elif spec.shots:
                reason = (
                    "--shots fits exemplars into the inputs' length in tokens, so text formats "
                    "need a vocabulary with it"
                )
            else:
                reason = (
                    "its parts have exemplars, which are fitted into a number of tokens, or "
                    "weights of tokens, so text formats need a vocabulary for it"
                )
            error.add_note(f"{reason}; --vocab bytes needs no file")
        raise
