"""Comparing what was built, or stored, with what it is said to be."""

from dataclasses import dataclass
from pathlib import Path

from flan_tasks.core.address import Address
from flan_tasks.engine.verification import verify as verify_build
from flan_tasks.store.checksum import check
from flan_tasks.store.shared_files import SharedFiles
from flan_tasks.store.store import default_store


@dataclass(frozen=True)
class Verified:
    """A build that is what its manifest says."""

    folder: Path | Address
    """The directory, or its address."""
    examples: int
    """Examples in it."""
    files: int
    """Files that were compared."""


@dataclass(frozen=True)
class VerifiedStore:
    """Stored examples that are what was stored."""

    folder: Path | Address
    """The directory, or its address."""
    files: int
    """Files that were compared."""
    without_checksum: tuple[str, ...]
    """Files that are older than checksums, and were not."""


def verify(folder: Path | Address) -> Verified:
    """Compares every file, hash and count of a build with its manifest.

    Raises:
      BuildError: they differ.
    """
    manifest = verify_build(folder)
    return Verified(folder, manifest["examples"], len(manifest["files"]))


def verify_store(folder: Path | Address | None = None) -> VerifiedStore:
    """Compares stored examples with their checksums.

    Args:
      folder: the store; None is the usual one.

    Raises:
      BuildError: some differ.
    """
    root = folder or default_store()
    checked = SharedFiles(root).check() if isinstance(root, Address) else check(root)
    return VerifiedStore(root, checked.sound, tuple(checked.without))
