"""What stands against the numbers of an evaluation: ties, cut prompts, prompts never asked."""

from collections.abc import Iterable

from flan_tasks.core.counting import are, counted, were
from flan_tasks.evaluation.summary import DatasetScore

# Share of prompts above which cut ends are warned of.
TRIMMED_SHARE = 0.05


def score_warnings(scores: Iterable[DatasetScore]) -> list[str]:
    """Returns what stands against the numbers of an evaluation, a line for each dataset and way."""
    lines: dict[str, None] = {}
    for score in scores:
        for way in dict.fromkeys(one.way for one in score.templates):
            of_way = [one for one in score.templates if one.way == way]
            total = sum(one.num_examples for one in of_way)
            shared, ties = (sum(getattr(one, n) for one in of_way) for n in ("shared", "ties"))
            trimmed, shortened, left_out = (
                sum(getattr(one, n) for one in of_way) for n in ("trimmed", "shortened", "left_out")
            )
            if shared:
                lines[
                    f"{score.dataset}, by {way}: {shared:,} of {counted(total, 'prompt')} have "
                    f"options with the same ids, which no model tells apart; {ties:,} had such a "
                    "one as the likeliest and count as wrong. The vocabulary does not know their "
                    "texts, or they differ beyond --lengths targets="
                ] = None
            if trimmed > TRIMMED_SHARE * total:
                # The same prompts under another way are no news.
                lines[
                    f"{score.dataset}: {trimmed:,} of {counted(total, 'prompt')} {were(trimmed)} "
                    "cut to fit, at their end or at that of an option; --lengths gives them room"
                ] = None
            if shortened > TRIMMED_SHARE * total:
                lines[
                    f"{score.dataset}: {shortened:,} of {counted(total, 'prompt')} had their "
                    "longest field shortened to fit; --lengths gives them room"
                ] = None
            if left_out:
                lines[
                    f"{score.dataset}: {counted(left_out, 'prompt')} {are(left_out)} not asked, as "
                    "no shortening of fields makes them fit; the numbers are of the other "
                    f"{total:,}"
                ] = None
        if score.unasked:
            unasked = sum(score.unasked.values())
            names = ", ".join(sorted({name.partition(",")[0] for name in score.unasked}))
            lines[
                f"{score.dataset}: no prompt of some templates fits ({names}): "
                f"{unasked:,} more {are(unasked)} not asked, and its numbers are of its "
                "other templates"
            ] = None
    return list(lines)
