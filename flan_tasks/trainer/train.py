"""One training run, from top to bottom: set-up, data, model, state, steps, loop."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.stages import Wrapped

from flan_tasks.checkpoints.checkpoint import Checkpoints, is_hugging_face, warm_start
from flan_tasks.core.version import VERSION
from flan_tasks.models import partition
from flan_tasks.models.adapter_files import is_adapters, read_adapters
from flan_tasks.models.hf_config import check_end
from flan_tasks.models.model import Model
from flan_tasks.specs.config import TrainSpec
from flan_tasks.trainer.data import (
    BuildSource,
    Source,
    batches,
    keep_chat_tokenizer,
    open_evaluation,
    open_source,
)
from flan_tasks.trainer.estimate import training_flops
from flan_tasks.trainer.feedback import Feedback, Size, peak_flops
from flan_tasks.trainer.metrics_file import write_text
from flan_tasks.trainer.optim import Optimizer, make_optimizer
from flan_tasks.trainer.prompt_start import begin_prompt
from flan_tasks.trainer.resuming import CHANGES, check_same_run, going_on
from flan_tasks.trainer.step import make_eval_step, make_train_step, trained_part
from flan_tasks.trainer.step_profile import Profiler
from flan_tasks.trainer.stopping import FiniteWatch, StopSignals, alone_in
from flan_tasks.trainer.validation import evaluate

Tree = Any


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    step: int
    """Steps done."""
    evaluation: Mapping[str, Any]
    """The last evaluation; empty if there was none."""
    stopped_by: str | None
    """Name of the signal that ended it early, if one did."""
    curve: Path | None
    """The picture of the loss, if there is one."""
    checkpoint: Path
    """Where the last checkpoint is."""


@dataclass(frozen=True)
class Placement:
    """Shapes with shardings of all that a step reads and writes."""

    mesh: Mesh
    """The devices."""
    params: Tree
    """Parameters as `jax.ShapeDtypeStruct`s."""
    state: Tree
    """Optimizer state likewise."""


# -- Set-up ------------------------------------------------------------------------------------


def place(run: TrainSpec, model: Model, optimizer: Optimizer, mesh: Mesh) -> Placement:
    """Decides where everything lies, and refuses to hold big arrays whole.

    Raises:
      TrainingError: rows do not split evenly, or something big would be on every device.
    """
    partition.check_batch_size(run.data.batch_size, run.num_microbatches, mesh)
    shapes = model.abstract()
    trained = trained_part(model, shapes, adapters_only=run.optimizer.adapters_only)
    state = jax.eval_shape(optimizer.init, trained)
    params_on = partition.shardings(model.axes(), shapes, mesh)
    state_on = partition.shardings(optimizer.axes(trained), state, mesh)
    partition.check_replicated(params_on, shapes, mesh, what="parameters")
    partition.check_replicated(state_on, state, mesh, what="optimizer moments")

    def on(shape: jax.ShapeDtypeStruct, sharding: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=sharding)

    return Placement(mesh, jax.tree.map(on, shapes, params_on), jax.tree.map(on, state, state_on))


def optimizer_of(run: TrainSpec, model: Model) -> Optimizer:
    """The optimizer of what is trained of the model."""
    axes = trained_part(model, model.axes(), adapters_only=run.optimizer.adapters_only)
    return make_optimizer(run.optimizer, axes, train_steps=run.train_steps)


def compiled_steps(
    run: TrainSpec, model: Model, optimizer: Optimizer, where: Placement, tasks: tuple[int, int]
) -> tuple[Wrapped, Wrapped]:
    """The train and eval step, compiled at their first call; `tasks` are the counts of each."""
    everywhere = partition.replicated(where.mesh)
    rows = partition.batch_sharding(where.mesh)
    params, state = (_shardings(tree) for tree in (where.params, where.state))
    train = jax.jit(
        make_train_step(run, model, optimizer, where.mesh, num_tasks=tasks[0]),
        in_shardings=(params, state, rows, everywhere),
        out_shardings=(params, state, everywhere),
        donate_argnums=(0, 1),
    )
    evaluate = jax.jit(
        make_eval_step(model, where.mesh, num_tasks=tasks[1], positions=run.head_positions),
        in_shardings=(params, rows),
        out_shardings=everywhere,
    )
    return train, evaluate


# -- State: fresh, warm or resumed -------------------------------------------------------------


def start(
    run: TrainSpec,
    model: Model,
    optimizer: Optimizer,
    where: Placement,
    checkpoints: Checkpoints,
    record: Mapping[str, Any],
    say: Callable[[str], None],
) -> tuple[int, Tree, Tree, Mapping[str, Any]]:
    """Returns step, parameters, optimizer state and progress: the newest of MODEL_DIR, or new ones.

    Raises:
      TrainingError: a checkpoint is damaged, does not fit, or is of a run on other batches.
    """
    latest = checkpoints.latest()
    if latest is not None:
        before = checkpoints.record(latest)
        check_same_run(checkpoints.path(latest), before, record)
        params, state = checkpoints.restore(latest, where.params, where.state, say=say)
        say(f"resumed from {checkpoints.path(latest)}")
        progress = dict(before.get("progress", {}))
        if len(record.get(CHANGES, ())) > len(before.get(CHANGES, ())):
            progress.pop("interval", None)  # its sums are by the tasks of the other build
        return latest, params, state, progress
    check_ends(run, record["trained_on"])
    key = jax.random.fold_in(jax.random.key(run.seed), 0)
    params = jax.jit(model.init, out_shardings=_shardings(where.params))(key)
    if (path := run.checkpoint.initial_checkpoint_path) is not None:
        params = warm_start(path, model, params, say=say)
        say(f"parameters from {path}")
    params = begin_prompt(run, params, record["trained_on"])
    trained = trained_part(model, params, adapters_only=run.optimizer.adapters_only)
    # Without out_shardings the state would lie whole on one device.
    state = jax.jit(optimizer.init, out_shardings=_shardings(where.state))(trained)
    partition.check_replicated(state, where.state, where.mesh, what="optimizer moments")
    return 0, params, state, {}


def _continued(
    run: TrainSpec,
    source: Source,
    gin_text: str,
    checkpoints: Checkpoints,
    say: Callable[[str], None],
) -> tuple[Source, dict[str, Any]]:
    """Returns the batches, where the newest checkpoint left them, and the record of the run."""
    latest = checkpoints.latest()
    before = checkpoints.record(latest) if latest is not None else None
    path = checkpoints.path(latest or 0)
    source, changes, said = going_on(run, source, before, latest or 0, path)
    if said:
        say(said)
    return source, make_record(run, source, gin_text, changes)


def check_ends(run: TrainSpec, about: Mapping[str, Any]) -> None:
    """Checks that texts end with the token that the Hugging Face model to begin with ends with.

    Args:
      run: what is trained.
      about: what the rows are, as a source says it.

    Raises:
      ModelError: they end with another one.
    """
    path = run.checkpoint.initial_checkpoint_path
    if path is not None and is_adapters(Path(path)):
        path = str(read_adapters(Path(path)).base)
    if path is None or not is_hugging_face(Path(path)) or about["eos_id"] is None:
        return
    name = about.get("vocabulary") or f"of {run.data.mixture_or_task_name}"
    check_end(Path(path), name, about["eos_id"])


def make_record(
    run: TrainSpec, source: Source, gin_text: str, changes: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """What a checkpoint says of its run; the parts compared on resume are as a run needs them.

    Args:
      run: what is trained.
      source: the batches.
      gin_text: as it was configured.
      changes: the builds that it went over to.
    """
    config = run.to_json()
    # How a model is computed may change between stops; what it computes may not.
    free = ("remat", "attention", "dtype")
    optimizer = {k: v for k, v in config["optimizer"].items() if k in ("name", "adapters_only")}
    return {
        "model": {k: v for k, v in config["model"].items() if k not in free},
        "data": dict(source.identity),
        **({CHANGES: list(changes)} if changes else {}),
        "optimizer": optimizer,
        "trained_on": dict(source.about),
        "config": config,
        "gin": gin_text,
        "versions": {"flan_tasks": VERSION, "jax": jax.__version__},
    }


def _shardings(tree: Tree) -> Tree:
    return jax.tree.map(lambda leaf: leaf.sharding, tree)


# -- The run -----------------------------------------------------------------------------------


def train(run: TrainSpec, *, gin_text: str = "", devices: list | None = None) -> Result:
    """Trains until `run.train_steps`, from the newest checkpoint of its MODEL_DIR if there is one.

    Args:
      run: what to train.
      gin_text: kept with the checkpoints.
      devices: on which; all of them by default.

    Raises:
      FlanTasksError: something does not fit, is damaged, or is not finite, or another run is
        training into the same MODEL_DIR.
    """
    partition.start_hosts(run.hosts)
    mesh = partition.make_mesh(run.mesh, devices)
    source = open_source(run.data, run.model)
    validation = open_evaluation(run.data, run.model)
    if validation is not None:
        partition.check_batch_size(validation.batch_size, 1, mesh)
    model = Model(run.model)
    optimizer = optimizer_of(run, model)
    where = place(run, model, optimizer, mesh)
    counts = (len(source.tasks), len(validation.tasks) if validation is not None else 0)
    train_step, eval_step = compiled_steps(run, model, optimizer, where, counts)
    folder = Path(run.model_dir).absolute()
    with (
        alone_in(folder),
        # Until the last checkpoint is on disk a signal does not end the run.
        StopSignals.listening() as signals,
        closing(Checkpoints(folder, run.checkpoint)) as checkpoints,
    ):
        first_host = jax.process_index() == 0
        begun: list[str] = []
        source, record = _continued(run, source, gin_text, checkpoints, begun.append)
        step, params, state, progress = start(
            run, model, optimizer, where, checkpoints, record, begun.append
        )
        if run.checkpoint.keep_initial and step == 0:
            checkpoints.save(0, params, state, {**record, "step": 0, "progress": {}})
        if first_host:
            keep_chat_tokenizer(source, folder)
            if gin_text:
                write_text(folder / "operative_config.gin", gin_text)
        feedback = Feedback(
            folder,
            _size(run, source, mesh),
            start=step,
            log_period=run.log_period,
            tensorboard=run.tensorboard,
            progress=progress.get("interval"),
            active=first_host,
        )
        for text in begun:
            feedback.note(text)
        profiler = Profiler(folder, run.profile, say=feedback.note, active=first_host)
        watch = FiniteWatch(run, int(progress.get("skipped_in_a_row", 0)))
        evaluation: Mapping[str, Any] = {}
        stopped = None

        def settle(done: int, metrics: Mapping[str, Any]) -> None:
            """Looks at what a step found, which waits for it to end."""
            values = jax.device_get(metrics)
            feedback.step(done, values)
            watch.look(done, values, source.tasks)

        def due(period: int, done: int) -> bool:
            return done == run.train_steps or (period > 0 and done % period == 0)

        def is_judged(done: int) -> bool:
            best = run.checkpoint.keep_best and due(run.checkpoint.period, done)
            return validation is not None and (due(run.eval_period, done) or bool(best))

        def judged(done: int) -> Mapping[str, Any]:
            assert validation is not None
            evaluation = evaluate(params, eval_step, validation, mesh, most=run.eval_steps)
            feedback.evaluation(done, evaluation)
            return evaluation

        try:
            if step and not progress.get("evaluated", True) and is_judged(step):
                evaluation = judged(step)  # a signal came first
            signals.begin()
            # The step before is looked at while the next one runs, so the device never waits.
            before: tuple[int, Mapping[str, Any]] | None = None
            for number, batch in profiler.batches(batches(source, mesh, step, run.train_steps)):
                params, state, step_sums = profiler.step(
                    train_step, params, state, batch, jnp.int32(number)
                )
                if before is not None:
                    settle(*before)
                step, before = number + 1, (number + 1, step_sums)
                stopped = signals.requested(step)
                save = due(run.checkpoint.period, step) or stopped is not None
                judge = is_judged(step) and stopped is None
                if judge or save:
                    settle(*before)
                    before = None
                if judge:
                    evaluation = judged(step)
                if save:
                    scores = {k: evaluation[k] for k in ("loss", "accuracy")} if judge else None
                    progress = {
                        "interval": feedback.progress,
                        "skipped_in_a_row": watch.row,
                        "evaluated": judge,
                    }
                    of_step = {**record, "step": step, "progress": progress}
                    checkpoints.save(step, params, state, of_step, metrics=scores)
                if stopped:
                    feedback.note(f"{stopped}: saving step {step:,} and stopping")
                    break
        finally:
            profiler.close()
            curve = feedback.close()
        return Result(step, evaluation, stopped, curve, checkpoints.path(step))


def _size(run: TrainSpec, source: Source, mesh: Mesh) -> Size:
    rows, lengths = source.batch_size, lengths_of(run, source)
    flops = training_flops(run.model, inputs=lengths["inputs"], targets=lengths["targets"]).total
    devices = mesh.devices.ravel()
    peak = peak_flops(devices[0].device_kind)
    return Size(
        train_steps=run.train_steps,
        positions=rows * sum(lengths.values()),
        flops=float(rows * flops),
        peak=peak * len(devices) if peak else None,
        tasks=source.tasks,
    )


def lengths_of(run: TrainSpec, source: Source) -> dict[str, int]:
    """Tokens of inputs and of targets in a row; for a decoder they add up to it."""
    if not isinstance(source, BuildSource):
        return dict(run.data.task_feature_lengths or {})
    stored = source.reader.manifest["lengths"]
    if run.model.architecture == "decoder" and "row" in stored:
        return {"inputs": stored["row"] - stored["targets"], "targets": stored["targets"]}
    return {"inputs": stored["inputs"], "targets": stored["targets"]}
