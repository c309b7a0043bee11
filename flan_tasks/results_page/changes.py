"""What a page shows of two models compared: the tables of `flan compare`, and a picture of them."""

from collections.abc import Sequence
from typing import Any

from flan_tasks.evaluation.comparison import Change, Comparison, Flip, shown_changes
from flan_tasks.evaluation.records import NORMALIZED, Unit
from flan_tasks.evaluation.summary import FEW
from flan_tasks.metrics.by_name import LOWER_IS_BETTER


def changes_summary(
    comparison: Comparison,
    tables: Sequence[tuple[str, list[str], list[list[str]]]],
    *,
    settings: Sequence[str],
    left_out: Sequence[str],
) -> dict[str, Any]:
    """Returns what is shown of a comparison.

    Args:
      comparison: of the second model with the first.
      tables: caption, columns and lines of each, as they are printed; the first has a line for
        each shown change.
      settings: what of the settings differs, a line each.
      left_out: datasets that not both have.
    """
    return {
        "tables": list(tables),
        "changes": [_change(change) for change in shown_changes(comparison.changes)],
        "settings": list(settings),
        "left_out": list(left_out),
        "flips": sum(flip.way != NORMALIZED for flip in comparison.flips),
        "few": FEW,
    }


def changed_keys(comparison: Comparison) -> dict[Unit, dict[str, Flip]]:
    """Returns unit -> key -> the answer that changed in worth, by the way that lists show."""
    keys: dict[Unit, dict[str, Flip]] = {}
    for flip in comparison.flips:
        if flip.way != NORMALIZED:
            keys.setdefault(flip.unit, {})[flip.key] = flip
    return keys


def _change(change: Change) -> dict[str, Any]:
    counted = [(one.won, one.lost) for one in change.templates]
    known = all(won is not None for won, _ in counted)
    return {
        "name": change.dataset,
        "cluster": change.cluster,
        "split": change.split,
        "way": change.way,
        "number": change.number,
        "before": change.before,
        "after": change.after,
        "change": change.change,
        # As in tables: the intervals of few examples say nothing.
        "interval": None if change.num_groups < FEW else change.sureness.interval,
        "p": change.p_of_all,
        "won": sum(won or 0 for won, _ in counted) if known else None,
        "lost": sum(lost or 0 for _, lost in counted) if known else None,
        "less_is_better": change.number in LOWER_IS_BETTER,
    }
