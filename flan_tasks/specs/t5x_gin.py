"""T5X's gin files in translation: every line becomes ours, is left out with why, or is refused.

What the names are here is in `t5x_names`, `t5x_lines` takes one statement, `t5x_files` reads. All
lines that cannot be translated are told at once.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flan_tasks.specs.gin_statements import Binding, GinError, Macro, error_at, parse
from flan_tasks.specs.t5x_files import GinFile, Statement, macros_of, read_files, written
from flan_tasks.specs.t5x_lines import MODULE, PATHS, Context, Line, left_out_line, line_of, rule_of
from flan_tasks.specs.t5x_names import MACROS, NAMES_OF_T5X, RUNS, TRAIN


class UntranslatedError(GinError):
    """Lines of T5X's gin files have no counterpart; the message names each and what to write."""

    exit_code = 1


@dataclass(frozen=True)
class Translated:
    """A file in translation."""

    text: str
    """What gin is to read."""
    numbers: tuple[int, ...]
    """For each line of the text, the line of the file that it comes from."""

    def number(self, line: int) -> int:
        """Returns the line of the file that a line of the text, from 1, comes from."""
        return self.numbers[min(line, len(self.numbers)) - 1]


@dataclass(frozen=True)
class Translation:
    """What is read in place of T5X's files and bindings."""

    kind: str
    """The kind of run: train, eval or infer."""
    files: Mapping[Path, Translated]
    """The files in translation."""
    bindings: tuple[tuple[str, str], ...]
    """Those of the command line in translation: where each stands, and the statement."""
    notes: tuple[str, ...]
    """What its user should know, with places."""
    reasons: Mapping[str, str]
    """Where a value is required that T5X's file has: why it is not taken."""
    left_out: int
    """How many statements mean nothing here."""


def translation(
    paths: Sequence[Path],
    bindings: Sequence[Binding] = (),
    *,
    kind: str | None = None,
    is_t5x: bool = False,
) -> Translation | None:
    """Returns what is to be read of files and bindings; None if nothing of it is T5X's.

    Args:
      paths: gin files, in order.
      bindings: of the command line.
      kind: what is run, "train", "eval" or "infer"; None is what the files say.
      is_t5x: whether they are T5X's without a look.

    Raises:
      UntranslatedError: lines cannot be translated; all of them.
      GinError: a file is missing, cannot be read or is malformed.
    """
    files = read_files(list(paths))
    is_t5x = is_t5x or any(file.is_t5x for file in files.values())
    if not is_t5x and not any(_is_of_t5x(one, kind or TRAIN) for one in bindings):
        return None
    context = _context(files.values(), bindings, kind)
    lines = {
        path: [line_of(one, file, context) for one in file.statements]
        for path, file in files.items()
    }
    given = {
        one.where: line_of(Statement(1, 1, "", binding=one), None, context)
        for one in _with_modules(bindings, context)
    }
    placed = [
        (f"{path}:{one.statement.first}", one) for path, some in lines.items() for one in some
    ]
    problems = list(_other_kinds(files.values(), context.kind))
    problems += [(where, one.problem) for where, one in [*placed, *given.items()] if one.problem]
    if problems:
        text = "\n".join(f"{where}: {what}" for where, what in problems)
        raise UntranslatedError(text, where=problems[0][0])
    lines = _without_unused(lines, [*given.values()], context)
    return Translation(
        kind=context.kind,
        files={
            # What is included is given by what includes it.
            path: _rendered(file, lines[path], context, is_given=path in paths)
            for path, file in files.items()
        },
        bindings=tuple(
            (where, text)
            for where, one in given.items()
            if not one.is_left_out
            for text in one.texts
        ),
        notes=tuple(f"{where}: {one.note}" for where, one in placed if one.note),
        reasons={where: one.reason for where, one in placed if one.reason},
        left_out=sum(one.is_left_out for some in lines.values() for one in some),
    )


def _is_of_t5x(binding: Binding, kind: str) -> bool:
    """Whether a binding of the command line has a name that T5X alone has."""
    if binding.argument:
        return rule_of(binding, kind) is not None
    return binding.selector in NAMES_OF_T5X


def _other_kinds(files: Iterable[GinFile], kind: str) -> Iterator[tuple[str, str]]:
    """Names the files of T5X's that are for another command than this one."""
    for file in files:
        for one, other in file.kinds:
            if other != kind and one.include:
                yield f"{file.path}:{one.first}", f"{one.include} is for `flan {other} --gin_file`"


def _context(files: Iterable[GinFile], bindings: Sequence[Binding], kind: str | None) -> Context:
    statements = [one for file in files for one in file.statements]
    every = [one.binding for one in statements if one.binding] + list(bindings)
    kind = kind or next((kind for file in files for _, kind in file.kinds), TRAIN)
    macros = {one.selector: one.value for one in every if not one.argument}
    modules = [one.module for one in statements if one.is_of_the_user]
    modules += [one.value for one in every if one.selector == MODULE and _is_text(one.value)]
    ours = dict(macros_of(next(file for of, file in RUNS.values() if of == kind)))
    if kind == TRAIN:
        ours |= macros_of("models/t5_1_1_small.gin")
    rules = MACROS[kind]
    named = {rules[name].to if name in rules else name for name in macros}
    paths = [
        value
        for one in every
        if one.selector in PATHS or one.argument == "path"
        if isinstance(value := one.value, str)
    ]
    counts = [int(found[1]) for path in paths if (found := re.search(r"checkpoint_(\d+)/?$", path))]
    return Context(
        kind=kind,
        macros=macros,
        ours=ours,
        modules=tuple(dict.fromkeys(modules)),
        named=frozenset(named),
        overridden=frozenset(one.selector for one in bindings if not one.argument),
        steps_before=counts[0] if counts and kind == TRAIN else 0,
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _with_modules(bindings: Sequence[Binding], context: Context) -> Iterator[Binding]:
    """The bindings of the command line; a task module there joins those that files import."""
    for one in bindings:
        is_module = one.selector == MODULE and _is_text(one.value)
        yield replace(one, value=",".join(context.modules)) if is_module else one


def _without_unused(
    lines: dict[Path, list[Line]], given: list[Line], context: Context
) -> dict[Path, list[Line]]:
    """Leaves out macros of the user's that only what is left out used."""
    used_before = {
        name
        for some in lines.values()
        for one in some
        if one.statement.binding
        for name in _names(one.statement.binding.value)
    }
    while True:
        used = {
            name for some in (*lines.values(), given) for one in some for name in _names(one.uses)
        }
        unused = {
            id(one)
            for some in lines.values()
            for one in some
            if one.sets
            and not one.is_left_out
            and one.sets not in used
            and one.sets not in context.ours
            and one.sets in used_before
        }
        if not unused:
            return lines
        lines = {
            path: [_unused(one) if id(one) in unused else one for one in some]
            for path, some in lines.items()
        }


def _unused(line: Line) -> Line:
    binding = line.statement.binding
    assert binding is not None
    said = f"{binding.selector} = {written(binding.value)}"
    return left_out_line(line.statement, said, "only lines that are left out use it")


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, Macro):
        yield value.name
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _names(list(pair))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _names(item)


def _rendered(file: GinFile, lines: list[Line], context: Context, *, is_given: bool) -> Translated:
    """The text of a file; one that is given ends with what all files together say."""
    out: list[tuple[int, str]] = []
    before, in_block = 0, False
    for line in lines:
        statement = line.statement
        for number in range(before + 1, statement.first):
            raw = file.lines[number - 1]
            out.append((number, raw.strip() if in_block else raw.rstrip()))
        out += [(statement.first, one) for text in line.texts for one in text.split("\n")]
        before = statement.last
        is_head = not (statement.binding or statement.include or statement.module)
        # A block that is taken apart leaves its lines, comments too, at the margin.
        in_block = not line.texts if is_head else in_block and bool(statement.binding)
    out += [
        (number, file.lines[number - 1].rstrip())
        for number in range(before + 1, len(file.lines) + 1)
    ]
    if is_given and context.kind == TRAIN and context.modules:
        while out and not out[-1][1]:
            out.pop()
        modules = written(",".join(context.modules))
        out.append((len(file.lines), f"{MODULE} = {modules}"))
    sets = [text for _, text in out if re.match(r"(config|model_config|eval_config)\.", text)]
    names = sorted({text.split(".")[0] for text in sets})
    has = "\n".join(text for _, text in out)
    head = [f"from flan_tasks.specs import {name}" for name in names]
    head = [line for line in head if line not in has]
    if head and "from __gin__ import dynamic_registration" not in has:
        head.insert(0, "from __gin__ import dynamic_registration")
    if head:
        out = _after_registration(out, head)
    return Translated("\n".join(text for _, text in out) + "\n", tuple(n for n, _ in out) or (1,))


def _after_registration(out: list[tuple[int, str]], head: list[str]) -> list[tuple[int, str]]:
    """Puts imports behind the line that must come first."""
    texts = [text.strip() for _, text in out]
    name = "from __gin__ import dynamic_registration"
    place = texts.index(name) + 1 if name in texts else 0
    number = out[place - 1][0] if place else 1
    return [*out[:place], *((number, text) for text in head), *out[place:]]


def bindings_of(pairs: Sequence[tuple[str, str]]) -> list[Binding]:
    """Returns the bindings of the command line, each a name and a statement.

    Raises:
      GinError: one is malformed.
    """
    found: list[Binding] = []
    for where, line in pairs:
        for item in parse(line, functools.partial(_same_place, where)):
            if not isinstance(item, Binding):
                raise error_at(where, "wanted a value")
            found.append(item)
    return found


def _same_place(where: str, _: int) -> str:
    return where
