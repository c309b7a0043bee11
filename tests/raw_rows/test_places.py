"""Several directories: which a dataset is read from, and what is said of one that is missing."""

import json

import pytest
from click.testing import CliRunner

import flan_tasks as ft
from flan_tasks.cli.main import cli
from flan_tasks.core.data_dirs import joined
from flan_tasks.datasets import catalog
from flan_tasks.raw_rows import State, open_source
from flan_tasks.raw_rows.places import place_of

RTE = {"premise": "A dog runs.", "hypothesis": "It moves.", "idx": 0, "label": 0}


def write_rows(folder, premise="A dog runs.", count=30):
    folder.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps({**RTE, "idx": n, "premise": f"{premise} {n}"}) for n in range(count)]
    (folder / "train.jsonl").write_text("\n".join(rows))


def place(name, kind, *values):
    found = place_of(catalog()[name], kind, joined(map(str, values)))
    return found.kind, found.data_dir


def test_the_most_specific_directory_wins(tmp_path):
    plain, kind, cluster, parent, own = (tmp_path / name for name in "pkcao")
    given = [plain]
    assert place("anli_r1", "declared", *given) == ("declared", plain)
    for key, folder in (("tfds", kind), ("nli", cluster), ("anli", parent), ("anli_r1", own)):
        given.append(f"{key}={folder}")
        assert place("anli_r1", "declared", *given) == ("declared", folder)
    assert place("anli_r2", "declared", *given) == ("declared", parent)
    assert place("cb", "declared", *given) == ("declared", cluster)
    assert place("copa", "declared", *given) == ("declared", kind)
    assert place("copa", "files", *given) == ("files", plain)
    assert place("rte", "samples", plain) == ("samples", plain)


def test_files_are_told_from_trees_and_read_where_they_are(tmp_path):
    write_rows(tmp_path / "direct")
    write_rows(tmp_path / "outer" / "rte")
    for name in ("rte=direct", "rte=outer", "nli=outer"):
        key, folder = name.split("=")
        for kind in ("declared", "samples", "files"):
            where = joined([f"{key}={tmp_path / folder}"])
            source = open_source(catalog()["rte"], kind=kind, data_dir=where, samples=None)
            assert source.kind == "files" and source.splits() == {"train": 30}, (name, kind)
    # Of a cluster a folder without the dataset's name is not the dataset's.
    assert place("rte", "declared", f"nli={tmp_path / 'direct'}")[0] == "declared"
    assert place("rte", "declared", f"files={tmp_path / 'outer'}")[0] == "files"
    assert place("cb", "declared", f"files={tmp_path / 'outer'}") == ("declared", None)


def test_published_files_are_read_where_there_is_no_tree(tmp_path):
    folder = tmp_path / "cot"
    folder.mkdir()
    lines = [f"What is {n} and 1?\t{n + 1}\t{n} and 1 is {n + 1}.\n" for n in range(300)]
    (folder / "gsm8k_train.tsv").write_text("".join(lines))
    for told in ([f"chain_of_thought={folder}"], [f"gsm8k={folder}"], [folder]):
        where = joined(map(str, [*told, f"tfds={tmp_path}"] if "=" in str(told[0]) else told))
        source = open_source(catalog()["gsm8k"], kind="declared", data_dir=where, samples=None)
        assert (source.kind, source.splits()) == ("files", {"train": 300}), told
    # Those of another dataset are none of its own, and a prepared tree comes first.
    assert place("esnli", "declared", f"chain_of_thought={folder}")[0] == "declared"
    assert place("gsm8k", "tfds", f"chain_of_thought={folder}")[0] == "tfds"
    (folder / "gsm8k" / "1.0.0").mkdir(parents=True)
    assert place("gsm8k", "declared", f"chain_of_thought={folder}")[0] == "declared"


def test_a_copy_of_the_hub_is_read_in_its_place(tmp_path):
    pytest.importorskip("datasets")
    dataset = catalog()["aeslc"]
    path = next(one.origin.path for one in dataset.alternatives if hasattr(one.origin, "path"))
    (tmp_path / path).mkdir(parents=True)
    rows = [{"email_body": f"Mail {n}.", "subject_line": "It"} for n in range(2)]
    (tmp_path / path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for key in ("hf", "aeslc"):
        source = open_source(dataset, data_dir=joined([f"{key}={tmp_path}"]), samples=None)
        assert source.status().state is State.AVAILABLE and source.splits() == {"train": 2}
        assert source.kind == "hf" and len(list(source.rows("train", range(2)))) == 2
        assert str(tmp_path) not in json.dumps(source.identity("train"))
    elsewhere = open_source(dataset, data_dir=joined([f"hf={tmp_path / 'x'}"]), samples=None)
    assert elsewhere.kind == "tfds"


def test_one_command_reads_from_several_places(tmp_path):
    write_rows(tmp_path / "a", "From a.")
    write_rows(tmp_path / "b" / "wnli")
    rows = [{"sentence1": "x y.", "sentence2": "y.", "label": n % 2, "idx": n} for n in range(30)]
    (tmp_path / "b" / "wnli" / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    words = ["build", str(tmp_path / "m.toml"), "--source", "samples", "--no-report", "--json"]
    (tmp_path / "m.toml").write_text('include = ["rte", "wnli", "cb"]')
    words += ["--data-dir", f"rte={tmp_path / 'a'}", "--data-dir", f"nli={tmp_path / 'b'}"]
    ran = CliRunner().invoke(cli, [*words, "--out", str(tmp_path / "out")])
    # The cluster's directory has no rows of cb: it is said where they come from.
    assert "--data-dir cb=DIR, a tree of TFDS with super_glue/cb/1.0.2" in str(ran.exception)
    (tmp_path / "m.toml").write_text('include = ["rte", "wnli", "copa"]')
    ran = CliRunner().invoke(cli, [*words, "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    kinds = {task["name"]: task["source"]["source"] for task in manifest["tasks"]}
    assert kinds == {"rte": "files", "wnli": "files", "copa": "samples"}
    assert "--data-dir nli=DATA --data-dir rte=DATA" in manifest["command"]
    assert str(tmp_path) not in (tmp_path / "out" / "manifest.json").read_text()
    places = {"rte": tmp_path / "a", "nli": tmp_path / "b"}
    spec = {"source": "samples", "report": False}
    ft.build(tmp_path / "m.toml", tmp_path / "same", data_dir=places, **spec)
    assert (tmp_path / "same" / "manifest.json").read_bytes() == (
        tmp_path / "out" / "manifest.json"
    ).read_bytes()
    view = ft.rows(tmp_path / "m.toml", source="samples", data_dir=places)
    data = (tmp_path / "out" / "data" / "train-00000-of-00001.jsonl").read_text().splitlines()
    assert list(view) == [json.loads(line) for line in data]


@pytest.mark.parametrize(
    "words",
    [
        ("build", "rte", "--out", "out"),
        ("eval", "rte", "--out", "out", "--model", "m"),
        ("show", "rte"),
        ("lint", "rte"),
        ("sources", "rte"),
        ("contamination", "out", "--against", "rte"),
    ],
)
def test_unknown_names_are_refused_by_every_command(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    ran = CliRunner().invoke(cli, [*words, "--data-dir", "ret=/nowhere"])
    assert ran.exit_code != 0
    assert "--data-dir ret=/nowhere" in str(ran.exception) + ran.output
    assert "rte" in str(ran.exception) + ran.output


def test_a_family_is_read_where_it_is_named_beside_embedded_rows(tmp_path):
    name = "task365_synthetic_remove_vowels"
    task = {
        "Definition": ["Leave out the vowels."],
        "Positive Examples": [{"input": "ab", "output": "b", "explanation": "a is one."}] * 2,
        "Instances": [
            {"id": f"t-{n}", "input": f"word {n}", "output": [f"wrd {n}"]} for n in range(30)
        ],
    }
    (tmp_path / "ni" / "tasks").mkdir(parents=True)
    (tmp_path / "ni" / "tasks" / f"{name}.json").write_text(json.dumps(task))
    where = {"niv2": tmp_path / "ni"}
    mixture = ft.Mixture(name="m", include=("rte", f"niv2:{name}"))
    for choice in ({"source": "samples"}, {"source": "declared"}, {"source": "files"}):
        view = ft.rows(f"niv2:{name}", data_dir=where, **choice)
        assert {row["key"] for row in view} <= {f"t-{n}" for n in range(30)}, choice
    manifest = ft.build(mixture, tmp_path / "out", source="samples", data_dir=where).manifest
    kinds = {task["name"]: task["source"]["source"] for task in manifest["tasks"]}
    assert kinds == {"rte": "samples", f"niv2:{name}": "files"}
    with pytest.raises(ft.SourceUnavailableError) as error:
        ft.build("niv2", tmp_path / "all", source="samples", data_dir=where)
    assert "Where rows lie elsewhere: --data-dir niv2=DIR, a folder with tasks/*.json." in str(
        error.value
    )


@pytest.mark.parametrize(
    "name", ["niv2:task365_synthetic_remove_vowels", "answerability_classification"]
)
def test_some_tasks_of_a_family_have_no_directory_of_their_own(name, tmp_path):
    with pytest.raises(ft.DeclarationError, match="read from one directory; give niv2=DIR"):
        ft.rows("rte", source="samples", data_dir={name: tmp_path})


def test_names_are_checked_in_python_as_well(tmp_path):
    with pytest.raises(ft.UnknownNameError, match="--data-dir ret="):
        ft.build("rte", tmp_path / "out", source="samples", data_dir={"ret": tmp_path})
    with pytest.raises(ft.UnknownNameError, match="--data-dir ret="):
        ft.rows("rte", source="samples", data_dir={"ret": tmp_path})


def test_show_lint_and_sources_read_what_is_named(tmp_path):
    write_rows(tmp_path / "a", "Shown from a.")
    where = ["--data-dir", f"rte={tmp_path / 'a'}"]
    shown = CliRunner().invoke(cli, ["show", "rte", "--source", "declared", *where, "--json"])
    assert "Shown from a." in shown.output
    listed = CliRunner().invoke(cli, ["sources", "rte", *where, "--json"])
    assert json.loads(listed.output)["sources"][0]["state"] == "available"
    linted = CliRunner().invoke(cli, ["lint", "rte", "--source", "declared", *where])
    assert "30 read from sources" in linted.output.replace("\n", " ")


def test_a_variable_of_the_environment_names_several(tmp_path, monkeypatch):
    write_rows(tmp_path / "a")
    monkeypatch.setenv("FLAN_TASKS_DATA_DIR", joined([str(tmp_path), f"rte={tmp_path / 'a'}"]))
    listed = CliRunner().invoke(cli, ["sources", "rte", "--json"])
    assert json.loads(listed.output)["sources"][0]["state"] == "available"
    result = ft.build("rte", tmp_path / "out", report=False)
    assert result.tasks[0]["source"]["source"] == "files"
