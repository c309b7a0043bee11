"""What every specification of a job has: checks when it is made, JSON in and out.

A field is declared once, with its type, its default, its range and a string that explains it. From
that come the argument of the Python call, the option of the command line (`cli/spec_options.py`),
the binding in gin files, the line of the record, and the word in the canonical command.
"""

import dataclasses
import functools
import os
import shlex
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from flan_tasks.core.errors import DeclarationError, unknown_name
from flan_tasks.core.field_checks import MAX_COUNT, ConfigError, refuse, wrong_types

# Keys of a field's metadata.
LEAST, MOST, CHOICES, METAVAR, ENVIRONMENT = "least", "most", "choices", "metavar", "environment"
IS_PATH, IS_PLACE, ON_OFF, COMMAS = "is_path", "is_place", "on_off", "commas"
IS_FOLDER, IS_FILE, OF_FILES = "is_folder", "is_file", "of_files"
SAID, ARGUMENT, SEVERAL = "said", "argument", "several"
# How `core.field_types` begins what it says of such a text.
_HALF = "holds half a surrogate pair"


def option(
    default: Any = dataclasses.MISSING,
    *,
    least: float | None = None,
    most: float = MAX_COUNT,
    choices: Iterable[str] = (),
    metavar: str | None = None,
    environment: str | None = None,
    said: str | None = None,
    argument: bool = False,
    several: bool = False,
    is_path: bool = False,
    is_folder: bool = False,
    is_file: bool = False,
    is_place: bool = False,
    on_off: bool = False,
    commas: bool = False,
    of_files: bool = False,
) -> Any:
    """Declares a field of a specification, with what its type does not say.

    Args:
      default: its value where none is given.
      least: the smallest number it may be; None is any.
      most: the largest.
      choices: the texts it may be.
      metavar: what stands for its value in help texts.
      environment: the variable that the command line reads where no value is given.
      said: what the command line calls it, where that is not its name.
      argument: whether the command line takes it without a name.
      several: of an argument, whether it is several words, which stand between commas in the field
        where that is one text.
      is_path: whether it names a file or a folder.
      is_folder: whether it names a folder, and no file.
      is_file: whether it names a file, and no folder.
      is_place: whether it says only where something lies, which changes no result: it is in no
        record and no canonical command.
      on_off: of a bool, whether the command line says it as `on` or `off`.
      commas: of several texts, whether the command line takes them in one word between commas.
      of_files: whether it says only how rows are written, and neither which nor how they read.
    """
    about = {
        LEAST: least,
        MOST: most,
        CHOICES: tuple(choices),
        METAVAR: metavar,
        ENVIRONMENT: environment,
        SAID: said,
        ARGUMENT: argument,
        SEVERAL: several,
        IS_PATH: is_path or is_folder or is_file,
        IS_FOLDER: is_folder,
        IS_FILE: is_file,
        IS_PLACE: is_place,
        ON_OFF: on_off,
        COMMAS: commas,
        OF_FILES: of_files,
    }
    return dataclasses.field(default=default, metadata=about)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What a job is told, or a part of it.

    Raises:
      ConfigError: values have the wrong type or range, or do not go together; all of them.
    """

    def __post_init__(self) -> None:
        own: type = type(self)
        for name, hint in _hints(own).items():
            value = getattr(self, name)
            if isinstance(value, os.PathLike):
                object.__setattr__(self, name, os.fspath(value))
            elif isinstance(value, list) and "tuple[" in hint:  # from JSON or gin
                object.__setattr__(self, name, tuple(value))
        paths = {part.name for part in dataclasses.fields(self) if part.metadata.get(IS_PATH)}
        problems = [
            (name, what)
            for name, what in wrong_types(self)
            # A path may have bytes that are no text.
            if not (name in paths and what.startswith(_HALF))
        ]
        if not problems:
            problems = [one for part in dataclasses.fields(self) for one in self._ranges(part)]
        refuse(self, problems or self.problems())

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values of the right type do not go together."""
        return []

    def _ranges(self, part: dataclasses.Field[Any]) -> list[tuple[str, str]]:
        value, about = getattr(self, part.name), part.metadata
        if value is None or not about:
            return []
        if isinstance(value, int | float) and not isinstance(value, bool):
            if about[LEAST] is not None and value < about[LEAST]:
                return [(part.name, f"is {value}; want {about[LEAST]} or more")]
            if about[LEAST] is not None and value > about[MOST]:
                return [(part.name, f"is {value:,}; want at most {about[MOST]:,}")]
        chosen = value if isinstance(value, tuple) else (value,)
        wrong = [one for one in chosen if about[CHOICES] and one not in about[CHOICES]]
        if not wrong:
            return []
        return [(part.name, f"has an {unknown_name(part.name, wrong[0], about[CHOICES])}")]

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON holds them; `from_json` reads them."""
        return {part.name: _plain(getattr(self, part.name)) for part in dataclasses.fields(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Returns the specification of what `to_json` returned.

        Raises:
          UnknownNameError: a field is none of its own.
          ConfigError: as when it is made.
        """
        known = {part.name for part in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise unknown_name(f"field of {cls.__name__}", name, known)
        missing = [
            part.name
            for part in dataclasses.fields(cls)
            if part.name not in values
            and part.default is dataclasses.MISSING
            and part.default_factory is dataclasses.MISSING
        ]
        if missing:
            raise ConfigError(cls.__name__, [(name, "is missing; give one") for name in missing])
        hints = typing.get_type_hints(cls)
        return cls(**{name: _read(value, hints[name]) for name, value in values.items()})


@dataclass(frozen=True, kw_only=True)
class JobSpec(Spec):
    """What a whole job is told, which a command of the command line does.

    Raises:
      ConfigError: values have the wrong type or range, or do not go together; all of them.
    """

    # The word of the command line for the job; without an annotation it is no field.
    verb = ""

    def command(self) -> str:
        """Returns the command that does the same, defaults left out."""
        parts = dataclasses.fields(self)
        words = [f"flan {self.verb}"]
        for part in parts:
            if part.metadata.get(ARGUMENT):
                value = getattr(self, part.name)
                if isinstance(value, tuple):
                    words += map(shlex.quote, value)
                    continue
                several = str(value).split(",") if part.metadata[SEVERAL] else [str(value)]
                words += [shlex.quote(one.strip()) for one in several]
        own = {said(one) for one in parts if not isinstance(getattr(self, one.name), Spec)}
        for part in parts:
            value = getattr(self, part.name)
            if isinstance(value, Spec):
                for one in dataclasses.fields(value):
                    # What both have is said of the whole.
                    if said(one) not in own:
                        words += option_words(one, getattr(value, one.name))
            else:
                words += option_words(part, value)
        return " ".join(words)


@functools.cache
def _hints(cls: type) -> dict[str, str]:
    return {name: str(hint) for name, hint in typing.get_type_hints(cls).items()}


S = TypeVar("S", bound=Spec)


def spec_of(cls: type[S], first: Any, settings: Mapping[str, Any], *, lead: str) -> S:
    """Returns the specification that was given whole, or one of a first field and settings.

    Args:
      cls: the specification.
      first: one of these, or the value of the field `lead`.
      settings: the other fields.
      lead: the field that is given without its name.

    Raises:
      DeclarationError: there are settings beside a whole one.
      UnknownNameError: a setting is no field.
      ConfigError: as when it is made.
    """
    if isinstance(first, cls):
        if settings:
            raise DeclarationError(
                f"{cls.__name__} and {', '.join(settings)}: give one or the other; "
                "dataclasses.replace(spec, ...) changes a field"
            )
        return first
    return cls.from_json({lead: first, **settings})


def said(part: dataclasses.Field[Any]) -> str:
    """Returns the name of a field's option, or of an argument as usage lines have it."""
    name = part.metadata.get(SAID) or part.name
    return name.upper() if part.metadata.get(ARGUMENT) else f"--{name.replace('_', '-')}"


def of_files(cls: type[Spec]) -> tuple[str, ...]:
    """Returns the fields that say only how rows are written, not which or how they read."""
    return tuple(part.name for part in dataclasses.fields(cls) if part.metadata.get(OF_FILES))


def option_words(part: dataclasses.Field[Any], value: Any, *, always: bool = False) -> list[str]:
    """Returns the option of a field as `cli/spec_options.py` reads it.

    Args:
      part: the field.
      value: what it says.
      always: whether it is said even where it is the default.
    """
    if value is None or part.metadata.get(ARGUMENT) or (value == part.default and not always):
        return []
    name = said(part)
    if isinstance(value, bool):
        if part.metadata[ON_OFF]:
            return [f"{name} {'on' if value else 'off'}"]
        return [name] if value else [f"--no-{name.removeprefix('--')}"]
    if isinstance(value, Mapping):
        return [f"{name} {','.join(f'{key}={item}' for key, item in value.items())}"]
    if isinstance(value, tuple):
        if part.metadata[COMMAS]:
            return [f"{name} {shlex.quote(','.join(value))}"]
        # One module or pattern at a time.
        return [f"{name} {shlex.quote(item)}" for item in value]
    return [f"{name} {shlex.quote(str(value))}"]


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {part.name: _plain(getattr(value, part.name)) for part in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _read(value: Any, hint: Any) -> Any:
    """A value of JSON as a field of some type holds it: where that is a dataclass, one of these."""
    if isinstance(value, Mapping):
        for kind in (hint, *typing.get_args(hint)):
            if isinstance(kind, type) and issubclass(kind, Spec):
                return kind.from_json(value)
            if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                several = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
                return kind(**several)
    return value
