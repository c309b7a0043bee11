"""Where `flan` starts: signals are handled before anything that takes time is imported."""

import sys
from typing import NoReturn

from flan_tasks.core import interrupts

# What keeps what it has done, and goes on from there.
RESUMABLE = {"build", "train", "eval", "experiment"}


def main() -> None:
    """Runs `flan`; exits with 0, 1 (failure), 2 (usage) or 128 and the number of a signal."""
    sys.exit(interrupts.program(_run, describe=describe))


def _run() -> NoReturn:
    from flan_tasks.cli.main import run

    run()


def describe(what: str) -> str:
    """Returns the line that says what ended a command, and whether the same one goes on."""
    goes_on = RESUMABLE & set(sys.argv[1:3])
    rest = f"; {interrupts.KEPT}" if goes_on else ""
    return f"flan: {what}{rest}"
