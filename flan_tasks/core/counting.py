"""Counts with their nouns and verbs as messages print them, "1 shard was built", and times."""


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


def duration(seconds: float) -> str:
    """Returns a time as a person says it: 42s, 3m10s, 2h05m."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
