import json

import pytest

from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.core.origin import Files
from flan_tasks.raw_rows.base import State
from flan_tasks.raw_rows.files import FilesSource, find_files

SCHEMA = {"text": str, "label": int, "score": float, "good": bool, "tags": list}
ROWS = [
    {"text": 'a "b", c', "label": 1, "score": 0.5, "good": True, "tags": ["x"]},
    {"text": "two\nlines — é", "label": -1, "score": 2.0, "good": False, "tags": []},
    {"text": "", "label": 0, "score": 1.0, "good": True, "tags": ["y", "z"]},
]


def write(folder, ending):
    path = folder / f"train{ending}"
    if ending == ".jsonl":
        lines = [json.dumps(row, ensure_ascii=False) for row in ROWS]
        path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    elif ending == ".csv":
        import csv

        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(SCHEMA)
            for row in ROWS:
                writer.writerow([*list(row.values())[:4], json.dumps(row["tags"])])
    else:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    return path


@pytest.fixture(params=[".jsonl", ".csv", ".parquet"])
def source(request, tmp_path):
    write(tmp_path, request.param)
    return FilesSource("toy", find_files(tmp_path), schema=SCHEMA)


def test_files_read_rows_in_the_order_asked_for(source):
    assert source.splits() == {"train": 3}
    assert list(source.rows("train", [2, 0, 1, 0])) == [ROWS[2], ROWS[0], ROWS[1], ROWS[0]]


def test_files_are_available_and_named(source):
    assert source.status().state is State.AVAILABLE
    assert source.identity("train")["rows"] == 3


def test_files_of_other_content_have_another_identity(tmp_path):
    path = write(tmp_path, ".jsonl")
    before = FilesSource("toy", find_files(tmp_path), schema=SCHEMA).identity("train")
    path.write_text(path.read_text().replace("two", "ten"))
    assert FilesSource("toy", find_files(tmp_path), schema=SCHEMA).identity("train") != before


def test_files_of_a_pattern_are_read_in_name_order(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"text": name}) + "\n")
    source = FilesSource("toy", Files({"train": "*.jsonl"}, root=str(tmp_path)), schema={})
    assert [row["text"] for row in source.rows("train", range(2))] == ["a", "b"]


@pytest.mark.parametrize("pattern", ["train[1].jsonl", "tr*.jsonl"])
def test_files_are_found_where_names_hold_brackets(tmp_path, pattern):
    folder = tmp_path / "data [v1]"
    folder.mkdir()
    write(folder, ".jsonl").rename(folder / "train[1].jsonl")
    source = FilesSource("toy", Files({"train": pattern}, root=str(folder)), schema=SCHEMA)
    assert source.splits() == {"train": 3}


def test_a_file_of_two_splits_is_refused(tmp_path):
    (tmp_path / "train.jsonl").write_text("{}\n")
    origin = Files({"train": "*.jsonl", "test": "train.jsonl"}, root=str(tmp_path))
    with pytest.raises(DeclarationError, match="train and test both read train.jsonl"):
        FilesSource("toy", origin, schema={}).splits()


def test_files_that_are_missing_are_named(tmp_path):
    source = FilesSource("toy", Files({"train": "no.jsonl"}, root=str(tmp_path)), schema={})
    assert source.status().state is State.MISSING
    with pytest.raises(SourceUnavailableError, match="toy: no file no.jsonl"):
        source.splits()


def test_a_folder_without_files_says_what_is_wanted(tmp_path):
    source = FilesSource("toy", find_files(tmp_path), schema={})
    with pytest.raises(SourceUnavailableError, match="wanted one for each split"):
        source.splits()


def test_csv_cells_may_be_as_long_as_documents_are(tmp_path):
    (tmp_path / "train.csv").write_text("text\n" + "x" * 200_000 + "\n")
    source = FilesSource("toy", find_files(tmp_path), schema={"text": str})
    assert [len(row["text"]) for row in source.rows("train", [0])] == [200_000]


def test_csv_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "train.csv").write_bytes(b"text\rone\rtwo\r")
    source = FilesSource("toy", find_files(tmp_path), schema={"text": str})
    with pytest.raises(RowError, match="train.csv, row 0: not valid CSV: new-line"):
        source.splits()


def test_a_split_that_is_missing_is_named(source):
    with pytest.raises(
        SourceUnavailableError, match=r'no split "test" here; it has train \(3 rows'
    ):
        source.num_rows("test")


@pytest.mark.parametrize(
    ("ending", "text", "message"),
    [
        (".jsonl", '{"text": \n', "train.jsonl, row 0: not valid JSON"),
        (".jsonl", "[1]\n", "a row is a JSON object, not int"),
        (".csv", "text,label\na\n", "row 0: 1 cell; the header has 2"),
        (".csv", "text,label\na,b\n", "\"label\" is 'b'; the schema says int"),
        (".parquet", "PAR", "is no Parquet file"),
    ],
)
def test_files_that_are_damaged_are_named(tmp_path, ending, text, message):
    (tmp_path / f"train{ending}").write_text(text)
    source = FilesSource("toy", find_files(tmp_path), schema={"text": str, "label": int})
    with pytest.raises(RowError, match=message):
        list(source.rows("train", [0]))


OBJECTS = [{"text": "one", "label": 1}, {"text": "zwei ü", "label": 2}]


def as_lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def packed(ending, data):
    import bz2
    import gzip
    import lzma

    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
    return pack[ending](data) if ending in pack else data


@pytest.mark.parametrize("compression", ["", ".gz", ".bz2", ".xz"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (".jsonl", as_lines(OBJECTS)),
        (".json", as_lines(OBJECTS)),
        (".ndjson", as_lines(OBJECTS)),
        (".json", json.dumps(OBJECTS, ensure_ascii=False)),
        (".json", json.dumps(OBJECTS, indent=2)),
        (".jsonl", json.dumps(OBJECTS, indent=2)),
        (".json", json.dumps({"version": "1", "data": OBJECTS})),
        (".json", json.dumps({"version": "1", "data": OBJECTS}, indent=1)),
        (".json", '{"version": "1",\n "data": ' + json.dumps(OBJECTS) + "}"),
        (".csv", 'text,label\none,1\n"zwei ü",2\n'),
        (".tsv", "text\tlabel\none\t1\nzwei ü\t2\n"),
    ],
)
def test_files_are_read_whatever_they_are_stored_as(tmp_path, ending, text, encoding, compression):
    path = tmp_path / f"train{ending}{compression}"
    path.write_bytes(packed(compression, text.encode(encoding)))
    source = FilesSource("toy", find_files(tmp_path), schema={"text": str, "label": int})
    assert list(source.rows("train", [1, 0])) == OBJECTS[::-1]


def test_one_object_without_a_list_is_a_row(tmp_path):
    (tmp_path / "train.json").write_text(json.dumps({"text": "one", "tags": []}, indent=1))
    source = FilesSource("toy", find_files(tmp_path), schema={"text": str})
    assert list(source.rows("train", [0])) == [{"text": "one", "tags": []}]


def test_an_object_with_several_lists_asks_which(tmp_path):
    held = {"Positive Examples": OBJECTS, "Instances": OBJECTS[:1], "Source": ["x"]}
    (tmp_path / "train.json").write_text(json.dumps(held))
    origin = Files({"train": "train.json"}, root=str(tmp_path))
    with pytest.raises(RowError, match=r'Positive Examples, Instances.*rows="Instances"'):
        FilesSource("toy", origin, schema={}).splits()
    named = Files({"train": "train.json"}, root=str(tmp_path), rows="Instances")
    source = FilesSource("toy", named, schema={})
    assert list(source.rows("train", [0])) == OBJECTS[:1]
    assert source.identity("train")["list"] == "Instances"
    missing = Files({"train": "train.json"}, root=str(tmp_path), rows="instances")
    with pytest.raises(RowError, match='no "instances"; it has Positive Examples, Instances'):
        FilesSource("toy", missing, schema={}).splits()


def test_quotation_marks_of_tsv_may_be_text(tmp_path):
    (tmp_path / "train.tsv").write_text('text\tlabel\n"Go," he said\t1\n5" nails\t2\n')
    origin = Files({"train": "train.tsv"}, root=str(tmp_path))
    schema = {"text": str, "label": int}
    with pytest.raises(RowError, match=r"row 0: not valid TSV.*quotes=False"):
        FilesSource("toy", origin, schema=schema).splits()
    plain = Files({"train": "train.tsv"}, root=str(tmp_path), quotes=False)
    rows = FilesSource("toy", plain, schema=schema).rows("train", [0, 1])
    assert [row["text"] for row in rows] == ['"Go," he said', '5" nails']


@pytest.mark.parametrize("names", [("train.jsonl", "train.csv"), ("train.csv", "train.csv.gz")])
def test_two_files_of_one_split_are_refused(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("")
    with pytest.raises(DeclarationError, match="both for the split train"):
        find_files(tmp_path)


def test_a_pattern_over_two_kinds_is_refused(tmp_path):
    write(tmp_path, ".jsonl")
    write(tmp_path, ".csv")
    origin = Files({"train": "train.*"}, root=str(tmp_path))
    with pytest.raises(DeclarationError, match=r"several kinds, train.csv, train.jsonl"):
        FilesSource("toy", origin, schema=SCHEMA).splits()


def test_shards_of_a_split_are_one_split(tmp_path):
    for number, row in enumerate(OBJECTS):
        (tmp_path / f"train-0000{number}-of-00002.jsonl").write_text(as_lines([row]))
    (tmp_path / "README.md").write_text("")
    source = FilesSource("toy", find_files(tmp_path), schema={})
    assert list(source.rows("train", range(2))) == OBJECTS


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("train.csv", b"a,b,a\n1,2,3\n", '"a" more than once'),
        ("train.jsonl", b'{"a": 1, "a": 2}\n', "more than one value is called a"),
        ("train.csv", b"a;b\n1;2\n", "parted by semicolons"),
        ("train.csv", b"a\tb\n1\t2\n", "parted by tabs"),
        ("train.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs"),
        ("train.parquet", b"version https://git-lfs.github.com/spec/v1\noid x\n", "git lfs"),
        ("train.jsonl", b'{"a": "caf\xe9"}\n', "iconv -f WINDOWS-1252"),
        ("train.csv", b"a,b\ncaf\xe9,1\n", "iconv -f WINDOWS-1252"),
        ("train.jsonl", '{"a": 1}\n'.encode("utf-16-le"), "UTF-16 without a byte order mark"),
        ("train.jsonl", b"PK\x03\x04....", "is a zip archive"),
        ("train.jsonl", b"(\xb5/\xfd....", "compressed with zstd"),
        ("train.jsonl", b"\x1f\x8b......", "does not end in .gz"),
        ("train.jsonl", b"PAR1....PAR1", "a Parquet file, and its name"),
        ("train.jsonl.gz", b"\x1f\x8b\x08\x00", "compression is damaged"),
        ("train.jsonl.xz", b"no xz at all", "compression is damaged"),
        ("train.jsonl.gz", b"no gzip at all", "compression is damaged"),
        ("train.json", b"17", "holds int; wanted a list of objects"),
        ("train.json", b"[1, 2]", "row 0: a row is a JSON object, not int"),
    ],
)
def test_files_that_are_something_else_are_called_what_they_are(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    source = FilesSource("toy", find_files(tmp_path), schema={"a": str, "b": str})
    with pytest.raises((RowError, SourceUnavailableError), match=message):
        list(source.rows("train", [0]))


def parquet_with_bad_text(path):
    """A Parquet file whose second row is no UTF-8, as other writers leave it unchecked."""
    import pyarrow
    import pyarrow.parquet

    data = pyarrow.array([b"good", b"\xff\xfe"], pyarrow.binary())
    text = pyarrow.Array.from_buffers(pyarrow.string(), 2, data.buffers())
    pyarrow.parquet.write_table(pyarrow.table({"text": text, "label": [1, 2]}), path)


def test_parquet_of_bad_text_names_row_and_column(tmp_path):
    parquet_with_bad_text(tmp_path / "train.parquet")
    source = FilesSource("x", find_files(tmp_path), schema={"text": str, "label": int})
    assert [row["text"] for row in source.rows("train", [0])] == ["good"]
    with pytest.raises(RowError, match=r"train.parquet, row 1: column text cannot be decoded"):
        list(source.rows("train", [1]))


@pytest.mark.parametrize("size", [0, 3, 8, 40, 200])
def test_a_parquet_file_that_is_cut_is_named(tmp_path, size):
    path = write(tmp_path, ".parquet")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(RowError, match="train.parquet is no Parquet file that can be read"):
        FilesSource("x", find_files(tmp_path), schema=SCHEMA).splits()


@pytest.mark.parametrize(
    "line", ["[" * 100_000, '{"text": ' * 100_000, '{"label": ' + "9" * 5000 + "}", "\ufeff\x00"]
)
def test_a_line_that_no_reader_takes_is_a_row_error(tmp_path, line):
    (tmp_path / "train.jsonl").write_text(line, encoding="utf-8")
    source = FilesSource("x", find_files(tmp_path), schema={"text": str})
    with pytest.raises(RowError, match="train.jsonl.*(not valid JSON|holds zero bytes)"):
        list(source.rows("train", [0]))


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_empty_cells_are_none_where_the_schema_has_it(tmp_path, ending):
    separator = "," if ending == ".csv" else "\t"
    lines = [("text", "label", "note"), ("a", "", ""), ("", "2", "x")]
    (tmp_path / f"train{ending}").write_text("".join(separator.join(one) + "\n" for one in lines))
    schema = {"text": str, "label": int | None, "note": str | None}
    source = FilesSource("toy", find_files(tmp_path), schema=schema)
    assert list(source.rows("train", [0, 1])) == [
        {"text": "a", "label": None, "note": None},
        {"text": "", "label": 2, "note": "x"},
    ]


def test_parquet_whose_column_has_a_bad_name_is_refused(tmp_path):
    path = write(tmp_path, ".parquet")
    path.write_bytes(path.read_bytes().replace(b"label", b"lab\xffl"))
    source = FilesSource("x", find_files(tmp_path), schema=SCHEMA)
    with pytest.raises(RowError, match="train.parquet"):
        list(source.rows("train", [0]))


def test_a_damaged_gzip_file_is_named(tmp_path):
    import gzip

    data = bytearray(gzip.compress(as_lines(OBJECTS * 50).encode()))
    data[20] ^= 255
    (tmp_path / "train.jsonl.gz").write_bytes(bytes(data))
    with pytest.raises(SourceUnavailableError, match="compression is damaged"):
        FilesSource("toy", find_files(tmp_path), schema={}).splits()


TASK = {
    "Definition": ["Name the color."],
    "Positive Examples": [{"input": "a", "output": "b"}],
    "Instances": [{"id": "t-1", "input": "sky", "output": ["blue"]}],
}


def of_task(folder, schema, **changes):
    (folder / "train.json").write_text(json.dumps(TASK | changes, indent=1))
    return FilesSource("toy", Files({"train": "train.json"}, root=str(folder)), schema=schema)


def test_an_object_whose_lists_are_columns_is_one_row(tmp_path):
    source = of_task(tmp_path, {"Definition": list, "Instances": list})
    assert list(source.rows("train", [0])) == [TASK]


def test_an_object_with_several_lists_says_both_ways_to_read_it(tmp_path):
    source = of_task(tmp_path, {"input": str, "output": list})
    with pytest.raises(RowError) as caught:
        source.splits()
    assert 'Files(..., rows="Instances")' in str(caught.value)
    assert '{"Instances": list, ...}: the object is one row' in str(caught.value)


def test_a_column_that_stands_beside_the_rows_is_named(tmp_path):
    schema = {"Definition": list, "input": str, "output": list}
    source = of_task(tmp_path, schema, **{"Positive Examples": []})
    with pytest.raises(RowError, match='rows in "Instances" have no Definition, which stands'):
        source.splits()


def test_a_table_without_a_header_takes_its_columns_names_from_the_declaration(tmp_path):
    (tmp_path / "train.tsv").write_text('a "b\t1\nc\t2\n', encoding="utf-8")
    files = Files(
        {"train": "train.tsv"}, root=str(tmp_path), quotes=False, columns=("text", "label")
    )
    source = FilesSource("toy", files, schema={"text": str, "label": int})
    assert list(source.rows("train", [1, 0])) == [
        {"text": "c", "label": 2},
        {"text": 'a "b', "label": 1},
    ]
    assert source.identity("train")["columns"] == ["text", "label"]


def test_a_row_without_all_columns_is_named_where_there_is_no_header(tmp_path):
    (tmp_path / "train.tsv").write_text("a\t1\nc\n", encoding="utf-8")
    files = Files({"train": "train.tsv"}, root=str(tmp_path), columns=("text", "label"))
    source = FilesSource("toy", files, schema={"text": str})
    with pytest.raises(RowError, match="train.tsv, row 1: 1 cell"):
        list(source.rows("train", [1]))


def test_files_that_a_user_fetches_say_where_they_come_from(tmp_path):
    files = Files({"train": "t.tsv"}, root=str(tmp_path), manual="Fetch t.tsv from the attic")
    status = FilesSource("toy", files, schema={"text": str}).status()
    assert status.state is State.NEEDS_MANUAL
    assert status.detail == "no file t.tsv. Fetch t.tsv from the attic"
