"""Checksums of a checkpoint: a file `SHA256SUMS` in its folder, in the form of `sha256sum`.

It is written after all other files and before the checkpoint gets its name, and sealed by a last
line with the digest of the lines above, so that it vouches for itself as well. `sha256sum -c
SHA256SUMS` checks the same. Two files are not in it, as Orbax writes them when it likes, from a
thread of its own: `commit_success.txt`, and `_CHECKPOINT_METADATA`, which says when the checkpoint
was saved and by which classes; nothing that is read here depends on either.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

NAME = "SHA256SUMS"
_LEFT_OUT = {"commit_success.txt", "_CHECKPOINT_METADATA", NAME}
_SEAL = "# sha256 of the lines above: "
# Hashing lets other threads run; beyond these a disk is slower than they are.
_THREADS = 8


def write(folder: Path) -> None:
    """Writes the checksums of all files under a folder, and has them on disk.

    Raises:
      OSError: it cannot be written, or a file cannot be read.
    """
    paths = list(_files(folder))
    sums = _in_parallel(lambda path: _sha256(folder / path), paths)
    lines = [f"{digest}  {path}\n" for path, digest in zip(paths, sums, strict=True)]
    text = "".join(lines)
    with (folder / NAME).open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"{text}{_SEAL}{hashlib.sha256(text.encode()).hexdigest()}\n")
        file.flush()
        os.fsync(file.fileno())


def are_there(folder: Path) -> bool:
    """Whether a folder has checksums."""
    return os.path.lexists(folder / NAME)


def problems(
    folder: Path, parts: Iterable[str] | None = None, *, share: int = 0, shares: int = 1
) -> list[str]:
    """Returns what of a folder is not as its checksums say, a phrase for each file.

    Args:
      folder: a checkpoint that has checksums.
      parts: subfolders to look at; all of them by default.
      share: which share of the files is hashed here.
      shares: how many processes share the files.
    """
    try:
        text = (folder / NAME).read_text(encoding="utf-8")
        sums = _read(text)
    except (OSError, ValueError) as error:
        return [f"{NAME} is damaged ({error})"]
    chosen = {path.split("/")[0] for path in sums} if parts is None else set(parts)
    missing_parts = [
        f"{part}/ is missing" for part in sorted(chosen) if not (folder / part).is_dir()
    ]
    listed = [
        path
        for path in sums
        if path.split("/")[0] in chosen and (folder / path.split("/")[0]).is_dir()
    ]
    looked_at = _in_parallel(
        lambda path: _difference(folder, path, sums[path]), listed[share::shares]
    )
    present = {path for path in _files(folder) if path.split("/")[0] in chosen}
    return [
        *missing_parts,
        *(phrase for phrase in looked_at if phrase),
        *(f"{path} does not belong there" for path in sorted(present - set(sums))),
    ]


def digest(folder: Path, parts: Iterable[str]) -> str:
    """Returns a hash of what the checksums say of some subfolders."""
    sums = _read((folder / NAME).read_text(encoding="utf-8"))
    chosen = set(parts)
    lines = [f"{sums[path]}  {path}\n" for path in sorted(sums) if path.split("/")[0] in chosen]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def digest_of(folder: Path, files: Iterable[Path]) -> str:
    """Returns the same of files whose content is hashed for it."""
    paths = [path.relative_to(folder).as_posix() for path in files]
    sums = _in_parallel(lambda path: _sha256(folder / path), paths)
    lines = [f"{one}  {path}\n" for path, one in zip(paths, sums, strict=True)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def missing_files(folder: Path) -> list[str]:
    """Returns the files that the checksums name and the folder lacks, without reading any."""
    try:
        sums = _read((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [NAME]
    return [path for path in sums if not (folder / path).is_file()]


def _read(text: str) -> dict[str, str]:
    """Returns the digest of each file."""
    body, _, last = text.rstrip("\n").rpartition("\n")
    body += "\n"
    if last != f"{_SEAL}{hashlib.sha256(body.encode()).hexdigest()}":
        raise ValueError("its last line does not fit the others")
    sums = {}
    for line in body.splitlines():
        if not line.startswith("#"):  # as earlier versions wrote of Orbax's metadata
            digest, _, path = line.partition("  ")
            sums[path] = digest
    return sums


def _files(folder: Path) -> Iterable[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_dir() and name not in _LEFT_OUT:
            yield name


def _difference(folder: Path, name: str, digest: str) -> str:
    path = folder / name
    if path.is_dir():
        return f"{name} is a folder where a file was"
    if not path.is_file():
        return f"{name} is missing"
    try:
        actual = _sha256(path)
    except OSError as error:
        return f"{name} cannot be read ({error.strerror or error})"
    if actual == digest:
        return ""
    if not path.stat().st_size:
        return f"{name} is empty"
    return f"{name} was changed (its SHA-256 is {actual[:16]}..., not {digest[:16]}...)"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _in_parallel(function: Callable[[str], str], paths: list[str]) -> list[str]:
    threads = min(_THREADS, os.cpu_count() or 1, len(paths))
    if threads < 2:
        return [function(path) for path in paths]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, paths))
