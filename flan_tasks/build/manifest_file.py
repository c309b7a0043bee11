"""Reading the manifest of a build; imports nothing heavy, so that readers open at once."""

from pathlib import Path
from typing import Any

from flan_tasks.core.errors import BuildError
from flan_tasks.core.parsing import parse_json

MANIFEST = "manifest.json"
PROGRESS = ".progress"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Reads the manifest of a complete build.

    Raises:
      BuildError: there is none, or it cannot be read.
    """
    path = folder / MANIFEST
    if not path.exists():
        if (folder / PROGRESS).is_dir():
            raise BuildError(
                f"{folder} is an unfinished build; run the command that began it again"
            )
        raise BuildError(f"{folder} is no build directory: it has no {MANIFEST}")
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
        missing = {"files", "shards", "tasks", "examples", "digest", "command"} - set(found)
        if missing:
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        return found
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise BuildError(f"{path} is damaged: {error}") from error
