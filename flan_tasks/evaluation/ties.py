"""Options a model cannot tell apart: texts that became the same ids, and so get the same score.

All of an example's options are unknown pieces, say, or they differ only beyond the length they are
cut at. Where the likeliest option is one of several such, there is no answer: the example counts as
answered wrongly, whatever the order of its options, and is reported.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flan_tasks.evaluation.summary import DatasetScore

# Share of prompts above which cut ends are warned of.
TRIMMED_SHARE = 0.05


def equal_options(ids: Sequence[Iterable[int]]) -> tuple[int, ...]:
    """Returns for each option the number of the first with the same ids; () where all differ."""
    first: dict[tuple[int, ...], int] = {}
    numbers = [first.setdefault(tuple(map(int, one)), place) for place, one in enumerate(ids)]
    return () if len(first) == len(numbers) else tuple(numbers)


def is_tied(equal: Sequence[int], chosen: int) -> bool:
    """Whether the chosen option has others with the same ids beside it."""
    return bool(equal) and list(equal).count(equal[chosen]) > 1


def score_warnings(scores: Iterable["DatasetScore"]) -> list[str]:
    """Returns what stands against the numbers of an evaluation, a line for each dataset and way."""
    lines: dict[str, None] = {}
    for score in scores:
        for way in dict.fromkeys(one.way for one in score.templates):
            of_way = [one for one in score.templates if one.way == way]
            asked = sum(one.num_examples for one in of_way)
            shared, ties = (sum(getattr(one, n) for one in of_way) for n in ("shared", "ties"))
            trimmed, shortened, left_out = (
                sum(getattr(one, n) for one in of_way) for n in ("trimmed", "shortened", "left_out")
            )
            if shared:
                lines[
                    f"{score.dataset}, by {way}: {shared:,} of {asked:,} prompts have options with "
                    f"the same ids, which no model tells apart; {ties:,} had such a one as the "
                    "likeliest and count as wrong. The vocabulary does not know their texts, or "
                    "they differ beyond --lengths targets="
                ] = None
            if trimmed > TRIMMED_SHARE * asked:
                # The same prompts under another way are no news.
                lines[
                    f"{score.dataset}: {trimmed:,} of {asked:,} prompts were cut to fit, at their "
                    "end or at that of an option; --lengths gives them room"
                ] = None
            if shortened > TRIMMED_SHARE * asked:
                lines[
                    f"{score.dataset}: {shortened:,} of {asked:,} prompts had their longest field "
                    "shortened to fit; --lengths gives them room"
                ] = None
            if left_out:
                lines[
                    f"{score.dataset}: {left_out:,} prompts are not asked, as they do not fit "
                    f"however their fields are shortened; the numbers are of the other {asked:,}"
                ] = None
        if score.unasked:
            names = ", ".join(sorted({name.partition(",")[0] for name in score.unasked}))
            lines[
                f"{score.dataset}: no prompt of some templates fits ({names}): "
                f"{sum(score.unasked.values()):,} more are not asked, and its numbers are of its "
                "other templates"
            ] = None
    return list(lines)
