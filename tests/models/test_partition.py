"""Where arrays lie on a mesh, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P
from toy_runs import MODELS, toy_run

from flan_tasks.core.errors import UnknownNameError
from flan_tasks.models import partition
from flan_tasks.models.model import Model
from flan_tasks.specs.config import HostsConfig, MeshConfig, TrainingError
from flan_tasks.trainer.train import optimizer_of, place

CUBE = MeshConfig(data=2, fsdp=2, model=2)


def cube():
    return partition.make_mesh(CUBE, jax.devices()[:8])


def test_what_is_left_of_the_devices_is_data():
    mesh = partition.make_mesh(MeshConfig(model=4), jax.devices()[:8])
    assert dict(mesh.shape) == {"data": 2, "fsdp": 1, "model": 4}
    with pytest.raises(TrainingError, match="data rest x fsdp 3 x model 1 does not fit 8 devices"):
        partition.make_mesh(MeshConfig(fsdp=3), jax.devices()[:8])


@pytest.mark.parametrize("architecture", MODELS)
def test_every_axis_of_the_models_has_a_rule(architecture):
    model = Model(MODELS[architecture])
    placed = partition.shardings(model.axes(), model.abstract(), cube())
    specs = {sharding.spec for sharding in jax.tree.leaves(placed)}
    assert P("model", "fsdp") in specs and P(None, "fsdp", "model") in specs
    with pytest.raises(UnknownNameError, match='unknown logical axis "embd". Did you mean embed'):
        partition.spec(("embd",), (8,), cube())


def test_a_dimension_that_does_not_divide_is_whole():
    assert partition.spec(("embed", "mlp"), (7, 8), cube()) == P(None, "model")
    assert partition.spec(("embed", "embed"), (8, 8), cube()) == P("fsdp", None)


@pytest.mark.parametrize("name", ["adafactor", "adamw"])
def test_optimizer_moments_lie_like_their_parameters(name, tmp_path):
    run = toy_run(tmp_path, mesh=CUBE, optimizer={"name": name, "min_dim_size_to_factor": 32})
    model = Model(run.model)
    where = place(run, model, optimizer_of(run, model), cube())
    kernel = where.params["decoder"]["stack"]["layers"]["mlp"]["wi_0"]["kernel"].sharding.spec
    moments = where.state["moments"]["decoder"]["stack"]["layers"]["mlp"]["wi_0"]["kernel"]
    assert kernel == P(None, "fsdp", "model")
    if name == "adamw":
        assert moments["first"].sharding.spec == moments["second"].sharding.spec == kernel
    else:
        assert moments["row"].sharding.spec == P(None, "fsdp")
        assert moments["column"].sharding.spec == P(None, "model")


def test_big_arrays_are_not_silently_whole():
    shapes = {"big": jax.ShapeDtypeStruct((999, 999), jnp.float32)}
    placed = partition.shardings({"big": ("embed", "mlp")}, shapes, cube())
    with pytest.raises(TrainingError, match=r"parameters would be whole .* big \(999, 999\)"):
        partition.check_replicated(placed, shapes, cube(), what="parameters")
    alone = partition.make_mesh(MeshConfig(data=8), jax.devices()[:8])
    placed = partition.shardings({"big": ("embed", "mlp")}, shapes, alone)
    partition.check_replicated(placed, shapes, alone, what="parameters")


def test_bytes_are_those_of_one_device():
    shapes = {"a": jax.ShapeDtypeStruct((8, 16), jnp.float32)}
    placed = partition.shardings({"a": ("embed", "mlp")}, shapes, cube())
    assert partition.tree_bytes_per_device(placed, shapes) == 8 * 16 * 4 // 4


@pytest.mark.parametrize("mesh", [CUBE, MeshConfig(data=8), MeshConfig(data=1, model=8)])
def test_a_batch_is_put_together_from_the_blocks_of_its_devices(mesh):
    mesh = partition.make_mesh(mesh, jax.devices()[:8])
    rows = np.arange(16 * 3).reshape(16, 3)
    asked = []

    def read(block, blocks):
        asked.append(block)
        share = 16 // blocks
        return {"x": rows[block * share : (block + 1) * share]}

    placed = partition.put_batch(read, mesh, 16)
    np.testing.assert_array_equal(placed["x"], rows)
    assert asked == list(range(partition.num_blocks(mesh)))


def test_hosts_that_cannot_be_reached_are_said():
    with pytest.raises(TrainingError, match="COORDINATOR_ADDRESS"):
        partition.start_hosts(
            HostsConfig(coordinator_address="no-port", num_processes=2, process_id=1)
        )
