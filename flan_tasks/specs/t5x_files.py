"""Whether gin files are T5X's, and what stands in them, statement by statement."""

import io
import json
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core.resources import folder
from flan_tasks.specs.gin_statements import (
    Binding,
    binding_of,
    find,
    imported_by,
    included_by,
    items,
    read_text,
)
from flan_tasks.specs.t5x_names import MODELS, OTHER_RUNS, RUNS, TRAIN
from flan_tasks.specs.t5x_rules import Untranslatable

_OF_T5X = re.compile(r"(?:^|/)t5x/(?:.*/)?(?P<folder>[\w-]+)/(?P<name>[\w-]+)\.gin$")
_T5X = re.compile(r"(__main__|t5x)(\.|$)")
# Modules that T5X's own files import; what else a file imports is its user's.
_MACHINERY = re.compile(r"(__main__|t5x|seqio|flax|jax|optax|clu|gin|fiddle|tensorflow)(\.|$)")
_OURS = re.compile(r"(__gin__|flan_tasks)(\.|$)")
_SCRIPTS = {"train_script": "train", "eval_script": "eval", "infer_script": "infer"}
_SPACE = (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


@dataclass(frozen=True)
class Statement:
    """One statement of a file."""

    first: int
    """Its first line, from 1."""
    last: int
    """Its last line."""
    comment: str
    """What comments in its lines say."""
    binding: Binding | None = None
    """What it binds, if it does."""
    include: str = ""
    """The file that it includes."""
    module: str = ""
    """The module that it imports."""
    alias: str = ""
    """What it calls the module."""

    @property
    def is_machinery(self) -> bool:
        """Whether it imports a module that is T5X's own, or that T5X is made of."""
        return bool(_MACHINERY.match(self.module))

    @property
    def is_of_the_user(self) -> bool:
        """Whether it imports a module of the user's."""
        return bool(self.module) and not self.is_machinery and not _OURS.match(self.module)


@dataclass(frozen=True)
class GinFile:
    """A file that is to be translated."""

    path: Path
    """Where it lies."""
    lines: tuple[str, ...]
    """Its lines."""
    statements: tuple[Statement, ...]
    """Its statements, in order."""

    @property
    def is_t5x(self) -> bool:
        """Whether it includes a file of T5X's, or imports one of its modules."""
        return any(
            counterpart(one.include) is not None or _T5X.match(one.module)
            for one in self.statements
        )

    @property
    def kinds(self) -> Iterator[tuple[Statement, str]]:
        """Yields the statements that say what kind of run it is of, with the kind."""
        for one in self.statements:
            if one.include and (found := counterpart(one.include)) and found.kind:
                yield one, found.kind
            elif one.module == "__main__" and one.alias in _SCRIPTS:
                yield one, _SCRIPTS[one.alias]


@dataclass(frozen=True)
class Counterpart:
    """What stands for a file of T5X's."""

    file: str = ""
    """The file of ours; empty if there is none."""
    kind: str = ""
    """The kind of run it is of; empty if it is of a model."""
    instead: str = ""
    """What to write where there is none."""


def counterpart(name: str) -> Counterpart | None:
    """Returns what stands here for an included file, or None if it is none of T5X's."""
    found = _OF_T5X.search(name)
    if found is None:
        return None
    kind, name = found["folder"], found["name"]
    if kind == "runs":
        if name in RUNS:
            return Counterpart(RUNS[name][1], RUNS[name][0])
        instead = OTHER_RUNS.get(name, "include one of pretrain, finetune, eval and infer")
        return Counterpart(kind=TRAIN, instead=instead)
    if name in MODELS.get(kind, ()):
        return Counterpart(f"models/{kind}_{name.lower()}.gin")
    if kind in MODELS:
        return Counterpart(instead=f"models/{kind}_*.gin has {', '.join(MODELS[kind])}")
    return Counterpart(
        instead="there is no such file here; include a file of models/ and one of runs/, and set "
        "model_config.ModelConfig as gin/models/*.gin do where sizes differ"
    )


def named(name: str) -> Path:
    """Returns a file by its path, by its name among ours, or ours for one of T5X's.

    Raises:
      GinError: there is none; names the nearest of ours.
      Untranslatable: it is T5X's, and none of ours stands for it.
    """
    found = counterpart(name)
    if found is None:
        return find(name)
    if not found.file:
        raise Untranslatable(found.instead)
    return find(found.file)


def read_files(paths: list[Path]) -> dict[Path, GinFile]:
    """Returns these files and what they include, but for ours and for T5X's.

    Raises:
      GinError: a file is missing, cannot be read or is malformed.
    """
    ours = folder("gin")
    found: dict[Path, GinFile] = {}
    left = list(paths)
    while left:
        path = left.pop(0)
        if path in found or path.is_relative_to(ours):
            continue
        text = read_text(path)
        found[path] = GinFile(path, tuple(text.split("\n")), tuple(_statements(path, text)))
        names = [one.include for one in found[path].statements if one.include]
        left += [find(name) for name in names if counterpart(name) is None]
    return found


def macros_of(name: str) -> Mapping[str, str]:
    """Returns the macros of a file of ours, with the parameter that each sets, if it sets one."""
    macros: dict[str, str] = {}
    for item in items(read_text(find(name)), lambda line: f"{name}:{line}"):
        if include := included_by(item):
            macros |= macros_of(include)
        elif binding := binding_of(item, name):
            value = getattr(binding.value, "name", "")
            if not binding.argument:
                macros.setdefault(binding.selector, "")
            elif value in macros:
                macros[value] = f"{binding.selector}.{binding.argument}"
    return macros


def _statements(path: Path, text: str) -> Iterator[Statement]:
    found = list(items(text, lambda line: f"{path}:{line}"))
    lines = {first: (last, comment) for first, last, comment in _logical_lines(text)}
    for item in found:
        first = item.location.line_num
        last, comment = lines.get(first, (first, ""))
        yield Statement(
            first=first,
            last=last,
            comment=comment,
            binding=binding_of(item, f"{path}:{first}"),
            include=included_by(item) or "",
            module=imported_by(item) or "",
            alias=item.bound_name() if imported_by(item) else "",
        )


def _logical_lines(text: str) -> Iterator[tuple[int, int, str]]:
    """Yields first line, last line and comment of each statement of a text that gin has read."""
    first = 0
    comments: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NEWLINE:
            yield first, token.start[0], " ".join(comments)
            first, comments = 0, []
        elif token.type == tokenize.COMMENT:
            if first:
                comments.append(token.string.lstrip("# "))
        elif not first and token.type not in _SPACE:
            first = token.start[0]


def written(value: Any) -> str:
    """Returns a value as gin files have it."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{written(k)}: {written(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(written, value))}{',' * (len(value) == 1)})"
    if name := getattr(value, "name", ""):
        is_macro = not hasattr(value, "is_called")
        return f"%{name}" if is_macro else f"@{name}{'()' * value.is_called}"
    # JSON's strings are Python's too.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
