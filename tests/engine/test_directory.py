import errno
import json
import resource
import shutil
import signal
import subprocess

import pytest
from conftest import make_catalog

from flan_tasks.core.errors import BuildError
from flan_tasks.core.mixture import Mixture
from flan_tasks.engine import directory
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.engine.verification import verify
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare

SETTINGS = BuildSettings(
    format="jsonl",
    split="train",
    style="inputs-targets",
    lengths={"inputs": 1024, "targets": 256},
    num_shards=4,
)


@pytest.fixture
def prepared(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    return prepare(Mixture(name="m"), catalog, source=SourceChoice())


@pytest.fixture
def run(prepared, tmp_path):
    def go(*, seed=0, settings=SETTINGS, folder=tmp_path / "out"):
        return build(prepared, make_plan(prepared, seed=seed), settings, folder)

    return go


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_verify_accepts_a_build(run, tmp_path):
    built = run()
    assert verify(tmp_path / "out") == built.manifest
    assert set(files(tmp_path / "out")) == {
        *(f"data/train-0000{i}-of-00004.jsonl" for i in range(4)),
        "README.md",
        "dataset_info.json",
        "templates.json",
        "manifest.json",
    }


@pytest.mark.parametrize("name", ["data/train-00002-of-00004.jsonl", "README.md"])
def test_verify_rejects_one_changed_byte(run, tmp_path, name):
    run()
    path = tmp_path / "out" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BuildError, match=f"{name} was changed"):
        verify(tmp_path / "out")


def test_verify_rejects_missing_and_added_files(run, tmp_path):
    run()
    (tmp_path / "out" / "data" / "train-00001-of-00004.jsonl").unlink()
    (tmp_path / "out" / "extra.txt").write_text("x")
    with pytest.raises(BuildError, match="00001-of-00004.jsonl is missing\nextra.txt is not in"):
        verify(tmp_path / "out")


def test_verify_rejects_counts_that_do_not_add_up(run, tmp_path):
    run()
    path = tmp_path / "out" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["tasks"][0]["realized"] += 1
    path.write_text(json.dumps(manifest))
    with pytest.raises(BuildError, match="its tasks add up to 51; the manifest says 50"):
        verify(tmp_path / "out")


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"files": [], "digest": ""}'])
def test_verify_rejects_what_is_no_build(tmp_path, content):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(BuildError, match="is no build directory|is damaged"):
        verify(tmp_path)


def test_a_complete_build_is_recognized(run, tmp_path):
    run()
    before = files(tmp_path / "out")
    assert run().was_there
    assert files(tmp_path / "out") == before


def test_a_complete_build_that_lost_a_shard_is_not_called_complete(run, tmp_path):
    run()
    (tmp_path / "out" / "data" / "train-00001-of-00004.jsonl").unlink()
    with pytest.raises(
        BuildError, match="data/train-00001-of-00004.jsonl is missing.*run the same"
    ):
        run()


def test_another_build_in_the_directory_is_refused(run, tmp_path):
    run()
    before = files(tmp_path / "out")
    with pytest.raises(BuildError, match="holds another build, made by: flan build m .*--seed 0"):
        run(seed=1)
    assert files(tmp_path / "out") == before


def test_a_directory_with_something_else_is_refused(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("x")
    with pytest.raises(BuildError, match="no build directory: it holds thesis.tex"):
        run()
    assert set(files(tmp_path / "out")) == {"thesis.tex"}


def test_a_file_in_place_of_the_directory_is_refused(run, tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(BuildError, match="is a file"):
        run()


def test_an_interrupted_build_goes_on_and_gives_the_same_bytes(run, tmp_path, monkeypatch):
    from flan_tasks.engine import work

    run(folder=tmp_path / "whole")
    made = []

    def stops(plan, shard, settings, folder):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(shard.path)
        return original(plan, shard, settings, folder)

    original = work.build_shard
    monkeypatch.setattr(work, "build_shard", stops)
    with pytest.raises(KeyboardInterrupt):
        run()
    with pytest.raises(BuildError, match="unfinished build"):
        verify(tmp_path / "out")
    made.clear()
    run()
    assert made == ["data/train-00002-of-00004.jsonl", "data/train-00003-of-00004.jsonl"]
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_an_interrupted_build_of_another_plan_is_refused(run, tmp_path, monkeypatch):
    from flan_tasks.engine import work

    def stops(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(work, "build_shard", stops)
    with pytest.raises(KeyboardInterrupt):
        run()
    monkeypatch.undo()
    with pytest.raises(BuildError, match="unfinished build, begun by: .*--seed 0"):
        run(seed=1)


def test_a_shard_that_was_changed_meanwhile_is_built_again(run, tmp_path, monkeypatch):
    run(folder=tmp_path / "whole")
    monkeypatch.setattr(directory, "write_text", _refuse_card(directory.write_text))
    with pytest.raises(BuildError):
        run()
    monkeypatch.undo()
    (tmp_path / "out" / "data" / "train-00001-of-00004.jsonl").write_text("changed\n")
    run()
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def _refuse_card(write):
    def refuse(path, text):
        if path.name == "README.md":
            raise BuildError("stopped before the end")
        write(path, text)

    return refuse


def test_a_full_disk_is_said_and_shows_no_broken_shard(run, tmp_path, monkeypatch):
    from flan_tasks.engine.writers.jsonl import JsonlWriter

    run(folder=tmp_path / "whole")
    original = JsonlWriter.write

    def full(self, path, chunks, settings):
        if "00002" in path.name:
            path.write_text("half a sh")
            raise OSError(errno.ENOSPC, "No space left on device")
        original(self, path, chunks, settings)

    monkeypatch.setattr(JsonlWriter, "write", full)
    with pytest.raises(BuildError, match="no space left on the disk while writing .*00002"):
        run()
    found = {p.name for p in (tmp_path / "out" / "data").iterdir()}
    assert found == {"train-00000-of-00004.jsonl", "train-00001-of-00004.jsonl"}
    monkeypatch.undo()
    run()
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_a_second_build_at_the_same_time_is_refused(run, tmp_path):
    with directory.Progress(tmp_path / "out").lock():
        with pytest.raises(BuildError, match="another process is building into"):
            run()


@pytest.mark.parametrize("seed", [0, 1])
def test_a_build_that_ends_between_look_and_lock_is_kept(run, tmp_path, monkeypatch, seed):
    look = directory.check_free
    looked = []

    def look_early(folder, digest):
        found = look(folder, digest)
        looked.append(digest)
        if len(looked) == 1:
            run(seed=seed)
        return found

    monkeypatch.setattr(directory, "check_free", look_early)
    if seed == 0:
        assert run().was_there
    else:
        with pytest.raises(BuildError, match="holds another build"):
            run()
    assert verify(tmp_path / "out")["seed"] == seed


def test_manifest_has_no_time_host_or_path(run, tmp_path):
    run()
    first = files(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    run(folder=tmp_path / "elsewhere" / "deep")
    assert files(tmp_path / "elsewhere" / "deep") == first
    assert str(tmp_path) not in first["manifest.json"].decode()
    assert str(tmp_path) not in first["README.md"].decode()


def test_missing_datasets_stand_in_manifest_and_card(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    (tmp_path / "fish" / "train.jsonl").unlink()
    found = prepare(Mixture(name="m"), catalog, source=SourceChoice(), allow_missing=True)
    built = build(found, make_plan(found, seed=0), SETTINGS, tmp_path / "out")
    assert list(built.manifest["missing"]) == ["fish"]
    card = (tmp_path / "out" / "README.md").read_text()
    assert "Built without 1 dataset, whose rows were not available:" in card
    assert "- fish: no file train.jsonl" in card
    assert str(tmp_path) not in (tmp_path / "out" / "manifest.json").read_text()


def test_datasets_of_which_every_row_is_skipped_stand_in_manifest_and_card(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    rows = (tmp_path / "fish" / "train.jsonl").read_text().splitlines()
    bare = [json.dumps(json.loads(row) | {"bird": -1}) for row in rows]
    (tmp_path / "fish" / "train.jsonl").write_text("\n".join(bare) + "\n")
    found = prepare(Mixture(name="m"), catalog, source=SourceChoice())
    built = build(found, make_plan(found, seed=0), SETTINGS, tmp_path / "out")
    (fish,) = (task for task in built.manifest["tasks"] if task["name"] == "fish")
    assert (fish["realized"], fish["rows_read"], fish["skipped"]) == (0, 20, {"no gold label": 20})
    assert verify(tmp_path / "out") == built.manifest
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| fish | animals | 0.0 | 0.00% | 0 | 0 | 0 | 0 | 20 no gold label |" in card


def test_card_escapes_text_of_declarations(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 34}, license="CC <script> | x")
    found = prepare(Mixture(name="m"), catalog, source=SourceChoice())
    build(found, make_plan(found, seed=0), SETTINGS, tmp_path / "out")
    assert "CC &lt;script> \\| x |" in (tmp_path / "out" / "README.md").read_text()


def test_a_manifest_edited_by_hand_is_noticed(run, tmp_path):
    run()
    path = tmp_path / "out" / "manifest.json"
    path.write_text(path.read_text().replace("CC0-1.0", "CC-BY-4.0"))
    with pytest.raises(BuildError, match="manifest.json was changed"):
        verify(tmp_path / "out")


def test_a_complete_build_is_left_without_progress_by_whoever_finds_it(run, tmp_path, monkeypatch):
    run()
    whole = files(tmp_path / "out")
    # Killed between the manifest and the end.
    (tmp_path / "out" / ".progress").mkdir()
    (tmp_path / "out" / ".progress" / "plan.json").write_text("{}")
    assert run().was_there
    assert files(tmp_path / "out") == whole
    assert not (tmp_path / "out" / ".progress").exists()
    # A race lost: another build ended between the first look and the lock.
    looks = []

    def look(folder, recipe):
        looks.append(folder)
        return original(folder, recipe) if len(looks) > 1 else False

    original = directory.check_free
    monkeypatch.setattr(directory, "check_free", look)
    assert run().was_there and len(looks) == 2
    assert not (tmp_path / "out" / ".progress").exists()
    looks.clear()
    with pytest.raises(BuildError, match="holds another build"):
        run(seed=1)
    assert files(tmp_path / "out") == whole
    assert not (tmp_path / "out" / ".progress").exists()


def test_what_a_killed_build_left_half_written_is_removed(run, tmp_path, monkeypatch):
    run(folder=tmp_path / "whole")
    monkeypatch.setattr(directory, "write_text", _refuse_card(directory.write_text))
    with pytest.raises(BuildError):
        run()
    monkeypatch.undo()
    (tmp_path / "out" / "an-older-name.jsonl.tmp").write_text("half")
    run()
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_a_damaged_note_of_the_plan_is_said(run, tmp_path, monkeypatch):
    monkeypatch.setattr(directory, "write_text", _refuse_card(directory.write_text))
    with pytest.raises(BuildError):
        run()
    monkeypatch.undo()
    (tmp_path / "out" / ".progress" / "plan.json").write_text("{")
    with pytest.raises(BuildError, match="plan.json is damaged.*remove .*out and run the same"):
        run()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_limit_of_the_system_on_files_is_said_and_shows_no_broken_shard(
    prepared, tmp_path, workers
):
    plan = make_plan(prepared, seed=0, num_examples=4000)
    build(prepared, plan, SETTINGS, tmp_path / "whole")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(
            BuildError, match=r"train-0000\d-of-00004.jsonl cannot be written: File"
        ):
            build(prepared, plan, SETTINGS, tmp_path / "out", workers=workers)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert [p for p in (tmp_path / "out").rglob("*") if p.suffix in (".tmp", ".jsonl")] == []
    build(prepared, plan, SETTINGS, tmp_path / "out", workers=workers)
    assert files(tmp_path / "out") == files(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
def test_a_disk_that_is_really_full_is_said_and_the_build_goes_on(
    prepared, tmp_path, share, workers
):
    plan = make_plan(prepared, seed=0, num_examples=2000)
    build(prepared, plan, SETTINGS, tmp_path / "whole")
    disk = tmp_path / "disk"
    disk.mkdir()
    # Room for all shards, with notes of theirs and of the plan, and at most one more page.
    pages = [-(-p.stat().st_size // 4096) for p in (tmp_path / "whole").glob("data/*.jsonl")]
    size = int(4096 * share * (sum(pages) + len(pages) + 3))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk can only be made by root")
    try:
        with pytest.raises(BuildError, match="no space left on the disk while writing"):
            build(prepared, plan, SETTINGS, disk / "out", workers=workers)
        assert not list(disk.rglob("*.tmp"))
        assert not (disk / "out" / "manifest.json").exists()
        subprocess.run(["mount", "-o", "remount,size=9m", str(disk)], check=True)
        build(prepared, plan, SETTINGS, disk / "out", workers=workers)
        assert files(disk / "out") == files(tmp_path / "whole")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("damaged", [False, True])
def test_examples_that_cannot_be_read_are_said_with_what_helps(prepared, tmp_path, damaged):
    path = prepared.ingredients[0].examples.path
    path.unlink()
    if damaged:
        path.write_bytes(b"no arrow file" * 100)
    # Workers open the store themselves; this process has it open already.
    options = {"workers": 2}
    with pytest.raises(BuildError, match=f"{path.name} cannot be read: .*run the same command"):
        build(prepared, make_plan(prepared, seed=0), SETTINGS, tmp_path / "out", **options)
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    again = prepare(Mixture(name="m"), catalog, source=SourceChoice())
    build(again, make_plan(again, seed=0), SETTINGS, tmp_path / "out")
    verify(tmp_path / "out")
