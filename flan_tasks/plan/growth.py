"""How a plan grows: the rows it had stay where they are, and others are added behind them.

The rows of a plan that is mixed anew after its rates changed are nearly all others, so a plan that
is to keep some keeps all: it begins with them, as they were, and what is added is shared so that
the whole has the new rates.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil

from flan_tasks.core.counting import counted
from flan_tasks.core.errors import DeclarationError
from flan_tasks.plan.gathering import Ingredient
from flan_tasks.plan.shares import largest_remainder

# Rows of each task by its name, those without any too, in the order of the plan.
Stage = Mapping[str, int]
# Tasks that a message names before it counts the rest.
_NAMED = 3


def in_order(
    items: Sequence[Ingredient], stages: Sequence[Stage], *, mixture: str
) -> tuple[Ingredient, ...]:
    """Returns tasks in the order of the plan that grows, those that are added behind them.

    Args:
      items: of the plan that is made.
      stages: what there was; the last one names all tasks.
      mixture: name of the mixture, for messages.

    Raises:
      DeclarationError: there is a task of the plan that grows of which there are no examples now.
    """
    by_name = {item.name: item for item in items}
    names = list(stages[-1])
    if gone := [name for name in names if name not in by_name]:
        raise DeclarationError(
            f'mixture "{mixture}" cannot grow from a build with rows of {_some(gone)}, of which it '
            "has none now: what a build has stays in it. Take them in again, or build anew, "
            "without --grow-from"
        )
    return (*(by_name[name] for name in names), *(i for i in items if i.name not in stages[-1]))


def stage_counts(names: Sequence[str], stages: Sequence[Stage]) -> list[tuple[int, ...]]:
    """Returns the rows of each task by stage.

    Args:
      names: of the tasks, in the order of the plan.
      stages: what there was.
    """
    return [tuple(stage.get(name, 0) for name in names) for stage in stages]


def added_rows(
    names: Sequence[str], exact: Sequence[Fraction], there: Sequence[int], *, mixture: str
) -> list[int]:
    """Returns how many rows of each task are added.

    They are shared in proportion to what each task lacks of its share of the whole, so that the
    whole has its shares, rounded up or down.

    Args:
      names: of the tasks.
      exact: rows that each has of the whole by its rate; they add up to whole rows.
      there: rows that each has already.
      mixture: name of the mixture, for messages.

    Raises:
      DeclarationError: more of a task is there than its share, or nothing is to be added.
    """
    total = int(sum(exact))
    over = [
        n for n, (share, rows) in enumerate(zip(exact, there, strict=True)) if rows - share >= 1
    ]
    if over:
        worst = max(over, key=lambda n: there[n] - exact[n])
        has = (
            f'mixture "{mixture}" cannot grow from the build to {counted(total, "row")}: it has '
            f"{there[worst]:,} of {names[worst]}, whose share would be {float(exact[worst]):,.0f}"
            + (f" ({_some([names[n] for n in over if n != worst])} likewise)" if over[1:] else "")
        )
        if all(exact[n] for n in over):
            least = max(ceil(there[n] * total / exact[n]) for n in over)
            raise DeclarationError(
                f"{has}. What a build has stays in it: ask for {least:,} rows or more "
                "(--examples), or build anew, without --grow-from"
            )
        raise DeclarationError(f"{has}. Build anew, without --grow-from")
    to_add = total - sum(there)
    if to_add < 1:
        raise DeclarationError(
            f'mixture "{mixture}" comes to {counted(total, "row")}, as many as the build that it '
            "grows from has; ask for more with --examples"
        )
    lacking = [max(share - rows, Fraction(0)) for share, rows in zip(exact, there, strict=True)]
    return largest_remainder(lacking, to_add)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
