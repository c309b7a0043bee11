"""How a program ends that something went wrong in: one line, an exit code, a traceback on request.

What a signal does is in `interrupts`; this is for errors, those raised on purpose and those of the
disk, the memory and missing libraries.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress

from flan_tasks.core import extras, interrupts
from flan_tasks.core.errors import FlanTasksError
from flan_tasks.core.escaping import for_terminal


def exit_code(
    run: Callable[[], int | None], *, what: str, before: str = "", debug: bool = False
) -> int:
    """Runs what a program does and returns its exit code, after a line where it failed.

    Args:
      run: does it and returns the exit code, None for 0.
      what: needs the libraries that may be missing, such as "The trainer".
      before: stands before each message.
      debug: raises instead, for a traceback.

    Raises:
      SystemExit: as `run` does.
      FlanTasksError: a signal came before, of which `interrupts` has the line.
      ImportError: it is of no library of ours.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal or file of another encoding gets escapes for the letters it lacks.
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    def tell(text: str) -> None:
        if sys.stderr is not None:
            with suppress(OSError):  # the terminal may be gone
                print(f"{before}{for_terminal(text)}", file=sys.stderr, flush=True)

    try:
        code = run() or 0
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except FlanTasksError as error:
        if debug or interrupts.asked():
            raise
        for line in (str(error), *getattr(error, "__notes__", [])):
            tell(line)
        return error.exit_code
    except ImportError as error:
        missing = extras.explain(error, what)
        if debug or missing is None:
            raise
        tell(str(missing))
    except MemoryError:
        if debug:
            raise
        tell("out of memory; what is complete is kept")
    except BrokenPipeError:
        # The reader of our output has gone, as `| head` does.
        _give_up_stdout()
        return 0
    except OSError as error:
        # A file that cannot be read or written where no message of ours foresaw it.
        if debug:
            raise
        _give_up_stdout()
        where = f"{error.filename}: " if error.filename is not None else ""
        tell(f"{where}{error.strerror or error}")
    return 1


def _give_up_stdout() -> None:
    """Lets what could not be written go, so that Python does not try again when it ends."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        return
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
