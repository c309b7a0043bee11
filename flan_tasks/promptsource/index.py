"""P3's subtasks and data sets: names, ids, counts and licenses, and no wording of any template.

The facts are those of google-research/FLAN's list of P3 subtasks (flan/v2/constants_t0.py), of
promptsource's template files at 7dab96a3, and of t-zero's t0/datasets.csv.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import unknown_name

# Its lines are members of the family p3 as well.
SUBTASKS = Path(__file__).with_name("p3.subtasks.jsonl")
# Where T0's training mixtures take more than the one before.
T0, T0_PLUS, T0_PLUS_PLUS = "t0", "t0p", "t0pp"
T0_SF = "t0sf"
COLLECTIONS: Mapping[str, str] = {
    T0_SF: "the 193 subtasks of Flan 2022 that FLAN 2021 has not",
    T0: "T0's training mixture",
    T0_PLUS: "T0 and GPT-3's evaluation sets",
    T0_PLUS_PLUS: "T0+ and SuperGLUE but for RTE and CB",
}
_PARTS: Mapping[str, tuple[str, ...]] = {
    T0: (T0,),
    T0_PLUS: (T0, T0_PLUS),
    T0_PLUS_PLUS: (T0, T0_PLUS, T0_PLUS_PLUS),
}
# A data set of more training rows has so many shared by its templates.
T0_CAP = 500_000
# T0's four groups of held-out tasks, by the category of t-zero's table.
HELD_OUT_GROUPS: Mapping[str, str] = {
    "nli": "natural language inference",
    "coreference": "coreference resolution",
    "story_completion": "sentence completion",
    "qa_multiple_choice": "sentence completion",
    "word_sense_disambiguation": "word sense disambiguation",
}


@dataclass(frozen=True, kw_only=True)
class PromptedDataset:
    """A data set that P3 or T0 has prompts for."""

    dataset: str
    """Its name on the Hugging Face hub."""
    subset: str
    """Its configuration there; empty where it has none."""
    category: str
    """What it tests, in t-zero's words; empty where t-zero does not use it."""
    cluster: str
    """That of the 62 where the data set is one of them, else of the ability it tests."""
    overlaps: tuple[str, ...]
    """Datasets of this package that hold some of its texts."""
    t0_part: str
    """The first of t0, t0p, t0pp that trains on it; empty where none does."""
    held_out: bool
    """Whether T0 is evaluated on it."""
    train_rows: int
    """Its training rows by t-zero's table; 0 where that states none."""
    license: str
    """As its source states it; empty where that is not known here."""
    splits: Mapping[str, int]
    """Split -> rows as of 2022; empty where that is not known here."""

    @property
    def title(self) -> str:
        """As promptsource's folders name it."""
        return f"{self.dataset}/{self.subset}" if self.subset else self.dataset

    @property
    def held_out_group(self) -> str:
        """The group of held-out tasks that it belongs to; empty where T0 does not hold it out."""
        return HELD_OUT_GROUPS[self.category] if self.held_out else ""


@dataclass(frozen=True, kw_only=True)
class Subtask:
    """One template on one data set, as P3 names it."""

    name: str
    """Its name in P3."""
    dataset: str
    """The data set's name on the hub."""
    subset: str
    """Its configuration; empty where it has none."""
    template: str
    """The template's name in promptsource."""
    id: str
    """The template's id in promptsource."""
    original_task: bool | None
    """Whether it asks what the data set was made for."""
    choices_in_prompt: bool | None
    """Whether the input shows the allowed answers; None where promptsource does not say."""
    metrics: tuple[str, ...]
    """promptsource's names of what its answers are scored by."""
    has_choices: bool
    """Whether the template states allowed answers."""
    anli_round: int
    """1 to 3 for ANLI; 0 for every other data set."""
    kind: str
    """FLAN's word: question_answer, multiple_choice, or multiple_choice_separated_options, whose
    input does not show them."""
    ranked: bool
    """Whether P3 has it for rank classification as well."""
    in_t0_sf: bool
    """Whether it is one of T0-SF's 193."""
    rows: Mapping[str, int]
    """Split -> rows in P3."""

    @property
    def title(self) -> str:
        """The data set, as promptsource's folders name it."""
        return f"{self.dataset}/{self.subset}" if self.subset else self.dataset

    @property
    def scored_as(self) -> str:
        """The data set whose prompts are scored together: ANLI's rounds stand for themselves."""
        return f"{self.title} r{self.anli_round}" if self.anli_round else self.title


@functools.cache
def prompted_datasets() -> tuple[PromptedDataset, ...]:
    """All data sets, by name."""
    return tuple(
        PromptedDataset(**entry | {"overlaps": tuple(entry["overlaps"])})
        for entry in _lines("p3.datasets.jsonl")
    )


@functools.cache
def subtasks() -> tuple[Subtask, ...]:
    """P3's subtasks that have training rows or are ranked, by name."""
    return tuple(map(read_subtask, _lines(SUBTASKS.name)))


def read_subtask(entry: Mapping[str, Any]) -> Subtask:
    """Returns the subtask of a line of the index."""
    return Subtask(**{**entry, "metrics": tuple(entry["metrics"])})


def subtask(name: str) -> Subtask:
    """Returns a subtask by P3's name.

    Raises:
      UnknownNameError: P3 has none of that name; the nearest names are given.
    """
    by_name = {one.name: one for one in subtasks()}
    if name not in by_name:
        raise unknown_name("subtask of P3", name, by_name)
    return by_name[name]


def collection(name: str) -> tuple[Subtask, ...]:
    """The subtasks that a published mixture trains on.

    Raises:
      UnknownNameError: it is none of `COLLECTIONS`.
    """
    if name == T0_SF:
        return tuple(one for one in subtasks() if one.in_t0_sf)
    if name not in _PARTS:
        raise unknown_name("collection of P3", name, COLLECTIONS)
    chosen = {
        (one.dataset, one.subset) for one in prompted_datasets() if one.t0_part in _PARTS[name]
    }
    return tuple(one for one in subtasks() if (one.dataset, one.subset) in chosen)


def t0_rates(name: str) -> dict[str, int]:
    """Subtask -> its rate in a training mixture of T0.

    A data set of at most 500,000 rows gives each of its templates all of them, one of more gives
    each an equal share of 500,000.

    Raises:
      UnknownNameError: it is none of t0, t0p, t0pp.
    """
    if name not in _PARTS:
        raise unknown_name("mixture of T0", name, _PARTS)
    members = collection(name)
    sizes = {(one.dataset, one.subset): one.train_rows for one in prompted_datasets()}
    rates = {}
    for one in members:
        rows = sizes[one.dataset, one.subset]
        same = sum(other.title == one.title for other in members)
        rates[one.name] = rows if rows <= T0_CAP else T0_CAP // same
    return rates


def held_out() -> dict[str, tuple[Subtask, ...]]:
    """T0's held-out data set -> the prompts it is scored on: original tasks, ranked by P3.

    ANLI's rounds stand for themselves, as "anli r1". Story Cloze is held out too and has no
    subtask here: its license keeps its rows, and P3's of it, from being given out.
    """
    names = {(one.dataset, one.subset) for one in prompted_datasets() if one.held_out}
    groups: dict[str, list[Subtask]] = {}
    for one in subtasks():
        if (one.dataset, one.subset) in names and one.ranked and one.original_task:
            groups.setdefault(one.scored_as, []).append(one)
    return {data_set: tuple(members) for data_set, members in groups.items()}


def _lines(name: str) -> list[dict[str, Any]]:
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
