"""How the answers to tasks of suites are read and scored where two models are compared.

An evaluation keeps what a model wrote. What reads it stands in its `scores.json`, and of published
suites in their files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.errors import DeclarationError, EvaluationError
from flan_tasks.core.parsing import parse_json
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.comparison import Compared
from flan_tasks.evaluation.records import GENERATE, Unit
from flan_tasks.metrics.by_name import metric
from flan_tasks.suites.declared import PROTOCOL_MARK, Reading
from flan_tasks.suites.library import open_suite, suite_names
from flan_tasks.suites.reading import read_record

_SCORES = "scores.json"


@dataclass(frozen=True)
class _Scoring:
    metric: str
    stops: tuple[str, ...]
    read: Reading


def is_of_suite(unit: Unit) -> bool:
    """Whether a unit is a task of a suite, asked by one of its protocols."""
    return PROTOCOL_MARK in unit.template


def compared_tasks(
    folders: Sequence[Answers], units: Sequence[Unit], catalog: Catalog
) -> dict[Unit, Compared]:
    """Returns of each unit of a suite how its answers are read and scored.

    A task is called as its dataset, with the protocol behind it: `gsm8k@lm_eval_first_n`.

    Raises:
      EvaluationError: evaluations were read differently, or it is not known how.
    """
    names = dict.fromkeys(unit.template for unit in units if is_of_suite(unit))
    scorings = {name: _scoring_of(name, folders) for name in names}
    found = {}
    for unit in units:
        if not is_of_suite(unit):
            continue
        suite, _, protocol = unit.template.rpartition(PROTOCOL_MARK)
        scoring, name = scorings[unit.template], unit.dataset
        is_named_so = name.partition(":")[0] == suite
        found[unit] = Compared(
            f"{name}{PROTOCOL_MARK}{protocol}" if is_named_so else f"{name} {unit.template}",
            catalog[name].cluster if name in catalog else suite,
            (scoring.metric,),
            partial(read_record, stops=scoring.stops, reading=scoring.read)
            if unit.method == GENERATE
            else lambda record: record,
        )
    return found


def _scoring_of(name: str, folders: Sequence[Answers]) -> _Scoring:
    stated = {one.folder: scoring for one in folders if (scoring := _stated(one.folder, name))}
    first = next(iter(stated.items()), None)
    if first is None:
        suite = name.rpartition(PROTOCOL_MARK)[0]
        if suite not in suite_names():
            raise EvaluationError(
                f"how answers to {name} are read stands in no {_SCORES} of "
                f"{', '.join(str(one.folder) for one in folders)}; have one evaluation finished "
                "by the same `flan eval`, which keeps its answers"
            )
        protocol = open_suite(name)[1]
        return _Scoring(protocol.metric, protocol.stops, protocol.read)
    for folder, scoring in stated.items():
        if scoring != first[1]:
            raise EvaluationError(
                f"answers to {name} were read differently in {first[0]} and {folder}: the suite's "
                "file was changed between them. Run the same `flan eval` again for both, which "
                "keeps their answers"
            )
    return first[1]


def _stated(folder: Path, name: str) -> _Scoring | None:
    """How an evaluation read its answers; None where it does not say."""
    path = folder / _SCORES
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path}: cannot be read: {error}") from error
    try:
        suites: list[Mapping[str, Any]] = content.get("suites", [])
        of_one = [one for one in suites if one["name"] == name and one.get("reading")]
        if not of_one:
            return None
        values = of_one[0]["reading"]
        metric(values["metric"])
        read = {**values["read"], "ignore": tuple(values["read"]["ignore"])}
        return _Scoring(values["metric"], tuple(values["stops"]), Reading(**read))
    except (AttributeError, KeyError, TypeError, DeclarationError) as error:
        raise EvaluationError(
            f"{path}: how {name} was read is malformed ({error}); run the same `flan eval` again"
        ) from error
