"""Gin files and `--gin.X=Y` into a specification, with one-line errors where gin says too little.

gin-config 0.5.0 accepts misspelt macros and values of any type, so every statement is read here
first, with its place, and then given to gin, which evaluates it. This is the one module that
imports gin, and it does so when called.
"""

import ast
import dataclasses
import difflib
import io
import logging
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import FlanTasksError, ModelError, unknown_name
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.resources import folder
from flan_tasks.core.user_code import place_of
from flan_tasks.specs import config, eval_config, experiment, model_config

REQUIRED = "gin.REQUIRED"
_WANTED = "wanted `NAME = VALUE`, `module.Class.field = VALUE`, `import` or `include 'FILE'`"
# Where messages of gin's reader begin to quote what they read.
_QUOTED = re.compile(r"\.? +Got |: <|['\"][^'\"]{3,}['\"]")
_NAME = re.compile(r"[\w./]+")
# Modules of what gin files may set, and the room they lay in up to 0.1.0.
_MODULES = ("config", "model_config", "eval_config", "experiment")
_ROOM_BEFORE = "flan_tasks.trainer"
# What gin files may set, by the name they use.
OURS = {
    cls.__name__: cls
    for cls in (
        config.TrainSpec,
        config.DataConfig,
        config.OptimizerConfig,
        config.LossConfig,
        config.CheckpointConfig,
        config.MeshConfig,
        config.HostsConfig,
        model_config.ModelConfig,
        eval_config.EvalSpec,
        eval_config.InferSpec,
        eval_config.Decoding,
        experiment.Experiment,
    )
}
# What they were called up to 0.1.0.
_BEFORE = {"Run": "TrainSpec", "EvalRun": "EvalSpec", "InferRun": "InferSpec"}
# What gin files may make, and the file of ours that does.
ROOTS = {
    config.TrainSpec: "runs/finetune.gin",
    eval_config.EvalSpec: "runs/eval.gin",
    eval_config.InferSpec: "runs/infer.gin",
    experiment.Experiment: "runs/experiments/leave_out_nli.gin",
}


class GinError(FlanTasksError):
    """A gin file or binding is wrong; the message begins with file and line."""

    exit_code = 2


def _wrong(where: str, what: str) -> GinError:
    return GinError(f"{where}: {what}", where=where)


@dataclass(frozen=True)
class _Macro:
    """`%NAME` in a value."""

    name: str
    """The name."""


@dataclass(frozen=True)
class _Reference:
    """`@name` or `@name()` in a value."""

    name: str
    """The name, with its module."""


@dataclass(frozen=True)
class _Binding:
    """One `X = value` of a file or of the command line."""

    selector: str
    """`config.TrainSpec`, or the name of a macro."""
    argument: str
    """The argument; empty for a macro."""
    value: Any
    """The value, with `_Macro` and `_Reference` in it."""
    where: str
    """file:line, or --gin.X."""

    @property
    def owner(self) -> str:
        """The class whose argument is set."""
        return self.selector.rsplit(".", 1)[-1].rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Loaded:
    """A run, and the gin text that made it."""

    run: Any
    """The run: one of ROOTS."""
    operative: str
    """Every value in use, as gin prints it."""


def load(
    files: Sequence[str], bindings: Sequence[tuple[str, str]] = (), *, root: type = config.TrainSpec
) -> Loaded:
    """Reads gin files and (name, value) bindings, later ones over earlier ones, into a run.

    Args:
      files: paths, or names among ours.
      bindings: of the command line.
      root: what is made of them, one of ROOTS.

    Raises:
      GinError: a file is missing or malformed, or a name, type or value is wrong.
    """
    import gin

    paths = [find(name) for name in files]
    found = [binding for path in paths for binding in _statements(path, ())]
    for name, _ in bindings:
        if not _NAME.fullmatch(name):
            raise GinError(f"--gin.{name}: wanted --gin.NAME=VALUE or --gin.Class.field=VALUE")
    lines = [(name, f"{name} = {_quoted(value)}") for name, value in bindings]
    for name, line in lines:
        found += list(_parse(line, f"--gin.{name}"))
    _check(found, root)
    gin.clear_config()
    logging.disable(logging.ERROR)
    try:
        for path in paths:
            for part in _parts(path):
                gin.parse_config(part)
        gin.parse_config_files_and_bindings([], [line for _, line in lines])
        made = gin.get_configurable(root)()
        operative = gin.operative_config_str()
    except ConfigError as error:
        raise _placed(error, found) from None
    except ModelError as error:
        raise _placed_model(error, found) from None
    except (FlanTasksError, KeyboardInterrupt):
        raise
    except (Exception, SystemExit) as error:  # gin raises every kind, with the place in its text
        raise _wrong(*_place_and_line(error, files)) from None
    finally:
        logging.disable(logging.NOTSET)
        gin.clear_config()
    return Loaded(_without_gin(made), operative)


def find(name: str) -> Path:
    """Returns a gin file by its path, or by its name among ours.

    Raises:
      GinError: there is none; names the nearest of ours.
    """
    ours = folder("gin")
    for path in (Path(name), ours / name):
        if path.is_file():
            return path
    known = sorted(str(path.relative_to(ours)) for path in ours.rglob("*.gin"))
    raise _wrong(name, f"no such file; {unknown_name('gin file', name, known)}")


def _quoted(value: str) -> str:
    """A value of the command line as gin reads it; what is no Python value is a string."""
    if value.startswith(("%", "@", "(", "[", "{")):
        return " ".join(value.splitlines())  # a second line would be a second statement
    try:
        ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return repr(value)
    return value


def _statements(path: Path, above: tuple[Path, ...]) -> Iterator[_Binding]:
    if path in above:
        raise _wrong(str(path), "includes itself")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise _wrong(str(path), f"cannot be read: {error}") from error
    for item in _parse(text, str(path)):
        if isinstance(item, Path):
            yield from _statements(item, (*above, path))
        else:
            yield item


def _delegate() -> Any:
    """What makes our objects of `@name` and `%NAME`."""
    from gin import config_parser

    class Delegate(config_parser.ParserDelegate):  # type: ignore[misc]  # gin has no types
        def configurable_reference(
            self, scoped_configurable_name: str, evaluate: bool
        ) -> _Reference:
            return _Reference(scoped_configurable_name)

        def macro(self, macro_name: str) -> _Macro:
            return _Macro(macro_name)

    return Delegate()


def _parse(text: str, source: str) -> Iterator[Any]:
    """Yields bindings, and paths of includes."""
    from gin import config_parser

    def place(line: int) -> str:
        return source if source.startswith("--gin.") else f"{source}:{line}"

    try:
        for item in config_parser.ConfigParser(text, _delegate()):
            if isinstance(item, config_parser.BindingStatement):
                selector = f"{item.scope}/{item.selector}" if item.scope else item.selector
                where = place(item.location.line_num)
                yield _Binding(selector, item.arg_name or "", item.value, where)
            elif isinstance(item, config_parser.IncludeStatement):
                yield find(item.filename)
            elif isinstance(item, config_parser.ImportStatement):
                _check_import(item.module, place(item.location.line_num))
    except SyntaxError as error:
        raise _wrong(place(error.lineno or 1), f"{_expected(error)}; {_WANTED}") from None
    except tokenize.TokenError as error:
        raise _wrong(place(error.args[1][0]), f"{error.args[0]}; {_WANTED}") from None
    except (RecursionError, MemoryError):
        raise _wrong(place(1), "a value is nested too deeply") from None
    except ValueError:
        raise _wrong(place(1), f"a value cannot be read; {_WANTED}") from None


def _check_import(module: str, where: str) -> None:
    """Refuses modules that these classes lay in before, by the name of where they are now."""
    room, _, name = module.rpartition(".")
    if room == _ROOM_BEFORE and name in _MODULES:
        raise _wrong(where, f"{module} is now flan_tasks.specs.{name}; import that")


class _Part(io.StringIO):
    """Text of a file, which gin then names in its errors."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name


def _parts(path: Path) -> Iterator[_Part]:
    """Yields what gin is to read of a file, with what it includes in its place.

    gin would look for an included file among Python's packages, and end where a folder of this
    name, such as `models`, lies on its path. Each part has the imports of its file, and its lines
    where they stand there.
    """
    from gin import config_parser

    text = path.read_text(encoding="utf-8-sig")
    lines = text.split("\n")
    includes, imports = {}, set()
    for item in config_parser.ConfigParser(text, _delegate()):
        if isinstance(item, config_parser.IncludeStatement):
            includes[item.location.line_num - 1] = item.filename
        elif isinstance(item, config_parser.ImportStatement):
            imports.add(item.location.line_num - 1)
    start = 0
    for stop in [*includes, len(lines)]:
        kept = [
            line if number in imports or start <= number < stop else ""
            for number, line in enumerate(lines)
        ]
        yield _Part("\n".join(kept), str(path))
        if stop in includes:
            yield from _parts(find(includes[stop]))
        start = stop + 1


def _expected(error: SyntaxError) -> str:
    """What gin's reader says of a line, without the line: a file may include any file at all."""
    return _QUOTED.split(str(error.msg).split("\n")[0])[0].rstrip(" .:")


def _inside(value: Any, kind: type) -> Iterator[Any]:
    if isinstance(value, kind):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _inside(list(pair), kind)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _inside(item, kind)


def _check(found: list[_Binding], root: type) -> None:
    """Refuses unknown names, and macros that are missing, required or unused."""
    macros: dict[str, _Binding] = {b.selector: b for b in found if not b.argument}
    used: dict[str, str] = {}
    for binding in found:
        for macro in _inside(binding.value, _Macro):
            used.setdefault(macro.name, binding.where)
        if binding.argument:
            _check_argument(binding)
    bound = {(b.owner, b.argument) for b in found if b.argument}
    has_model = ("ModelConfig", "embed") in bound
    if root is config.TrainSpec and not has_model:
        raise GinError("there is no model; give --gin_file models/t5_1_1_small.gin or another")
    if root is not config.TrainSpec and has_model:
        raise GinError("a checkpoint says what model it is of; leave out the gin file of the model")
    name = root.__name__
    unset = [
        f"{name}.{part.name}"
        for part in dataclasses.fields(root)
        if part.default is dataclasses.MISSING and (name, part.name) not in bound
    ]
    if unset:
        raise GinError(f"{', '.join(unset)} not set; give --gin_file {ROOTS[root]}")
    problems = []
    names = [name for name in used if name != REQUIRED]
    for name, where in used.items():
        if name != REQUIRED and name not in macros:
            problems.append((where, f"%{name} is not set anywhere{_near(name, macros)}"))
    for name, binding in macros.items():
        if name not in used:
            hint = _near(name, names) or "; remove it, or give the file that uses it"
            problems.append((binding.where, f"nothing uses the macro {name}{hint}"))
        elif binding.value == _Macro(REQUIRED):
            problems.append((binding.where, f"{name} is required; give --gin.{name}=VALUE"))
    problems = problems or list(_circles(macros))
    if problems:
        lines = [f"{where}: {what}" for where, what in problems]
        raise GinError("\n".join(lines), where=problems[0][0])


def _circles(macros: Mapping[str, _Binding]) -> Iterator[tuple[str, str]]:
    """Names macros whose value leads back to themselves."""
    for name, binding in macros.items():
        reached: set[str] = set()
        left = [binding]
        while left:
            for macro in _inside(left.pop().value, _Macro):
                if macro.name in macros and macro.name not in reached:
                    reached.add(macro.name)
                    left.append(macros[macro.name])
        if name in reached:
            yield binding.where, f"the value of {name} is made of itself"


def _check_argument(binding: _Binding) -> None:
    cls = OURS.get(binding.owner)
    module = binding.selector.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if cls is None:
        if binding.owner in _BEFORE and module in _MODULES:
            now = f"{module}.{_BEFORE[binding.owner]}"
            raise _wrong(binding.where, f"{module}.{binding.owner} is now {now}; write that")
        if module in (*_MODULES, binding.owner):
            error = unknown_name("configurable", binding.owner, OURS)
            raise _wrong(binding.where, str(error))
        return  # of a module of the user's
    known = [part.name for part in dataclasses.fields(cls)]
    if binding.argument not in known:
        error = unknown_name(f"parameter of {binding.owner}", binding.argument, known)
        raise _wrong(binding.where, str(error))


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f". Did you mean {', '.join(near)}?" if near else ""


def _source(owner: str, argument: str, found: list[_Binding]) -> tuple[str, str]:
    """Where the value of an argument was written: the binding, or a macro, with its name."""
    macros = {b.selector: b for b in found if not b.argument}
    bound = [b for b in found if (b.owner, b.argument) == (owner, argument)]
    if not bound:
        return "", ""
    last, via = bound[-1], ""
    seen = set()
    while isinstance(last.value, _Macro) and last.value.name in macros:
        if last.value.name in seen:
            break
        seen.add(last.value.name)
        via = f"{last.value.name}: "
        last = macros[last.value.name]
    return last.where, via


def _placed(error: ConfigError, found: list[_Binding]) -> GinError:
    lines = [
        (_source(error.owner, name, found), f"{error.owner}.{name} {what}")
        for name, what in error.problems
    ]
    return _error_of(lines)


def _placed_model(error: ModelError, found: list[_Binding]) -> GinError:
    problems = error.problems or [("", error.reason.splitlines()[0])]
    return _error_of(
        [(_source("ModelConfig", name, found), f"ModelConfig: {what}") for name, what in problems]
    )


def _error_of(lines: list[tuple[tuple[str, str], str]]) -> GinError:
    """The error of several values, each with where it was written and through which macro."""
    texts = [f"{where}: {via}{what}" if where else what for (where, via), what in lines]
    places = [where for (where, _), _ in lines if where]
    return GinError("\n".join(texts), where=places[0] if places else "")


def _place_and_line(error: BaseException, files: Sequence[str]) -> tuple[str, str]:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    place = next((line for line in lines if line.startswith("In file ")), "")
    what = lines[0] if lines and lines[0] != place else type(error).__name__
    if code := place_of(error):  # of a module that the file imports
        what = f"{type(error).__name__}: {what} ({code})"
    if place:
        name, _, number = place.removeprefix('In file "').partition('", line ')
        return f"{name}:{number}", what
    return " ".join(files), what


def _without_gin(value: Any) -> Any:
    """The same dataclasses without gin's wrappers around them."""
    for cls in OURS.values():
        if isinstance(value, cls):
            parts = {p.name: _without_gin(getattr(value, p.name)) for p in dataclasses.fields(cls)}
            return cls(**parts)
    return value
