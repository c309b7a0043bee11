"""How long the sampled inputs and targets are: histograms and quantiles, per cluster too."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from flan_tasks.reports.sample import Sample

PARTS = ("inputs", "targets")
_BINS = 48
_QUANTILES = (0.5, 0.9, 0.99)


def lengths_of(sample: Sample, part: str) -> np.ndarray:
    """Returns lengths of evenly spaced examples, in tokens with EOS or else in characters."""
    if sample.vocabulary is None:
        return np.array([len(getattr(e, part)) for e in sample.fair], np.int64)
    name = "input_ids" if part == "inputs" else "target_ids"
    return np.array([len(getattr(e, name)) for e in sample.fair], np.int64)


def histograms(manifest: Mapping[str, Any], sample: Sample) -> dict[str, Any]:
    """Returns for inputs and targets the bins, what is in them, and quantiles per cluster.

    The last bin holds everything beyond.
    """
    cluster_of = {task["name"]: task["cluster"] for task in manifest["tasks"]}
    clusters = np.array([cluster_of[example.task] for example in sample.fair])
    tables: dict[str, Any] = {
        "unit": "characters" if sample.vocabulary is None else "tokens",
        "of": len(clusters),
    }
    for part in PARTS:
        lengths = lengths_of(sample, part)
        limit = manifest["lengths"][part] if sample.vocabulary is not None else None
        tables[part] = {
            "limit": limit,
            **_histogram(lengths, limit),
            "quantiles": _quantiles(lengths),
            "longest": int(lengths.max(initial=0)),
            "clusters": {
                str(name): _quantiles(lengths[clusters == name]) for name in np.unique(clusters)
            },
        }
    return tables


def _histogram(lengths: np.ndarray, limit: int | None) -> dict[str, Any]:
    if not len(lengths):
        return {"width": 1, "counts": []}
    # To the longest but for a few, and past the limit where anything is: it must be seen.
    end = int(np.quantile(lengths, 0.995)) + 1
    if limit is not None and lengths.max() > limit:
        end = max(end, round(1.2 * limit))
    width = -(-end // _BINS)
    last = -(-end // width)
    places = np.minimum(lengths // width, last)
    return {"width": width, "counts": np.bincount(places, minlength=last + 1).tolist()}


def _quantiles(lengths: np.ndarray) -> list[int]:
    if not len(lengths):
        return []
    return [int(q) for q in np.quantile(lengths, _QUANTILES, method="lower")]
