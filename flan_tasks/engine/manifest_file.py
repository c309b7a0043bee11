"""Reading the manifest of a build; imports nothing heavy, so that readers open at once."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from flan_tasks.core.address import Address
from flan_tasks.core.errors import BuildError
from flan_tasks.engine.manifest_check import structure, sums

MANIFEST = "manifest.json"
PROGRESS = ".progress"
# Key of the hash a manifest carries of the rest of it.
SEAL = "sha256"
_SHOWN = 10
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Reads the manifest of a complete build.

    Args:
      folder: the build; or a copy of its manifest.

    Raises:
      BuildError: there is none, it cannot be read, it is not what its own hash says, or it is none:
        the keys that are missing, of another type or contradict one another are named.
    """
    return checked(load_manifest(folder), _path(folder))


def checked(manifest: dict[str, Any], path: Path | Address) -> dict[str, Any]:
    """Returns a manifest that is what its own hash says, and whose keys and sums are right.

    Args:
      manifest: a JSON object.
      path: where it lies, for messages.

    Raises:
      BuildError: it is not.
    """
    if not is_sealed(manifest):
        raise BuildError(
            f"{path} was changed: its content is not what its own {SEAL} says. Copy or build the "
            "directory again"
        )
    if wrong := structure(manifest) or list(sums(manifest)):
        more = f"and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        lines = [f"{path} is damaged; copy or build the directory again:"]
        raise BuildError("\n".join(filter(None, [*lines, *wrong[:_SHOWN], more])))
    return manifest


def load_manifest(folder: Path) -> dict[str, Any]:
    """Reads the JSON object in the manifest of a complete build, whatever it holds.

    Raises:
      BuildError: there is none, or it is no JSON object.
    """
    path = _path(folder)
    if not path.exists():
        raise no_manifest(folder, is_begun=(folder / PROGRESS).is_dir())
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BuildError(f"{path} is damaged: {error}") from error
    return parse_manifest(content, path)


def parse_manifest(content: bytes, path: Path | Address) -> dict[str, Any]:
    """Returns the JSON object that the file of a manifest holds, whatever is in it.

    Args:
      content: of the file.
      path: where it lies, for messages.

    Raises:
      BuildError: it holds none.
    """
    try:
        text = content.decode("utf-8")
        manifest = json.loads(text, parse_constant=_no_constant)
        if _SURROGATE.search(text):
            json.dumps(manifest, ensure_ascii=False).encode()  # halves of a pair are no text
    except (ValueError, RecursionError) as error:
        raise BuildError(f"{path} is damaged: {error}") from error
    if type(manifest) is not dict:
        raise BuildError(f"{path} is damaged: it holds no JSON object")
    return manifest


def no_manifest(where: Path | Address, *, is_begun: bool) -> BuildError:
    """Returns what to say where there is no complete build."""
    if is_begun:
        return BuildError(f"{where} is an unfinished build; run the command that began it again")
    return BuildError(f"{where} is no build directory: it has no {MANIFEST}")


def _path(folder: Path) -> Path:
    return folder if folder.suffix == ".json" and folder.is_file() else folder / MANIFEST


def seal(content: Mapping[str, Any]) -> str:
    """Returns the hash of a JSON object but for the hash that it carries itself."""
    rest = {name: value for name, value in content.items() if name != SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def is_sealed(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object is what the hash in it says."""
    return content.get(SEAL) == seal(content)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
