"""Rows to packed files, one way at a time: `python -m benchmarks.build.throughput --way ours ...`.

Every way makes the same texts of the same rows and goes through each row once. What is on the disk
before the clock starts: ours has its filled store, SeqIO's ways TFRecord files of the same
normalized fields, bare SentencePiece the finished texts. Imports are not on the clock.

  ours      store -> plan -> rendered, tokenized, packed, written, hashed: a whole build
  decoder   the same for decoder-only models
  pieces    bare SentencePiece on the finished texts, in lists of 2,048, one thread
  stream    SeqIO on the fly: its pipeline and its packing converter, batches of 32; writes nothing
  cache     SeqIO's Beam cache: tokenized, not packed (that is done again at each reading)
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.build.measure import Clock, peak_megabytes, print_result
from benchmarks.build.rowsets import (
    LENGTHS,
    RowSet,
    add_arguments,
    open_plan,
    open_prepared,
    packed_settings,
    row_set,
)

_BATCH = 32
_PIECES = 2_048


def build(rows: RowSet, *, arch: str = "encoder-decoder") -> dict[str, Any]:
    """Builds packed arrays from the filled store."""
    from flan_tasks.engine.run_local import build
    from flan_tasks.plan.plan import make_plan

    prepared = open_prepared(rows)
    settings = packed_settings(rows, arch=arch)
    settings.vocabulary.encode(["loads the model"])
    with tempfile.TemporaryDirectory(dir=rows.work) as folder:
        clock = Clock()
        plan = make_plan(prepared, seed=0, num_examples=rows.rows)
        built = build(prepared, plan, settings, Path(folder) / "out")
        spent = clock.spent()
        size = sum(file["bytes"] for file in built.manifest["files"])
    return {
        **_rates(rows, spent),
        "packed_rows": sum(shard["rows"] for shard in built.manifest["shards"]),
        "written_mb": size / 1e6,
    }


def pieces(rows: RowSet, *, threads: int = 1) -> dict[str, Any]:
    """Encodes the finished texts with SentencePiece alone."""
    import pyarrow.parquet as pq
    import sentencepiece

    texts = pq.read_table(rows.folder / "texts.parquet").column("text").to_pylist()
    processor = sentencepiece.SentencePieceProcessor(model_file=rows.vocab)
    processor.encode(["loads the model"], num_threads=threads)
    clock = Clock()
    tokens = 0
    for start in range(0, len(texts), _PIECES):
        found = processor.encode(texts[start : start + _PIECES], num_threads=threads)
        tokens += sum(map(len, found)) + len(found)
    found = _rates(rows, clock.spent())
    # A different text would be another piece of work. (The extra ids of ours meet no text.)
    assert tokens == rows.about["tokens"], (tokens, rows.about["tokens"])
    return found


def stream(rows: RowSet) -> dict[str, Any]:
    """Goes through SeqIO's pipeline with its packing converter."""
    import seqio

    from benchmarks.build.graph import graph_mixture, write_records

    plan = open_plan(rows)
    with tempfile.TemporaryDirectory(dir=rows.work) as folder:
        write_records(plan, Path(folder))
        clock = Clock()
        packed = seqio.get_dataset(
            graph_mixture(plan, Path(folder), rows.vocab),
            LENGTHS,
            seqio.EncDecFeatureConverter(pack=True),
            shuffle=True,
            seed=0,
            num_epochs=1,
        ).batch(_BATCH)
        batches = iter(packed)
        made = clock.spent()
        tokens = examples = packed_rows = 0
        for batch in batches:
            packed_rows += len(batch["encoder_input_tokens"])
            examples += int(batch["encoder_segment_ids"].numpy().max(axis=1).sum())
            for name in ("encoder_input_tokens", "decoder_target_tokens"):
                tokens += int((batch[name].numpy() > 0).sum())
        found = _rates(rows, clock.spent())
    about = rows.about
    assert examples == about["rows"], (examples, about["rows"])
    return {
        **found,
        "graph_wall": made.wall,
        "graph_cpu": made.cpu,
        "packed_rows": packed_rows,
        # Ids of padding aside; the texts are those of the other ways, so this is one.
        "tokens_against_ours": tokens / about["tokens_kept"],
    }


def cache(rows: RowSet) -> dict[str, Any]:
    """Runs SeqIO's Beam pipeline that writes tokenized TFRecord files."""
    import apache_beam as beam
    import seqio
    import tensorflow as tf
    from seqio.scripts import cache_tasks_main

    from benchmarks.build.graph import graph_tasks, write_records

    plan = open_plan(rows)
    with tempfile.TemporaryDirectory(dir=rows.work) as folder:
        write_records(plan, Path(folder) / "records")
        out = Path(folder) / "cache"
        cache_tasks_main.FLAGS(["cache", "--min_shards=1"])
        clock = Clock()
        for task, _ in graph_tasks(plan, Path(folder) / "records", rows.vocab):
            seqio.TaskRegistry.add_provider(task.name, task)
        seqio.add_global_cache_dirs([str(out)])
        tf.io.gfile.makedirs(str(out))
        options = beam.options.pipeline_options.PipelineOptions(["--runner=DirectRunner"])
        with beam.Pipeline(options=options) as pipeline:
            cache_tasks_main.run_pipeline(pipeline, [r"graph_.*"], str(out))
        spent = clock.spent()
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        examples = sum(
            1 for path in out.rglob("*.tfrecord-*") for _ in tf.data.TFRecordDataset(str(path))
        )
    assert examples == rows.about["rows"], (examples, rows.about["rows"])
    return {**_rates(rows, spent), "written_mb": size / 1e6}


def _rates(rows: RowSet, spent) -> dict[str, Any]:
    tokens = rows.about["tokens"]
    return {
        "rows": rows.about["rows"],
        "tokens": tokens,
        "wall": spent.wall,
        "cpu": spent.cpu,
        "tokens_per_cpu_second": tokens / spent.cpu,
        "tokens_per_second": tokens / spent.wall,
        "peak_mb": peak_megabytes(),
    }


WAYS = {
    "ours": build,
    "decoder": lambda rows: build(rows, arch="decoder"),
    "pieces": pieces,
    "stream": stream,
    "cache": cache,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--way", choices=WAYS, required=True)
    add_arguments(parser)
    args = parser.parse_args()
    print_result(**WAYS[args.way](row_set(args)))


if __name__ == "__main__":
    main()
