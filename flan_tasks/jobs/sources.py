"""Whether rows of datasets are available, and what it takes where they are not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core import notebook
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError, SourceUnavailableError
from flan_tasks.core.origin import DECLARED
from flan_tasks.datasets import catalog
from flan_tasks.raw_rows import State, Status, alternatives, open_source


@dataclass(frozen=True)
class SourceState:
    """The rows of one dataset."""

    name: str
    """Its name, or that of a family with the number of its tasks."""
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
    for name, dataset in _places(names).items():
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


def _places(names: Sequence[str]) -> dict[str, Dataset]:
    """Returns what a line shows -> a dataset of it; all members of a family have one place."""
    datasets = catalog().expand(names) if names else catalog().datasets
    members = Counter(dataset.family for dataset in datasets)
    places: dict[str, Dataset] = {}
    for dataset in datasets:
        number = members[dataset.family]
        folded = dataset.family and number > 1
        places.setdefault(
            f"{dataset.family} ({number:,} tasks)" if folded else dataset.name, dataset
        )
    if not names:
        for family in catalog().families.values():
            first = next(iter(family.members))
            places[f"{family.name} ({len(family.members):,} tasks)"] = family.task(first)
    return places
