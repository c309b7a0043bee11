"""Names: how SeqIO tasks and mixtures are called, and what a dataset or template may be called."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from flan_tasks.core.errors import UnknownNameError

PREFIX = "flan:"
# Between the name of a family and that of its member.
MEMBER_MARK = ":"
MIXTURE = "mix"
RANK = "rank"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MEMBER = re.compile(r"[a-z0-9_]+")
_NO_MEMBER = re.compile(r"[^a-z0-9_]")
# Names become parts of file names, which most file systems end at 255 bytes.
_LONGEST = 100
_MIXTURE_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


@dataclass(frozen=True)
class TaskName:
    """`flan:<dataset>`, `flan:<dataset>.<template>` or `flan:<dataset>.<template>.rank`.

    A task of a family is called `<family>:<member>` where a dataset's name stands.
    """

    dataset: str
    """Name of the dataset, or of a family and its member."""
    template: str = ""
    """Template id; empty for the training task."""
    is_rank: bool = False
    """Whether answers are ranked; otherwise they are generated."""

    def __str__(self) -> str:
        parts = [self.dataset, self.template, RANK if self.is_rank else ""]
        return PREFIX + ".".join(part for part in parts if part)


@dataclass(frozen=True)
class MixtureName:
    """`flan:mix.<name>`."""

    name: str
    """Name of the mixture, e.g. "without.nli"."""

    def __str__(self) -> str:
        return f"{PREFIX}{MIXTURE}.{self.name}"


def parse_name(name: str) -> TaskName | MixtureName:
    """Reads a SeqIO name of ours; the inverse of `str`.

    Raises:
      UnknownNameError: it is none of ours.
    """
    rest = name.removeprefix(PREFIX)
    parts = rest.split(".")
    family, mark, member = parts[0].partition(MEMBER_MARK)
    names = [family, *parts[1:]]
    if (
        rest == name
        or not all(_NAME.fullmatch(part) for part in names)
        or (mark and not _MEMBER.fullmatch(member))
    ):
        raise UnknownNameError(
            f'"{name}" is no name of ours; they look like flan:rte, flan:rte.hence, '
            "flan:rte.hence.rank, flan:FAMILY:MEMBER.hence or flan:mix.all"
        )
    if parts[0] == MIXTURE and len(parts) > 1:
        return MixtureName(".".join(parts[1:]))
    is_rank = len(parts) == 3 and parts[2] == RANK
    if len(parts) > 2 and not is_rank:
        raise UnknownNameError(f'"{name}": after the template id only .{RANK} may follow')
    return TaskName(parts[0], parts[1] if len(parts) > 1 else "", is_rank)


def check_dataset_name(name: str) -> Iterable[str]:
    """Yields what is wrong with a dataset's name."""
    if len(name) > _LONGEST:
        yield _too_long("the name", name)
    elif not _NAME.fullmatch(name):
        yield f'the name "{name}" must be lower-case letters, digits and underscores'
    if name == MIXTURE:
        yield f'"{MIXTURE}" is taken: flan:{MIXTURE}.<name> is a mixture'


def member_name(source_name: str) -> str:
    """Returns the name of a task in its family: the source's, lower-cased, with `_` for others."""
    return _NO_MEMBER.sub("_", source_name.lower())


def check_member_name(name: str) -> Iterable[str]:
    """Yields what is wrong with a member's name within its family."""
    if len(name) > _LONGEST:
        yield _too_long("the name", name)
    elif not _MEMBER.fullmatch(name):
        yield f'the name "{name}" must be lower-case letters, digits and underscores'


def check_task_name(name: str) -> Iterable[str]:
    """Yields what is wrong with the name of a family's task, `<family>:<member>`."""
    family, mark, member = name.partition(MEMBER_MARK)
    yield from check_dataset_name(family)
    if mark:
        yield from check_member_name(member)
    else:
        yield f'"{name}" names no member: <family>{MEMBER_MARK}<member>'


def check_cluster_name(name: str) -> Iterable[str]:
    """Yields what is wrong with a cluster's name."""
    if len(name) > _LONGEST:
        yield _too_long("cluster", name)
    elif not _NAME.fullmatch(name):
        yield f'cluster "{name}" must be lower-case letters, digits and underscores'


def check_template_id(name: str) -> Iterable[str]:
    """Yields what is wrong with a template's id."""
    if len(name) > _LONGEST:
        yield _too_long("id", name)
    elif not _NAME.fullmatch(name):
        yield f'id "{name}" must be lower-case letters, digits and underscores'
    if name == RANK:
        yield f'id "{RANK}" is taken: .{RANK} asks for rank classification'


def check_mixture_name(name: str) -> Iterable[str]:
    """Yields what is wrong with a mixture's name."""
    if MEMBER_MARK in name:  # the mixture that a task by itself makes
        yield from check_task_name(name)
    elif len(name) > _LONGEST:
        yield _too_long("mixture name", name)
    elif not _MIXTURE_NAME.fullmatch(name):
        yield f'mixture name "{name}" must be lower-case words joined by dots, as without.nli'


def check_part_name(name: str) -> Iterable[str]:
    """Yields what is wrong with the name of a part of a mixture."""
    if len(name) > _LONGEST:
        yield _too_long("the name", name)
    elif not _NAME.fullmatch(name):
        yield f'the name "{name}" must be lower-case letters, digits and underscores'


def _too_long(what: str, name: str) -> str:
    return f"{what} has {len(name):,} characters; {_LONGEST} are allowed"
