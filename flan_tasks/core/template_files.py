"""Template files: TOML in which all that is wrong is said at once."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from flan_tasks.core.errors import TemplateError
from flan_tasks.core.field_types import shown
from flan_tasks.core.parsing import parse_toml, place_of_fault
from flan_tasks.core.template import (
    ANSWER,
    FORWARD,
    KINDS,
    OPTIONS,
    ExampleText,
    Template,
    TemplateSet,
)


def parse_template_set(text: str, *, path: str) -> TemplateSet:
    """Reads a template file's text; `path` is used in messages alone.

    Raises:
      TemplateError: with every problem of the file, one a line.
    """
    try:
        data = parse_toml(text)
    except ValueError as error:
        where = place_of_fault(path, error)
        raise TemplateError(f"{path}: not valid TOML: {error}", where=where) from error
    problems = [
        f'{path}: unknown key "{key}"; a template file has [example] and [[template]]'
        for key in data
        if key not in ("example", "template")
    ]
    example = None
    if "example" in data:
        example, found = _example(data["example"])
        problems += [f"{path}: [example]: {problem}" for problem in found]
    templates = []
    tables = data.get("template", [])
    if not isinstance(tables, list) or not tables:
        problems.append(f"{path}: no [[template]]")
        tables = []
    for number, table in enumerate(tables, start=1):
        template, found = _template(table)
        problems += [f"{path}: template {_name_of(table, number)}: {problem}" for problem in found]
        if template is not None:
            templates.append(template)
    counts = Counter(template.id for template in templates)
    problems += [
        f'{path}: {count} templates have the id "{name}"; ids must be unique'
        for name, count in counts.items()
        if count > 1
    ]
    if problems:
        raise TemplateError("\n".join(problems), where=path)
    return TemplateSet(path, tuple(templates), example, _head_comment(text))


def read_template_set(path: Path, *, name: str | None = None) -> TemplateSet:
    """Reads a template file.

    Raises:
      TemplateError: the file is missing or malformed.
    """
    # A file name need not be UTF-8.
    place = (name or str(path)).encode("utf-8", "backslashreplace").decode("utf-8")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise TemplateError(f"{place}: {what}", where=place) from error
    except UnicodeDecodeError as error:
        raise TemplateError(f"{place}: not UTF-8: {error}", where=place) from error
    except ValueError as error:  # a NUL in the path
        raise TemplateError(f"{shown(place)}: cannot be read: {error}") from error
    return parse_template_set(text, path=place)


def count_kinds(path: Path, *, name: str | None = None) -> Mapping[str, int]:
    """Counts the templates of a file by kind; their texts are not looked at, which takes longer.

    Raises:
      TemplateError: the file is missing, no TOML, or not of the form of a template file.
    """
    try:
        tables = parse_toml(path.read_text(encoding="utf-8-sig"))["template"]
        counts = Counter(table.get("kind", FORWARD) for table in tables)
        if counts and counts.keys() <= set(KINDS):
            return counts
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    # Says what is wrong with it.
    return Counter(template.kind for template in read_template_set(path, name=name))


def _name_of(table: object, number: int) -> str:
    return shown(table.get("id", number) if isinstance(table, dict) else number)


def _template(table: object) -> tuple[Template | None, list[str]]:
    if not isinstance(table, dict):
        return None, [f"is {shown(table)}; wanted a table, [[template]]"]
    texts = ("id", "kind", "inputs", "targets", "inputs_without_options")
    known = (*texts, "label_targets")
    problems = [
        f'unknown key "{key}"; known are {", ".join(known)}' for key in table if key not in known
    ]
    problems += [f'no "{key}"' for key in ("id", "inputs", "targets") if key not in table]
    problems += [
        f'"{key}" must be text' for key in texts if key in table and not isinstance(table[key], str)
    ]
    if not isinstance(table.get("label_targets", True), bool):
        problems.append('"label_targets" must be true or false')
    if problems:
        return None, problems
    try:
        return Template(**table), []
    except TemplateError as error:
        return None, [str(error).split(": ", 1)[-1]]


def _example(table: object) -> tuple[ExampleText | None, list[str]]:
    if not isinstance(table, dict):
        what = "several tables" if isinstance(table, list) else shown(table)
        return None, [f"is {what}; wanted one table, [example]"]
    problems = []
    fields = {}
    options: tuple[str, ...] = ()
    for key, value in table.items():
        if key == OPTIONS:
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                problems.append("options must be a list of texts")
            else:
                options = tuple(value)
        elif not isinstance(value, str):
            problems.append(f'"{key}" must be text')
        elif key != ANSWER:
            fields[key] = value
    answer = table.get(ANSWER)
    if not answer:
        problems.append("no answer")
    if options and answer not in options:
        problems.append(f"answer {answer!r} is not among the options {list(options)}")
    if problems:
        return None, problems
    try:
        return ExampleText(fields, str(answer), options), []
    except TemplateError as error:
        return None, [str(error).removeprefix("[example]: ")]


def _head_comment(text: str) -> str:
    lines: Iterable[str] = text.splitlines()
    head = []
    for line in lines:
        if not line.startswith("#"):
            break
        head.append(line.lstrip("# ").rstrip())
    return " ".join(head)
