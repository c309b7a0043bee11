"""Whole runs on toy models: what they learn, and that how they are computed changes nothing."""

import json
import os
import shutil
import signal
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT
from packed_build import make_rows, write_build
from toy_runs import compiled_once, losses, saved, toy_build, toy_run, toy_train

from flan_tasks.checkpoints import checksums
from flan_tasks.core.errors import BuildError, ModelError
from flan_tasks.core.interrupts import Stopped
from flan_tasks.inference.open_model import open_model
from flan_tasks.models.hf import export_hf, read_config
from flan_tasks.specs.config import MeshConfig, TrainingError
from flan_tasks.trainer import train as train_module
from flan_tasks.trainer.data import BuildSource, open_source
from flan_tasks.trainer.dry_run import describe
from flan_tasks.trainer.feedback import read_metrics
from flan_tasks.trainer.resuming import check_same_run
from flan_tasks.trainer.stopping import StopSignals, alone_in

__all__ = ["compiled_once"]  # a fixture of these tests
GOLDEN = ROOT / "tests" / "golden" / "trainer"


def model_with(folder: Path, **changes):
    import dataclasses

    return dataclasses.replace(toy_run(folder).model, **changes)


def flat(params):
    return {
        jax.tree_util.keystr(path): np.asarray(x) for path, x in jax.tree.leaves_with_path(params)
    }


def assert_same(ours: dict, theirs: dict, *, atol: float = 0.0) -> None:
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        if atol:
            np.testing.assert_allclose(values, theirs[name], atol=atol, rtol=0, err_msg=name)
        else:
            np.testing.assert_array_equal(values, theirs[name], err_msg=name)


@pytest.mark.parametrize("architecture", ["t5", "decoder"])
def test_twenty_steps_give_the_golden_losses(architecture, tmp_path, request):
    toy_train(tmp_path, architecture=architecture, train_steps=20)
    found = losses(tmp_path / "run")
    path = GOLDEN / f"{architecture}.txt"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"step {i + 1}: {x:.4f}\n" for i, x in enumerate(found)))
    wanted = [float(line.split(": ")[1]) for line in path.read_text().splitlines()]
    # Rounding differs among processors, and grows with the steps.
    np.testing.assert_allclose(found, wanted, rtol=5e-3)


@pytest.mark.parametrize("architecture", ["t5", pytest.param("decoder", marks=pytest.mark.slow)])
def test_one_batch_is_learned_by_heart(architecture, tmp_path):
    build = toy_build(tmp_path / "one", architecture=architecture, rows=8)
    toy_train(
        tmp_path,
        architecture=architecture,
        train_steps=150,
        data={"build_dir": str(build)},
        optimizer={"name": "adamw", "learning_rate": 0.01},
    )
    found = losses(tmp_path / "run")
    assert found[0] > 5 and found[-1] < 0.3


@pytest.mark.slow
def test_a_t5_1_0_learns_and_is_exported_as_it_is(tmp_path):
    changes = {"gated": False, "activation": "relu", "tied_head": True, "head_rows": 300}
    run = toy_train(tmp_path, model=model_with(tmp_path, **changes), loss={"label_smoothing": 0.1})
    found = losses(tmp_path / "run")
    assert found[-1] < found[0]
    opened = open_model(run.checkpoint, vocab="bytes")
    assert opened.model.config.outputs == 300
    folder = export_hf(opened.model, opened.params, tmp_path / "out", vocabulary=opened.vocabulary)
    again = open_model(folder)
    assert again.model.config == opened.model.config
    read, trained = flat(again.params), flat(opened.params)
    # Rows that are no outputs are not written, and come back as zeros.
    table = "['embedding']['embedding']"
    assert not read[table][300:].any()
    read[table], trained[table] = read[table][:300], trained[table][:300]
    assert_same(read, trained)


def test_a_checkpoint_from_before_a_field_of_the_model_goes_on(tmp_path):
    run = toy_run(tmp_path)
    record = train_module.make_record(run, open_source(run.data, run.model), "")
    newer = ("gated", "head_rows", "windows")
    before = {n: v for n, v in record["model"].items() if n not in newer}

    older = {**record, "model": before}
    check_same_run(tmp_path, older, record)
    other = {**record, "model": {**record["model"], "gated": False}}
    with pytest.raises(TrainingError, match="model.gated was True and is False"):
        check_same_run(tmp_path, older, other)


@pytest.mark.parametrize("stop", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_a_resumed_run_is_the_undisturbed_one_bit_for_bit(stop, tmp_path):
    changes = {"model": model_with(tmp_path, dropout=0.1)}
    whole = toy_train(tmp_path, name="whole", **changes)
    toy_train(tmp_path, name="parts", train_steps=stop, **changes)
    parts = toy_train(tmp_path, name="parts", **changes)
    assert_same(saved(parts), saved(whole))
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")


def test_microbatches_add_up_to_the_batch(tmp_path):
    whole = toy_train(tmp_path, name="whole", train_steps=3)
    parts = toy_train(tmp_path, name="parts", train_steps=3, num_microbatches=4)
    assert_same(saved(parts), saved(whole), atol=2e-5)
    np.testing.assert_allclose(losses(tmp_path / "parts"), losses(tmp_path / "whole"), rtol=1e-5)


@pytest.mark.parametrize(
    "factor",
    ["AVERAGE_PER_SEQUENCE", pytest.param("NUM_TOTAL_TARGET_TOKENS", marks=pytest.mark.slow)],
)
def test_counts_of_the_loss_are_of_the_whole_batch(factor, tmp_path):
    # Clipping looks at the size of the gradient, which Adafactor alone would not.
    changes = {
        "loss": {"loss_normalizing_factor": factor},
        "optimizer": {"clip_norm": 0.5},
        "train_steps": 2,
    }
    whole = toy_train(tmp_path, name="whole", **changes)
    mesh = MeshConfig(data=4)
    parts = toy_train(tmp_path, name="parts", devices=4, mesh=mesh, num_microbatches=2, **changes)
    assert_same(saved(parts), saved(whole), atol=2e-5)
    lines = [read_metrics(tmp_path / name / "metrics.jsonl") for name in ("parts", "whole")]
    by_sequence = factor == "AVERAGE_PER_SEQUENCE"
    for name in ("grad_norm", *(["sequence_loss"] if by_sequence else [])):
        found, wanted = ([line[name] for line in run] for run in lines)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    "mesh",
    [
        pytest.param(MeshConfig(data=2, fsdp=2, model=2), marks=pytest.mark.slow),
        pytest.param(MeshConfig(data=8), marks=pytest.mark.slow),
        pytest.param(MeshConfig(data=1, fsdp=4, model=2), marks=pytest.mark.slow),
    ],
    ids=["2x2x2", "8x1x1", "1x4x2"],
)
def test_eight_devices_train_as_one_does(mesh, tmp_path):
    changes = {"model": model_with(tmp_path, dropout=0.1), "train_steps": 4}
    one = toy_train(tmp_path, name="one", **changes)
    eight = toy_train(tmp_path, name="eight", devices=8, mesh=mesh, **changes)
    assert_same(saved(eight), saved(one), atol=5e-5)


@pytest.mark.slow
def test_a_checkpoint_goes_on_on_another_mesh(tmp_path):
    changes = {"model": model_with(tmp_path, dropout=0.1)}
    whole = toy_train(tmp_path, name="whole", **changes)
    toy_train(tmp_path, name="moved", train_steps=2, **changes)
    mesh = MeshConfig(data=2, fsdp=2, model=2)
    toy_train(tmp_path, name="moved", train_steps=4, devices=8, mesh=mesh, **changes)
    moved = toy_train(tmp_path, name="moved", **changes)
    assert_same(saved(moved), saved(whole), atol=5e-5)


@pytest.mark.slow
def test_remat_changes_nothing_but_rounding(tmp_path):
    plain = toy_train(tmp_path, name="plain", train_steps=3)
    remat = toy_train(
        tmp_path, name="remat", train_steps=3, model=model_with(tmp_path, remat="full")
    )
    assert_same(saved(remat), saved(plain), atol=2e-5)


@pytest.mark.slow
def test_adapters_alone_are_trained_and_resume(tmp_path):
    model = model_with(tmp_path, lora_rank=2)
    base = toy_train(tmp_path, name="base", train_steps=1)
    start = {"initial_checkpoint_path": str(tmp_path / "base")}
    whole = toy_train(tmp_path, name="whole", model=model, checkpoint=start)
    toy_train(tmp_path, name="parts", model=model, checkpoint=start, train_steps=2)
    parts = toy_train(tmp_path, name="parts", model=model, checkpoint=start)
    found = saved(whole)
    assert_same(saved(parts), found)
    before = {name: x for name, x in saved(base).items() if name.startswith("params/")}
    for name, values in before.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    added = {name for name in found if name.startswith("params/")} - before.keys()
    assert added and all("lora_" in name for name in added)
    assert any(np.any(found[name]) for name in added if name.endswith("lora_b"))
    assert all("lora_" in name for name in found if name.startswith("optimizer/moments"))


def test_a_run_starts_from_the_parameters_it_is_given(tmp_path):
    toy_train(tmp_path, name="first", train_steps=2)
    start = {"initial_checkpoint_path": str(tmp_path / "first")}
    second = toy_train(tmp_path, name="second", train_steps=1, checkpoint=start)
    # Both see the first batch; only one has learned before.
    assert losses(tmp_path / "second")[0] < 0.7 * losses(tmp_path / "first")[0]
    assert saved(second)["optimizer/step"] == 1


def test_a_finished_run_is_left_as_it_is(tmp_path):
    first = toy_train(tmp_path, train_steps=2)
    before = contents(first.checkpoint)
    again = toy_train(tmp_path, train_steps=2)
    assert again.step == 2 and contents(first.checkpoint) == before
    assert len(losses(tmp_path / "run")) == 2


@pytest.mark.slow
def test_evaluation_counts_every_row_once_whatever_the_batch(tmp_path):
    validation = toy_build(tmp_path / "validation", rows=13, seed=7)
    found = [
        toy_train(
            tmp_path,
            name=f"run-{size}",
            train_steps=2,
            data={"eval_build_dir": str(validation), "eval_batch_size": size},
        ).evaluation
        for size in (8, 13)
    ]
    assert found[0]["target_tokens"] == found[1]["target_tokens"] > 0
    assert found[0]["loss"] == pytest.approx(found[1]["loss"], rel=1e-5)
    assert found[0]["task_loss"].keys() == {"birds", "fish", "newts"}
    lines = read_metrics(tmp_path / "run-8" / "metrics.jsonl")
    assert [line["step"] for line in lines if line["kind"] == "eval"] == [2]


def test_the_newest_and_the_best_are_kept(tmp_path):
    validation = toy_build(tmp_path / "validation", rows=8, seed=7)
    toy_train(
        tmp_path,
        train_steps=8,
        data={"eval_build_dir": str(validation)},
        checkpoint={"period": 1, "keep": 2, "keep_best": 1},
        eval_period=1,
    )
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    scores = {line["step"]: line["loss"] for line in lines if line["kind"] == "eval"}
    best = min(scores, key=lambda step: scores[step])
    kept = {int(p.name.split("_")[1]) for p in (tmp_path / "run").glob("checkpoint_*")}
    assert kept == {7, 8, best}


def test_what_training_begins_with_is_kept_where_asked_for(tmp_path):
    kept = {"period": 1, "keep": 1, "keep_initial": True}
    first = toy_train(tmp_path, checkpoint=kept, train_steps=3)
    names = {path.name for path in (tmp_path / "run").glob("checkpoint_*")}
    assert names == {"checkpoint_0", "checkpoint_3"}
    start = {"initial_checkpoint_path": str(tmp_path / "run" / "checkpoint_0")}
    toy_train(tmp_path, name="again", checkpoint=start, train_steps=3)
    assert losses(tmp_path / "again") == losses(tmp_path / "run")
    # A run that got no further goes on from there.
    shutil.rmtree(first.checkpoint)
    toy_train(tmp_path, checkpoint=kept, train_steps=3)
    assert losses(tmp_path / "run") == losses(tmp_path / "again")


def test_sigterm_saves_and_the_run_goes_on_as_if_undisturbed(tmp_path, monkeypatch):
    whole = toy_train(tmp_path, name="whole")
    read = BuildSource.read

    def read_and_signal(self, step, block, blocks):
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return read(self, step, block, blocks)

    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        patch.setattr(BuildSource, "read", read_and_signal)
        stopped = toy_train(tmp_path, name="stopped")
    assert stopped.stopped_by == "SIGTERM" and 1 <= stopped.step < 6
    assert stopped.checkpoint.is_dir() and signal.getsignal(signal.SIGTERM) == before
    assert_same(saved(toy_train(tmp_path, name="stopped")), saved(whole))


def lines_of(folder: Path) -> list[dict]:
    """Lines of metrics but for what the clock says."""
    return [
        {k: v for k, v in line.items() if "per_second" not in k}
        for line in read_metrics(folder / "metrics.jsonl")
    ]


@pytest.mark.slow
def test_stops_at_any_step_leave_the_metrics_of_the_undisturbed_run(tmp_path, monkeypatch):
    validation = toy_build(tmp_path / "validation", rows=8, seed=7)
    changes = {
        "data": {"eval_build_dir": str(validation)},
        "checkpoint": {"period": 5, "keep_best": 1},
        "eval_period": 2,
        "log_period": 3,
        "train_steps": 8,
    }
    whole = toy_train(tmp_path, name="whole", **changes)
    # 2, 4 and 8 have an evaluation due, 5 one that the best is chosen by; all part an interval.
    for stop in (2, 4, 5, 8):
        with monkeypatch.context() as patch:
            patch.setattr(
                StopSignals,
                "requested",
                lambda self, step, at=stop: "SIGTERM" if step == at else None,
            )
            stopped = toy_train(tmp_path, name="stopped", **changes)
        assert (stopped.step, stopped.stopped_by) == (stop, "SIGTERM")
    again = toy_train(tmp_path, name="stopped", **changes)
    assert_same(saved(again), saved(whole))
    assert again.evaluation == whole.evaluation
    assert lines_of(tmp_path / "stopped") == lines_of(tmp_path / "whole")
    finished = contents(tmp_path / "stopped")
    toy_train(tmp_path, name="stopped", **changes)
    assert lines_of(tmp_path / "stopped") == lines_of(tmp_path / "whole")
    assert contents(tmp_path / "stopped").keys() == finished.keys()


def test_a_signal_before_the_first_step_ends_the_run_with_nothing_to_save(tmp_path, monkeypatch):
    begin = train_module.start

    def signaled(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        return begin(*arguments)

    monkeypatch.setattr(train_module, "start", signaled)
    with pytest.raises(Stopped, match="stopped by SIGTERM"):
        toy_train(tmp_path)
    assert list((tmp_path / "run").iterdir()) == []
    monkeypatch.undo()
    assert toy_train(tmp_path, train_steps=1).step == 1


def test_a_signal_while_the_last_checkpoint_is_written_does_not_end_the_run(tmp_path, monkeypatch):
    write = checksums.write

    def signaled(folder):
        os.kill(os.getpid(), signal.SIGINT)
        write(folder)

    monkeypatch.setattr(checksums, "write", signaled)
    result = toy_train(tmp_path, train_steps=1)
    assert result.checkpoint.is_dir() and result.stopped_by is None


def test_skipped_steps_in_a_row_are_counted_over_a_stop(tmp_path, monkeypatch):
    changes = {"on_nonfinite": "skip", "max_skipped": 3}
    break_step(monkeypatch, 1, times=9)
    toy_train(tmp_path, train_steps=3, **changes)
    with pytest.raises(TrainingError, match="4 steps in a row"):
        toy_train(tmp_path, **changes)


@pytest.mark.parametrize("how", ["moved", "symlink", "relative"])
def test_the_same_build_goes_on_under_another_path(how, tmp_path, monkeypatch):
    build = toy_build(tmp_path / "build-t5")
    whole = toy_train(tmp_path, name="whole")
    toy_train(tmp_path, name="parts", train_steps=2)
    other = tmp_path / "elsewhere"
    if how == "moved":
        build.rename(other)
    elif how == "symlink":
        other.symlink_to(build)
    else:
        monkeypatch.chdir(tmp_path)
        other = Path(build.name)
    parts = toy_train(tmp_path, name="parts", data={"build_dir": str(other)})
    assert_same(saved(parts), saved(whole))


def test_another_build_is_refused_in_words(tmp_path):
    toy_build(tmp_path / "build-t5")
    toy_train(tmp_path, train_steps=1)
    rows = make_rows(20, seed=5)
    changes = {"command": "flan build other", "sha256": "5" * 64}
    other = write_build(tmp_path / "other", rows, changes=changes)
    with pytest.raises(TrainingError) as caught:
        toy_train(tmp_path, data={"build_dir": str(other)})
    assert "the build is another" in str(caught.value)
    assert "made by `none`, and BUILD_DIR is made by `flan build other`" in str(caught.value)
    assert "5555" not in str(caught.value)


def test_a_run_compiles_its_step_once_and_waits_for_none_that_runs(tmp_path, monkeypatch):
    make, calls = train_module.compiled_steps, []
    get = jax.device_get

    def watched(*arguments):
        train_step, eval_step = make(*arguments)
        programs = train_step._cache_size()

        def step(*given):
            # Nothing is read from the device on the way into a step.
            with jax.transfer_guard_device_to_host("disallow_explicit"):
                results = train_step(*given)
            calls.append(("step", int(given[-1])))
            assert train_step._cache_size() <= programs + 1
            return results

        return step, eval_step

    def looked(values):
        calls.append(("looked", None))
        return get(values)

    monkeypatch.setattr(train_module, "compiled_steps", watched)
    monkeypatch.setattr(train_module.jax, "device_get", looked)
    toy_train(tmp_path, train_steps=4)
    # What a step found is looked at once the next one runs; the last, before it is saved.
    steps = [place for place, (name, _) in enumerate(calls) if name == "step"]
    assert [name for name, _ in calls[: steps[-1] + 2]] == ["step", *["step", "looked"] * 3]


def test_a_step_calls_nothing_on_the_host(tmp_path):
    run = toy_run(tmp_path, model=model_with(tmp_path, dropout=0.1))
    text = step_text(run)
    names = ("callback", "infeed", "outfeed", "SendToHost", "RecvFromHost")
    assert not [name for name in names if name in text]


def step_text(run) -> str:
    """The step of a run as it is given to the compiler."""
    mesh = train_module.partition.make_mesh(run.mesh, jax.devices()[:1])
    model = train_module.Model(run.model)
    optimizer = train_module.optimizer_of(run, model)
    where = train_module.place(run, model, optimizer, mesh)
    step, _ = train_module.compiled_steps(run, model, optimizer, where, (3, 0))
    source = open_source(run.data, run.model)
    batch = {name: jnp.asarray(values) for name, values in source.read(0, 0, 1).items()}
    return step.lower(where.params, where.state, batch, jnp.int32(0)).as_text()


def break_step(monkeypatch, number: int, times: int = 1) -> None:
    """Makes the logits of some steps overflow, by an embedding put back after the step."""
    make = train_module.compiled_steps

    def broken(*arguments):
        train_step, eval_step = make(*arguments)

        def step(params, state, batch, at):
            if not number <= int(at) < number + times:
                return train_step(params, state, batch, at)
            kept = jnp.copy(params["embedding"]["embedding"])
            bad = {**params, "embedding": {"embedding": jnp.full_like(kept, jnp.inf)}}
            params, state, found = train_step(bad, state, batch, at)
            return {**params, "embedding": {"embedding": kept}}, state, found

        return step, eval_step

    monkeypatch.setattr(train_module, "compiled_steps", broken)


def test_a_step_that_is_not_finite_stops_and_saves_nothing(tmp_path, monkeypatch):
    break_step(monkeypatch, 4)
    with pytest.raises(TrainingError, match="step 5: the loss is .*ON_NONFINITE=skip"):
        toy_train(tmp_path, checkpoint={"period": 2})
    kept = sorted(p.name for p in (tmp_path / "run").glob("checkpoint_*"))
    assert kept == ["checkpoint_2", "checkpoint_4"]
    monkeypatch.undo()
    whole = toy_train(tmp_path, name="whole")
    assert_same(saved(toy_train(tmp_path, checkpoint={"period": 2})), saved(whole))


def test_a_skipped_step_changes_neither_parameters_nor_moments(tmp_path, monkeypatch):
    before = saved(toy_train(tmp_path, name="before", train_steps=2))
    break_step(monkeypatch, 2)
    after = saved(toy_train(tmp_path, name="after", train_steps=3, on_nonfinite="skip"))
    assert_same(after, before)
    line = read_metrics(tmp_path / "after" / "metrics.jsonl")[-1]
    assert line["skipped"] == 1


def test_skipping_ends_after_too_many_in_a_row(tmp_path, monkeypatch):
    break_step(monkeypatch, 1, times=9)
    with pytest.raises(TrainingError, match="3 steps in a row"):
        toy_train(tmp_path, on_nonfinite="skip", max_skipped=2)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"seed": 1}}, "data.seed was 0 and is 1"),
        ({"data": {"batch_size": 4}}, "data.batch_size was 8 and is 4"),
        ({"optimizer": {"name": "adamw"}}, "optimizer.name was 'adafactor' and is 'adamw'"),
        ({"model": {"mlp": 64}}, "model.mlp was 48 and is 64"),
    ],
)
def test_another_run_is_not_resumed_and_nothing_changes(changes, message, tmp_path):
    toy_train(tmp_path, train_steps=1)
    before = contents(tmp_path / "run")
    if "model" in changes:
        changes = {"model": model_with(tmp_path, **changes["model"])}
    with pytest.raises(TrainingError, match=message):
        toy_train(tmp_path, train_steps=2, **changes)
    assert contents(tmp_path / "run") == before


def test_a_second_run_in_a_model_dir_is_refused_while_the_first_lives(tmp_path):
    with alone_in(tmp_path / "run"):
        with pytest.raises(TrainingError, match="another run is training into .*run; wait"):
            toy_train(tmp_path, train_steps=1)
        assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]
    assert toy_train(tmp_path, train_steps=1).step == 1
    assert not (tmp_path / "run" / ".lock").exists()


def test_a_model_dir_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "run").write_text("no folder")
    with pytest.raises(TrainingError, match="MODEL_DIR .*run cannot be written to"):
        toy_train(tmp_path, train_steps=1)


def test_a_damaged_checkpoint_is_named_and_nothing_changes(tmp_path):
    made = toy_train(tmp_path, train_steps=1)
    for path in sorted((made.checkpoint / "params").rglob("*")):
        if path.is_file() and path.parent.name == "d":
            path.write_bytes(path.read_bytes()[:20])
    before = contents(tmp_path / "run")
    with pytest.raises(TrainingError, match="checkpoint_1 is damaged: params/d/.* was changed"):
        toy_train(tmp_path, train_steps=2)
    assert contents(tmp_path / "run") == before


def test_a_half_written_checkpoint_is_not_taken_for_one(tmp_path):
    toy_train(tmp_path, train_steps=1)
    half = tmp_path / "run" / "checkpoint_5.orbax-checkpoint-tmp"
    (half / "params").mkdir(parents=True)
    result = toy_train(tmp_path, train_steps=2)
    assert result.step == 2 and not half.exists()


@pytest.mark.slow
def test_initial_parameters_of_another_size_are_compared_line_by_line(tmp_path):
    toy_train(tmp_path, name="first", train_steps=1)
    start = {"initial_checkpoint_path": str(tmp_path / "first")}
    other = model_with(tmp_path, mlp=64)
    with pytest.raises(TrainingError) as caught:
        toy_train(tmp_path, name="second", model=other, checkpoint=start)
    assert "mlp/wi_0/kernel is (2, 32, 48), the model's (2, 32, 64)" in str(caught.value)
    with pytest.raises(TrainingError, match="no such directory"):
        toy_train(tmp_path, name="third", checkpoint={"initial_checkpoint_path": "/no/where"})
    with pytest.raises(TrainingError, match="holds no checkpoint"):
        toy_train(tmp_path, name="4", checkpoint={"initial_checkpoint_path": str(tmp_path)})


def test_rows_that_end_otherwise_than_the_model_to_begin_with_are_refused(tmp_path):
    folder = tmp_path / "theirs"
    shutil.copytree(ROOT / "tests" / "fixtures" / "hf_folders" / "v5_bytes_259", folder)
    held = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(held | {"eos_token_id": 2}))
    start = {"initial_checkpoint_path": str(folder)}
    run = toy_run(tmp_path, model=read_config(folder), checkpoint=start)
    for begin in (train_module.train, describe):
        with pytest.raises(ModelError, match='ends with token 2 .*the vocabulary "bytes" with 1'):
            begin(run)
    assert not list((tmp_path / "run").glob("*"))


def test_builds_that_do_not_fit_are_refused_before_anything_is_written(tmp_path):
    run = toy_run(tmp_path)
    decoder = toy_build(tmp_path / "decoder", architecture="decoder")
    for changes, message in (
        ({"data": {"build_dir": str(tmp_path / "none")}}, "none"),
        ({"data": {"build_dir": str(decoder)}}, 'packed for "decoder", the model is "t5"'),
        ({"model": model_with(tmp_path, vocabulary_size=32100)}, "VOCABULARY_SIZE=259"),
        ({"data": {"task_feature_lengths": {"inputs": 9, "targets": 8}}}, "packed to"),
        ({"data": {"batch_size": 6}, "num_microbatches": 1, "devices": 4}, "multiple of 4"),
        ({"mesh": MeshConfig(data=3)}, "does not fit 1 devices"),
    ):
        with pytest.raises((TrainingError, BuildError), match=message):
            toy_train(tmp_path, **changes)
    assert not Path(run.model_dir).exists()
    (tmp_path / "build-t5" / "manifest.json").unlink()
    with pytest.raises(BuildError, match="manifest.json"):
        toy_train(tmp_path)
