"""Options a model cannot tell apart: texts that became the same ids, and so get the same score.

All of an example's options are unknown pieces, say, or they differ only beyond the length they are
cut at. Where the likeliest option is one of several such, there is no answer: the example counts as
answered wrongly, whatever the order of its options, and is reported.
"""

from collections.abc import Iterable, Sequence


def equal_options(ids: Sequence[Iterable[int]]) -> tuple[int, ...]:
    """Returns for each option the number of the first with the same ids; () where all differ."""
    first: dict[tuple[int, ...], int] = {}
    numbers = [first.setdefault(tuple(map(int, one)), place) for place, one in enumerate(ids)]
    return () if len(first) == len(numbers) else tuple(numbers)


def is_tied(equal: Sequence[int], chosen: int) -> bool:
    """Whether the chosen option has others with the same ids beside it."""
    return bool(equal) and list(equal).count(equal[chosen]) > 1
