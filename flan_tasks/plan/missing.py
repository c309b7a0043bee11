"""What is said of rows that are not available."""

from collections.abc import Mapping, Sequence

from flan_tasks.core.counting import are
from flan_tasks.core.naming import MEMBER_MARK

# Directories that are told by name; the others are alike.
_SHOWN = 3
# Members of a family that a message names, where many have the same fault.
_NAMED = 5


def missing_text(
    name: str,
    split: str,
    missing: Mapping[str, str],
    notes: Mapping[str, str],
    *,
    remedies: Sequence[str],
    some: bool,
    has_samples: bool,
) -> str:
    """Names the datasets of a mixture whose rows are missing, why, and what helps.

    Args:
      name: of the mixture.
      split: which rows.
      missing: dataset -> why.
      notes: dataset -> what else there is to say.
      remedies: which `--data-dir` would give each of them.
      some: whether others are available.
      has_samples: whether embedded rows stand for one of them.
    """
    reasons = {dataset: f"{reason}{notes[dataset]}" for dataset, reason in missing.items()}
    lines = [f"  {names}: {reason}" for names, reason in listed(reasons)]
    remedy = (
        "Provide them (flan sources NAME says how), exclude them, or build without them with "
        "--allow-missing"
        if some
        else "Nothing is left to build from"
        + ("; --source samples builds from the embedded rows" if has_samples else "")
    )
    more = f"; and so on for {len(remedies) - _SHOWN} more" if len(remedies) > _SHOWN else ""
    return "\n".join(
        [
            f'mixture "{name}": {len(missing):,} of its datasets {are(len(missing))} not available '
            f"for {split}:",
            *lines,
            f"Where rows lie elsewhere: {'; '.join(remedies[:_SHOWN])}{more}.",
            remedy + ".",
        ]
    )


def listed(reasons: Mapping[str, str]) -> list[tuple[str, str]]:
    """Returns names with the reason they have in common; of a family with many the first few."""
    by_reason: dict[str, list[str]] = {}
    for dataset, reason in reasons.items():
        by_reason.setdefault(reason, []).append(dataset)
    return [(_listed(names), reason) for reason, names in by_reason.items()]


def _listed(names: Sequence[str]) -> str:
    """Names in a line; of a family that has many of them the first few."""
    by_family: dict[str, list[str]] = {}
    for name in names:
        family, mark, _ = name.partition(MEMBER_MARK)
        by_family.setdefault(family if mark else "", []).append(name)
    parts = []
    for family, of_it in by_family.items():
        few = of_it if not family or len(of_it) <= _NAMED else of_it[:_NAMED]
        more = len(of_it) - len(few)
        parts += [*few, *([f"and {more:,} more of {family}"] if more else [])]
    return ", ".join(parts)
