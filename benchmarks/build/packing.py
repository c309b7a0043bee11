"""Rows used by packing, against the bounds and SeqIO's packing, on the rows at hand.

    python -m benchmarks.build.packing --split train --work DIR --vocab FILE --data-dir TREE

Every example of the split's plan is rendered and tokenized once; lengths alone are packed. SeqIO's
packing is worked out from lengths, in plan order: one open row, closed when an example does not
fit on some side or when a batch of as many examples as the longest side has places ends
(`seqio.utils.trim_and_pack_dataset`, run itself on the first rows to see that the counts agree).
"""

import argparse
from typing import Any

import numpy as np

from benchmarks.build.measure import Clock, print_result
from benchmarks.build.rowsets import PARTS, add_arguments, blocks, open_prepared, row_set
from flan_tasks.core.splits import SPLITS
from flan_tasks.packing.packing import lower_bound, pack, simple_bound
from flan_tasks.plan.plan import Plan, make_plan
from flan_tasks.plan.rows import render_texts
from flan_tasks.vocabulary import open_vocabulary

# Inputs and targets, or one length for decoder-only rows.
CHOICES = ((512, 128), (1024, 256), (2048, 512), (1280,), (2048,))
_CHECKED = 2_500
_UNCUT = 1 << 20


def whole_lengths(plan: Plan, vocab: str) -> np.ndarray:
    """Returns uncut lengths of inputs and targets, EOS included: int64[rows, 2]."""
    vocabulary = open_vocabulary(vocab)
    pieces = []
    for block in blocks(plan):
        found = render_texts(plan, block)
        sides = [vocabulary.encode_flat(side, _UNCUT) for side in (found.inputs, found.targets)]
        pieces.append(np.stack([side.whole for side in sides], axis=1))
    return np.concatenate(pieces)


def cut_lengths(whole: np.ndarray, limits: tuple[int, ...]) -> np.ndarray:
    """Cuts lengths to the limits; one limit is for decoder-only rows, 4/5 of it for inputs."""
    if len(limits) == 2:
        return np.minimum(whole, limits)
    sides = (limits[0] - limits[0] // 5, limits[0] // 5)
    return np.minimum(whole, sides).sum(axis=1, keepdims=True)


def greedy_rows(lengths: np.ndarray, limits: tuple[int, ...]) -> int:
    """Returns the number of rows SeqIO's packing makes of examples in this order."""
    rows = 0
    for start in range(0, len(lengths), max(limits)):
        room: list[int] = []
        for example in lengths[start : start + max(limits)].tolist():
            if not room or any(length > left for length, left in zip(example, room, strict=True)):
                rows += 1
                room = list(limits)
            room = [left - length for length, left in zip(example, room, strict=True)]
    return rows


def seqio_rows(lengths: np.ndarray, limits: tuple[int, ...]) -> int:
    """Returns the number of rows SeqIO itself makes."""
    import seqio
    import tensorflow as tf

    names = PARTS[: len(limits)]

    def examples():
        for example in lengths.tolist():
            ids = (np.ones(length, np.int32) for length in example)
            yield dict(zip(names, ids, strict=True))

    rows = tf.data.Dataset.from_generator(
        examples, output_signature={name: tf.TensorSpec([None], tf.int32) for name in names}
    )
    packed = seqio.utils.trim_and_pack_dataset(rows, dict(zip(names, limits, strict=True)))
    return sum(1 for _ in packed)


def measure(whole: np.ndarray, limits: tuple[int, ...]) -> dict[str, Any]:
    """Packs one choice of lengths every way."""
    lengths = cut_lengths(whole, limits)
    clock = Clock()
    rows = pack(lengths, limits).num_rows
    seconds = clock.spent().cpu
    return {
        "lengths": list(limits),
        "cut": float((lengths.sum(axis=1) < whole.sum(axis=1)).mean()),
        "rows": rows,
        "simple_bound": simple_bound(lengths, limits),
        "bound": lower_bound(lengths, limits),
        "seqio": greedy_rows(lengths, limits),
        "fill": (lengths.sum(axis=0) / (rows * np.asarray(limits))).tolist(),
        "examples_per_cpu_second": len(lengths) / max(seconds, 1e-9),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", choices=SPLITS, default="train")
    add_arguments(parser)
    args = parser.parse_args()
    prepared = open_prepared(row_set(args), args.split)
    plan = make_plan(prepared, seed=0, num_examples=args.rows)
    whole = whole_lengths(plan, args.vocab)
    checked = cut_lengths(whole[:_CHECKED], CHOICES[1])
    ours, theirs = greedy_rows(checked, CHOICES[1]), seqio_rows(checked, CHOICES[1])
    assert ours == theirs, f"SeqIO makes {theirs} rows, worked out were {ours}"
    print_result(
        split=args.split,
        datasets=len(plan.ingredients),
        absent=sorted(prepared.missing),
        without_split=sorted(prepared.without_split),
        examples=len(plan),
        mean=whole.mean(axis=0).tolist(),
        choices=[measure(whole, limits) for limits in CHOICES],
    )


if __name__ == "__main__":
    main()
