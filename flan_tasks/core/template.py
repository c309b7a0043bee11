"""Templates: pairs of texts with fields, and sets of them."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from flan_tasks.core import notebook
from flan_tasks.core.errors import TemplateError
from flan_tasks.core.field_types import check_types, shown
from flan_tasks.core.naming import check_template_id

FORWARD = "forward"
INVERTED = "inverted"
KINDS = (FORWARD, INVERTED)
OPTIONS = "options"
ANSWER = "answer"

# A literal brace is written twice; a single one must close around a name.
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FIELD = re.compile(r"[a-z][a-z0-9_]*")

# A parsed text: (False, literal text) or (True, field name), in order.
Pieces = tuple[tuple[bool, str], ...]


def parse_text(text: str) -> Pieces:
    """Splits a template's text at its fields; `{{` and `}}` are braces.

    Raises:
      ValueError: a brace is left open or holds no field name; the message quotes it.
    """
    pieces: list[tuple[bool, str]] = []
    literal, end = "", 0
    for match in _PIECE.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        found = match.group(0)
        if found in ("{{", "}}"):
            literal += found[0]
        elif match.group(1) is not None and _FIELD.fullmatch(match.group(1)):
            if literal:
                pieces.append((False, literal))
            pieces.append((True, match.group(1)))
            literal = ""
        else:
            near = text[max(0, match.start() - 15) : match.end() + 15]
            raise ValueError(
                f"{found!r} near {near!r} is no field; write {{name}}, or {{{{ }}}} for a brace"
            )
    literal += text[end:]
    if literal:
        pieces.append((False, literal))
    return tuple(pieces)


@dataclass(frozen=True)
class Form:
    """A parsed text made ready to be filled many times: `text % values of names`."""

    text: str
    """The literal text with `%s` where each field goes; its own percent signs are doubled."""
    names: tuple[str, ...]
    """The fields in the order they go in; a name may stand here twice."""

    @classmethod
    def of(cls, pieces: Pieces) -> "Form":
        """Returns the form of a parsed text."""
        text = "".join("%s" if is_field else text.replace("%", "%%") for is_field, text in pieces)
        return cls(text, tuple(text for is_field, text in pieces if is_field))


@dataclass(frozen=True, kw_only=True)
class Template:
    """A pair of texts with fields that makes (inputs, targets).

    Raises:
      TemplateError: a value has the wrong type, id, kind or braces are not well formed, or a text
        is missing.
    """

    id: str
    """What is particular about the wording; never a number, never reused."""
    inputs: str
    """The prompt."""
    targets: str
    """What the model is to say."""
    kind: str = FORWARD
    """`forward` asks for the answer; `inverted` holds it and asks for a text of the source."""
    inputs_without_options: str = ""
    """The prompt with options off, where removing the options line would not read well."""
    label_targets: bool = True
    """Whether the target may be an option's label where the options have some; false where the
    wording asks for words of the option itself, "yes or no"."""

    def __post_init__(self) -> None:
        check_types(self, f"template {shown(self.id)}", error=TemplateError)
        problems = list(check_template_id(self.id))
        if self.kind not in KINDS:
            problems.append(f'kind "{self.kind}" must be one of {", ".join(KINDS)}')
        for name in ("inputs", "targets", "inputs_without_options"):
            text = getattr(self, name)
            if not text.strip() and name != "inputs_without_options":
                problems.append(f"no {name} text")
            try:
                parse_text(text)
            except ValueError as error:
                problems.append(f"{name}: {error}")
        if problems:
            raise TemplateError(f'template "{self.id}": ' + "; ".join(problems))

    def unknown_fields(self, known: Collection[str]) -> Iterator[str]:
        """Yields what is wrong with the fields it uses that are not among the known."""
        used = self.fields("inputs") | self.fields("targets") | self.fields("inputs", options=False)
        for name in sorted(used - set(known)):
            import difflib

            near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
            yield (
                f"uses {{{name}}}; fields are {', '.join(sorted(known))}."
                + (f" Did you mean {{{near[0]}}}?" if near else "")
            )

    @property
    def texts(self) -> dict[str, str]:
        """What it is made of, by name, without the parts it does not have."""
        names = ("id", "kind", "inputs", "targets", "inputs_without_options")
        return {name: text for name in names if (text := getattr(self, name))}

    @cached_property
    def is_answered_by_label(self) -> bool:
        """Whether its target may be the label of an option: it is the answer and nothing else."""
        return self.label_targets and self.kind == FORWARD and self.targets == f"{{{ANSWER}}}"

    @cached_property
    def lists_options(self) -> bool:
        """Whether its prompt lists the options, where they are shown."""
        return OPTIONS in self.forms["inputs", True].names

    @cached_property
    def pieces(self) -> dict[tuple[str, bool], Pieces]:
        """(part, with options) -> parsed text, for the parts `inputs` and `targets`."""
        targets = parse_text(self.targets)
        return {
            ("inputs", True): parse_text(self.inputs),
            ("inputs", False): parse_text(self._inputs_without_options),
            ("targets", True): targets,
            ("targets", False): targets,
        }

    @cached_property
    def forms(self) -> dict[tuple[str, bool], Form]:
        """(part, with options) -> the form that rendering fills."""
        return {key: Form.of(pieces) for key, pieces in self.pieces.items()}

    def form(self, part: str, options: bool, empty: frozenset[str] = frozenset()) -> Form:
        """Returns the form that is filled where some fields are empty.

        Args:
          part: one of inputs and targets.
          options: whether the options line is shown.
          empty: fields that have no text; of inputs, lines that hold one alone go.
        """
        if not empty or part != "inputs":
            return self.forms[part, options]
        key = (options, empty)
        if key not in self._forms_of_empty:
            text = self.inputs if options else self._inputs_without_options
            self._forms_of_empty[key] = Form.of(parse_text(drop_empty_fields(text, empty)))
        return self._forms_of_empty[key]

    @cached_property
    def _forms_of_empty(self) -> dict[tuple[bool, frozenset[str]], Form]:
        return {}

    def _repr_html_(self) -> str:
        return notebook.page("Template", notebook.templates([self._for_notebook]))

    @property
    def _for_notebook(self) -> tuple[str, Pieces, Pieces]:
        pieces = self.pieces
        return f"{self.id}\n{self.kind}", pieces["inputs", True], pieces["targets", True]

    @property
    def _inputs_without_options(self) -> str:
        return self.inputs_without_options or drop_options_line(self.inputs)

    def fields(self, part: str, *, options: bool = True) -> set[str]:
        """Names in braces in `part`, one of inputs and targets."""
        return {name for is_field, name in self.pieces[part, options] if is_field}


def drop_options_line(text: str) -> str:
    """Removes a line that is `{options}` alone, together with the blank line before it."""
    lines = text.split("\n")
    kept: list[str] = []
    for line in lines:
        if line.strip() == "{options}":
            if kept and not kept[-1].strip():
                kept.pop()
            continue
        kept.append(line)
    return "\n".join(kept).strip("\n")


# A label is one or two words and a colon, bold or not; more may be what is asked.
_WORDS = r"[*_]*[^\s{}.?!:：]+([ \t][^\s{}.?!:：]+)?[*_]*[:：][*_]*"
# A line of a label alone: "Input:", "**Further notes:**", and any heading, "### Input".
_LABEL = re.compile(rf"\s*(#+ [^{{}}]*|{_WORDS})\s*")
# A line of one field, in quotation marks or not, behind a label, a mark of a list, or neither.
_ALONE = re.compile(
    rf"""\s*(?P<label>{_WORDS}\s*)?([-*•]\s+|\d+[.)]\s+)?"""
    r"""["'“‘«]?\{(?P<name>[a-z][a-z0-9_]*)\}["'”’»]?\s*"""
)


def drop_empty_fields(text: str, empty: Collection[str]) -> str:
    """Removes lines that hold nothing but an empty field and its label.

    A label is one or two words with a colon, before the field on its line, or alone above it (with
    a blank line between or not) where the field is all that is below; above, a heading in Markdown
    is one as well. Longer wording stays, as it may be what is asked. Of the blank lines around what
    is removed one stays.

    Args:
      text: of a template.
      empty: names of fields that have no text.
    """
    lines, kept = text.split("\n"), list[str]()
    for place, line in enumerate(lines):
        alone = _ALONE.fullmatch(line)
        if alone is None or alone["name"] not in empty:
            kept.append(line)
            continue
        is_last = place + 1 == len(lines) or not lines[place + 1].strip()
        if is_last and not alone["label"]:
            above = kept[:-1] if kept and not kept[-1].strip() else kept
            if above and above[-1].strip() and _LABEL.fullmatch(above[-1]):
                kept = above[:-1]
        if is_last and kept and not kept[-1].strip():
            kept.pop()
    found = "\n".join(kept).strip("\n")
    return found if found.strip() else text


@dataclass(frozen=True)
class ExampleText:
    """The `[example]` of a template file: values that show what the templates look like filled.

    Raises:
      TemplateError: a value has the wrong type.
    """

    fields: Mapping[str, str]
    """Field -> value."""
    answer: str
    """The target text."""
    options: tuple[str, ...] = ()
    """The allowed answers; empty for generation."""

    def __post_init__(self) -> None:
        check_types(self, "[example]", error=TemplateError)


@dataclass(frozen=True)
class TemplateSet:
    """The templates of one file.

    Raises:
      TemplateError: a value has the wrong type, or two templates have one id.
    """

    path: str
    """Where it was read from, for messages; relative to the templates folder."""
    templates: tuple[Template, ...]
    """In the order of the file."""
    example: ExampleText | None = None
    """Values that show them filled."""
    comment: str = ""
    """The comment at the head of the file: what the task asks."""

    def __post_init__(self) -> None:
        check_types(self, error=TemplateError)
        counts = Counter(template.id for template in self.templates)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise TemplateError(
                f"{self.path}: more than one template has the id {', '.join(twice)}; "
                "ids must be unique"
            )

    def __iter__(self) -> Iterator[Template]:
        return iter(self.templates)

    def __len__(self) -> int:
        return len(self.templates)

    def _repr_html_(self) -> str:
        about = [("file", self.path), *([("asks", self.comment)] if self.comment else [])]
        shown_as = notebook.templates(one._for_notebook for one in self.templates)
        return notebook.page("Templates", notebook.facts(about), shown_as)

    def __getitem__(self, template_id: str) -> Template:
        for template in self.templates:
            if template.id == template_id:
                return template
        raise KeyError(template_id)

    @property
    def ids(self) -> tuple[str, ...]:
        """Template ids in the order of the file."""
        return tuple(template.id for template in self.templates)

    def only(self, ids: Collection[str]) -> "TemplateSet":
        """Returns the set with some of its templates alone.

        Raises:
          TemplateError: it has none of that id.
        """
        absent = [name for name in ids if name not in self.ids]
        if absent:
            raise TemplateError(
                f"{self.path}: no template {', '.join(absent)}, which a task of its family names; "
                f"there are {', '.join(self.ids)}"
            )
        chosen = tuple(template for template in self.templates if template.id in ids)
        return TemplateSet(self.path, chosen, self.example, self.comment)

    def of_kind(self, *kinds: str) -> tuple[Template, ...]:
        """The templates of the given kinds, in the order of the file."""
        return tuple(template for template in self.templates if template.kind in kinds)
