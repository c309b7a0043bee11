"""Options of a command, made of the fields of its specification: name, type, range, help."""

import collections.abc
import dataclasses
import functools
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click

from flan_tasks.cli import options
from flan_tasks.cli.data_dir_options import DataDir, data_dirs_text
from flan_tasks.cli.length_options import Lengths
from flan_tasks.core.field_checks import MAX_COUNT, ConfigError
from flan_tasks.core.field_docs import field_docs
from flan_tasks.core.spec import (
    CHOICES,
    COMMAS,
    ENVIRONMENT,
    IS_FOLDER,
    IS_PATH,
    LEAST,
    METAVAR,
    MOST,
    ON_OFF,
    Spec,
)

# What --module sets, which is read before anything else.
_MODULES = "modules"


def spec_options(
    cls: type[Spec],
    *arguments: str,
    but: Collection[str] = (),
    helps: Mapping[str, str] = {},
    unset: Collection[str] = (),
) -> Callable:
    """Adds an option for each field of a specification, which reaches the command as `spec`.

    Args:
      cls: the specification.
      arguments: fields that are arguments of the command, in their order.
      but: fields that the command has no option for, and leaves at their default.
      helps: field -> its help where it is not what explains the field.
      unset: fields that the command fills in itself where `is_given` denies them: no default is
        shown, and no variable is read.
    """
    names = [part.name for part in dataclasses.fields(cls) if part.name not in but]

    def add(function: Callable) -> Callable:
        @functools.wraps(function)
        def command(*args: Any, **values: Any) -> Any:
            own = {name: values.pop(name) for name in names if name in values}
            own = {k: v for k, v in own.items() if not (k in unset and v is None)}
            if _MODULES in names:
                own[_MODULES] = options.modules()
            with said_as_options(arguments):
                spec = cls(**own)
            return function(*args, spec=spec, **values)

        for name in reversed(names):
            if name == _MODULES:
                command = options.module(command)
            elif name not in arguments:
                command = _option(cls, name, helps.get(name), unset=name in unset)(command)
        for name in reversed(arguments):
            command = click.argument(name)(command)
        return command

    return add


@contextmanager
def said_as_options(arguments: Collection[str] = ()) -> Iterator[None]:
    """Tells of fields that are wrong by their options.

    Raises:
      UsageError: a value is out of range, or two do not go together.
    """
    try:
        yield
    except ConfigError as error:
        lines = [f"{_shown(name, arguments)} {what}" for name, what in error.problems]
        raise click.UsageError("; ".join(lines)) from error


def _shown(field: str, arguments: Collection[str]) -> str:
    return field.upper() if field in arguments else f"--{field.replace('_', '-')}"


def is_given(field: str) -> bool:
    """Whether the option of a field was given to the command that runs, or read of a variable."""
    source = click.get_current_context().get_parameter_source(field)
    return source is not click.core.ParameterSource.DEFAULT


def _option(cls: type[Spec], name: str, text: str | None, *, unset: bool = False) -> Callable:
    part = next(part for part in dataclasses.fields(cls) if part.name == name)
    about, hint = part.metadata, typing.get_type_hints(cls)[name]
    plain = [one for one in get_args(hint) or (hint,) if one is not type(None)]
    long = f"--{name.replace('_', '-')}"
    common: dict[str, Any] = {
        "help": text or field_docs(cls)[name],
        "envvar": None if unset else about.get(ENVIRONMENT),
        "metavar": about.get(METAVAR),
    }
    if hint is bool and not about.get(ON_OFF):
        # `report`, which is on, is an option to leave it out.
        if part.default:
            # Turned round by a callback: what Click makes of a flag whose value is False differs.
            common["callback"] = lambda ctx, param, value: not value
            return click.option(f"--no-{name}", name, is_flag=True, **common)
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
        return click.option(long, name, type=Lengths(), **common)
    if not unset:
        common["default"] = part.default
        common["show_default"] = part.default is not None
    return click.option(long, name, type=_type(plain, about), **common)


def _type(plain: list[Any], about: Mapping[str, Any]) -> Any:
    literal = next((one for one in plain if get_origin(one) is Literal), None)
    choices = about.get(CHOICES) or get_args(literal)
    if choices:
        return click.Choice(choices)
    if about.get(IS_PATH):
        return click.Path(path_type=Path, file_okay=not about.get(IS_FOLDER))
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
