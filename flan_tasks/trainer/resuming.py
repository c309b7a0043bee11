"""Whether a run may go on from a checkpoint: with its batches, or, on request, another build's."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flan_tasks.specs.config import TrainingError, TrainSpec
from flan_tasks.specs.model_config import ModelConfig
from flan_tasks.trainer.data import BuildSource, Source

# Key of a record: the builds that a run went over to, oldest first.
CHANGES = "data_changes"
# What of the record says which build it is, and where its rows begin; said in words where it
# differs.
_OF_BUILD = ("digest", "sha256")
_FIRST_ROW = "first_row"


def going_on(
    run: TrainSpec, source: Source, before: Mapping[str, Any] | None, step: int, path: Path
) -> tuple[Source, list[dict[str, Any]], str]:
    """Returns the batches to go on with, the changes of builds so far, and what is to be said.

    Args:
      run: what is trained.
      source: the batches that are asked for.
      before: the record of the checkpoint; None where there is none.
      step: steps done.
      path: the checkpoint, for messages.

    Raises:
      TrainingError: another build is asked for where there is nothing to change.
    """
    row = run.data.new_build_from_row
    if before is None:
        if row is not None:
            raise TrainingError(
                f"NEW_BUILD_FROM_ROW is {row}, and MODEL_DIR {run.model_dir} has no checkpoint to "
                "go on from; leave it out"
            )
        return source, [], ""
    changes = list(before.get(CHANGES, []))
    old, new = before.get("data", {}), source.identity
    if not isinstance(source, BuildSource) or old.get("kind") != new["kind"]:
        return source, changes, ""
    if _same_build(old, new):
        if row is not None and (not changes or changes[-1]["row"] != row):
            was = f"from its row {changes[-1]['row']}" if changes else "from the beginning"
            raise TrainingError(
                f"NEW_BUILD_FROM_ROW is {row}, and {path} was trained on this build, {was}; leave "
                "it out to go on"
            )
        return dataclasses.replace(source, first_row=old.get(_FIRST_ROW, 0)), changes, ""
    if row is None:
        return source, changes, ""
    change = {
        "step": step,
        "row": row,
        "before": _build(before.get("trained_on", {})),
        "after": _build(source.about),
    }
    going = dataclasses.replace(source, first_row=row - step * source.batch_size)
    said = f"from step {step:,} on rows of {run.data.build_dir}, from its row {row:,} on"
    return going, [*changes, change], said


def check_same_run(path: Path, before: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Checks that a checkpoint is of the same batches, model and optimizer.

    A record with one change of builds more than the checkpoint has its batches from another build,
    as was asked for.

    Raises:
      TrainingError: it is of another run.
    """
    changed = []
    has_changed = len(record.get(CHANGES, ())) > len(before.get(CHANGES, ()))
    of_build = {("data", name) for name in (*_OF_BUILD, *([_FIRST_ROW] if has_changed else []))}
    for part in ("model", "data", "optimizer"):
        old, new = before.get(part, {}), record[part]
        if part == "model":
            # Fields that are newer than the checkpoint had their defaults.
            old = {**_defaults(new), **old}
        changed += [
            f"{part}.{name} was {old.get(name)!r} and is {new.get(name)!r}"
            for name in sorted({*old, *new})
            if old.get(name) != new.get(name) and (part, name) not in of_build
        ]
    old, new = before.get("data", {}), record["data"]
    if not has_changed and not _same_build(old, new):
        was, now = (
            part.get("trained_on", {}).get("command", "nothing says which command")
            for part in (before, record)
        )
        changed.append(
            "the build is another, or was built anew with other bytes: it was made by "
            f"`{was}`, and BUILD_DIR is made by `{now}`; NEW_BUILD_FROM_ROW=0 goes on with it from "
            "its first row"
        )
    if changed:
        raise TrainingError(
            f"{path} is of another run: {'; '.join(changed)}. Use another "
            "MODEL_DIR; INITIAL_CHECKPOINT_PATH starts from these parameters"
        )


def _same_build(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    # A checkpoint made before builds had a seal knows the digest of the plan alone.
    return all(old.get(name, new.get(name)) == new.get(name) for name in _OF_BUILD)


def _build(about: Mapping[str, Any]) -> dict[str, Any]:
    return {name: about.get(name) for name in (*_OF_BUILD, "command")}


def _defaults(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults of those fields of a model that have one, as records have them."""
    defaults = {field.name: field.default for field in dataclasses.fields(ModelConfig)}
    known = {n: defaults[n] for n in fields if defaults[n] is not dataclasses.MISSING}
    return {n: list(value) if isinstance(value, tuple) else value for n, value in known.items()}
