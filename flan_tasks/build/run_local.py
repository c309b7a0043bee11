"""Runs a build in this process: shard after shard, then the card, then the manifest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flan_tasks
from flan_tasks.build import directory
from flan_tasks.build.formats import DECODER, ENCODER_DECODER
from flan_tasks.build.manifest import canonical_command, make_card, make_manifest
from flan_tasks.build.plan import Plan, plan_digest
from flan_tasks.build.prepare import Prepared
from flan_tasks.build.shard import BuildSettings, build_shard, file_facts, write_error
from flan_tasks.build.writers import WRITERS
from flan_tasks.core.errors import DeclarationError

CARD = "README.md"


@dataclass(frozen=True)
class Built:
    """What a build gave."""

    # The manifest, as written.
    manifest: dict[str, Any]
    # Whether it was there already, complete, and nothing was written.
    was_there: bool


def build(
    prepared: Prepared,
    plan: Plan,
    settings: BuildSettings,
    folder: Path,
    *,
    source: str,
    name: str = "",
    filters: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> Built:
    """Writes a planned mixture to a directory; interrupted builds go on where they stopped.

    Args:
      prepared: the mixture.
      plan: its rows.
      settings: how they are written.
      folder: new, empty, or an unfinished build of the same plan.
      source: kind of source, for the canonical command.
      name: what the mixture was asked for by, for the canonical command; its own name if empty.
      filters: options that changed the mixture, for the canonical command.
      progress: told which shard is being written.

    Raises:
      DeclarationError: the settings do not go together.
      BuildError: the folder holds something else, or cannot be written.
    """
    check_settings(settings)
    if plan.has_exemplars and settings.vocabulary is None:
        raise DeclarationError("exemplars are fitted to a number of tokens: give a vocabulary")
    writer = WRITERS[settings.format]
    filters = [*filters, *prepared.variation.words]
    if prepared.missing:
        filters = [*filters, "--allow-missing"]
    command = canonical_command(
        name or prepared.mixture.name,
        source=source,
        num_examples=len(plan),
        seed=plan.seed,
        settings=settings,
        filters=filters,
    )
    digest = _digest(prepared, plan, settings, command)
    if directory.check_free(folder, digest):
        return Built(directory.read_manifest(folder), was_there=True)
    state = directory.Progress(folder)
    with state.lock():
        # Again, as another build may have ended between the first look and the lock.
        if directory.check_free(folder, digest):
            return Built(directory.read_manifest(folder), was_there=True)
        state.begin(digest, command)
        shards = writer.shards(plan, settings.split, settings.num_shards)
        known = []
        for number, shard in enumerate(shards, start=1):
            facts = state.done(folder, shard.path)
            if facts is None:
                if progress:
                    progress(f"writing {shard.path} ({number} of {len(shards)})")
                facts = build_shard(plan, shard, settings, folder)
                state.note(facts)
            known.append(facts)
        try:
            beside = writer.finish(folder, known, settings.for_writer)
        except OSError as error:
            raise write_error(error, folder) from error
        others = [{"path": name, **file_facts(folder / name)} for name in beside]
        manifest = make_manifest(
            prepared, plan, settings, digest=digest, command=command, shards=known, others=others
        )
        directory.write_text(folder / CARD, make_card(manifest))
        manifest["files"].append({"path": CARD, **file_facts(folder / CARD)})
        directory.write_json(folder / directory.MANIFEST, manifest)
        state.end()
    return Built(manifest, was_there=False)


def check_settings(settings: BuildSettings) -> None:
    """Raises a DeclarationError where settings do not go together."""
    writer = WRITERS[settings.format]
    if writer.needs_vocabulary and settings.vocabulary is None:
        raise DeclarationError(f"format {settings.format} writes ids and needs a vocabulary")
    if settings.style != "inputs-targets" and not writer.has_styles:
        raise DeclarationError(
            f"style {settings.style} is for jsonl and parquet; {settings.format} has one form"
        )
    lengths = dict(settings.lengths)
    if min(lengths.values()) < 2:
        raise DeclarationError(f"lengths {lengths}: wanted 2 or more each")
    if not writer.is_packed and settings.arch != ENCODER_DECODER:
        raise DeclarationError(
            f"--arch {settings.arch} is for packed formats; {settings.format} does not pack"
        )
    if "row" in lengths and settings.arch != DECODER:
        raise DeclarationError("the length row is for --arch decoder; others have two sides")
    if "row" in lengths and lengths["row"] < lengths["inputs"] + lengths["targets"]:
        raise DeclarationError(
            f"lengths {lengths}: a row must hold the longest inputs and targets together"
        )


def _digest(prepared: Prepared, plan: Plan, settings: BuildSettings, command: str) -> str:
    return plan_digest(
        plan,
        flan_tasks.__version__,
        command,
        repr(prepared.mixture),
        sorted(prepared.missing),
        prepared.without_split,
        [item.examples.key for item in prepared.ingredients],
    )
