"""Fills the store with made-up rows, many at a time, without reading and normalizing each.

    python -m benchmarks.made_up_store NAME ROWS   (in the folder that benchmarks.families writes)

Everything but the making of examples is the store's own: its key, batches, entries of members,
checksum. A family's file has the bytes that reading `rows.jsonl` with all these rows would give
(tests/test_benchmarks.py compares them); of `plain` the rows stand in their own order, and the
numbers of keys are drawn instead of hashed.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.families import DEFINITION, TEXT
from flan_tasks.core.choice import hash_text
from flan_tasks.plan import draws
from flan_tasks.raw_rows.families import FamilySource
from flan_tasks.store import split_file
from flan_tasks.store import store as store_module

# Rows of one task of `plain` that are made at once.
_BLOCK = 1 << 16


def texts_of(template: str, row: pa.Array, number: int) -> pa.Array:
    """Fills the two places of a text: the row's number, which differs, and the task's."""
    before, between, behind = template.split("{}")
    return pc.binary_join_element_wise(before, row, f"{between}{number}{behind}", "")


def batch_of(schema: pa.Schema, start: int, stop: int, number: int, **columns: Any) -> pa.Table:
    """Returns rows `start` to `stop` of a task, as the store has them."""
    row = pc.cast(pa.array(np.arange(start, stop)), pa.string())
    rows = len(row)
    answer = pc.binary_join_element_wise("answer ", row, "")
    nothing = pa.array(np.zeros(rows + 1, np.int32))
    columns_of = {
        "key": pc.binary_join_element_wise("rows:", row, ""),
        "answer": answer,
        "options": pa.ListArray.from_arrays(nothing, pa.array([], pa.string())),
        "references": pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32), answer),
        "extra": pa.array([""], pa.string()).take(pa.array(np.zeros(rows, np.int64))),
        "f_text": texts_of(TEXT, row, number),
        **columns,
    }
    if "key_hash" not in columns_of:
        columns_of["key_hash"] = pa.array(
            [hash_text(key) for key in columns_of["key"].to_pylist()], pa.uint64()
        )
    return pa.table({name: columns_of[name] for name in schema.names}, schema=schema)


def write_rows(
    out: Path, source: FamilySource, split: str, schema: pa.Schema, *, limit: int | None
) -> dict[str, Any]:
    """Stands in for the store's own of this name."""
    members: dict[str, Any] = {}
    start, shared = 0, {}
    with pa.OSFile(str(out), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for number, (name, member) in enumerate(source.family.members.items()):
            rows = member.size["rows"]
            if rows not in shared:
                shared[rows] = batch_of(schema, 0, rows, 0)
            row = pc.replace_substring(shared[rows].column("key"), "rows:", "").combine_chunks()
            text = texts_of(TEXT, row, number)
            table = shared[rows].set_column(schema.get_field_index("f_text"), "f_text", text)
            writer.write_table(table)
            definition = DEFINITION.format(number).strip()
            entry = {"start": start, "stop": start + rows, "rows": rows, "at_hand": rows}
            constants = {"constants": {"definition": definition}}
            members[name] = {key: value for key, value in entry.items() if value} | constants
            start += rows
    return {"members": members, "unknown": {}}


class PlainRows:
    """Stands in for the store's `Reading`, which makes batches of examples."""

    def __init__(self, rows: int, tasks: int) -> None:
        self.rows, self._tasks = rows, tasks
        self.skipped: dict[str, int] = {}

    def batches(self, rows: object, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yields all rows."""
        each = self.rows // self._tasks
        for number in range(self._tasks):
            for first in range(0, each, _BLOCK):
                start, stop = number * each + first, number * each + min(each, first + _BLOCK)
                hashes = draws.mix(np.arange(start, stop))
                one = pa.array([DEFINITION.format(number).strip()])
                definition = one.take(pa.array(np.zeros(stop - start, np.int64)))
                yield from batch_of(
                    schema, start, stop, number, key_hash=hashes, f_definition=definition
                ).to_batches()


def fill(name: str, rows: int, tasks: int, store: Path) -> None:
    """Opens the made-up family, or the plain dataset, which writes it to the store."""
    from flan_tasks.datasets import catalog
    from flan_tasks.plan.prepare import SourceChoice, prepare

    rows = rows // tasks * tasks
    patches = [mock.patch.object(store_module, "write_rows", write_rows)]
    if name == "plain":
        patches = [
            mock.patch.object(split_file, "Reading", lambda *_: PlainRows(rows, tasks)),
            mock.patch.object(split_file, "positions", lambda *_: range(rows)),
            # They are all others.
            mock.patch.object(split_file, "check_unique", lambda *_: None),
        ]
    for patch in patches:
        patch.start()
    try:
        mixture = catalog().mixture(f"all_{name}")
        opened = store_module.Store(store)
        prepare(mixture, catalog(), source=SourceChoice(), store=opened)
    finally:
        for patch in patches:
            patch.stop()


if __name__ == "__main__":
    sys.path.insert(0, ".")
    import made_up_module  # noqa: F401

    fill(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path("store"))
