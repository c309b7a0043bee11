"""TensorFlow without the lines that its C++ parts write to stderr while they are imported."""

import importlib
import os
import sys

_is_quiet = False


def keep_quiet() -> None:
    """Has sources import TensorFlow quietly from now on: for programs, whose stderr is theirs."""
    global _is_quiet
    _is_quiet = True


def before_import(*more: str) -> None:
    """Imports TensorFlow, and modules that import it, quietly where the program wants that.

    Raises:
      ImportError: one of them is missing.
    """
    if _is_quiet and any(name not in sys.modules for name in more):
        import_tensorflow_quietly(*more)


def import_tensorflow_quietly(*more: str) -> None:
    """Imports TensorFlow, and other modules that import it; leaves GPUs to JAX.

    Nothing of ours writes to stderr meanwhile; an import that fails still raises.

    Args:
      more: names of modules that are imported before it, such as seqio.

    Raises:
      ImportError: one of them is missing.
    """
    # What they have to say later that is no warning, such as the end of a dataset.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        for name in more:
            importlib.import_module(name)
        import absl.logging

        absl.logging.set_verbosity(absl.logging.ERROR)
        tensorflow = importlib.import_module("tensorflow")
        # It would take a GPU's memory away from JAX for reading rows.
        tensorflow.config.set_visible_devices([], "GPU")
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
