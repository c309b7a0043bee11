"""A step of a study, in this process, with its progress on stderr."""

import signal
from pathlib import Path

from flan_tasks.cli import options
from flan_tasks.cli.progress import AnswerProgress, BuildProgress
from flan_tasks.core import interrupts
from flan_tasks.experiments.steps import Step
from flan_tasks.specs.build_spec import BuildSpec
from flan_tasks.specs.config import TrainSpec
from flan_tasks.specs.eval_config import EvalSpec


def do_here(step: Step) -> None:
    """Does a step; one that is done already is found so.

    Runs of a study share this process, what is imported, the store, and compiled programs, which
    are kept on disk.

    Raises:
      FlanTasksError: as the job does.
      Stopped: a signal ended training, which saved what it has.
    """
    if isinstance(step.spec, BuildSpec):
        from flan_tasks.jobs.build import plan_build

        planned = plan_build(step.spec, reading=options.progress)
        options.end_progress()
        planned.write(Path(step.out), progress=BuildProgress())
        return
    from flan_tasks.inference.kept_programs import keep_programs

    keep_programs()
    if isinstance(step.spec, TrainSpec):
        from flan_tasks.jobs.models import train

        trained = train(step.spec, gin_text=step.gin_text)
        if trained.stopped_by is not None:
            raise interrupts.Stopped(signal.Signals[trained.stopped_by])
        return
    from flan_tasks.jobs.evaluate import evaluate

    assert isinstance(step.spec, EvalSpec)
    watch = AnswerProgress()
    scored = evaluate(
        step.spec,
        progress=watch,
        reading=options.progress,
        say=options.warn,
        note=watch.note,
    )
    options.end_progress()
    for line in scored.warnings:
        options.warn(line)
