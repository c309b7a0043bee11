"""The life of a worker: gets shards over a socket, builds them, says what is known of them.

At the top only the standard library is imported: who listens for the parent's end must stand before
the seconds that the rest takes.
"""

import mmap
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

# From Linux's prctl.h.
_PR_SET_PDEATHSIG = 1


def main(pipe: int, work: int, inherited: Sequence[int], parent: int) -> None:
    """Builds shards until the parent closes the line, or ends.

    What goes over the socket to the parent: the rows done of the shard (int), what is known of a
    finished one (dict), or what went wrong (an exception).

    Args:
      pipe: descriptor of the socket to the parent.
      work: descriptor of the file that holds the pickled work.
      inherited: descriptors that are open as long as this process lives, such as the lock's.
      parent: number of the process that started this one.
    """
    for descriptor in (pipe, work, *inherited):
        os.set_inheritable(descriptor, False)
    _end_with_parent(parent)
    line = Connection(pipe)
    shards: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(line, shards), daemon=True).start()
    shard = None
    try:
        received = _load(work)
        line.send(0)
        while True:
            shard = pickle.loads(shards.get())
            line.send(received.build(shard, line.send))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where users see it
        line.send(portable(error, shard))
    threading.Event().wait()  # the parent ends what has failed


def _end_with_parent(parent: int) -> None:
    """Has Linux kill this process when its parent is gone, and ends it if that is already so.

    The end of the line says it as well, but not to a process that is stopped, or that is in a
    library which lets no other thread run.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before Linux was told
            os._exit(1)


def _listen(line: Connection, shards: queue.SimpleQueue[bytes]) -> None:
    """Ends the process with its parent, whatever it is doing; half a file has no name yet."""
    try:
        while True:
            # As bytes: what a shard is would be imported here while the work imports it there.
            shards.put(line.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)


def _load(descriptor: int) -> Any:
    # All workers share the descriptor, and with it the position in the file: none is moved.
    with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as data:
        return pickle.loads(data)


def portable(error: Exception, shard: Any) -> Exception:
    """Returns an error as another process can read it, with what to do where the system failed.

    Args:
      error: what was raised.
      shard: what was being made, if anything was; it has a `path`.
    """
    from flan_tasks.core.errors import BuildError, FlanTasksError

    subject = f"{shard.path} cannot be built" if shard else "a worker cannot start"
    if isinstance(error, MemoryError):
        return BuildError(
            f"{subject}: out of memory. What is complete is kept: run the same command again, with "
            "fewer --workers"
        )
    # A library that the parent could load and this process cannot is out of memory as well.
    if isinstance(error, OSError | ImportError):
        return BuildError(
            f"{subject}: {error}. What is complete is kept; run the same command again"
        )
    if not isinstance(error, FlanTasksError):
        error.add_note("".join(traceback.format_exception(error)))
    try:
        reduction.ForkingPickler.loads(reduction.ForkingPickler.dumps(error))
    except Exception:  # noqa: BLE001 - exceptions of other libraries fail in any way
        return RuntimeError("".join(traceback.format_exception(error)))
    return error
