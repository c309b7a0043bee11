"""Memory that was freed, kept for the next step instead of given back to the system."""

import ctypes
import os
import sys
from importlib import metadata
from importlib.util import find_spec

# Parameters of mallopt(3).
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_ALWAYS = 2**31 - 1


def keep_freed_memory() -> bool:
    """Has glibc keep what this process frees from now on; returns whether it does.

    A step of a model on a CPU asks for its arrays anew. By default glibc gets such large pieces
    from the system and gives them back each time, and the system clears every page of them: a
    fifth of the time of a tiny model's step. From here on the process stays as large as it once
    was. It has to be said before JAX begins its threads. Where JAX may use an accelerator, and of
    other C libraries, nothing changes.
    """
    if sys.platform != "linux" or _has_accelerator():
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    # Threads share one heap, as those of their own cannot hold large pieces.
    settings = ((_ARENA_MAX, 1), (_MMAP_MAX, 0), (_TRIM_THRESHOLD, _ALWAYS))
    return all([mallopt(name, value) == 1 for name, value in settings])


def _has_accelerator() -> bool:
    """Whether JAX could find one, without asking it."""
    if platforms := os.environ.get("JAX_PLATFORMS"):
        return platforms != "cpu"
    return find_spec("libtpu") is not None or bool(metadata.entry_points(group="jax_plugins"))
