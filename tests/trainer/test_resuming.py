"""Going on from a checkpoint with another build: on request, from a named row, recorded."""

import numpy as np
import pytest
from toy_runs import compiled_once, losses, saved, toy_build, toy_run, toy_train

from flan_tasks.checkpoints.damage import read_record
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.reader.order import Place, epoch_and_row
from flan_tasks.specs.config import DataConfig, TrainingError
from flan_tasks.trainer.data import open_source
from flan_tasks.trainer.resuming import CHANGES, check_same_run, going_on
from flan_tasks.trainer.train import make_record

__all__ = ["compiled_once"]  # a fixture of these tests


def other(tmp_path, **changes):
    """A run on another build."""
    build = tmp_path / "other"
    if not build.exists():
        toy_build(build, seed=1, rows=28)
    return toy_run(tmp_path, data={"build_dir": str(build), **changes})


def of_checkpoint(tmp_path):
    run = toy_run(tmp_path)
    return make_record(run, open_source(run.data, run.model), "")


def test_the_rows_of_a_step_may_begin_anywhere():
    rows = np.concatenate([epoch_and_row(Place(step, 8), 20)[1] for step in range(9)])
    moved = epoch_and_row(Place(5, 8, first_row=3 - 5 * 8), 20)[1]
    assert moved.tolist() == rows[3:11].tolist()
    halves = [epoch_and_row(Place(5, 8, h, 2, first_row=3 - 40), 20)[1] for h in range(2)]
    assert np.concatenate(halves).tolist() == moved.tolist()
    with pytest.raises(DeclarationError, match="step 4: -40 is the row of step 0"):
        Place(4, 8, first_row=-40)


def test_another_build_is_refused_and_the_message_says_how_to_go_on(tmp_path):
    before, run = of_checkpoint(tmp_path), other(tmp_path)
    source, changes, said = going_on(run, open_source(run.data, run.model), before, 4, tmp_path)
    assert (changes, said) == ([], "")
    with pytest.raises(TrainingError, match="the build is another.*NEW_BUILD_FROM_ROW=0 goes on"):
        check_same_run(tmp_path, before, make_record(run, source, "", changes))


def test_on_request_the_next_step_begins_with_that_row(tmp_path):
    before, run = of_checkpoint(tmp_path), other(tmp_path, new_build_from_row=5)
    asked = open_source(run.data, run.model)
    source, changes, said = going_on(run, asked, before, 4, tmp_path)
    record = make_record(run, source, "", changes)
    check_same_run(tmp_path, before, record)
    assert record["data"]["first_row"] == 5 - 4 * 8
    assert [(one["step"], one["row"]) for one in record[CHANGES]] == [(4, 5)]
    assert record[CHANGES][0]["before"]["digest"] == before["data"]["digest"]
    assert record[CHANGES][0]["after"]["sha256"] == asked.reader.manifest["sha256"]
    assert "from step 4 on rows of" in said and "from its row 5 on" in said
    rows = asked.reader.rows(epoch_and_row(Place(0, 8, first_row=5), 28)[1])
    np.testing.assert_array_equal(
        source.read(4, 0, 1)["decoder_target_tokens"], rows["decoder_target_tokens"]
    )
    # It goes on so, whether it is asked for again or not; and from nowhere else.
    for row in (5, None):
        again = other(tmp_path, new_build_from_row=row)
        found = going_on(again, open_source(again.data, again.model), record, 6, tmp_path)
        assert (found[0].first_row, found[1], found[2]) == (5 - 4 * 8, changes, "")
        check_same_run(tmp_path, record, make_record(again, found[0], "", found[1]))
    for row, there in ((6, record), (0, make_record(run, asked, ""))):
        again = other(tmp_path, new_build_from_row=row)
        with pytest.raises(TrainingError, match="was trained on this build, from"):
            going_on(again, open_source(again.data, again.model), there, 6, tmp_path)
    with pytest.raises(TrainingError, match="no checkpoint to go on from"):
        going_on(run, asked, None, 0, tmp_path)
    # What else makes it another run still does.
    seed = other(tmp_path, new_build_from_row=5, seed=1)
    source, changes, _ = going_on(seed, open_source(seed.data, seed.model), before, 4, tmp_path)
    with pytest.raises(TrainingError, match="data.seed was 0 and is 1"):
        check_same_run(tmp_path, before, make_record(seed, source, "", changes))


def test_a_stream_has_no_rows_to_go_on_from():
    with pytest.raises(ConfigError, match="is for a BUILD_DIR"):
        DataConfig(
            mixture_or_task_name="flan:rte",
            task_feature_lengths={"inputs": 8, "targets": 8},
            new_build_from_row=0,
        )


def test_a_run_that_went_over_to_another_build_is_resumed_bit_for_bit(tmp_path):
    toy_train(tmp_path, name="whole", train_steps=2)
    toy_train(tmp_path, name="parts", train_steps=2)
    data = other(tmp_path, new_build_from_row=5).data
    whole = toy_train(tmp_path, name="whole", data=data)
    toy_train(tmp_path, name="parts", data=data, train_steps=4)
    parts = toy_train(tmp_path, name="parts", data=data)
    ours, theirs = saved(parts), saved(whole)
    assert ours.keys() == theirs.keys()
    assert all((ours[name] == theirs[name]).all() for name in ours)
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    assert read_record(parts.checkpoint)[CHANGES][0]["step"] == 2
