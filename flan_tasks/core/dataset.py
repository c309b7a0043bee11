"""A declared dataset; `row_examples` makes examples of its rows."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flan_tasks.core.columns import ColumnType, is_column_type
from flan_tasks.core.errors import DeclarationError, unknown_name
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.field_types import quoted, shown, wrong_types
from flan_tasks.core.languages import cut_alike
from flan_tasks.core.naming import check_dataset_name, check_task_name
from flan_tasks.core.origin import Alternative, Origin
from flan_tasks.core.splits import Splits

Row = dict[str, Any]
Normalized = Example | Skip | tuple[Example | Skip, ...]

_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED_FIELDS = ("options", "answer")
# The collection of the paper's 62 datasets, which a mixture's "all" means.
FLAN_2021 = "flan2021"
# What a declaration may name; `metrics` computes them.
METRIC_NAMES = frozenset(
    {
        *("accuracy", "macro_f1", "f1", "matthews", "pearson", "spearman", "multirc"),
        *("squad", "squad_v2", "natural_questions", "trivia_qa", "record", "drop", "coqa", "quac"),
        *("rouge", "bleu", "edit_distance", "multilabel", "exact_match"),
        *("option_after_reasoning", "number_after_reasoning", "text_after_reasoning"),
    }
)
# Those that compare words, which each language has in its own way.
WORD_METRICS = frozenset(
    {
        *("squad", "squad_v2", "natural_questions", "trivia_qa", "record", "coqa", "quac"),
        *("rouge", "bleu", "text_after_reasoning"),
    }
)
# Which part of a field is kept where a prompt is too long: its start, its end, or all of it.
START, END, WHOLE = "start", "end", "whole"
_PARTS_KEPT = (START, END, WHOLE)
# A prompt without its question asks nothing.
_NEVER_CUT = ("question", "query")
# As in BCP 47: "en", "pt-BR", "zh-Hant"; cards and tokenizers look them up.
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A public corpus as this project uses it.

    Raises:
      DeclarationError: on building, where a value has the wrong type or form, or two parts of the
        declaration contradict each other; with every such problem.
    """

    name: str
    """Lower case, digits and underscores; `flan:<name>` is its SeqIO name."""
    source: Origin
    """Where the rows come from unless a user says otherwise."""
    splits: Splits
    """Which source rows are train, validation and test."""
    schema: Mapping[str, ColumnType]
    """Columns the normalizer reads, with their types: str, int, float, bool, list, dict; and
    `str | None` and the like where rows may have null there, or no such column."""
    normalize: Callable[[Row], Normalized]
    """Raw row -> Example, several of them, or Skip. Its docstring says what the task asks."""
    fields: tuple[str, ...]
    """Names of the fields every example has."""
    metrics: tuple[str, ...]
    """Names of metrics in `metrics`."""
    license: str
    """License as its source states it, in one line; an SPDX identifier where one fits, else a
    few words."""
    citation: str
    """A line that finds the paper: authors, year, title."""
    options: tuple[str, ...] = ()
    """The allowed answers of a classification dataset, in the order shown; each one line."""
    options_per_example: bool = False
    """True where each example brings its own options."""
    languages: tuple[str, ...] = ("en",)
    """Languages of its texts, as ISO 639-1 codes; a region or script may follow, as in "pt-BR"."""
    answer_language: str = ""
    """Language of the answers where `languages` has several: metrics cut words accordingly."""
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column -> the source's own label names, in the order of its label numbers."""
    size: Mapping[str, int] = field(default_factory=dict)
    """Source split -> rows, at the pinned version: lets rates be shown before the data is at
    hand."""
    part_of: str | None = None
    """The dataset of the 62 that this is one part of; None where it stands for itself."""
    overlaps: tuple[str, ...] = ()
    """Datasets that hold some of the same text; declared on both sides, followed when holding
    out."""
    alternatives: tuple[Alternative, ...] = ()
    """Other places that have it."""
    select: Callable[[Example, str], Skip | None] | None = None
    """Drops examples by the source split they come from (its second argument), with a reason."""
    needs_options: Callable[[Example], bool] | None = None
    """Whether an example cannot be answered without its options: it is left out where they are
    off."""
    rationale: str = ""
    """The field that holds the written reasoning before an answer (chain of thought). The targets
    of forward templates then give it first and end in the answer, so options are not ranked."""
    turns: str = ""
    """The field that holds what was said before an answer, where examples have the turns in
    `extra["turns"]` as well: styles of conversations then write those, each with its role."""
    keep: str | Mapping[str, str] = START
    """What stays of fields where a prompt is longer than a model reads: "start" (the end is
    cut), "end", or "whole"; for every field, or by name. Fields called question or query stay
    whole unless they are named. A prompt that does not fit even so is left out."""
    version: int | None = None
    """Version of its normalizer, raised where that gives other examples: what is stored of another
    one is read anew. None: the code of its module stands for it, and any change there counts."""
    samples: str = ""
    """File of embedded rows under samples/<cluster>/; by default the dataset's own name."""
    templates: str = ""
    """File under templates/<cluster>/; by default the parent's name, else its own."""
    in_default_mixtures: bool = True
    """False for what is left out where its collection, cluster or family is named: only its own
    name means it."""
    cluster: str = ""
    """The ability it tests; filled in from the module it is declared in."""
    family: str = ""
    """The family whose member it is, filled in by `Family.task`; empty for a dataset by itself."""
    constants: tuple[str, ...] = ()
    """Those of its fields that belong to the task and not to a row; for members of families."""
    collection: str = ""
    """What it was published in, such as "flan2021", whose datasets a mixture's "all" means; empty
    for a dataset by itself."""

    def __post_init__(self) -> None:
        problems = [f"{name} {what}" for name, what in wrong_types(self)]
        problems = problems or [*self._problems(), *self._wrong_texts()]
        if problems:
            raise DeclarationError(f"dataset {quoted(self.name)}: " + "; ".join(problems))

    def _problems(self) -> Iterable[str]:
        yield from (check_task_name if self.family else check_dataset_name)(self.name)
        for name in self.fields:
            if not _FIELD_NAME.fullmatch(name) or name in _RESERVED_FIELDS:
                yield f'field "{name}" must be lower-case words, and not options or answer'
        if not self.fields:
            yield "no fields; templates need at least one"
        if self.version is not None and self.version < 1:
            yield f"version {self.version} must be 1 or more"
        if self.options and self.options_per_example:
            yield "options are either fixed or per example, not both"
        if len(set(self.options)) != len(self.options):
            yield f"two options are equal: {list(self.options)}"
        for column, kind in self.schema.items():
            if not is_column_type(kind):
                yield (
                    f'column "{column}" has type {kind!r}; use str, int, float, bool, list, dict, '
                    "or one of them | None"
                )
        for column in self.labels:
            if column not in self.schema:
                yield f'labels are given for "{column}", which is no column of the schema'
        if not self.metrics:
            yield "no metrics"
        for name in self.metrics:
            if name not in METRIC_NAMES:
                yield str(unknown_name("metric", name, METRIC_NAMES))
        if "multilabel" in self.metrics and self.is_classification:
            yield (
                "metric multilabel is for answers that list labels, such as "
                '"joy, anger", and no option is such a list; declare no options'
            )
        for what in ("rationale", "turns"):
            if getattr(self, what) and getattr(self, what) not in self.fields:
                yield (f'{what} "{getattr(self, what)}" is no field: {", ".join(self.fields)}')
        if self.answer_language and self.answer_language not in self.languages:
            yield (
                f'answer_language "{self.answer_language}" is none of its languages, '
                f"{', '.join(self.languages)}"
            )
        if not self.answer_language and not cut_alike(self.languages):
            worded = sorted(WORD_METRICS.intersection(self.metrics))
            if worded:
                yield (
                    f"metric {', '.join(worded)} needs the language of the answers, as words are "
                    f"cut differently in {', '.join(self.languages)}; declare answer_language"
                )
        if not self.license or not self.citation:
            yield "license and citation are needed; write what the source states"
        if not (self.normalize.__doc__ or "").strip():
            yield "its normalizer needs a docstring that says what the task asks"
        if self.name in self.overlaps:
            yield "it cannot overlap with itself"

    def _wrong_texts(self) -> Iterable[str]:
        """What would not stand in a table, a file name or the head of a card."""
        for name in ("license", "citation"):
            if len(getattr(self, name).splitlines()) > 1:
                yield f"{name} must be one line: {shown(getattr(self, name))}"
        for code in self.languages:
            if not _LANGUAGE.fullmatch(code):
                yield f'language {shown(code)} is no code such as "en" or "pt-BR"'
        if set(self.constants) - set(self.fields):
            yield f"constants {', '.join(self.constants)} must be fields"
        for option in self.options:
            if not option.strip() or option.strip() != option or len(option.splitlines()) > 1:
                yield f"option {shown(option)} must be one line without blanks around it"
        for what in ("part_of", "samples", "templates"):
            name = getattr(self, what)
            if name and not _FIELD_NAME.fullmatch(name):
                yield f"{what} {shown(name)} must be lower-case letters, digits and underscores"
        parts = self.keep if isinstance(self.keep, Mapping) else {}
        for name in parts:
            if name not in self.fields:
                yield f"keep names {shown(name)}, which is no field: {', '.join(self.fields)}"
        for part in [self.keep] if isinstance(self.keep, str) else parts.values():
            if part not in _PARTS_KEPT:
                yield f"keep {shown(part)} must be one of {', '.join(_PARTS_KEPT)}"
        for split, rows in self.size.items():
            if rows < 0:
                yield f'size of "{split}" is {rows}; want 0 or more'

    @property
    def language_of_answers(self) -> str:
        """What its answers are written in; where several are cut into words alike, the first."""
        return self.answer_language or self.languages[0]

    @property
    def row_fields(self) -> tuple[str, ...]:
        """The fields that its normalizer gives: all but the constants."""
        if not self.constants:
            return self.fields
        return tuple(name for name in self.fields if name not in self.constants)

    @property
    def template_fields(self) -> frozenset[str]:
        """What templates may use: its fields, the answer, and the options where it has some."""
        return frozenset(
            {*self.fields, "answer", *(("options",) if self.is_classification else ())}
        )

    @property
    def parent(self) -> str:
        """The dataset of the 62 that this is, or is a part of."""
        return self.part_of or self.name

    @property
    def is_classification(self) -> bool:
        """Whether every example has options."""
        return bool(self.options) or self.options_per_example

    @property
    def is_ranked(self) -> bool:
        """Whether a template's targets are options, so that a model can be asked the likeliest."""
        return self.is_classification and not self.rationale

    @property
    def template_file(self) -> str:
        """Name of its template file, without folder and ending."""
        return self.templates or self.parent

    @property
    def samples_file(self) -> str:
        """Name of its file of embedded rows, without folder and ending."""
        return self.samples or self.name

    @property
    def summary(self) -> str:
        """What the task asks, in one line: the first line of the normalizer's docstring."""
        return (self.normalize.__doc__ or "").strip().splitlines()[0]

    @property
    def is_trained_on(self) -> bool:
        """Whether it has a train split."""
        return self.splits.train is not None

    def part_kept(self, name: str) -> str:
        """Which part of a field is kept where a prompt is too long."""
        if isinstance(self.keep, str):
            return WHOLE if name in _NEVER_CUT else self.keep
        return self.keep.get(name, WHOLE if name in _NEVER_CUT else START)

    def declared_rows(self, split: str) -> int | None:
        """Rows of our `split` by the declared sizes; None where the size is not declared."""
        return self.splits.declared_rows(split, self.size)
