"""What a suite is: datasets, how they are asked and scored, and its numbers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Literal

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_types import check_types, quoted
from flan_tasks.metrics.by_name import METRICS, metric
from flan_tasks.metrics.gold import Gold
from flan_tasks.suites.numbers import Average, Published
from flan_tasks.suites.submitted import Submission
from flan_tasks.suites.wording import problems_of

# Between the name of a suite and that of a protocol: `mmlu@hendrycks`.
PROTOCOL_MARK = "@"
# Right answers are those that are equal to the letter, and nothing else.
EXACT_MATCH = "exact_match"
MEASURES = (EXACT_MATCH, *METRICS)
# How published exemplars are written down.
PROMPT, PROMPTS, DIALOGS = "prompt", "prompts", "questions"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_STRINGS = ("header", "question", "exemplar", "answer")
# Keys that protocols of the datasets' own templates have.
_OF_TEMPLATES = ("templates", "datasets", "chosen_on", "where_given", "typos")


@dataclass(frozen=True, kw_only=True)
class Exemplars:
    """Where the solved examples before a query are.

    Raises:
      DeclarationError: a value has the wrong type, or two do not go together.
    """

    split: str = ""
    """A split of the source, whose first rows are taken in their order."""
    record: str = ""
    """Or a text in what the source says of a task, such as a file of published exemplars."""
    form: Literal["", "prompt", "prompts", "questions"] = ""
    """How that text is written: one prompt, a JSON object with a prompt for each task, or a table
    (JSON, or a Python file as MGSM has it) with questions and answers for each task."""
    sha256: str = ""
    """Digest of the exemplars of all tasks, where they are known to be the published ones."""

    def __post_init__(self) -> None:
        check_types(self, "exemplars", error=DeclarationError)
        if bool(self.split) == bool(self.record):
            raise DeclarationError("exemplars: give split or record, one of them")
        if bool(self.record) != bool(self.form):
            raise DeclarationError("exemplars: record and form belong together")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How an answer is read out of what a model wrote.

    Raises:
      DeclarationError: a value has the wrong type, or the pattern is no regular expression.
    """

    after: str = ""
    """The text behind the last place where this stands; without one there is no answer."""
    pattern: str = ""
    """A regular expression: its first group that matched, or the whole match."""
    which: Literal["first", "last"] = "first"
    """Which match of the pattern."""
    ignore: tuple[str, ...] = ()
    """Regular expressions whose matches are removed from the answer and from what is right."""
    ignore_case: bool = False
    """Whether case is the same."""
    drop_period: bool = False
    """Whether one period at the end is removed."""
    keep_blanks: bool = False
    """Whether blanks at the ends of the answer count."""

    def __post_init__(self) -> None:
        check_types(self, "read", error=DeclarationError)
        for pattern in (self.pattern, *self.ignore):
            try:
                re.compile(pattern)
            except (re.error, RecursionError) as error:
                raise DeclarationError(
                    f"read: {quoted(pattern)} is no regular expression: {error}"
                ) from error


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One way to ask and score a suite.

    Raises:
      DeclarationError: with every problem of the declaration.
    """

    name: str
    """`SUITE@NAME` is how it is asked for."""
    source: str
    """Where it is written down: a paper's section, a file of a repository."""
    method: Literal["rank", "generate", "auto"]
    """Whether options are ranked by their log-probability, or text is written; auto, with
    templates, ranks where there are options."""
    templates: bool = False
    """Asks every forward template of the datasets, and has no strings of its own."""
    datasets: tuple[str, ...] = ()
    """What is asked, where that is not all of the suite: names as `flan eval` takes them."""
    chosen_on: Literal["", "validation"] = ""
    """With templates: also asks this split, and chooses each dataset's best template on it."""
    where_given: str = ""
    """With templates: the protocol is the suite's first where --data-dir names this, and is passed
    over where it does not."""
    typos: tuple[str, ...] = ()
    """With templates: those of its datasets whose examples are asked with typos as well."""
    question: str = ""
    """The query, with columns of a row in braces."""
    answer: str = ""
    """What is right, with columns in braces; for ranking one of the options."""
    header: str = ""
    """What stands once before everything."""
    exemplar: str = ""
    """A solved example, with what stands behind it."""
    shots: int = 0
    """Exemplars at most. Where a prompt is too long the last one goes first, one by one."""
    exemplars: Exemplars | None = None
    """Where they are from."""
    split: Literal["validation", "test"] = "test"
    """What is evaluated."""
    options: tuple[str, ...] = ()
    """What is ranked, with columns in braces."""
    scores_end: bool = True
    """Whether the end of an option counts among its tokens."""
    stops: tuple[str, ...] = ()
    """Where a written text ends: before the first of these."""
    read: Reading = Reading()
    """How the answer is read out of it."""
    metric: str = EXACT_MATCH
    """One of MEASURES."""
    number: str = ""
    """Which of its numbers stands for a task; the first if empty."""
    references: str = ""
    """Where a row has all right answers: a column with a list of texts, `answers.text` in a column
    that holds several. `{answer}` is then the first of them."""
    language: str = ""
    """In which language answers are compared, as an ISO 639 code; that of the task if empty."""
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Task -> columns of its own, such as labels in its language."""
    choices: int = 0
    """Answers among which every question of a written protocol lets choose: guessing gets 1 / their
    number; 0 where that is not so."""
    listed: str = ""
    """Or a regular expression of the answers that a question lists. Where it lists none, guessing
    gets 1 / 2 in a task that has two answers, and else nothing."""
    inputs: int = 1024
    """Longest prompt in tokens, the end included, where nothing else is asked for."""
    targets: int = 256
    """Longest answer in tokens, the end included, where nothing else is asked for."""
    note: str = ""
    """What differs from what others call by the same name."""

    def __post_init__(self) -> None:
        check_types(self, f"protocol {quoted(self.name)}", error=DeclarationError)
        if problems := list(self._problems()):
            raise DeclarationError(f"protocol {quoted(self.name)}: " + "; ".join(problems))

    def _problems(self) -> Iterator[str]:
        if not _NAME.fullmatch(self.name):
            yield "its name must be lower-case letters, digits and underscores"
        if not self.source.strip():
            yield "source is empty; say where the protocol is written down"
        for name in _STRINGS:
            yield from (f"{name} {what}" for what in problems_of(getattr(self, name)))
        for option in self.options:
            yield from (f"option {quoted(option)} {what}" for what in problems_of(option))
        if self.templates:
            yield from self._problems_of_templates()
            return
        for name in ("question", "answer"):
            if not getattr(self, name):
                yield f'no "{name}"; or give templates = true'
        for name in ("chosen_on", "where_given", "typos"):
            if getattr(self, name):
                yield f"{name} goes with templates"
        if self.method == "auto":
            yield 'method "auto" goes with templates; give rank or generate'
        try:
            re.compile(self.listed)
        except (re.error, RecursionError) as error:
            yield f"listed {quoted(self.listed)} is no regular expression: {error}"
        if (self.listed or self.choices) and self.method == "rank":
            yield "choices and listed are of written answers; of ranked options their number counts"
        if self.choices < 0 or self.choices == 1 or (self.choices and self.listed):
            yield "give choices, 2 or more, or listed: one of them"
        if self.metric not in MEASURES:
            yield f"metric {quoted(self.metric)} must be one of {', '.join(MEASURES)}"
        elif self.number and self.number not in (numbers := _numbers(self.metric)):
            yield f"number {quoted(self.number)} must be one of {', '.join(numbers)}"
        if (self.method == "rank") != bool(self.options):
            yield 'method "rank" and options belong together'
        if self.method == "rank" and (self.stops or self.read != Reading()):
            yield 'stops and read are of written texts; with method "rank" leave them out'
        if self.shots < 0 or self.inputs < 1 or self.targets < 1:
            yield "shots must be 0 or more, inputs and targets 1 or more"
        if bool(self.shots) != (self.exemplars is not None):
            yield "shots and exemplars belong together"
        if bool(self.shots) != bool(self.exemplar):
            yield "shots and exemplar, which says how one looks, belong together"
        if not all(self.stops):
            yield "a stop string is empty"

    def _problems_of_templates(self) -> Iterator[str]:
        """Names what a protocol of the datasets' templates has no use for."""
        kept = {"name", "source", "method", "split", "note", *_OF_TEMPLATES}
        for part in fields(self):
            usual = part.default if part.default_factory is MISSING else part.default_factory()
            if part.name not in kept and getattr(self, part.name) != usual:
                yield f"{part.name} does not go with templates, which say how they are asked"
        if self.chosen_on == self.split:
            yield f"chosen_on must be another split than {self.split}, which is scored"


def _numbers(name: str) -> tuple[str, ...]:
    """Names of the numbers that a metric gives for an answer."""
    return tuple(metric(name)([Gold("1", ("1",), ("1", "2"))], ["1"]))


@dataclass(frozen=True, kw_only=True)
class Part:
    """A suite in a suite of suites, by one protocol.

    Raises:
      DeclarationError: a value has the wrong type.
    """

    name: str
    """How it is called there."""
    suite: str
    """SUITE@PROTOCOL."""
    average: str
    """Which of its averages counts."""

    def __post_init__(self) -> None:
        check_types(self, f"part {quoted(self.name)}", error=DeclarationError)
        if PROTOCOL_MARK not in self.suite:
            raise DeclarationError(
                f"part {quoted(self.name)}: suite {quoted(self.suite)} must name its protocol, "
                "SUITE@PROTOCOL"
            )


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A benchmark.

    Raises:
      DeclarationError: with every problem of the declaration.
    """

    name: str
    """Lower-case letters, digits and underscores: the name of its file."""
    description: str
    """What it measures, in a sentence."""
    home: str
    """Where its files are from."""
    layout: str
    """What a user's folder holds."""
    averages: tuple[Average, ...]
    """Its numbers; the first stands for the suite."""
    protocols: tuple[Protocol, ...] = ()
    """Ways to ask it; the first is meant where none is named."""
    parts: tuple[Part, ...] = ()
    """Or other suites that it is made of."""
    datasets: tuple[str, ...] = ()
    """Names of datasets or families; where templates are asked also clusters, and mixtures, whose
    held-out side is meant."""
    numbers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Dataset -> the numbers whose mean is its score, where templates are asked; by default its
    first number."""
    lacks: tuple[str, ...] = ()
    """What belongs to it as published and is not here, a line each."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Or rows of its own: split -> file or pattern, beside the suite's file or in --data-dir."""
    rows: int = 0
    """Examples that are evaluated of the whole suite, where it is known."""
    license: str = ""
    """Of its texts."""
    citation: str = ""
    """A line that finds the paper."""
    published: tuple[Published, ...] = ()
    """Numbers that others report."""
    submission: Submission | None = None
    """The files that its server takes."""
    folder: str = ""
    """Where its file lies; relative paths of `files` start there."""

    def __post_init__(self) -> None:
        check_types(self, f"suite {quoted(self.name)}", error=DeclarationError)
        if problems := list(self._problems()):
            raise DeclarationError("; ".join(problems))

    def _problems(self) -> Iterator[str]:
        if not _NAME.fullmatch(self.name):
            yield (
                f"suite {quoted(self.name)}: a suite is named as its file, in lower-case letters, "
                "digits and underscores"
            )
        if [bool(self.datasets), bool(self.files), bool(self.parts)].count(True) != 1:
            yield "give datasets, files with rows of the suite's own, or parts: one of them"
        if bool(self.parts) == bool(self.protocols):
            yield (
                "a suite of parts has no protocols, as its parts name theirs"
                if self.parts
                else "protocols is empty"
            )
        for average in self.averages:
            if (average.over == "parts") != bool(self.parts):
                yield f'average {quoted(average.name)}: over = "parts" and parts belong together'
            for protocol in self.protocols if average.number else ():
                numbers = () if protocol.templates else _numbers(protocol.metric)
                if average.number not in numbers:
                    yield (
                        f"average {quoted(average.name)}: number {quoted(average.number)} is none "
                        f"of {protocol.name}'s, {', '.join(numbers) or 'which asks templates'}"
                    )
        if self.numbers and not any(one.templates for one in self.protocols):
            yield "numbers go with a protocol of templates"
        if self.submission and not any(one.templates for one in self.protocols):
            yield "a submission goes with a protocol of templates, by which its rows are asked"
        if self.files and any(one.templates for one in self.protocols):
            yield "templates are of datasets, and files have rows of the suite's own"
        for what, one in (
            ("protocols", self.protocols),
            ("averages", self.averages),
            ("parts", self.parts),
        ):
            names = [item.name for item in one]
            if not names and what == "averages":
                yield f"{what} is empty"
            if twice := sorted({name for name in names if names.count(name) > 1}):
                yield f"{what} has {', '.join(twice)} more than once"
        for number in self.published:
            for what, one in (("protocol", self.protocols), ("average", self.averages)):
                name = getattr(number, what)
                if name not in [item.name for item in one]:
                    known = ", ".join(item.name for item in one)
                    yield f"published: {what} {quoted(name)} must be one of {known}"

    def protocol(self, name: str) -> Protocol | None:
        """Returns a protocol by name; without a name the first."""
        if not name and self.protocols:
            return self.protocols[0]
        return next((one for one in self.protocols if one.name == name), None)
