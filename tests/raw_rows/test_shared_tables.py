"""Rows of a table that several members of a family are made of."""

import json

import pytest

from flan_tasks.core.errors import RowError, SourceUnavailableError
from flan_tasks.core.example import Example
from flan_tasks.core.family import Family
from flan_tasks.core.family_index import write_index
from flan_tasks.core.member import Member
from flan_tasks.core.origin import Files, HuggingFace
from flan_tasks.core.shared_tables import SharedTable, SharedTables
from flan_tasks.core.splits import Splits
from flan_tasks.raw_rows import State, open_source
from flan_tasks.raw_rows.files import FilesSource
from flan_tasks.raw_rows.huggingface import HuggingFaceSource
from flan_tasks.raw_rows.reading import read_examples
from flan_tasks.store.store import Store

TEAS = [{"tea": name} for name in ("assam", "sencha", "oolong", "pu-erh")]


def records(folder):
    path = folder / "sayings.json"
    if not path.exists():
        raise SourceUnavailableError(f"no {path.name}")
    sayings = json.loads(path.read_text())

    def of(member):
        if member.name not in sayings:
            raise SourceUnavailableError(f"no saying for {member.name}")
        return {"saying": sayings[member.name]}

    return of


def normalize(row, member):
    """Says something of a tea."""
    row["row"]["tea"] += "!"  # a row is a copy
    return Example(fields={"said": row["record"]["saying"] + row["row"]["tea"]}, answer="yes")


@pytest.fixture
def family(tmp_path):
    members = [
        Member(source_name="praise", cluster="tea", table="tea shop"),
        Member(source_name="scorn", cluster="tea", table="tea shop"),
        Member(source_name="brew", cluster="pots", table="pots"),
    ]
    (tmp_path / "index.jsonl").write_text(write_index(members))
    return Family(
        name="sayings",
        source=Files({"sayings": "sayings.json"}),
        index=tmp_path / "index.jsonl",
        splits=Splits(),
        tables=SharedTables(
            table=lambda member: SharedTable(
                source=HuggingFace(member.table.replace(" ", "/")),
                splits=Splits(carve_validation=1),
                folder=member.table.replace(" ", "_"),
            ),
            records=records,
            record_dir="sayings are in sayings.json, which is nowhere",
            stand_ins="not what they say",
            row_dir="teas",
        ),
        schema={"row": dict, "record": dict},
        normalize=normalize,
        fields=("said",),
        metrics=("rouge",),
        license="CC0-1.0",
        citation="Ours",
        version=1,
    )


@pytest.fixture
def places(tmp_path):
    (tmp_path / "records").mkdir()
    sayings = {"praise": "How good, ", "scorn": "How bad, ", "brew": "Hot, "}
    (tmp_path / "records" / "sayings.json").write_text(json.dumps(sayings))
    (tmp_path / "rows" / "tea_shop").mkdir(parents=True)
    lines = "".join(json.dumps(row) + "\n" for row in TEAS)
    (tmp_path / "rows" / "tea_shop" / "train.jsonl").write_text(lines)
    return {"sayings": tmp_path / "records", "teas": tmp_path / "rows"}


def source(family, name, places, **settings):
    dirs = ":".join(f"{name}={place}" for name, place in places.items()) or None
    return open_source(family.task(name), data_dir=dirs, samples=None, **settings)


def said(family, name, places, opened, split="train"):
    rows = source(family, name, places, opened=opened)
    return [
        item.fields["said"]
        for _, items in read_examples(family.task(name), rows, split)
        for item in items
    ]


def test_rows_are_read_once_for_all_members(family, places, monkeypatch):
    asked = []
    rows_of = FilesSource.rows

    def counted(self, split, positions):
        asked.append((split, list(positions)))
        return rows_of(self, split, positions)

    monkeypatch.setattr(FilesSource, "rows", counted)
    opened = {}
    praised, scorned = (said(family, name, places, opened) for name in ("praise", "scorn"))
    assert [text[10:] for text in praised] == [text[9:] for text in scorned]
    assert all(text.startswith("How good, ") and text.count("!") == 1 for text in praised)
    assert len(asked) == 1 and list(opened) == ["sayings-tea_shop"]


def test_train_and_validation_of_members_are_the_same_rows(family, places):
    opened = {}
    held = [said(family, name, places, opened, "validation") for name in ("praise", "scorn")]
    assert held[0][0].removeprefix("How good") == held[1][0].removeprefix("How bad")
    train = said(family, "praise", places, opened)
    assert {*train, *held[0]} == {f"How good, {row['tea']}!" for row in TEAS}


def test_a_bad_row_is_named_for_each_member(family, places):
    with (places["teas"] / "tea_shop" / "train.jsonl").open("a") as file:
        file.write("{\n{\n")  # one of them may be in validation
    opened = {}
    for name in ("praise", "scorn"):
        with pytest.raises(RowError, match=f"sayings:{name}, split train, row [45]"):
            said(family, name, places, opened)


def test_what_is_missing_says_where_it_comes_from(family, places):
    status = source(family, "praise", {}).status()
    assert status.state is State.NEEDS_MANUAL
    assert status.detail == (
        "sayings are in sayings.json, which is nowhere; give it: --data-dir sayings=DIR"
    )
    status = source(family, "brew", places).status()
    assert (status.state, status.detail) == (
        State.MISSING,
        "no rows in teas/pots; wanted train.jsonl and so on there",
    )
    # Without a directory of rows each table is at the source it declares.
    hub = source(family, "praise", {"sayings": places["sayings"]})
    assert (hub.kind, hub.status().state) == ("hf", State.NEEDS_DOWNLOAD)
    with pytest.raises(SourceUnavailableError, match="give them: --data-dir teas=DIR"):
        source(family, "praise", {"sayings": places["sayings"]}, kind="files")


def test_a_member_without_a_record_stops_no_other(family, places, tmp_path):
    (places["sayings"] / "sayings.json").write_text('{"scorn": "Bah, "}')
    store, opened = Store(tmp_path / "store"), {}
    rows = source(family, "praise", places, opened=opened)
    assert rows.status().detail == "files train.jsonl, for 1 of 2 tasks"
    with pytest.raises(SourceUnavailableError, match="no saying for praise"):
        store.open(family.task("praise"), rows, "train", limit=None)
    rows = source(family, "scorn", places, opened=opened)
    assert len(store.open(family.task("scorn"), rows, "train", limit=None)) == 3
    assert len(list((tmp_path / "store").glob("sayings-tea_shop-train-*.arrow"))) == 1


def test_another_record_makes_another_stored_table(family, places, tmp_path):
    store = Store(tmp_path / "store")
    for saying in ("Ah, ", "Oh, ", "Ah, "):
        (places["sayings"] / "sayings.json").write_text(json.dumps({"scorn": saying}))
        rows = source(family, "scorn", places)
        examples = store.open(family.task("scorn"), rows, "train", limit=None)
        assert examples[0].fields["said"].startswith(saying)
    assert len(list((tmp_path / "store").glob("*.arrow"))) == 2


def test_rows_may_lie_in_the_folder_of_the_records(family, places, tmp_path):
    (places["sayings"] / "rows").symlink_to(places["teas"])
    assert len(said(family, "praise", {"sayings": places["sayings"]}, {})) == 3
    # Of a directory for all, the folders by their names.
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "sayings").symlink_to(places["sayings"])
    rows = open_source(family.task("praise"), data_dir=tmp_path / "all", samples=None)
    assert rows.status().state is State.AVAILABLE


def test_embedded_rows_and_records_stand_in(family, places, tmp_path):
    samples = tmp_path / "samples"
    (samples / "templates").mkdir(parents=True)
    (samples / "templates" / "sayings.json").write_text('{"praise": "Mm, "}')
    (samples / "rows").symlink_to(places["teas"])
    rows = open_source(family.task("praise"), kind="samples", samples=samples)
    assert rows.identity("train")["stand_in"] is True and rows.kind == "samples"
    row = next(rows.rows("train", [0]))
    assert row == {"row": TEAS[0], "record": {"saying": "Mm, "}}
    # Records of one's own with embedded rows.
    mine = f"sayings={places['sayings']}"
    rows = open_source(family.task("scorn"), kind="samples", samples=samples, data_dir=mine)
    assert next(rows.rows("train", [0]))["record"] == {"saying": "How bad, "}
    assert "stand_in" not in rows.identity("train")


def test_rows_are_not_fetched_for_members_without_a_record(family, places, tmp_path, monkeypatch):
    monkeypatch.setattr(HuggingFaceSource, "splits", lambda self: pytest.fail("it was fetched"))
    (places["sayings"] / "sayings.json").write_text("{}")
    rows = source(family, "praise", {"sayings": places["sayings"]})
    with pytest.raises(SourceUnavailableError, match="no saying for praise"):
        Store(tmp_path / "store").open(family.task("praise"), rows, "train", limit=None)
