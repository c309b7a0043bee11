"""What several processes write of a split is, joined, what one would have written."""

from contextlib import ExitStack

import pytest
from conftest import toy_dataset

from flan_tasks.core.errors import BuildError
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.splits import Splits
from flan_tasks.raw_rows.base import Source, State, Status
from flan_tasks.store import arrow_rows, split_file
from flan_tasks.store.store import Store


class Counted(Source):
    """Rows that are numbers."""

    kind = "toys"

    def __init__(self, count, *, is_shuffled):
        # Four more for validation.
        self.count = count + 4
        self.is_shuffled = is_shuffled

    def status(self):
        return Status(State.AVAILABLE)

    def splits(self):
        return {"train": self.count}

    def rows(self, split, positions):
        return ({"animal": f"animal {n}", "bird": n} for n in positions)

    def identity(self, split):
        return {"source": self.kind, "rows": self.count}


def example(text, bird):
    return Example(
        fields={"animal": text * (1 + bird % 5)},
        options=("yes", "no"),
        answer=("no", "yes")[bird % 2],
        extra={"number": bird} if bird % 3 else {},
    )


def one_each(row):
    """Asks nothing."""
    return Skip("no seven") if row["bird"] % 7 == 0 else example(row["animal"], row["bird"])


def several(row):
    """Asks nothing, or up to five times."""
    bird = row["bird"]
    if bird % 4 == 0:
        return Skip("no four")
    found = [example(f"{row['animal']} {n}", bird) for n in range(bird % 6)]
    return tuple([*found, Skip("the last")])


def same_key(row):
    """Asks nothing."""
    return Example(fields={"animal": "x"}, options=("yes", "no"), answer="no", key="same")


def toys(normalize):
    splits = Splits.validation_from_train(4, test=None)
    return toy_dataset(splits=splits, normalize=normalize, version=1)


def files(root):
    return {path.name: path.read_bytes() for path in root.iterdir()}


def in_parts(root, dataset, source, *, size, limit=None):
    store = Store(root)
    with store.in_parts(dataset, source, "train", limit=limit, size=size) as parted:
        # In any order.
        for part in reversed(parted.parts):
            parted.add(part, part.write(dataset, source, "train"))
    return parted.parts


@pytest.mark.parametrize("normalize", [one_each, several])
@pytest.mark.parametrize("is_shuffled", [True, False])
@pytest.mark.parametrize("size", [1, 13, 50, 200, 1000])
def test_parts_are_joined_to_the_bytes_of_one(tmp_path, monkeypatch, normalize, is_shuffled, size):
    # Small batches of the file, so that it has many of them, parted by rows and by bytes.
    for module in (arrow_rows, split_file):
        monkeypatch.setattr(module, "BATCH", 9)
    monkeypatch.setattr(arrow_rows, "_FILE_ROWS", 40)
    monkeypatch.setattr(arrow_rows, "_FILE_BYTES", 2_000)
    dataset, source = toys(normalize), Counted(200, is_shuffled=is_shuffled)
    alone = Store(tmp_path / "one").open(dataset, source, "train", limit=None)
    assert len(alone.table.arrow.to_batches()) > 5
    parts = in_parts(tmp_path / "several", dataset, source, size=size)
    assert len(parts) == -(-200 // size)
    assert files(tmp_path / "several") == files(tmp_path / "one")


@pytest.mark.parametrize(("limit", "is_parted"), [(200, False), (201, True), (None, True)])
def test_a_limit_that_may_come_first_is_left_to_one(tmp_path, limit, is_parted):
    dataset, source = toys(one_each), Counted(200, is_shuffled=True)
    parts = in_parts(tmp_path, dataset, source, size=50, limit=limit)
    assert bool(parts) == is_parted
    assert Store(tmp_path).has(dataset, source, "train", limit=limit) == is_parted


def test_nothing_is_written_where_rows_gave_more_than_the_limit(tmp_path):
    dataset, source = toys(several), Counted(200, is_shuffled=True)
    assert in_parts(tmp_path, dataset, source, size=50, limit=201)
    assert not list(tmp_path.iterdir())
    assert len(Store(tmp_path).open(dataset, source, "train", limit=201)) == 201


def test_parts_that_are_not_all_written_leave_nothing(tmp_path):
    dataset, source = toys(one_each), Counted(200, is_shuffled=True)
    with Store(tmp_path).in_parts(dataset, source, "train", limit=None, size=50) as parted:
        parted.add(parted.parts[0], parted.parts[0].write(dataset, source, "train"))
    assert not list(tmp_path.iterdir())


def test_one_key_in_two_parts_is_refused(tmp_path):
    with pytest.raises(BuildError, match='two examples have the key "same"'):
        in_parts(tmp_path, toys(same_key), Counted(4, is_shuffled=True), size=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("at_a_time", [1, 3, 1000])
def test_keys_are_compared_some_at_a_time(tmp_path, monkeypatch, at_a_time):
    monkeypatch.setattr(arrow_rows, "_HASHES", at_a_time)

    def twice(row):
        """Asks nothing."""
        made = example(row["animal"], row["bird"])
        return Example(**{**vars(made), "key": f"key {row['bird'] % 49}"})

    source = Counted(49, is_shuffled=True)
    assert len(Store(tmp_path).open(toys(twice), source, "train", limit=None)) == 49
    with ExitStack() as expected:
        expected.enter_context(pytest.raises(BuildError, match='have the key "key 0"'))
        Store(tmp_path).open(toys(twice), Counted(50, is_shuffled=True), "train", limit=None)
