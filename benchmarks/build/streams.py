"""`seqio.get_dataset` on a task, on our mixture, and on a user's mixture that contains ours.

    python -m benchmarks.build.streams --what mixture --way engine --set real --work DIR ...

Each is compared with the same written SeqIO's way (`--way graph`): first packed batch of 32, memory
at that moment, and non-padding tokens per second, packed by SeqIO's converter and not packed.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.build.measure import Clock, peak_megabytes, print_result
from benchmarks.build.rowsets import LENGTHS, RowSet, add_arguments, open_prepared, row_set

WHAT = ("task", "mixture", "user")
_BATCH = 32


def engine_mixture(rows: RowSet):
    """Returns the mixture of a set as one planned stream."""
    import os

    import flan_tasks as ft

    os.environ["FLAN_TASKS_STORE"] = str(rows.work / "store")
    return ft.mixture("all", **_source(rows), allow_missing=True)


def _source(rows: RowSet) -> dict[str, Any]:
    if rows.name == "real":
        return {"source": "tfds", "data_dir": rows.data_dir, "vocab": rows.vocab}
    return {"source": "samples", "vocab": rows.vocab}


def make(what: str, way: str, rows: RowSet, folder: Path):
    """Returns the SeqIO task or mixture to read; its rows are at hand when this returns."""
    import seqio

    import flan_tasks as ft
    from benchmarks.build.graph import graph_mixture, graph_tasks, write_records
    from flan_tasks.plan.plan import make_plan

    plan = make_plan(open_prepared(rows), seed=0)
    largest = max(range(len(plan.counts)), key=lambda number: plan.counts[number])
    if way == "engine":
        mixture = engine_mixture(rows)
        mixture.plan("train")
        task = ft.task(plan.ingredients[largest].dataset.name, **_source(rows))
    else:
        write_records(plan, folder)
        mixture = graph_mixture(plan, folder, rows.vocab)
        task, _ = graph_tasks(plan, folder, rows.vocab)[
            sum(1 for count in plan.counts[:largest] if count)
        ]
    own = _own_task(rows.vocab, folder)
    user = seqio.Mixture("user", [(mixture, 3.0), (own, 1.0)])
    return {"task": task, "mixture": mixture, "user": user}[what]


def _own_task(vocab: str, folder: Path):
    import seqio
    import tensorflow as tf

    vocabulary = seqio.SentencePieceVocabulary(vocab, extra_ids=100)
    path = folder / "own.txt"
    path.write_text("".join(f"Count {i} and {i}.\t{2 * i}\n" for i in range(3000)))

    @seqio.map_over_dataset
    def cut(line):
        parts = tf.strings.split(line, "\t")
        return {"inputs": parts[0], "targets": parts[1]}

    return seqio.Task(
        "own",
        source=seqio.TextLineDataSource({"train": str(path)}, num_input_examples={"train": 3000}),
        preprocessors=[cut, seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
        output_features={name: seqio.Feature(vocabulary) for name in LENGTHS},
    )


def measure(what: str, way: str, rows: RowSet, seconds: float) -> dict[str, Any]:
    """Reads it packed and not."""
    import seqio

    with tempfile.TemporaryDirectory(dir=rows.work) as folder:
        made = make(what, way, rows, Path(folder))

        def batches(*, pack: bool):
            return iter(
                seqio.get_dataset(
                    made,
                    LENGTHS,
                    seqio.EncDecFeatureConverter(pack=pack),
                    shuffle=True,
                    seed=0,
                    num_epochs=None,
                ).batch(_BATCH)
            )

        clock = Clock()
        packed = batches(pack=True)
        next(packed)
        first, peak = clock.spent(), peak_megabytes()
        found = {"first_batch": first.wall, "first_batch_cpu": first.cpu, "peak_mb": peak}
        found |= {f"packed_{k}": v for k, v in _rates(packed, seconds).items()}
        del packed
        found |= {f"unpacked_{k}": v for k, v in _rates(batches(pack=False), seconds).items()}
    return found


def _rates(stream, seconds: float) -> dict[str, float]:
    next(stream)
    clock, tokens = Clock(), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        batch = next(stream)
        for name in ("encoder_input_tokens", "decoder_target_tokens"):
            tokens += int((batch[name].numpy() > 0).sum())
    spent = clock.spent()
    return {"tokens_per_second": tokens / spent.wall, "tokens_per_cpu_second": tokens / spent.cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", choices=WHAT, required=True)
    parser.add_argument("--way", choices=("engine", "graph"), required=True)
    parser.add_argument("--seconds", type=float, default=6.0)
    add_arguments(parser)
    args = parser.parse_args()
    rows = row_set(args)
    print_result(what=args.what, way=args.way, **measure(args.what, args.way, rows, args.seconds))


if __name__ == "__main__":
    main()
