"""Gin files and `--gin.X=Y` into a specification, with one-line errors where gin says too little.

gin-config 0.5.0 accepts misspelt macros and values of any type, so every statement is read here
first, with its place, and then given to gin, which evaluates it. This module and `gin_statements`
alone import gin, and they do so when called.
"""

import ast
import dataclasses
import difflib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import FlanTasksError, ModelError, unknown_name
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.user_code import current_folder_on_path, place_of
from flan_tasks.specs import config, eval_config, experiment, model_config
from flan_tasks.specs.gin_statements import MODULES, Binding, GinError, Macro, error_at
from flan_tasks.specs.gin_texts import GinTexts
from flan_tasks.specs.t5x_files import named
from flan_tasks.specs.t5x_gin import Translation, bindings_of, translation
from flan_tasks.specs.t5x_names import EVAL, INFER, TRAIN
from flan_tasks.specs.t5x_rules import Untranslatable

REQUIRED = "gin.REQUIRED"
_NAME = re.compile(r"[\w./]+")
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
# The kind of T5X's files that say the same.
_KINDS = {config.TrainSpec: TRAIN, eval_config.EvalSpec: EVAL, eval_config.InferSpec: INFER}


@dataclass(frozen=True)
class Loaded:
    """A run, and the gin text that made it."""

    run: Any
    """The run: one of ROOTS."""
    operative: str
    """Every value in use, as gin prints it."""
    notes: tuple[str, ...] = ()
    """What is to be known of files of T5X's that were read in translation."""


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

    paths = [_path(name) for name in files]
    for name, _ in bindings:
        if not _NAME.fullmatch(name):
            raise GinError(f"--gin.{name}: wanted --gin.NAME=VALUE or --gin.Class.field=VALUE")
    lines = [(f"--gin.{name}", f"{name} = {_quoted(value)}") for name, value in bindings]
    of_t5x = translation(paths, bindings_of(lines), kind=_KINDS.get(root))
    if of_t5x is not None:
        lines = list(of_t5x.bindings)
    texts = GinTexts(of_t5x)
    found = [binding for path in paths for binding in texts.statements(path)]
    found += bindings_of(lines)
    _check(found, root, of_t5x.reasons if of_t5x is not None else {})
    gin.clear_config()
    logging.disable(logging.ERROR)
    try:
        with current_folder_on_path():
            for path in paths:
                for part in texts.for_gin(path):
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
        raise error_at(*_place_and_line(error, files, texts)) from None
    finally:
        logging.disable(logging.NOTSET)
        gin.clear_config()
    return Loaded(_without_gin(made), operative, _notes(files, of_t5x))


def _notes(files: Sequence[str], of_t5x: Translation | None) -> tuple[str, ...]:
    if of_t5x is None or not of_t5x.left_out:
        return of_t5x.notes if of_t5x is not None else ()
    named = " and ".join(f"`flan gin-from-t5x {one}`" for one in files if Path(one).is_file())
    said = f"{of_t5x.left_out} lines of T5X's gin files mean nothing here; {named} says which"
    return (*of_t5x.notes, said)


def _path(name: str) -> Path:
    try:
        return named(name)
    except Untranslatable as error:
        raise error_at(name, str(error)) from None


def _quoted(value: str) -> str:
    """A value of the command line as gin reads it; what is no Python value is a string."""
    if value.startswith(("%", "@", "(", "[", "{")):
        return " ".join(value.splitlines())  # a second line would be a second statement
    try:
        ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return repr(value)
    return value


def _inside(value: Any, kind: type) -> Iterator[Any]:
    if isinstance(value, kind):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _inside(list(pair), kind)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _inside(item, kind)


def _check(found: list[Binding], root: type, reasons: Mapping[str, str]) -> None:
    """Refuses unknown names, and macros that are missing, required or unused."""
    macros: dict[str, Binding] = {b.selector: b for b in found if not b.argument}
    used: dict[str, str] = {}
    for binding in found:
        for macro in _inside(binding.value, Macro):
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
        elif binding.value == Macro(REQUIRED):
            reason = f"; {reasons[binding.where]}" if binding.where in reasons else ""
            problems.append((binding.where, f"{name} is required; give --gin.{name}=VALUE{reason}"))
    problems = problems or list(_circles(macros))
    if problems:
        lines = [f"{where}: {what}" for where, what in problems]
        raise GinError("\n".join(lines), where=problems[0][0])


def _circles(macros: Mapping[str, Binding]) -> Iterator[tuple[str, str]]:
    """Names macros whose value leads back to themselves."""
    for name, binding in macros.items():
        reached: set[str] = set()
        left = [binding]
        while left:
            for macro in _inside(left.pop().value, Macro):
                if macro.name in macros and macro.name not in reached:
                    reached.add(macro.name)
                    left.append(macros[macro.name])
        if name in reached:
            yield binding.where, f"the value of {name} is made of itself"


def _check_argument(binding: Binding) -> None:
    cls = OURS.get(binding.owner)
    module = binding.selector.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if cls is None:
        if binding.owner in _BEFORE and module in MODULES:
            now = f"{module}.{_BEFORE[binding.owner]}"
            raise error_at(binding.where, f"{module}.{binding.owner} is now {now}; write that")
        if module in (*MODULES, binding.owner):
            error = unknown_name("configurable", binding.owner, OURS)
            raise error_at(binding.where, str(error))
        return  # of a module of the user's
    known = [part.name for part in dataclasses.fields(cls)]
    if binding.argument not in known:
        error = unknown_name(f"parameter of {binding.owner}", binding.argument, known)
        raise error_at(binding.where, str(error))


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f". Did you mean {', '.join(near)}?" if near else ""


def _source(owner: str, argument: str, found: list[Binding]) -> tuple[str, str]:
    """Where the value of an argument was written: the binding, or a macro, with its name."""
    macros = {b.selector: b for b in found if not b.argument}
    bound = [b for b in found if (b.owner, b.argument) == (owner, argument)]
    if not bound:
        return "", ""
    last, via = bound[-1], ""
    seen = set()
    while isinstance(last.value, Macro) and last.value.name in macros:
        if last.value.name in seen:
            break
        seen.add(last.value.name)
        via = f"{last.value.name}: "
        last = macros[last.value.name]
    return last.where, via


def _placed(error: ConfigError, found: list[Binding]) -> GinError:
    lines = [
        (_source(error.owner, name, found), f"{error.owner}.{name} {what}")
        for name, what in error.problems
    ]
    return _error_of(lines)


def _placed_model(error: ModelError, found: list[Binding]) -> GinError:
    problems = error.problems or [("", error.reason.splitlines()[0])]
    return _error_of(
        [(_source("ModelConfig", name, found), f"ModelConfig: {what}") for name, what in problems]
    )


def _error_of(lines: list[tuple[tuple[str, str], str]]) -> GinError:
    """The error of several values, each with where it was written and through which macro."""
    texts = [f"{where}: {via}{what}" if where else what for (where, via), what in lines]
    places = [where for (where, _), _ in lines if where]
    return GinError("\n".join(texts), where=places[0] if places else "")


def _place_and_line(error: BaseException, files: Sequence[str], texts: GinTexts) -> tuple[str, str]:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    place = next((line for line in lines if line.startswith("In file ")), "")
    what = lines[0] if lines and lines[0] != place else type(error).__name__
    if code := place_of(error):  # of a module that the file imports
        what = f"{type(error).__name__}: {what} ({code})"
    if place:
        name, _, number = place.removeprefix('In file "').partition('", line ')
        return texts.place(Path(name))(int(number)), what
    return " ".join(files), what


def _without_gin(value: Any) -> Any:
    """The same dataclasses without gin's wrappers around them."""
    for cls in OURS.values():
        if isinstance(value, cls):
            parts = {p.name: _without_gin(getattr(value, p.name)) for p in dataclasses.fields(cls)}
            return cls(**parts)
    return value
