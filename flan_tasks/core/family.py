"""Families: many tasks declared once, with one normalizer, one set of templates and an index.

A dataset is what has a normalizer and wording; a task is what is drawn, counted, held out and
scored. A plain dataset is a family of one. `Family.task` makes a `Dataset` of a member, which the
rest of the engine takes as it takes any other.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from flan_tasks.core.columns import ColumnType
from flan_tasks.core.dataset import START, Dataset, Normalized, Row
from flan_tasks.core.errors import DeclarationError, UnknownNameError, unknown_name
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.family_index import read_line, read_member
from flan_tasks.core.field_types import quoted, wrong_types
from flan_tasks.core.member import Member
from flan_tasks.core.naming import (
    MEMBER_MARK,
    check_dataset_name,
    member_name,
)
from flan_tasks.core.origin import Alternative, Origin
from flan_tasks.core.shared_tables import SharedTables
from flan_tasks.core.splits import Splits, restricted

# Problems of an index that are named together.
_MOST = 10


@dataclass(frozen=True, kw_only=True)
class Family:
    """Tasks that share a source, a normalizer and templates.

    Its rows lie in one of four layouts. Without `task_column` each file of `source`, which is
    `Files`, is one task: it is named after it, and holds a JSON object with the list `source.rows`
    and what is said of the task beside it, or a CSV or TSV table whose columns are
    `source.columns`; it is named after what stands for `*` in its pattern. With `task_column` the
    source is one table, and that column names the task of each row. With `tables` each member is
    made of a table that others are made of too.

    Raises:
      DeclarationError: on building, with every problem of the declaration; when `members` are first
        needed, with those of the index.
    """

    name: str
    """Lower case, digits and underscores; `flan:<name>:<member>` is a member's SeqIO name."""
    source: Origin
    """Where the rows come from unless a user says otherwise."""
    index: Path
    """A file of JSON lines, each the fields of a `Member`, or what `member_of` takes; read when a
    member is first needed."""
    splits: Splits
    """Which source rows of a member are train, validation and test."""
    schema: Mapping[str, ColumnType]
    """Columns of a row that the normalizer reads, as in `Dataset`."""
    normalize: Callable[[Row, Member], Normalized]
    """Raw row and its member -> Example, several of them, or Skip. Its docstring says what the
    tasks ask. An example has `fields` alone."""
    fields: tuple[str, ...]
    """Names of the fields that every example has."""
    metrics: tuple[str, ...]
    """Names of metrics in `metrics`."""
    license: str
    """License of members that state none."""
    citation: str
    """A line that finds the paper."""
    task_column: str = ""
    """Column of a row that names its task; empty where each file is a task."""
    task_of: Callable[[str], str] | None = None
    """Makes a task's name of what stands in `task_column`, such as the id of a row that begins with
    it; None where that is the name."""
    tables: SharedTables | None = None
    """How members come to their rows, where several are made of one table."""
    member_of: Callable[[Mapping[str, Any]], Member] | None = None
    """Makes a member of a line of the index, where that has not the fields of a `Member`."""
    constants: tuple[str, ...] = ()
    """Names of fields that belong to a task and not to a row, such as its definition; templates use
    them like `fields`, and they are stored once a task."""
    constants_of: Callable[[Row, Member], Mapping[str, str] | Skip] | None = None
    """The source's own record of a task and its member -> the text of each of `constants`, or a
    Skip, which leaves out all its rows. The record is what stands in the task's file beside the
    rows, or the task's first row where rows lie in one table."""
    solved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field -> those of `constants` that show such a text beside its answer. An example that has
    one of them is left out: its prompt would hold its answer."""
    collection: str = ""
    """What it was published in, such as "flan2022"."""
    options_per_example: bool = False
    """True where each example brings its own options, but for members that say they have none."""
    languages: tuple[str, ...] = ("en",)
    """Languages of members that state none."""
    overlaps: tuple[str, ...] = ()
    """Datasets that hold some of the same text as every member."""
    alternatives: tuple[Alternative, ...] = ()
    """Other places that have it; `adapt` gives a row with what its task's record says beside it."""
    select: Callable[[Example, str], Skip | None] | None = None
    """Drops examples by the source split they come from, as in `Dataset`."""
    needs_options: Callable[[Example], bool] | None = None
    """Whether an example cannot be answered without its options."""
    keep: str | Mapping[str, str] = START
    """What stays of fields where a prompt is too long, as in `Dataset`; for constants too."""
    keeps_order: bool = False
    """Whether rows are read in the source's order; otherwise in a fixed permutation of it."""
    version: int | None = None
    """Version of its normalizer and of `constants_of`, raised where they give other examples; None:
    the code of their module stands for it."""

    def __post_init__(self) -> None:
        problems = [f"{name} {what}" for name, what in wrong_types(self)]
        problems = problems or list(self._problems())
        if problems:
            raise DeclarationError(f"family {quoted(self.name)}: " + "; ".join(problems))

    def _problems(self) -> Iterator[str]:
        yield from check_dataset_name(self.name)
        both = sorted(set(self.fields) & set(self.constants))
        if both:
            yield f"{', '.join(both)}: a field is of a row or of a task, not both"
        for name, shown_by in self.solved.items():
            if name not in self.fields or set(shown_by) - set(self.constants):
                yield f"solved: {name} must be a field, and {', '.join(shown_by)} constants"
        if bool(self.constants) != (self.constants_of is not None):
            yield "constants and constants_of belong together"
        if self.tables is not None and (self.task_column or self.constants or self.alternatives):
            yield "with tables it has no task_column, constants or alternatives"
        is_named = getattr(self.source, "rows", "") or getattr(self.source, "columns", ())
        if not (self.task_column or self.tables or is_named):
            yield (
                "without task_column each file is a task, so its source must be "
                'Files({...}, rows="..."), which names the list of rows in a file, or '
                "Files({...}, columns=(...)), which names the columns of tables without a header"
            )
        if self.task_of is not None and not self.task_column:
            yield "task_of makes names of what is in task_column; name that as well"
        if self.task_column and self.task_column in self.fields + self.constants:
            yield f"task_column {self.task_column} is a field; name columns of the source"
        try:
            _ = self.shared
        except DeclarationError as error:
            yield str(error).split(": ", 1)[-1]

    @cached_property
    def shared(self) -> Dataset:
        """A dataset with what all members share; it is none of them, and has no rows."""
        return Dataset(
            name=self.name,
            source=self.source,
            splits=self.splits,
            schema=self.schema,
            normalize=_Bound(self, None),
            fields=(*self.fields, *self.constants),
            metrics=self.metrics,
            license=self.license,
            citation=self.citation,
            constants=self.constants,
            options_per_example=self.options_per_example,
            languages=self.languages,
            overlaps=self.overlaps,
            alternatives=self.alternatives,
            select=self.select,
            needs_options=self.needs_options,
            keep=self.keep,
            version=self.version,
            samples=self.name,
            templates=self.name,
            collection=self.collection,
        )

    @cached_property
    def members(self) -> Mapping[str, Member]:
        """Name -> member, in the order of the index.

        Raises:
          DeclarationError: the index cannot be read; the first problems of its lines are named.
        """
        members: dict[str, Member] = {}
        lines: dict[str, int] = {}
        problems: list[str] = []
        wrong: list[int] = []
        for number, text in enumerate(self.index_lines(), start=1):
            if not text.strip():
                continue
            try:
                member = self.member_of(read_line(text)) if self.member_of else read_member(text)
                if member.name in members:
                    raise ValueError(
                        f'"{member.source_name}" is called {member.name} here, and so is '
                        f'"{members[member.name].source_name}" of line {lines[member.name]}'
                    )
                self.splits_of(member)
            except (ValueError, DeclarationError) as error:
                problems.append(f"{self.index.name}, line {number}: {error}")
                wrong.append(number)
                continue
            members[member.name], lines[member.name] = member, number
        if not members and not problems:
            problems = [f"{self.index.name} has no task; write one a line"]
        if problems:
            more = len(problems) - _MOST
            rest = [f"and {more} more"] if more > 0 else []
            raise DeclarationError(
                f"family {quoted(self.name)}: " + "\n".join([*problems[:_MOST], *rest]),
                where=self.index.name + (f", line {wrong[0]}" if wrong else ""),
            )
        return members

    def index_lines(self) -> list[str]:
        """Reads the lines of the index, blank ones among them.

        Raises:
          DeclarationError: the index cannot be read.
        """
        try:
            # Not splitlines(), which would cut a text at U+2028 or U+0085.
            return self.index.read_text(encoding="utf-8-sig").split("\n")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise DeclarationError(
                f"family {quoted(self.name)}: its index {self.index} cannot be read: {why}"
            ) from error

    @cached_property
    def by_source_name(self) -> Mapping[str, Member]:
        """The source's own name -> member."""
        return {member.source_name: member for member in self.members.values()}

    @cached_property
    def clusters(self) -> Mapping[str, tuple[str, ...]]:
        """Cluster -> names of its members."""
        names: dict[str, list[str]] = {}
        for member in self.members.values():
            names.setdefault(member.cluster, []).append(member.name)
        return {cluster: tuple(of_it) for cluster, of_it in names.items()}

    @cached_property
    def overlapping(self) -> Mapping[str, tuple[str, ...]]:
        """Dataset -> names of the members that share text with it."""
        names: dict[str, list[str]] = {}
        for member in self.members.values():
            for other in dict.fromkeys((*self.overlaps, *member.overlaps)):
                names.setdefault(other, []).append(member.name)
        return {other: tuple(of_it) for other, of_it in names.items()}

    @cached_property
    def made_of(self) -> Mapping[str, tuple[str, ...]]:
        """Data set or table -> names of the members that are made of its rows."""
        names: dict[str, list[str]] = {}
        for member in self.members.values():
            for one in data_sets_of(member):
                names.setdefault(one, []).append(member.name)
        return {one: tuple(of_it) for one, of_it in names.items()}

    def has(self, name: str) -> bool:
        """Whether a member is called so, here or by the source."""
        return name in self.by_source_name or member_name(name) in self.members

    def member(self, name: str) -> Member:
        """Returns a member by its name or the source's; case and marks do not matter.

        Raises:
          UnknownNameError: there is none.
        """
        member = self.by_source_name.get(name) or self.members.get(member_name(name))
        if member is None:
            # Who gives a part of a name means one of those that hold it.
            part = member_name(name)
            near = [one for one in self.members if part in one]
            if near:
                some = ", ".join(near[:3])
                more = f", or one of {len(near) - 3:,} more" if len(near) > 3 else ""
                raise UnknownNameError(
                    f'unknown task of {self.name} "{name}". Did you mean {some}{more}?'
                )
            raise unknown_name(f"task of {self.name}", name, self.members)
        return member

    def task(self, name: str) -> Dataset:
        """Returns a member as a dataset; its name here or the source's may be given.

        Raises:
          UnknownNameError: there is none.
          DeclarationError: what its line of the index says contradicts the family.
        """
        member = self.member(name)
        if member.name not in self._tasks:
            texts: set[tuple[object, object]] = {
                ("license", member.license),
                ("citation", member.citation),
                (member.languages, member.answer_language),
                (member.metrics, member.has_options),
            }
            values: dict[str, Any] = {
                "name": f"{self.name}{MEMBER_MARK}{member.name}",
                "family": self.name,
                "normalize": _Bound(self, member),
                "cluster": member.cluster,
                "license": member.license or self.license,
                "citation": member.citation or self.citation,
                "languages": member.languages or self.languages,
                "answer_language": member.answer_language,
                "overlaps": tuple(dict.fromkeys((*self.overlaps, *member.overlaps))),
                "size": member.size,
                "splits": self.splits_of(member),
                "metrics": member.metrics or self.metrics,
                "options_per_example": self.options_per_example and member.has_options,
                "in_default_mixtures": member.in_default_mixtures,
            }
            if self.tables is not None:
                values["source"] = self.tables.table(member).source
            if not texts <= self._checked:
                dataclasses.replace(self.shared, **values)
                self._checked.update(texts)
            # A copy: what could be wrong was checked on members and on the first of its kind, and
            # a thousand checks would take longer than the rest of starting.
            task = copy.copy(self.shared)
            vars(task).update(values)
            self._tasks[member.name] = task
        return self._tasks[member.name]

    def splits_of(self, member: Member) -> Splits:
        """Returns which rows of a member are train, validation and test.

        Raises:
          DeclarationError: its line of the index wants splits that there are not.
        """
        rule = self.splits if self.tables is None else self.tables.table(member).splits
        return restricted(rule, member.splits)

    def stored_as(self, member: Member) -> str:
        """Returns the name of what a member's examples are stored in: the family, or a table."""
        if self.tables is None:
            return self.name
        return f"{self.name}-{member_name(member.table)}"

    @cached_property
    def _checked(self) -> set[tuple[object, object]]:
        # What is checked of each by itself, so that no pair of a license and a language is new.
        return set()

    @cached_property
    def _tasks(self) -> dict[str, Dataset]:
        return {}

    def is_solved(self, fields: Mapping[str, str], constants: Mapping[str, str]) -> bool:
        """Whether a task's constants show an example of these fields beside its answer."""
        return any(
            _alike(fields[name]) in {_alike(constants[one]) for one in shown_by}
            for name, shown_by in self.solved.items()
        )

    @property
    def summary(self) -> str:
        """What the tasks ask, in one line: the first line of the normalizer's docstring."""
        return self.shared.summary


def _alike(text: str) -> str:
    """A text without what two copies of it may differ in: case, and kinds and number of blanks."""
    return " ".join(text.casefold().split())


class _Bound:
    """The normalizer of one member: the family's, told which member it is."""

    def __init__(self, family: Family, member: Member | None) -> None:
        self.family = family
        self.member = member
        self.__doc__ = family.normalize.__doc__

    def __call__(self, row: Row) -> Normalized:
        assert self.member is not None
        return self.family.normalize(row, self.member)


def data_sets_of(member: Member) -> tuple[str, ...]:
    """Returns what a member is made of, as far as families name it: its table, and data sets."""
    return tuple(dict.fromkeys(filter(None, (member.table, *member.data_sets))))


def family_of(dataset: Dataset) -> tuple[Family, Member]:
    """Returns the family of a task that `Family.task` made, and which member it is."""
    bound = dataset.normalize
    assert isinstance(bound, _Bound) and bound.member is not None
    return bound.family, bound.member


def stored_as(dataset: Dataset) -> str:
    """Returns the name of what the examples of a task of a family are stored in."""
    family, member = family_of(dataset)
    return family.stored_as(member)
