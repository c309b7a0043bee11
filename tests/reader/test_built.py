"""The reader on what the engine really writes."""

import numpy as np
import pytest
from conftest import make_catalog

import flan_tasks
from flan_tasks.core.mixture import Mixture
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import rendered_rows
from flan_tasks.vocabulary import open_vocabulary

LENGTHS = {"encoder-decoder": {"inputs": 96, "targets": 24}}
LENGTHS["decoder"] = LENGTHS["encoder-decoder"] | {"row": 160}


@pytest.mark.parametrize("arch", LENGTHS)
def test_every_example_of_the_plan_is_read_back(tmp_path, arch):
    catalog = make_catalog(tmp_path, {"birds": 130, "fish": 60})
    prepared = prepare(Mixture(name="m"), catalog, source=SourceChoice())
    plan = make_plan(prepared, seed=3)
    settings = BuildSettings(
        format="arrays",
        split="train",
        style="inputs-targets",
        lengths=LENGTHS[arch],
        vocabulary=open_vocabulary("bytes"),
        num_shards=3,
        arch=arch,
    )
    build(prepared, plan, settings, tmp_path / "out")
    reader = flan_tasks.open(tmp_path / "out")
    wanted = [row for chunk in rendered_rows(plan, 0, len(plan)) for row in chunk]
    assert reader.num_examples == len(wanted)
    assert len(reader) < len(wanted)
    seen = []
    for number in range(reader.num_examples):
        example = reader.example(number)
        row = wanted[example.plan_row]
        assert reader.text(example) == (row.inputs, row.targets)
        assert reader.tasks[example.task]["name"] == row.dataset.name
        assert example.inputs[-1] == example.targets[-1] == 1
        seen.append(example.plan_row)
    assert sorted(seen) == list(range(len(wanted)))
    batch = reader.batch(0, len(reader))
    trained = np.count_nonzero(batch["decoder_loss_weights"])
    assert trained == sum(len(row.targets.encode()) + 1 for row in wanted)
