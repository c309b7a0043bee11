"""The members of the family p3: subtasks of P3, rows of their data sets, and their prompts.

Jinja and PyYAML are loaded when the first prompt is asked for.
"""

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from flan_tasks.core import extras
from flan_tasks.core.choice import hash_text
from flan_tasks.core.dataset import Row
from flan_tasks.core.errors import MissingLibraryError, SourceUnavailableError, UnknownNameError
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.member import Member
from flan_tasks.core.naming import MEMBER_MARK, member_name
from flan_tasks.core.origin import HuggingFace
from flan_tasks.core.resources import folder as resource_folder
from flan_tasks.core.shared_tables import RECORD, ROW, SharedTable
from flan_tasks.core.splits import Splits
from flan_tasks.promptsource.index import (
    PromptedDataset,
    Subtask,
    prompted_datasets,
    read_subtask,
    subtasks,
)
from flan_tasks.promptsource.names import source_split

FAMILY = "p3"
INPUTS = "inputs"
NOT_STATED = "not stated by a source known here"
CITATION = "Bach et al. 2022, PromptSource; Sanh et al. 2022, Multitask Prompted Training"
RECORD_DIR = (
    "the prompts are in promptsource (Apache-2.0), which is not part of this package: git clone "
    "https://github.com/bigscience-workshop/promptsource, or pip download --no-deps --no-binary "
    ":all: promptsource==0.2.3"
)
# Ids of the engine's templates: a prompt as it is, and with its allowed answers below.
PROMPT, PROMPT_AND_OPTIONS = "prompt", "prompt_and_options"
# FLAN's kind of those to which Flan 2022 adds the allowed answers.
_SEPARATED = "multiple_choice_separated_options"
# promptsource's metrics that are computed here, the first of which counts.
_METRICS = {
    "Accuracy": "accuracy",
    "Squad": "squad",
    "Trivia QA": "trivia_qa",
    "COQA F1": "coqa",
    "ROUGE": "rouge",
    "BLEU": "bleu",
    "Edit Distance": "edit_distance",
}
_NO_CHOICES = Skip("its template states no allowed answers")


def member_of(entry: Mapping[str, Any]) -> Member:
    """Returns the member that a line of the index of subtasks is."""
    one = read_subtask(entry)
    facts = _facts(one)
    shows_options = one.in_t0_sf and one.kind == _SEPARATED
    return Member(
        source_name=one.name,
        cluster=facts.cluster,
        license=facts.license,
        overlaps=facts.overlaps,
        size={_source_split(one, split): rows for split, rows in one.rows.items()},
        has_options=one.has_choices,
        metrics=metrics_of(one.metrics, has_choices=one.has_choices),
        templates=(PROMPT_AND_OPTIONS if shows_options else PROMPT,),
        table=one.scored_as,
        facts=entry,
    )


def subtask_of(member: Member) -> Subtask:
    """Returns the subtask that a member is."""
    return read_subtask(member.facts)


def member_names(chosen: Iterable[Subtask]) -> tuple[str, ...]:
    """Returns what subtasks are called here, such as p3:qasc_is_correct_1."""
    return tuple(f"{FAMILY}{MEMBER_MARK}{member_name(one.name)}" for one in chosen)


def data_sets() -> dict[str, str]:
    """Member -> the data set that it is a prompt of, for every subtask of P3."""
    return {
        name: one.scored_as for name, one in zip(member_names(subtasks()), subtasks(), strict=True)
    }


def table_of(member: Member) -> SharedTable:
    """Returns the rows of a member's data set.

    Tests of the hub often lack their answers, so a test is read where there is no validation. T0 is
    scored on all of validation, which is therefore the test of what it holds out.
    """
    if member.table not in _tables():
        _tables()[member.table] = _table_of(subtask_of(member))
    return _tables()[member.table]


@functools.cache
def _tables() -> dict[str, SharedTable]:
    return {}


def _table_of(one: Subtask) -> SharedTable:
    validation = next((split for split in ("validation", "val") if split in one.rows), None)
    splits = {"train": "train"}
    if validation is not None:
        splits["test" if _facts(one).held_out else "validation"] = validation
    elif "test" in one.rows:
        splits["test"] = "test"
    there: dict[str, Any] = {ours: _source_split(one, split) for ours, split in splits.items()}
    return SharedTable(
        source=HuggingFace(one.dataset, one.subset),
        splits=Splits(**there),
        folder=one.title,
    )


def records(folder: Path) -> Callable[[Member], dict[str, Any]]:
    """Opens a copy of promptsource: member -> its template.

    Raises:
      SourceUnavailableError: there are no template files, or what reads them is not installed.
    """
    from flan_tasks.promptsource.folder import PromptFolder

    try:
        with extras.needed_for("Reading promptsource's templates"):
            import jinja2  # noqa: F401 - rendering needs it, one prompt after the other
            import yaml  # noqa: F401
    except MissingLibraryError as error:
        raise SourceUnavailableError(str(error)) from error
    prompts = PromptFolder(folder)
    is_ours = _is_ours(folder)

    def template_of(member: Member) -> dict[str, Any]:
        one = subtask_of(member)
        try:
            found = prompts.file(one.dataset, one.subset)
            template = found[one.template if is_ours else one.id]
        except (SourceUnavailableError, UnknownNameError) as error:
            if is_ours:
                raise SourceUnavailableError(
                    f"no prompt of this package stands in for it; {RECORD_DIR}, and give it: "
                    f"--data-dir {FAMILY}=DIR"
                ) from error
            if isinstance(error, UnknownNameError):
                raise SourceUnavailableError(
                    f"{one.title}/templates.yaml has no template {one.id}, {one.template!r}; "
                    "another copy of promptsource may have it"
                ) from error
            raise
        return {
            "id": template.id,
            "name": template.name,
            "jinja": template.jinja,
            "answer_choices": template.answer_choices,
        }

    return template_of


def answer_prompt(row: Row, member: Member) -> Example | Skip:
    """Answers a prompt of promptsource's."""
    from flan_tasks.promptsource.examples import prompted_example, renamed
    from flan_tasks.promptsource.rendering import Draws

    record, values = row[RECORD], row[ROW]
    title = subtask_title(member)
    if member.has_options and record["answer_choices"] is None:
        return _NO_CHOICES
    texts = (record["id"], record["name"], record["jinja"], record["answer_choices"])
    draws = Draws(0, title, record["id"], row_key(values))
    example = prompted_example(renamed(values, title), _renderer(title, *texts), draws)
    if isinstance(example, Skip):
        return example
    return Example(
        fields={INPUTS: example.fields[INPUTS]},
        answer=example.answer,
        options=example.options if member.has_options else (),
    )


def subtask_title(member: Member) -> str:
    """Returns the data set of a member, as promptsource's folders name it."""
    dataset, subset = member.facts["dataset"], member.facts["subset"]
    return f"{dataset}/{subset}" if subset else dataset


def row_key(row: Mapping[str, Any]) -> str:
    """Returns what the draws of a row follow from, which is what it says: it has no other name."""
    return f"{hash_text(json.dumps(row, sort_keys=True, default=str)):016x}"


def metrics_of(names: Iterable[str], *, has_choices: bool) -> tuple[str, ...]:
    """Returns what answers are scored by, from promptsource's names of metrics."""
    if has_choices:
        return ("accuracy",)
    known = [_METRICS[name] for name in names if name in _METRICS]
    return (known[0] if known else "rouge",)


def is_stand_in(folder: Path | None) -> bool:
    """Whether prompts of a folder are this package's, in place of those of promptsource."""
    return folder is not None and _is_ours(folder)


def _is_ours(folder: Path) -> bool:
    return folder.resolve().is_relative_to((resource_folder("samples") / "families").resolve())


def _source_split(one: Subtask, split: str) -> str:
    return source_split(split, anli_round=one.anli_round)


def _facts(one: Subtask) -> PromptedDataset:
    return _by_title()[one.title]


@functools.cache
def _by_title() -> dict[str, PromptedDataset]:
    return {one.title: one for one in prompted_datasets()}


@functools.lru_cache(maxsize=1024)
def _renderer(title: str, id_: str, name: str, jinja: str, choices: str | None) -> Any:
    from flan_tasks.promptsource.files import PromptTemplate
    from flan_tasks.promptsource.rendering import Renderer

    template = PromptTemplate(id=id_, name=name, jinja=jinja, answer_choices=choices)
    return Renderer(template, where=f"{title}/templates.yaml")
