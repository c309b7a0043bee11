"""Arrays: numpy reads them, and what the system says of a failed write is not lost."""

import errno
import resource
from types import SimpleNamespace

import numpy as np
import pytest

from flan_tasks.engine.writers.arrays import ArraysWriter
from flan_tasks.engine.writers.writer import WriteSettings

SETTINGS = WriteSettings("train", "inputs-targets", {"inputs": 8, "targets": 8}, 1)
ARRAYS = {
    "inputs": np.arange(40, dtype=np.uint16).reshape(5, 8),
    "targets": np.zeros((0, 8), np.uint16),
    "offsets": np.arange(6)[::1],
    "tasks": np.arange(12, dtype=np.int16)[::2],
}


@pytest.mark.parametrize("name", ARRAYS)
def test_numpy_reads_what_is_written_and_would_write_the_same(tmp_path, name):
    path = tmp_path / "x.npy"
    ArraysWriter().write_packed(
        {f"s.{name}.npy": path}, SimpleNamespace(arrays=ARRAYS), settings=SETTINGS
    )
    found = np.load(path, mmap_mode="r" if ARRAYS[name].size else None)
    assert found.dtype == ARRAYS[name].dtype and (found == ARRAYS[name]).all()
    np.save(tmp_path / "other.npy", ARRAYS[name])
    assert path.read_bytes() == (tmp_path / "other.npy").read_bytes()


def test_a_write_that_falls_short_keeps_the_error_number_of_the_system(tmp_path):
    large = SimpleNamespace(arrays={"inputs": np.zeros((1000, 1000), np.uint16)})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A disk that is full stops a write in its middle, as this limit does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    try:
        with pytest.raises(OSError) as caught:
            path = tmp_path / "x.npy"
            ArraysWriter().write_packed({"s.inputs.npy": path}, large, settings=SETTINGS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.errno == errno.EFBIG
