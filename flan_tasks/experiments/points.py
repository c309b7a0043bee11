"""An experiment of the paper: build a mixture, train on it, score what was held out.

Each step is a job of `flan_tasks.jobs` with its specification, and goes on where it was stopped; so
an experiment does, and a list of them. What is compared stands in one table and one picture.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flan_tasks.core.configuration import resolve
from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.parsing import parse_json
from flan_tasks.engine.directory import write_text
from flan_tasks.evaluation.series import Point
from flan_tasks.experiments.steps import Step, build_step, evaluation_step, training_step
from flan_tasks.specs.build_spec import BuildSpec
from flan_tasks.specs.eval_config import EvalSpec
from flan_tasks.specs.experiment import Experiment


def steps(experiment: Experiment, folder: Path) -> list[Step]:
    """Returns the steps of an experiment; results lie under `folder`/its name.

    Raises:
      ConfigError: a job cannot be told what the experiment says.
      GinError: a gin file of the training, or a macro, is wrong.
    """
    home = folder / experiment.name
    build = BuildSpec(
        mixture=experiment.mixture or str(home / f"{experiment.name}.toml"),
        format="arrays",
        lengths=experiment.task_feature_lengths,
        examples=experiment.rows,
        vocab=experiment.vocabulary,
        **experiment.variation.to_json(),
        **_rows(experiment),
    )
    evaluation = EvalSpec(
        mixture_or_task_name=",".join(experiment.evaluate),
        checkpoint_path=str(home / "model"),
        output_dir=str(home / "scores"),
        task_feature_lengths=experiment.task_feature_lengths,
        batch_size=experiment.eval_batch_size,
        num_examples=experiment.eval_examples,
        vocab=experiment.vocabulary,
        **_rows(experiment),
    )
    return [
        build_step(build, home / "build"),
        _training(experiment, home),
        evaluation_step(evaluation),
    ]


def _rows(experiment: Experiment) -> dict[str, Any]:
    """Fields of a build and an evaluation that say which rows."""
    place = experiment.data_dir or resolve().data_dir
    return {
        "source": experiment.source,
        "data_dir": str(place) if place else None,
        "allow_missing": experiment.allow_missing,
        "seed": experiment.seed,
    }


def _training(experiment: Experiment, home: Path) -> Step:
    macros = {
        **experiment.macros,
        "BUILD_DIR": str(home / "build"),
        "MODEL_DIR": str(home / "model"),
        "TASK_FEATURE_LENGTHS": dict(experiment.task_feature_lengths),
        "RANDOM_SEED": experiment.seed,
    }
    return training_step(experiment.gin_files, macros)


def run_experiment(experiment: Experiment, folder: Path, *, run: Callable[[Step], None]) -> Point:
    """Builds, trains and scores, as far as that is not done; returns what came of it.

    Args:
      experiment: what is done.
      folder: where the results of all experiments lie.
      run: does a step.

    Raises:
      BuildError: the mixture cannot be written.
      ConfigError: a job cannot be told what the experiment says.
      GinError: a gin file of the training, or a macro, is wrong.
      EvaluationError: a step fails.
    """
    home = folder / experiment.name
    # All of them first: what is wrong with the last is not to be told after days of the others.
    planned = steps(experiment, folder)
    if experiment.mixture is None:
        write_text(home / f"{experiment.name}.toml", mixture_text(experiment))
    for step in planned:
        run(step)
    return read_point(experiment, home / "scores" / "scores.json")


def mixture_text(experiment: Experiment) -> str:
    """Returns the mixture file of an experiment that has no published one.

    Raises:
      DeclarationError: it cannot work.
    """
    Mixture(name=experiment.name, include=experiment.include, hold_out=experiment.hold_out)
    lines = [
        f"# {experiment.series}: {experiment.point}.",
        f"include = {json.dumps(list(experiment.include))}",
        f"hold_out = {json.dumps(list(experiment.hold_out))}",
    ]
    return "\n".join(lines) + "\n"


def read_point(experiment: Experiment, path: Path) -> Point:
    """Returns the scores of an experiment as a point of its series.

    A dataset counts with the mean over templates of its first number in its first way, on test
    where it has one, else on validation.

    Raises:
      EvaluationError: the scores cannot be read.
    """
    try:
        held = parse_json(path.read_text(encoding="utf-8"))
        scores = {}
        for dataset in held["datasets"]:
            spreads = dataset["spreads"]
            tested = [spread for spread in spreads if spread["split"] == "test"]
            scores[dataset["dataset"]] = (tested or spreads)[0]["mean"]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise EvaluationError(f"{path} holds no scores: {error}") from error
    return Point(experiment.series, experiment.point, scores)
