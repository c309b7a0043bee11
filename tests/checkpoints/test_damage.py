"""Damage to a checkpoint's files: named before anything is read, and nothing is changed."""

import hashlib
import json
import shutil
import subprocess
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from orbax.checkpoint._src.metadata.checkpoint import _MetadataStoreImpl as MetadataStore

from flan_tasks.checkpoints import checksums, damage
from flan_tasks.checkpoints.checkpoint import Checkpoints, newest, read_record
from flan_tasks.specs.config import CheckpointConfig, TrainingError

PARAMS = {"a": {"b": jnp.arange(6.0).reshape(2, 3)}, "c": jnp.ones(3)}
STATE = {"step": jnp.int32(4), "moments": {"a": jnp.ones((2, 3))}}


def placed(tree):
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), tree)


def saved(folder, *steps, config=None, losses=None):
    checkpoints = Checkpoints(folder, config or CheckpointConfig(keep=9))
    for step in steps:
        metrics = {"loss": losses[step], "accuracy": 0.0} if losses else None
        checkpoints.save(step, PARAMS, STATE, {"step": step, "config": {}}, metrics=metrics)
    checkpoints.close()
    return folder


def restored(folder, step, say=None):
    checkpoints = Checkpoints(folder, CheckpointConfig(keep=9))
    try:
        return checkpoints.restore(step, placed(PARAMS), placed(STATE), say=say)
    finally:
        checkpoints.close()


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("checkpoints"), 3, 4)


@pytest.fixture
def run(two_steps, tmp_path):
    """A MODEL_DIR of two checkpoints, to be damaged."""
    return shutil.copytree(two_steps, tmp_path / "run")


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def a_file(folder, part):
    """The largest file of a part, which holds arrays."""
    files = [path for path in (folder / part).rglob("*") if path.is_file()]
    return max(files, key=lambda path: path.stat().st_size)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def as_a_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("part", ["params", "optimizer", "run"])
@pytest.mark.parametrize(
    ("damages", "message"),
    [
        (flip, "was changed|cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-3]), "was changed|cannot be read"),
        (lambda path: path.write_bytes(b""), "is empty|cannot be read"),
        (lambda path: path.unlink(), "is missing"),
        (as_a_folder, "is a folder where a file was|cannot be read"),
        (lambda path: (path.parent / "more").write_text("x"), "more does not belong there"),
        (lambda path: shutil.rmtree(path.parent), "is missing"),
    ],
    ids=["flipped", "cut", "emptied", "removed", "folder", "added", "folder removed"],
)
def test_damage_is_named_with_the_checkpoint_to_go_on_from(run, part, damages, message):
    damages(a_file(run / "checkpoint_4", part))
    before = contents(run)
    with pytest.raises(TrainingError) as caught:
        restored(run, 4)
    text = str(caught.value)
    assert f"{run / 'checkpoint_4'} is damaged: {part}/" in text
    assert any(phrase in text for phrase in message.split("|")), text
    assert f"Move it away to go on from {run / 'checkpoint_3'}, the newest before it" in text
    assert contents(run) == before


def test_checksums_vouch_for_themselves(run):
    path = run / "checkpoint_4" / "SHA256SUMS"
    text = path.read_text()
    for damaged in (text.replace("0", "1", 1), text[:-1] + "0", "", "\n", text + "x"):
        path.write_text(damaged)
        with pytest.raises(TrainingError, match="SHA256SUMS is damaged"):
            restored(run, 4)
    path.unlink()
    with pytest.raises(TrainingError, match="SHA256SUMS is missing"):
        restored(run, 4)


def test_checksums_are_those_of_sha256sum(run):
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    ran = subprocess.run(command, cwd=run / "checkpoint_4", capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "run/metadata: OK" in ran.stdout


@pytest.mark.parametrize(
    "text", [None, "", "{", "{}", '{"item_handlers": null}', '{"item_handlers": {"params": 1}}']
)
def test_nothing_depends_on_what_orbax_writes_when_it_likes(run, text):
    # From a thread of its own: a process that is killed may leave it half written.
    path = run / "checkpoint_4" / "_CHECKPOINT_METADATA"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    before = restored(run, 3)
    params, state = restored(run, 4)
    assert jax.tree.structure((params, state)) == jax.tree.structure(before)
    assert read_record(run / "checkpoint_4") == read_record(run / "checkpoint_3") | {"step": 4}


def test_checksums_do_not_wait_for_orbax_to_say_by_which_classes_it_saved(tmp_path, monkeypatch):
    # Its thread is late where the machine is busy.
    update = MetadataStore.update

    def late(self, *args, **kwargs):
        time.sleep(0.3)
        update(self, *args, **kwargs)

    monkeypatch.setattr(MetadataStore, "update", late)
    restored(saved(tmp_path, 3), 3)


def test_checksums_that_vouched_for_metadata_are_read(run):
    # As they were written before, and wrong where Orbax was late.
    path = run / "checkpoint_4" / "SHA256SUMS"
    lines = path.read_text().splitlines(keepends=True)[:-1]
    text = "".join([*lines, "# sha256 of _CHECKPOINT_METADATA but for its time: 00\n"])
    seal = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(f"{text}# sha256 of the lines above: {seal}\n")
    restored(run, 4)


def test_files_of_another_checkpoint_are_not_taken(run):
    theirs = run / "checkpoint_3" / "run" / "metadata"
    shutil.copy(theirs, run / "checkpoint_4" / "run" / "metadata")
    with pytest.raises(TrainingError, match="run/metadata was changed"):
        restored(run, 4)


def test_a_users_notes_beside_the_parts_do_no_harm(run):
    (run / "checkpoint_4" / "notes.txt").write_text("mine")
    (run / "checkpoint_4" / "scores").mkdir()
    found, _ = restored(run, 4)
    jax.tree.map(np.testing.assert_array_equal, found, PARAMS)


def test_parts_that_are_not_read_need_not_be_there(run):
    shutil.rmtree(run / "checkpoint_4" / "optimizer")
    damage.check(run / "checkpoint_4", ("params",))


def without_checksums(folder):
    """A checkpoint as it was saved before there were any."""
    (folder / "SHA256SUMS").unlink()
    path = folder / "run" / "metadata"
    record = json.loads(path.read_text())
    del record["checksums"]
    path.write_text(json.dumps(record))
    return path


def test_a_checkpoint_from_before_checksums_is_read_and_said_to_be_unchecked(run):
    without_checksums(run / "checkpoint_4")
    said = []
    found, _ = restored(run, 4, said.append)
    jax.tree.map(np.testing.assert_array_equal, found, PARAMS)
    assert said == [
        f"{run / 'checkpoint_4'} was saved without checksums; its content is not checked"
    ]


@pytest.mark.parametrize(
    "text", ["", "[]", "7", "{", '{"config": []}', '{"data": "x"}', '{"progress": 3}', "\xff"]
)
def test_a_record_that_is_none_is_refused(run, text):
    without_checksums(run / "checkpoint_4").write_text(text, encoding="latin-1")
    with pytest.raises(TrainingError, match="checkpoint_4 is damaged: run/metadata "):
        read_record(run)


def test_without_an_older_checkpoint_the_message_says_so(run):
    shutil.rmtree(run / "checkpoint_3" / "params")
    flip(a_file(run / "checkpoint_4", "params"))
    with pytest.raises(TrainingError, match="There is none before it: restore it from a copy"):
        restored(run, 4)


@pytest.mark.parametrize("name", ["checkpoint_4", "other"])
def test_a_checkpoint_without_parameters_is_named(run, name):
    (run / "checkpoint_4").rename(run / name)
    shutil.rmtree(run / name / "params")
    with pytest.raises(TrainingError, match="params/ is missing"):
        damage.check(newest(run / name), ("params",))


def test_a_checkpoint_gets_its_name_with_its_checksums_alone(tmp_path, monkeypatch):
    def full(folder):
        raise OSError(28, "No space left on device")

    saved(tmp_path, 3)
    checkpoints = Checkpoints(tmp_path, CheckpointConfig(keep=1))
    monkeypatch.setattr(checksums, "write", full)
    checkpoints.save(4, PARAMS, STATE, {"step": 4})
    with pytest.raises(TrainingError, match="checkpoint_4 could not be written: .*No space left"):
        checkpoints.wait()
    # And no older one was removed for it.
    assert newest(tmp_path).name == "checkpoint_3"
    restored(tmp_path, 3)


def test_a_resumed_run_knows_which_checkpoint_was_best(tmp_path):
    config = CheckpointConfig(keep=1, keep_best=1)
    losses = {1: 5.0, 2: 3.0, 3: 4.0, 4: 4.5, 5: 4.6}
    for step in losses:
        saved(tmp_path, step, config=config, losses=losses)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint_2", "checkpoint_5"}
    flip(tmp_path / "checkpoint_2" / "metrics" / "metrics")
    with pytest.raises(TrainingError, match="checkpoint_2 is damaged: metrics/metrics was changed"):
        Checkpoints(tmp_path, config)
