"""What many prompts begin with, such as solved examples, found so that it is read once.

For texts that are written: `trees` has the same for options that are ranked, whose rows hold
several prompts. Of a decoder that looks back only, so that a beginning does not depend on what
follows it.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np

from flan_tasks.inference.pool import Batch, Pool, Waiting, length_class
from flan_tasks.inference.programs import LIMIT, Allowance, Programs, bucket, inputs_batch
from flan_tasks.models.model import Cache, Model, Tree

# Tokens that reading a beginning apart must save besides what its programs cost: its prompts share
# no batch with others.
LEAST = 2_048
# The fewest tokens, and prompts, of a beginning.
TOKENS, PROMPTS = 32, 4
# Beginnings, and what stands behind them, are padded to these lengths and their doubles: each pair
# of lengths needs programs of its own.
LENGTHS = (64,)
# Programs that beginnings may need in all; the others are for prompts that share nothing.
MOST = LIMIT // 8


@dataclass(frozen=True)
class Begun:
    """Prompts with one beginning."""

    beginning: np.ndarray
    """Ids that all share; empty where nothing is shared."""
    numbers: tuple[int, ...]
    """Numbers of the prompts."""

    @classmethod
    def of_nothing(cls, count: int) -> "Begun":
        """Returns so many prompts that share nothing."""
        return cls(np.empty(0, np.int32), tuple(range(count)))

    @property
    def shares(self) -> bool:
        """Whether there is a beginning."""
        return len(self.beginning) > 0

    def rest(self, ids: np.ndarray) -> np.ndarray:
        """Returns what stands behind the beginning in the ids of a prompt."""
        return ids[len(self.beginning) :]


class Apart:
    """Parts prompts into batches, those with one beginning apart where that is worth its programs.

    Batches depend on prompts and their order alone.

    Args:
      pool: cuts batches.
      program: tokens that could be read while a program is compiled.
    """

    def __init__(self, pool: Pool, program: int) -> None:
        self._pool = pool
        self.allowance = Allowance(program, MOST)

    def forget(self) -> None:
        """Begins anew."""
        self._pool.forget()
        self.allowance.forget()

    def batches(
        self, prompts: Sequence[np.ndarray], *, shares: bool
    ) -> Iterator[tuple[Begun, list[Batch[int | None, int]]]]:
        """Yields groups of prompts with their batches of prompts' numbers.

        Rows that have ended take the next prompt, so all of a length are one batch.

        Args:
          prompts: their ids.
          shares: whether beginnings may be read apart.
        """
        left: list[int] = []
        nothing_shared = [Begun.of_nothing(len(prompts))]
        for group in by_beginning(prompts) if shares else nothing_shared:
            if not group.shares:
                left += group.numbers
                continue
            pool = self._pool.copy()
            kind = beginning_class(group)
            waiting: list[Waiting[int | None, int]] = [
                Waiting(kind, bucket(len(group.rest(prompts[number])), LENGTHS), number)
                for number in group.numbers
            ]
            batches = _joined(pool.batches(waiting))
            saved = sum(length_class(len(prompts[number])) for number in group.numbers)
            # The last prompts do not fill their rows.
            saved -= sum(max(one.rows, len(one.items)) * one.length for one in batches)
            saved -= kind + LEAST
            if self.allowance.allows(kind, _programs(kind, batches), saved):
                self._pool = pool
                yield group, batches
            else:
                left += group.numbers
        if left:
            nothing = Begun(np.empty(0, np.int32), tuple(sorted(left)))
            alone: list[Waiting[int | None, int]] = [
                Waiting(None, len(prompts[number]), number) for number in nothing.numbers
            ]
            yield nothing, _joined(self._pool.batches(alone))


def beginning_class(group: Begun) -> int:
    """Returns the length that the beginning of a group is padded to."""
    return bucket(len(group.beginning), LENGTHS)


def _joined(batches: Iterator[Batch[int | None, int]]) -> list[Batch[int | None, int]]:
    """Returns batches of which those of one shape that follow each other are one."""
    joined = []
    for (kind, length, rows), same in groupby(batches, lambda b: (b.kind, b.length, b.rows)):
        items = tuple(item for batch in same for item in batch.items)
        joined.append(Batch(kind, length, rows, items))
    return joined


def _programs(kind: int, batches: Sequence[Batch[int | None, int]]) -> set[Hashable]:
    """Returns what is compiled for a beginning and batches behind it, at most."""
    programs: set[Hashable] = {(kind,)}
    for batch in batches:
        names = ["reading", "writing"]
        if len(batch.items) > batch.rows:
            names += ["reading a few", "filling"]
        programs |= {(kind, batch.length, batch.rows, name) for name in names}
    return programs


def by_beginning(prompts: Sequence[np.ndarray]) -> list[Begun]:
    """Returns prompts in the groups that save most tokens, those that share nothing worth it last.

    Args:
      prompts: their ids, each with at least one token.
    """
    order = sorted(range(len(prompts)), key=lambda number: (prompts[number].tolist(), number))
    ordered = [prompts[number] for number in order]
    common = np.array([_common(a, b) for a, b in zip(ordered, ordered[1:], strict=False)], np.int64)
    # Every run of prompts that share more with each other than with those around them: each stands
    # before the runs that it holds.
    runs: list[tuple[int, int, int, list[int]]] = []
    parts = [(0, len(ordered), -1)]
    while parts:
        first, last, within = parts.pop()
        if last - first < PROMPTS:
            continue
        inner = common[first : last - 1]
        # The last token of a prompt stands behind the beginning.
        shared = min(int(inner.min()), min(len(ids) for ids in ordered[first:last]) - 1)
        if within >= 0:
            runs[within][3].append(len(runs))
        runs.append((first, last, shared, []))
        cuts = first + 1 + np.flatnonzero(inner == inner.min())
        bounds = [first, *cuts.tolist(), last]
        parts += [(*ends, len(runs) - 1) for ends in zip(bounds, bounds[1:], strict=False)][::-1]
    saved = [0] * len(runs)
    for place in range(len(runs) - 1, -1, -1):
        saved[place] = max(_saved(runs[place]), sum(saved[one] for one in runs[place][3]))
    groups: list[Begun] = []
    rest = set(range(len(prompts)))
    waiting = [0] if runs else []
    while waiting:
        first, last, shared, holds = runs[place := waiting.pop()]
        if saved[place] and saved[place] == _saved(runs[place]):
            beginning = ordered[first][:shared].astype(np.int32)
            groups.append(Begun(beginning, tuple(sorted(order[first:last]))))
            rest -= set(order[first:last])
        else:
            waiting += holds[::-1]
    if rest:
        groups.append(Begun(np.empty(0, np.int32), tuple(sorted(rest))))
    return groups


def read_beginning(model: Model, params: Tree, beginning: np.ndarray, programs: Programs) -> Cache:
    """Returns the cached keys and values of a beginning, of one row.

    Raises:
      EvaluationError: too many programs would be compiled.
    """
    length = bucket(len(beginning), LENGTHS)
    batch = inputs_batch(model.config, [beginning], length=length, rows=programs.multiple)
    return programs.call(("reading beginnings",), partial(_read, model), params, batch)


def _read(model: Model, params: Tree, batch: dict) -> Cache:
    _, cache = model.prefill(params, batch, 0)
    return {
        "key": cache["key"][:, :1],
        "value": cache["value"][:, :1],
        "positions": cache["positions"][:1],
    }


def _saved(run: tuple[int, int, int, list[int]]) -> int:
    """Tokens that reading the beginning of a run once saves; 0 where it is not worth it."""
    first, last, shared, _ = run
    tokens = shared * (last - first - 1) - LEAST
    return tokens if shared >= TOKENS and tokens > 0 else 0


def _common(a: np.ndarray, b: np.ndarray) -> int:
    """Returns how many ids two prompts begin with alike."""
    length = min(len(a), len(b))
    differs = np.flatnonzero(a[:length] != b[:length])
    return int(differs[0]) if len(differs) else length
