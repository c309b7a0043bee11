"""A comparison as tables: to read, for a paper, for a program."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from flan_tasks.evaluation.comparison import Change
from flan_tasks.evaluation.paired import mean_sureness
from flan_tasks.evaluation.records import GENERATED
from flan_tasks.evaluation.summary import FEW, TEST
from flan_tasks.metrics.by_name import LOWER_IS_BETTER

HELD_OUT, TRAINED_ON, NEITHER = "held out", "trained on", "neither"
_LATEX = re.compile(r"[&%$#_{}~^\\]")
_LATEX_TEXT = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


@dataclass(frozen=True)
class Mean:
    """The mean gain of several datasets."""

    name: str
    """A cluster, HELD_OUT, TRAINED_ON or NEITHER."""
    datasets: tuple[str, ...]
    """Whose it is."""
    before: float
    """Mean of the first model's numbers."""
    after: float
    """Mean of the other's."""
    gain: float
    """Mean of the changes, those of numbers of which less is better turned round."""
    interval: tuple[float, float] | None
    """Within which the gain lies with 95 % confidence, for examples of these datasets; None where
    one of them has too few."""


def mean_gain(name: str, changes: Sequence[Change]) -> Mean:
    """Returns the mean gain of some datasets, one change of each."""
    signs = [-1 if change.number in LOWER_IS_BETTER else 1 for change in changes]
    gain, interval = mean_sureness(
        [sign * change.change for sign, change in zip(signs, changes, strict=True)],
        # The few examples of one make all of them unsure.
        [None if change.num_groups < FEW else change.sureness.error for change in changes],
    )
    return Mean(
        name,
        tuple(change.dataset for change in changes),
        sum(change.before for change in changes) / len(changes),
        sum(change.after for change in changes) / len(changes),
        gain,
        interval,
    )


def change_table(
    names: Sequence[str], changes: Sequence[Sequence[Change]]
) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and lines of a comparison: for each dataset, each other model.

    Args:
      names: of the models, the first first.
      changes: of each other model, what is shown of it.
    """
    columns = ["dataset", "metric", "examples", names[0], "model", "score"]
    columns += ["change", "95%", "p", "won", "lost"]
    lines = []
    for of_one in zip(*changes, strict=True):
        for name, change in zip(names[1:], of_one, strict=True):
            few = change.num_groups < FEW
            counted = [(one.won, one.lost) for one in change.templates]
            known = all(won is not None for won, _ in counted)
            won, lost = (sum(pair[k] or 0 for pair in counted) for k in (0, 1))
            lines.append(
                [
                    _labelled(change),
                    change.number,
                    f"{change.num_examples:,}",
                    f"{change.before:.1f}",
                    name,
                    f"{change.after:.1f}",
                    f"{change.change:+.1f}",
                    "-" if few else interval_text(change.sureness.interval),
                    p_text(change.p_of_all),
                    f"{won:,}" if known else "-",
                    f"{lost:,}" if known else "-",
                ]
            )
    if len(names) == 2:
        place = columns.index("model")
        columns[place + 1] = names[1]
        for line in [columns, *lines]:
            del line[place]
    for name in ("won", "lost"):
        place = columns.index(name)
        if all(line[place] == "-" for line in lines):
            for line in [columns, *lines]:
                del line[place]
    return columns, lines


def mean_table(
    names: Sequence[str], means: Sequence[Sequence[Mean]]
) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and lines of mean gains, of each other model."""
    columns = ["mean of", "datasets", names[0], "model", "score", "gain", "95%"]
    lines = [
        [
            mean.name,
            f"{len(mean.datasets)}",
            f"{mean.before:.1f}",
            name,
            f"{mean.after:.1f}",
            f"{mean.gain:+.1f}",
            interval_text(mean.interval),
        ]
        for of_one in zip(*means, strict=True)
        for name, mean in zip(names[1:], of_one, strict=True)
    ]
    if len(names) == 2:
        columns[4] = names[1]
        for line in [columns, *lines]:
            del line[3]
    return columns, lines


def _labelled(change: Change) -> str:
    by_text = " by text" if change.way == GENERATED and change.number == "accuracy" else ""
    split = "" if change.split == TEST else f" ({change.split})"
    return f"{change.dataset}{by_text}{split}"


def interval_text(interval: tuple[float, float] | None) -> str:
    """Returns an interval as tables show it."""
    return "-" if interval is None else f"{interval[0]:+.1f} to {interval[1]:+.1f}"


def p_text(p: float | None) -> str:
    """Returns a p as tables show it."""
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def as_markdown(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Returns a table for a README; nothing in it is taken for Markdown or HTML."""

    def cell(text: str) -> str:
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return re.sub(r"([\\|`*_\[\]~])", r"\\\1", text)

    right = ["---:" if _are_numbers(lines, place) else "---" for place in range(len(columns))]
    rows = [map(cell, columns), right, *(map(cell, line) for line in lines)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def as_latex(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Returns a tabular in the style of the booktabs package."""

    def cell(text: str) -> str:
        escaped = _LATEX.sub(lambda at: _LATEX_TEXT.get(at.group(), f"\\{at.group()}"), text)
        # A minus, not a hyphen; and < and > of text.
        escaped = re.sub(r"(?<![\w-])-(?=\d)", r"$-$", escaped)
        return escaped.replace("<", r"$<$").replace(">", r"$>$")

    kinds = "".join("r" if _are_numbers(lines, place) else "l" for place in range(len(columns)))
    rows = [" & ".join(map(cell, line)) + r" \\" for line in (columns, *lines)]
    body = [r"\toprule", rows[0], r"\midrule", *rows[1:], r"\bottomrule"]
    return "\n".join([f"\\begin{{tabular}}{{{kinds}}}", *body, r"\end{tabular}", ""])


def _are_numbers(lines: Sequence[Sequence[str]], place: int) -> bool:
    cells = [line[place] for line in lines]
    return bool(cells) and all(re.fullmatch(r"[-+<\d.,]*", cell) for cell in cells)


def changes_as_csv(names: Sequence[str], changes: Sequence[Sequence[Change]]) -> str:
    """Returns a line for each number of each template and of each dataset, of each other model."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["model", "dataset", "cluster", "template", "split", "by", "number", "examples", "groups"]
        + ["before", "after", "change", "error", "low", "high", "p", "p_holm", "method"]
        + ["won", "lost"]
    )
    for name, of_one in zip(names[1:], changes, strict=True):
        for change in of_one:
            shared = [change.split, change.way, change.number]
            sure = change.sureness
            low, high = sure.interval or (None, None)
            writer.writerow(
                [name, change.dataset, change.cluster, "", *shared]
                + [change.num_examples, change.num_groups]
                + [_four(change.before), _four(change.after), _four(change.change)]
                + [_four(sure.error), _four(low), _four(high), _six(sure.p)]
                + [_six(change.p_of_all), sure.method, "", ""]
            )
            for one in change.templates:
                writer.writerow(
                    [name, change.dataset, change.cluster, one.template, *shared, "", ""]
                    + [_four(one.before), _four(one.after), _four(one.after - one.before)]
                    + ["", "", "", _six(one.p), "", "McNemar" if one.p is not None else ""]
                    + ["" if one.won is None else one.won, "" if one.lost is None else one.lost]
                )
    return out.getvalue()


def _four(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _six(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
