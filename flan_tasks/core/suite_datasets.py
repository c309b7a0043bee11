"""Which datasets a suite is of, for those who leave out of training what stands in a benchmark.

A suite's file is read whole, and checked, by `flan_tasks.suites`; here its names of datasets are
enough.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import DeclarationError, unknown_name
from flan_tasks.core.parsing import parse_toml
from flan_tasks.core.resources import folder

# Between a suite and its protocol, and behind the name of a file.
_MARK, _ENDING = "@", ".toml"


def suite_datasets(name: str, *, given: Collection[str] = ()) -> tuple[str, ...] | None:
    """Returns the names of datasets, clusters and mixtures that a suite asks; None of no suite.

    Args:
      name: SUITE or SUITE@PROTOCOL, where SUITE is a published name or a file that ends in .toml.
      given: names that have a directory of rows, by which a suite without a protocol is asked.

    Raises:
      UnknownNameError: there is no such suite or protocol.
      DeclarationError: its file cannot be read, or it has rows of its own and no dataset.
    """
    found = _suite(name)
    if found is None:
        return None
    path, values, protocol = found
    names = _names(path, values, protocol, given)
    if not names:
        raise DeclarationError(
            f"{path}: the suite has rows of its own, and no dataset whose examples a build can be "
            "compared with; `flan contamination` compares a build with them"
        )
    return names


def settled(name: str, *, given: Collection[str] = ()) -> tuple[str, ...]:
    """Returns names that mean what a name means here and now, wherever they are read again.

    A file of a suite is the datasets that it names, and a suite whose protocol depends on the
    directories that are given has that protocol. Any other name is what it is.

    Args:
      name: of a suite, dataset, cluster or mixture, or a file of a suite.
      given: as `suite_datasets` has it.

    Raises:
      UnknownNameError, DeclarationError: as `suite_datasets` says.
    """
    names = suite_datasets(name, given=given)
    found = _suite(name)
    if names is None or found is None:
        return (name,)
    path, values, protocol = found
    if name.rpartition(_MARK)[0].endswith(_ENDING) or name.endswith(_ENDING):
        return names
    protocols: Mapping[str, Any] = values.get("protocols", {})
    if protocol is None and any(one.get("where_given") for one in protocols.values()):
        return (f"{name}{_MARK}{_fitting(protocols, given)}",)
    return (name,)


def _suite(name: str) -> tuple[Path, Mapping[str, Any], str | None] | None:
    """Returns a suite's file, what is in it, and the protocol that a name has; None of no suite."""
    plain, mark, protocol = name.rpartition(_MARK)
    plain = plain if mark else name
    published = {path.name.removesuffix(_ENDING): path for path in folder("suites").glob("*.toml")}
    if plain.endswith(_ENDING):
        path = Path(plain)
    elif plain in published:
        path = published[plain]
    elif mark:
        raise unknown_name("suite", plain, sorted(published))
    else:
        return None
    try:
        values = parse_toml(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DeclarationError(f"{path}: cannot be read: {error}") from error
    return path, values, protocol if mark else None


def _fitting(protocols: Mapping[str, Any], given: Collection[str]) -> str:
    """The protocol that `flan eval` takes: the first whose rows are given, or that needs none."""
    fitting = (
        name
        for name, one in protocols.items()
        if not one.get("where_given") or one["where_given"] in given
    )
    return next(fitting, "")


def _names(
    path: Path, values: Mapping[str, Any], protocol: str | None, given: Collection[str]
) -> tuple[str, ...]:
    try:
        parts = [suite_datasets(one["suite"]) or () for one in values.get("parts", ())]
        if parts:
            return tuple(dict.fromkeys(name for of_one in parts for name in of_one))
        protocols: Mapping[str, Any] = values.get("protocols", {})
        if protocol is not None and protocol not in protocols:
            raise unknown_name(f"protocol of {path.stem}", protocol, list(protocols))
        chosen = _fitting(protocols, given) if protocol is None else protocol
        names = protocols.get(chosen, {}).get("datasets") or values.get("datasets", ())
        return tuple(map(str, names))
    except (AttributeError, KeyError, TypeError) as error:
        raise DeclarationError(f"{path}: is no suite ({type(error).__name__}: {error})") from error
