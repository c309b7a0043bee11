"""The numbers of a finished evaluation in the forms of others."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError, EvaluationError
from flan_tasks.core.origin import Alternative, HuggingFace
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.comparison_tables import as_latex, as_markdown
from flan_tasks.evaluation.score_tables import as_csv, overview
from flan_tasks.suites import harness_results, hub_results
from flan_tasks.suites.hub_results import HubDataset
from flan_tasks.suites.stored import StoredScores, read_scores
from flan_tasks.suites.tables import averages_table

MARKDOWN, LATEX, CSV, LM_EVAL = "markdown", "latex", "csv", "lm-eval"
MODEL_INDEX, EVAL_RESULTS = "model-index", "eval-results"
FORMS = (MARKDOWN, LATEX, CSV, LM_EVAL, MODEL_INDEX, EVAL_RESULTS)


def scores_as(
    folder: Path,
    form: str,
    *,
    model: str = "",
    benchmarks: Mapping[str, tuple[str, str]] | None = None,
    say: Callable[[str], None] | None = None,
) -> str:
    """Returns the numbers of an evaluation in another form; they are those of its scores.json.

    Args:
      folder: the `--out` of `flan eval`.
      form: one of FORMS.
      model: what the model is called; the name of its folder if empty.
      benchmarks: suite or dataset -> dataset and task of the hub's benchmark, for EVAL_RESULTS;
        beside those that are known.
      say: told what has no place in the form, a line each.

    Raises:
      EvaluationError: it is no finished evaluation, or nothing of it has a place in the form.
      DeclarationError: there is no such form, or benchmarks are named for another.
    """
    if form not in FORMS:
        raise DeclarationError(f'format "{form}" must be one of {", ".join(FORMS)}')
    if benchmarks and form != EVAL_RESULTS:
        raise DeclarationError(f"benchmarks are of {EVAL_RESULTS}; leave them out for {form}")
    stored = read_scores(folder)
    say = say or (lambda line: None)
    model = model or stored.model
    if form == CSV:
        every = [*stored.datasets, *(t for one in stored.suites for t in one.score.tasks)]
        return as_csv(every)
    if form in (MARKDOWN, LATEX):
        return _tables(stored, form)
    parts = stored.parts(_declared)
    if form == LM_EVAL:
        say(f"no place in it for: {harness_results.LEFT_OUT}")
        for names, reason in _by_reason([*_by_dataset(parts), *_differing(stored, missing=False)]):
            say(f"not the whole, and marked so (no original in n-samples): {names}: {reason}")
        for names, reason in _by_reason(_differing(stored, missing=True)):
            say(f"not the whole, and named after what was scored: {names}: {reason}")
        values = harness_results.harness_results(stored, parts=parts, model=model)
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    say(f"no place in it for: {hub_results.LEFT_OUT}")
    if form == MODEL_INDEX:
        for names, reason in _by_reason(_by_dataset(parts)):
            say(f"without a split, as they are not of a whole one: {names}: {reason}")
        for names, reason in _by_reason(_differing(stored, missing=True)):
            say(f"named after what was scored: {names}: {reason}")
        return hub_results.model_index(stored, _on_the_hub(stored), parts=parts, model=model)
    text, left_out = hub_results.eval_results(
        stored, {**hub_results.BENCHMARKS, **(benchmarks or {})}, parts=parts
    )
    if len(left_out) == len(stored.datasets) + len(stored.suites):
        lines = [f"  {names}: {reason}" for names, reason in _by_reason(left_out.items())]
        raise EvaluationError(
            "\n".join(["nothing here is a benchmark of the hub:", *lines])
            + "\nName them, --benchmark NAME=OWNER/DATASET:TASK, as the dataset's eval.yaml has it"
        )
    for names, reason in _by_reason(left_out.items()):
        say(f"left out: {names}: {reason}")
    return text


def _declared(name: str, split: str) -> int | None:
    """Rows of a dataset's split by its declaration; None where they are not known."""
    known = catalog()
    return known[name].declared_rows(split) if name in known else None


def _differing(stored: StoredScores, *, missing: bool) -> list[tuple[str, str]]:
    """Returns (suite, reason) of those not over all rows: some of whose tasks are missing, or
    the others."""
    suites = [one.score for one in stored.suites if bool(one.score.missing) == missing]
    return [(one.name, "; ".join(why)) for one in suites if (why := one.differs_in_rows)]


def _by_dataset(parts: Mapping[tuple[str, str], str]) -> list[tuple[str, str]]:
    """Returns (dataset, reason): a reason is of all splits, or says itself of which it is."""
    return [(dataset, reason) for (dataset, _), reason in parts.items()]


def _by_reason(left_out: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Returns (names, reason): what is left out for one reason is named together, and once."""
    reasons: dict[str, dict[str, None]] = {}
    for name, reason in left_out:
        reasons.setdefault(reason, {})[name] = None
    return [(", ".join(names), reason) for reason, names in reasons.items()]


def _tables(stored: StoredScores, form: str) -> str:
    tables: list[tuple[str, list[str], list[list[str]]]] = []
    if stored.datasets:
        tables.append(overview(stored.datasets))
    tables += [(one.score.scored_name, *averages_table(one.score)) for one in stored.suites]
    if form == MARKDOWN:
        texts = [f"**{name}**\n\n{as_markdown(columns, lines)}" for name, columns, lines in tables]
    else:
        texts = [f"% {name}\n{as_latex(columns, lines)}" for name, columns, lines in tables]
    return "\n".join(texts)


def _on_the_hub(stored: StoredScores) -> dict[str, HubDataset]:
    """Datasets whose declaration says where the hub has them."""
    known = catalog()
    datasets = [known[one.dataset] for one in stored.datasets if one.dataset in known]
    places = ((dataset.name, _place(dataset)) for dataset in datasets)
    return {name: place for name, place in places if place is not None}


def _place(dataset: Dataset) -> HubDataset | None:
    for one in (Alternative(dataset.source), *dataset.alternatives):
        if isinstance(one.origin, HuggingFace) and not dataset.family:
            named = {"validation": dataset.splits.validation, "test": dataset.splits.test}
            whole = {
                split: one.splits.get(theirs, theirs) for split, theirs in named.items() if theirs
            }
            return HubDataset(one.origin.path, one.origin.config, whole)
    return None
