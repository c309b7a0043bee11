"""TensorFlow, imported without its lines."""

import subprocess
import sys

import pytest

_READ = """
import sys
from flan_tasks.raw_rows.quiet import import_tensorflow_quietly

import_tensorflow_quietly("seqio")
import tensorflow

assert list(tensorflow.data.Dataset.range(3).as_numpy_iterator()) == [0, 1, 2]
print("still heard", file=sys.stderr)
"""


@pytest.mark.slow
def test_importing_seqio_and_reading_a_dataset_says_nothing():
    ran = subprocess.run([sys.executable, "-c", _READ], capture_output=True, text=True, check=True)
    assert ran.stderr == "still heard\n"


def test_what_is_missing_is_still_an_error(capfd):
    from flan_tasks.raw_rows.quiet import import_tensorflow_quietly

    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        import_tensorflow_quietly("no_such_module")
    print("still heard", file=sys.stderr)
    assert "still heard" in capfd.readouterr().err
