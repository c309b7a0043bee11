"""Rows from the Hugging Face hub (or a local folder in its form), through `datasets`."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
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

    def __init__(self, origin: HuggingFace, *, dataset: str = "") -> None:
        self._origin = origin
        self._name = f"{origin.path}/{origin.config}".rstrip("/")
        # For messages: our name of the dataset, where it has one.
        self._dataset = dataset
        self._label = f"Hugging Face {self._name}"
        self._see = f"flan sources {dataset}".rstrip()

    def status(self) -> Status:
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
        return {
            "source": self.kind,
            "name": self._name,
            "revision": self._origin.revision,
            "rows": self.num_rows(split),
            "sha256": hashlib.sha256(
                json.dumps(
                    [info.download_checksums, info.dataset_size, repr(info.features)]
                ).encode()
            ).hexdigest(),
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
        if self._origin.manual:
            raise SourceUnavailableError(
                f"{self._label}: {self._origin.manual}", dataset=self._dataset
            )
        with extras.needed_for(
            f"{self._label}: reading from the hub", error=SourceUnavailableError, in_note=True
        ):
            import datasets

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
