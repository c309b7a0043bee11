"""`flan new`: what it writes can be checked, shown and built by the commands it prints."""

import json
import shlex
import sys
from pathlib import Path

import pytest
from conftest import REAL

from flan_tasks.cli.main import cli
from flan_tasks.core import whole
from flan_tasks.core.errors import DeclarationError
from flan_tasks.datasets import catalog


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """Commands run in a folder of their own; what they import and add is forgotten."""
    monkeypatch.chdir(tmp_path)
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    catalog.cache_clear()
    for name in set(sys.modules) - modules:
        if (
            getattr(sys.modules[name], "__file__", None)
            and str(tmp_path) in sys.modules[name].__file__
        ):
            del sys.modules[name]


def flan(capsys, *words):
    """Runs a command; returns its exit code and what it printed."""
    code = cli.main(list(words), standalone_mode=False)
    return code if isinstance(code, int) else 0, capsys.readouterr().out


def follow(printed, capsys, monkeypatch):
    """Runs the commands that were printed; returns what each printed in turn."""
    lines = [line.strip() for line in printed.split("Next:\n")[1].splitlines()]
    outputs = []
    for line in lines:
        first, *words = shlex.split(line)
        if first == "cd":
            monkeypatch.chdir(words[0])
            continue
        assert first == "flan"
        if words[0] == "build":
            words += ["--no-report"]
        code, output = flan(capsys, *words)
        assert code == 0, output
        outputs.append(output)
    lint, show, build = outputs
    assert "0 findings" in lint and "Realized" in build or "realized" in build
    # A draft that nobody touched has nothing to be told.
    assert "[example]" not in lint
    name = shlex.split(lines[-1])[2]
    (shard,) = Path("out", name, "data").iterdir()
    return [json.loads(line) for line in shard.read_text(encoding="utf-8").splitlines()], show


@pytest.mark.parametrize("kind", ["classification", "generation"])
def test_a_draft_is_linted_shown_and_built(capsys, monkeypatch, kind):
    code, printed = flan(capsys, "new", f"my_{kind}", "--kind", kind, "--out", "a folder/new")
    assert code == 0 and "Guessed" not in printed
    rows, show = follow(printed, capsys, monkeypatch)
    assert len(rows) == 11 and len({row["template"] for row in rows}) > 1
    assert any(row["inputs"] in show or row["targets"] in show for row in rows)
    assert all(bool(row["options"]) == (kind == "classification") for row in rows)


@pytest.mark.parametrize("name", ["labels", "here"])
def test_a_name_may_be_that_of_what_a_draft_holds_besides(capsys, monkeypatch, name):
    code, printed = flan(capsys, "new", name, "--kind", "classification", "--out", "a folder/new")
    assert code == 0
    rows, _ = follow(printed, capsys, monkeypatch)
    assert len(rows) == 11 and all(row["options"] for row in rows)


ODD = 'a"b\\ {x} """ \'\'\' # </script>\n본문'
CASES = {
    "labels.jsonl": [
        {"text": f"Text {n}", "label": n % 2, "note": None if n % 3 else "x"} for n in range(12)
    ],
    "flags.jsonl": [{"text": f"Text {n}", "label": n % 2 == 0} for n in range(12)],
    "null.jsonl": [{"text": f"T {n}", **({"label": "ab"[n % 2]} if n else {})} for n in range(12)],
    "odd.jsonl": [
        {ODD: f"Text {n}", f"{ODD} label": f"{'ab'[n % 2]} \" {{y}} '''"} for n in range(12)
    ],
    "qa.jsonl": [{"q": f"Question {n}?", "answers": [f"a{n}", "b"]} for n in range(12)],
    "sums.jsonl": [{"sum": f"{n} + 1", "answer": n + 1} for n in range(30)],
    "pairs.csv": "text,answer\n" + "".join(f'"Say ""{n}""",{n * 7} times\n' for n in range(12)),
    "marks.tsv": "text\tlabel\n" + "".join(f'"Go," said {n}\t{"xy"[n % 2]}\n' for n in range(12)),
}  # fmt: skip


@pytest.mark.parametrize("file", CASES)
def test_a_draft_from_rows_is_linted_shown_and_built(capsys, monkeypatch, tmp_path, file):
    data = CASES[file]
    if not isinstance(data, str):
        data = "".join(json.dumps(row) + "\n" for row in data)
    Path(file).write_text(data, encoding="utf-8")
    asked = ["--answer", f"{ODD} label"] if file == "odd.jsonl" else []
    out = "." if file == "qa.jsonl" else "out of it"
    name = f"from_{Path(file).stem}"
    code, printed = flan(capsys, "new", name, "--from", file, "--out", out, *asked)
    assert code == 0 and "answer: " in printed
    rows, _ = follow(printed, capsys, monkeypatch)
    assert len(rows) >= 10
    targets = {row["targets"] for row in rows if row["kind"] == "forward"}
    wanted = {
        "labels.jsonl": {"0", "1"},
        "flags.jsonl": {"yes", "no"},
        "null.jsonl": {"a", "b"},
        "odd.jsonl": {"a \" {y} '''", "b \" {y} '''"},
        "marks.tsv": {"x", "y"},
    }.get(file, targets)
    assert targets <= wanted and targets


def test_a_draft_from_parquet(capsys, monkeypatch):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = pa.table({"text": [f"t {n}" for n in range(12)], "label": [n % 3 for n in range(12)]})
    pq.write_table(table, "rows.parquet")
    _, printed = flan(capsys, "new", "from_parquet", "--from", "rows.parquet")
    rows, _ = follow(printed, capsys, monkeypatch)
    assert {row["options"] for row in rows} == {"0\n1\n2"}


def test_a_draft_from_real_rows(capsys, monkeypatch):
    path = REAL / "dialogsum" / "dialogsum.dev.jsonl"
    if not path.exists():
        pytest.skip("the real rows are not available (FLAN_TASKS_TEST_DATA names their folder)")
    _, printed = flan(capsys, "new", "from_real", "--from", str(path), "--out", "real")
    assert "answer: summary" in printed and "kind: generation" in printed
    rows, _ = follow(printed, capsys, monkeypatch)
    assert len(rows) > 100


def test_the_answer_of_a_script(capsys):
    _, printed = flan(capsys, "new", "my_json", "--json")
    found = json.loads(printed)
    assert found["files"] == ["my_json.py", "my_json.toml", "my_json.jsonl"]
    assert found["commands"][0] == "flan lint my_json --module my_json"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["My-set"], "lower-case letters, digits and underscores"),
        (["rte"], "the name is taken"),
        (["nli"], "the name is taken"),
        (["own"], "the name is taken"),
        (["json"], "Python has another module of that name"),
        (["click"], "Python has another module of that name"),
        (["lambda"], "Python has another module of that name"),
        (["mine", "--out", "file"], "file is a file"),
        (["mine", "--out", "full"], "full has mine.toml already"),
        (["mine", "--from", "nowhere.csv"], "nowhere.csv: no such file"),
        (["mine", "--answer", "label"], "a column of the rows in --from"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is(words, said, tmp_path):
    Path("file").write_text("")
    Path("full").mkdir()
    Path("full", "mine.toml").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DeclarationError, match=said):
        cli.main(["new", *words], standalone_mode=False)
    assert sorted(tmp_path.rglob("*")) == before
    assert Path("full", "mine.toml").read_text() == "mine"


def test_nothing_is_left_of_a_draft_that_cannot_be_written_whole(tmp_path, monkeypatch):
    write = whole.write_text

    def full(path, text):
        if path.suffix == ".toml":
            raise OSError(28, "No space left on device")
        write(path, text)

    monkeypatch.setattr(whole, "write_text", full)
    with pytest.raises(DeclarationError, match="No space left on device"):
        cli.main(["new", "mine"], standalone_mode=False)
    assert list(tmp_path.iterdir()) == []
