"""What the adapters of a checkpoint are adapters of."""

from pathlib import Path

from flan_tasks.checkpoints.checkpoint import is_hugging_face, newest, read_record
from flan_tasks.core.errors import ModelError
from flan_tasks.models.adapter_files import is_adapters, read_adapters


def base_of(path: Path, named: str | None) -> str:
    """Returns the name or folder of the base that a run's adapters belong to.

    Args:
      path: MODEL_DIR, checkpoint, or a folder of adapters.
      named: what its user calls it; None is what the run began with.

    Raises:
      ModelError: the base was trained too, or nothing says where it is.
    """
    if is_adapters(path):
        return named or str(read_adapters(path).base)
    if is_hugging_face(path):
        raise ModelError(f"{path} is a whole model without adapters of its own")
    folder = newest(path)
    config = read_record(folder).get("config", {})
    if config.get("optimizer", {}).get("adapters_only") is False:
        raise ModelError(
            f"{folder}: the base was trained as well (adapters_only is False), so that adapters "
            "alone are not the model; leave out --adapters"
        )
    if named is not None:
        return named
    start = config.get("checkpoint", {}).get("initial_checkpoint_path")
    if start is not None and is_adapters(Path(start)):
        return str(read_adapters(Path(start)).base)
    if start is not None and is_hugging_face(Path(start)):
        return str(Path(start).absolute())
    raise ModelError(
        f"{folder}: the run began with {start}, which is no Hugging Face folder here; give --base "
        "NAME, which may be a folder that `flan export` writes of it"
    )
