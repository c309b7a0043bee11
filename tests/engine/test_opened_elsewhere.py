"""Builds as others open them: `datasets` by its own rules, LLaMA-Factory and axolotl by theirs.

Neither trainer is installed. What they do to a folder is written here as the calls of `datasets`
they make: LLaMA-Factory's `data/parser.py` and `data/loader.py`, axolotl's `utils/data/shared.py`.
"""

import json
import os
import shutil

import pytest
from conftest import make_catalog
from packed_build import seal_again, write_manifest

import flan_tasks
from flan_tasks.core.errors import BuildError
from flan_tasks.core.example import Example
from flan_tasks.core.mixture import Mixture
from flan_tasks.datasets import catalog
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.engine.verification import verify
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import rendered_rows
from flan_tasks.reports.compare import compare, side_of_build
from flan_tasks.specs.formats import STYLES

datasets = pytest.importorskip("datasets", reason="needs the extra hf")


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def load(tmp_path):
    """Calls `datasets.load_dataset` with a cache of its own."""

    def call(*args, **keywords):
        return datasets.load_dataset(*args, cache_dir=str(tmp_path / "cache"), **keywords)

    return call


@pytest.fixture
def make(tmp_path):
    """Builds embedded datasets; gives the directory and its prompts and targets."""

    def go(*names, style="inputs-targets", form="jsonl", split="train", num_shards=3):
        mixture = Mixture(name="some.texts", include=names)
        prepared = prepare(mixture, catalog(), source=SourceChoice("samples"), split=split)
        plan = make_plan(prepared, seed=0)
        settings = BuildSettings(
            form, split, style, {"inputs": 64, "targets": 16}, num_shards=num_shards
        )
        folder = tmp_path / "-".join((*names, style, form, split))
        build(prepared, plan, settings, folder)
        rows = [row for chunk in rendered_rows(plan, 0, len(plan)) for row in chunk]
        return folder, [(row.inputs, row.targets) for row in rows]

    return go


def paths(folder):
    return sorted(str(path) for path in (folder / "data").iterdir())


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("turned", [False, True])
def test_files_with_and_without_options_load_together(make, load, form, turned):
    without, some = make("dart", form=form)
    with_options, others = make("rte", form=form)
    files = paths(without) + paths(with_options)
    found = load(
        {"jsonl": "json", "parquet": "parquet"}[form],
        data_files=files[::-1] if turned else files,
        split="train",
    )
    assert {row["options"] for row in found if row["dataset"] == "dart"} == {""}
    given = {tuple(row["options"].splitlines()) for row in found if row["dataset"] == "rte"}
    assert given == {tuple(catalog()["rte"].options)}
    assert sorted(zip(found["inputs"], found["targets"], strict=True)) == sorted(some + others)


@pytest.mark.parametrize("style", STYLES)
def test_a_folder_has_the_types_of_its_files(make, load, style):
    jsonl, parquet = (
        make("dart", "rte", style=style, form=form)[0] for form in ("jsonl", "parquet")
    )
    stated, written = (load(str(folder), split="train").features for folder in (jsonl, parquet))
    assert stated == written
    guessed = load(str(jsonl / "data"), split="train").features
    assert {**guessed, "num_shots": None} == {**stated, "num_shots": None}


def test_answers_that_are_dates_stay_texts_in_parquet(tmp_path, load):
    days = ("2026-03-01", "2026-03-02")

    def normalize(row):
        """Asks for a day."""
        return Example(fields={"animal": row["animal"]}, options=days, answer=days[row["bird"]])

    toys = make_catalog(tmp_path, {"days": 12}, normalize=normalize, options=days)
    mixture = Mixture(name="m", kinds=("forward",))
    prepared = prepare(mixture, toys, source=SourceChoice())
    settings = BuildSettings(
        "parquet", "train", "alpaca", {"inputs": 64, "targets": 16}, num_shards=1
    )
    build(prepared, make_plan(prepared, seed=0), settings, tmp_path / "out")
    assert set(load(str(tmp_path / "out"), split="train")["output"]) == {*days}


def llama_factory(load, folder):
    """Prompts and answers, as LLaMA-Factory gets them with `dataset_dir` and its one `dataset`."""
    info = json.loads((folder / "dataset_info.json").read_text(encoding="ascii"))
    ((name, entry),) = info.items()
    place = os.path.join(folder, entry["file_name"])
    files = [os.path.join(place, file) for file in os.listdir(place)]
    (kind,) = {
        {"jsonl": "json", "json": "json", "parquet": "parquet"}[file.rsplit(".", 1)[1]]
        for file in files
    }
    rows = load(kind, data_files=files, split=entry.get("split", "train"))
    columns = {"prompt": None, "query": None, "response": None, "messages": None}
    columns |= entry["columns"]
    for row in rows:
        if entry["formatting"] == "alpaca":
            parts = [row[columns[part]] for part in ("prompt", "query") if columns[part]]
            yield name, ("\n".join(filter(None, parts)), row[columns["response"]])
            continue
        tags, turns = entry["tags"], row[columns["messages"]]
        assert [turn[tags["role_tag"]] for turn in turns] == [
            tags["user_tag"],
            tags["assistant_tag"],
        ]
        yield name, tuple(turn[tags["content_tag"]] for turn in turns)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("style", STYLES)
def test_llama_factory_opens_every_style(make, load, form, style):
    folder, texts = make("dart", "rte", style=style, form=form)
    assert sorted(llama_factory(load, folder)) == sorted(("some.texts", pair) for pair in texts)


def test_llama_factory_opens_an_evaluation_split(make, load):
    folder, texts = make("rte", style="alpaca", split="validation", num_shards=1)
    assert [pair for _, pair in llama_factory(load, folder)] == texts


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("style", ["alpaca", "messages", "sharegpt"])
def test_axolotl_opens_a_folder(make, load, form, style):
    folder, texts = make("dart", "rte", style=style, form=form)
    # First as one that `datasets` saved, which it is not for all its dataset_info.json.
    with pytest.raises(FileNotFoundError):
        datasets.load_from_disk(str(folder))
    for row, (inputs, targets) in zip(load(str(folder), split="train"), texts, strict=True):
        if style == "alpaca":
            assert (row["instruction"], row["input"], row["output"]) == (inputs, "", targets)
        else:
            column, content = {
                "messages": ("messages", "content"),
                "sharegpt": ("conversations", "value"),
            }[style]
            assert [turn[content] for turn in row[column]] == [inputs, targets]


def test_only_shards_lie_in_the_folder_of_shards(tmp_path, make_build):
    for form in ("jsonl", "parquet", "arrays"):
        folder = make_build(form)
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        named = {path for shard in manifest["shards"] for path in shard["paths"]}
        assert named == {f"data/{path.name}" for path in (folder / "data").iterdir()}
        assert {path.is_file() for path in folder.iterdir() if path.name != "data"} == {True}


def made_before(folder):
    """Makes a build what it was before: shards beside the manifest, options as lists."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for path in (folder / "data").iterdir():
        path.rename(folder / path.name)
    (folder / "data").rmdir()
    for entry in manifest["files"]:
        entry["path"] = entry["path"].removeprefix("data/")
    for shard in manifest["shards"]:
        shard["name"] = shard["name"].removeprefix("data/")
        shard["paths"] = [path.removeprefix("data/") for path in shard["paths"]]
    del manifest["recipe"]["layout"]
    manifest["digest"] = "0" * 64  # of a recipe without a layout
    for path in folder.glob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
        rows = [row | {"options": row["options"].splitlines()} for row in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    write_manifest(folder, manifest)
    seal_again(folder)


@pytest.mark.parametrize("form", ["jsonl", "arrays"])
def test_a_build_of_before_still_opens(make_build, tmp_path, form):
    folder, old = make_build(form), tmp_path / "old"
    shutil.copytree(folder, old)
    made_before(old)
    assert verify(old)["format"] == form
    found = compare(side_of_build(old), side_of_build(folder))
    assert found.is_empty and found.rows.same == 56
    if form == "arrays":
        one, other = flan_tasks.open(old, check="open"), flan_tasks.open(folder)
        for row in range(len(other)):
            assert all((one[row][name] == value).all() for name, value in other[row].items())
    else:
        with pytest.raises(BuildError, match=r'of format "jsonl".*Read it with .*load_dataset\('):
            flan_tasks.open(old)


def test_a_build_of_before_is_not_gone_on_with(make, tmp_path):
    folder, _ = make("rte")
    made_before(folder)
    with pytest.raises(BuildError, match=r"holds another build.*\n  layout: none, now shards in"):
        make("rte")
