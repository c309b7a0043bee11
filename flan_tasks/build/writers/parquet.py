"""Parquet: the same columns as JSON Lines, typed and compressed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from flan_tasks.build.writers.base import TokenizedRow, Writer, WriteSettings
from flan_tasks.build.writers.text import columns


class ParquetWriter(Writer):
    """Writes `train-00000-of-00001.parquet`."""

    ending = ".parquet"
    has_styles = True

    def write(
        self, path: Path, chunks: Iterator[Sequence[TokenizedRow]], settings: WriteSettings
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = _schema(settings.style)
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for chunk in chunks:
                rows = [
                    columns(item.row, style=settings.style, split=settings.split) for item in chunk
                ]
                writer.write_batch(pa.RecordBatch.from_pylist(rows, schema))


def _schema(style: str):
    import pyarrow as pa

    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    texts = {
        "messages": [("messages", pa.list_(message))],
        "prompt-completion": [("prompt", pa.string()), ("completion", pa.string())],
        "inputs-targets": [("inputs", pa.string()), ("targets", pa.string())],
    }[style]
    about = ("task", "dataset", "cluster", "template", "kind")
    return pa.schema(
        [
            *texts,
            *((name, pa.string()) for name in about),
            ("num_shots", pa.int32()),
            ("key", pa.string()),
            ("split", pa.string()),
            ("options", pa.list_(pa.string())),
            ("license", pa.string()),
        ]
    )
