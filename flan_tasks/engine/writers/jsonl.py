"""JSON Lines: one object a line, UTF-8, letters as they are."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from flan_tasks.engine.writers.text import columns
from flan_tasks.engine.writers.writer import RowWriter, TokenizedRow, WriteSettings


class JsonlWriter(RowWriter):
    """Writes `data/train-00000-of-00001.jsonl`."""

    ending = ".jsonl"

    def write(
        self, path: Path, chunks: Iterator[Sequence[TokenizedRow]], settings: WriteSettings
    ) -> None:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for chunk in chunks:
                for item in chunk:
                    row = columns(
                        item.row,
                        style=settings.style,
                        split=settings.split,
                        option_styles=settings.option_styles,
                    )
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
