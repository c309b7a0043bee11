"""Checkpoints with Orbax: MODEL_DIR/checkpoint_<step>, written aside and renamed when complete.

Each holds the parameters, the optimizer's state, and a JSON record of the run: its configuration,
the gin text, and what decides the batches, so that a resumed run is the undisturbed one; and the
checksums of all its files, which are compared before anything is read.
"""

import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as managers

from flan_tasks.checkpoints import checksums, damage
from flan_tasks.checkpoints.damage import CHECKSUMS, OPTIMIZER, PARAMS, PREFIX, RECORD
from flan_tasks.checkpoints.trees import differences, with_nothing, without_nothing
from flan_tasks.models import adapter_files
from flan_tasks.models.model import Model
from flan_tasks.models.trees import flat, nested
from flan_tasks.specs.config import CheckpointConfig, CheckpointError, TrainingError

Tree = Any
# Lines of a comparison that are shown.
_MOST_LINES = 12


class Checkpoints:
    """The checkpoints of one MODEL_DIR."""

    def __init__(self, folder: str | Path, config: CheckpointConfig) -> None:
        self.folder = Path(folder).absolute()
        keep: list[Any] = [managers.LatestN(config.keep)]
        if config.keep_initial:
            keep.append(managers.CustomSteps([0]))
        lowest = config.best_metric == "loss"
        worst = math.inf if lowest else -math.inf

        def score(metrics: Mapping[str, float]) -> float:
            # A checkpoint that a signal asked for was not evaluated.
            return metrics.get(config.best_metric, worst)

        if config.keep_best:
            keep.append(
                managers.BestN(
                    n=config.keep_best,
                    get_metric_fn=score,
                    # The last of the sorted are kept: the lowest loss, or the highest accuracy.
                    reverse=lowest,
                    keep_checkpoints_without_metrics=False,
                )
            )
            damage.check_scores(self.folder)
        self._tracks_best = bool(config.keep_best)
        logging.getLogger("absl").addFilter(_not_orbax_errors)
        # The step that is being saved.
        self._saving: int | None = None
        options = ocp.CheckpointManagerOptions(
            step_prefix=PREFIX,
            preservation_policy=managers.AnyPreservationPolicy(keep),
            cleanup_tmp_directories=True,
            save_root_metadata=False,
            enable_async_checkpointing=True,
            # Without it the scores are not stored, and a resumed run forgets which was best.
            best_fn=score if config.keep_best else None,
            best_mode="min" if lowest else "max",
            # Called in the writing thread of the first process, when all processes have written
            # all files, just before the folder gets its name and older ones are removed.
            async_options=ocp.AsyncOptions(post_finalization_callback=self._write_checksums),
        )
        handlers: dict[str, Any] = {
            PARAMS: ocp.StandardCheckpointHandler(),
            OPTIMIZER: ocp.StandardCheckpointHandler(),
            RECORD: ocp.JsonCheckpointHandler(),
        }
        try:
            self._manager = ocp.CheckpointManager(
                self.folder, options=options, item_handlers=handlers
            )
        except Exception as error:  # Orbax reads what is there, and raises every kind
            raise TrainingError(
                f"the checkpoints in {self.folder} cannot be read, or it cannot be written to: "
                f"{damage.first_line(error)}. Nothing was changed"
            ) from error

    def latest(self) -> int | None:
        """The newest complete step, if there is one."""
        return self._manager.latest_step()

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self.folder / f"{PREFIX}_{step}"

    def save(
        self,
        step: int,
        params: Tree,
        optimizer: Tree,
        record: Mapping[str, Any],
        *,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Saves a step in the background; returns once the arrays may be overwritten.

        Raises:
          TrainingError: this one, or the one before, could not be written.
        """
        if step in self._manager.all_steps():
            return
        self.wait()
        self._saving = step
        args = ocp.args.Composite(
            **{
                PARAMS: ocp.args.StandardSave(params),
                OPTIMIZER: ocp.args.StandardSave(without_nothing(optimizer)),
                RECORD: ocp.args.JsonSave({**record, CHECKSUMS: checksums.NAME}),
            }
        )
        scores = dict(metrics or {}) if self._tracks_best else None
        try:
            self._manager.save(step, args=args, metrics=scores)
        except Exception as error:  # Orbax and TensorStore raise every kind
            raise TrainingError(self._unwritten(error)) from error

    def _write_checksums(self) -> None:
        aside = [
            path
            for path in self.folder.glob(f"{PREFIX}_{self._saving}.*")
            if path.is_dir() and (path / RECORD).is_dir()
        ]
        if len(aside) != 1:
            raise FileNotFoundError(
                f"{len(aside)} unfinished folders of step {self._saving} in {self.folder}"
            )
        checksums.write(aside[0])

    def record(self, step: int) -> dict[str, Any]:
        """Returns the record of a step, once it is what was saved.

        Raises:
          CheckpointError: it cannot be read, or was changed.
        """
        return damage.read_record(self.path(step))

    def restore(
        self,
        step: int,
        params: Tree,
        optimizer: Tree,
        *,
        say: Callable[[str], None] | None = None,
    ) -> tuple[Tree, Tree]:
        """Returns parameters and optimizer state of a step, placed as the given shapes say.

        Args:
          step: a complete step.
          params: `jax.ShapeDtypeStruct`s with shardings; the mesh may be another than at saving.
          optimizer: likewise; None where there is no state.
          say: called with one line if the checkpoint has no checksums.

        Raises:
          CheckpointError: the checkpoint is damaged, or is of other parameters.
        """
        path = self.path(step)
        damage.check(path, (PARAMS, OPTIMIZER), say=say)
        state = without_nothing(optimizer)
        stored = damage.reading(path, lambda: self._manager.item_metadata(step))
        for name, expected in ((PARAMS, params), (OPTIMIZER, state)):
            lines = differences(_shapes(path, name, stored.get(name)), expected)
            if lines:
                raise CheckpointError(_refusal(f"{path} ({name})", lines))
        restored = damage.reading(
            path,
            lambda: self._manager.restore(
                step,
                args=ocp.args.Composite(
                    **{
                        PARAMS: ocp.args.StandardRestore(params),
                        OPTIMIZER: ocp.args.StandardRestore(state),
                    }
                ),
            ),
        )
        return restored[PARAMS], with_nothing(optimizer, restored[OPTIMIZER])

    def wait(self) -> None:
        """Waits until what is saved is on disk.

        Raises:
          TrainingError: writing failed.
        """
        try:
            self._manager.wait_until_finished()
        except Exception as error:  # of the writing thread: any
            raise TrainingError(self._unwritten(error)) from error

    def _unwritten(self, error: Exception) -> str:
        return (
            f"{self.folder / f'{PREFIX}_{self._saving}'} could not be written: "
            f"{damage.first_line(error)}. Complete checkpoints are untouched; the same command "
            "goes on from the newest"
        )

    def close(self) -> None:
        """Waits, and lets go of the directory.

        Raises:
          TrainingError: writing failed.
        """
        try:
            self.wait()
            self._manager.close()
        finally:
            logging.getLogger("absl").removeFilter(_not_orbax_errors)


def _not_orbax_errors(record: logging.LogRecord) -> bool:
    # What fails in Orbax's threads is raised again, in one message; it logs tracebacks besides.
    return record.levelno < logging.ERROR or "orbax" not in record.pathname


def warm_start(
    path: str | Path, model: Model, params: Tree, *, say: Callable[[str], None] | None = None
) -> Tree:
    """Returns parameters to begin with, placed as the given arrays are.

    Args:
      path: checkpoint_<step>, a MODEL_DIR (its newest), a Hugging Face folder, or adapters of one.
      model: the model.
      params: fresh parameters; adapters that the checkpoint lacks are taken from them.
      say: called with one line if the checkpoint has no checksums, or can be read in two ways.

    Raises:
      CheckpointError: there is nothing there, it is damaged, or it does not fit.
      ModelError: the folder, or its adapters, do not fit.
    """
    path = Path(path)
    shapes = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), params
    )
    if adapter_files.is_adapters(path):
        from flan_tasks.models import hf

        adapters = adapter_files.read_adapters(path)
        adapters.check(model.config)
        stored_params = adapters.put(model, hf.import_hf(model, adapters.base, say=say))
    elif is_hugging_face(path):
        from flan_tasks.models import hf

        # No such folder has adapters; the fresh ones are of this run's seed.
        leaves = flat(hf.import_hf(model, path, say=say))
        stored_params = nested({k: v for k, v in leaves.items() if not model.is_adapter(k)})
    else:
        folder = newest(path)
        damage.check(folder, (PARAMS,), say=say)
        expected = shapes
        # By the handler itself: Orbax's Checkpointer warns of metadata that parts do not have.
        handler, item = ocp.StandardCheckpointHandler(), folder / PARAMS
        metadata = damage.reading(folder, lambda: handler.metadata(item))
        stored = _shapes(folder, PARAMS, metadata)
        missing_adapters = {
            key for key in flat(shapes) if key not in stored and model.is_adapter(key)
        }
        if missing_adapters:
            expected = nested({k: v for k, v in flat(shapes).items() if k not in missing_adapters})
        if lines := differences(stored, expected):
            raise CheckpointError(_refusal(str(folder), lines))
        stored_params = damage.reading(
            folder, lambda: handler.restore(item, args=ocp.args.StandardRestore(expected))
        )
    merged = {**flat(params), **flat(stored_params)}
    return nested({key: _put(merged[key], leaf.sharding) for key, leaf in flat(shapes).items()})


def _put(value: Any, sharding: Any) -> jax.Array:
    """An array where it belongs; each process brings the parts its own devices hold."""
    if isinstance(value, jax.Array):
        return value
    return jax.make_array_from_callback(value.shape, sharding, lambda index: value[index])


def newest(path: Path) -> Path:
    """Returns the checkpoint a path means: itself, or the newest of a MODEL_DIR.

    Raises:
      CheckpointError: there is none.
    """
    if not path.is_dir():
        raise CheckpointError(f"{path}: no such directory; give a checkpoint or a MODEL_DIR")
    if (path / RECORD).is_dir() or damage.step_of(path) is not None or (path / PARAMS).is_dir():
        return path.absolute()
    steps = sorted(
        step
        for folder in path.glob(f"{PREFIX}_*")
        if (step := damage.step_of(folder)) is not None and folder.is_dir()
    )
    if not steps:
        raise CheckpointError(
            f"{path} holds no checkpoint: neither {PREFIX}_<step> folders, nor "
            "config.json with .safetensors files of Hugging Face"
        )
    return (path / f"{PREFIX}_{steps[-1]}").absolute()


def read_record(path: Path) -> dict[str, Any]:
    """Returns the record of a checkpoint folder, without Orbax.

    Raises:
      CheckpointError: it cannot be read, or was changed.
    """
    return damage.read_record(newest(path))


def is_hugging_face(path: Path) -> bool:
    """Whether a folder is one that transformers writes, with weights that are read or others."""
    return (path / "config.json").is_file()


def _shapes(path: Path, item: str, metadata: Any) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Shapes by path, of what Orbax says is stored."""
    tree = getattr(metadata, "item_metadata", metadata)
    tree = getattr(tree, "tree", tree)
    if tree is None:
        raise CheckpointError(damage.damaged(path, f"{item}/ lists no arrays"))
    return damage.reading(path, lambda: {k: tuple(leaf.shape) for k, leaf in flat(tree).items()})


def _refusal(what: str, lines: list[str]) -> str:
    more = [f"... and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    return "\n  ".join(
        [f"{what} does not fit the model; nothing was changed:", *lines[:_MOST_LINES], *more]
    )
