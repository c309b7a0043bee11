"""Arrow files that are copied with fewer batches and with metadata."""

import subprocess
import sys

import pyarrow as pa

from flan_tasks.store.arrow_rows import copy_file

MANY = 600


def written(path, batches):
    schema = batches[0].schema
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def small_batches(count):
    return [pa.RecordBatch.from_pydict({"key": [f"{n}", f"{n}'"]}) for n in range(count)]


def test_a_copy_has_all_rows_in_one_batch_and_the_metadata(tmp_path):
    written(tmp_path / "many", small_batches(5))
    copy_file(tmp_path / "many", tmp_path / "one", {"a": "b"})
    with pa.memory_map(str(tmp_path / "one")) as mapped:
        reader = pa.ipc.open_file(mapped)
        assert reader.num_record_batches == 1
        table = reader.read_all()
    assert table.schema.metadata == {b"a": b"b"}
    assert table.column("key").to_pylist() == [f"{n}{mark}" for n in range(5) for mark in ("", "'")]


COPY = """
import resource, sys
from pathlib import Path
from flan_tasks.store.arrow_rows import copy_file
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
copy_file(Path(sys.argv[1]), Path(sys.argv[2]), {"flan_tasks": "x" * int(sys.argv[3])})
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_long_metadata_is_not_held_for_each_batch(tmp_path):
    written(tmp_path / "many", small_batches(MANY))
    length = 1_000_000
    done = subprocess.run(
        [sys.executable, "-c", COPY, tmp_path / "many", tmp_path / "one", str(length)],
        capture_output=True,
        text=True,
        check=True,
    )
    # A copy for each batch would be 600 MB.
    assert int(done.stdout) < MANY / 4
