"""The numbers of an evaluation as lm-evaluation-harness 0.4.13 keeps its own: `results_*.json`.

A task of the harness is one template of a dataset on one split, by ranking or by writing; a group
is a dataset over its templates, or a suite. Numbers are called and scaled as in `scores.json`, from
0 to 100, and the harness's filter is the way to an answer: `accuracy,sum`. The harness has no place
for spreads over templates, the best of them, chance and the majority, which stay in `scores.json`.
"""

import re
from collections.abc import Container, Iterable, Mapping
from typing import Any

from flan_tasks.core.counting import counted
from flan_tasks.core.naming import MEMBER_MARK
from flan_tasks.core.version import VERSION
from flan_tasks.evaluation.normalizing import GENERATED, SUM
from flan_tasks.evaluation.summary import TEST, DatasetScore, Spread, TemplateScore
from flan_tasks.metrics.by_name import LOWER_IS_BETTER
from flan_tasks.suites.declared import PROTOCOL_MARK
from flan_tasks.suites.stored import StoredScores, StoredSuite, reported_split

# What the harness writes where a number has no standard error.
_UNKNOWN = "N/A"
# Characters that it takes out of a model's name for a file's.
_NOT_IN_FILES = re.compile(r"[\"<>:/|\\?*\[\]]+")
# Where the values of a task or group stand.
_RESULTS, _GROUPS, _SUBTASKS = "results", "groups", "group_subtasks"
LEFT_OUT = (
    "spreads over templates, the template that is best on validation, chance, the majority, "
    "and counts of prompts that were cut"
)


def harness_results(
    stored: StoredScores, *, parts: Container[tuple[str, str]], model: str
) -> dict[str, Any]:
    """Returns what the harness would keep of such an evaluation, as JSON-able values.

    What is not of a whole split is marked as the harness marks it. How many examples there are
    stands in no file, so `n-samples` of such a task has no `original`; and `limit` is the most
    examples that were asked of a task of which not all were. The harness has one limit for every
    task, so that a part of validation, where a dataset has test as well, gives none. A group has no
    `n-samples`: that of a suite some of whose tasks are missing is named after what was scored, as
    in the harness a group that was not asked whole is not there by its name.

    Args:
      stored: the numbers.
      parts: (dataset, split) whose numbers are not of the whole split.
      model: what the model is called.
    """
    settings = stored.settings
    found: dict[str, Any] = {
        name: {}
        for name in (_RESULTS, _GROUPS, _SUBTASKS, "configs", "versions", "n-shot")
        + ("higher_is_better", "n-samples")
    }
    for score in stored.datasets:
        _add_dataset(found, score, parts)
    names = {suite.score.name: suite.score.scored_name for suite in stored.suites}
    for suite in stored.suites:
        _add_suite(found, suite, names, whole=not suite.score.differs_in_rows)
    # Validation that chose a template is no number that is reported.
    choosing = {
        _task_name(score, one)
        for score in stored.datasets
        for one in score.templates
        if one.split != reported_split(score)
    }
    asked = [
        one["effective"]
        for name, one in found["n-samples"].items()
        if "original" not in one and name not in choosing
    ]
    if not found[_GROUPS]:
        del found[_GROUPS]
    found["config"] = {
        "model": "flan_tasks",
        "model_args": {"pretrained": model},
        "model_dtype": settings.get("dtype"),
        "limit": settings.get("examples") or max(asked, default=None),
        "gen_kwargs": settings.get("decoding"),
        "bootstrap_iters": 0,
        "random_seed": settings.get("seed"),
        "fewshot_seed": settings.get("seed"),
        "flan_tasks": {"version": VERSION, "settings": dict(settings)},
    }
    found["model_source"] = "flan_tasks"
    found["model_name"] = model
    found["model_name_sanitized"] = _NOT_IN_FILES.sub("__", model)
    return found


def _add_dataset(
    found: dict[str, Any], score: DatasetScore, parts: Container[tuple[str, str]]
) -> None:
    """Adds the templates of a dataset as tasks, and groups of them."""
    plain = _plain(score.dataset)
    tasks: dict[str, list[TemplateScore]] = {}
    children: dict[str, list[str]] = {}
    for one in score.templates:
        ending = _ending(one.way, one.split)
        name = _task_name(score, one)
        tasks.setdefault(name, []).append(one)
        of_group = children.setdefault(f"{plain}{ending}", [])
        if name not in of_group:
            of_group.append(name)
    for name, ones in tasks.items():
        whole = (score.dataset, ones[0].split) not in parts
        _add_task(found, name, f"{score.dataset}.{ones[0].template}", ones, whole=whole)
    groups: dict[str, list[Spread]] = {}
    for spread in score.spreads:
        groups.setdefault(f"{plain}{_ending(spread.way, spread.split)}", []).append(spread)
    for name, spreads in groups.items():
        count = len(children[name])
        alias = f"{score.dataset}, mean over {counted(count, 'template')}"
        # How far a mean over templates would move with other examples is not known.
        values = [(spread.number, spread.way, spread.mean, None) for spread in spreads]
        _add(found, name, alias, spreads[0].num_examples, values)
        _add_group(found, name, children[name])


def _plain(dataset: str) -> str:
    return f"flan_{dataset.replace(MEMBER_MARK, '_')}"


def _task_name(score: DatasetScore, one: TemplateScore) -> str:
    return f"{_plain(score.dataset)}_{one.template}{_ending(one.way, one.split)}"


def _ending(way: str, split: str) -> str:
    """What parts the names of one template's tasks: as `flan export-lm-eval` calls them on test."""
    of_split = "" if split == TEST else f"_{split}"
    return of_split if way == GENERATED else f"_rank{of_split}"


def _add_suite(
    found: dict[str, Any], stored: StoredSuite, names: Mapping[str, str], *, whole: bool
) -> None:
    """Adds the tasks of a suite, and a group for each of its averages; suites go by `names`."""
    suite = stored.score
    tasks = [names.get(part, part) for part in stored.parts]
    for dataset in stored.datasets:
        plain = _plain(dataset)
        tasks += [f"{plain}{end}" for end in _endings(suite.split) if plain + end in found[_GROUPS]]
    for task in suite.tasks:
        name = f"{task.dataset.replace(MEMBER_MARK, '_')}{PROTOCOL_MARK}{suite.protocol}"
        if task.dataset.partition(MEMBER_MARK)[0] != suite.suite:
            name = f"{task.dataset.replace(MEMBER_MARK, '_')} {suite.name}"
        _add_task(found, name, task.dataset, task.templates, whole=whole)
        tasks.append(name)
    for place, (label, average) in enumerate(zip(stored.labels, suite.averages, strict=True)):
        # The first stands for the suite; of the others it is not kept which tasks they are of.
        name = suite.scored_name if not place else f"{suite.scored_name}, {label}"
        if name in tasks:  # a suite of one task, whose number is that of the suite
            continue
        # Suites of datasets have no one number, and no one way to an answer.
        number, way = suite.number or "score", average.way or suite.way or "none"
        values = [(number, way, average.value, average.error)]
        _add(found, name, f"{suite.scored_name}, {label}", average.num_examples, values)
        _add_group(found, name, [] if place else tasks)
        found["n-shot"][name] = _number(suite.shots)


def _endings(split: str) -> list[str]:
    """The ends of names of a dataset's groups on a split, by ranking and by writing."""
    return [_ending(SUM, split), _ending(GENERATED, split)]


def _add_group(found: dict[str, Any], name: str, tasks: list[str]) -> None:
    found[_GROUPS][name] = found[_RESULTS][name]
    found[_SUBTASKS][name] = tasks


def _add_task(
    found: dict[str, Any], name: str, alias: str, ones: Iterable[TemplateScore], *, whole: bool
) -> None:
    """Adds a template of a dataset: its numbers in each way to an answer."""
    ones = list(ones)
    first = ones[0]
    values = [
        (number, one.way, value, one.errors[number])
        for one in ones
        for number, value in one.scores.items()
    ]
    _add(found, name, alias, first.num_examples, values)
    found["n-shot"][name] = _number(first.shots)
    found["configs"][name] = {
        "task": name,
        "task_alias": alias,
        "output_type": "generate_until" if first.way == GENERATED else "multiple_choice",
        "num_fewshot": _number(first.shots),
        "metadata": {"version": VERSION, "split": first.split},
    }
    samples = {"effective": first.num_examples}
    if whole:
        samples = {"original": first.num_examples + first.left_out, **samples}
    found["n-samples"][name] = samples


def _add(
    found: dict[str, Any],
    name: str,
    alias: str,
    examples: int,
    values: Iterable[tuple[str, str, float, float | None]],
) -> None:
    """Adds (number, way, value, standard error) under a name."""
    result: dict[str, Any] = {"name": name, "alias": alias, "sample_len": examples}
    better: Mapping[str, bool] = found["higher_is_better"].setdefault(name, {})
    for number, way, value, error in values:
        result[f"{number},{way}"] = value
        result[f"{number}_stderr,{way}"] = _UNKNOWN if error is None else error
        found["higher_is_better"][name] = {**better, number: number not in LOWER_IS_BETTER}
        better = found["higher_is_better"][name]
    found[_RESULTS][name] = result
    found["versions"][name] = VERSION


def _number(shots: float) -> int | float:
    return int(shots) if shots == int(shots) else shots
