"""The unit of work: `build_shard` makes one file of a build from the plan alone."""

import errno
import os
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.chat.tokenizer import ChatTokenizer
from flan_tasks.engine.file_facts import file_facts, write_error
from flan_tasks.engine.option_counts import OPTION_STYLES
from flan_tasks.engine.writers import WRITERS, PackedWriter, RowWriter
from flan_tasks.engine.writers.writer import Shard, TokenizedRow, WriteSettings
from flan_tasks.packing.chat_rows import chat_shard
from flan_tasks.packing.encoder import Encoder
from flan_tasks.packing.packed_rows import packed_shard
from flan_tasks.packing.span_corruption import Corruption
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.fitting import FittingCounts
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.rows import rendered_rows
from flan_tasks.specs.chat_choices import CHAT
from flan_tasks.specs.formats import ANSWERS, DECODER, ENCODER_DECODER, SPAN_CORRUPTION
from flan_tasks.vocabulary import Encoded, Vocabulary
from flan_tasks.vocabulary.text_counts import PARTS, TextCounts, count_by_task


@dataclass(frozen=True)
class BuildSettings:
    """How a plan is written."""

    format: str
    """One of `formats.FORMATS`."""
    split: str
    """train, validation or test."""
    style: str
    """One of `formats.STYLES`."""
    lengths: Mapping[str, int]
    """Longest inputs and targets, EOS included; decoder-only also `row`, by default their sum."""
    vocabulary: Vocabulary | None = None
    """For ids and token counts; None counts no tokens."""
    num_shards: int | None = None
    """Number of files (for each task, where a format keeps tasks apart); None goes by rows."""
    shards_before: tuple[int, ...] = ()
    """Files of each stage that a plan had before it grew."""

    arch: str = ENCODER_DECODER
    """One of `formats.ARCHS`; packed formats only."""
    chat: ChatTokenizer | None = None
    """Writes rows as conversations; None has inputs and targets."""
    fit: bool | None = None
    """Whether prompts are made to fit the length of inputs; None does what the format does."""
    objective: str = ANSWERS
    """One of `formats.OBJECTIVES`; another than the first for packed formats only."""

    def __post_init__(self) -> None:
        if self.arch == DECODER and "row" not in self.lengths:
            lengths = {**self.lengths, "row": sum(self.lengths[part] for part in PARTS)}
            object.__setattr__(self, "lengths", lengths)

    @property
    def budget(self) -> Budget | None:
        """What exemplars must fit into; None where there is no vocabulary to measure by."""
        return Budget(self.vocabulary, self.lengths["inputs"]) if self.vocabulary else None

    @property
    def fits(self) -> bool:
        """Whether prompts that are too long are shortened, and rows that cannot fit left out."""
        if self.corruption is not None:
            return False  # a text is cut
        return WRITERS[self.format].trims if self.fit is None else self.fit

    @property
    def corruption(self) -> Corruption | None:
        """How spans of texts are hidden; None where rows are prompts and targets.

        Raises:
          VocabularyError: the vocabulary has no sentinels.
        """
        if self.objective != SPAN_CORRUPTION:
            return None
        assert self.vocabulary is not None
        return Corruption(self.vocabulary, self.lengths)

    @property
    def text_lengths(self) -> Mapping[str, int]:
        """Part -> longest text, EOS included, of which nothing is cut."""
        if self.corruption is None:
            return self.lengths
        return {**self.lengths, "inputs": self.corruption.text_length + 1}

    @property
    def for_writer(self) -> WriteSettings:
        """What the writer needs of it."""
        eos_id = self.vocabulary.eos_id if self.vocabulary else None
        return WriteSettings(self.split, self.style, self.lengths, eos_id, self.arch)


def build_shard(plan: Plan, shard: Shard, settings: BuildSettings, folder: Path) -> dict[str, Any]:
    """Writes one shard and returns what is known of it, as it stands in the manifest.

    Each file appears under its name only when it is whole.

    Raises:
      BuildError: it cannot be written; nothing of it is left behind.
    """
    writer = WRITERS[settings.format]
    paths = writer.paths(shard, settings.for_writer)
    # Under a name of its own: a worker of a cluster that was taken for lost may still write it.
    aside = secrets.token_hex(4)
    temporary = {
        path: folder.joinpath(path).with_name(f"{aside}.{Path(path).name}.tmp") for path in paths
    }
    try:
        (folder / shard.path).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(writer, PackedWriter):
            stats = _write_packed(writer, plan, shard, settings, temporary)
        else:
            stats = _write_rows(writer, plan, shard, settings, temporary[shard.path])
        for path in paths:
            with temporary[path].open("rb") as file:
                os.fsync(file.fileno())
        files = [{"path": path, **file_facts(temporary[path])} for path in paths]
        for path in paths:
            os.replace(temporary[path], folder / path)
    except OSError as error:
        raise write_error(error, folder / shard.path) from error
    except Exception as error:
        if _is_full(error):  # TensorFlow wraps the system's error in one of its own
            full = OSError(errno.ENOSPC, "No space left on device")
            raise write_error(full, folder / shard.path) from error
        raise
    finally:
        for part in temporary.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)
    return {"path": shard.path, "files": files, **stats}


def _is_full(error: Exception) -> bool:
    return type(error).__name__ == "ResourceExhaustedError" or "No space left" in str(error)


def _write_rows(
    writer: RowWriter, plan: Plan, shard: Shard, settings: BuildSettings, path: Path
) -> dict[str, Any]:
    counted = _Counted(settings, plan)
    chunks = (
        counted.tokenized(rows)
        for rows in rendered_rows(plan, shard.start, shard.stop, budget=settings.budget)
    )
    layout = replace(
        settings.for_writer, parts=plan.has_parts, option_styles=plan.has_option_styles
    )
    writer.write(path, chunks, layout)
    rows = counted.templates.total()
    facts = {
        "rows": rows,
        "examples": rows,
        "templates": _by_task(counted.templates),
        "num_shots": _by_task(counted.num_shots),
        **_option_styles(plan, counted.option_styles),
        **counted.fitting.facts(shard.start),
    }
    return facts | (counted.facts() if settings.vocabulary else {})


def _write_packed(
    writer: PackedWriter,
    plan: Plan,
    shard: Shard,
    settings: BuildSettings,
    paths: Mapping[str, Path],
) -> dict[str, Any]:
    assert settings.vocabulary is not None
    if settings.chat:
        packed = chat_shard(
            plan, shard.start, shard.stop, chat=settings.chat, lengths=settings.lengths
        )
    else:
        packed = packed_shard(
            plan,
            shard.start,
            shard.stop,
            vocabulary=settings.vocabulary,
            lengths=settings.lengths,
            arch=settings.arch,
            corruption=settings.corruption,
        )
    writer.write_packed(paths, packed, settings.for_writer)
    templates: Counter[tuple[str, str]] = Counter()
    drawn, counts = np.unique(
        np.stack((packed.task, packed.template), axis=1), axis=0, return_counts=True
    )
    for (task, template), count in zip(drawn.tolist(), counts.tolist(), strict=True):
        item = plan.ingredients[task]
        templates[item.name, item.templates[template].id] = count
    shots: Counter[tuple[str, int]] = Counter()
    if plan.has_exemplars:
        for task, count in zip(packed.task.tolist(), packed.num_shots.tolist(), strict=True):
            shots[plan.ingredients[task].name, count] += 1
    names = [item.name for item in plan.ingredients]
    return {
        "rows": packed.num_rows,
        "examples": len(packed.task),
        "templates": _by_task(templates),
        "num_shots": _by_task(shots),
        **_option_styles(
            plan,
            {(names[task], style): count for (task, style), count in packed.option_styles.items()},
        ),
        **packed.fitting.facts(shard.start),
        "simple_bound": packed.simple_bound,
        "bound": packed.bound,
        "written": {"inputs": packed.written},
        **token_facts(packed.texts, settings.text_lengths),
        "texts": count_by_task(packed.task, names, packed.texts, settings.text_lengths),
        **({CHAT: packed.chat} if settings.chat else {}),
    }


def token_facts(
    texts: Mapping[str, TextCounts], limits: Mapping[str, int]
) -> dict[str, dict[str, int]]:
    """Counts tokens, each part's longest text, texts over the limits and the tokens they lose.

    Args:
      texts: part -> what its texts came to.
      limits: part -> longest text, EOS included.
    """
    lengths = {part: counts.tokens for part, counts in texts.items()}
    # One place is for EOS.
    over = {part: np.maximum(sizes - (limits[part] - 1), 0) for part, sizes in lengths.items()}
    return {
        "tokens": {part: int(sizes.sum()) for part, sizes in lengths.items()},
        "longest": {part: int(sizes.max(initial=0)) for part, sizes in lengths.items()},
        "over_length": {part: int((sizes > 0).sum()) for part, sizes in over.items()},
        "tokens_over": {part: int(sizes.sum()) for part, sizes in over.items()},
    }


class _Counted:
    """Adds ids to the rows that pass through to a writer, and counts what they are."""

    def __init__(self, settings: BuildSettings, plan: Plan) -> None:
        self._settings = settings
        # Ids stay whole, as some writers keep them so; prompts are fitted where that is chosen.
        self._encoder: Encoder | None = None
        if settings.vocabulary is not None:
            limit = settings.lengths["inputs"] if settings.fits else None
            self._encoder = Encoder(settings.vocabulary, {"inputs": limit})
        self._has_exemplars = plan.has_exemplars
        self._has_option_styles = plan.has_option_styles
        self.fitting = FittingCounts()
        # Lengths of prompts that were made to fit, as they are written, EOS not counted.
        self._written: list[np.ndarray] = []
        self.templates: Counter[tuple[str, str]] = Counter()
        self.num_shots: Counter[tuple[str, int]] = Counter()
        self.option_styles: Counter[tuple[str, str]] = Counter()
        # Name of a task -> its number, in the order they are met; the number of each row's.
        self._numbers: dict[str, int] = {}
        self._tasks: list[int] = []
        self._texts: dict[str, list[TextCounts]] = {part: [] for part in PARTS}

    def tokenized(self, rows: Sequence[BuiltRow]) -> list[TokenizedRow]:
        """Returns some rows with their ids, where there is a vocabulary; those left that fit."""
        if self._encoder is None:
            self._note(rows)
            return [TokenizedRow(row) for row in rows]
        encoded = self._encoder.encode_rows(
            [row.inputs for row in rows],
            [row.targets for row in rows],
            lambda over: [rows[place] for place in over.tolist()],
        )
        fitted = encoded.fitted
        if self._settings.fits:
            self.fitting.add([row.name for row in rows], fitted)
            self._written.append(fitted.encoded.lengths - 1)
        rows = [fitted.rows.get(n, rows[k]) for n, k in enumerate(fitted.kept.tolist())]
        self._note(rows)
        numbers = self._numbers
        self._tasks += [numbers.setdefault(row.name, len(numbers)) for row in rows]
        for part, counts in encoded.counts.items():
            self._texts[part].append(counts)
        pairs = zip(rows, _without_eos(fitted.encoded), _without_eos(encoded.targets), strict=True)
        return [TokenizedRow(*row) for row in pairs]

    def _note(self, rows: Sequence[BuiltRow]) -> None:
        self.templates.update((row.name, row.template.id) for row in rows)
        if self._has_exemplars:
            self.num_shots.update((row.name, row.num_shots) for row in rows)
        if self._has_option_styles:
            self.option_styles.update((row.name, row.option_style) for row in rows)

    def facts(self) -> dict[str, Any]:
        """Returns what is known of the texts of all rows."""
        limits = self._settings.lengths
        texts = {part: TextCounts.joined(pieces) for part, pieces in self._texts.items()}
        task = np.asarray(self._tasks, np.int64)
        by_task = count_by_task(task, list(self._numbers), texts, limits)
        facts = {**token_facts(texts, limits), "texts": by_task}
        if self._settings.fits:
            written = np.concatenate([np.zeros(0, np.int64), *self._written])
            about = {"tokens": int(written.sum()), "longest": int(written.max(initial=0))}
            facts["written"] = {"inputs": about}
        return facts


def _without_eos(encoded: Encoded) -> list[np.ndarray]:
    """The ids of each text; writers make room for EOS before they add it."""
    ends = np.cumsum(encoded.lengths)
    starts = (ends - encoded.lengths).tolist()
    pairs = zip(starts, (ends - 1).tolist(), strict=True)
    return [encoded.ids[start:stop] for start, stop in pairs]


def _option_styles(plan: Plan, counts: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """Prompts of each task by the style of their options; nothing where all are plain."""
    if not plan.has_option_styles:
        return {}
    return {OPTION_STYLES: _by_task({key: count for key, count in counts.items() if key[1]})}


def _by_task(counts: Mapping[tuple[str, Any], int]) -> dict[str, dict[str, int]]:
    tasks: dict[str, dict[str, int]] = {}
    for (name, key), count in sorted(counts.items()):
        tasks.setdefault(name, {})[str(key)] = count
    return tasks
