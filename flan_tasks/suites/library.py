"""Suite files: the published ones by name, and a user's by their path."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from flan_tasks.core.errors import DeclarationError, FlanTasksError, unknown_name
from flan_tasks.core.field_types import shown
from flan_tasks.core.parsing import parse_toml
from flan_tasks.core.resources import folder
from flan_tasks.suites.declared import PROTOCOL_MARK, Exemplars, Part, Protocol, Reading, Suite
from flan_tasks.suites.numbers import Average, Published
from flan_tasks.suites.submitted import Submission, SubmittedFile

T = TypeVar("T")
ENDING = ".toml"
# Set by whoever reads the file.
_NOT_IN_FILES = ("name", "folder")


def suite_names() -> tuple[str, ...]:
    """Names of the published suites."""
    return tuple(sorted(path.name.removesuffix(ENDING) for path in folder("suites").glob("*.toml")))


def is_suite(name: str) -> bool:
    """Whether a name of what is evaluated means a suite: SUITE, SUITE@PROTOCOL or a file."""
    plain, mark, _ = name.rpartition(PROTOCOL_MARK)
    plain = plain if mark else name
    return bool(mark) or plain.endswith(ENDING) or plain in suite_names()


def open_suite(name: str) -> tuple[Suite, Protocol]:
    """Returns a suite and one of its protocols: the one that is named, or the first.

    Args:
      name: SUITE or SUITE@PROTOCOL, where SUITE is a published name or a file that ends in .toml.

    Raises:
      UnknownNameError: there is no such suite or protocol.
      DeclarationError: the file is malformed, with every problem; or the suite has parts, each of
        which names its protocol.
    """
    suite = named_suite(name)
    _, mark, wanted = name.rpartition(PROTOCOL_MARK)
    if suite.parts:
        parts = ", ".join(part.suite for part in suite.parts)
        raise DeclarationError(f"{name}: suite {suite.name} has no protocol, but parts: {parts}")
    protocol = suite.protocol(wanted if mark else "")
    if protocol is None or (mark and not wanted):
        raise unknown_name(f"protocol of {suite.name}", wanted, [p.name for p in suite.protocols])
    return suite, protocol


def named_suite(name: str) -> Suite:
    """Returns the suite that SUITE or SUITE@PROTOCOL names.

    Raises:
      UnknownNameError: there is no such suite.
      DeclarationError: the file is malformed; with every problem.
    """
    plain, mark, _ = name.rpartition(PROTOCOL_MARK)
    plain = plain if mark else name
    if plain.endswith(ENDING):
        return read_suite(Path(plain))
    if plain in suite_names():
        return published_suite(plain)
    raise unknown_name("suite", plain, suite_names())


@cache
def published_suite(name: str) -> Suite:
    """Returns a published suite.

    Raises:
      DeclarationError: the file is malformed.
    """
    return read_suite(folder("suites") / f"{name}{ENDING}")


def read_suite(path: Path) -> Suite:
    """Reads a suite file; the suite is named after it.

    Raises:
      DeclarationError: the file is missing or malformed; with every problem.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DeclarationError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DeclarationError(f"{shown(str(path))}: cannot be read: {error}") from error
    return parse_suite(
        text, name=path.name.removesuffix(ENDING), path=str(path), beside=str(path.parent)
    )


def parse_suite(text: str, *, name: str, path: str, beside: str = "") -> Suite:
    """Reads the text of a suite file.

    Args:
      text: TOML.
      name: what the suite is called.
      path: how messages name the file.
      beside: the folder that relative paths of its files start in.

    Raises:
      DeclarationError: with every problem of the file.
    """
    try:
        data = parse_toml(text)
    except ValueError as error:
        raise DeclarationError(f"{path}: not valid TOML: {error}") from error
    problems: list[str] = []
    for key, cls in (("averages", Average), ("published", Published), ("parts", Part)):
        if key in data:
            data[key] = _list_of(cls, data[key], key, problems)
    if "protocols" in data:
        data["protocols"] = _protocols(data["protocols"], problems)
    if isinstance(table := data.get("submission"), dict):
        table["files"] = _list_of(
            SubmittedFile, table.get("files", []), "submission.files", problems
        )
        data["submission"] = _built(Submission, table, "submission: ", problems)
    for key in _NOT_IN_FILES:
        if key in data:
            problems.append(f"{key} is not given in the file, but by its name and place")
            del data[key]
    suite = _built(Suite, data, "", problems, name=name, folder=beside)
    if problems or suite is None:
        raise DeclarationError("\n".join(f"{path}: {problem}" for problem in problems))
    return suite


def _protocols(value: Any, problems: list[str]) -> tuple[Protocol, ...] | None:
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        problems.append("protocols must be tables, [protocols.NAME]")
        return None
    protocols = []
    for name, table in value.items():
        where = f"protocols.{name}: "
        for key, cls in (("exemplars", Exemplars), ("read", Reading)):
            if key in table:
                table[key] = _built(cls, table[key], f"{where}{key}: ", problems)
                if table[key] is None:
                    del table[key]
                    table.setdefault("shots", 0)
        protocols.append(_built(Protocol, table, where, problems, name=name))
    built = tuple(one for one in protocols if one is not None)
    return built if len(built) == len(protocols) else None


def _list_of(cls: type[T], value: Any, key: str, problems: list[str]) -> tuple[T, ...] | None:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        problems.append(f"{key} must be tables, [[{key}]]")
        return None
    built = [
        _built(cls, one, f"{key}, number {number}: ", problems)
        for number, one in enumerate(value, start=1)
    ]
    whole = tuple(one for one in built if one is not None)
    return whole if len(whole) == len(built) else None


def _built(cls: type[T], table: Any, where: str, problems: list[str], **given: Any) -> T | None:
    """Builds a declaration of a table; what is wrong is added to the problems."""
    if not isinstance(table, Mapping):
        problems.append(f"{where}must be a table, not {shown(table)}")
        return None
    parts = {part.name: part for part in dataclasses.fields(cls)}  # type: ignore[arg-type]
    known = [name for name in parts if name not in given]
    wrong = [
        f"unknown key {shown(key)}; known are {', '.join(known)}"
        for key in table
        if key not in known
    ]
    values = {k: _as_tuple(v) for k, v in table.items() if k in known}
    needed = [
        name
        for name in known
        if parts[name].default is dataclasses.MISSING
        and parts[name].default_factory is dataclasses.MISSING
    ]
    wrong += [f'no "{name}"' for name in needed if name not in values]
    # Of a part that could not be built is said already what is wrong.
    if not wrong and all(values[name] is not None for name in needed):
        try:
            return cls(**values, **given)
        except FlanTasksError as error:
            wrong = [str(error)]
    problems += [f"{where}{what}" for what in wrong]
    return None


def _as_tuple(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_tuple(one) for name, one in value.items()}
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
