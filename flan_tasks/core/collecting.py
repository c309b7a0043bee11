"""Python's search for garbage, while thousands of things are made that are none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Objects that Python itself has frozen when it starts, at most: 375 in 3.12, none in 3.11 and 3.13.
OF_PYTHON = 1_000


@contextmanager
def older_left_alone() -> Iterator[None]:
    """Within it, what is there already is not searched for garbage; what is made is.

    A search goes through a million objects where TensorFlow is imported: a quarter of the time of
    making names, or a plan of a thousand tasks. Whoever froze objects before keeps them so.
    """
    if gc.get_freeze_count() > OF_PYTHON:
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
