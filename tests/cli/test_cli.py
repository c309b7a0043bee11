"""The command line, run in this process; what it prints, where, and its exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from flan_tasks.cli.main import COMMANDS
from flan_tasks.datasets import catalog


def test_help_names_every_command(flan):
    printed = flan("--help").out
    assert all(name in printed for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(flan, name):
    assert f"flan {name}" in flan(name, "--help").out.replace("Usage:", "")


def test_a_misspelt_command_is_a_usage_error(flan):
    assert "Did you mean build?" in flan("biuld", code=2).err


def test_list_json_has_the_promised_keys(flan):
    found = json.loads(flan("list", "--json").out)
    assert {entry["name"] for entry in found["datasets"]} == {d.name for d in catalog().datasets}
    wanted = {"name", "cluster", "part_of", "collection", "source", "license", "options"}
    assert wanted | {"forward", "inverted", "size"} <= set(found["datasets"][0])
    mixtures = {entry["name"]: entry for entry in found["mixtures"]}
    assert {"all", "nli", "without.nli"} <= set(mixtures)
    assert {"name", "rate", "share"} <= set(mixtures["nli"]["datasets"][0])
    assert sum(d["share"] for d in mixtures["nli"]["datasets"]) == pytest.approx(1, abs=1e-4)


def test_list_prints_each_dataset_on_a_line(flan):
    lines = flan("list", "nli").out.splitlines()
    assert "nli" in lines
    assert any(line.split()[:1] == ["rte"] for line in lines)


def test_list_mixtures_prints_shares(flan):
    printed = flan("list", "--mixtures", "nli").out
    assert "rte" in printed and "%" in printed


def test_show_prints_prompts(flan):
    found = json.loads(flan("show", "rte", "-n", "2", "--json").out)["prompts"]
    assert len(found) == 2
    assert all(prompt["inputs"] and prompt["targets"] for prompt in found)


def test_show_all_prints_every_template_once(flan):
    found = json.loads(flan("show", "rte", "--all", "--json").out)["prompts"]
    assert [prompt["template"] for prompt in found] == list(catalog().templates("rte").ids)


def test_show_keeps_control_characters_off_the_terminal(flan, tmp_path, monkeypatch):
    from flan_tasks.cli import show

    show._print(
        {
            "dataset": "d",
            "template": "t",
            "kind": "forward",
            "key": "k",
            "inputs": "a\x1b[31mred\u202eb\nc",
            "targets": "\x07x",
            "shortened": [],
        }
    )


def test_show_of_an_unknown_template_offers_the_nearest(flan):
    name = catalog().templates("rte").ids[0]
    assert f"Did you mean {name}" in flan("show", "rte", "--template", name[:-1], code=2).err


def test_lint_is_clean(flan):
    assert "0 findings" in flan("lint").out


def test_sources_say_what_there_is(flan):
    found = json.loads(flan("sources", "rte", "--source", "samples", "--json").out)["sources"]
    assert found[0]["state"] == "available"
    assert "train" in found[0]["detail"]


@pytest.mark.parametrize("kind", ["hf", "files"])
def test_sources_say_what_is_declared_nowhere(flan, kind):
    (rte,) = json.loads(flan("sources", "rte", "--source", kind, "--json").out)["sources"]
    assert rte["state"] == "not declared"
    assert ("it declares tfds super_glue/rte" if kind == "hf" else "--data-dir") in rte["detail"]


def test_env_prints_versions(flan):
    found = json.loads(flan("env", "--json").out)
    assert found["flan_tasks"] and found["packages"]["seqio"] == "0.0.20"


def build(flan, out, *words, mixture="nli", code=0):
    return flan("build", mixture, "--source", "samples", "--out", out, *words, code=code)


def test_build_prints_before_and_after_and_keeps_progress_apart(flan, tmp_path):
    printed = build(flan, tmp_path / "out")
    assert "requested" in printed.out and "available" in printed.out
    assert "Realized" in printed.out and "skipped" in printed.out
    # The first of the datasets: a log does not list all of them.
    assert "reading anli_r1 (1 of 9)" in printed.err and "reading" not in printed.out
    assert "are what the manifest says" in flan("verify", tmp_path / "out").out


@pytest.mark.parametrize("form", ["jsonl", "parquet", "tfrecord", "seqio-cache"])
def test_build_json_prints_one_object_and_verify_agrees(flan, tmp_path, form):
    out = tmp_path / "out"
    printed = build(flan, out, "--format", form, "--vocab", "bytes", "--json", mixture="rte")
    found = json.loads(printed.out)
    assert found["examples"] == sum(task["realized"] for task in found["tasks"])
    checked = json.loads(flan("verify", out, "--json").out)
    assert checked["ok"] and checked["examples"] == found["examples"]


def test_build_again_writes_nothing(flan, tmp_path):
    build(flan, tmp_path / "out")
    assert "nothing was written" in build(flan, tmp_path / "out").out


def test_dry_run_writes_nothing(flan, tmp_path):
    printed = flan("build", "rte", "--source", "samples", "--dry-run")
    assert "rte" in printed.out and list(tmp_path.glob("out*")) == []


def test_build_names_declared_overlaps_and_drops_them_when_asked(flan, tmp_path):
    common = ("build", "without.coreference", "--source", "samples")
    line = "Trained on, though held-out datasets share text with it by declaration: "
    printed = " ".join(flan(*common, "--dry-run").out.split())
    assert f"{line}wnli (with wsc273); --drop-overlaps" in printed
    made = build(flan, tmp_path / "out", "--drop-overlaps", mixture="without.coreference")
    assert line not in " ".join(made.out.split())
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert "wnli" not in {task["dataset"] for task in manifest["tasks"]}
    assert manifest["mixture"]["drop_overlaps"] is True
    assert " --drop-overlaps" in manifest["command"]


@pytest.mark.parametrize("name", ["without.nli", "without.summarization", "without.sentiment"])
def test_every_mixture_that_holds_out_tells_its_overlaps(flan, name):
    printed = " ".join(flan("build", name, "--source", "samples", "--dry-run").out.split())
    wanted = {
        "without.nli": "squad_v1 (with qnli), squad_v2 (with qnli)",
        "without.summarization": "record (with cnn_dailymail)",
    }
    assert ("though held-out" in printed) == (name in wanted)
    assert wanted.get(name, "") in printed


def test_build_takes_a_toml_file(flan, tmp_path):
    (tmp_path / "mine.toml").write_text('include = ["rte", "cb"]\ncap = 5\n')
    printed = build(flan, tmp_path / "out", "--json", mixture=tmp_path / "mine.toml")
    assert json.loads(printed.out)["examples"] == 10


def test_the_command_of_a_build_is_one_that_runs(flan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_lists.py").write_text("import flan_tasks")
    (tmp_path / "mine.toml").write_text('include = ["rte", "cb"]\n')
    options = ["--module", "my_lists", "--source", "files", "--data-dir", ".", "--allow-missing"]
    row = {"premise": "It rains.", "hypothesis": "It is wet.", "idx": 0, "label": 0}
    (tmp_path / "rte").mkdir()
    (tmp_path / "rte" / "train.jsonl").write_text((json.dumps(row) + "\n") * 9)
    printed = flan("build", "mine.toml", "--out", tmp_path / "out", *options, "--json")
    manifest = json.loads(printed.out)
    assert manifest["command"].startswith("flan build mine.toml --out DIR")
    assert manifest["command"].endswith(" --module my_lists --allow-missing")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "- rte: files of the user." in card


BAD = [
    (
        ["build", "nlu", "--source", "samples", "--out", "OUT"],
        2,
        'unknown mixture or dataset "nlu"',
    ),
    (["build", "BAD.toml", "--source", "samples", "--out", "OUT"], 1, 'unknown key "capp"'),
    (
        ["build", "odd.toml", "--source", "samples", "--out", "OUT"],
        2,
        'odd.toml: unknown dataset or cluster "rtee". Did you mean rte',
    ),
    (["build", "gone.toml", "--source", "samples", "--out", "OUT"], 1, "gone.toml: cannot be read"),
    (["build", "rte", "--source", "samples"], 2, "--out DIR is needed"),
    (["build", "rte", "--source", "sample", "--out", "OUT"], 2, "'sample' is not one of"),
    (["build", "rte", "--source", "samples", "--out", "FULL"], 1, "it holds thesis.tex"),
    (
        ["build", "rte", "--source", "samples", "--out", "OUT", "--vocab", "BAD.model"],
        1,
        "is no SentencePiece model",
    ),
    (
        ["build", "rte", "--source", "tfds", "--data-dir", ".", "--out", "OUT"],
        1,
        "TFDS super_glue/rte:1.0.2 is not prepared in the data directory",
    ),
    (
        ["build", "rte", "--source", "tfds", "--data-dir", ".", "--out", "OUT"],
        1,
        "let TFDS prepare it (needs download: TFDS super_glue/rte:1.0.2, about 1 MiB)",
    ),
    (
        ["build", "rte", "--source", "samples", "--out", "OUT", "--lengths", "inputs=x"],
        2,
        "inputs=x",
    ),
    (
        ["build", "rte", "--source", "samples", "--out", "OUT", "--lengths", "inputs=²"],
        2,
        "inputs=²",
    ),
    (
        ["build", "rte", "--source", "samples", "--out", "OUT", "--examples", "9" * 20],
        2,
        "is not in the range",
    ),
    (["build", "rte", "--source", "samples", "--out", "OUT", "--examples", "0"], 2, "0 is not in"),
    (
        ["build", "rte", "--module", "no_such", "--out", "OUT"],
        2,
        "--module no_such: no such Python",
    ),
    (["verify", "."], 1, "is no build directory"),
    (["verify"], 2, "name the FOLDER of a build, or give --store"),
    (["verify", "--store", "NONE"], 1, "NONE is no store"),
    (
        ["build", "rte", "--source", "samples", "--out", "OUT", "--workers", "many"],
        2,
        "'many': wanted a number of processes, or all",
    ),
    (
        ["build", "rte", "--source", "samples", "--out", "OUT", "--beam_args", "x"],
        2,
        "--beam-args is for runner beam",
    ),
    (
        ["build", "rte", "--source", "samples", "--out", "OUT", "--runner", "beam"]
        + ["--workers", "2"],
        2,
        "--workers is for runner local; with Beam",
    ),
    (
        ["build", "rte", "--source", "samples", "--out", "OUT", "--runner", "dask"],
        2,
        "--scheduler is missing; runner dask wants one, as tcp://HOST:8786",
    ),
    (
        ["build", "rte", "--source", "samples", "--out", "OUT", "--worker-timeout", "9"],
        2,
        "--worker-timeout is for the runners beam and dask",
    ),
    (["lint", "rtee"], 2, "Did you mean rte"),
]


@pytest.mark.parametrize(("words", "code", "message"), BAD)
def test_bad_input_is_one_clear_error_and_leaves_nothing(
    flan, tmp_path, monkeypatch, words, code, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "BAD.toml").write_text("capp = 3")
    (tmp_path / "odd.toml").write_text('include = ["rtee"]')
    (tmp_path / "BAD.model").write_bytes(b"no model")
    (tmp_path / "FULL").mkdir()
    (tmp_path / "FULL" / "thesis.tex").write_text("x")
    printed = flan(*words, code=code)
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert not (tmp_path / "OUT").exists()
    assert os.listdir(tmp_path / "FULL") == ["thesis.tex"]


def test_a_broken_pipe_is_no_error():
    command = f"{sys.executable} -m flan_tasks list --json | head -c 10"
    found = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")


def test_another_seed_gives_other_templates_and_the_same_counts(flan, tmp_path):
    found = []
    for seed in (0, 1):
        out = tmp_path / str(seed)
        manifest = json.loads(build(flan, out, "--seed", seed, "--json").out)
        rows = [
            json.loads(line)
            for path in sorted(Path(out).glob("data/*.jsonl"))
            for line in path.read_text(encoding="utf-8").splitlines()
        ]
        found.append((manifest, rows))
    counts = [[task["realized"] for task in manifest["tasks"]] for manifest, _ in found]
    assert counts[0] == counts[1]
    drawn = [{(row["task"], row["key"], row["template"]) for row in rows} for _, rows in found]
    assert drawn[0] != drawn[1]


def test_all_trains_on_61_datasets_and_evaluates_62(flan):
    found = {}
    for split in ("train", "test"):
        words = ("build", "all", "--source", "samples", "--split", split, "--dry-run", "--json")
        tasks = json.loads(flan(*words).out)["tasks"]
        found[split] = {task["dataset"] for task in tasks}
    assert (len(found["train"]), len(found["test"])) == (61, 62)
    assert found["test"] - found["train"] == {"wsc273"}


def test_build_leaves_out_licenses_that_are_denied(flan, tmp_path):
    kept = json.loads(build(flan, tmp_path / "a", "--json").out)
    denied = json.loads(build(flan, tmp_path / "b", "--json", "--license-deny", "cc-by-nc*").out)
    gone = {t["dataset"] for t in kept["tasks"]} - {t["dataset"] for t in denied["tasks"]}
    assert gone == {"anli"}
    assert "--license-deny 'cc-by-nc*'" in denied["command"]


def test_contamination_of_a_build_of_embedded_rows(flan, tmp_path):
    folder = tmp_path / "out"
    flan("build", "nli", "--source", "samples", "--out", folder)
    printed = flan("contamination", folder, "--against", "sentiment", "--source", "samples").out
    assert "None occurs in them" in printed
    found = json.loads(
        flan("contamination", folder, "--against", "nli", "--source", "samples", "--json").out
    )
    assert found["findings"] == [] and found["examples"] > 50
    wrong = flan("contamination", folder, "--against", "nil", "--source", "samples", code=2)
    assert "nli" in wrong.err


def test_show_varies_prompts(flan):
    off = flan("show", "rte", "--options", "off", "-n", "4", "--json").out
    assert "OPTIONS:" not in off
    found = json.loads(flan("show", "rte", "--shots", "2", "--kinds", "forward", "--json").out)
    for prompt in found["prompts"]:
        assert prompt["num_shots"] == 2 and prompt["inputs"].count("\n#####\n") == 2
        assert prompt["kind"] == "forward"
    orders = set()
    for seed in range(8):
        printed = flan("show", "rte", "--option-order", "shuffled", "--seed", seed, "--json").out
        for prompt in json.loads(printed)["prompts"]:
            lines = prompt["inputs"].splitlines()
            orders.add("\n".join(line for line in lines if line.startswith("- ")))
    assert len(orders - {""}) > 1
    one = flan("show", "rte", "--templates", "nope", code=2).err
    assert "template of rte" in one


def test_build_varies_prompts(flan, tmp_path):
    folder = tmp_path / "out"
    printed = flan(
        *("build", "nli", "--source", "samples", "--vocab", "bytes", "--out", folder),
        *("--shots", "2", "--options", "off", "--option-order", "shuffled", "--kinds", "forward"),
    ).out
    assert "Exemplars, 2 wanted; prompts by number that fit:" in printed
    (path,) = folder.glob("data/*.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert {row["kind"] for row in rows} == {"forward"}
    assert {row["num_shots"] for row in rows} <= {0, 1, 2}
    assert not any("OPTIONS:" in row["inputs"] for row in rows)
    flan("contamination", folder, "--against", "sentiment", "--source", "samples")


def test_lengths_from_the_data_are_shown_chosen_and_written_out(flan, tmp_path):
    words = ("build", "nli", "--source", "samples", "--vocab", "bytes", "--format", "arrays")
    printed = flan(*words, "--lengths", "auto", "--out", tmp_path / "out").out
    assert "chosen" in printed
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    lengths = manifest["lengths"]
    assert (
        f"--lengths inputs={lengths['inputs']},targets={lengths['targets']}"
        in (manifest["command"])
    )
    assert max(manifest["over_length"].values()) <= 0.01 * manifest["examples"] + 1
    flan("build", "nli", "--source", "samples", "--lengths", "auto", "--dry-run", code=2)


@pytest.mark.parametrize("workers", ["2", "all", "0"])
def test_workers_change_nothing_but_the_time(flan, tmp_path, workers):
    words = ("--examples", "60", "--shards", "3", "--json")
    one = json.loads(build(flan, tmp_path / "one", *words).out)
    printed = build(flan, tmp_path / "several", *words, "--workers", workers)
    assert {**json.loads(printed.out), "out": ""} == {**one, "out": ""}
    assert "3 of 3 shards | 60 of 60 rows" in printed.err
    assert "--workers" not in one["command"]


def test_a_build_in_the_way_is_refused_with_what_differs(flan, tmp_path):
    build(flan, tmp_path / "out", mixture="rte")
    printed = build(flan, tmp_path / "out", "--seed", "3", mixture="rte", code=1)
    assert "holds another build" in printed.err and "\n  --seed: 0, now 3\n" in printed.err


def test_rows_in_the_store_are_not_read_again(flan, tmp_path):
    assert "reading rte" in build(flan, tmp_path / "a", mixture="rte").err
    assert "reading rte" not in build(flan, tmp_path / "b", mixture="rte").err


def test_verify_checks_the_store(flan, tmp_path):
    built = json.loads(build(flan, tmp_path / "out", "--json", mixture="rte").out)
    assert json.loads(flan("verify", tmp_path / "out", "--store", "--json").out) == {
        "ok": True,
        "examples": built["examples"],
        "files": len(built["files"]),
        "stored": 1,
        "without_checksum": [],
    }
    assert "of its files 1 are what was stored" in flan("verify", "--store", tmp_path / "store").out


@pytest.mark.slow
def test_a_finished_build_of_prepared_tfds_data_is_recognized_without_tensorflow(
    flan, tmp_path, real_tree
):
    words = ["build", "rte", "--source", "tfds", "--data-dir", str(real_tree), "--examples", "50"]
    words += ["--out", str(tmp_path / "out")]
    flan(*words)
    code = f"""
import sys
from flan_tasks.cli.main import cli
cli.main({words!r}, standalone_mode=False)
assert not {{"tensorflow", "tensorflow_datasets"}} & set(sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert "nothing was written" in found.stdout


def test_a_shell_completes_commands_and_options():
    def completed(words: str) -> list[str]:
        env = {**os.environ, "_FLAN_COMPLETE": "bash_complete", "COMP_WORDS": words}
        env["COMP_CWORD"] = str(len(words.split()) - 1)
        script = "import sys; sys.argv = ['flan']; from flan_tasks.cli.start import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True, cwd=ROOT
        )
        return done.stdout.split()

    assert completed("flan sh") == ["plain,show"]
    assert "plain,--source" in completed("flan show --sou")
