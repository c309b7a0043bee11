"""What is known of a file that was written, and what to say where it cannot be."""

import errno
import hashlib
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import BuildError


def file_facts(path: Path) -> dict[str, Any]:
    """Size and digest of a file, as they stand in the manifest."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def write_error(error: OSError, path: Path) -> BuildError:
    """Says that `path` could not be written, and what helps."""
    if error.errno == errno.ENOSPC:
        return BuildError(
            f"no space left on the disk while writing {path}. What is complete is kept: free some "
            "space and run the same command again"
        )
    return BuildError(f"{path} cannot be written: {error.strerror or error}")
