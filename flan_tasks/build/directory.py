"""The build directory: its states, its manifest, and whether it is what the manifest says.

A directory with a manifest is complete. One without is being built, or was interrupted: `.progress`
then holds the digest of the plan and one file for each shard that is whole.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flan_tasks.build.manifest_file import MANIFEST, PROGRESS, read_manifest
from flan_tasks.build.shard import file_facts, write_error
from flan_tasks.core.errors import BuildError

_PLAN = "plan.json"
_LOCK = "lock"


def check_free(folder: Path, digest: str) -> bool:
    """Looks whether a build may go into `folder`; returns whether it is there already, complete.

    Raises:
      BuildError: the folder holds something else, another build, this one with files missing,
        or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise BuildError(f"{folder} is a file; name a new or empty folder")
    if not folder.exists() or not any(folder.iterdir()):
        return False
    if (folder / MANIFEST).exists():
        manifest = read_manifest(folder)
        if manifest["digest"] == digest:
            _check_there(folder, manifest)
            return True
        raise BuildError(
            f"{folder} holds another build, made by: {manifest.get('command', '?')}. Its data, "
            "templates or options differ from what is asked for now; name another folder, or "
            "remove this one"
        )
    plan = folder / PROGRESS / _PLAN
    if plan.exists():
        begun = json.loads(plan.read_text(encoding="utf-8"))
        if begun["digest"] != digest:
            raise BuildError(
                f"{folder} holds an unfinished build, begun by: {begun['command']}. Its data, "
                "templates or options differ from what is asked for now; finish it with that "
                "command, name another folder, or remove this one"
            )
        return False
    if {path.name for path in folder.iterdir()} == {PROGRESS}:
        return False
    names = sorted(path.name for path in folder.iterdir())
    raise BuildError(
        f"{folder} is not empty and no build of ours: it holds {', '.join(names[:5])}"
        f"{', ...' if len(names) > 5 else ''}. Name a new or empty folder"
    )


def _check_there(folder: Path, manifest: Mapping[str, Any]) -> None:
    # Sizes alone: this is on the way of every rerun, and `verify` reads the contents.
    sizes = {entry["path"]: entry["bytes"] for entry in manifest["files"]}
    for name, size in sizes.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            raise BuildError(
                f"{folder} held this build, and its {name} is missing or of another size; remove "
                "the folder and run the same command again"
            )


class Progress:
    """What is known of an unfinished build."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / PROGRESS

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the directory for one build at a time.

        Raises:
          BuildError: another process builds into it now.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = (self._folder / _LOCK).open("w")
        except OSError as error:
            raise write_error(error, self._folder) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise BuildError(
                    f"another process is building into {self._folder.parent}; wait for it, or "
                    "name another folder"
                ) from error
            yield

    def begin(self, digest: str, command: str) -> None:
        """Notes what is being built."""
        write_json(self._folder / _PLAN, {"digest": digest, "command": command})

    def done(self, folder: Path, shard_path: str) -> dict[str, Any] | None:
        """Returns what is known of a shard if it is whole and its files agree, else None."""
        note = self._note(shard_path)
        try:
            known = json.loads(note.read_text(encoding="utf-8"))
            whole = all(
                file_facts(folder / file["path"]).items() <= file.items() for file in known["files"]
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return known if whole else None

    def note(self, known: Mapping[str, Any]) -> None:
        """Notes that a shard is whole."""
        write_json(self._note(known["path"]), known)

    def end(self) -> None:
        """Forgets the progress of a build that is complete."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _note(self, shard_path: str) -> Path:
        return self._folder / (shard_path.replace("/", "--") + ".json")


def write_json(path: Path, value: Any) -> None:
    """Writes JSON so that the file is there whole or not at all.

    Raises:
      BuildError: it cannot be written.
    """
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes text so that the file is there whole or not at all.

    Raises:
      BuildError: it cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise write_error(error, path) from error


def verify(folder: Path) -> dict[str, Any]:
    """Compares every file of a complete build with its manifest and returns the manifest.

    Raises:
      BuildError: with every difference: files missing, changed or added, counts that do not add up.
    """
    manifest = read_manifest(folder)
    problems = []
    listed = {entry["path"]: entry for entry in manifest["files"]}
    for name, entry in listed.items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing")
            continue
        facts = file_facts(path)
        if facts["bytes"] != entry["bytes"]:
            problems.append(
                f"{name} has {facts['bytes']} bytes; the manifest says {entry['bytes']}"
            )
        elif facts["sha256"] != entry["sha256"]:
            problems.append(f"{name} was changed: its SHA-256 is {facts['sha256'][:16]}...")
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] != PROGRESS
    }
    problems += [f"{name} is not in the manifest" for name in sorted(found - {*listed, MANIFEST})]
    examples = sum(shard["examples"] for shard in manifest["shards"])
    if examples != manifest["examples"]:
        problems.append(
            f"its shards have {examples} examples; the manifest says {manifest['examples']}"
        )
    by_task = sum(task["realized"] for task in manifest["tasks"])
    if by_task != manifest["examples"]:
        problems.append(f"its tasks add up to {by_task}; the manifest says {manifest['examples']}")
    if problems:
        raise BuildError("\n".join([f"{folder} is not what its manifest says:", *problems]))
    return manifest
