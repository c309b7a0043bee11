"""The benchmarks run and say what fails; what they measure is tested nowhere."""

import argparse
import json
import subprocess
import sys

import pytest
from conftest import ROOT


@pytest.fixture(autouse=True)
def _from_root(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(
    ("code", "timeout", "said"),
    [
        ("raise SystemExit(3)", 60.0, "exit code 3"),
        ("print('no JSON')", 60.0, "printed no result"),
        ("input()", 0.5, "not done after"),
    ],
)
def test_a_measurement_that_fails_says_why(code, timeout, said):
    from benchmarks.build.measure import run_alone

    # The last one waits for a line that never comes.
    code = f"import os, sys; sys.stdin = os.fdopen(os.pipe()[0])\n{code}"
    found = run_alone([sys.executable, "-c", code], timeout=timeout)
    assert said in found["failed"]


def test_a_measurement_counts_the_processors_of_its_children():
    from benchmarks.build.measure import run_alone

    busy = "import time\nwhile time.process_time() < 0.3: pass\n"
    code = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}]); print('{{}}')"
    )
    assert run_alone([sys.executable, "-c", code], timeout=60)["process"]["cpu"] >= 0.3


def test_greedy_packing_closes_a_row_on_either_side_and_at_each_batch():
    import numpy as np

    from benchmarks.build.packing import greedy_rows

    both = [(2, 1), (2, 1), (1, 1), (1, 2)]  # 4/2: two, then two that share the targets no more
    assert greedy_rows(np.asarray(both), (4, 2)) == 3
    # Batches of as many examples as a row is long: 8 of length 1 would fill two rows of 4.
    assert greedy_rows(np.ones((9, 1), np.int64), (4,)) == 3


def test_tables_are_put_between_their_marks_alone(tmp_path):
    from benchmarks.build import tables

    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table rows -->old<!-- end -->\nafter\n")
    line = {
        "table": "rows",
        "set": "real",
        "rows": 1000,
        "distinct_rows": 999,
        "tasks": 3,
        "tokens": 123_456,
        "mean_inputs": 100.0,
        "mean_targets": 23.4,
    }
    tables.write([line], page)
    written = page.read_text()
    assert written.startswith("before\n") and written.endswith("\nafter\n")
    assert "| real | 1,000 | 999 | 3 | 0.12 M | 100 | 23 |" in written and "old" not in written


def test_every_table_has_its_place_in_the_page():
    from benchmarks.build import tables

    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert [name for name in tables.TABLES if f"<!-- table {name} -->" not in text] == []


@pytest.mark.slow
def test_every_measurement_runs(tmp_path, t5_model):
    from benchmarks.build import run, tables
    from benchmarks.build.lines import read

    size = run.Size(
        rows=60,
        turns=1,
        seconds=0.1,
        scaling=120,
        memory=(60,),
        plan=10_000,
        splits=("validation",),
        streams=("task", "user"),
        minutes=120,
        # It is about every measurement, not about how fast the machine is.
        patience=10,
    )
    args = argparse.Namespace(
        quick=True,
        data_dir=None,
        vocab=t5_model,
        beam_python=None,
        torch_python=None,
        minutes=size.minutes,
    )
    results = tmp_path / "results.jsonl"
    run.run_all(size, args, tmp_path, results)
    lines = read(results)
    assert [line for line in lines if "failed" in line] == []
    assert "Not measured" not in tables.as_text(lines)
    about = [line for line in lines if line["table"] == "throughput" and line["way"] == "hf"]
    assert json.dumps(about[0]["tokens_against_ours"]) == "1.0"


@pytest.mark.parametrize("target", ["rte", "template", "mixture", "jsonl", "csv", "parquet"])
def test_mutated_input_is_read_or_refused_by_an_error_of_ours(target):
    # In a process of its own: it forks, which is none of the threads' that tests may have here.
    words = ["benchmarks.faults.fuzz", "--only", target, "--seed", "7", "--cases", "20"]
    ran = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "\n20 cases" in ran.stdout


@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_a_fault_is_counted_with_its_number_and_the_cases_go_on(monkeypatch):
    import os

    from benchmarks.faults import fuzz

    calls = []

    def case(draw):
        calls.append(1)
        if len(calls) == 3:
            raise KeyError("x")
        if len(calls) == 5:
            os._exit(9)  # as a native library that aborts
        return "read"

    monkeypatch.setattr(fuzz, "case_of", lambda target, folder: case)
    found = fuzz.fuzz("own", seed=0, numbers=range(6))
    assert [number for number, _ in found.faults[:2]] == [1, 3]
    assert found.counts["FAULT KeyError"] >= 1 and found.counts["FAULT process died"] >= 1
    assert sum(found.counts.values()) == 6


@pytest.mark.slow
def test_a_family_is_measured(tmp_path):
    command = [sys.executable, "-m", "benchmarks.families", "--rows", "60", "--tasks", "4"]
    done = subprocess.run(
        [*command, "--place", str(tmp_path)], capture_output=True, text=True, check=True
    )
    measured = json.loads(done.stdout)
    assert measured["made_up"]["tasks"] == 4 and measured["made_up"]["planned"] == 60
    assert measured["plain"]["planned"] == 60 and measured["store_files"] == 2
    assert measured["paired"]["pairs"] == 40 and measured["paired"]["rows"] == 60


@pytest.mark.slow
def test_a_made_up_store_is_what_reading_its_rows_gives(tmp_path):
    import pyarrow as pa

    from benchmarks import families

    tables = []
    for whole in (False, True):
        place = tmp_path / str(whole)
        families.write(place, 26, 4, whole=whole)
        if not whole:
            families.run(["-m", "benchmarks.made_up_store", "made_up", "26", "4"], place)
        families.run(["-c", families.MEASURE, "made_up"], place)
        (path,) = (place / "store").glob("made_up-train-*.arrow")
        with pa.memory_map(str(path)) as mapped:
            tables.append(pa.ipc.open_file(mapped).read_all())
    about = [json.loads(table.schema.metadata[b"flan_tasks"]) for table in tables]
    assert about[0]["members"] == about[1]["members"]
    assert tables[0].replace_schema_metadata(None) == tables[1].replace_schema_metadata(None)
    assert tables[0].num_rows == 24


@pytest.mark.slow
def test_results_of_two_made_up_models_are_measured(tmp_path):
    place = tmp_path / "place"
    command = [sys.executable, "-m", "benchmarks.results", "--answers", "620"]
    done = subprocess.run(
        [*command, "--place", str(place)], capture_output=True, text=True, check=True
    )
    measured = json.loads(done.stdout)
    assert measured["answers"] == 620
    assert all(measured[f"results_of_{name}"]["page_mb"] > 0.1 for name in ("one", "two"))
    scores = json.loads((place / "after" / "scores.json").read_text())
    assert len(scores["datasets"]) == 62


@pytest.mark.slow
def test_words_are_measured_beside_whole_texts(tmp_path):
    from split_tokenizers import of_pairs, write

    vocabulary = write(tmp_path / "tokenizer.json", of_pairs("llama3", "abc e"))
    name = f"{vocabulary},eos=<|endoftext|>"
    command = [sys.executable, "-m", "benchmarks.words", "--vocab", name, "--turns", "1"]
    done = subprocess.run(
        [*command, "--work", str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "\n0 of 2,072 texts differ; " in done.stdout
    ways = [line.split(" | ")[0] for line in done.stdout.splitlines() if line.startswith("| ")]
    assert ways[2:] == ["| bare", "| cold", "| warm", "| built cold", "| built warm"]


def test_reading_in_both_orders_reads_the_same_rows(tmp_path):
    command = [sys.executable, "-m", "benchmarks.order", "--place", str(tmp_path)]
    done = subprocess.run(
        [*command, "--examples", "3000"], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    # One shard has all of them.
    assert found["random"]["pages_touched"] == found["blocks"]["pages_touched"] == 320


@pytest.mark.slow
def test_a_build_of_many_rows_is_reckoned_up(tmp_path):
    command = [sys.executable, "-m", "benchmarks.scale", "--place", str(tmp_path)]
    words = ["--rows", "3000", "--distinct", "200", "--seconds", "100", "--workers", "1"]
    done = subprocess.run(
        [*command, *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=200
    )
    found = json.loads(done.stdout)
    assert found["rows_built"] == found["rows"] == 3000
    assert found["whole_gb"] == round(found["bytes"] / 1e9, 1) and found["command_mb"] > 20
