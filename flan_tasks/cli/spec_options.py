"""Options of a command, made of the fields of its specification: name, type, range, help."""

import collections.abc
import dataclasses
import functools
import os
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, get_args, get_origin

import click

from flan_tasks.cli import options
from flan_tasks.cli.address_options import SpecPath
from flan_tasks.cli.data_dir_options import DataDir, data_dirs_text
from flan_tasks.cli.length_options import Lengths
from flan_tasks.core.field_checks import MAX_COUNT, ConfigError
from flan_tasks.core.field_docs import field_docs
from flan_tasks.core.spec import (
    ARGUMENT,
    CHOICES,
    COMMAS,
    ENVIRONMENT,
    IS_FILE,
    IS_FOLDER,
    IS_PATH,
    LEAST,
    METAVAR,
    MOST,
    ON_OFF,
    SEVERAL,
    Spec,
    said,
)

# What --module sets, which is read before anything else.
_MODULES = "modules"


@dataclasses.dataclass(frozen=True)
class _Option:
    """A field, which may be one of a specification inside another."""

    path: tuple[str, ...]
    """Its name, behind those of the fields it is in."""
    part: dataclasses.Field[Any]
    """The field."""
    hint: Any
    """Its type."""
    text: str
    """What explains it."""

    @property
    def name(self) -> str:
        """Its name with dots."""
        return ".".join(self.path)

    @property
    def key(self) -> str:
        """What Click calls it."""
        return "__".join(self.path)


def spec_options(
    cls: type[Spec],
    *,
    but: Collection[str] = (),
    helps: Mapping[str, str] = {},
    unset: Collection[str] = (),
    make: Callable[[dict[str, Any], Mapping[str, Any]], Spec] | None = None,
) -> Callable:
    """Adds an option for each field of a specification, which reaches the command as `spec`.

    Args:
      cls: the specification.
      but: fields that the command has no option for, and leaves at their default.
      helps: field -> its help where it is not what explains the field.
      unset: fields that the command fills in itself where `is_given` denies them: no default is
        shown, and no variable is read.
      make: makes the specification of its fields and the other options; by default `cls` does.
    """
    parts = [one for one in _options(cls) if one.name not in but]

    def add(function: Callable) -> Callable:
        @functools.wraps(function)
        def command(*args: Any, **values: Any) -> Any:
            fields: dict[str, Any] = {}
            inner: dict[str, dict[str, Any]] = {}
            for one in parts:
                if one.name == _MODULES:
                    fields[_MODULES] = options.modules()
                    continue
                value = values.pop(one.key)
                if value is None and (one.name in unset or _is_required(one.part)):
                    continue
                if one.part.metadata.get(SEVERAL):
                    several = tuple(map(os.fspath, value))
                    value = several if get_origin(one.hint) is tuple else ",".join(several)
                if len(one.path) > 1:
                    inner.setdefault(one.path[0], {})[one.path[1]] = value
                else:
                    fields[one.name] = value
            with said_as_options(cls):
                kinds = typing.get_type_hints(cls)
                fields |= {name: kinds[name](**held) for name, held in inner.items()}
                spec = make(fields, values) if make else cls(**fields)
            return function(*args, spec=spec, **values)

        arguments = [one for one in parts if one.part.metadata.get(ARGUMENT)]
        for one in reversed(parts):
            if one.name == _MODULES:
                command = options.module(command)
            elif one not in arguments:
                command = _option(one, helps.get(one.name), unset=one.name in unset)(command)
        for one in reversed(arguments):
            command = _argument(one)(command)
        return command

    return add


@contextmanager
def said_as_options(cls: type[Spec]) -> Iterator[None]:
    """Tells of fields that are wrong by their options.

    Raises:
      UsageError: a value is out of range, or two do not go together.
    """
    try:
        yield
    except ConfigError as error:
        names = {one.path[-1]: said(one.part) for one in reversed(list(_options(cls)))}
        if error.owner != cls.__name__:  # of a specification inside it
            inner = [one for one in _options(cls) if len(one.path) > 1]
            names |= {one.path[-1]: said(one.part) for one in inner}
        lines = [f"{names.get(name, name)} {what}" for name, what in error.problems]
        raise click.UsageError("; ".join(lines)) from error


def is_given(field: str) -> bool:
    """Whether the option of a field was given to the command that runs, or read of a variable."""
    source = click.get_current_context().get_parameter_source(field)
    return source is not click.core.ParameterSource.DEFAULT


def _options(cls: type[Spec], path: tuple[str, ...] = ()) -> Iterator[_Option]:
    """Yields the fields, and in their place those of specifications inside it.

    What both have, such as a seed, is said of the whole.
    """
    hints, docs = typing.get_type_hints(cls), field_docs(cls)
    parts = dataclasses.fields(cls)
    own = {said(part) for part in parts if not _is_spec(hints[part.name])}
    for part in parts:
        hint, here = hints[part.name], (*path, part.name)
        if _is_spec(hint):
            yield from (one for one in _options(hint, here) if said(one.part) not in own)
        else:
            yield _Option(here, part, hint, docs[part.name])


def _is_spec(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Spec)


def _is_required(part: dataclasses.Field[Any]) -> bool:
    return part.default is dataclasses.MISSING


def _plain(hint: Any) -> list[Any]:
    several = get_args(hint) if get_origin(hint) in (types.UnionType, typing.Union) else (hint,)
    return [one for one in several if one is not type(None)]


def _argument(one: _Option) -> Callable:
    about = one.part.metadata
    more: dict[str, Any] = {"nargs": -1, "required": True} if about[SEVERAL] else {}
    if about[IS_PATH] and (one.hint is str or get_origin(one.hint) is tuple):
        more["type"] = _type([str], about)
    return click.argument(
        one.key, metavar=said(one.part) + ("..." if about[SEVERAL] else ""), **more
    )


def _option(one: _Option, text: str | None, *, unset: bool = False) -> Callable:
    part, about, hint = one.part, one.part.metadata, one.hint
    plain, long, name = _plain(hint), said(part), one.key
    common: dict[str, Any] = {
        "help": text or one.text,
        "envvar": None if unset else about.get(ENVIRONMENT),
        "metavar": about.get(METAVAR),
    }
    if hint is bool and not about.get(ON_OFF):
        # `report`, which is on, is an option to leave it out.
        if part.default:
            # Turned round by a callback: what Click makes of a flag whose value is False differs.
            common["callback"] = lambda ctx, param, value: not value
            return click.option(f"--no-{long.removeprefix('--')}", name, is_flag=True, **common)
        return click.option(long, name, is_flag=True, **common)
    if hint is bool:
        common |= {"type": _OnOff(), "default": "on" if part.default else "off"}
        return click.option(long, name, show_default=True, **common)
    if get_origin(hint) is tuple:
        return click.option(long, name, multiple=True, **common)
    if about.get(IS_FOLDER) and any(get_origin(one) is collections.abc.Mapping for one in plain):
        return click.option(
            long, name, type=DataDir(), multiple=True, callback=data_dirs_text, **common
        )
    if about.get(COMMAS):
        return click.option(long, name, callback=_names, **common)
    if any(get_origin(one) is collections.abc.Mapping for one in plain):
        of_builds = any(get_origin(one) is Literal for one in plain)
        return click.option(long, name, type=Lengths(of_builds=of_builds), **common)
    if _is_required(part):
        common["required"] = not unset
    elif not unset:
        common["default"] = part.default
        common["show_default"] = part.default is not None
    return click.option(long, name, type=_type(plain, about), **common)


def _type(plain: list[Any], about: Mapping[str, Any]) -> Any:
    literal = next((one for one in plain if get_origin(one) is Literal), None)
    choices = about.get(CHOICES) or get_args(literal)
    if choices:
        return click.Choice(choices)
    if about.get(IS_PATH):
        is_file, is_folder = about.get(IS_FILE), about.get(IS_FOLDER)
        return SpecPath(file_okay=not is_folder, dir_okay=not is_file)
    if int in plain:
        most = about.get(MOST)
        return click.IntRange(about.get(LEAST), most if most != MAX_COUNT else None)
    return float if float in plain else str


class _OnOff(click.Choice):
    """`on` or `off`, as a bool."""

    def __init__(self) -> None:
        super().__init__(["on", "off"])

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if isinstance(value, bool):
            return value
        return super().convert(value, param, ctx) == "on"


def _names(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    if value is None:
        return None
    return tuple(name.strip() for name in value.split(",") if name.strip())
