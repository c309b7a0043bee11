"""Rates and shares of a mixture's datasets from declared sizes, without a row of data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flan_tasks.core import notebook
from flan_tasks.core.mixture import Mixture, mixing_rates
from flan_tasks.core.splits import share_limit
from flan_tasks.datasets import catalog


@dataclass(frozen=True)
class Share:
    """One dataset of a mixture."""

    name: str
    """Its name."""
    cluster: str
    """Its cluster."""
    rate: float
    """Mixing rate."""
    share: float
    """Part of all rows, from 0 to 1."""
    size_declared: bool
    """Whether its size is declared; a dataset without has no rate before its rows are read."""
    evaluated_only: bool
    """Whether it is never trained on."""


@dataclass(frozen=True)
class MixtureShares:
    """A mixture by declared sizes."""

    name: str
    """Its name."""
    description: str
    """What it is, in a sentence."""
    held_out: tuple[str, ...]
    """Datasets that are held out."""
    datasets: tuple[Share, ...]
    """Its datasets, in the order of the catalog."""

    @property
    def clusters(self) -> dict[str, float]:
        """Cluster -> share."""
        found: dict[str, float] = {}
        for one in self.datasets:
            if not one.evaluated_only:
                found[one.cluster] = found.get(one.cluster, 0.0) + one.share
        return found

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON-able values."""
        return asdict(self)

    def _repr_html_(self) -> str:
        trained = [(one.name, one.share) for one in self.datasets if not one.evaluated_only]
        held = [notebook.text(f"held out: {', '.join(self.held_out)}")] if self.held_out else []
        about = notebook.text(self.description)
        return notebook.page(self.name, about, notebook.bars(trained), *held)


def shares(mixture: Mixture) -> MixtureShares:
    """Returns the rate and share of each dataset of a mixture, from declared sizes.

    Raises:
      UnknownNameError: it names something unknown.
    """
    members = catalog().members(mixture)
    counts = declared_counts(mixture)
    meant = {name: [d.name for d in catalog().expand([name])] for name in mixture.rates}
    rates: Mapping[str, float] = mixing_rates(mixture, members, counts, rate_of=meant)
    total = sum(rates.values()) or 1.0
    return MixtureShares(
        name=mixture.name,
        description=mixture.description,
        held_out=tuple(dataset.name for dataset in catalog().held_out(mixture)),
        datasets=tuple(
            Share(
                name=dataset.name,
                cluster=dataset.cluster,
                rate=round(rates.get(dataset.name, 0.0), 4),
                share=round(rates.get(dataset.name, 0.0) / total, 6),
                size_declared=bool(dataset.declared_rows("train")),
                evaluated_only=not dataset.is_trained_on,
            )
            for dataset in members
        ),
    )


def declared_counts(mixture: Mixture) -> dict[str, int]:
    """Returns the training examples of each dataset by declared sizes, after carve and limit."""
    groups: dict[str, dict[str, int]] = {}
    for dataset in catalog().members(mixture):
        if dataset.is_trained_on:
            sizes = groups.setdefault(dataset.parent, {})
            sizes[dataset.name] = dataset.declared_rows("train") or 0
    return {
        name: count
        for sizes in groups.values()
        for name, count in share_limit(mixture.limit, sizes).items()
    }
