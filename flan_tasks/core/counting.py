"""Counts with their nouns and verbs, as messages print them: "1 shard was built", "1,200 rows"."""


def counted(number: float, noun: str, plural: str = "") -> str:
    """Returns a number with its noun.

    Args:
      number: how many there are; a mean of counts has decimals.
      noun: what one of them is called.
      plural: what several are called; by default the noun with an s.
    """
    shown = f"{number:,g}" if isinstance(number, float) else f"{number:,}"
    return f"{shown} {noun if number == 1 else plural or f'{noun}s'}"


def are(number: int) -> str:
    """Returns the verb that goes with a count."""
    return "is" if number == 1 else "are"


def were(number: int) -> str:
    """The same of what is past."""
    return "was" if number == 1 else "were"
