"""The build directory: its states, its notes and its manifest.

A directory with a manifest is complete. One without is being built, or was interrupted: `.progress`
then holds the digest of the plan and one file for each shard that is whole.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core import lock, whole
from flan_tasks.core.address import Address
from flan_tasks.core.errors import BuildError
from flan_tasks.core.parsing import parse_json
from flan_tasks.engine.file_facts import file_facts, write_error
from flan_tasks.engine.manifest_file import (
    MANIFEST,
    PROGRESS,
    SEAL,
    read_manifest,
    seal,
)
from flan_tasks.engine.recipe import Recipe, differences, digest_of, library_versions

PLAN = "plan.json"
LOCK = "lock"


@dataclass(frozen=True)
class Found:
    """What stands where a build is to go."""

    where: Path | Address
    """The place, for messages."""
    names: frozenset[str]
    """What lies directly in it."""
    manifest: Mapping[str, Any] | None
    """The manifest of a complete build, if it is one."""
    plan: str | None
    """What an unfinished build noted when it was begun, if it is one."""
    size: Callable[[str], int | None]
    """Bytes of a file in it; None where there is no such file."""


def check_free(folder: Path, recipe: Recipe) -> bool:
    """Looks whether a build may go into `folder`; returns whether it is there already, complete.

    Raises:
      BuildError: as `check_found`; or the folder is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise BuildError(f"{folder} is a file; name a new or empty folder")
    if not folder.exists():
        return False
    plan = folder / PROGRESS / PLAN
    is_complete = (folder / MANIFEST).exists()
    try:
        begun = plan.read_text(encoding="utf-8") if plan.exists() and not is_complete else None
    except (OSError, ValueError) as error:
        raise _damaged_plan(folder, error) from error

    def size(name: str) -> int | None:
        path = folder / name
        return path.stat().st_size if path.is_file() else None

    return check_found(
        Found(
            where=folder,
            names=frozenset(path.name for path in folder.iterdir()),
            manifest=read_manifest(folder) if is_complete else None,
            plan=begun,
            size=size,
        ),
        recipe,
    )


def check_found(found: Found, recipe: Recipe) -> bool:
    """Looks whether a build may go to where something stands; returns whether it is there already.

    Raises:
      BuildError: something else stands there, another build (with what differs), or this one with
        files missing.
    """
    where = found.where
    if found.manifest is not None:
        manifest = found.manifest
        if manifest["digest"] == digest_of(recipe):
            _check_there(found, manifest)
            return True
        try:
            lines = differences(manifest.get("recipe", {}), recipe)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BuildError(f"{where / MANIFEST} is damaged in its recipe: {error!r}") from error
        raise BuildError(
            f"{where} holds another build, made by: {manifest['command']}. It is kept; name "
            "another folder, or remove this one. Between it and what is asked for now differ:\n"
            + _listed(lines)
        )
    if found.plan is not None:
        _check_begun(where, found.plan, recipe)
    elif found.names - {PROGRESS}:
        names = sorted(found.names)
        raise BuildError(
            f"{where} is not empty and no build directory: it holds {', '.join(names[:5])}"
            f"{', ...' if len(names) > 5 else ''}. Name a new or empty folder"
        )
    return False


def _damaged_plan(where: Path | Address, error: Exception) -> BuildError:
    return BuildError(
        f"{where / PROGRESS / PLAN} is damaged: {error!r}; remove {where} and run the same command "
        "again"
    )


def _check_begun(where: Path | Address, plan: str, recipe: Recipe) -> None:
    try:
        begun = parse_json(plan)
        stored, libraries = begun["recipe"], begun["libraries"]
        # Up to 0.1.0 the command stood in the recipe.
        command = begun.get("command") or stored.get("command") or "an unknown command"
        lines = [] if stored == recipe else differences(stored, recipe)
        names = {**libraries, **library_versions()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged_plan(where, error) from error
    # What is built already came from those libraries, and their bytes may not be today's.
    now = library_versions()
    lines += [
        f"{name}: {libraries.get(name, 'none')}, now {now.get(name, 'none')}"
        for name in names
        if libraries.get(name) != now.get(name)
    ]
    if lines:
        raise BuildError(
            f"{where} holds an unfinished build, begun by: {command}. Finish it with "
            "that command, name another folder, or remove this one. Between it and what is asked "
            "for now differ:\n" + _listed(lines)
        )


def _listed(lines: list[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)


def _check_there(found: Found, manifest: Mapping[str, Any]) -> None:
    # Sizes alone: this is on the way of every rerun, and `verify` reads the contents.
    for entry in manifest["files"]:
        if found.size(entry["path"]) != entry["bytes"]:
            raise BuildError(
                f"{found.where} held this build, and its {entry['path']} is missing or of another "
                "size; remove the folder and run the same command again"
            )


class Progress:
    """What is known of an unfinished build."""

    def __init__(self, folder: Path) -> None:
        self._build = folder
        self._folder = folder / PROGRESS

    @contextmanager
    def lock(self) -> Iterator[int]:
        """Holds the directory for one build at a time; yields the lock's descriptor.

        Raises:
          BuildError: another process builds into it now.
        """
        with ExitStack() as stack:
            try:
                descriptor = stack.enter_context(lock.hold(self._folder / LOCK))
            except OSError as error:
                raise write_error(error, self._folder) from error
            try:
                yield descriptor
            finally:
                # Nothing is unfinished where a manifest is: an end that was cut off, a lost race.
                if (self._build / MANIFEST).exists():
                    shutil.rmtree(self._folder, ignore_errors=True)

    def begin(self, recipe: Recipe, *, command: str = "") -> None:
        """Notes what is being built, and removes what a killed build left half-written."""
        self.sweep()
        write_text(self._folder / PLAN, plan_text(recipe, command))

    def sweep(self) -> None:
        """Removes files under temporary names; only who holds the lock may."""
        for path in self._build.rglob("*.tmp"):
            with suppress(OSError):
                path.unlink()

    def tidy(self) -> None:
        """Removes what is left of the progress of a complete build, if nobody is at it."""
        if self._folder.is_dir():
            with suppress(BuildError), self.lock():
                pass

    def done(self, folder: Path, shard_path: str) -> dict[str, Any] | None:
        """Returns what is known of a shard if it is whole and its files agree, else None."""
        try:
            text = self._note(shard_path).read_text(encoding="utf-8")
            return noted(text, lambda file: file_facts(folder / file["path"]))
        except (OSError, ValueError):
            return None

    def note(self, facts: Mapping[str, Any]) -> None:
        """Notes that a shard is whole."""
        write_text(self._note(facts["path"]), note_text(facts))

    @property
    def folder(self) -> Path:
        """Where it is kept; for logs of workers."""
        return self._folder

    def _note(self, shard_path: str) -> Path:
        return self._folder / note_name(shard_path)


def plan_text(recipe: Recipe, command: str) -> str:
    """Returns what is noted of a build when it is begun."""
    return json_text({"recipe": recipe, "libraries": library_versions(), "command": command})


def note_name(shard_path: str) -> str:
    """Returns the name of the note of a shard, in the folder of the progress."""
    return shard_path.replace("/", "--") + ".json"


def note_text(facts: Mapping[str, Any]) -> str:
    """Returns the note of a shard that is whole."""
    # Through JSON before it is sealed: numbers that are keys become text.
    plain = json.loads(json.dumps(facts))
    return json_text({**plain, SEAL: seal(plain)})


def noted(
    text: str | bytes, there: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Returns what a note says of a shard, if it is whole and its files agree, else None.

    Args:
      text: the note.
      there: what is known of one of the files where it lies: some of what the note has of it.

    Raises:
      OSError: a file cannot be read.
    """
    try:
        facts: dict[str, Any] = parse_json(text)
        if facts.pop(SEAL) != seal(facts):
            return None
        is_whole = all(there(file).items() <= file.items() for file in facts["files"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return facts if is_whole else None


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Writes the manifest, which makes a build complete; returns it with its own hash.

    Raises:
      BuildError: it cannot be written.
    """
    sealed = {**manifest, SEAL: seal(manifest)}
    for place in {folder, *(path.parent for path in folder.rglob("*") if path.is_file())}:
        whole.sync_folder(place)  # a loss of power must not keep the manifest and lose a shard
    write_json(folder / MANIFEST, sealed)
    return sealed


def write_json(path: Path, value: Any) -> None:
    """Writes JSON so that the file is there whole or not at all.

    Raises:
      BuildError: it cannot be written.
    """
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """Returns JSON as the files of a build hold it."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Writes text so that the file is there whole or not at all.

    Raises:
      BuildError: it cannot be written.
    """
    try:
        whole.write_text(path, text)
    except OSError as error:
        raise write_error(error, path) from error
