"""How sure a change is: two models on the same examples, compared example by example.

Examples of one group (a passage, a dialog, one example under several templates) are not
independent, so groups are drawn, flipped and left out as a whole.

* Interval: the bootstrap over groups, 95 % between the percentiles (Efron and Tibshirani 1993,
  chapters 13 and 16; Miller 2024, sections 2.2 and 4.2).
* p: McNemar's exact test (McNemar 1947; the binomial test of the examples that changed) where each
  group is one answer, right or wrong; else the sign-flip test, which is the same where both apply:
  were there no difference, each group's change would be as likely the other way round (Fisher
  1935; Pitman 1937). All flips where at most `EXACT` groups changed, 10,000 drawn ones else.
* Numbers that are no mean over examples (F1 of a class, BLEU, a correlation): the jackknife of the
  change over blocks of groups (Efron and Tibshirani 1993, chapter 11), read by Student's t.
* Several tests: Holm (1979).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from flan_tasks.core.errors import EvaluationError

MCNEMAR, SIGN_FLIPS, JACKKNIFE = "McNemar", "sign flips", "jackknife"
_DRAWS = 2_000
_FLIPS = 10_000
# Groups that changed, up to which all of their flips are counted.
EXACT = 14
# Parts that are left out in turn.
_BLOCKS = 20
_LEVEL = 0.95
# What a matrix of draws may hold at once.
_CELLS = 4_000_000


@dataclass(frozen=True)
class Sureness:
    """What stands beside a change."""

    error: float | None
    """Its standard error; None for a single group."""
    interval: tuple[float, float] | None
    """Within which it lies with 95 % confidence; None for a single group."""
    p: float | None
    """Probability of a change at least this large, were there no difference between the models."""
    method: str
    """MCNEMAR, SIGN_FLIPS or JACKKNIFE."""


@dataclass(frozen=True)
class Differences:
    """Changes of answers, summed by group and template."""

    sums: np.ndarray
    """float64[groups, templates]: sum of the changes."""
    counts: np.ndarray
    """int64[groups, templates]: how many answers there are."""

    @classmethod
    def of(cls, changes: Sequence[np.ndarray], groups: Sequence[np.ndarray]) -> "Differences":
        """Sums changes up.

        Args:
          changes: of each template, float64[answers]; NaN where a number is not of an answer.
          groups: of each template, the number of each answer's group: int64[answers].
        """
        size = 1 + max((int(one.max()) for one in groups if len(one)), default=-1)
        sums = np.zeros((size, len(changes)))
        counts = np.zeros((size, len(changes)), np.int64)
        for place, (values, owners) in enumerate(zip(changes, groups, strict=True)):
            there = ~np.isnan(values)
            sums[:, place] = np.bincount(owners[there], values[there], minlength=size)
            counts[:, place] = np.bincount(owners[there], minlength=size)
        used = counts.any(axis=1)
        return cls(sums[used], counts[used])

    @property
    def change(self) -> float:
        """Mean over templates of the mean change of an answer."""
        return float(np.mean(self.sums.sum(axis=0) / self.counts.sum(axis=0)))

    @property
    def shares(self) -> np.ndarray:
        """What each group adds to the change: float64[groups]."""
        return np.mean(self.sums / self.counts.sum(axis=0), axis=1)

    @property
    def are_single(self) -> bool:
        """Whether every group is one answer."""
        return bool((self.counts.sum(axis=1) == 1).all())


def sureness_of_mean(differences: Differences, *, seed: int) -> Sureness:
    """Returns how sure a mean change is.

    Args:
      differences: the changes; each in percent, so -100, 0 or 100 for answers right or wrong.
      seed: what the draws depend on.
    """
    if len(differences.sums) < 2:
        return Sureness(None, None, None, SIGN_FLIPS)
    rng = np.random.Generator(np.random.PCG64(seed))
    drawn = _bootstrap(differences, rng)
    low, high = np.quantile(drawn, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    if differences.are_single and np.isin(differences.sums, (-100.0, 0.0, 100.0)).all():
        won, lost = (int((differences.sums.sum(axis=1) == value).sum()) for value in (100, -100))
        p, method = mcnemar(won, lost), MCNEMAR
    else:
        p, method = _sign_flips(differences.shares, rng), SIGN_FLIPS
    return Sureness(float(np.std(drawn, ddof=1)), (float(low), float(high)), p, method)


def _bootstrap(differences: Differences, rng: np.random.Generator) -> np.ndarray:
    """Returns the change under draws of groups: float64[_DRAWS]."""
    groups = len(differences.sums)
    at_once = max(1, _CELLS // groups)
    parts = []
    for start in range(0, _DRAWS, at_once):
        size = min(at_once, _DRAWS - start)
        weights = rng.multinomial(groups, np.full(groups, 1 / groups), size=size)
        counts = weights @ differences.counts
        with np.errstate(invalid="ignore"):
            means = (weights @ differences.sums) / counts
        # A template of which no answer was drawn says nothing.
        parts.append(np.nanmean(means, axis=1))
    return np.concatenate(parts)


def mcnemar(won: int, lost: int) -> float:
    """Returns the two-sided p of McNemar's exact test.

    Args:
      won: answers wrong before and right now.
      lost: answers right before and wrong now.
    """
    changed = won + lost
    tail = sum(math.comb(changed, k) for k in range(min(won, lost) + 1))
    return min(1.0, 2 * tail / 2**changed)


def _sign_flips(shares: np.ndarray, rng: np.random.Generator) -> float:
    """Returns the two-sided p of a sum of shares, each as likely the other way round."""
    shares = shares[shares != 0]
    # Sums that are equal may differ by what rounding leaves.
    observed = abs(shares.sum()) - 1e-9 * np.abs(shares).sum()
    if len(shares) <= EXACT:
        signs = 1 - 2 * ((np.arange(2 ** len(shares))[:, None] >> np.arange(len(shares))) & 1)
        return float(np.mean(np.abs(signs @ shares) >= observed))
    as_far = 0
    at_once = max(1, _CELLS // len(shares))
    for start in range(0, _FLIPS, at_once):
        size = min(at_once, _FLIPS - start)
        signs = 1 - 2 * rng.integers(0, 2, size=(size, len(shares)), dtype=np.int8)
        as_far += int((np.abs(signs @ shares) >= observed).sum())
    # The observed one is among them (Davison and Hinkley 1997, section 4.2).
    return (as_far + 1) / (_FLIPS + 1)


def sureness_of_whole(
    change_without: Callable[[Sequence[int]], float], groups: int, change: float
) -> Sureness:
    """Returns how sure a change is of a number that is no mean over examples.

    Args:
      change_without: the change without some groups, by their numbers.
      groups: how many there are.
      change: the change of all.
    """
    from scipy.stats import t

    blocks = min(_BLOCKS, groups)
    if blocks < 2:
        return Sureness(None, None, None, JACKKNIFE)
    edges = [groups * block // blocks for block in range(blocks + 1)]
    try:
        without = [
            change_without(range(start, stop))
            for start, stop in zip(edges[:-1], edges[1:], strict=True)
        ]
    except EvaluationError:  # the metric has no value without some block
        return Sureness(None, None, None, JACKKNIFE)
    error = math.sqrt((blocks - 1) ** 2 / blocks) * float(np.std(without, ddof=1))
    half = error * float(t.ppf((1 + _LEVEL) / 2, blocks - 1))
    p: float | None = 1.0
    if error:
        p = 2 * float(t.sf(abs(change) / error, blocks - 1))
    elif change:
        p = None
    return Sureness(error, (change - half, change + half), p, JACKKNIFE)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Returns p values corrected for their number; None stays, and is not counted."""
    order = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    highest = 0.0
    for rank, (p, place) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p))
        corrected[place] = highest
    return corrected


def mean_sureness(
    changes: Sequence[float], errors: Sequence[float | None]
) -> tuple[float, tuple[float, float] | None]:
    """Returns the mean of changes of several datasets, and its interval.

    Datasets are taken as independent and as they are: the interval says how far the mean would
    move with other examples of these datasets, not with other datasets.
    """
    mean = float(np.mean(changes))
    known = [error for error in errors if error is not None]
    if len(known) < len(errors):
        return mean, None
    half = 1.959964 * math.sqrt(sum(error**2 for error in known)) / len(known)
    return mean, (mean - half, mean + half)
