"""The first packed batch of a mixture, from a filled store: time and memory, in a fresh process.

  python -m benchmarks.build.first_batch --way engine --set samples --work DIR --vocab FILE

engine   plan, render, tokenize and pack until 32 rows are there; no TensorFlow
seqio    our mixture through `seqio.get_dataset` and its packing converter
graph    the same mixture written SeqIO's way (see `graph.py`)
"""

import argparse
from typing import Any

from benchmarks.build.measure import Clock, peak_megabytes, print_result, since_start
from benchmarks.build.rowsets import LENGTHS, RowSet, add_arguments, open_prepared, row_set

_BATCH = 32


def engine(rows: RowSet) -> dict[str, Any]:
    """Makes 32 packed rows with the engine alone."""
    import sys

    from flan_tasks.packing.packed_rows import packed_shard
    from flan_tasks.plan.plan import make_plan
    from flan_tasks.vocabulary import open_vocabulary

    clock = Clock()
    plan = make_plan(open_prepared(rows), seed=0)
    vocabulary = open_vocabulary(rows.vocab)
    count, found = 4 * _BATCH, 0
    while found < _BATCH:
        count *= 2
        packed = packed_shard(
            plan,
            0,
            min(count, len(plan)),
            vocabulary=vocabulary,
            lengths=LENGTHS,
            arch="encoder-decoder",
        )
        if packed.num_rows <= found:
            break  # there are no more
        found = packed.num_rows
    result = _result(clock, tasks=len(plan.ingredients))
    return {**result, "rows": found, "tensorflow": "tensorflow" in sys.modules}


def through_seqio(rows: RowSet, way: str) -> dict[str, Any]:
    """Makes a batch of 32 with SeqIO's packing converter."""
    import tempfile
    from pathlib import Path

    import seqio

    from benchmarks.build.graph import graph_mixture, write_records
    from benchmarks.build.streams import engine_mixture
    from flan_tasks.plan.plan import make_plan

    with tempfile.TemporaryDirectory(dir=rows.work) as folder:
        plan = make_plan(open_prepared(rows), seed=0)
        prepared = 0.0
        if way == "graph":  # its files count as the filled store does
            writing = Clock()
            write_records(plan, Path(folder))
            prepared = writing.spent().wall
        clock = Clock()
        mixture = (
            graph_mixture(plan, Path(folder), rows.vocab)
            if way == "graph"
            else engine_mixture(rows)
        )
        packed = seqio.get_dataset(
            mixture,
            LENGTHS,
            seqio.EncDecFeatureConverter(pack=True),
            shuffle=True,
            seed=0,
            num_epochs=None,
        )
        batch = next(iter(packed.batch(_BATCH)))
        found = _result(clock, tasks=len(plan.ingredients))
        found["from_start"] -= prepared
        return {**found, "rows": len(batch["encoder_input_tokens"]), "tensorflow": True}


def _result(clock: Clock, **about: Any) -> dict[str, Any]:
    spent = clock.spent()
    return {
        **about,
        "from_start": since_start(),
        "after_import": spent.wall,
        "cpu": spent.cpu,
        "peak_mb": peak_megabytes(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--way", choices=("engine", "seqio", "graph"), required=True)
    add_arguments(parser)
    args = parser.parse_args()
    rows = row_set(args)
    print_result(**(engine(rows) if args.way == "engine" else through_seqio(rows, args.way)))


if __name__ == "__main__":
    main()
