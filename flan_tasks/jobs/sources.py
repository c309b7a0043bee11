"""Whether rows of datasets are available, and what it takes where they are not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core import notebook
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError, SourceUnavailableError
from flan_tasks.core.family import family_of
from flan_tasks.core.origin import DECLARED
from flan_tasks.datasets import catalog
from flan_tasks.raw_rows import State, Status, alternatives, open_source


@dataclass(frozen=True)
class SourceState:
    """The rows of one dataset."""

    name: str
    """Its name, or that of a family, or of a table of it, with the number of its tasks."""
    cluster: str
    """Its cluster."""
    state: str
    """One of `raw_rows.State`, such as available or "needs download"."""
    detail: str
    """What there is, or what to do."""
    alternatives: tuple[str, ...]
    """Other sources that it declares."""


@dataclass(frozen=True)
class SourceStates:
    """The rows of some datasets."""

    sources: tuple[SourceState, ...]
    """Dataset by dataset, in the order of the catalog."""

    @property
    def counts(self) -> dict[str, int]:
        """State -> how many datasets are in it."""
        return dict(Counter(one.state for one in self.sources))

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON-able values."""
        return {
            "sources": [
                asdict(one) | {"alternatives": list(one.alternatives)} for one in self.sources
            ]
        }

    def _repr_html_(self) -> str:
        rows = [[one.cluster, one.name, one.state, one.detail] for one in self.sources]
        title = ", ".join(f"{count} {state}" for state, count in self.counts.items())
        header = ("cluster", "dataset", "state", "what there is, or what to do")
        return notebook.page(title, notebook.table(header, rows))


def sources(
    names: Sequence[str] = (), *, source: str = DECLARED, data_dir: Path | None = None
) -> SourceStates:
    """Says for datasets and clusters, or all, whether rows are available; downloads nothing.

    Raises:
      UnknownNameError: a name is none of a dataset or cluster.
    """
    states = []
    places = _places(names, whole=source == DECLARED and data_dir is None)
    for name, dataset in places.items():
        try:
            samples = catalog().samples(dataset.name)
            rows = open_source(dataset, kind=source, data_dir=data_dir, samples=samples)
            status = rows.status()
        except SourceUnavailableError as error:
            status = Status(State.NOT_DECLARED, error.reason)
        except DeclarationError as error:  # files that contradict each other
            status = Status(State.GONE, str(error))
        states.append(
            SourceState(
                name=name,
                cluster=dataset.cluster,
                state=str(status.state),
                detail=status.detail,
                alternatives=tuple(alternatives(dataset)),
            )
        )
    return SourceStates(tuple(states))


def _places(names: Sequence[str], *, whole: bool) -> dict[str, Dataset]:
    """Returns what a line shows -> a dataset of it.

    All members of a family have one place, or those that are made of one table.

    Args:
      names: of datasets and clusters; none means all.
      whole: whether a family is one line even so, as nothing is said of where it is.
    """
    datasets = list(catalog().expand(names) if names else catalog().datasets)
    if not names:
        for family in catalog().families.values():
            datasets += [family.task(name) for name in family.members]
    members = Counter(_place(dataset, whole=whole) for dataset in datasets)
    places: dict[str, Dataset] = {}
    for dataset in datasets:
        place = _place(dataset, whole=whole)
        number = members[place]
        folded = dataset.family and number > 1
        places.setdefault(f"{place} ({number:,} tasks)" if folded else dataset.name, dataset)
    return places


def _place(dataset: Dataset, *, whole: bool) -> str:
    """What a dataset is shown with: itself, its family, or the table of that."""
    if not dataset.family:
        return dataset.name
    family, member = family_of(dataset)
    if family.tables is None or whole:
        return family.name
    return f"{family.name}, {member.table}"
