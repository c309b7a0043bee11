"""Training steps beside transformers: useful tokens a second, MFU, memory, attention.

    python -m benchmarks.train --torch-python VENV/bin/python --minutes 6 --out train.json
    python -m benchmarks.train --tiny --torch-python VENV/bin/python --out tiny.json  (on a CPU)
    python -m benchmarks.train --report train.json

The order is that of `train_plan`: what says most comes first, each measurement is a process with a
limit of its own, and `--out` holds it as soon as it is there; the same command measures what is
missing in that file. Examples are synthetic (lengths are log-normal, tokens uniform), packed by the
engine's packer; all runs train on the same ones:

  ours           packed rows, segments kept apart, Adafactor: the step that `flan train` runs
  theirs-dense   the same rows without padding or segments, so of the same shapes
  theirs-grouped single examples, sorted by length in groups of 50 batches as transformers'
                 `group_by_length` does, each batch padded to its longest; as many examples in a
                 batch as a batch of packed rows holds

Models are T5 1.1 and a causal decoder of the shape of Llama 3.2 1B. transformers runs with AdamW
(on a GPU fused), bfloat16 by autocast and torch.compile; the faster of its attentions counts. MFU
is `train_work.flops` over time and the device's peak. Neither TensorFlow, SeqIO nor gin-config is
wanted, and nothing is downloaded.
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.build.measure import run_alone
from benchmarks.train_data import BATCHES, write_data
from benchmarks.train_plan import (
    ATTENTION,
    COMPARE,
    DENSE,
    GROUPED,
    OURS,
    RATE,
    Measurement,
    Results,
    carry_out,
    plan,
    read,
)
from benchmarks.train_shapes import SHAPES
from benchmarks.train_work import Work, flops

ROOT = Path(__file__).parent.parent
# What a measurement depends on, of the command line.
SETTINGS = ("sizes", "lengths", "rows", "steps", "dtype", "remat", "attention", "their_attention")
SETTINGS += ("compile", "matrix", "seed")
# Only that everything runs.
TINY = {
    "sizes": "decoder-tiny,tiny",
    "lengths": "64,16",
    "rows": 2,
    "steps": 2,
    "attention": "xla",
    "their_attention": "sdpa",
    "compile": "none",
    "matrix": 256,
    "batches": 6,
}


class Measuring:
    """Measures one after the other; the examples of a model are made when they are first wanted."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self._given, self._folder = given, folder
        # Of the examples of each model.
        self._about: dict[str, dict[str, float]] = {}

    def __call__(self, one: Measurement, seconds: float) -> dict[str, Any]:
        """Measures one within a number of seconds."""
        print(f"{one.name} ...", file=sys.stderr, flush=True)
        quiet = {
            "JAX_TRACEBACK_FILTERING": "off",  # its last line is not the error otherwise
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
            "PYTHONPATH": str(ROOT),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        result = run_alone(self._command(one), timeout=seconds, environment=quiet)
        if one.size:
            result["data"] = self._about[one.size]
        if "work" in result:
            result |= _used(one.size, result)
        return result

    def _command(self, one: Measurement) -> list[str]:
        given = self._given
        if one.kind == RATE:
            return [*_ours("rate"), f"--width={given.matrix}"]
        rows = given.rows or SHAPES[one.size].rows
        words = [str(self._data(one.size, rows)), f"--size={one.size}", f"--steps={given.steps}"]
        words += [f"--dtype={given.dtype}", f"--attention={one.attention}"]
        # The last of an option counts.
        change = [f"--{one.change}"] if one.change else []
        if one.kind == ATTENTION:
            return [*_ours("attention"), *words, f"--rows={rows}"]
        if one.kind in (OURS, COMPARE):
            words += [f"--remat={given.remat}", f"--rows={rows}", *change]
            return [*_ours("ours"), *words, *(["--compare"] if one.kind == COMPARE else [])]
        if one.kind == GROUPED:
            rows = round(rows * self._about[one.size]["examples_a_row"])
        shape = {DENSE: "dense", GROUPED: "grouped"}[one.kind]
        words += [f"--rows={rows}", f"--shape={shape}", f"--compile={given.compile}", *change]
        return [given.torch_python, "-m", "benchmarks.train_theirs", *words]

    def _data(self, size: str, rows: int) -> Path:
        path = self._folder / f"{size}.npz"
        if size not in self._about:
            shape, given = SHAPES[size], self._given
            limits = shape.lengths
            if given.lengths:
                limits = tuple(int(part) for part in given.lengths.split(","))
                # A decoder's row is as long as both sides together.
                limits = limits if shape.kind == "t5" else (sum(limits),)
            self._about[size] = write_data(
                path, rows * given.batches, limits, given.seed, vocabulary=shape.vocabulary
            )
        return path


def _ours(name: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.train_{name}"]


def _used(size: str, result: dict[str, Any]) -> dict[str, Any]:
    """Operations a second of useful tokens, and their share of the device's peak if it is known."""
    from benchmarks.train_ours import shaped
    from flan_tasks.trainer.feedback import peak_flops

    rate = flops(shaped(size), Work(*result["work"])) / result["step"]
    peak = peak_flops(result["device"])
    return {"flops": rate, "mfu": rate / peak if peak else None}


def report(held: dict[str, Any]) -> str:
    """Returns tables of what was measured, and the two ratios."""
    measured: dict[str, dict[str, Any]] = held["measured"]
    rate = measured.get(RATE, {}).get("rate")
    lines = [
        "| run | rows | step, s | useful tokens/s | positions/s | MFU | of the matrix rate "
        "| peak memory, GB | compiling, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    alone = ["| attention alone | step, ms | working memory, GB | output | gradient of biases |"]
    alone.append("|---|---|---|---|---|")
    whole = ["| attention in the model | logits | gradient of biases |", "|---|---|---|"]
    failed, best = [], {}
    for name, one in measured.items():
        kind, size = one["kind"], one["size"]
        if "failed" in one:
            failed.append(f"- {name}: {one['failed']}")
        elif kind == COMPARE:
            whole.append(f"| {name} | {one['logits']:.1e} | {one['bias']:.1e} |")
        elif kind == ATTENTION:
            alone += [_attention(f"{size} {which}", part) for which, part in one["parts"].items()]
        elif kind != RATE:
            shares = [one["mfu"], one["flops"] / rate if rate else None]
            shown = " | ".join("-" if share is None else f"{share:.1%}" for share in shares)
            lines.append(
                f"| {name} | {one['rows']} | {one['step']:.3f} | {one['useful']:,.0f} "
                f"| {one['positions']:,.0f} | {shown} | {one['memory'] / 1e9:.2f} "
                f"| {one['compiling']:.0f} |"
            )
            for what in ("useful", "positions"):
                best[size, kind, what] = max(best.get((size, kind, what), 0.0), one[what])
    ratios = ["| ours over theirs | useful tokens/s, grouped | positions/s, dense shapes |"]
    ratios.append("|---|---|---|")
    for size in dict.fromkeys(size for size, kind, _ in best if kind == OURS):
        pairs = ((GROUPED, "useful"), (DENSE, "positions"))
        shown = " | ".join(
            f"{best[size, OURS, what] / best[size, kind, what]:.2f}"
            if (size, kind, what) in best
            else "-"
            for kind, what in pairs
        )
        ratios.append(f"| {size} | {shown} |")
    text = "\n\n".join("\n".join(table) for table in (lines, ratios, alone, whole) if table[2:])
    if rate:
        text += f"\n\nMatrix products: {rate / 1e12:,.1f} TFLOP/s on {measured[RATE]['device']}."
    return "\n\n".join(filter(None, (text, "\n".join(failed))))


def _attention(name: str, part: dict[str, Any]) -> str:
    if "failed" in part:
        return f"| {name} | {part['failed']} | | | |"
    away = part["away"]
    bias = f"{away['bias']:.1e}" if "bias" in away else "-"
    return (
        f"| {name} | {part['step'] * 1e3:.2f} | {part['temporary'] / 1e9:.2f} "
        f"| {away['output']:.1e} | {bias} |"
    )


def _ended(number: int, frame: Any) -> None:
    # So that what is measured just now is ended too.
    raise SystemExit(128 + number)


def main() -> None:
    """Measures what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="decoder-1b,large,base,small", help="with commas")
    parser.add_argument("--minutes", type=float, default=6.0, help="of all measurements")
    parser.add_argument("--lengths", help="tokens of inputs, of targets; default by model")
    parser.add_argument("--rows", type=int, help="packed rows a batch; default by model")
    parser.add_argument("--batches", type=int, default=BATCHES, help="of examples that are made")
    parser.add_argument("--steps", type=int, default=10, help="steps that are timed")
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
    parser.add_argument("--remat", default="none", help="as in the models' gin files")
    parser.add_argument("--attention", default="cudnn,xla", help="of ours, the fastest first")
    parser.add_argument("--their-attention", default="sdpa,flex_attention", help="likewise")
    parser.add_argument(
        "--compile", default="layers", choices=["model", "layers", "none"], help="of transformers"
    )
    parser.add_argument("--matrix", type=int, default=8192, help="width of the rate's matrices")
    parser.add_argument("--torch-python", default="", help="Python with torch and transformers")
    parser.add_argument("--tiny", action="store_true", help="only that it runs, on a CPU")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON of what is measured, and was before")
    parser.add_argument("--report", type=Path, help="only prints the tables of such a file")
    given = parser.parse_args()
    if given.report:
        print(report(read(given.report)))
        return
    if not given.out:
        parser.error("--out is missing")
    if given.tiny:
        vars(given).update(TINY)
    sizes = given.sizes.split(",")
    if unknown := [size for size in sizes if size not in SHAPES]:
        parser.error(f"--sizes {','.join(unknown)}: not among {', '.join(SHAPES)}")
    signal.signal(signal.SIGTERM, _ended)
    listed = plan(
        sizes,
        attentions=given.attention.split(","),
        their_attentions=given.their_attention.split(",") if given.torch_python else [],
        compiled=given.compile,
        remat=given.remat,
        decoders=[name for name in sizes if SHAPES[name].kind == "decoder"],
    )
    settings = {name: getattr(given, name) for name in SETTINGS}
    results = Results(given.out, settings, machine.about())
    results.write()
    with tempfile.TemporaryDirectory() as folder:
        measuring = Measuring(given, Path(folder))
        left_over = carry_out(listed, results, measuring, seconds=given.minutes * 60)
    print(report(results.held))
    if left_over:
        print(f"\nNo time was left for: {', '.join(one.name for one in left_over)}.")


if __name__ == "__main__":
    main()
