"""Statements of T5X's gin files, one by one, in translation."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flan_tasks.specs.gin_statements import MODULES, Binding, Macro, Reference
from flan_tasks.specs.t5x_files import GinFile, Statement, counterpart, written
from flan_tasks.specs.t5x_names import ALIASES, CONFIGURABLES, KNOWN, MACROS, PUBLISHED, TRAIN
from flan_tasks.specs.t5x_rules import Rule, Untranslatable, last

REQUIRED = Macro("gin.REQUIRED")
MODULE = "MIXTURE_OR_TASK_MODULE"
PATHS = ("INITIAL_CHECKPOINT_PATH", "CHECKPOINT_PATH")
# No fine-tuning takes so many steps: they count those of the checkpoint.
_MANY_STEPS = 500_000


@dataclass(frozen=True)
class Line:
    """A statement in translation."""

    statement: Statement
    """As it stands in the file."""
    texts: tuple[str, ...] = ()
    """What stands in its place."""
    sets: str = ""
    """The macro here that it sets, if it sets one."""
    uses: Any = None
    """The value that it has now, for the macros in it."""
    note: str = ""
    """What its user should know."""
    reason: str = ""
    """Why its value is not taken and another one is required."""
    problem: str = ""
    """Why it cannot be translated, and what to write."""
    is_left_out: bool = False
    """Whether it means nothing here."""


@dataclass(frozen=True)
class Context:
    """What the statements of all files together say."""

    kind: str
    """The kind of run: train, eval or infer."""
    macros: Mapping[str, Any]
    """The value of each macro."""
    ours: Mapping[str, str]
    """The macros of our gin files for this kind, with the parameter that each sets."""
    modules: tuple[str, ...]
    """Modules with tasks of the user's."""
    named: frozenset[str]
    """Macros of ours that a statement sets by name; bindings of the same set the parameter then."""
    overridden: frozenset[str]
    """Macros that the command line sets."""
    steps_before: int
    """Steps of the checkpoint to begin with, as far as its name says them."""

    def resolved(self, value: Any) -> Any:
        """Returns the value that a macro stands for, or the value."""
        seen: set[str] = set()
        while isinstance(value, Macro) and value.name in self.macros and value.name not in seen:
            seen.add(value.name)
            value = self.macros[value.name]
        return value


def rule_of(binding: Binding, kind: str) -> Rule | None:
    """Returns the rule of a parameter, if its configurable is T5X's."""
    scope, _, name = binding.selector.rpartition("/")
    owner = name.rsplit(".", 1)[-1]
    owner = ALIASES.get(owner, owner)
    rules = CONFIGURABLES[kind].get(f"{scope}/{owner}") or CONFIGURABLES[kind].get(owner)
    if rules is None:
        return None
    return rules.get(binding.argument) or rules.get("*")


def line_of(statement: Statement, file: GinFile | None, context: Context) -> Line:
    """Returns a statement in translation.

    Args:
      statement: one of a file, or a binding of the command line.
      file: the file; None for the command line.
      context: what all files say.
    """
    line = _translated(statement, file, context)
    # The command line sets the same macro anyway.
    overridden = file is not None and line.sets in context.overridden
    return replace(line, problem="") if overridden else line


def _translated(statement: Statement, file: GinFile | None, context: Context) -> Line:
    raw = _raw(statement, file)
    if statement.include:
        return _include(statement, raw, context)
    if statement.module:
        return _import(statement, raw, context)
    binding = statement.binding
    if binding is None:  # the head of a block
        return Line(statement, (raw,) if _is_of_ours(raw) else ())
    if not binding.argument:
        return _macro(statement, binding, file, context)
    if _is_of_ours(binding.selector + ":"):
        text = raw or f"{binding.selector}.{binding.argument} = {written(binding.value)}"
        return Line(statement, (text,), uses=binding.value)
    name = f"{binding.selector}.{binding.argument}"
    if _is_of_a_user(binding.selector, file):
        what = "is of a module of yours, of which nothing is called here; leave the line out"
        return Line(statement, problem=f"{name} {what}")
    rule = rule_of(binding, context.kind)
    if rule is None:
        what = "sets nothing here; leave the line out, or see docs/from_t5x.md"
        return Line(statement, problem=f"{name} {what}")
    return _apply(rule, statement, binding, file, context)


def _raw(statement: Statement, file: GinFile | None) -> str:
    return "\n".join(file.lines[statement.first - 1 : statement.last]) if file else ""


def _is_of_ours(selector: str) -> bool:
    """Whether the head of a block, `module.Class:`, is of the specifications of ours."""
    return bool(re.match(rf"\s*(\w+\.)*({'|'.join(MODULES)})\.\w+\s*:", selector))


def _is_of_a_user(selector: str, file: GinFile | None) -> bool:
    """Whether a name is of a module of the user's that the file imports."""
    first = selector.rpartition("/")[2].split(".")[0]
    return file is not None and any(
        one.is_of_the_user and first == one.alias for one in file.statements
    )


def _include(statement: Statement, raw: str, context: Context) -> Line:
    found = counterpart(statement.include)
    if found is None:
        return Line(statement, (raw,))
    if found.instead:
        return Line(statement, problem=f"{statement.include}: {found.instead}")
    if context.kind != TRAIN and not found.kind:
        return left_out_line(statement, raw.strip(), "the checkpoint says what model it is")
    return Line(statement, (f'include "{found.file}"{_said(statement)}',))


def _import(statement: Statement, raw: str, context: Context) -> Line:
    if statement.is_of_the_user:
        if context.kind == TRAIN:
            return Line(statement, (f"# {raw.strip()}: it is in {MODULE} below",))
        why = "datasets of this library are asked; docs/from_t5x.md says how tasks of yours are"
    elif statement.is_machinery:
        why = "nothing of it is called here"
    else:
        return Line(statement, (raw,))
    return Line(statement, (f"# left out: {raw.strip()}: {why}",), is_left_out=True)


def _macro(statement: Statement, binding: Binding, file: GinFile | None, context: Context) -> Line:
    raw = _raw(statement, file)
    name = binding.selector
    if name == MODULE and context.kind == TRAIN and context.modules:
        if raw:
            return Line(statement, (f"# {raw.strip()}: see the last line",))
        return Line(statement, (f"{name} = {written(binding.value)}",), sets=name)
    rule = MACROS[context.kind].get(name)
    if rule is None and name in context.ours and name in (*PATHS, "TRAIN_STEPS"):
        rule = Rule(to=name)
    if rule is None:
        text = raw or f"{name} = {written(binding.value)}"
        return Line(statement, (text,), sets=name, uses=binding.value)
    return replace(_apply(rule, statement, binding, file, context), sets=rule.to or name)


def _apply(
    rule: Rule, statement: Statement, binding: Binding, file: GinFile | None, context: Context
) -> Line:
    """A binding by the rule of its name."""
    name = binding.selector + f".{binding.argument}" * bool(binding.argument)
    said = f"{name} = {written(binding.value)}"
    value = context.resolved(binding.value)
    is_constant = isinstance(value, Macro) and "." in value.name and value != REQUIRED
    is_known = not isinstance(value, Macro) or is_constant
    try:
        if rule.only is not None and is_known and not _among(value, rule.only):
            raise Untranslatable(rule.instead)
        if rule.change is None and _calls_the_user(value, file):
            raise Untranslatable("nothing of yours is called there; leave the line out")
        if not rule.to or (is_known and _among(value, rule.unset)):
            return left_out_line(statement, said, rule.why)
        new = rule.change(value) if rule.change is not None and is_known else value
        if isinstance(new, Reference):
            raise Untranslatable(f"wanted a value, for {rule.to}")
    except Untranslatable as error:
        return Line(statement, sets=rule.to, problem=f"{said}: {error}")
    # A macro that stands for the same value stays one.
    changed = new is not value and new != value
    kept = new if changed else _renamed(binding.value, context.kind)
    line = Line(statement, uses=kept)
    if rule.to in PATHS:
        line, kept = _path(line, rule.to, value, kept)
    elif rule.to == "TRAIN_STEPS" and "elative" not in name.lower():
        line, kept = _steps(line, value, kept, context)
    target = rule.to
    if binding.argument and target in context.named:
        # As in T5X, a macro of this name does not change what is bound.
        target = context.ours.get(target) or target
    if kept == Macro(target):
        return left_out_line(statement, said, "it is so here")
    why = f"T5X's {name}" if target != name else ""
    text = f"{target} = {written(kept)}{_said(line.statement, why)}"
    return replace(line, texts=(text,), uses=kept)


def _among(value: Any, values: tuple[Any, ...]) -> bool:
    """Whether a value is one of these; True is not 1."""
    value = last(value.name) if isinstance(value, Macro) else value
    return any(type(value) is type(one) and value == one for one in values)


def _calls_the_user(value: Any, file: GinFile | None) -> bool:
    """Whether a function of the user's stands in a value."""
    if isinstance(value, dict):
        return any(_calls_the_user(one, file) for one in value.values())
    if isinstance(value, list | tuple):
        return any(_calls_the_user(one, file) for one in value)
    if not isinstance(value, Reference):
        return False
    return last(value.name) not in KNOWN or _is_of_a_user(value.name, file)


def _renamed(value: Any, kind: str) -> Any:
    """A value with macros of T5X's by their names here."""
    if isinstance(value, Macro) and value.name in MACROS[kind]:
        return Macro(MACROS[kind][value.name].to or value.name)
    return value


def _path(line: Line, to: str, value: Any, kept: Any) -> tuple[Line, Any]:
    """A checkpoint to begin with: T5X's on Google's storage is not read here."""
    if not isinstance(value, str) or not value.startswith("gs://"):
        return line, kept
    hub = [
        name.format(found[1])
        for pattern, name in PUBLISHED.items()
        if (found := re.search(rf"/{pattern}/", value))
    ]
    where = f", as the Hugging Face hub's {hub[0]}" if hub else ""
    reason = f"{value} is T5X's, which is not read; give a folder of the same weights{where}"
    return replace(line, reason=reason, statement=_with_comment(line.statement, reason)), REQUIRED


def _steps(line: Line, value: Any, kept: Any, context: Context) -> tuple[Line, Any]:
    """Steps are counted from 0 here, and from those of the checkpoint in T5X."""
    before = context.steps_before
    if not isinstance(value, int):
        return line, kept
    if before and value > before:
        said = f"{value:,} less the {before:,} of the checkpoint: steps are counted from 0"
        return replace(line, statement=_with_comment(line.statement, said)), value - before
    if value >= _MANY_STEPS and "INITIAL_CHECKPOINT_PATH" in context.ours and not before:
        note = f"TRAIN_STEPS is {value:,}; steps are counted from 0, without those of a checkpoint"
        return replace(line, note=note, statement=_with_comment(line.statement, note)), kept
    return line, kept


def _with_comment(statement: Statement, text: str) -> Statement:
    return replace(statement, comment=f"{statement.comment}; {text}".removeprefix("; "))


def _said(statement: Statement, why: str = "") -> str:
    said = "; ".join(part for part in (statement.comment, why) if part)
    return f"  # {said}" if said else ""


def left_out_line(statement: Statement, said: str, why: str) -> Line:
    """Returns a statement that is left out, as a comment."""
    return Line(statement, (f"# left out: {said}: {why}",), is_left_out=True)
