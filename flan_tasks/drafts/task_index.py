"""The index of a folder of task files: a line of facts for each task, and nothing of its text.

A checkout of Natural Instructions has its official splits and a list of all tasks beside the
files; tasks of the list whose file is missing get a line without what only the file says.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.core.member import Member
from flan_tasks.datasets._natural_instructions_tables import (
    LANGUAGES,
    UNKNOWN_LICENSE,
    cluster_of,
    data_sets,
    is_from_mmlu,
    license_of,
    shared_datasets,
)
from flan_tasks.datasets._task_files import TaskFile, parse_task
from flan_tasks.raw_rows.text_bytes import check_no_pointer, open_text

# The split that a family of task files reads its rows from.
SOURCE_SPLIT = "train"
ENDING = ".json"
# Files whose faults are named together.
_MOST = 10
# `name` | summary | category | domains | input languages | output languages
_LISTED = re.compile(r"`(?P<name>[^`]+)`\s*\|")
_TRACKS = {"split": "default", "xlingual": "xlingual"}
_SIDES = ("train", "test", "excluded")
# So many instances, from the first, are the official test set of a test task.
TEST_ROWS = 100


@dataclass(frozen=True)
class TaskFacts:
    """What is known of a task without its text."""

    name: str
    """What the source calls it."""
    category: str
    """Its kind of task."""
    input_languages: tuple[str, ...] = ()
    """Names of languages, in English."""
    output_languages: tuple[str, ...] = ()
    """Names of languages, in English."""
    sources: tuple[str, ...] = ()
    """The data sets it was made from; empty where that is not known."""
    licenses: tuple[str, ...] = ()
    """As its authors wrote them; empty where that is not known."""
    instances: int | None = None
    """Number of rows; None where that is not known."""


def task_files(folder: Path) -> tuple[Path, ...]:
    """Returns the task files of a folder's `tasks`, or else of the folder, in name order.

    Raises:
      SourceUnavailableError: there are none.
    """
    for place in (folder / "tasks", folder):
        paths = sorted(place.glob(f"*{ENDING}")) if place.is_dir() else []
        if paths:
            return tuple(paths)
    raise SourceUnavailableError(
        f"{folder} has no task files; it needs TASK{ENDING} files, itself or in a folder `tasks`, "
        "as a checkout of https://github.com/allenai/natural-instructions has"
    )


def read_task_file(path: Path) -> TaskFile:
    """Reads and checks one task file.

    Raises:
      SourceUnavailableError: it cannot be opened.
      RowError: it is no task file, or damaged; with every problem and its place.
    """
    try:
        check_no_pointer(path)
        text = open_text(path).read()
    except OSError as error:
        raise SourceUnavailableError(f"{path} cannot be read: {error.strerror or error}") from error
    return parse_task(text, name=path.name.removesuffix(ENDING), where=path.name)


def index_folder(folder: Path) -> list[Member]:
    """Returns the members of a folder of task files, in the order of their names.

    Raises:
      SourceUnavailableError: there are no task files, or one cannot be opened.
      RowError: files are damaged; the first ten are named.
      DeclarationError: two tasks would have one name here, or a language is not known.
    """
    tasks: dict[str, TaskFacts] = {}
    problems: list[str] = []
    for path in task_files(folder):
        try:
            task = read_task_file(path)
        except RowError as error:
            problems.extend(error.rows)
            if len(problems) >= _MOST:
                break
            continue
        tasks[task.name] = facts_of(task)
    if problems:
        raise RowError(*problems)
    for facts in listed_tasks(folder):
        tasks.setdefault(facts.name, facts)
    return members_of(list(tasks.values()), official_splits(folder))


def facts_of(task: TaskFile) -> TaskFacts:
    """Returns what a task file says without its text."""
    return TaskFacts(
        name=task.name,
        category=task.categories[0] if task.categories else "",
        input_languages=task.input_languages,
        output_languages=task.output_languages,
        sources=task.sources,
        licenses=task.licenses,
        instances=len(task.instances),
    )


def listed_tasks(folder: Path) -> list[TaskFacts]:
    """Returns what the list of all tasks of a checkout, `tasks/README.md`, says of each.

    Its summaries, which are the source's text, are not taken.
    """
    for path in (folder / "tasks" / "README.md", folder / "tasks_README.md"):
        if path.is_file():
            lines = path.read_text(encoding="utf-8").split("\n")
            return [facts for line in lines if (facts := _listed(line)) is not None]
    return []


def _listed(line: str) -> TaskFacts | None:
    match = _LISTED.match(line)
    cells = [cell.strip() for cell in line.split("|")]
    if match is None or len(cells) < 6:
        return None
    return TaskFacts(
        name=match["name"],
        # From the right, as a summary may hold a bar.
        category=cells[-4],
        input_languages=tuple(cells[-2].split(", ")),
        output_languages=tuple(cells[-1].split(", ")),
    )


def official_splits(folder: Path) -> dict[str, dict[str, str]]:
    """Returns fact (`split`, `xlingual`) -> task -> its side; empty without a folder `splits`."""
    sides: dict[str, dict[str, str]] = {}
    for fact, track in _TRACKS.items():
        for side in _SIDES:
            path = folder / "splits" / track / f"{side}_tasks.txt"
            if path.is_file():
                names = path.read_text(encoding="utf-8").split()
                sides.setdefault(fact, {}).update(dict.fromkeys(names, side))
    return sides


def members_of(tasks: Sequence[TaskFacts], sides: Mapping[str, Mapping[str, str]]) -> list[Member]:
    """Returns the members that facts make, in the order of their names.

    Raises:
      DeclarationError: two tasks would have one name here, or a language is not known.
    """
    members: dict[str, Member] = {}
    problems: list[str] = []
    for facts in sorted(tasks, key=lambda facts: facts.name):
        own = {fact: of.get(facts.name, "") for fact, of in sides.items()}
        try:
            member = _member(facts, own)
        except DeclarationError as error:
            problems.append(str(error))
            continue
        if other := members.get(member.name):
            problems.append(
                f'"{facts.name}" and "{other.source_name}" would both be called {member.name}'
            )
        members[member.name] = member
    if problems:
        raise DeclarationError("\n".join(problems[:_MOST]))
    return list(members.values())


def _member(facts: TaskFacts, sides: Mapping[str, str]) -> Member:
    inputs, outputs = _codes(facts, facts.input_languages), _codes(facts, facts.output_languages)
    languages = tuple(dict.fromkeys((*outputs, *inputs)))
    from_mmlu = is_from_mmlu(facts.name, facts.sources)
    return Member(
        source_name=facts.name,
        cluster=cluster_of(facts.category) if facts.category else "own",
        license=license_of(facts.licenses) if facts.licenses else UNKNOWN_LICENSE,
        languages=languages,
        answer_language=outputs[0] if len(languages) > 1 else "",
        overlaps=shared_datasets(facts.name, facts.sources),
        data_sets=data_sets(facts.name, facts.sources),
        size={} if facts.instances is None else {SOURCE_SPLIT: facts.instances},
        splits=_splits(facts, sides),
        in_default_mixtures=not from_mmlu,
        facts={
            **({"category": facts.category} if facts.category else {}),
            **({"sources": list(facts.sources)} if facts.sources else {}),
            **({"input_languages": list(inputs)} if inputs else {}),
            **({"output_languages": list(outputs)} if outputs else {}),
            **{fact: side for fact, side in sides.items() if side},
            **({"mmlu": True} if from_mmlu else {}),
        },
    )


def _splits(facts: TaskFacts, sides: Mapping[str, str]) -> tuple[str, ...]:
    """The splits a task takes part in; empty for all, as where nothing official is known."""
    if not any(sides.values()):
        return ()
    if "test" not in sides.values():
        return ("train", "validation")
    # A test task that is no longer than the test set has no row to train on.
    is_short = facts.instances is not None and facts.instances <= TEST_ROWS
    return ("test",) if is_short else ()


def _codes(facts: TaskFacts, names: Sequence[str]) -> tuple[str, ...]:
    unknown = sorted({name for name in names if name not in LANGUAGES})
    if unknown:
        raise DeclarationError(
            f"{facts.name}: language {', '.join(unknown)} is not known; it needs an English name "
            "such as German"
        )
    return tuple(LANGUAGES[name] for name in names)
