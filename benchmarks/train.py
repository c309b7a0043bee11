"""Training steps of T5 1.1 beside transformers: tokens per second, MFU, memory, attention.

    python -m benchmarks.train --torch-python VENV/bin/python --out train.json
    python -m benchmarks.train --tiny --torch-python VENV/bin/python      (a check, on a CPU)

Each measurement is a process of its own. Examples are synthetic (lengths are log-normal, tokens
uniform), packed by the engine's packer; all runs train on the same ones:

  ours           packed rows, segments kept apart, Adafactor: the step that `flan train` runs
  theirs-dense   the same rows without padding or segments, so of the same shapes
  theirs-grouped single examples, sorted by length in groups of 50 batches as transformers'
                 `group_by_length` does, each batch padded to its longest; as many examples in a
                 batch as a batch of packed rows holds

transformers runs with AdamW (on a GPU fused), bfloat16 by autocast and torch.compile, with each
of its attention implementations; the faster one counts. The attention of ours is compared with
`--attention`: logits and the gradient of the relative biases against float32.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.build.measure import run_alone
from flan_tasks.packing.features import ENCODER_DECODER, features
from flan_tasks.packing.packing import pack

ROOT = Path(__file__).parent.parent
# Rows of a batch by size, for 80 GB; --rows changes them.
ROWS = {"mini": 64, "small": 64, "base": 32, "large": 16, "xl": 4}
VOCABULARY = 32_100
# Median and spread (of the logarithm) of synthetic inputs and targets.
SHAPE = {"inputs": (0.16, 0.9), "targets": (0.06, 1.1)}


def draw_examples(tokens: int, limits: tuple[int, int], seed: int) -> list[list[np.ndarray]]:
    """Returns inputs and targets of examples that have about so many tokens; EOS ends each."""
    draw = np.random.default_rng(seed)
    found, drawn = [], 0
    while drawn < tokens:
        sides = []
        for (median, spread), limit in zip(SHAPE.values(), limits, strict=True):
            length = int(np.clip(draw.lognormal(np.log(median * limit), spread), 2, limit))
            sides.append(np.append(draw.integers(3, VOCABULARY, length - 1), 1).astype(np.int32))
        found.append(sides)
        drawn += sum(map(len, sides))
    return found


def packed(examples: list[list[np.ndarray]], limits: tuple[int, int]) -> dict[str, np.ndarray]:
    """Returns T5X's features of the packed rows."""
    packing = pack(np.asarray([[len(side) for side in one] for one in examples]), limits)
    stored = {
        name: np.zeros((packing.num_rows, limit), np.int32)
        for part, limit in zip(("inputs", "targets"), limits, strict=True)
        for name in (part, f"{part}_segment_ids")
    }
    for row in range(packing.num_rows):
        ids = packing.order[packing.offsets[row] : packing.offsets[row + 1]]
        for part, name in enumerate(("inputs", "targets")):
            sides = [examples[number][part] for number in ids]
            end = sum(map(len, sides))
            stored[name][row, :end] = np.concatenate(sides)
            numbers = np.repeat(np.arange(1, len(ids) + 1), [len(side) for side in sides])
            stored[f"{name}_segment_ids"][row, :end] = numbers
    return features(ENCODER_DECODER, stored)


def write_data(path: Path, rows: int, limits: tuple[int, int], seed: int) -> dict[str, float]:
    """Writes packed rows and the same examples one by one; returns what they are."""
    examples = draw_examples(rows * sum(limits), limits, seed)
    made = packed(examples, limits)
    inputs, targets = ([one[side] for one in examples] for side in (0, 1))
    np.savez(
        path,
        inputs=np.concatenate(inputs),
        input_lengths=np.asarray([len(one) for one in inputs]),
        targets=np.concatenate(targets),
        target_lengths=np.asarray([len(one) for one in targets]),
        **made,
    )
    count = len(made["encoder_input_tokens"])
    real = sum(int((made[f"{side}_segment_ids"] > 0).sum()) for side in ("encoder", "decoder"))
    return {
        "rows": count,
        "examples_a_row": len(examples) / count,
        "non_padding": real / (count * sum(limits)),
    }


def measure_size(size: str, data: Path, about: dict, given: argparse.Namespace) -> dict[str, Any]:
    """Returns every measurement of one size."""
    rows = given.rows or ROWS[size]
    common = [str(data), f"--size={size}", f"--steps={given.steps}", f"--dtype={given.dtype}"]
    ours = [sys.executable, "-m", "benchmarks.train_ours", *common, f"--rows={rows}"]
    ours += [f"--remat={given.remat}"]
    theirs = [given.torch_python, "-m", "benchmarks.train_theirs", *common]
    quiet = {
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "PYTHONPATH": str(ROOT),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }

    def alone(name: str, command: Sequence[str]) -> dict[str, Any]:
        print(f"{size}: {name} ...", file=sys.stderr, flush=True)
        return run_alone(command, timeout=given.timeout, environment=quiet)

    found: dict[str, Any] = {"size": size, "rows": rows}
    for attention in given.attention.split(","):
        found[f"ours {attention}"] = alone("ours", [*ours, f"--attention={attention}"])
        if attention != "xla" or given.dtype != "float32":
            command = [*ours, f"--attention={attention}", "--compare"]
            found[f"attention {attention}"] = alone("attention", command)
    if given.torch_python:
        grouped = round(rows * about["examples_a_row"])
        for attention in given.their_attention.split(","):
            for shape, batch in (("dense", rows), ("grouped", grouped)):
                command = [*theirs, f"--shape={shape}", f"--rows={batch}"]
                command += [f"--attention={attention}"]
                found[f"theirs-{shape} {attention}"] = alone(f"theirs {shape}", command)
    return found


def report(results: list[dict[str, Any]]) -> str:
    """Returns tables of the measurements, and the two ratios."""
    lines = [
        "| size | rows | run | step, s | useful tokens/s | positions/s | MFU | peak memory, GB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    compared = [
        "| size | attention | logits | gradient of relative biases |",
        "|---|---|---|---|",
    ]
    ratios = ["| size | useful tokens/s, theirs grouped = 1 | positions/s, theirs dense = 1 |"]
    ratios.append("|---|---|---|")
    for found in results:
        size, best = found["size"], {}
        for name, one in found.items():
            if name in ("size", "rows", "data"):
                continue
            if "failed" in one:
                lines.append(f"| {size} | {found['rows']} | {name} | {one['failed']} | | | | |")
            elif name.startswith("attention"):
                compared.append(
                    f"| {size} | {name.split()[1]} | {one['logits']:.1e} | {one['bias']:.1e} |"
                )
            else:
                mfu = "-" if one.get("mfu") is None else f"{one['mfu']:.1%}"
                lines.append(
                    f"| {size} | {one['rows']} | {name} | {one['step']:.3f} "
                    f"| {one['useful']:,.0f} | {one['positions']:,.0f} | {mfu} "
                    f"| {one['memory'] / 1e9:.2f} |"
                )
                kind = name.split()[0]
                for what in ("useful", "positions"):
                    best[kind, what] = max(best.get((kind, what), 0.0), one[what])
        pairs = (("theirs-grouped", "useful"), ("theirs-dense", "positions"))
        if all(pair in best for pair in pairs) and ("ours", "useful") in best:
            shown = " | ".join(f"{best['ours', w] / best[k, w]:.2f}" for k, w in pairs)
            ratios.append(f"| {size} | {shown} |")
    return "\n".join([*lines, "", *ratios, "", *compared])


def main() -> None:
    """Measures what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="small,base,large", help="of T5 1.1, with commas")
    parser.add_argument("--lengths", default="1024,256", help="tokens of inputs, of targets")
    parser.add_argument("--rows", type=int, help="packed rows a batch; default by size")
    parser.add_argument("--steps", type=int, default=20, help="steps that are timed")
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
    parser.add_argument("--remat", default="none", help="as in the models' gin files")
    parser.add_argument("--attention", default="xla", help="of ours: xla,cudnn")
    parser.add_argument("--their-attention", default="eager,sdpa", help="of transformers")
    parser.add_argument("--torch-python", default="", help="Python with torch and transformers")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds a measurement")
    parser.add_argument("--tiny", action="store_true", help="mini at 128,32: only that it runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON of everything")
    given = parser.parse_args()
    if given.tiny:
        given.sizes, given.lengths, given.rows, given.steps = "mini", "128,32", 4, 3
    limits = tuple(int(part) for part in given.lengths.split(","))
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for size in given.sizes.split(","):
            data = Path(folder) / f"{size}.npz"
            rows = (given.rows or ROWS[size]) * 8
            about = write_data(data, rows, limits, given.seed)
            results.append({**measure_size(size, data, about, given), "data": about})
    if given.out:
        held = {"settings": {**vars(given), "out": str(given.out)}, "results": results}
        given.out.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
    print(report(results))


if __name__ == "__main__":
    main()
