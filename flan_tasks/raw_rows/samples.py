"""The embedded rows: a few of each dataset, written by us in its source's own schema.

A file has one JSON object a line, `{"split": ..., "row": {...}}`, where split is the source's own
name and row holds what the source would hand out.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from flan_tasks.core.dataset import Row
from flan_tasks.core.errors import RowError, SourceUnavailableError
from flan_tasks.core.parsing import parse_json
from flan_tasks.raw_rows.base import Source, State, Status


class SamplesSource(Source):
    """Reads the embedded rows of one dataset."""

    kind = "samples"

    def __init__(self, name: str, path: Path | None) -> None:
        self._name = name
        self._path = path

    def status(self) -> Status:
        if self._path is None or not self._path.exists():
            return Status(State.NOT_DECLARED, f"{self._name} has no embedded rows")
        counts = ", ".join(f"{split} {count}" for split, count in self.splits().items())
        return Status(State.AVAILABLE, f"embedded rows: {counts}")

    def splits(self) -> Mapping[str, int]:
        return {split: len(rows) for split, rows in self._rows.items()}

    def rows(self, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        self.num_rows(split)
        for position in positions:
            # Parsed anew each time, so that nobody can change a row for the next reader.
            yield json.loads(self._rows[split][position])

    def identity(self, split: str) -> Mapping[str, Any]:
        digest = hashlib.sha256("\n".join(self._rows[split]).encode()).hexdigest()
        return {"source": self.kind, "rows": len(self._rows[split]), "sha256": digest}

    @cached_property
    def _rows(self) -> dict[str, list[str]]:
        if self._path is None or not self._path.exists():
            raise SourceUnavailableError(
                "has no embedded rows; use another --source", dataset=self._name
            )
        found: dict[str, list[str]] = {}
        text = self._path.read_text(encoding="utf-8-sig")
        # Not splitlines(), which would cut a text at U+2028 or U+0085.
        lines = text.removesuffix("\n").split("\n")
        for number, line in enumerate(lines, start=1):
            try:
                entry = parse_json(line)
                split, row = entry["split"], entry["row"]
            except (ValueError, KeyError, TypeError) as error:
                raise RowError(
                    f"{self._path.name}, line {number}: wanted "
                    f'{{"split": ..., "row": {{...}}}}: {error}'
                ) from error
            found.setdefault(split, []).append(json.dumps(row, ensure_ascii=False))
        return found
