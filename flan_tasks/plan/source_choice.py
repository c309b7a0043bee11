"""Where rows are read from."""

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.data_dirs import DataDirs
from flan_tasks.core.dataset import Dataset
from flan_tasks.raw_rows import DECLARED, open_source
from flan_tasks.raw_rows.base import Source
from flan_tasks.raw_rows.families import FamilySource


@dataclass(frozen=True)
class SourceChoice:
    """Where rows are read from."""

    kind: str = DECLARED
    """One of `core.origin.SOURCE_KINDS`."""
    data_dir: Path | None = None
    """A prepared TFDS tree, or a folder of files; or several, as `core.data_dirs` reads them."""
    exceptions: Mapping[str, str] = field(default_factory=dict)
    """Name of a dataset or family -> its own kind, where it is another."""
    apart: bool = False
    """Whether what needs TensorFlow is read by a process of its own, so that this has none."""

    def kind_of(self, dataset: Dataset) -> str:
        """Returns the kind of source that a dataset is read from."""
        return self.exceptions.get(dataset.family or dataset.name, self.kind)

    def absolute(self) -> "SourceChoice":
        """Returns it for a process whose current folder is another."""
        text = DataDirs.of(self.data_dir).absolute().to_text()
        return replace(self, data_dir=Path(text) if text else None)

    def open(
        self, dataset: Dataset, catalog: Catalog, *, opened: MutableMapping[str, FamilySource]
    ) -> Source:
        """Opens the source of a dataset.

        Sources of families are kept in `opened` for their other members.

        Raises:
          SourceUnavailableError: it has none of that kind.
        """
        return open_source(
            dataset,
            kind=self.kind_of(dataset),
            data_dir=self.data_dir,
            samples=catalog.samples(dataset.name),
            apart=self.apart,
            opened=opened,
        )

    def for_compared(
        self, compared: Iterable[Dataset], built: Iterable[Dataset], catalog: Catalog
    ) -> "SourceChoice":
        """Returns where evaluation sets are read from that training examples are compared with.

        Of one that is not trained on and has a directory by its name, where the training rows are
        from says nothing: its own source is meant.
        """
        if self.kind == DECLARED:
            return self
        names = {dataset.family or dataset.name for dataset in compared}
        names -= {dataset.family or dataset.name for dataset in built}
        by_name = [name for name in DataDirs.of(self.data_dir).named if catalog.knows(name)]
        placed = {dataset.family or dataset.name for dataset in catalog.expand(by_name)}
        own = dict.fromkeys(sorted(names & placed), DECLARED)
        return replace(self, exceptions={**self.exceptions, **own})

    def check(self, catalog: Catalog) -> None:
        """Checks that what has a directory of its own is known.

        Raises:
          UnknownNameError: a name is unknown.
          DeclarationError: a directory is given twice, or is empty.
        """
        DataDirs.of(self.data_dir).check(catalog.expand, rows=catalog.row_dirs)
