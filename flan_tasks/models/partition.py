"""Which device holds what: one mesh, one table from logical axes to mesh axes.

Parameters, optimizer state and batches are all placed by it; the compiler does the rest.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from flan_tasks.core.errors import unknown_name
from flan_tasks.specs.config import HostsConfig, MeshConfig, TrainingError

Tree = Any
MESH_AXES = ("data", "fsdp", "model")
# Rows of a batch are split over both.
BATCH = ("data", "fsdp")
# Logical axis of a parameter -> mesh axis; None is held whole.
RULES: Mapping[str, str | None] = {
    "vocab": "model",
    "embed": "fsdp",
    "mlp": "model",
    "heads": "model",
    "kv_heads": "model",
    "head_dim": None,
    "layers": None,
    "relpos_buckets": None,
    "lora_rank": None,
    "prompt": None,
}
# Leaves smaller than this may be whole on every device: norms, biases, adapters.
_SMALL = 1 << 16


def start_hosts(config: HostsConfig) -> None:
    """Joins the processes that train together; does nothing for one.

    Raises:
      TrainingError: the first process cannot be reached.
    """
    if config.coordinator_address is None:
        return
    auto = config.coordinator_address == "auto"
    try:
        jax.distributed.initialize(
            None if auto else config.coordinator_address,
            num_processes=config.num_processes,
            process_id=config.process_id,
        )
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"process {config.process_id} cannot join {config.coordinator_address}: "
            f"{str(error).splitlines()[0]}. Give the same COORDINATOR_ADDRESS (HOST:PORT of "
            "process 0) and NUM_PROCESSES to all, and each its PROCESS_ID"
        ) from error


def make_mesh(config: MeshConfig, devices: list | None = None) -> Mesh:
    """Returns the mesh (data, fsdp, model) over all devices.

    Raises:
      TrainingError: the sizes do not multiply to the number of devices.
    """
    devices = jax.devices() if devices is None else devices
    sizes = [config.data, config.fsdp, config.model]
    product = math.prod(size for size in sizes if size != -1)
    shape = [len(devices) // product if size == -1 else size for size in sizes]
    if math.prod(shape) != len(devices):
        named_sizes = " x ".join(
            f"{n} {'rest' if s == -1 else s}" for n, s in zip(MESH_AXES, sizes, strict=True)
        )
        raise TrainingError(
            f"a mesh of {named_sizes} does not fit {len(devices)} devices; the sizes must multiply "
            "to their number (-1 for one of them takes what is left)"
        )
    array = np.asarray(devices).reshape(shape)
    return Mesh(array, MESH_AXES, axis_types=(AxisType.Auto,) * len(MESH_AXES))


def spec(names: tuple[str | None, ...], shape: tuple[int, ...], mesh: Mesh) -> PartitionSpec:
    """Returns how an array with these logical axes lies on the mesh.

    A dimension the mesh axis does not divide is held whole, and so is a second dimension that
    asks for the same mesh axis; `check_replicated` checks that nothing big ends up whole.

    Raises:
      UnknownNameError: the table has no such logical axis.
    """
    taken: set[str] = set()
    placed: list[str | None] = []
    for name, size in zip(names, shape, strict=True):
        if name is not None and name not in RULES:
            raise unknown_name("logical axis", name, RULES)
        axis = RULES[name] if name is not None else None
        if axis is None or axis in taken or size % mesh.shape[axis]:
            placed.append(None)
        else:
            taken.add(axis)
            placed.append(axis)
    return PartitionSpec(*placed)


def shardings(axes: Tree, shapes: Tree, mesh: Mesh) -> Tree:
    """Returns the sharding of every leaf of a tree."""
    return jax.tree.map(
        lambda names, leaf: NamedSharding(mesh, spec(names, leaf.shape, mesh)),
        axes,
        shapes,
        is_leaf=lambda value: isinstance(value, tuple),
    )


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """How a batch lies: its rows are split."""
    return NamedSharding(mesh, PartitionSpec(BATCH))


def replicated(mesh: Mesh) -> NamedSharding:
    """How a scalar lies: everywhere."""
    return NamedSharding(mesh, PartitionSpec())


def num_blocks(mesh: Mesh) -> int:
    """Into how many parts the rows of a batch are split."""
    return mesh.shape["data"] * mesh.shape["fsdp"]


def put_batch(
    read: Callable[[int, int], Mapping[str, np.ndarray]], mesh: Mesh, batch_size: int
) -> dict[str, jax.Array]:
    """Places a batch of which this process reads only the blocks its own devices hold.

    Args:
      read: (block, blocks) -> that block of rows.
      mesh: the mesh.
      batch_size: rows of the whole batch.
    """
    blocks = num_blocks(mesh)
    size = batch_size // blocks
    sharding = batch_sharding(mesh)
    index = sharding.addressable_devices_indices_map((batch_size,))
    mine = sorted({(rows[0].start or 0) // size for rows in index.values() if rows})
    parts = {block: read(block, blocks) for block in mine}
    placed: dict[str, jax.Array] = {}
    for name, first in parts[mine[0]].items():
        shape = (batch_size, *first.shape[1:])

        def rows(place: tuple[slice, ...] | None, name: str = name) -> np.ndarray:
            assert place is not None
            return parts[(place[0].start or 0) // size][name]

        placed[name] = jax.make_array_from_callback(shape, sharding, rows)
    return placed


def check_batch_size(batch_size: int, microbatches: int, mesh: Mesh) -> None:
    """Checks that rows split evenly.

    Raises:
      TrainingError: they do not.
    """
    parts = num_blocks(mesh) * microbatches
    if batch_size % parts:
        raise TrainingError(
            f"BATCH_SIZE {batch_size} does not split over {num_blocks(mesh)} devices (data x fsdp)"
            f" times {microbatches} microbatches; give a multiple of {parts}"
        )


def check_replicated(tree: Tree, shapes: Tree, mesh: Mesh, *, what: str) -> None:
    """Checks that nothing big is whole on every device of a mesh that splits parameters.

    Args:
      tree: actual shardings, or arrays that have them.
      shapes: what they are of.
      mesh: the mesh.
      what: of what, for the message.

    Raises:
      TrainingError: names the leaves.
    """
    if mesh.shape["fsdp"] * mesh.shape["model"] == 1:
        return
    leaves = jax.tree_util.tree_leaves_with_path(shapes)
    whole = []
    for (path, leaf), placed in zip(leaves, jax.tree.leaves(tree), strict=True):
        sharding = placed.sharding if isinstance(placed, jax.Array) else placed
        if math.prod(leaf.shape) >= _SMALL and sharding.is_fully_replicated:
            whole.append(f"{jax.tree_util.keystr(path, simple=True, separator='/')} {leaf.shape}")
    if whole:
        more = f" and {len(whole) - 4} more" if len(whole) > 4 else ""
        raise TrainingError(
            f"these {what} would be whole on every device: {', '.join(whole[:4])}{more}; choose "
            "mesh sizes that divide their dimensions"
        )


def tree_bytes_per_device(shardings: Tree, shapes: Tree) -> int:
    """Bytes one device holds of a tree."""
    return sum(
        math.prod(sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize
        for sharding, leaf in zip(jax.tree.leaves(shardings), jax.tree.leaves(shapes), strict=True)
    )
