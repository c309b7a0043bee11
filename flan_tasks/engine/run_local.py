"""Runs a build: what is not there yet, shard by shard, then the card, then the manifest.

Shards are built in this process, in local ones, or wherever a `Runner` has them built.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from flan_tasks.chat.facts import add_chat, refusals
from flan_tasks.chat.kept import keep_tokenizer
from flan_tasks.core.address import Address
from flan_tasks.core.counting import counted
from flan_tasks.core.errors import BuildError, DeclarationError
from flan_tasks.core.variation import Variation
from flan_tasks.engine import directory
from flan_tasks.engine.address_place import AddressPlace
from flan_tasks.engine.card import make_card
from flan_tasks.engine.earlier import EarlierBuild
from flan_tasks.engine.file_facts import file_facts, write_error
from flan_tasks.engine.llama_factory import DATASET_INFO, dataset_info
from flan_tasks.engine.manifest import make_manifest, template_texts
from flan_tasks.engine.place import LocalPlace, Place
from flan_tasks.engine.recipe import make_recipe
from flan_tasks.engine.runner import Runner, Running, ThisProcess
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.engine.work import Work
from flan_tasks.engine.workers import LocalProcesses
from flan_tasks.engine.writers import WRITERS
from flan_tasks.engine.writers.writer import Shard
from flan_tasks.packing.packing import MAX_LENGTH
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.prepare import Prepared
from flan_tasks.specs.build_spec import BuildSpec
from flan_tasks.specs.formats import DECODER, ENCODER_DECODER, PACKED_FORMATS, TEXT_FORMATS

CARD = "README.md"
TEMPLATES = "templates.json"
REPORT = "report.html"
# The directory with its shards, and the manifest as far as it goes -> text of the report.
Report = Callable[[Path, Mapping[str, Any]], str]


@dataclass(frozen=True)
class Built:
    """What a build gave."""

    manifest: dict[str, Any]
    """The manifest, as written."""
    was_there: bool
    """Whether it was there already, complete, and nothing was written."""
    kept: int = 0
    """Shards that an earlier, interrupted run had finished."""
    taken_over: int = 0
    """Shards of the build that it grew from."""
    not_taken: Mapping[str, str] = field(default_factory=dict)
    """Of a format that keeps tasks apart, task -> why shards of it are not those of that build."""
    seconds: float = 0.0
    """Seconds that the shards of this run took."""


@dataclass(frozen=True)
class Status:
    """How far a build is."""

    shards: int
    """Shards of the whole build."""
    kept: int
    """Shards that an earlier run had finished."""
    done: int
    """Shards that this run has finished."""
    rows_to_do: int
    """Rows of the shards that this run has to build."""
    rows_done: int
    """Rows of the shards that this run has finished."""
    tokens_done: int | None
    """Tokens of the shards that this run has finished; None where tokens are not counted."""
    seconds: float
    """Seconds since the first of them was begun."""
    running: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Shards being written: path -> (rows done, rows)."""


def build(
    prepared: Prepared,
    plan: Plan,
    settings: BuildSettings,
    out: Path | Address,
    *,
    spec: BuildSpec | None = None,
    workers: int = 1,
    runner: Runner | None = None,
    report: Report | None = None,
    watch: Callable[[Status], None] | None = None,
    earlier: EarlierBuild | None = None,
) -> Built:
    """Writes a planned mixture to a directory, here or at an address.

    Interrupted builds go on where they stopped.

    Args:
      prepared: the mixture.
      plan: its rows.
      settings: how they are written.
      out: new, empty, or an unfinished build of the same plan.
      spec: what was asked for, which the record of the build is made of; None is the mixture by
        its name.
      workers: local processes; 1 builds in this one.
      runner: who builds the shards, where these are not meant.
      report: makes the report; without it there is none, and the command says so.
      watch: called with how far the build is, several times a second.
      earlier: what it grows from; its shards are taken over where they are there.

    Raises:
      DeclarationError: the settings do not go together.
      BuildError: the place holds something else, or cannot be written.
    """
    check_settings(settings)
    if plan.has_exemplars and settings.vocabulary is None:
        raise DeclarationError("exemplars are fitted to a number of tokens: give a vocabulary")
    spec = resolved(
        spec or BuildSpec(mixture=prepared.mixture.name),
        prepared,
        plan,
        settings,
        report=report is not None,
    )
    writer = WRITERS[settings.format]
    stages = earlier.stages if earlier and not writer.grouped else ()
    recipe = make_recipe(prepared, plan, spec, grown_from=stages)
    runner = runner or local_runner(workers)
    place: Place
    if isinstance(out, Path):
        place = LocalPlace(out)
    else:
        place = AddressPlace(out, keep_shards=report is not None)
    if place.check_free(recipe):
        place.tidy(recipe)
        return Built(place.manifest(), was_there=True)
    with place.lock(recipe) as lock_fd:
        # Again, as another build may have ended between the first look and the lock.
        if place.check_free(recipe):
            return Built(place.manifest(), was_there=True)
        place.begin(recipe, command=spec.command())
        shards = writer.shards(
            plan, settings.split, settings.num_shards, before=settings.shards_before
        )
        kept: dict[str, Any] | None = None
        same: Mapping[str, Mapping[str, Any]] = {}
        reasons: Mapping[str, str] = {}
        if earlier and earlier.has_shards and writer.grouped:
            same, reasons = earlier.unchanged(recipe, shards)
        elif earlier and earlier.has_shards:
            there, shards = shards[: earlier.num_shards], shards[earlier.num_shards :]
            files = {one.path: writer.paths(one, settings.for_writer) for one in there}
            kept = earlier.keep(place.folder, files)
        facts_of = {s.path: facts for s in shards if (facts := place.done(s.path))}
        for shard in shards:
            if earlier and shard.path in same:
                facts_of[shard.path] = earlier.take(place.folder, shard, same[shard.path])
        to_do = [shard for shard in shards if shard.path not in facts_of]
        tally = _Tally(shards, to_do, watch)
        finished_before = len(facts_of.keys() - same.keys())
        try:
            work = Work(plan, settings, place.folder)
            # Closed at once, whatever happens: it may have processes to stop.
            made = runner(work, to_do, place=place.logs, watch=tally.running, lock_fd=lock_fd)
            with closing(made) as done:
                for facts in done:
                    place.note(facts)
                    facts_of[facts["path"]] = facts
                    tally.add(facts)
            # Of workers elsewhere that died, and whose shards others built.
            place.sweep()
            manifest = _finish(
                prepared,
                plan,
                settings,
                place,
                spec,
                recipe,
                [facts_of[s.path] for s in shards],
                report,
                kept,
            )
        except BaseException:
            place.abandon()
            raise
    return Built(
        manifest,
        was_there=False,
        kept=finished_before,
        taken_over=len(kept["shards"]) if kept else len(same),
        not_taken=reasons,
        seconds=tally.seconds,
    )


def local_runner(workers: int) -> Runner:
    """Returns who makes pieces on this machine: this process, or so many."""
    return LocalProcesses(workers) if workers > 1 else ThisProcess()


def _finish(
    prepared: Prepared,
    plan: Plan,
    settings: BuildSettings,
    place: Place,
    spec: BuildSpec,
    recipe: Mapping[str, Any],
    shards: Sequence[Mapping[str, Any]],
    report: Report | None,
    kept: Mapping[str, Any] | None,
) -> dict[str, Any]:
    folder = place.folder
    try:
        others_written = [*WRITERS[settings.format].finish(folder, shards, settings.for_writer)]
        if settings.chat:
            copied = keep_tokenizer(settings.chat.files.folder, folder)
            others_written += [path.relative_to(folder).as_posix() for path in copied]
    except OSError as error:
        raise write_error(error, folder) from error
    if not kept and not sum(shard["examples"] for shard in shards):
        if refused := refusals(add_chat(shards)):
            raise BuildError(
                f"none of {len(plan):,} rows is a conversation that the chat template of "
                f"{settings.chat.template.where if settings.chat else ''} takes: {refused[0]}"
            )
        raise BuildError(
            f"no prompt of {counted(len(plan), 'row')} fits {settings.lengths['inputs']:,} tokens, "
            "however its fields are shortened; give longer --lengths, and another --out than this "
            "begun one"
        )
    others = [{"path": name, **file_facts(folder / name)} for name in others_written]
    manifest = make_manifest(
        prepared,
        plan,
        settings,
        spec=spec,
        recipe=recipe,
        shards=shards,
        others=others,
        kept=kept,
    )
    _add(folder, manifest, TEMPLATES, template_texts(plan))
    _add(folder, manifest, CARD, make_card(manifest))
    if settings.format in TEXT_FORMATS:
        _add(folder, manifest, DATASET_INFO, dataset_info(manifest))
    if report:
        place.gather(file["path"] for shard in shards for file in shard["files"])
        _add(folder, manifest, REPORT, report(folder, manifest))
    return place.complete(manifest)


class _Tally:
    """Adds up how far a build is and tells who watches."""

    def __init__(
        self,
        shards: Sequence[Shard],
        to_do: Sequence[Shard],
        watch: Callable[[Status], None] | None,
    ) -> None:
        self._shards = len(shards)
        self._rows = {shard.path: shard.stop - shard.start for shard in to_do}
        self._rows_to_do = sum(self._rows.values())
        self._watch = watch
        self._done = 0
        self._rows_done = 0
        self._tokens: int | None = None
        self._started = time.monotonic()
        self.running({})

    @property
    def seconds(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._started

    def add(self, facts: Mapping[str, Any]) -> None:
        """Counts a shard that is done."""
        self._done += 1
        self._rows_done += self._rows[facts["path"]]
        if "tokens" in facts:
            self._tokens = (self._tokens or 0) + sum(facts["tokens"].values())
        self.running({})

    def running(self, running: Running) -> None:
        """Tells who watches."""
        if self._watch is None:
            return
        self._watch(
            Status(
                shards=self._shards,
                kept=self._shards - len(self._rows),
                done=self._done,
                rows_to_do=self._rows_to_do,
                rows_done=self._rows_done,
                tokens_done=self._tokens,
                seconds=self.seconds,
                running={path: (rows, self._rows[path]) for path, rows in running.items()},
            )
        )


def _add(folder: Path, manifest: dict[str, Any], name: str, text: str) -> None:
    directory.write_text(folder / name, text)
    manifest["files"].append({"path": name, **file_facts(folder / name)})


def check_settings(settings: BuildSettings) -> None:
    """Raises a DeclarationError where settings do not go together or need what is not installed."""
    writer = WRITERS[settings.format]
    writer.check_installed(settings.format)
    if writer.needs_vocabulary and settings.vocabulary is None:
        raise DeclarationError(f"format {settings.format} writes ids and needs a vocabulary")
    if settings.style != "inputs-targets" and settings.format not in TEXT_FORMATS:
        raise DeclarationError(
            f"style {settings.style} is for jsonl and parquet; {settings.format} has one form"
        )
    lengths = dict(settings.lengths)
    if min(lengths.values()) < 2 or max(lengths.values()) > 2 * MAX_LENGTH:
        raise DeclarationError(
            f"lengths {lengths}: wanted 2 or more each, and at most {2 * MAX_LENGTH:,}"
        )
    if settings.arch != ENCODER_DECODER and settings.format not in PACKED_FORMATS:
        raise DeclarationError(
            f"--arch {settings.arch} is for packed formats; {settings.format} does not pack"
        )
    if "row" in lengths and settings.arch != DECODER:
        raise DeclarationError("the length row is for --arch decoder; others have two sides")
    if settings.corruption is not None and not settings.corruption.text_length:
        raise DeclarationError(
            f"lengths {lengths}: wanted 3 or more each, so that a text with a hidden span fits"
        )
    if "row" in lengths and lengths["row"] < lengths["inputs"] + lengths["targets"]:
        raise DeclarationError(
            f"lengths {lengths}: a row must hold the longest inputs and targets together"
        )


def resolved(
    spec: BuildSpec,
    prepared: Prepared,
    plan: Plan,
    settings: BuildSettings,
    *,
    report: bool,
) -> BuildSpec:
    """Returns what was asked for with everything in it that was decided since.

    Two builds with equal records, of equal rows and templates, have the same bytes.
    """
    vocabulary, writer = settings.vocabulary, WRITERS[settings.format]
    prompts = {part.name: getattr(prepared.variation, part.name) for part in fields(Variation)}
    chat, choices = settings.chat, settings.chat.choices if settings.chat else None
    return replace(
        spec,
        split=settings.split,
        examples=len(plan),
        seed=plan.seed,
        vocab=vocabulary.name if vocabulary else None,
        eos=None,  # the vocabulary's name has it
        control_tokens=vocabulary.control_tokens if vocabulary else None,
        format=settings.format,
        style=settings.style,
        arch=settings.arch,
        # Naming lengths makes prompts of some formats fit them, which else are left as they are.
        lengths=dict(settings.lengths) if settings.fits or not writer.fits_if_asked else None,
        chat=chat.name if chat else None,
        chat_date=choices.date if choices else None,
        system=choices.system if choices else None,
        reasoning=choices.reasoning if choices else None,
        shards=settings.num_shards,
        drop_contaminated=tuple(prepared.drop_against),
        contamination_preset=prepared.drop_preset,
        report=report,
        # What keeps tasks apart has the bytes of a build from nothing.
        grow_from=None if writer.grouped else spec.grow_from,
        allow_missing=bool(prepared.missing or prepared.not_compared),
        **prompts,
    )
