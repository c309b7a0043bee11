"""What the benchmark of training counts, plans and keeps; its speeds are tested nowhere."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT


@pytest.fixture(autouse=True)
def _from_root(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(ROOT)


def test_training_is_compared_on_the_same_examples(tmp_path):
    from benchmarks.train_data import write_data
    from benchmarks.train_work import work_of, work_of_rows

    about = write_data(tmp_path / "data.npz", 8, (64, 16), 0)
    with np.load(tmp_path / "data.npz") as held:
        tokens = held["input_lengths"].sum() + held["target_lengths"].sum()
        assert len(held["inputs"]) + len(held["targets"]) == tokens
        real = sum((held[f"{side}_segment_ids"] > 0).sum() for side in ("encoder", "decoder"))
        assert real == tokens and about["rows"] == len(held["encoder_input_tokens"])
        np.testing.assert_array_equal(
            np.sort(held["inputs"]),
            np.sort(held["encoder_input_tokens"][held["encoder_segment_ids"] > 0]),
        )
        alone = work_of(held["input_lengths"], held["target_lengths"])
        assert work_of_rows(dict(held)) == alone
    assert about["non_padding"] == tokens / (about["rows"] * 80)


def test_a_decoder_learns_every_token_of_the_same_examples(tmp_path):
    from benchmarks.train_data import write_data
    from benchmarks.train_work import work_of, work_of_rows

    write_data(tmp_path / "data.npz", 8, (80,), 0, vocabulary=200)
    with np.load(tmp_path / "data.npz") as held:
        real = held["decoder_segment_ids"] > 0
        np.testing.assert_array_equal(held["decoder_loss_weights"], real)
        learned = held["decoder_target_tokens"][real]
        np.testing.assert_array_equal(np.sort(learned), np.sort(held["inputs"]))
        assert learned.max() < 200 and "targets" not in held
        assert work_of_rows(dict(held)) == work_of(held["input_lengths"])


SMALL = {"embed": 2, "layers": 1, "heads": 1, "head_dim": 2, "mlp": 3, "vocabulary_size": 128}


def test_operations_of_a_decoder_are_those_of_tokens_and_pairs_that_look_at_each_other():
    from benchmarks.train_work import flops, work_of
    from flan_tasks.models.model import ModelConfig

    config = ModelConfig(architecture="decoder", positions="rope", tied_head=True, **SMALL)
    work = work_of(np.asarray([3, 1]))
    assert work == (4, 0, 6 + 1, 0, 0) and work.tokens == 4
    # Queries and what comes of them, keys and values, a gated MLP, the head.
    weights = 4 * (2 * 4 + 2 * 4 + 3 * 6 + 2 * 128)
    # Forward and twice backward, a multiply and an add; products with keys, and with values.
    assert flops(config, work) == 3 * 2 * weights + 3 * 2 * 2 * 2 * 7


def test_operations_of_t5_are_those_of_both_halves_and_across():
    from benchmarks.train_work import flops, work_of
    from flan_tasks.models.model import ModelConfig

    work = work_of(np.asarray([3, 1]), np.asarray([2, 2]))
    assert work == (4, 4, 9 + 1, 6 + 2, 3 + 3)
    encoder, across, decoder = 4 * (16 + 18), 4 * 8, 4 * (24 + 18 + 256)
    counted = flops(ModelConfig(**SMALL), work)
    assert counted == 6 * (encoder + across + decoder) + 3 * 2 * 2 * 2 * (10 + 8 + 6)


def test_utilization_is_operations_over_time_and_peak():
    from benchmarks.train import _used
    from benchmarks.train_ours import shaped
    from benchmarks.train_work import Work, flops

    work = Work(16_000, 0, 2_000_000, 0, 0)
    result = {"step": 0.25, "work": list(work), "device": "NVIDIA H200"}
    used = _used("decoder-1b", result)
    assert used["flops"] == 4 * flops(shaped("decoder-1b"), work)
    assert used["mfu"] == used["flops"] / 989e12
    assert _used("decoder-1b", {**result, "device": "cpu"})["mfu"] is None


def test_shapes_are_those_of_the_models():
    from benchmarks.train_ours import shaped
    from benchmarks.train_shapes import SHAPES
    from flan_tasks.models.model import Model
    from flan_tasks.trainer.estimate import parameter_count

    for size, shape in SHAPES.items():
        config = shaped(size)
        assert (config.embed, config.layers, config.mlp) == (shape.embed, shape.layers, shape.mlp)
        assert (config.heads, config.kv_heads) == (shape.heads, shape.kv_heads)
        assert config.padded_vocabulary == shape.padded_vocabulary and config.head_dim == 64
    # What transformers counts of Llama 3.2 1B.
    assert parameter_count(Model(shaped("decoder-1b"))) == 1_235_814_400


def test_our_side_runs_without_tensorflow_seqio_and_gin():
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'seqio', 'gin', 'tensorboardX', 'torch'):\n"
        "    sys.modules[name] = None\n"
        "from benchmarks import train, train_attention, train_ours, train_rate"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def planned(**changes):
    from benchmarks.train_plan import plan

    words = {
        "attentions": ["cudnn", "xla"],
        "their_attentions": ["sdpa", "flex_attention"],
        "compiled": "layers",
        "remat": "none",
        "decoders": ["decoder-1b"],
    }
    return plan(["decoder-1b", "large", "small"], **{**words, **changes})


def test_what_says_most_is_measured_first():
    listed = [one.name for one in planned()]
    assert listed[:9] == [
        "decoder-1b ours cudnn",
        "large ours cudnn",
        "rate",
        "decoder-1b theirs-dense sdpa",
        "large theirs-dense sdpa",
        "decoder-1b theirs-grouped sdpa",
        "large theirs-grouped sdpa",
        "decoder-1b attention cudnn,xla",
        "large attention cudnn,xla",
    ]
    assert listed[9] == "small ours cudnn"
    assert listed[-4:] == [
        f"{size} compare {name}" for size in ("large", "small") for name in ("cudnn", "xla")
    ]
    assert "decoder-1b ours cudnn remat=full" in listed
    assert "decoder-1b ours cudnn head-positions=0" in listed
    assert "large theirs-dense sdpa compile=model" in listed
    assert len(set(listed)) == len(listed)


def test_without_transformers_ours_alone_is_measured():
    kinds = {one.kind for one in planned(their_attentions=[])}
    assert kinds == {"ours", "rate", "attention", "compare"}


class Device:
    """Stands for what measures: each takes seconds of a clock of its own."""

    def __init__(self, seconds, failing=()):
        self.now, self.seconds, self.failing, self.asked = 0.0, seconds, failing, []

    def clock(self):
        return self.now

    def __call__(self, one, seconds):
        self.asked.append((one.name, seconds))
        self.now += min(self.seconds, seconds)
        late = self.seconds > seconds
        return {"failed": "no"} if late or one.attention in self.failing else {"step": 1.0}


def results_in(folder, **settings):
    from benchmarks.train_plan import Results

    return Results(folder / "train.json", settings, {})


def test_a_measurement_has_its_share_of_the_time_or_what_is_left(tmp_path):
    from benchmarks.train_plan import carry_out

    device, listed = Device(70.0), planned()
    left_over = carry_out(listed, results_in(tmp_path), device, seconds=360.0, clock=device.clock)
    # The rate has an eighth, and does not come to its end in it.
    limits = [(one.name, limit) for one, limit in zip(listed, (90, 90, 45, 120, 105), strict=False)]
    assert device.asked[:5] == limits
    # 35 s are left: more than a quarter of what theirs may take.
    assert device.asked[5:] == [("decoder-1b theirs-grouped sdpa", 35.0)]
    assert {one.name for one in left_over} == {one.name for one in listed[6:]}


def test_an_attention_that_fails_is_stood_for_by_the_next_at_once(tmp_path):
    from benchmarks.train_plan import carry_out

    device, results = Device(1.0, failing=("cudnn",)), results_in(tmp_path)
    assert carry_out(planned(), results, device, seconds=360.0, clock=device.clock) == []
    names = [name for name, _ in device.asked]
    assert names[:4] == [
        "decoder-1b ours cudnn",
        "decoder-1b ours xla",
        "large ours cudnn",
        "large ours xla",
    ]
    assert len(set(names)) == len(names) == len(planned())


def test_what_was_measured_is_in_the_file_whatever_ends_the_rest(tmp_path):
    from benchmarks.train_plan import carry_out

    listed = planned()

    def until_the_third(one, seconds):
        if one == listed[2]:
            raise KeyboardInterrupt
        return {"failed": "out of memory"} if one == listed[1] else {"step": 1.0}

    with pytest.raises(KeyboardInterrupt):
        carry_out(listed, results_in(tmp_path, rows=8), until_the_third, seconds=360.0)
    held = json.loads((tmp_path / "train.json").read_text())
    # What stands for the second comes before the third.
    assert list(held["measured"]) == [listed[0].name, listed[1].name, "large ours xla"]
    assert held["settings"] == {"rows": 8}

    device = Device(1.0)
    carry_out(listed, results_in(tmp_path, rows=8), device, seconds=360.0, clock=device.clock)
    assert [name for name, _ in device.asked[:2]] == [listed[1].name, listed[2].name]
    assert len(device.asked) == len(listed) - 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"settings": {"rows": 4}, "machine": {}, "measured": {}}', "rows was 4, is 8"),
        ('{"results": []}', "settings, machine or measured is missing"),
        ("[]", "holds no measurements"),
        ("{", "holds no measurements"),
    ],
)
def test_a_file_of_something_else_is_not_gone_on_with(tmp_path, text, said):
    (tmp_path / "train.json").write_text(text)
    with pytest.raises(SystemExit, match=said):
        results_in(tmp_path, rows=8)
    assert (tmp_path / "train.json").read_text() == text


def test_ratios_of_training_are_over_the_faster_of_theirs():
    from benchmarks.train import report

    one = {"size": "mini", "step": 1.0, "rows": 4, "positions": 100.0, "memory": 1e9}
    one |= {"mfu": 0.5, "flops": 4e14, "compiling": 7.0}
    grouped = {**one, "kind": "theirs-grouped"}
    dense = {**one, "kind": "theirs-dense"}
    parts = {"xla": {"step": 2e-3, "temporary": 1e9, "away": {"output": 0.01, "bias": 0.02}}}
    parts["cudnn"] = {"failed": "no GPU"}
    measured = {
        "mini ours xla": {**one, "kind": "ours", "useful": 90.0},
        "mini theirs-dense eager": {**dense, "useful": 50.0, "positions": 50.0},
        "mini theirs-dense sdpa": {**dense, "useful": 80.0, "positions": 80.0},
        "mini theirs-grouped eager": {**grouped, "useful": 30.0},
        "mini theirs-grouped sdpa": {**grouped, "failed": "exit code 1: no GPU"},
        "rate": {"kind": "rate", "size": "", "rate": 8e14, "device": "NVIDIA H200"},
        "mini attention xla,cudnn": {"kind": "attention", "size": "mini", "parts": parts},
        "mini compare xla": {"kind": "compare", "size": "mini", "logits": 0.01, "bias": 0.03},
    }
    text = report({"measured": measured})
    assert "| mini | 3.00 | 1.25 |" in text
    assert "- mini theirs-grouped sdpa: exit code 1: no GPU" in text
    assert "| mini ours xla | 4 | 1.000 | 90 | 100 | 50.0% | 50.0% | 1.00 | 7 |" in text
    assert "| mini xla | 2.00 | 1.00 | 1.0e-02 | 2.0e-02 |" in text
    assert "| mini cudnn | no GPU |" in text
    assert "| mini compare xla | 1.0e-02 | 3.0e-02 |" in text
    assert text.endswith("sdpa: exit code 1: no GPU") and "800.0 TFLOP/s on NVIDIA H200" in text


def test_ratios_of_steps_in_turns_are_of_each_round():
    from benchmarks.train_turns import report

    def one(seconds, useful):
        return {"seconds": seconds, "cpu": 2 * seconds, "useful": useful, "positions": 100}

    rounds = [
        {"ours": one(1.0, 90), "theirs dense": one(1.5, 100), "theirs grouped": one(2.0, 60)},
        {"ours": one(2.0, 90), "theirs dense": one(2.5, 100), "theirs grouped": one(4.0, 60)},
    ]
    text = report(rounds)
    assert "| theirs dense | positions | 1.38 (1.25 to 1.50) | 1.38 (1.25 to 1.50) |" in text
    assert "| theirs grouped | useful | 3.00 (3.00 to 3.00) |" in text


@pytest.mark.slow
def test_the_plan_goes_on_after_it_was_killed_and_measures_all(tmp_path):
    out = tmp_path / "train.json"
    command = [sys.executable, "-m", "benchmarks.train", "--tiny", "--minutes", "60"]
    command += ["--out", str(out)]

    def measured():
        return json.loads(out.read_text())["measured"] if out.exists() else {}

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        while not measured() and running.poll() is None:
            time.sleep(0.2)
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 128 + signal.SIGTERM
    before = measured()
    assert list(before)[:1] == ["decoder-tiny ours xla"] and len(before) < 5

    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = measured()
    assert {name: after[name] for name in before} == before
    assert [name for name, one in after.items() if "failed" in one] == []
    assert {one["kind"] for one in after.values()} == {"ours", "rate", "attention", "compare"}
    assert {one["size"] for one in after.values()} == {"", "decoder-tiny", "tiny"}
    shown = subprocess.run(
        [sys.executable, "-m", "benchmarks.train", "--report", str(out)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == done.stdout and "| tiny ours xla | 2 |" in shown.stdout
    for name in ("decoder-tiny ours xla", "tiny ours xla"):
        assert abs(after[name]["losses"][0] - np.log(32_128)) < 1.0
