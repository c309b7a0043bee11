"""The trainer from the command line: `flan train` and `python -m flan_tasks.trainer`."""

import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flan_tasks.core import endings, interrupts
from flan_tasks.core.escaping import for_terminal
from flan_tasks.specs.gin_files import load
from flan_tasks.specs.gin_statements import GinError

if TYPE_CHECKING:
    from flan_tasks.trainer.train import Result

USAGE = """\
usage: flan train --gin_file MODEL.gin --gin_file RUN.gin [--gin.NAME=VALUE ...]
                  [--dry_run] [--profile N]

  --gin_file FILE   a gin file, by path or by its name among ours (models/t5_1_1_mini.gin,
                    runs/finetune.gin); give it again for more, later ones win
  --gin.NAME=VALUE  sets a macro (BATCH_SIZE) or a parameter (config.TrainSpec.max_skipped);
                    strings need no quotes
  --dry_run         prints parameters, memory and tokens, then the resolved configuration, and stops
  --profile N       traces N steps, and prints where their time and memory go
"""


# Flags of T5X's programs, and what to do instead.
_T5X_FLAGS = {
    "--tfds_data_dir": "set FLAN_TASKS_DATA_DIR, or the folder in the module of your tasks",
    "--seqio_additional_cache_dirs": "call seqio.add_global_cache_dirs in the module of your tasks",
    "--gin_search_paths": "give paths from the working directory",
    "--multiprocess_gpu": "leave it out; COORDINATOR_ADDRESS says that there are several processes",
    "--coordinator_address": "write --gin.COORDINATOR_ADDRESS=HOST:PORT",
    "--process_count": "write --gin.NUM_PROCESSES=N",
    "--process_index": "write --gin.PROCESS_ID=I",
    "--alsologtostderr": "leave it out; progress goes to stderr",
    "--logtostderr": "leave it out; progress goes to stderr",
    "--run_mode": "use flan train, flan eval or flan infer",
}


_OPTIONS = ("--gin_file", "--gin_bindings", "--profile")


@dataclass(frozen=True)
class Arguments:
    """What the command line says."""

    files: tuple[str, ...]
    """Gin files, in order."""
    bindings: tuple[tuple[str, str], ...]
    """(name, value) of --gin.NAME=VALUE, in order."""
    dry_run: bool
    """Whether to describe only."""


def parse(arguments: Sequence[str]) -> Arguments:
    """Reads the command line; T5X's spellings are understood.

    Raises:
      GinError: an argument is unknown, or lacks its value.
    """
    files, bindings, dry_run = [], [], False
    left = list(arguments)
    while left:
        name, equals, value = left.pop(0).partition("=")
        name = "--" + name.lstrip("-").replace("-", "_") if name.startswith("--") else name
        if name == "--dry_run" and not equals:
            dry_run = True
            continue
        if name in _T5X_FLAGS:
            raise GinError(f"{name} is a flag of T5X's: {_T5X_FLAGS[name]}")
        if name not in _OPTIONS and not name.startswith("--gin."):
            raise GinError(f"{name}: no such argument\n{USAGE.rstrip()}")
        if not equals:
            if not left or left[0].startswith("--"):
                raise GinError(f"{name} needs a value: {name}=VALUE")
            value = left.pop(0)
        if name == "--gin_file":
            files.append(value)
        elif name == "--profile":
            bindings.append(("config.TrainSpec.profile", value))
        elif name == "--gin_bindings":
            macro, _, value = value.partition("=")
            bindings.append((macro.strip(), value.strip()))
        else:
            bindings.append((name.removeprefix("--gin."), value))
    if not files:
        raise GinError(f"no gin file is given\n{USAGE.rstrip()}")
    return Arguments(tuple(files), tuple(bindings), dry_run)


def run(arguments: Sequence[str]) -> int:
    """Trains, or describes, what the command line says; returns the exit code.

    A run that a signal ended returns 128 and the signal's number, so that schedulers start it
    again; it goes on where it was.

    Raises:
      FlanTasksError: something is wrong with the configuration, the data or the run.
    """
    options = parse(arguments)
    # Before JAX is imported, which takes seconds.
    loaded = load(options.files, options.bindings)
    for note in loaded.notes:
        print(for_terminal(note), file=sys.stderr)
    if options.dry_run:
        from flan_tasks.trainer.dry_run import describe

        # What matters first: there are a hundred lines of configuration.
        print("\n".join(describe(loaded.run)))
        print(f"\n{loaded.operative}", end="")
        return 0
    from flan_tasks.trainer.train import train

    return print_result(train(loaded.run, gin_text=loaded.operative))


def print_result(result: "Result") -> int:
    """Prints what a run came to, and returns its exit code, as `run` does."""
    from flan_tasks.trainer.curve import sparkline
    from flan_tasks.trainer.feedback import METRICS, read_metrics

    lines = [f"step {result.step:,}; checkpoint in {result.checkpoint}"]
    if result.evaluation:
        scores = result.evaluation
        lines.append(f"evaluation: loss {scores['loss']:.4f}, accuracy {scores['accuracy']:.1%}")
    if result.curve is not None:
        if line := sparkline(read_metrics(result.curve.parent / METRICS)):
            lines.append(f"loss per target token: {line}")
        lines.append(f"loss curve: {result.curve}")
    if result.stopped_by is None:
        print("\n".join(lines))
        return 0
    with suppress(OSError):  # the terminal that stopped it may be gone
        print("\n".join(lines), flush=True)
        print(f"stopped by {result.stopped_by}; the same command goes on", file=sys.stderr)
    return 128 + signal.Signals[result.stopped_by]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `python -m flan_tasks.trainer`: messages without tracebacks, and an exit code."""
    options = list(sys.argv[1:] if arguments is None else arguments)

    def trained() -> int:
        if {"-h", "--help"} & set(options):
            print(USAGE.replace("flan train", "python -m flan_tasks.trainer"), end="")
            return 0
        return run([argument for argument in options if argument != "--debug"])

    def code() -> int:
        return endings.exit_code(trained, what="The trainer", debug="--debug" in options)

    # Before anything slow: importing JAX alone takes seconds.
    return interrupts.program(code, describe=f"{{}}; {interrupts.KEPT}".format)
