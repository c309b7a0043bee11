"""A step of `flan experiment`, in a process of its own that calls its function.

A process of its own, since JAX keeps the memory of the devices until its process ends, which the
next step needs, and since a crash of XLA or TensorFlow ends a process and not only a call. It reads
what the step is told as JSON, the fields of a specification, and prints what the command of that
name prints.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from flan_tasks.cli import start
from flan_tasks.core import interrupts
from flan_tasks.core.errors import EvaluationError

if TYPE_CHECKING:
    from flan_tasks.experiments.steps import Step


def run_step(step: "Step") -> None:
    """Does a step in a process of its own, whose lines all go to stderr.

    A signal is passed on, and the step waited for, however long it takes to save what it has: one
    that was left behind would keep others out of its folder. A second, later signal kills it.

    Raises:
      EvaluationError: it fails.
      Stopped: a signal came; the step has ended.
    """
    asked: list[tuple[int, float]] = []
    process: subprocess.Popen | None = None

    def stop(number: int, _: Any) -> None:
        now = time.monotonic()
        if not asked:
            asked.append((number, now))
            name = signal.Signals(number).name
            text = f"{name}: waiting for flan {step.name} to stop; another signal kills it"
            with suppress(OSError):  # the terminal may be gone
                os.write(2, f"\n{text}\n".encode())
            if process is not None:
                process.terminate()
        elif now - asked[0][1] > interrupts.SAME:
            if process is not None:
                process.kill()
            interrupts.end_at_once(number)

    # The name is for lists of processes, and for what `flan` does by the name of a command.
    command = [sys.executable, "-m", "flan_tasks.cli.experiment_step", step.name]
    # A file and no pipe, which would have to be written while signals come.
    with tempfile.TemporaryFile() as stdin, interrupts.handled(stop):
        stdin.write(json.dumps(step.to_json()).encode())
        stdin.seek(0)
        process = subprocess.Popen(command, stdin=stdin, stdout=sys.stderr)
        if asked:  # while it was started
            process.terminate()
        code = process.wait()
    if asked:
        raise interrupts.Stopped(asked[0][0])
    if code:
        raise EvaluationError(
            f"flan {step.name} failed with {code} (its message is above); what is done is kept, "
            "run the same command again"
        )


def call(step: "Step") -> int:
    """Calls the function of a step, prints as its command does, and returns the exit code.

    Raises:
      FlanTasksError: as the job does.
      UsageError: a field of a build is wrong.
    """
    from flan_tasks.specs.build_spec import BuildSpec
    from flan_tasks.specs.config import TrainSpec
    from flan_tasks.specs.eval_config import EvalSpec

    if isinstance(step.spec, TrainSpec):
        from flan_tasks.core.kept_memory import keep_freed_memory
        from flan_tasks.jobs.models import train
        from flan_tasks.trainer.main import print_result

        keep_freed_memory()
        return print_result(train(step.spec, gin_text=step.gin_text))
    if isinstance(step.spec, BuildSpec):
        from flan_tasks.cli.build import plan_with_tables, write_with_tables

        write_with_tables(plan_with_tables(step.spec), Path(step.out))
        return 0
    from flan_tasks.cli.eval import score_with_tables

    assert isinstance(step.spec, EvalSpec)
    score_with_tables(step.spec)
    return 0


def main() -> None:
    """Does the step that stands as JSON in stdin; exits as `flan` does."""
    sys.exit(interrupts.program(_run, describe=start.describe))


def _run() -> NoReturn:
    import click

    from flan_tasks.cli.main import run

    @click.command()
    @click.argument("name")
    def command(name: str) -> int:
        from flan_tasks.experiments.steps import Step

        try:
            return call(Step.from_json(json.load(sys.stdin)))
        except click.UsageError as error:
            # Without the usage line of this command, which nobody writes.
            raise click.ClickException(error.message) from error

    run(command)


if __name__ == "__main__":
    main()
