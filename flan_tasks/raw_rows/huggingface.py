"""Rows from the Hugging Face hub (or a local folder in its form), through `datasets`."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from flan_tasks.core import extras
from flan_tasks.core.dataset import Row
from flan_tasks.core.errors import RowError, SourceUnavailableError
from flan_tasks.core.origin import HuggingFace
from flan_tasks.raw_rows.base import Source, State, Status
from flan_tasks.raw_rows.failures import in_words


class HuggingFaceSource(Source):
    """Reads one data set of the hub; rows are in the order of its files."""

    kind = "hf"

    def __init__(self, origin: HuggingFace, *, dataset: str = "", copy: Path | None = None) -> None:
        self._origin = origin
        # A folder that has a copy of it, as the hub's own tools download one.
        self._copy = copy
        self._name = f"{origin.path}/{origin.config}".rstrip("/")
        # For messages: our name of the dataset, where it has one.
        self._dataset = dataset
        self._label = f"Hugging Face {self._name}"
        self._see = f"flan sources {dataset}".rstrip()

    def status(self) -> Status:
        if self._copy is not None:
            return Status(State.AVAILABLE, f"a copy of Hugging Face {self._name}")
        if self._origin.manual:
            return Status(State.NEEDS_MANUAL, self._origin.manual)
        return Status(State.NEEDS_DOWNLOAD, f"Hugging Face {self._name}")

    def splits(self) -> Mapping[str, int]:
        return {str(name): len(rows) for name, rows in sorted(self._data.items())}

    def rows(self, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        self.num_rows(split)
        rows = self._data[split]
        for position in positions:
            try:
                row = dict(rows[position])
            except Exception as error:  # noqa: BLE001 - Arrow and `datasets` decode here
                raise RowError(
                    f"Hugging Face {self._name}, split {split}, row {position}: cannot be "
                    f"decoded: {type(error).__name__}: {error}"
                ) from error
            yield row

    def identity(self, split: str) -> Mapping[str, Any]:
        info = self._data[split].info
        about: list[Any] = [info.download_checksums, info.dataset_size, repr(info.features)]
        if self._copy is not None:
            # Where it lies is no part of what it is.
            files = sorted(path for path in self._copy.rglob("*") if path.is_file())
            sizes = [
                (path.relative_to(self._copy).as_posix(), path.stat().st_size)
                for path in files
                if not any(part.startswith(".") for part in path.relative_to(self._copy).parts)
            ]
            about = [sizes, info.dataset_size, repr(info.features)]
        return {
            "source": self.kind,
            "name": self._name,
            "revision": self._origin.revision,
            "rows": self.num_rows(split),
            "sha256": hashlib.sha256(json.dumps(about).encode()).hexdigest(),
        }

    def labels(self) -> Mapping[str, tuple[str, ...]]:
        features = next(iter(self._data.values())).features
        return {
            column: tuple(feature.names)
            for column, feature in features.items()
            if getattr(feature, "names", None)
        }

    @cached_property
    def _data(self) -> Any:
        if self._origin.manual and self._copy is None:
            raise SourceUnavailableError(
                f"{self._label}: {self._origin.manual}", dataset=self._dataset
            )
        with extras.needed_for(
            f"{self._label}: reading from the hub", error=SourceUnavailableError, in_note=True
        ):
            import datasets

        if self._copy is not None:
            return self._of_copy(datasets)
        try:
            return datasets.load_dataset(
                self._origin.path, self._origin.config or None, revision=self._origin.revision
            )
        except Exception as error:  # noqa: BLE001 - network, hub and file errors all end here
            reason, notes = in_words(error, f"{self._label} cannot be read: fetching it")
            raised = SourceUnavailableError(
                f"{reason}. Run the same command again where the hub is reached, with HF_TOKEN for "
                f"what wants a login, or see {self._see}",
                dataset=self._dataset,
            )
            for note in notes:
                raised.add_note(note)
            raise raised from error

    def _of_copy(self, datasets: Any) -> Any:
        try:
            return datasets.load_dataset(str(self._copy), self._origin.config or None)
        except Exception as error:  # noqa: BLE001 - files of someone else's, read by a library
            raise SourceUnavailableError(
                f"{self._label}: its copy {self._copy} cannot be read: {type(error).__name__}: "
                f"{error}"
            ) from error
