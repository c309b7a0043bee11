"""Whether a manifest is one: every key that is read there, of its type, and sums that add up.

Keys that are not named here may be there or not; what reads them looks.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flan_tasks.specs.formats import ARCHS, FORMATS, PACKED_FORMATS, STYLES, TEXT_FORMATS

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX = (1 << 63) - 1
_WITH_IDS = tuple(name for name in FORMATS if name not in TEXT_FORMATS)
_NEEDED_WITH_IDS = ("vocabulary", "vocabulary_size", "eos_id")


@dataclass(frozen=True)
class Kind:
    """What a value may be."""

    name: str
    """In words, for messages."""
    fits: Callable[[Any], bool]
    """Whether a value is that."""
    explain: Callable[[str, Any], Iterator[str]] | None = None
    """Where a value that does not fit is wrong: (place, value) -> lines."""

    def problems(self, place: str, value: Any) -> Iterator[str]:
        """Says what is wrong with a value, one line each."""
        if self.fits(value):
            return
        if self.explain is not None:
            yield from self.explain(place, value)
        else:
            yield f"{place} is {_short(value)}; it should be {self.name}"


def _simple(name: str, fits: Callable[[Any], bool]) -> Kind:
    return Kind(name, fits)


TEXT = _simple("text", lambda value: type(value) is str)
COUNT = _simple(
    "a whole number from 0 to 2^63 - 1", lambda value: type(value) is int and 0 <= value <= _MAX
)
RATE = _simple(
    "a number, 0 or more",
    lambda value: type(value) in (int, float) and math.isfinite(value) and value >= 0,
)
LENGTH = _simple("2 or more", lambda value: type(value) is int and 2 <= value <= 1 << 31)
HASH = _simple(
    "64 hexadecimal digits", lambda value: type(value) is str and bool(_SHA256.fullmatch(value))
)
# Of files: relative, and inside of the build.
PATH = _simple(
    "a path inside of the build",
    lambda value: (
        type(value) is str
        and value != ""
        and "\0" not in value
        # Longer ones are no names of files anywhere.
        and max(len(part.encode("utf-8", "replace")) for part in value.split("/")) <= 255
        and len(value) < 4096
        and not value.startswith("/")
        and ".." not in value.split("/")
    ),
)


def one_of(names: tuple[str, ...]) -> Kind:
    """One of some texts."""
    return _simple(f"one of {', '.join(names)}", lambda value: value in names)


def list_of(kind: Kind) -> Kind:
    """A list whose entries are of a kind."""

    def fits(value: Any) -> bool:
        return type(value) is list and all(map(kind.fits, value))

    def explain(place: str, value: Any) -> Iterator[str]:
        if type(value) is not list:
            yield f"{place} is {_short(value)}; it should be a list"
            return
        for number, entry in enumerate(value):
            yield from kind.problems(f"{place}[{number}]", entry)

    return Kind("a list", fits, explain)


def map_of(kind: Kind) -> Kind:
    """An object with any keys, whose values are of a kind."""

    def fits(value: Any) -> bool:
        return type(value) is dict and all(map(kind.fits, value.values()))

    def explain(place: str, value: Any) -> Iterator[str]:
        if type(value) is not dict:
            yield f"{place} is {_short(value)}; it should be an object"
            return
        for name, entry in value.items():
            yield from kind.problems(f'{place}["{_short(name)[1:-1]}"]', entry)

    return Kind("an object", fits, explain)


def object_of(needed: Mapping[str, Kind], optional: Mapping[str, Kind] | None = None) -> Kind:
    """An object with certain keys; others may stand beside them."""
    entries, more = tuple(needed.items()), tuple((optional or {}).items())

    def fits(value: Any) -> bool:
        return (
            type(value) is dict
            and all(name in value and kind.fits(value[name]) for name, kind in entries)
            and all(name not in value or kind.fits(value[name]) for name, kind in more)
        )

    def explain(place: str, value: Any) -> Iterator[str]:
        if type(value) is not dict:
            yield f"{place or 'it'} is {_short(value)}; it should be an object"
            return
        dot = f"{place}." if place else ""
        for name, kind in (*entries, *more):
            if name in value:
                yield from kind.problems(f"{dot}{name}", value[name])
            elif name in needed:
                yield f"it lacks {dot}{name}"

    return Kind("an object", fits, explain)


def or_null(kind: Kind) -> Kind:
    """A value of a kind, or null."""
    return Kind(kind.name, lambda value: value is None or kind.fits(value), kind.problems)


_PARTS = object_of({"inputs": COUNT, "targets": COUNT})
_TASK = object_of(
    {
        **dict.fromkeys(("task", "name", "dataset", "cluster", "license", "citation"), TEXT),
        **dict.fromkeys(("rate", "share"), RATE),
        **dict.fromkeys(
            ("available", "requested", "repeated", "never_seen", "templates", "realized"), COUNT
        ),
        "skipped": map_of(COUNT),
        "template_counts": map_of(COUNT),
        "store_key": TEXT,
        "source": object_of({"source": TEXT}),
        "languages": list_of(TEXT),
    },
    {
        **dict.fromkeys(("collection", "part", "prompt_type", "turns"), TEXT),
        "kinds": list_of(TEXT),
        "option_styles": map_of(COUNT),
        "mean_tokens": object_of(dict.fromkeys(("rows", "inputs", "targets"), COUNT)),
        "num_shots": map_of(COUNT),
        "rows_read": COUNT,
        "examples_read": COUNT,
        "fitting": object_of(
            {"too_long": COUNT, "shortened": map_of(COUNT), "lost_answers": COUNT}
        ),
    },
)
_PART = object_of(
    {
        **dict.fromkeys(("path", "prompts"), TEXT),
        **dict.fromkeys(("weight", "share", "repeats"), RATE),
        **dict.fromkeys(("requested", "realized", "available"), COUNT),
        "at_ceiling": _simple("true or false", lambda value: type(value) is bool),
    },
    dict.fromkeys(("tasks", "missing"), COUNT),
)
MANIFEST = object_of(
    {
        **dict.fromkeys(("command", "split"), TEXT),
        "digest": HASH,
        "mixture": object_of({"name": TEXT, "description": TEXT}),
        "seed": COUNT,
        "format": one_of(FORMATS),
        "vocabulary": or_null(TEXT),
        "lengths": object_of({"inputs": LENGTH, "targets": LENGTH}, {"row": LENGTH}),
        **dict.fromkeys(("examples", "rows"), COUNT),
        "missing": map_of(TEXT),
        "tasks": list_of(_TASK),
        "shards": list_of(
            object_of({"name": PATH, "rows": COUNT, "examples": COUNT, "paths": list_of(PATH)})
        ),
        "files": list_of(object_of({"path": PATH, "bytes": COUNT, "sha256": HASH})),
    },
    {
        **dict.fromkeys(("vocabulary_size", "eos_id", "pad_id"), COUNT),
        **dict.fromkeys(("tokens", "over_length", "tokens_over"), _PARTS),
        "parts": list_of(_PART),
        "option_styles": map_of(COUNT),
        "arch": one_of(ARCHS),
        "style": one_of(STYLES),
        "packing": object_of({"rows": COUNT, "bound": COUNT, "simple_bound": COUNT}),
        "planned": COUNT,
        "left_out": list_of(COUNT),
        "recipe": map_of(_simple("anything", lambda value: True)),
        "variation": or_null(map_of(_simple("anything", lambda value: True))),
        "decontaminated": or_null(object_of({"against": list_of(TEXT)})),
        "without_split": list_of(TEXT),
        "too_small": map_of(TEXT),
        "task_warnings": list_of(TEXT),
        "sizes": list_of(TEXT),
        "libraries": map_of(TEXT),
    },
)


def structure(manifest: Any) -> list[str]:
    """Says what of a manifest is missing or of another type, or which of its names disagree."""
    return list(MANIFEST.problems("", manifest)) or list(_relations(manifest))


def sums(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Says which counts do not add up, of a manifest whose structure is right."""
    for what, noun in (("examples", "examples"), ("rows", "rows")):
        there = sum(shard[what] for shard in manifest["shards"])
        if there != manifest[what]:
            yield f"its shards have {there:,} {noun}; the manifest says {manifest[what]:,}"
    planned, left_out = manifest.get("planned"), manifest.get("left_out", ())
    if planned is not None and planned - len(left_out) != manifest["examples"]:
        yield (
            f"of {planned:,} planned rows {len(left_out):,} are left out; the manifest says "
            f"{manifest['examples']:,} are there"
        )
    if any(row >= (planned or 0) for row in left_out):
        yield f"it leaves out row {max(left_out):,}, and {planned or 0:,} are planned"
    by_task = sum(task["realized"] for task in manifest["tasks"])
    if by_task != manifest["examples"]:
        yield f"its tasks add up to {by_task:,}; the manifest says {manifest['examples']:,}"


def _relations(manifest: Mapping[str, Any]) -> Iterator[str]:
    for what, names in (
        ("tasks", [task["name"] for task in manifest["tasks"]]),
        ("files", [entry["path"] for entry in manifest["files"]]),
        ("shards", [shard["name"] for shard in manifest["shards"]]),
    ):
        if len(set(names)) < len(names):
            twice = next(name for number, name in enumerate(names) if name in names[:number])
            yield f'{what} names "{twice}" twice'
    files = {entry["path"] for entry in manifest["files"]}
    for shard in manifest["shards"]:
        for path in shard["paths"]:
            if path not in files:
                yield f'files lacks "{path}" of shard "{shard["name"]}"'
    for name in _NEEDED_WITH_IDS if manifest["format"] in _WITH_IDS else ():
        if manifest.get(name) is None:
            yield f"it lacks {name}"
    if manifest["format"] in PACKED_FORMATS and "arch" not in manifest:
        yield "it lacks arch"
    size = manifest.get("vocabulary_size")
    for name in ("eos_id", "pad_id"):
        if size is not None and manifest.get(name, 0) >= size:
            yield f"{name} is {manifest[name]:,} of a vocabulary of {size:,}"


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
