"""Checkpoints with Orbax: MODEL_DIR/checkpoint_<step>, written aside and renamed when complete.

Each holds the parameters, the optimizer's state, and a JSON record of the run: its configuration,
the gin text, and what decides the batches, so that a resumed run is the undisturbed one.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as managers

from flan_tasks.core.errors import FlanTasksError
from flan_tasks.trainer.config import CheckpointConfig, TrainingError
from flan_tasks.trainer.model import Model

Tree = Any
PARAMS, OPTIMIZER, RECORD = "params", "optimizer", "run"
_PREFIX = "checkpoint"
# Lines of a comparison that are shown.
_MOST_LINES = 12


class Checkpoints:
    """The checkpoints of one MODEL_DIR."""

    def __init__(self, folder: str | Path, config: CheckpointConfig) -> None:
        self.folder = Path(folder).absolute()
        keep: list[Any] = [managers.LatestN(config.keep)]
        if config.keep_best:
            keep.append(
                managers.BestN(
                    n=config.keep_best,
                    get_metric_fn=lambda metrics: metrics[config.best_metric],
                    # The last of the sorted are kept: the lowest loss, or the highest accuracy.
                    reverse=config.best_metric == "loss",
                    keep_checkpoints_without_metrics=False,
                )
            )
        self._manager = ocp.CheckpointManager(
            self.folder,
            options=ocp.CheckpointManagerOptions(
                step_prefix=_PREFIX,
                preservation_policy=managers.AnyPreservationPolicy(keep),
                cleanup_tmp_directories=True,
                save_root_metadata=False,
                enable_async_checkpointing=True,
            ),
            item_handlers={
                PARAMS: ocp.StandardCheckpointHandler(),
                OPTIMIZER: ocp.StandardCheckpointHandler(),
                RECORD: ocp.JsonCheckpointHandler(),
            },
        )

    def latest(self) -> int | None:
        """The newest complete step, if there is one."""
        return self._manager.latest_step()

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self.folder / f"{_PREFIX}_{step}"

    def save(
        self,
        step: int,
        params: Tree,
        optimizer: Tree,
        record: Mapping[str, Any],
        *,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Saves a step in the background; returns once the arrays may be overwritten."""
        if step in self._manager.all_steps():
            return
        self._manager.save(
            step,
            args=ocp.args.Composite(
                **{
                    PARAMS: ocp.args.StandardSave(params),
                    OPTIMIZER: ocp.args.StandardSave(without_nothing(optimizer)),
                    RECORD: ocp.args.JsonSave(dict(record)),
                }
            ),
            metrics=dict(metrics) if metrics else None,
        )

    def record(self, step: int) -> dict[str, Any]:
        """Returns the record of a step.

        Raises:
          TrainingError: it cannot be read.
        """
        return _reading(
            self.path(step),
            lambda: self._manager.restore(
                step, args=ocp.args.Composite(**{RECORD: ocp.args.JsonRestore()})
            )[RECORD],
        )

    def restore(self, step: int, params: Tree, optimizer: Tree) -> tuple[Tree, Tree]:
        """Returns parameters and optimizer state of a step, placed as the given shapes say.

        Args:
          step: a complete step.
          params: `jax.ShapeDtypeStruct`s with shardings; the mesh may be another than at saving.
          optimizer: likewise; None where there is no state.

        Raises:
          TrainingError: the checkpoint cannot be read, or is of other parameters.
        """
        path = self.path(step)
        state = without_nothing(optimizer)
        stored = _reading(path, lambda: self._manager.item_metadata(step))
        for name, wanted in ((PARAMS, params), (OPTIMIZER, state)):
            lines = differences(_shapes(path, stored[name]), wanted)
            if lines:
                raise TrainingError(_refusal(f"{path} ({name})", lines))
        found = _reading(
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
        return found[PARAMS], _with_nothing(optimizer, found[OPTIMIZER])

    def wait(self) -> None:
        """Waits until what is saved is on disk.

        Raises:
          TrainingError: writing failed.
        """
        try:
            self._manager.wait_until_finished()
        except Exception as error:  # of the writing thread: any
            raise TrainingError(
                f"a checkpoint in {self.folder} could not be written: {_first_line(error)}. "
                "Complete ones are untouched"
            ) from error

    def close(self) -> None:
        """Waits, and lets go of the directory."""
        self.wait()
        self._manager.close()


def warm_start(path: str | Path, model: Model, params: Tree) -> Tree:
    """Returns parameters to begin with, placed as the given arrays are.

    Args:
      path: checkpoint_<step>, a MODEL_DIR (its newest), or a Hugging Face folder.
      model: the model.
      params: fresh parameters; adapters that the checkpoint lacks are taken from them.

    Raises:
      TrainingError: there is nothing there, it cannot be read, or it does not fit.
    """
    path = Path(path)
    shapes = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), params
    )
    if is_hugging_face(path):
        from flan_tasks.trainer import hf

        # No such folder has adapters; the fresh ones are of this run's seed.
        found = _nested(
            {k: v for k, v in _flat(hf.import_hf(model, path)).items() if not model.is_adapter(k)}
        )
    else:
        folder = newest(path)
        wanted = shapes
        # By the handler itself: Orbax's Checkpointer warns of metadata that parts do not have.
        handler, item = ocp.StandardCheckpointHandler(), folder / PARAMS
        stored = _shapes(folder, _reading(folder, lambda: handler.metadata(item)))
        missing_adapters = {
            key for key in _flat(shapes) if key not in stored and model.is_adapter(key)
        }
        if missing_adapters:
            wanted = _nested({k: v for k, v in _flat(shapes).items() if k not in missing_adapters})
        if lines := differences(stored, wanted):
            raise TrainingError(_refusal(str(folder), lines))
        found = _reading(
            folder, lambda: handler.restore(item, args=ocp.args.StandardRestore(wanted))
        )
    merged = {**_flat(params), **_flat(found)}
    return _nested({key: _put(merged[key], leaf.sharding) for key, leaf in _flat(shapes).items()})


def _put(value: Any, sharding: Any) -> jax.Array:
    """An array where it belongs; each process brings the parts its own devices hold."""
    if isinstance(value, jax.Array):
        return value
    return jax.make_array_from_callback(value.shape, sharding, lambda index: value[index])


def newest(path: Path) -> Path:
    """Returns the checkpoint a path means: itself, or the newest of a MODEL_DIR.

    Raises:
      TrainingError: there is none.
    """
    if not path.is_dir():
        raise TrainingError(f"{path}: no such directory; a checkpoint or MODEL_DIR was wanted")
    if (path / PARAMS).is_dir():
        return path.absolute()
    steps = sorted(
        int(found.name.removeprefix(f"{_PREFIX}_"))
        for found in path.glob(f"{_PREFIX}_*")
        if found.name.removeprefix(f"{_PREFIX}_").isdecimal()
    )
    if not steps:
        raise TrainingError(
            f"{path} holds no checkpoint: neither {_PREFIX}_<step> folders of ours, nor "
            "config.json with .safetensors files of Hugging Face"
        )
    return (path / f"{_PREFIX}_{steps[-1]}").absolute()


def read_record(path: Path) -> dict[str, Any]:
    """Returns the record of a checkpoint folder, without Orbax.

    Raises:
      TrainingError: it cannot be read.
    """
    folder = newest(path)
    return _reading(folder, lambda: json.loads((folder / RECORD / "metadata").read_text()))


def is_hugging_face(path: Path) -> bool:
    """Whether a folder is one that transformers writes, with weights that are read or others."""
    return (path / "config.json").is_file()


def differences(stored: Mapping[tuple, tuple], wanted: Tree) -> list[str]:
    """Says what of the stored shapes does not fit: missing, not wanted, of another shape."""
    needed = {key: tuple(leaf.shape) for key, leaf in _flat(wanted).items()}
    lines = [f"missing: {_name(key)} {shape}" for key, shape in needed.items() if key not in stored]
    lines += [f"unexpected: {_name(key)} {s}" for key, s in stored.items() if key not in needed]
    lines += [
        f"shape: {_name(key)} is {stored[key]}, the model's {shape}"
        for key, shape in needed.items()
        if key in stored and stored[key] != shape
    ]
    return lines


def without_nothing(tree: Tree) -> Tree:
    """A tree of dicts without the leaves that are None."""
    if not isinstance(tree, Mapping):
        return tree
    kept = {name: without_nothing(value) for name, value in tree.items() if value is not None}
    return {k: v for k, v in kept.items() if not (isinstance(v, Mapping) and not v)}


def _with_nothing(template: Tree, tree: Tree) -> Tree:
    if template is None or not isinstance(template, Mapping):
        return None if template is None else tree
    return {
        name: _with_nothing(value, tree.get(name, {}) if isinstance(tree, Mapping) else {})
        for name, value in template.items()
    }


def _flat(tree: Tree, above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if not isinstance(tree, Mapping):
        return {above: tree}
    return {k: v for name, value in tree.items() for k, v in _flat(value, (*above, name)).items()}


def _nested(flat: Mapping[tuple[str, ...], Any]) -> Tree:
    tree: dict[str, Any] = {}
    for (*above, last), value in flat.items():
        place = tree
        for name in above:
            place = place.setdefault(name, {})
        place[last] = value
    return tree


def _shapes(path: Path, metadata: Any) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Shapes by path, of what Orbax says is stored."""
    tree = getattr(metadata, "item_metadata", metadata)
    tree = getattr(tree, "tree", tree)
    if tree is None:
        raise TrainingError(_damaged(path, "it lists no arrays"))
    return {key: tuple(leaf.shape) for key, leaf in _flat(tree).items()}


def _reading(path: Path, read: Any) -> Any:
    try:
        return read()
    except FlanTasksError:
        raise
    except Exception as error:  # Orbax and TensorStore raise every kind
        raise TrainingError(_damaged(path, _first_line(error))) from error


def _damaged(path: Path, why: str) -> str:
    return (
        f"{path} cannot be read ({why}); it is damaged or not a checkpoint. Nothing was changed. "
        "Move it away to go on from the one before it, or choose another MODEL_DIR"
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _refusal(what: str, lines: list[str]) -> str:
    more = [f"... and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    return "\n  ".join(
        [f"{what} does not fit the model; nothing was changed:", *lines[:_MOST_LINES], *more]
    )


def _name(key: Iterable[str]) -> str:
    return "/".join(key)
