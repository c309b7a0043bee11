"""The build directory: its states, its manifest, and whether it is what the manifest says.

A directory with a manifest is complete. One without is being built, or was interrupted: `.progress`
then holds the digest of the plan and one file for each shard that is whole.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from flan_tasks.core import lock, whole
from flan_tasks.core.errors import BuildError
from flan_tasks.core.parsing import parse_json
from flan_tasks.engine.contents import Contents
from flan_tasks.engine.manifest_check import structure, sums
from flan_tasks.engine.manifest_file import (
    MANIFEST,
    PROGRESS,
    SEAL,
    is_sealed,
    load_manifest,
    read_manifest,
    seal,
)
from flan_tasks.engine.recipe import Recipe, differences, digest_of, library_versions
from flan_tasks.engine.shard import file_facts, write_error

_PLAN = "plan.json"
_LOCK = "lock"


def check_free(folder: Path, recipe: Recipe) -> bool:
    """Looks whether a build may go into `folder`; returns whether it is there already, complete.

    Raises:
      BuildError: the folder holds something else, another build (with what differs), this one
        with files missing, or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise BuildError(f"{folder} is a file; name a new or empty folder")
    if not folder.exists() or not any(folder.iterdir()):
        return False
    if (folder / MANIFEST).exists():
        manifest = read_manifest(folder)
        if manifest["digest"] == digest_of(recipe):
            _check_there(folder, manifest)
            return True
        try:
            lines = differences(manifest.get("recipe", {}), recipe)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BuildError(f"{folder / MANIFEST} is damaged in its recipe: {error!r}") from error
        raise BuildError(
            f"{folder} holds another build, made by: {manifest['command']}. It is kept; name "
            "another folder, or remove this one. Between it and what is asked for now differ:\n"
            + _listed(lines)
        )
    plan = folder / PROGRESS / _PLAN
    if plan.exists():
        _check_begun(folder, plan, recipe)
        return False
    if {path.name for path in folder.iterdir()} == {PROGRESS}:
        return False
    names = sorted(path.name for path in folder.iterdir())
    raise BuildError(
        f"{folder} is not empty and no build directory: it holds {', '.join(names[:5])}"
        f"{', ...' if len(names) > 5 else ''}. Name a new or empty folder"
    )


def _check_begun(folder: Path, plan: Path, recipe: Recipe) -> None:
    try:
        begun = parse_json(plan.read_text(encoding="utf-8"))
        stored, libraries = begun["recipe"], begun["libraries"]
        # Up to 0.1.0 the command stood in the recipe.
        command = begun.get("command") or stored.get("command") or "an unknown command"
        lines = [] if stored == recipe else differences(stored, recipe)
        names = {**libraries, **library_versions()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BuildError(
            f"{plan} is damaged: {error!r}; remove {folder} and run the same command again"
        ) from error
    # What is built already came from those libraries, and their bytes may not be today's.
    now = library_versions()
    lines += [
        f"{name}: {libraries.get(name, 'none')}, now {now.get(name, 'none')}"
        for name in names
        if libraries.get(name) != now.get(name)
    ]
    if lines:
        raise BuildError(
            f"{folder} holds an unfinished build, begun by: {command}. Finish it with "
            "that command, name another folder, or remove this one. Between it and what is asked "
            "for now differ:\n" + _listed(lines)
        )


def _listed(lines: list[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)


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
                descriptor = stack.enter_context(lock.hold(self._folder / _LOCK))
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
        plan = {"recipe": recipe, "libraries": library_versions(), "command": command}
        write_json(self._folder / _PLAN, plan)

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
        note = self._note(shard_path)
        try:
            facts = parse_json(note.read_text(encoding="utf-8"))
            if facts.pop(SEAL) != seal(facts):
                return None
            is_whole = all(
                file_facts(folder / file["path"]).items() <= file.items() for file in facts["files"]
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return facts if is_whole else None

    def note(self, facts: Mapping[str, Any]) -> None:
        """Notes that a shard is whole."""
        # Through JSON before it is sealed: numbers that are keys become text.
        plain = json.loads(json.dumps(facts))
        write_json(self._note(facts["path"]), {**plain, SEAL: seal(plain)})

    @property
    def folder(self) -> Path:
        """Where it is kept; for logs of workers."""
        return self._folder

    def _note(self, shard_path: str) -> Path:
        return self._folder / (shard_path.replace("/", "--") + ".json")


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
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes text so that the file is there whole or not at all.

    Raises:
      BuildError: it cannot be written.
    """
    try:
        whole.write_text(path, text)
    except OSError as error:
        raise write_error(error, path) from error


def verify(folder: Path) -> dict[str, Any]:
    """Compares every file of a complete build with its manifest and returns the manifest.

    Raises:
      BuildError: with every difference: files missing, changed or added, counts that do not add up.
    """
    manifest = load_manifest(folder)
    problems = []
    if not is_sealed(manifest):
        problems.append(f"{MANIFEST} was changed: its content is not what its own {SEAL} says")
    if wrong := structure(manifest):
        raise BuildError("\n".join([f"{folder / MANIFEST} is damaged:", *problems, *wrong]))
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
    present = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] != PROGRESS
    }
    problems += [f"{name} is not in the manifest" for name in sorted(present - {*listed, MANIFEST})]
    problems += sums(manifest)
    if not problems and manifest["format"] == "arrays":
        contents = Contents(folder, manifest)
        for number in range(len(manifest["shards"])):
            try:
                contents.compare((number,), contents.layout(number))
            except BuildError as error:
                problems.append(str(error))
    if problems:
        raise BuildError("\n".join([f"{folder} is not what its manifest says:", *problems]))
    return manifest
