"""What is said of rows that are not available."""

from collections.abc import Mapping, Sequence

# Directories that are told by name; the others are alike.
_SHOWN = 3


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
    by_reason: dict[str, list[str]] = {}
    for dataset, reason in missing.items():
        by_reason.setdefault(f"{reason}{notes[dataset]}", []).append(dataset)
    lines = [f"  {', '.join(names)}: {reason}" for reason, names in by_reason.items()]
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
            f'mixture "{name}": {len(missing)} of its datasets cannot be had for {split}:',
            *lines,
            f"Where rows lie elsewhere: {'; '.join(remedies[:_SHOWN])}{more}.",
            remedy + ".",
        ]
    )
