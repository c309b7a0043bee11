import json

import pytest

from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.core.origin import Files
from flan_tasks.sources.base import State
from flan_tasks.sources.files import FilesSource, find_files

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
    assert source.status().state is State.GONE
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
        (".jsonl", "[1]\n", "holds one JSON object, not list"),
        (".csv", "text,label\na\n", "row 0: 1 cells; the header has 2"),
        (".csv", "text,label\na,b\n", "\"label\" is 'b'; the schema says int"),
        (".parquet", "PAR", "is no Parquet file"),
    ],
)
def test_files_that_are_damaged_are_named(tmp_path, ending, text, message):
    (tmp_path / f"train{ending}").write_text(text)
    source = FilesSource("toy", find_files(tmp_path), schema={"text": str, "label": int})
    with pytest.raises(RowError, match=message):
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
    with pytest.raises(RowError, match="train.jsonl, row 0: not valid JSON"):
        list(source.rows("train", [0]))


def test_parquet_whose_column_has_a_bad_name_is_refused(tmp_path):
    path = write(tmp_path, ".parquet")
    path.write_bytes(path.read_bytes().replace(b"label", b"lab\xffl"))
    source = FilesSource("x", find_files(tmp_path), schema=SCHEMA)
    with pytest.raises(RowError, match="train.parquet"):
        list(source.rows("train", [0]))
