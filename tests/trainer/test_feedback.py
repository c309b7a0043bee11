"""Lines, files and the picture of a run."""

import json
import struct
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from flan_tasks.specs.config import TrainingError
from flan_tasks.trainer.curve import draw_curve, sparkline
from flan_tasks.trainer.feedback import Feedback, Size, duration, peak_flops, read_metrics

SIZE = Size(train_steps=8, positions=100, flops=1e12, peak=1e13, tasks=("a", "b", "c"))
FOUND = {
    "loss": 11.0,
    "cross_entropy": 10.0,
    "z_loss": 1.0,
    "correct": 5.0,
    "tokens": 20.0,
    "real_tokens": 50,
    "skipped": 0,
    "learning_rate": 0.1,
    "grad_norm": 2.0,
    "task_loss": [6.0, 0.0, 4.0],
    "task_tokens": [4.0, 0.0, 16.0],
}


class Clock:
    """A clock that says what it is told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def feedback(folder, *, start: int = 0, **changes) -> tuple[Feedback, Clock]:
    clock = Clock()
    settings = {"log_period": 4, "tensorboard": False, **changes}
    return Feedback(folder, SIZE, start=start, clock=clock, **settings), clock


def test_a_line_sums_its_interval(tmp_path, capsys):
    told, clock = feedback(tmp_path)
    clock.now = 100.0  # the first step compiles
    for step in range(1, 5):
        told.step(step, FOUND)
        if step == 2:  # an evaluation takes its own time
            clock.now += 77
            told.evaluation(2, {"loss": 1.0, "accuracy": 0.5, "target_tokens": 7})
        clock.now += 0.5
    line = read_metrics(tmp_path / "metrics.jsonl")[-1]
    assert line["kind"] == "train" and line["step"] == 4
    assert (line["loss"], line["accuracy"], line["z_loss"]) == (0.5, 0.25, 0.05)
    assert (line["steps_per_second"], line["tokens_per_second"]) == (2.0, 100.0)
    assert (line["non_padding"], line["mfu"]) == (0.5, 0.2)
    assert line["task_loss"] == {"a": 1.5, "c": 0.25}
    said = capsys.readouterr().err
    assert "step 4/8  loss 0.5000  accuracy 25.0%  50% not padding  100 tokens/s  2s left" in said
    assert "MFU 20.0%" in said and "\r" not in said


def test_a_terminal_gets_one_living_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    told, clock = feedback(tmp_path, log_period=1)
    for step in (1, 2):
        clock.now += 1
        told.step(step, FOUND)
    assert capsys.readouterr().err.count("\r\033[K") == 2


def test_a_line_is_no_wider_than_its_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    told, clock = feedback(tmp_path, log_period=1)
    for step in (1, 2):
        clock.now += 1
        told.step(step, FOUND)
    said = capsys.readouterr().err.split("\r\033[K")
    assert len(said) == 3 and len(said[2]) == 39 and said[2].startswith("step 2/8  loss 0.5000")


def test_steps_that_were_not_taken_are_not_in_the_means(tmp_path, capsys):
    told, _ = feedback(tmp_path, log_period=2)
    nan = float("nan")
    broken = {**FOUND, "cross_entropy": nan, "grad_norm": nan, "skipped": 1, "task_loss": [nan] * 3}
    for step, found in enumerate((FOUND, broken, broken, broken), start=1):
        told.step(step, found)
    told.close()
    text = (tmp_path / "metrics.jsonl").read_text()
    assert "NaN" not in text
    some, none = read_metrics(tmp_path / "metrics.jsonl")
    assert (some["loss"], some["skipped"], some["task_loss"]) == (0.5, 1, {"a": 1.5, "c": 0.25})
    assert (none["loss"], none["skipped"], none["grad_norm"]) == (None, 2, None)
    assert "step 4/8  50% not padding" in capsys.readouterr().err


def test_what_is_left_of_an_interval_is_written_at_the_end(tmp_path):
    told, _ = feedback(tmp_path)
    for step in range(1, 7):
        told.step(step, FOUND)
    told.close()
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [(line["step"], line["target_tokens"]) for line in lines] == [(4, 80), (6, 40)]


def test_lines_of_steps_that_are_trained_again_are_dropped(tmp_path):
    told, _ = feedback(tmp_path, log_period=1)
    for step in (1, 2, 3):
        told.step(step, FOUND)
    told.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "train", "st')  # cut off by a kill
    again, _ = feedback(tmp_path, start=2, log_period=1)
    again.step(3, FOUND)
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")] == [1, 2, 3]


def test_other_hosts_write_nothing(tmp_path, capsys):
    told, _ = feedback(tmp_path / "run", active=False, log_period=1)
    told.step(1, FOUND)
    told.note("hello")
    assert told.close() is None
    assert not (tmp_path / "run").exists() and capsys.readouterr().err == ""


def test_tensorboard_files_need_no_tensorflow(tmp_path):
    pytest.importorskip("tensorboardX")
    told, _ = feedback(tmp_path, tensorboard=True, log_period=1)
    told.step(1, FOUND)
    told.evaluation(1, {"loss": 1.0, "accuracy": 0.5, "target_tokens": 7, "task_loss": {"a": 1.0}})
    told.close()
    (events,) = (tmp_path / "tensorboard").glob("events*")
    data = events.read_bytes()
    assert b"train/loss" in data and b"train/task_loss/a" in data and b"eval/accuracy" in data


def test_a_missing_tensorboard_is_said_once(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    told, _ = feedback(tmp_path, tensorboard=True)
    for step in (1, 2):
        told.step(step, FOUND)
    assert capsys.readouterr().err.count("[train]") == 1


def test_the_curve_is_a_picture_of_both_losses(tmp_path):
    told, _ = feedback(tmp_path, log_period=1)
    for step in range(1, 9):
        told.step(step, {**FOUND, "cross_entropy": 100.0 / step})
    told.evaluation(8, {"loss": 0.9, "accuracy": 0.5, "target_tokens": 7})
    path = told.close()
    assert path is not None and path.name == "loss_curve.svg"
    root = ElementTree.fromstring(path.read_text())
    lines = [part for part in root.iter() if part.tag.endswith("polyline")]
    assert len(lines) == 2 and len(lines[0].get("points").split()) == 8
    texts = [part.text for part in root.iter() if part.tag.endswith("text")]
    assert {"training", "evaluation", "step", "Loss per target token"} <= set(texts)


@pytest.mark.parametrize("losses", [[1.0], [0.0, 0.0], [5.0, 4.99], [1e-7, 2e-7], [12.0, 0.1]])
def test_curves_of_any_range_stay_inside_the_picture(losses):
    picture = draw_curve(
        [{"kind": "train", "step": i + 1, "loss": x} for i, x in enumerate(losses)]
    )
    (line,) = [p for p in ElementTree.fromstring(picture).iter() if p.tag.endswith("polyline")]
    for point in line.get("points").split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= 760 and 40 <= y <= 380


def test_peaks_are_known_by_the_beginning_of_a_name():
    assert peak_flops("NVIDIA H100 80GB HBM3") == 989e12
    assert peak_flops("NVIDIA H100 PCIe") == 756e12
    assert peak_flops("TPU v5 lite") == 197e12 and peak_flops("TPU v5p") == 459e12
    assert peak_flops("cpu") is None


def test_durations_read_well():
    assert [duration(x) for x in (42.9, 190, 7500)] == ["42s", "3m10s", "2h05m"]


def losses_of(*values):
    return [{"kind": "train", "step": n, "loss": loss} for n, loss in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ((4.68, 3.7, 3.07), "4.68 █▄▁ 3.07"),
        ((2.0, None, float("inf"), 1.0), "2.00 █▁ 1.00"),
        ((1.0, 1.0), "1.00 ▁▁ 1.00"),
        ((1.0,), ""),
        ((), ""),
    ],
)
def test_a_loss_is_a_line_of_text(values, line):
    assert sparkline([*losses_of(*values), {"kind": "eval", "step": 9, "loss": 9.0}]) == line


def test_a_long_run_has_a_short_line():
    line = sparkline(losses_of(*(1_000 - n for n in range(1_000))))
    first, bars, last = line.split()
    assert (first, last, len(bars)) == ("1000.00", "1.00", 40)
    assert list(bars) == sorted(bars, reverse=True)


def lines_of(folder):
    """Lines of metrics but for what the clock says."""
    return [
        {k: v for k, v in line.items() if "per_second" not in k and k != "mfu"}
        for line in read_metrics(folder / "metrics.jsonl")
    ]


def steps(told, first, last):
    for step in range(first, last + 1):
        told.step(step, {**FOUND, "cross_entropy": 0.1 * step, "task_loss": [0.3 * step, 0.0, 0.1]})


def test_an_interval_goes_on_after_stops_with_the_sums_it_had(tmp_path):
    whole, _ = feedback(tmp_path / "whole", log_period=3)
    steps(whole, 1, 8)
    whole.close()
    first, _ = feedback(tmp_path / "parts", log_period=3)
    steps(first, 1, 2)
    progress = json.loads(json.dumps(first.progress))
    first.close()  # a signal: it writes what there is of the interval
    killed, _ = feedback(tmp_path / "parts", start=2, progress=progress, log_period=3)
    steps(killed, 3, 7)
    again, _ = feedback(tmp_path / "parts", start=2, progress=progress, log_period=3)
    steps(again, 3, 4)
    progress = again.progress
    again.close()
    last, _ = feedback(tmp_path / "parts", start=4, progress=progress, log_period=3)
    steps(last, 5, 8)
    last.close()
    assert lines_of(tmp_path / "parts") == lines_of(tmp_path / "whole")
    curves = [(tmp_path / run / "loss_curve.svg").read_text() for run in ("parts", "whole")]
    assert curves[0] == curves[1]


def test_a_finished_run_keeps_the_line_of_its_last_part(tmp_path):
    told, _ = feedback(tmp_path, log_period=3)
    steps(told, 1, 8)
    progress = told.progress
    told.close()
    before = (tmp_path / "metrics.jsonl").read_bytes()
    again, _ = feedback(tmp_path, start=8, progress=progress, log_period=3)
    again.close()
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_lines_that_cannot_be_read_are_left_out_and_said(tmp_path, capsys):
    told, _ = feedback(tmp_path, log_period=1)
    steps(told, 1, 3)
    path = tmp_path / "metrics.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{", '{"step": "x"}', lines[2], '{"kind": "tr']))
    feedback(tmp_path, start=3, log_period=1)
    assert "line 2, 3 cannot be read and is left out" in capsys.readouterr().err
    assert [line["step"] for line in read_metrics(path)] == [1, 3]
    assert path.read_text().endswith("}\n")


def test_progress_that_is_none_is_refused(tmp_path):
    for progress in ({"steps": 1}, {"sums": 3, "steps": 1}, {"sums": {"tokens": "x"}, "steps": 1}):
        with pytest.raises(TrainingError, match="no sums of an interval"):
            feedback(tmp_path, start=1, progress=progress)


def fill_disk(monkeypatch, name):
    """From now on files of a name cannot be opened for writing."""
    opened = Path.open

    def full(self, mode="r", *arguments, **settings):
        if self.name.startswith(name) and mode != "r" and mode != "rb":
            raise OSError(28, "No space left on device")
        return opened(self, mode, *arguments, **settings)

    monkeypatch.setattr(Path, "open", full)


def test_a_full_disk_at_the_metrics_is_a_message(tmp_path, monkeypatch):
    told, _ = feedback(tmp_path, log_period=1)
    told.step(1, FOUND)
    fill_disk(monkeypatch, "metrics.jsonl")
    with pytest.raises(TrainingError, match="metrics.jsonl cannot be written: No space left"):
        told.step(2, FOUND)
    with pytest.raises(TrainingError, match="metrics.jsonl cannot be written: No space left"):
        feedback(tmp_path, start=0, log_period=1)


def test_a_full_disk_at_the_picture_ends_no_run(tmp_path, monkeypatch, capsys):
    told, _ = feedback(tmp_path, log_period=1)
    told.step(1, FOUND)
    fill_disk(monkeypatch, "loss_curve.svg")
    assert told.close() is None
    assert "no picture of the loss: " in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_full_disk_at_tensorboards_files_is_said_once_and_training_goes_on(tmp_path, capsys):
    pytest.importorskip("tensorboardX")
    (tmp_path / "tensorboard").write_text("no folder")
    told, _ = feedback(tmp_path, tensorboard=True, log_period=1)
    steps(told, 1, 3)
    told.close()
    said = capsys.readouterr().err
    assert said.count("TensorBoard's files cannot be written any more (File exists)") == 1
    assert len(read_metrics(tmp_path / "metrics.jsonl")) == 3


def test_tensorboard_is_told_which_steps_come_again(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import SessionLog

    progress = None
    for start, last in ((0, 5), (5, 6)):
        told, _ = feedback(tmp_path, start=start, progress=progress, tensorboard=True, log_period=2)
        steps(told, start + 1, last)
        told.evaluation(last, {"loss": 1.0, "accuracy": 0.5, "target_tokens": 7})
        progress = told.progress
        told.close()
    second = max((tmp_path / "tensorboard").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    begins = [e.step for e in events(second) if e.session_log.status == SessionLog.START]
    # Step 5 was inside of an interval: its line is replaced, and its evaluation written again.
    assert begins == [5]
    tags = [(e.step, value.tag) for e in events(second) for value in e.summary.value]
    assert (5, "eval/loss") in tags and (6, "train/loss") in tags and (5, "train/loss") not in tags


def events(path):
    """The events of a file of TensorBoard's."""
    from tensorboardX.proto.event_pb2 import Event

    data, place = path.read_bytes(), 0
    while place < len(data):
        (length,) = struct.unpack_from("Q", data, place)
        yield Event.FromString(data[place + 12 : place + 12 + length])
        place += 16 + length


def test_a_terminal_that_is_gone_ends_no_run(tmp_path, monkeypatch):
    class Gone:
        def isatty(self):
            return False

        def write(self, text):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stderr", Gone())
    told, _ = feedback(tmp_path, log_period=1)
    told.step(1, FOUND)
    told.note("hello")
    assert told.close() is not None
