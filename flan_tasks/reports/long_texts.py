"""What became of texts that are longer than a build's lengths, in one set of words.

Prompts that are made to fit are shortened field by field, and left out where even that does not
help; targets lose their end. `plan/fitting.py` says of which fields.
"""

from collections.abc import Mapping
from typing import Any

from flan_tasks.engine.writers import WRITERS

SHORTENED, TRIMMED, WHOLE = "shortened", "trimmed at their end", "kept whole"


def treatment(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Returns part -> what happened to its texts that were too long.

    Args:
      manifest: of the build; one from before prompts were made to fit says nothing of it.
    """
    form = manifest["format"]
    ends = TRIMMED if form not in WRITERS or WRITERS[form].trims else WHOLE
    return {"inputs": SHORTENED if manifest.get("fits") else ends, "targets": ends}


def long_texts(manifest: Mapping[str, Any]) -> str:
    """Returns how many texts of a build with tokens were too long, and what happened to them."""
    over, lengths, what = manifest["over_length"], manifest["lengths"], treatment(manifest)
    parts = (f"{over[part]:,} {part} ({what[part]})" for part in ("inputs", "targets"))
    return (
        f"Longer than {lengths['inputs']:,} / {lengths['targets']:,} with EOS: {', '.join(parts)}."
    )
