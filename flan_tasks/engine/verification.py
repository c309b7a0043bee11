"""Whether a build is what its manifest says, here or at an address."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from flan_tasks.core.address import Address
from flan_tasks.core.errors import BuildError
from flan_tasks.engine.contents import Contents
from flan_tasks.engine.file_facts import file_facts
from flan_tasks.engine.local_copy import fetched_one_by_one
from flan_tasks.engine.manifest_check import structure, sums
from flan_tasks.engine.manifest_file import MANIFEST, PROGRESS, SEAL, is_sealed, load_manifest


class _Files(Protocol):
    """The files of a build, wherever it lies."""

    @property
    def folder(self) -> Path:
        """Where files are that are here."""

    @property
    def manifest(self) -> dict[str, Any]:
        """The JSON object in the manifest."""

    def names(self) -> set[str]:
        """Those that there are, by their paths in the build."""

    def here(self, names: list[str]) -> AbstractContextManager[None]:
        """Has files, as far as there are such, in the folder."""


class _LocalFiles:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = load_manifest(folder)

    def names(self) -> set[str]:
        paths = self.folder.rglob("*")
        return {path.relative_to(self.folder).as_posix() for path in paths if path.is_file()}

    def here(self, names: list[str]) -> AbstractContextManager[None]:
        return nullcontext()


def verify(where: Path | Address) -> dict[str, Any]:
    """Compares every file of a complete build with its manifest and returns the manifest.

    Of a build at an address no more is here at one time than the files of one shard.

    Raises:
      BuildError: with every difference: files missing, changed or added, counts that do not add up.
    """
    with _files(where) as files:
        return _verify(where, files)


@contextmanager
def _files(where: Path | Address) -> Iterator[_Files]:
    if isinstance(where, Path):
        yield _LocalFiles(where)
        return
    with fetched_one_by_one(where) as files:
        yield files


def _verify(where: Path | Address, files: _Files) -> dict[str, Any]:
    folder, manifest = files.folder, files.manifest
    unsealed = []
    if not is_sealed(manifest):
        unsealed.append(f"{MANIFEST} was changed: its content is not what its own {SEAL} says")
    if wrong := structure(manifest):
        raise BuildError("\n".join([f"{where / MANIFEST} is damaged:", *unsealed, *wrong]))
    listed = {entry["path"]: entry for entry in manifest["files"]}
    present = {name for name in files.names() if name.split("/")[0] != PROGRESS}
    added = [f"{name} is not in the manifest" for name in sorted(present - {*listed, MANIFEST})]
    others = [*unsealed, *added, *sums(manifest)]
    shards = [shard["paths"] for shard in manifest["shards"]]
    apart = listed.keys() - {name for paths in shards for name in paths}
    contents = Contents(folder, manifest) if manifest["format"] == "arrays" else None
    problems: list[str] = []
    inside: list[str] = []
    for number, names in enumerate([*shards, *([name] for name in listed if name in apart)]):
        with files.here(names):
            problems += filter(None, (_difference(folder, listed[name]) for name in names))
            if contents and number < len(shards) and not problems and not others:
                try:
                    contents.compare((number,), contents.layout(number))
                except BuildError as error:
                    inside.append(str(error))
    if found := [*problems, *others, *inside]:
        raise BuildError("\n".join([f"{where} is not what its manifest says:", *found]))
    return manifest


def _difference(folder: Path, entry: dict[str, Any]) -> str:
    """Says how a file differs from its entry in the manifest; nothing where it does not."""
    name, path = entry["path"], folder / entry["path"]
    if not path.is_file():
        return f"{name} is missing"
    facts = file_facts(path)
    if facts["bytes"] != entry["bytes"]:
        return f"{name} has {facts['bytes']} bytes; the manifest says {entry['bytes']}"
    if facts["sha256"] != entry["sha256"]:
        return f"{name} was changed: its SHA-256 is {facts['sha256'][:16]}..."
    return ""
