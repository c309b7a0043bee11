"""What the runs of a study come to: means over seeds, with intervals, and what differs by level.

All runs score the same examples, so what is compared, two levels of one seed or two sorts of
wordings of one run, is a difference on the same examples. Of each seed there is one number, and an
interval is Student's over these: it says how far the mean would move with other seeds, which draw
other wordings, other orders and other initial parameters, and not with other datasets.
"""

import math
import statistics
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flan_tasks.core.counting import counted
from flan_tasks.specs.study import Study

_LEVEL = 0.95
# A number of one dataset in one run; None where there is none.
Measure = Callable[[Mapping[str, Any], str], float | None]


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds."""

    mean: float
    """The mean."""
    half: float | None
    """Half of its 95 % interval, by Student's t over seeds; None of a single seed."""
    values: tuple[float, ...]
    """The number of each seed, of which it is the mean."""

    def __str__(self) -> str:
        return f"{self.mean:.1f}" if self.half is None else f"{self.mean:.1f} ± {self.half:.1f}"


@dataclass(frozen=True)
class Line:
    """A measure of a dataset, or of all that count, at one combination of levels."""

    arm: str
    """The combination."""
    dataset: str | None
    """The dataset; None is the mean over those that count."""
    measure: str
    """What is measured, one of `measures`."""
    value: Estimate
    """Its mean over seeds."""
    changes: Mapping[str, Estimate]
    """Combination, of those that the study compares with -> what there is more than at it, seed by
    seed; without itself, and what has no seed in common."""


@dataclass(frozen=True)
class Results:
    """What a study came to, as far as it is done."""

    study: Study
    """What was asked."""
    done: Mapping[str, tuple[int, ...]]
    """Combination -> seeds that are done."""
    examples: Mapping[str, int]
    """Dataset -> examples of a template that are scored."""
    majority: Mapping[str, float | None]
    """Dataset -> what the most frequent answer gets; None where options are not shared."""
    counting: tuple[str, ...]
    """Datasets that count: at every level above the most frequent answer by the study's margin, on
    wordings they were trained on where wordings are drawn."""
    lines: tuple[Line, ...]
    """All measures."""

    def of(self, dataset: str | None, measure: str) -> list[Line]:
        """Returns the lines of a dataset, or of the mean over those that count."""
        return [one for one in self.lines if (one.dataset, one.measure) == (dataset, measure)]

    def to_json(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return {
            "question": self.study.question,
            "margin": self.study.margin,
            "done": {name: list(seeds) for name, seeds in self.done.items()},
            "examples": dict(self.examples),
            "majority": dict(self.majority),
            "counting": list(self.counting),
            "lines": [asdict(line) for line in self.lines],
        }


def student(values: Sequence[float]) -> Estimate:
    """Returns the mean of values, one of each seed, with Student's interval (Student 1908)."""
    from scipy.stats import t

    count = len(values)
    half = None
    if count > 1:
        half = float(t.ppf((1 + _LEVEL) / 2, count - 1)) * statistics.stdev(values)
        half /= math.sqrt(count)
    return Estimate(statistics.fmean(values), half, tuple(values))


def results_of(study: Study, found: Sequence[Mapping[str, Any]]) -> Results | None:
    """Returns what results of runs come to; None where there is none.

    Args:
      study: what was asked.
      found: what came of runs that are done, as `queue.read_result` reads it.
    """
    if not found:
        return None
    names = [arm.name for arm in study.arms]
    runs: dict[str, dict[int, Mapping[str, Any]]] = {name: {} for name in names}
    for one in found:
        runs[one["arm"]][one["seed"]] = one
    tuned = {arm.name for arm in study.arms if arm.study.tuned}
    for name in set(names) - tuned:  # nothing of it depends on a seed
        for one in list(runs[name].values())[:1]:
            runs[name] = {seed: {**one, "seed": seed} for seed in study.seeds}
    runs = {name: dict(sorted(of_arm.items())) for name, of_arm in runs.items() if of_arm}
    scores = [score for one in found for score in one["scores"]]
    datasets = list(dict.fromkeys(score["dataset"] for score in scores))
    majority = {score["dataset"]: score["majority"] for score in scores}
    measured = measures(runs, len(tuned))
    counting = tuple(
        name
        for name in datasets
        if all(
            _counts(of_arm, next(iter(measured.values())), name, majority[name], study.margin)
            for arm, of_arm in runs.items()
            if arm in tuned and _scores(of_arm, name)
        )
    )
    compare = study.compare or tuple(runs)[:1]
    lines = []
    for measure, number in measured.items():
        for dataset in (*datasets, None):
            by_arm = {
                name: {
                    seed: value
                    for seed, one in of_arm.items()
                    if (value := _value(one, number, dataset, counting)) is not None
                }
                for name, of_arm in runs.items()
            }
            lines += _lines(measure, dataset, by_arm, compare)
    return Results(
        study,
        {name: tuple(of_arm) for name, of_arm in runs.items()},
        {score["dataset"]: score["examples"] for score in scores},
        majority,
        counting,
        tuple(lines),
    )


def measures(runs: Mapping[str, Mapping[int, Mapping[str, Any]]], arms: int) -> dict[str, Measure]:
    """Returns what is measured of each dataset, by name; the first decides which datasets count.

    Where wordings are drawn: trained wordings, unseen ones, and the gap between them; the same of
    the wordings that every level of a seed was trained on, and none was, as soon as all levels of
    the seed are done. Else the score, which is the mean over templates.

    Args:
      runs: combination -> seed -> what came of the run.
      arms: how many combinations the study has.
    """
    found = [one for of_arm in runs.values() for one in of_arm.values()]
    if not any(one["wordings"] for one in found):
        return {"score": lambda run, dataset: _mean(_values(run, dataset).values())}
    drawn: dict[tuple[int, str], list[set[str]]] = {}
    for one in found:
        for dataset, ids in one["wordings"].items():
            drawn.setdefault((one["seed"], dataset), []).append(set(ids))
    whole = {key: sets for key, sets in drawn.items() if len(sets) == arms}
    by_all = {key: set.intersection(*sets) for key, sets in whole.items()}
    by_any = {key: set.union(*sets) for key, sets in whole.items()}

    def own(*, inside: bool) -> Measure:
        def number(run: Mapping[str, Any], dataset: str) -> float | None:
            return _mean_of(run, dataset, run["wordings"].get(dataset), inside=inside)

        return number

    def common(sets: Mapping[tuple[int, str], set[str]], *, inside: bool) -> Measure:
        def number(run: Mapping[str, Any], dataset: str) -> float | None:
            return _mean_of(run, dataset, sets.get((run["seed"], dataset)), inside=inside)

        return number

    def less(first: Measure, other: Measure) -> Measure:
        def number(run: Mapping[str, Any], dataset: str) -> float | None:
            one, two = first(run, dataset), other(run, dataset)
            return None if one is None or two is None else one - two

        return number

    trained, unseen = own(inside=True), own(inside=False)
    all_trained, none_trained = common(by_all, inside=True), common(by_any, inside=False)
    return {
        "trained": trained,
        "unseen": unseen,
        "gap": less(trained, unseen),
        "trained by all": all_trained,
        "trained by none": none_trained,
        "gap of these": less(all_trained, none_trained),
    }


def _mean_of(
    run: Mapping[str, Any], dataset: str, ids: Collection[str] | None, *, inside: bool
) -> float | None:
    """The mean over templates that are among some, or over those that are not."""
    if ids is None:
        return None
    return _mean(v for name, v in _values(run, dataset).items() if (name in ids) == inside)


def _values(run: Mapping[str, Any], dataset: str) -> dict[str, float]:
    return {one["template"]: one["value"] for one in run["scores"] if one["dataset"] == dataset}


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.fmean(found) if found else None


def _scores(of_arm: Mapping[int, Mapping[str, Any]], dataset: str) -> bool:
    """Whether a dataset is scored there."""
    return any(score["dataset"] == dataset for one in of_arm.values() for score in one["scores"])


def _counts(
    of_arm: Mapping[int, Mapping[str, Any]],
    number: Measure,
    dataset: str,
    majority: float | None,
    margin: float,
) -> bool:
    values = [value for one in of_arm.values() if (value := number(one, dataset)) is not None]
    if not values:
        return False
    return majority is None or statistics.fmean(values) >= majority + margin


def _value(
    run: Mapping[str, Any], number: Measure, dataset: str | None, counting: Sequence[str]
) -> float | None:
    """A measure of a dataset in a run, or its mean over those that count."""
    if dataset is not None:
        return number(run, dataset)
    values = [number(run, name) for name in counting]
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None


def _lines(
    measure: str,
    dataset: str | None,
    by_arm: Mapping[str, Mapping[int, float]],
    compare: Sequence[str],
) -> list[Line]:
    lines = []
    for name, values in by_arm.items():
        changes = {}
        for base in compare:
            there = by_arm.get(base, {})
            both = [seed for seed in values if seed in there]
            if base != name and both:
                changes[base] = student([values[seed] - there[seed] for seed in both])
        if values:
            lines.append(Line(name, dataset, measure, student(list(values.values())), changes))
    return lines


def tables(results: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """Returns tables of what a study came to, (caption, columns, rows); rows of one first cell
    belong together."""
    names = list(dict.fromkeys(line.measure for line in results.lines))
    count = counted(len(results.counting), "dataset")
    verb = "counts" if len(results.counting) == 1 else "count"
    found = []
    # Three measures that belong together stand side by side.
    for place in range(0, len(names), 3):
        of_table = names[place : place + 3]
        columns = ["of", "level", *of_table]
        head = f"mean over the {count} that {verb}"
        rows = _of_dataset(results, None, of_table, head) if results.counting else []
        for dataset, examples in results.examples.items():
            majority = results.majority[dataset]
            head = f"{dataset}, {counted(examples, 'example')}"
            head += "" if majority is None else f", most frequent answer {majority:.1f}"
            head += "" if dataset in results.counting else " (does not count)"
            rows += _of_dataset(results, dataset, of_table, head)
        if rows:
            found.append(
                (f"{', '.join(of_table)}; and changes from {_compared(results)}", columns, rows)
            )
    return found


def _of_dataset(
    results: Results, dataset: str | None, names: Sequence[str], head: str
) -> list[list[str]]:
    """Rows of a dataset: its values at each level, then what changes from the first."""
    lines = {name: results.of(dataset, name) for name in names}
    arms = list(results.done)
    rows = []
    for base in (None, *(results.study.compare or arms[:1])):
        for arm in arms:
            cells = [_shown(lines[name], arm, base) for name in names]
            if any(cells):
                rows.append([head, arm if base is None else f"{arm} - {base}", *cells])
    return rows


def _compared(results: Results) -> str:
    """Says from what changes are taken."""
    return " and ".join(results.study.compare) or "the first level"


def legend(results: Results) -> list[str]:
    """Returns what the tables mean, and what they do not."""
    seeds = {len(of_arm) for of_arm in results.done.values()}
    count = f"{min(seeds)} to {max(seeds)}" if len(seeds) > 1 else f"{max(seeds)}"
    untuned = [arm.name for arm in results.study.arms if not arm.study.tuned]
    tuned = "that is tuned " if untuned else ""
    lines = [
        f"means over seeds ({count} done of {len(results.study.seeds)}), ± half of Student's 95 % "
        "interval over seeds; all runs score the same examples, and changes are seed by seed",
        f"a dataset counts where every level {tuned}beats the most frequent answer by "
        f"{results.study.margin:g} points or more"
        + ("" if results.counting else "; none does, so nothing is to be read from these numbers"),
    ]
    if untuned:
        lines.append(
            f"{', '.join(untuned)}: what the others begin from, without training; no seed changes "
            "it, so it is scored once and stands beside every seed"
        )
    if any(line.measure == "unseen" for line in results.lines):
        lines.append(
            "trained, unseen: wordings the model was and was not trained on; gap: the first less "
            "the second; trained by all, by none: those of a seed that every level was, and that "
            "none was, trained on, so the same ones at each level"
        )
    return lines


def as_markdown(results: Results) -> str:
    """Returns question, tables and what they mean as a page of Markdown."""
    parts = [f"# {results.study.name}", results.study.question]
    for caption, columns, rows in tables(results):
        head = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
        body = [f"| {' | '.join(row)} |" for row in rows]
        parts += [f"{caption[0].upper()}{caption[1:]}:", "\n".join([*head, *body])]
    return "\n\n".join([*parts, *(f"- {line}" for line in legend(results))]) + "\n"


def _shown(lines: Sequence[Line], arm: str, base: str | None) -> str:
    """The value at a level, or what it is more than at another one; "" where it is not known."""
    found = [
        line.value if base is None else line.changes.get(base) for line in lines if line.arm == arm
    ]
    return str(found[0]) if found and found[0] is not None else ""
