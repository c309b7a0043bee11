"""Parquet: the same columns as JSON Lines, typed and compressed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flan_tasks.engine.styles import BY_STYLE, Turns, about_columns
from flan_tasks.engine.writers.text import columns
from flan_tasks.engine.writers.writer import RowWriter, TokenizedRow, WriteSettings

if TYPE_CHECKING:
    import pyarrow as pa


class ParquetWriter(RowWriter):
    """Writes `data/train-00000-of-00001.parquet`."""

    ending = ".parquet"

    def write(
        self, path: Path, chunks: Iterator[Sequence[TokenizedRow]], settings: WriteSettings
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = arrow_schema(
            settings.style, parts=settings.parts, option_styles=settings.option_styles
        )
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for chunk in chunks:
                rows = [
                    columns(
                        item.row,
                        style=settings.style,
                        split=settings.split,
                        option_styles=settings.option_styles,
                    )
                    for item in chunk
                ]
                writer.write_batch(pa.RecordBatch.from_pylist(rows, schema))


def arrow_schema(style: str, *, parts: bool = False, option_styles: bool = False) -> "pa.Schema":
    """Returns the columns of a style with their types, as Arrow calls them.

    Args:
      style: one of `formats.STYLES`.
      parts: whether the mixture has parts.
      option_styles: whether rows name the style in which their options are listed.
    """
    import pyarrow as pa

    types = {"string": pa.string(), "int32": pa.int32()}
    found = BY_STYLE[style]
    if isinstance(found, Turns):
        turn = pa.struct([(found.role, pa.string()), (found.content, pa.string())])
        texts = [(found.column, pa.list_(turn))]
    else:
        texts = [(name, pa.string()) for name in found.texts]
    about = about_columns(parts=parts, option_styles=option_styles).items()
    return pa.schema([*texts, *((name, types[kind]) for name, kind in about)])
