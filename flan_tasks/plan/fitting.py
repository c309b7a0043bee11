"""Prompts made to fit a length: the longest field gives way, the instruction never does.

A prompt cut at its end loses what it asks. So the fields of a prompt that is too long are
shortened, the longest first, until the whole fits; wording, options, answers and what a dataset
declares to stay whole (`Dataset.keep`) are not touched, and where that is not enough the row is
left out. What becomes of a row is a function of the row, the vocabulary and the length alone.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flan_tasks.core.dataset import END, WHOLE
from flan_tasks.core.render import render
from flan_tasks.core.template import ANSWER, OPTIONS
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.exemplars import Budget, with_fields
from flan_tasks.vocabulary import Encoded

# Letters a field keeps at least: with fewer a prompt asks about nothing.
LEAST = 32
# Tokens that may be left free: finding the last few costs more than they hold.
_SLACK = 8
# Tries by proportion before halving: the former land within the slack in two or three.
_BY_PROPORTION = 6
# A cut goes back to a blank if there is one within so many letters; Chinese has none.
_WORD = 32
_BLANK = re.compile(r"\s+")


@dataclass
class _Search:
    """How far a row is: the fields' ceiling that fits and the one that does not."""

    row: BuiltRow
    fits: int
    """Letters of the fields, at most, and tokens of the prompt then."""
    fits_size: int
    over: int
    over_size: int
    tries: int = 0

    def next(self, room: int) -> int | None:
        """Returns the ceiling to try; None where what fits is near enough."""
        width = self.over - self.fits
        if width <= 1 or room - self.fits_size <= _SLACK:
            return None
        self.tries += 1
        if self.tries > _BY_PROPORTION or self.over_size <= self.fits_size:
            return self.fits + width // 2
        share = (room - self.fits_size) / (self.over_size - self.fits_size)
        return min(max(self.fits + int(width * share), self.fits + 1), self.over - 1)

    def note(self, ceiling: int, size: int, room: int) -> None:
        """Takes what a try came to."""
        if size <= room:
            self.fits, self.fits_size = ceiling, size
        else:
            self.over, self.over_size = ceiling, size


def fit_rows(
    rows: Sequence[BuiltRow], budget: Budget, *, sizes: Sequence[int] | None = None
) -> list[BuiltRow | None]:
    """Shortens rows whose prompts are longer than the budget; None is one that cannot fit.

    Fields share one ceiling of letters, so that the longest gives way first and another only
    where it is as long as what is left of the first. Rows that fit are returned as they are.

    Args:
      rows: without exemplars where they are too long, which go first.
      budget: how long a prompt may be.
      sizes: tokens of each prompt without EOS, where they are known.
    """
    room = budget.length - 1
    fitted: list[BuiltRow | None] = list(rows)
    if sizes is None:
        sizes = budget.sizes([row.inputs for row in rows])
    over = [place for place, size in enumerate(sizes) if size > room]
    # With the least of every field: whatever does not fit then never does.
    least = budget.sizes([_prompt(rows[place], LEAST) for place in over])
    searches: dict[int, _Search] = {}
    for place, size in zip(over, least, strict=True):
        row = rows[place]
        fitted[place] = None
        if size <= room:
            longest = max(len(row.example.fields[name]) for name in _shortened(row, LEAST))
            searches[place] = _Search(row, LEAST, size, longest, sizes[place])
    pending = dict(searches)
    while pending:
        nexts = {place: one.next(room) for place, one in pending.items()}
        tries = {place: ceiling for place, ceiling in nexts.items() if ceiling is not None}
        pending = {place: pending[place] for place in tries}
        prompts = [_prompt(pending[place].row, ceiling) for place, ceiling in tries.items()]
        for (place, ceiling), size in zip(tries.items(), budget.sizes(prompts), strict=True):
            pending[place].note(ceiling, size, room)
    for place, one in searches.items():
        fitted[place] = _at(one.row, one.fits)
    return fitted


def shorten(text: str, length: int, *, end: bool = False) -> str:
    """Returns the beginning of a text, or its end, without a part of a word at the cut.

    Args:
      text: what to shorten.
      length: letters it may have.
      end: whether its end is kept.
    """
    if len(text) <= length:
        return text
    hard = cut = len(text) - length if end else length
    # An accent belongs to the letter before it, though not a thousand of them.
    for _ in range(_WORD):
        if 0 < cut < len(text) and unicodedata.category(text[cut]).startswith("M"):
            cut += 1 if end else -1
    if end:
        blank = None if text[cut - 1].isspace() else _BLANK.search(text, cut, cut + _WORD)
        kept = text[blank.end() if blank else cut :].lstrip()
        return kept or text[hard:].lstrip()
    if not text[cut : cut + 1].isspace():
        blanks = list(_BLANK.finditer(text, max(0, cut - _WORD), cut))
        cut = blanks[-1].start() if blanks else cut
    return text[:cut].rstrip() or text[:hard].rstrip()


def _shortened(row: BuiltRow, ceiling: int) -> dict[str, str]:
    """The fields of a prompt that a ceiling shortens: name -> what is left of them."""
    kept = {}
    for name in dict.fromkeys(row.template.forms["inputs", row.shows_options].names):
        if name in (ANSWER, OPTIONS):
            continue
        part, text = row.dataset.part_kept(name), row.example.fields[name]
        if part != WHOLE and len(text) > ceiling:
            kept[name] = shorten(text, ceiling, end=part == END)
    return kept


def _filled(row: BuiltRow, kept: dict[str, str]) -> str:
    example = with_fields(row.example, kept)
    return render(row.template, example, options=row.shows_options, block=row.block).inputs


def _prompt(row: BuiltRow, ceiling: int) -> str:
    return _filled(row, _shortened(row, ceiling))


def _at(row: BuiltRow, ceiling: int) -> BuiltRow | None:
    kept = _shortened(row, ceiling)
    if not all(kept.values()):
        return None  # blanks alone were left of a field
    prompt = _filled(row, kept)
    return replace(
        row,
        inputs=prompt,
        shortened=tuple(kept),
        left=kept,
        lost_answer=_loses_answer(row, prompt, kept),
    )


def _loses_answer(row: BuiltRow, prompt: str, kept: dict[str, str]) -> bool:
    """Whether what is to be said stood in a field before it was shortened, and does no more."""
    if row.example.options:
        return False
    answers = [text for text in (row.targets, *row.example.references) if text.strip()]
    fields = [row.example.fields[name] for name in kept]
    there = [answer for answer in answers if any(answer in text for text in fields)]
    return bool(there) and not any(answer in prompt for answer in there)


@dataclass(frozen=True)
class Fitted:
    """Prompts that fit, with their ids."""

    kept: np.ndarray
    """Which rows are left, of those that were given: int64[n], ascending."""
    inputs: list[str]
    """Their prompts."""
    encoded: Encoded
    """Ids of these."""
    rows: dict[int, BuiltRow]
    """Place among those left -> the row, of those that were shortened."""


class FittingCounts:
    """What became of rows on their way to a length, by task."""

    def __init__(self) -> None:
        self._seen = 0
        self._left_out: list[int] = []
        self._too_long: Counter[str] = Counter()
        self._shortened: dict[str, Counter[str]] = {}
        self._lost_answers: Counter[str] = Counter()

    def add(self, tasks: Sequence[str], fitted: Fitted, *, refused: Collection[int] = ()) -> None:
        """Counts some more rows.

        Args:
          tasks: of the rows that were given, name by name.
          fitted: what became of them.
          refused: those that are left out for another reason than their length.
        """
        lost = np.setdiff1d(np.arange(len(tasks)), fitted.kept).tolist()
        self._left_out += [self._seen + place for place in lost]
        self._too_long.update(tasks[place] for place in lost if place not in refused)
        for row in fitted.rows.values():
            self._shortened.setdefault(row.name, Counter()).update(row.shortened)
            self._lost_answers[row.name] += row.lost_answer
        self._seen += len(tasks)

    def facts(self, start: int) -> dict[str, Any]:
        """Returns the counts as a shard carries them.

        Args:
          start: number of the first row that was given.
        """
        return {
            # Rows of the plan that are in no file.
            "left_out": [start + place for place in self._left_out],
            "fitting": {
                name: {
                    "too_long": self._too_long[name],
                    "shortened": dict(sorted(self._shortened.get(name, {}).items())),
                    "lost_answers": self._lost_answers[name],
                }
                for name in sorted({*self._too_long, *self._shortened})
            },
        }


def add_fitting(shards: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Returns the sums of the counts that shards carry as `fitting`: task -> counts."""
    sums: dict[str, dict[str, Any]] = {}
    for shard in shards:
        for name, counts in shard.get("fitting", {}).items():
            into = sums.setdefault(name, {"too_long": 0, "shortened": {}, "lost_answers": 0})
            for what in ("too_long", "lost_answers"):
                into[what] += counts[what]
            fields = {**into["shortened"]}
            for field, count in counts["shortened"].items():
                fields[field] = fields.get(field, 0) + count
            into["shortened"] = dict(sorted(fields.items()))
    return sums


def written_tokens(manifest: Mapping[str, Any]) -> str:
    """Returns what stands behind the number of tokens of a build's inputs, "" where all are there.

    Args:
      manifest: of the build.
    """
    written = manifest.get("written", {}).get("inputs", manifest["tokens"]["inputs"])
    return f" ({written:,} of them written)" if written != manifest["tokens"]["inputs"] else ""


def fitting_lines(manifest: Mapping[str, Any]) -> list[str]:
    """Returns what a build's page says of prompts that were too long; nothing where none was."""
    found = [(task["name"], task["fitting"]) for task in manifest["tasks"] if "fitting" in task]
    fields = [
        f"{name}.{field} {count:,}"
        for name, counts in found
        for field, count in counts["shortened"].items()
    ]
    lost = [
        f"{name} {counts['lost_answers']:,}" for name, counts in found if counts["lost_answers"]
    ]
    out = [f"{name} {counts['too_long']:,}" for name, counts in found if counts["too_long"]]
    length = f"{manifest['lengths']['inputs']:,} tokens"
    lines = []
    if fields:
        lines.append(f"Fields shortened to make prompts fit {length}: {', '.join(fields)}.")
    if lost:
        lines.append(f"Answers that stood in what was cut, and nowhere else: {', '.join(lost)}.")
    if out:
        lines.append(f"Rows left out, as their prompts do not fit {length}: {', '.join(out)}.")
    return lines


def fit_encoded(
    inputs: Sequence[str],
    encoded: Encoded,
    budget: Budget,
    render_again: Callable[[np.ndarray], Sequence[BuiltRow]],
) -> Fitted:
    """Fits those of some encoded prompts that are too long; nothing else is encoded again.

    Args:
      inputs: the prompts.
      encoded: their ids, cut to the budget or whole.
      budget: how long a prompt may be.
      render_again: numbers of rows, int64[n] -> these rows with their examples.
    """
    over = np.flatnonzero(encoded.whole > budget.length)
    if not len(over):
        return Fitted(np.arange(len(inputs)), list(inputs), encoded, {})
    found = fit_rows(render_again(over), budget, sizes=(encoded.whole[over] - 1).tolist())
    rows = dict(zip(over.tolist(), found, strict=True))
    lost = [number for number, row in rows.items() if row is None]
    kept = np.setdiff1d(np.arange(len(inputs)), np.asarray(lost, np.int64))
    short = {number: row for number, row in rows.items() if row is not None}
    texts = [short[n].inputs if n in short else inputs[n] for n in kept.tolist()]
    again = budget.vocabulary.encode_flat([row.inputs for row in short.values()], budget.length)
    places = np.arange(len(inputs))
    places[list(short)] = len(inputs) + np.arange(len(short))
    both = Encoded.joined((encoded, again)).take(places[kept])
    place_of = {number: place for place, number in enumerate(kept.tolist())}
    return Fitted(kept, texts, both, {place_of[number]: row for number, row in short.items()})
