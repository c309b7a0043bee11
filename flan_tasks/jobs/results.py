"""The page of evaluations and training runs: one looked at, or two compared."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import EvaluationError, VocabularyError
from flan_tasks.core.user_code import import_module
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.answers import SETTINGS, write_kept
from flan_tasks.jobs.compare import ModelComparison, compare, names_of, wholes_of
from flan_tasks.promptsource.members import data_sets
from flan_tasks.results_page.changes import changed_keys, changes_summary
from flan_tasks.results_page.gather import evaluation_summary, gather
from flan_tasks.results_page.results_file import dataset_entries, results_file
from flan_tasks.results_page.scores_file import SCORES, Scored, is_evaluation, read_scored
from flan_tasks.results_page.shown_answers import Sampler, answer_columns
from flan_tasks.results_page.training_curves import METRICS, is_run, training_summary
from flan_tasks.specs.results_spec import ResultsSpec
from flan_tasks.vocabulary import Vocabulary, open_recorded, open_vocabulary

RESULTS = "results.html"


def results(
    spec: ResultsSpec,
    *,
    vocabulary: Vocabulary | None = None,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Writes the page, and returns where it is.

    Args:
      spec: of what, and how much is shown.
      vocabulary: whose tokens are shown, where it is open already.
      progress: told the dataset that is read.

    Raises:
      EvaluationError: a folder is neither an evaluation nor a run, or two are of different
        prompts; the file cannot be written.
      TrainingError: a run has no metrics.
      UnknownNameError: a dataset is unknown.
    """
    for name in spec.modules:
        import_module(name, "modules")
    folders = [Path(folder) for folder in spec.folders]
    names = spec.names or names_of([folder.absolute() for folder in folders])
    evaluations, runs = [], []
    for folder, name in zip(folders, names, strict=True):
        if is_run(folder):
            runs.append(training_summary(folder, name=name))
        elif is_evaluation(folder) or (folder / SETTINGS).is_file():
            evaluations.append(read_scored(folder, name=name))
        else:
            raise EvaluationError(
                f"{folder} holds neither {SCORES} of an evaluation nor {METRICS} of a training "
                "run; give the --out of a `flan eval`, or a MODEL_DIR"
            )
    if len(evaluations) > 2:
        raise EvaluationError(
            f"{len(evaluations)} evaluations are given, and a page shows two at most; "
            "`flan compare` compares more"
        )
    page = page_of(evaluations, runs, spec, vocabulary=vocabulary, progress=progress)
    path = _path(spec, folders, names)
    write_kept(path, page)
    return path


def page_of(
    evaluations: Sequence[Scored],
    runs: Sequence[dict[str, Any]],
    spec: ResultsSpec,
    *,
    vocabulary: Vocabulary | None = None,
    progress: Callable[[str], None] | None = None,
) -> str:
    """Returns the page of evaluations and runs that were read.

    Raises:
      EvaluationError: evaluations are of different prompts, or answers cannot be read.
      UnknownNameError: a dataset is unknown.
    """
    comparison = _comparison(evaluations, spec, progress)
    summary: dict[str, Any] = {
        "evaluations": [evaluation_summary(one, data_sets=data_sets()) for one in evaluations],
        "runs": list(runs),
        "datasets": [],
        "changes": None,
    }
    answers: dict[str, Any] | None = None
    tallies: dict[str, Any] = {}
    if evaluations:
        every = {unit for one in evaluations for unit in one.units}
        if comparison is not None:
            every = {
                unit
                for one in evaluations
                for unit in one.units
                if all(unit in other.units for other in evaluations)
            }
        folders = [one.answers for one in evaluations]
        wholes = wholes_of(folders, sorted(every), catalog())
        units = {
            unit: max(one.units.get(unit, 0) for one in evaluations) for unit in sorted(wholes)
        }
        changed = changed_keys(comparison.comparisons[0]) if comparison else {}
        sampler = Sampler(units, spec.answers)
        tallies = gather(evaluations, wholes, sampler, changed=changed, progress=progress)
        opened, note = _vocabulary(spec, evaluations[0].answers.settings, vocabulary)
        shown = sampler.shown
        answers = answer_columns(shown, list(units), opened)
        summary |= {
            "datasets": dataset_entries(evaluations, wholes),
            "units": [[wholes[u].name, u.template, u.split, u.method, n] for u, n in units.items()],
            "shown": len(shown),
            "of": sum(units.values()),
            "tokens": note,
        }
    if comparison is not None:
        summary["changes"] = changes_summary(
            comparison.comparisons[0],
            comparison.tables,
            settings=comparison.settings,
            left_out=comparison.left_out,
        )
    return results_file(summary, answers, tallies)


def _comparison(
    evaluations: Sequence[Scored], spec: ResultsSpec, progress: Callable[[str], None] | None
) -> ModelComparison | None:
    if len(evaluations) < 2:
        return None
    return compare(
        [one.answers.folder for one in evaluations],
        names=[one.name for one in evaluations],
        held_out=spec.held_out,
        trained_on=spec.trained_on,
        common=spec.common,
        progress=progress,
    )


def _vocabulary(
    spec: ResultsSpec, settings: dict[str, Any], opened: Vocabulary | None
) -> tuple[Vocabulary | None, str]:
    """The vocabulary whose tokens are shown, or why there is none.

    Raises:
      VocabularyError: the one that was asked for cannot be found.
    """
    recorded = settings.get("vocabulary")
    if spec.vocab is not None:
        chosen = open_recorded(spec.vocab, recorded)
        if recorded is not None and chosen.name != recorded:
            return chosen, f"Tokens of {spec.vocab}, which is not the model's vocabulary."
        return chosen, ""
    if opened is not None and opened.name == recorded:
        return opened, ""
    if not isinstance(recorded, str):
        return None, "Predictions made elsewhere have no tokens; --vocab FILE shows those of one."
    try:
        return open_vocabulary(recorded), ""
    except VocabularyError:
        return None, "The vocabulary is a file; --vocab FILE shows its tokens."


def _path(spec: ResultsSpec, folders: list[Path], names: tuple[str, ...]) -> Path:
    if spec.out:
        return Path(spec.out)
    if len(folders) == 1:
        return folders[0] / RESULTS
    return Path(f"{'-'.join(name.replace('/', '-') for name in names)}-{RESULTS}")
