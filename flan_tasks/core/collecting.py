"""Python's search for garbage, while thousands of things are made that are none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def older_left_alone() -> Iterator[None]:
    """Within it, what is there already is not searched for garbage; what is made is.

    A search goes through a million objects where TensorFlow is imported: a quarter of the time of
    making names, or a plan of a thousand tasks. Whoever froze objects before keeps them so.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
