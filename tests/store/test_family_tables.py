import json
import logging

import numpy as np
import pytest
from toy_families import family_catalog, record, write_tasks

from flan_tasks.core.errors import RowError, SourceUnavailableError
from flan_tasks.core.member import Member
from flan_tasks.core.origin import Alternative, Files, Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.raw_rows import open_source
from flan_tasks.store.store import Store

SIZES = {"one": 9, "Two.b": 5, "three": 4}
MEMBERS = tuple(Member(source_name=name, cluster="c", size={"tasks": 9}) for name in SIZES)


class Shelf:
    """A store, and a family's rows in a folder."""

    def __init__(self, folder, members=MEMBERS, *, kind="declared", **changes):
        self.family = family_catalog(folder, members, **changes).family("toys")
        self.store, self.opened, self.kind = Store(folder / "store"), {}, kind
        self.samples = folder / "samples.jsonl"

    def open(self, name, split="train", limit=None, reading=None):
        task = self.family.task(name)
        source = open_source(task, kind=self.kind, samples=self.samples, opened=self.opened)
        return self.store.open(task, source, split, limit=limit, reading=reading)


def all_of(examples):
    return examples.take(np.arange(len(examples)))


def test_a_table_has_all_members_in_one_file(tmp_path):
    write_tasks(tmp_path, SIZES)
    shelf = Shelf(tmp_path)
    by_name = {name: shelf.open(name) for name in shelf.family.members}
    assert [len(examples) for examples in by_name.values()] == [7, 3, 2]  # less what is carved
    assert len({examples.path for examples in by_name.values()}) == 1
    for number, (name, examples) in enumerate(by_name.items()):
        for example in all_of(examples):
            assert example.fields["definition"] == f"Do what task {number} asks."
            assert example.fields["text"].endswith(f" of {number}")
            assert example.answer.startswith(f"{name}: out ")
    validation = shelf.open("one", "validation")
    keys = {example.key for one in (by_name["one"], validation) for example in all_of(one)}
    assert len(validation) == 2 and keys == {f"tasks:{row}" for row in range(9)}
    assert len(list((tmp_path / "store").glob("*.arrow"))) == 2


def test_columns_are_those_of_whole_examples(tmp_path):
    write_tasks(tmp_path, SIZES)
    examples = Shelf(tmp_path).open("Two.b")
    columns = examples.texts(["definition", "answer", "text"], [2, 0])
    picked = examples.take([2, 0])
    assert columns["answer"] == [example.answer for example in picked]
    assert columns["definition"] == [example.fields["definition"] for example in picked]
    assert columns["text"] == [example.fields["text"] for example in picked]
    assert len(examples.key_hashes) == len(examples)


def test_what_is_stored_is_not_read_again_until_a_file_changes(tmp_path):
    write_tasks(tmp_path, SIZES)
    Shelf(tmp_path).open("one")
    reads = []
    Shelf(tmp_path).open("three", reading=lambda: reads.append(1))
    assert not reads
    write_tasks(tmp_path, SIZES | {"one": 10})
    assert len(Shelf(tmp_path).open("one", reading=lambda: reads.append(1))) == 8
    assert reads == [1]


def test_a_limit_is_one_for_each_member(tmp_path):
    write_tasks(tmp_path, SIZES)
    shelf = Shelf(tmp_path)
    assert [len(shelf.open(name, limit=3)) for name in SIZES] == [3, 3, 2]
    assert shelf.open("one", limit=3).rows_at_hand == 7


def test_a_task_without_file_or_rows_says_so_and_stops_no_other(tmp_path):
    write_tasks(tmp_path, {"one": 9, "Two.b": 0})
    shelf = Shelf(tmp_path)
    assert len(shelf.open("one")) == 7
    with pytest.raises(SourceUnavailableError, match="toys:two_b: files has 0 rows"):
        shelf.open("two_b")
    with pytest.raises(SourceUnavailableError, match="three: its file is missing; the folder has"):
        shelf.open("three")


def test_a_folder_without_task_files_is_named(tmp_path):
    with pytest.raises(SourceUnavailableError, match=r"toys: no task file tasks/\*\.json"):
        Shelf(tmp_path).open("one")


def test_a_file_the_index_does_not_know_is_named_and_left_out(tmp_path, caplog):
    write_tasks(tmp_path, SIZES | {"four": 3})
    for _ in range(2):  # when it is filled, and when it is opened again
        with caplog.at_level(logging.WARNING):
            Shelf(tmp_path).open("one")
        assert "1 task of its source is not in its index, and left out: four.json" in caplog.text
        caplog.clear()


def test_a_key_that_comes_twice_in_a_task_is_skipped_and_counted(tmp_path):
    from flan_tasks.core.example import Example

    def by_id(row, member):
        """Answers."""
        return Example(fields={"text": row["input"]}, answer="a", key=row["id"][:3])

    write_tasks(tmp_path, {"one": 14, "Two.b": 5})
    examples = Shelf(tmp_path, MEMBERS[:2], normalize=by_id).open("one")
    # Keys are the first three letters of ids, so that 0-1 and 0-10 to 0-13 have one.
    assert examples.rows == 12 == len(examples) + sum(examples.skipped.values())
    assert examples.skipped == {"has the key of an earlier example": 12 - len(examples)}
    assert 8 <= len(examples) <= 10


def test_rows_that_break_the_schema_are_named_with_their_task(tmp_path):
    write_tasks(tmp_path, SIZES)
    broken = record(1, 5)
    broken["Instances"] = [{"input": 3, "output": "x"}] * 5
    (tmp_path / "tasks" / "Two.b.json").write_text(json.dumps(broken))
    with pytest.raises(RowError, match=r"toys:two_b, split tasks, row \d: column"):
        Shelf(tmp_path).open("one")
    (tmp_path / "tasks" / "Two.b.json").write_text("[]")
    with pytest.raises(RowError, match=r'Two\.b\.json: wanted a JSON object with the list "Inst'):
        Shelf(tmp_path).open("one")


def test_a_record_without_its_constants_is_named_with_its_task(tmp_path):
    write_tasks(tmp_path, SIZES)
    (tmp_path / "tasks" / "one.json").write_text(json.dumps(record(1, 5, Definition=None)))
    with pytest.raises(RowError, match="toys:one: constants_of fails with"):
        Shelf(tmp_path).open("three")


def test_two_files_of_one_name_are_refused(tmp_path):
    write_tasks(tmp_path, SIZES | {"two_b": 3})
    with pytest.raises(Exception, match=r"Two\.b\.json and two_b\.json are both the task two_b"):
        Shelf(tmp_path).open("one")


def test_what_is_left_out_of_a_member_needs_no_file_of_its_own(tmp_path):
    write_tasks(tmp_path, SIZES)
    shelf = Shelf(tmp_path)
    every = shelf.open("one")
    some = shelf.store.without(every, np.asarray([1, 3]), reason="odd")
    assert all_of(some) == [example for n, example in enumerate(all_of(every)) if n not in (1, 3)]
    assert some.key_hashes.tolist() == np.delete(every.key_hashes, [1, 3]).tolist()
    assert some.skipped == {"odd": 2} and some.key != every.key
    texts = [example.fields["text"] for example in all_of(some)]
    assert some.holding(texts[3]).tolist() == [3]
    assert every.holding("Do what task 0").tolist() == list(range(7))
    assert len(list((tmp_path / "store").glob("*.arrow"))) == 1


def test_a_damaged_table_is_made_anew(tmp_path, caplog):
    write_tasks(tmp_path, SIZES)
    path = Shelf(tmp_path).open("one").path
    whole = path.read_bytes()
    path.write_bytes(whole[:200] + b"x" + whole[201:])
    with caplog.at_level(logging.WARNING):
        assert len(Shelf(tmp_path).open("one")) == 7
    assert "are damaged" in caplog.text and path.read_bytes() == whole


def write_table(folder):
    rows = [
        {"task": name, "Definition": [f"Do {name}."], "input": f"{name} {row}", "output": str(row)}
        for row in range(6)
        for name in ("one", "Two.b", "four")
        if row < 5 or name == "one"
    ]
    (folder / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_one_table_with_a_column_for_the_task_gives_the_same_members(tmp_path, caplog):
    write_table(tmp_path)
    shelf = Shelf(
        tmp_path,
        MEMBERS[:2],
        source=Files({"tasks": "all.jsonl"}, root=str(tmp_path)),
        task_column="task",
    )
    one, two = shelf.open("one"), shelf.open("two_b")
    assert (len(one), len(two)) == (4, 3)
    assert all(example.fields["text"].startswith("Two.b ") for example in all_of(two))
    assert {example.fields["definition"] for example in all_of(two)} == {"Do Two.b."}
    assert "left out: four" in caplog.text


def test_a_task_may_be_named_by_a_part_of_a_column(tmp_path):
    for split in ("tasks", "solved"):
        rows = [
            {
                "id": f"{name}-{n}-{split}",
                "Definition": [f"Do {name}."],
                "input": split,
                "output": "o",
            }
            for name, count in (("one", 5), ("three", 1))
            for n in range(count - 2 * (split == "solved" and count > 1))
        ]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    members = (*MEMBERS[:1], MEMBERS[2])
    shelf = Shelf(
        tmp_path,
        members,
        source=Files({"tasks": "tasks.jsonl", "solved": "solved.jsonl"}, root=str(tmp_path)),
        task_column="id",
        task_of=lambda text: text.partition("-")[0],
        splits=Splits(train=None, test="tasks"),
    )
    one = shelf.open("one", "test")
    assert len(one) == 5 and {e.fields["definition"] for e in all_of(one)} == {"Do one."}
    # A split that no example is made of, as exemplars of a suite come from, has its members' rows.
    source = open_source(shelf.family.task("one"), samples=None)
    assert source.splits() == {"tasks": 5} and source.num_rows("solved") == 3
    assert {row["input"] for row in source.rows("solved", range(3))} == {"solved"}
    with pytest.raises(SourceUnavailableError, match='no split "other"'):
        source.num_rows("other")


def test_another_place_may_have_the_other_layout(tmp_path, caplog):
    write_table(tmp_path)
    other = Alternative(
        Files({"all": "all.jsonl"}, root=str(tmp_path)),
        adapt=lambda row: {**row, "input": row["input"].upper()},
        splits={"tasks": "all"},
        task_column="task",
    )
    source = {"source": Tfds("toys:1.0.0"), "task_column": "t", "alternatives": (other,)}
    shelf = Shelf(tmp_path, MEMBERS[:1], kind="files", **source)
    texts = {example.fields["text"] for example in all_of(shelf.open("one"))}
    assert texts <= {f"ONE {row}" for row in range(6)} and len(texts) == 4


def test_embedded_rows_have_a_record_for_each_task(tmp_path):
    lines = [
        {"task": "one", "record": {"Definition": ["Do", "one."]}},
        *({"task": "one", "split": "tasks", "row": {"input": n, "output": "o"}} for n in "abc"),
    ]
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    shelf = Shelf(tmp_path, kind="samples")
    examples = all_of(shelf.open("one"))
    assert {example.fields["definition"] for example in examples} == {"Do one."}
    with pytest.raises(SourceUnavailableError, match="three: it is not among the 1 task of toys"):
        shelf.open("three")
