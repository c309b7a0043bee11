"""From what is asked for to a view of the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from flan_tasks.core import extras
from flan_tasks.core.errors import DeclarationError, UnknownNameError, VocabularyError, unknown_name
from flan_tasks.core.field_types import quoted, shown
from flan_tasks.core.mixture import Mixture, read_mixture
from flan_tasks.core.part_tree import measures_tokens
from flan_tasks.core.splits import SPLITS
from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog
from flan_tasks.specs.formats import STYLES

with extras.needed_for("Rows"):
    from flan_tasks.engine.run_local import check_settings
    from flan_tasks.engine.shard import BuildSettings
    from flan_tasks.plan.plan import make_plan
    from flan_tasks.plan.prepare import SourceChoice, prepare
    from flan_tasks.plan.token_lengths import Measure, with_mean_tokens
    from flan_tasks.raw_rows.tfds_apart import end_children
    from flan_tasks.row_views.planned import PlannedRows
    from flan_tasks.row_views.view import Origin, RowsView
    from flan_tasks.store.store import Store, default_store
    from flan_tasks.vocabulary import Vocabulary, open_vocabulary

# Longest inputs and targets with EOS, as of a build that names none.
_LENGTHS = {"inputs": 1024, "targets": 256}


def open_rows(
    mixture: str | Path | Mixture,
    *,
    split: str,
    style: str,
    seed: int,
    examples: int | None,
    limit: int | None,
    source: SourceChoice,
    vocab: str,
    lengths: Mapping[str, int] | None,
    store: Path | None,
    allow_missing: bool,
    drop_contaminated: Sequence[str],
    drop_overlaps: bool,
    variation: Variation,
) -> RowsView:
    """Returns a view of the rows that a build with the same arguments would write.

    The arguments are those of `flan_tasks.rows`, with what is not given filled in.
    """
    for what, value, known in (("split", split, SPLITS), ("style", style, STYLES)):
        if value not in known:
            raise unknown_name(what, value, known)
    numbers: dict[str, object] = {"seed": seed, "examples": examples, "limit": limit}
    for what, number in numbers.items():
        if (what == "seed" or number is not None) and type(number) is not int:
            raise DeclarationError(f"{what} {quoted(number)}: wanted a whole number")
    if limit is not None and limit < 1:
        raise DeclarationError(f"limit {limit}: wanted 1 or more, or None for all")
    if isinstance(drop_contaminated, str):
        raise DeclarationError(
            f"drop_contaminated {shown(drop_contaminated)}: wanted names, ({drop_contaminated!r},)"
        )
    declared = _declared(mixture)
    if drop_overlaps:
        declared = replace(declared, drop_overlaps=True)
    settings = BuildSettings(
        format="jsonl",
        split=split,
        style=style,
        lengths=_lengths(lengths),
        vocabulary=_vocabulary(
            vocab,
            shots=variation.shots or measures_tokens(declared, catalog()),
            fit=lengths is not None,
        ),
        fit=lengths is not None,
    )
    check_settings(settings)
    try:
        prepared = prepare(
            declared,
            catalog(),
            source=source,
            split=split,
            store=Store(store or default_store()),
            allow_missing=allow_missing,
            variation=variation,
            drop_against=tuple(drop_contaminated),
        )
    finally:
        end_children()
    measure = Measure(settings.vocabulary, settings.lengths, settings.fits)
    prepared = with_mean_tokens(prepared, measure, seed=seed)
    plan = make_plan(prepared, seed=seed, num_examples=examples)
    return RowsView(PlannedRows(plan, settings, limit=limit), Origin.of(prepared))


def _declared(mixture: str | Path | Mixture) -> Mixture:
    """Returns the mixture that is meant, whose names are all known."""
    if isinstance(mixture, Mixture):
        found, name = mixture, f'mixture "{mixture.name}"'
    elif isinstance(mixture, Path) or (isinstance(mixture, str) and mixture.endswith(".toml")):
        found, name = read_mixture(Path(mixture)), str(mixture)
    elif isinstance(mixture, str):
        found, name = catalog().mixture(mixture), f'mixture "{mixture}"'
    else:
        raise DeclarationError(
            f"{shown(mixture)}: wanted the name of a mixture, cluster or dataset, the path of a "
            "mixture in TOML, or a flan_tasks.Mixture"
        )
    try:
        catalog().expand((*found.include, *found.exclude, *found.hold_out, *found.rates))
    except UnknownNameError as error:
        raise UnknownNameError(f"{name}: {error}") from error
    return found


def _lengths(lengths: Mapping[str, int] | None) -> dict[str, int]:
    if lengths is None:
        return _LENGTHS
    is_table = isinstance(lengths, Mapping) and lengths and set(lengths) <= set(_LENGTHS)
    if not is_table or any(type(length) is not int for length in lengths.values()):
        raise DeclarationError(
            f'lengths {shown(lengths)}: wanted tokens with EOS, as {{"inputs": 512}} or '
            '{"inputs": 512, "targets": 128}'
        )
    return {**_LENGTHS, **lengths}


def _vocabulary(name: str, *, shots: int | bool, fit: bool) -> Vocabulary | None:
    """Opens what exemplars and lengths are measured by; without either, texts need nothing."""
    if not shots and not fit:
        return None
    try:
        return open_vocabulary(name)
    except VocabularyError as error:
        what = "lengths are counted" if fit else "shots are fitted to a length"
        error.add_note(f'{what} in tokens of a vocabulary; vocab="bytes" needs no file')
        raise
