"""Files of several batches, and of more than memory or Arrow's offsets hold at once."""

import numpy as np
import pyarrow as pa
import pytest
from conftest import make_catalog

from flan_tasks.raw_rows import open_source
from flan_tasks.store import arrow_rows
from flan_tasks.store.store import Store
from flan_tasks.store.table import Table


def stored(folder, rows=34):
    catalog = make_catalog(folder, {"birds": rows})
    dataset = catalog["birds"]
    source = open_source(dataset, samples=catalog.samples("birds"))
    return Store(folder / "several").open(dataset, source, "train", limit=None)


def test_batches_of_a_file_make_no_difference(tmp_path, monkeypatch):
    (tmp_path / "whole").mkdir()
    whole = stored(tmp_path / "whole")
    monkeypatch.setattr(arrow_rows, "BATCH", 3)
    monkeypatch.setattr(arrow_rows, "_FILE_ROWS", 9)
    several = stored(tmp_path)
    assert len(several.table.arrow.to_batches()) > 2
    assert len(whole.table.arrow.to_batches()) == 1
    every = np.arange(len(whole))
    for numbers in (every, every[::-1], [7, 7, 0, len(whole) - 1], []):
        assert several.take(numbers) == whole.take(numbers)
        name = [*whole.take([0])[0].fields][0]
        for names in ([name], ["answer", "options"]):
            assert several.texts(names, numbers) == whole.texts(names, numbers)
        assert several.hashes_of(numbers).tolist() == whole.hashes_of(numbers).tolist()
    assert several.key_hashes.tolist() == whole.key_hashes.tolist()
    text = whole.take([20])[0].answer
    assert 20 in whole.holding(text)
    assert several.holding(text).tolist() == whole.holding(text).tolist()


@pytest.mark.parametrize("place", [-1, 34])
def test_an_example_that_is_not_there_is_an_error(tmp_path, monkeypatch, place):
    monkeypatch.setattr(arrow_rows, "BATCH", 3)
    monkeypatch.setattr(arrow_rows, "_FILE_ROWS", 9)
    table = stored(tmp_path).table
    with pytest.raises(IndexError, match="examples, and no other"):
        table.take(None, [0, place])
    with pytest.raises(IndexError, match="examples, and no other"):
        table.hashes_at([0, place])


def test_rows_are_taken_of_a_column_of_more_than_2_gib(tmp_path):
    # The same 64 MB forty times over: Arrow counts bytes of a text column in 31 bits.
    batch = pa.record_batch({"f_text": pa.array(["x" * 65_536] * 1024)})
    table = Table(tmp_path / "large.arrow")
    vars(table)["arrow"] = pa.Table.from_batches([batch] * 40)
    assert table.arrow.nbytes > 1 << 31
    taken = table.take(["f_text"], [40_000, 3])
    assert [len(text) for text in taken.column("f_text").to_pylist()] == [65_536, 65_536]
