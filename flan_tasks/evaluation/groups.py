"""Which examples belong together: questions on one passage, turns of one dialog.

Examples that share a passage are right or wrong together more often than others, so errors and
intervals that take them for independent are too small (Miller 2024, "Adding Error Bars to Evals",
section 2.2). Sources rarely number their passages; the texts themselves say it.
"""

from collections.abc import Mapping, Sequence

# Shorter texts are shared by chance: a topic, a name, a question that is always the same.
SHORTEST_SHARED = 80
# Among fewer examples one passage may have most.
FEW_EXAMPLES = 20


def shared_text_groups(
    fields: Sequence[Mapping[str, object]], keys: Sequence[str], *, constants: frozenset[str]
) -> list[str]:
    """Returns for each example the key of the first that it belongs with; its own where alone.

    Two belong together where one of their fields holds the same text of `SHORTEST_SHARED`
    characters or more, and so do two that each belong with a third. A text that most of more than
    `FEW_EXAMPLES` hold, as an instruction would be, tells none of them apart and is left out.

    Args:
      fields: of each example, name -> value; values that are no texts are left out.
      keys: of each example.
      constants: fields that are the same for all examples by declaration.
    """
    leaders = list(range(len(fields)))

    def leader(number: int) -> int:
        while leaders[number] != number:
            leaders[number] = leaders[leaders[number]]
            number = leaders[number]
        return number

    holders: dict[tuple[str, str], list[int]] = {}
    for number, values in enumerate(fields):
        for name, text in values.items():
            if name not in constants and isinstance(text, str) and len(text) >= SHORTEST_SHARED:
                holders.setdefault((name, text), []).append(number)
    for numbers in holders.values():
        if 2 * len(numbers) > len(fields) > FEW_EXAMPLES:
            continue
        for number in numbers[1:]:
            first, second = sorted((leader(numbers[0]), leader(number)))
            leaders[second] = first
    return [keys[leader(number)] for number in range(len(fields))]
