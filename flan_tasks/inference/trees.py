"""Prompts and options as trees of tokens: what several have in common stands once.

In a decoder that looks back only, what a token becomes depends on itself and the tokens before it,
so questions on one passage, and options that begin alike, may share their beginning and be read in
one row: each token sees those it follows and no others. A beginning that many prompts share, such
as solved examples, is read once, and rows of what follows look at its cached keys and values.
Where inputs see each other both ways, prompts share nothing and only options stand side by side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from flan_tasks.inference.questions import DistinctInput

# Tokens of a row that holds several prompts.
ROW = 512
# The fewest tokens that are worth a cache of their own.
BEGINNING = 32
# Most tokens of the options of one prompt in a row; further ones stand behind its next copy.
OPTIONS = 512


class Leaf(NamedTuple):
    """A prompt with some of its options, as a row holds it."""

    ids: np.ndarray
    """Ids of the prompt."""
    options: tuple[np.ndarray, ...]
    """Ids of the options."""
    number: int
    """Number of the input that it is of."""
    first: int
    """Number of its first option among all of the input."""


@dataclass(frozen=True)
class Group:
    """Prompts with one beginning, which is read once."""

    beginning: np.ndarray
    """Ids that all share; empty where they are read without a cache."""
    leaves: tuple[Leaf, ...]
    """The prompts, sorted by their ids, so that neighbors share most."""

    @property
    def shared(self) -> int:
        """Tokens that are read once."""
        return len(self.beginning)


@dataclass
class Row:
    """Tokens of a row in the order of a walk through their tree, parents first."""

    tokens: list[int] = field(default_factory=list)
    """Ids."""
    depths: list[int] = field(default_factory=list)
    """Position of each in its own text."""
    parents: list[int] = field(default_factory=list)
    """Place of the token before it; -1 where that is the last of the beginning, or nothing."""
    blocks: list[int] = field(default_factory=list)
    """Number of the prompt that a token is of, from 1; 0 in options."""
    wanted: list[tuple[int, int, int, int]] = field(default_factory=list)
    """(place of the token before, id, number of the input, number of the option)."""

    def ends(self) -> list[int]:
        """Returns for each token the place behind the last of those that follow it."""
        ends = [place + 1 for place in range(len(self.tokens))]
        for place in range(len(ends) - 1, -1, -1):
            parent = self.parents[place]
            if parent >= 0:
                ends[parent] = max(ends[parent], ends[place])
        return ends

    def add(self, leaves: Sequence[Leaf], shared: int, *, share: bool) -> None:
        """Adds prompts; each begins where it parts from the one before.

        Args:
          leaves: sorted by their ids.
          shared: tokens of the beginning, which do not stand in the row.
          share: whether prompts may share tokens.
        """
        path: list[int] = []
        before = np.empty(0, np.int32)
        for leaf in leaves:
            ids = leaf.ids[shared:]
            # The last token stands on its own: what follows it is of this prompt.
            common = min(_common(before, ids), len(ids) - 1) if share else 0
            path = path[:common]
            block = max(self.blocks, default=0) + 1
            for depth in range(common, len(ids)):
                path.append(self._append(ids[depth], shared + depth, path, block))
            before = ids
            nodes: dict[tuple[int, int], int] = {}
            # In order, so that what follows a token stands right behind it: `ends` says how far.
            for number, option in sorted(enumerate(leaf.options), key=lambda one: one[1].tolist()):
                place = path[-1]
                depth = shared + len(ids)
                for turn, token in enumerate(option.tolist()):
                    self.wanted.append((place, token, leaf.number, leaf.first + number))
                    if turn == len(option) - 1:
                        break
                    if (place, token) not in nodes:
                        nodes[place, token] = self._append(token, depth + turn, [place], 0)
                    place = nodes[place, token]

    def _append(self, token: int, depth: int, path: Sequence[int], block: int) -> int:
        self.tokens.append(int(token))
        self.depths.append(depth)
        self.parents.append(path[-1] if path else -1)
        self.blocks.append(block)
        return len(self.tokens) - 1


def leaves_of(inputs: Sequence[DistinctInput]) -> list[Leaf]:
    """Returns the prompts with their options; one with very many comes several times."""
    leaves = []
    for number, one in enumerate(inputs):
        begin = room = 0
        for place, option in enumerate(one.options):
            if place > begin and room + len(option) > OPTIONS:
                leaves.append(Leaf(one.ids, one.options[begin:place], number, begin))
                begin, room = place, 0
            room += len(option)
        leaves.append(Leaf(one.ids, one.options[begin:], number, begin))
    return leaves


def grouped(leaves: Sequence[Leaf], *, share: bool) -> list[Group]:
    """Returns prompts by the beginnings that are worth reading once, the rest in one group.

    Args:
      leaves: prompts in any order.
      share: whether prompts may share a beginning at all.
    """
    ordered = sorted(leaves, key=lambda leaf: (leaf.ids.tolist(), leaf.number, leaf.first))
    if not share or len(ordered) < 2:
        return [Group(np.empty(0, np.int32), tuple(ordered))] if ordered else []
    common = np.array(
        [_common(a.ids, b.ids) for a, b in zip(ordered, ordered[1:], strict=False)], np.int64
    )
    sizes = np.array([_size(leaf) for leaf in ordered])
    groups: list[Group] = []
    rest: list[Leaf] = []
    parts = [(0, len(ordered))]
    while parts:
        first, last = parts.pop()
        within = common[first : last - 1]
        shortest = min(len(leaf.ids) for leaf in ordered[first:last]) - 1
        shared = min(int(within.min()), shortest) if last - first > 1 else 0
        own = int(sizes[first:last].sum() - within.sum()) - shared
        if _is_worth(shared, own):
            beginning = ordered[first].ids[:shared]
            groups.append(Group(beginning, tuple(ordered[first:last])))
        elif last - first < 2 or own < 2 * ROW:
            rest += ordered[first:last]
        else:
            # Where fewest tokens are shared, prompts are parted.
            cuts = first + 1 + np.flatnonzero(within == within.min())
            bounds = [first, *cuts.tolist(), last]
            parts += list(zip(bounds, bounds[1:], strict=False))[::-1]
    if rest:
        groups.append(Group(np.empty(0, np.int32), tuple(rest)))
    return groups


def rows_of(group: Group, *, share: bool) -> list[Row]:
    """Returns the rows of a group, most of them nearly full of prompts."""
    families = sorted(_families(group, share), key=lambda one: -one[0])
    rows: list[Row] = []
    # The largest first, each into the fullest row that has room.
    for size, leaves in families:
        fits = [row for row in rows if len(row.tokens) + size <= ROW]
        if not fits:
            fits = [Row()]
            rows += fits
        max(fits, key=lambda row: len(row.tokens)).add(leaves, group.shared, share=share)
    return rows


def _families(group: Group, share: bool) -> Iterator[tuple[int, list[Leaf]]]:
    """Yields prompts that share tokens and fit a row, with the tokens they take at most."""
    leaves: list[Leaf] = []
    size = room = 0
    for leaf in group.leaves:
        own = _size(leaf) - group.shared
        common = _common(leaves[-1].ids, leaf.ids) - group.shared if leaves and share else 0
        if leaves and (common < BEGINNING // 2 or size + own - common > room):
            yield size, leaves
            leaves, size, common = [], 0, 0
        # Questions on a text that fills a row by itself still stand beside it.
        room = room if leaves else max(ROW, own + ROW // 2)
        leaves.append(leaf)
        # A prompt that begins another keeps a last token of its own.
        size += own - min(common, len(leaf.ids) - 1 - group.shared)
    if leaves:
        yield size, leaves


def _is_worth(shared: int, own: int) -> bool:
    """Whether a beginning is read apart: rows hold it again and again otherwise."""
    return shared >= BEGINNING and own >= 2 * ROW and own * shared > 2 * ROW * ROW


def _size(leaf: Leaf) -> int:
    """Most tokens that a prompt and its options take in a row."""
    return len(leaf.ids) + sum(max(len(option) - 1, 0) for option in leaf.options)


def _common(a: np.ndarray, b: np.ndarray) -> int:
    """Returns how many ids two texts begin with alike."""
    length = min(len(a), len(b))
    differs = np.flatnonzero(a[:length] != b[:length])
    return int(differs[0]) if len(differs) else length
