"""promptsource's template files as data: YAML with two tags of its own, and no other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core import extras
from flan_tasks.core.errors import TemplateError, unknown_name
from flan_tasks.core.escaping import for_line
from flan_tasks.core.field_types import check_types, shown

# Set by promptsource in every template, and by older versions of it in some.
_KEYS = frozenset({"id", "name", "jinja", "answer_choices", "reference", "metadata"})
_OLD_KEYS = frozenset({"task_template"})
_METADATA_KEYS = frozenset({"original_task", "choices_in_prompt", "metrics", "languages"})
_FILE_KEYS = frozenset({"dataset", "subset", "templates"})
_TAGS = ("!Template", "!TemplateMetadata")
# The largest published file has 120 kB.
_LARGEST = 8 << 20


@dataclass(frozen=True, kw_only=True)
class PromptTemplate:
    """A template of promptsource, as its file states it.

    Raises:
      TemplateError: a value has the wrong type.
    """

    id: str
    """promptsource's own id, a UUID."""
    name: str
    """Its name, which no other template of the file should have."""
    jinja: str
    """The prompt in Jinja: the input, `|||`, and the target."""
    answer_choices: str | None = None
    """Jinja that prints the allowed answers with `|||` between them; None where there are none."""
    reference: str = ""
    """Where its wording comes from."""
    original_task: bool | None = None
    """Whether it asks what the data set was made for."""
    choices_in_prompt: bool | None = None
    """Whether the input shows the allowed answers; None where nobody said."""
    metrics: tuple[str, ...] = ()
    """What its answers are scored by, in promptsource's words."""
    languages: tuple[str, ...] = ()
    """Languages of its wording."""

    def __post_init__(self) -> None:
        check_types(self, f"template {shown(self.name)}", error=TemplateError)


@dataclass(frozen=True, kw_only=True)
class PromptFile:
    """The templates of one data set, in the order of its file."""

    dataset: str
    """Its name on the Hugging Face hub."""
    subset: str
    """Its configuration there; empty where it has none."""
    templates: tuple[PromptTemplate, ...]
    """Its templates."""

    def __getitem__(self, name: str) -> PromptTemplate:
        """Returns a template by its name or its id.

        Raises:
          UnknownNameError: the file has no such template.
          TemplateError: two of its templates have that name.
        """
        named = [one for one in self.templates if name in (one.name, one.id)]
        if len(named) > 1:
            ids = ", ".join(one.id for one in named)
            raise TemplateError(
                f"{self.title}: {len(named)} templates are called {shown(name)}; name one by its "
                f"id: {ids}"
            )
        if not named:
            names = [template.name for template in self.templates]
            raise unknown_name(f"template of {self.title}", name, names)
        return named[0]

    @property
    def title(self) -> str:
        """The data set as promptsource's folders name it."""
        return f"{self.dataset}/{self.subset}" if self.subset else self.dataset


def read_prompt_file(path: Path) -> PromptFile:
    """Reads a `templates.yaml`.

    Raises:
      MissingLibraryError: PyYAML is not installed.
      TemplateError: the file is missing or malformed; with every problem in it.
    """
    where = for_line(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise TemplateError(f"{where}: over {_LARGEST >> 20} MiB, which is no template file")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"{where}: cannot be read as UTF-8 text: {error}") from error
    return parse_prompt_file(text, where=where)


def parse_prompt_file(text: str, *, where: str) -> PromptFile:
    """The same for the text of a file; `where` names it in messages."""
    content = _parse(text, where=where)
    problems = list(_file_problems(content))
    templates: list[PromptTemplate] = []
    if not problems:
        for key, entry in content["templates"].items():
            place = f"template {shown(_name_in(entry) or key)}"
            wrong = list(_template_problems(entry))
            problems += [f"{place}: {problem}" for problem in wrong]
            if not wrong:
                try:
                    templates.append(_template(entry))
                except TemplateError as error:
                    problems.append(str(error))
    if problems:
        raise TemplateError(f"{where}: " + "; ".join(for_line(problem) for problem in problems))
    return PromptFile(
        dataset=content["dataset"],
        subset=content.get("subset") or "",
        templates=tuple(templates),
    )


class _Tagged(dict[str, Any]):
    """A mapping under one of the two tags."""

    tag = ""


def _parse(text: str, *, where: str) -> Any:
    with extras.needed_for("Reading promptsource's template files"):
        import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """What the safe loader builds, and mappings under the two tags."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            mapping = super().construct_mapping(node, deep=deep)
            if isinstance(node, yaml.MappingNode) and len(mapping) != len(node.value):
                keys = [key.value for key, _ in node.value]
                twice = sorted({str(key) for key in keys if keys.count(key) > 1})
                raise yaml.constructor.ConstructorError(
                    None, None, f"{', '.join(twice) or 'a key'} stands there twice", node.start_mark
                )
            return dict(mapping)

    def tagged(tag: str) -> Any:
        def construct(loader: Any, node: Any) -> _Tagged:
            entry = _Tagged(loader.construct_mapping(node, deep=True))
            entry.tag = tag
            return entry

        return construct

    for tag in _TAGS:
        Loader.add_constructor(tag, tagged(tag))
    # What the safe loader makes of a plain mapping checks no keys.
    Loader.add_constructor(
        "tag:yaml.org,2002:map", lambda loader, node: loader.construct_mapping(node, deep=True)
    )
    try:
        return yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or error
        raise TemplateError(f"{where}{line}: {for_line(problem)}") from error
    except (RecursionError, ValueError, TypeError) as error:
        raise TemplateError(f"{where}: no YAML that can be read: {for_line(error)}") from error


def _file_problems(content: Any) -> Iterator[str]:
    if not isinstance(content, Mapping):
        yield "wanted a mapping with dataset, subset and templates"
        return
    for key in content:
        if key not in _FILE_KEYS:
            yield f"unknown key {shown(key)}; a file has dataset, subset and templates"
    if not isinstance(content.get("dataset"), str) or not content["dataset"].strip():
        yield f"dataset must be the name of a data set, not {shown(content.get('dataset'))}"
    if not isinstance(content.get("subset"), str | None):
        yield f"subset must be text, not {shown(content['subset'])}"
    if not isinstance(content.get("templates"), Mapping):
        yield "templates must be a mapping of ids to templates"


def _template_problems(entry: Any) -> Iterator[str]:
    if not isinstance(entry, _Tagged) or entry.tag != "!Template":
        yield "it has no tag !Template"
        return
    for name in entry.keys() - _KEYS - _OLD_KEYS:
        yield f"unknown key {shown(name)}; a template has {', '.join(sorted(_KEYS))}"
    for name in ("id", "name", "jinja"):
        value = entry.get(name)
        if not isinstance(value, str) or not value.strip():
            yield f"{name} must be text, not {shown(value)}"
    metadata = entry.get("metadata")
    if metadata is None:
        return
    if not isinstance(metadata, Mapping):
        yield f"metadata must be a mapping, not {shown(metadata)}"
        return
    for name in metadata.keys() - _METADATA_KEYS:
        known = ", ".join(sorted(_METADATA_KEYS))
        yield f"unknown key {shown(name)} of metadata; they have {known}"
    for name in ("metrics", "languages"):
        values = metadata.get(name)
        if values is not None and not (
            isinstance(values, list) and all(isinstance(value, str) for value in values)
        ):
            yield f"{name} must be a list of texts, not {shown(values)}"


def _template(entry: _Tagged) -> PromptTemplate:
    metadata = entry.get("metadata") or {}
    return PromptTemplate(
        id=entry["id"],
        name=entry["name"],
        jinja=entry["jinja"],
        answer_choices=entry.get("answer_choices"),
        reference=entry.get("reference") or "",
        original_task=metadata.get("original_task"),
        choices_in_prompt=metadata.get("choices_in_prompt"),
        metrics=tuple(metadata.get("metrics") or ()),
        languages=tuple(metadata.get("languages") or ()),
    )


def _name_in(entry: Any) -> str:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return name if isinstance(name, str) else ""
