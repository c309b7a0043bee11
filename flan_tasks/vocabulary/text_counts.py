"""What becomes of texts on their way to ids, counted by task: trimmed, unknown, control tokens.

The counts of a shard are a function of its rows; those of a build are their sums, and what is
worth a warning follows from them alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from flan_tasks.core.counting import counted
from flan_tasks.core.naming import MEMBER_MARK
from flan_tasks.vocabulary import AS_SPECIAL, Encoded

PARTS = ("inputs", "targets")
# Shares above which a task is warned of. One id in a hundred is more than a stray character; one
# text in twenty is more than the few that `--lengths auto` gives up (one in a hundred of all).
UNKNOWN_SHARE = 0.01
TRIMMED_SHARE = 0.05
# Tasks of a family that are spelled out where several have one warning.
_NAMED = 3
# Text counts of one task: part -> what is counted -> how many.
Counts = dict[str, dict[str, int]]


@dataclass(frozen=True)
class TextCounts:
    """What is counted of each of some texts."""

    tokens: np.ndarray
    """Tokens, nothing cut and EOS not counted: int64[n]."""
    unknown: np.ndarray
    """Of these, ids of what the vocabulary does not know: int64[n]."""
    only_unknown: np.ndarray
    """Whether it is nothing else, blanks aside: bool[n]."""
    control: np.ndarray
    """Control tokens that stand written in it: int64[n]."""

    @classmethod
    def of(cls, encoded: Encoded, control: np.ndarray) -> "TextCounts":
        """Returns the counts of encoded texts."""
        return cls(encoded.whole - 1, encoded.unknown, encoded.only_unknown, control)

    def take(self, numbers: np.ndarray) -> "TextCounts":
        """Returns the counts of some of the texts."""
        return TextCounts(*(getattr(self, field.name)[numbers] for field in fields(self)))

    @classmethod
    def joined(cls, pieces: Sequence["TextCounts"]) -> "TextCounts":
        """Puts the counts of texts after one another."""
        none = cls(*(np.zeros(0, kind) for kind in (np.int64, np.int64, bool, np.int64)))
        return cls(
            *(
                np.concatenate([getattr(piece, field.name) for piece in (none, *pieces)])
                for field in fields(cls)
            )
        )


def count_by_task(
    task: np.ndarray,
    names: Sequence[str],
    texts: Mapping[str, TextCounts],
    limits: Mapping[str, int],
) -> dict[str, Counts]:
    """Returns the counts of some rows by the name of their task.

    Args:
      task: number of each row's task: int64[n].
      names: of the tasks.
      texts: part -> what its texts came to, in the order of the rows.
      limits: part -> longest text, EOS included.
    """
    by_part: dict[str, dict[str, np.ndarray]] = {}
    for part, counts in texts.items():
        by_part[part] = {
            "tokens": counts.tokens,
            # One place is for EOS.
            "over_length": counts.tokens > limits[part] - 1,
            "unknown": counts.unknown,
            "with_unknown": counts.unknown > 0,
            "only_unknown": counts.only_unknown,
            "control_tokens": counts.control,
        }
    sums = {
        part: {
            kind: np.bincount(task, values, minlength=len(names)).astype(np.int64)
            for kind, values in values_of.items()
        }
        for part, values_of in by_part.items()
    }
    return {
        names[number]: {
            part: {kind: int(values[number]) for kind, values in of_part.items()}
            for part, of_part in sums.items()
        }
        for number in sorted(set(task.tolist()), key=lambda number: names[number])
    }


def add_counts(shards: Iterable[Mapping[str, Any]]) -> dict[str, Counts]:
    """Returns the sums of the counts that shards carry as `texts`: task -> counts."""
    sums: dict[str, Counts] = {}
    for shard in shards:
        for name, counts in shard.get("texts", {}).items():
            into = sums.setdefault(name, {part: {} for part in PARTS})
            for part in PARTS:
                for kind, count in counts[part].items():
                    into[part][kind] = into[part].get(kind, 0) + count
    return dict(sorted(sums.items()))


def totals(tasks: Mapping[str, Counts], kind: str) -> dict[str, int]:
    """Returns one count of each part over all tasks."""
    return {part: sum(counts[part][kind] for counts in tasks.values()) for part in PARTS}


def text_lines(manifest: Mapping[str, Any]) -> list[str]:
    """Returns what a build's page says of unknown pieces and control tokens; nothing of old ones.

    Args:
      manifest: of the build.
    """
    if "unknown" not in manifest:
        return []
    unknown, written = manifest["unknown"], manifest["control_tokens_written"]
    lines = [f"Unknown pieces: {_of_both(unknown)}."]
    if sum(written.values()):
        are = "their own ids" if manifest["control_tokens"] == AS_SPECIAL else "text"
        if manifest["control_tokens"] is None:
            are = "text, user-defined pieces such as <extra_id_0> their own ids, as in SeqIO"
        lines.append(f"Control tokens written in texts: {_of_both(written)}; they are {are}.")
    return lines


TABLE = (
    *("task", "part", "tokens", "over length", "unknown ids", "of all"),
    *("nothing but unknown", "control tokens"),
)


def text_table(manifest: Mapping[str, Any]) -> list[list[str]]:
    """Returns lines of TABLE: tasks with texts too long, unknown or with control tokens in them.

    Args:
      manifest: of a build.
    """
    lines = []
    for task in manifest["tasks"]:
        for part, counts in task.get("texts", {}).items():
            cells = [
                counts[n] for n in ("over_length", "unknown", "only_unknown", "control_tokens")
            ]
            if any(cells):
                over, unknown, only, control = (f"{cell:,}" for cell in cells)
                share = f"{counts['unknown'] / max(counts['tokens'], 1):.2%}"
                tokens = f"{counts['tokens']:,}"
                lines.append([task["name"], part, tokens, over, unknown, share, only, control])
    return lines


def _of_both(counts: Mapping[str, int]) -> str:
    return f"{counts['inputs']:,} in inputs, {counts['targets']:,} in targets"


@dataclass(frozen=True)
class TextWarning:
    """What a reader of a build has to know of the texts of one task."""

    task: str
    """The task."""
    about: str
    """What it is about; the same in all tasks that it is of."""
    line: str
    """What is said of this task."""


def text_warnings(
    tasks: Mapping[str, Counts],
    examples: Mapping[str, int],
    *,
    vocabulary: str,
    control_tokens: str | None,
    lengths: Mapping[str, int],
    trims: bool,
    fits: bool = False,
) -> list[TextWarning]:
    """Returns what a reader of the build has to know, one for each task and matter.

    Args:
      tasks: task -> counts.
      examples: task -> its examples.
      vocabulary: name of the vocabulary.
      control_tokens: how control tokens in texts were read; None where that is not chosen.
      lengths: longest inputs and targets.
      trims: whether what is longer was cut.
      fits: whether prompts that are longer were fitted instead.
    """
    warnings: list[TextWarning] = []
    for name, counts in tasks.items():
        for part in PARTS:
            warnings += _unknown(name, part, counts[part], examples[name], vocabulary)
            if trims or (fits and part == "inputs"):
                warnings += _trimmed(
                    name, part, counts[part], examples[name], lengths[part], fits=fits
                )
        written = sum(counts[part]["control_tokens"] for part in PARTS)
        if written and control_tokens == AS_SPECIAL:
            became = "read as such; --control-tokens text reads them as text"
            stand = counted(written, "control token stands", "control tokens stand")
            line = f"{name}: {stand} written in its texts, {became}"
            about = f"control tokens stand written in texts, {became}"
            warnings.append(TextWarning(name, about, line))
    return warnings


def warning_lines(warnings: Iterable[TextWarning]) -> list[str]:
    """Returns a line for each warning, and one for all tasks of a family that have the same."""
    groups: dict[tuple[str, str], list[TextWarning]] = {}
    for one in warnings:
        family, mark, _ = one.task.partition(MEMBER_MARK)
        groups.setdefault((family if mark else one.task, one.about), []).append(one)
    return [
        group[0].line if len(group) == 1 else _together(family, group)
        for (family, _), group in groups.items()
    ]


def _together(family: str, warnings: Sequence[TextWarning]) -> str:
    names = [one.task.partition(MEMBER_MARK)[2] for one in warnings]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return (
        f"{family}, {len(names):,} tasks: {warnings[0].about}: {', '.join(names[:_NAMED])}{more}; "
        "manifest.json has a line for each"
    )


def _unknown(
    name: str, part: str, counts: Mapping[str, int], examples: int, vocabulary: str
) -> Iterator[TextWarning]:
    unknown, tokens, only = (counts[kind] for kind in ("unknown", "tokens", "only_unknown"))
    if unknown <= UNKNOWN_SHARE * tokens and not (only and part == "targets"):
        return
    share = f"{unknown:,} of {tokens:,} ids of its {part} ({unknown / tokens:.1%})"
    stand = f"stand for what {_short(vocabulary)} does not know"
    within = f"{counts['with_unknown']:,} of {counted(examples, 'example')}"
    line = f"{name}: {share} {stand}, in {within}"
    if only:
        these = counted(only, f"{part.removesuffix('s')} is", f"{part} are")
        line += f"; {these} nothing else"
    whole = ", or some whole targets" if part == "targets" else ""
    yield TextWarning(name, f"over {UNKNOWN_SHARE:.0%} of the ids of {part}{whole} {stand}", line)


def _trimmed(
    name: str, part: str, counts: Mapping[str, int], examples: int, length: int, *, fits: bool
) -> Iterator[TextWarning]:
    over = counts["over_length"]
    if over > TRIMMED_SHARE * examples:
        is_fitted = fits and part == "inputs"
        change = "had their longest field shortened" if is_fitted else "lost their end"
        what = f"{change}, being longer than {length:,} tokens"
        line = f"{name}: {over:,} of {examples:,} {part} ({over / examples:.1%}) {what}"
        yield TextWarning(name, f"over {TRIMMED_SHARE:.0%} of {part} {what}", line)


def _short(vocabulary: str) -> str:
    return vocabulary if len(vocabulary) <= 20 else f"{vocabulary[:20]}..."
