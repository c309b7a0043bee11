"""Suites that are made of other suites: what is asked for them, and their numbers."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_types import quoted
from flan_tasks.suites.averages import AverageScore, TaskNumber, averages_of
from flan_tasks.suites.declared import PROTOCOL_MARK, Part, Protocol, Suite
from flan_tasks.suites.library import ENDING, open_suite
from flan_tasks.suites.scores import PartScore, SuiteScore


def opened_parts(suite: Suite) -> tuple[tuple[Suite, Protocol], ...]:
    """Returns the suites that a suite is made of, each with the way it is asked.

    A part's file lies beside the suite's.

    Raises:
      UnknownNameError: there is no such suite or protocol.
      DeclarationError: it has no such average, or has parts itself.
    """
    return tuple(_opened(suite, part) for part in suite.parts)


def _opened(suite: Suite, part: Part) -> tuple[Suite, Protocol]:
    name = part.suite
    if name.rpartition(PROTOCOL_MARK)[0].endswith(ENDING):
        name = str(Path(suite.folder) / name)
    opened, protocol = open_suite(name)
    names = [average.name for average in opened.averages]
    if part.average not in names:
        raise DeclarationError(
            f"suite {suite.name}, part {quoted(part.name)}: {opened.name} has no average "
            f"{quoted(part.average)}; it has {', '.join(names)}"
        )
    return opened, protocol


def score_parts(suite: Suite, scores: Mapping[str, SuiteScore]) -> SuiteScore:
    """Returns the numbers of a suite of suites.

    Args:
      suite: the suite.
      scores: name with protocol -> the numbers of the suites it is made of.
    """
    found: list[tuple[Part, SuiteScore, AverageScore]] = []
    differs: dict[str, None] = {}
    of_exemplars: dict[str, None] = {}
    missing: list[str] = []
    for part, (opened, protocol) in zip(suite.parts, opened_parts(suite), strict=True):
        score = scores[f"{opened.name}{PROTOCOL_MARK}{protocol.name}"]
        differs |= {f"{score.name}: {line}": None for line in score.differs}
        of_exemplars |= {f"{score.name}: {line}": None for line in score.differs_in_exemplars}
        average = next(
            (one for one in score.averages if one.name == part.average and not one.group), None
        )
        if average is None or score.missing:
            missing.append(part.name)
        if average is None:
            differs[f"{part.name} is missing: no task of it could be scored"] = None
        else:
            found.append((part, score, average))
    numbers = [
        TaskNumber(
            part.name,
            {},
            (average.value,),
            average.value,
            average.error,
            average.num_examples,
            average.chance,
        )
        for part, _, average in found
    ]
    return SuiteScore(
        suite.name,
        "",
        suite.citation,
        "/".join(dict.fromkeys(score.split for _, score, _ in found)),
        "score",
        "",
        averages_of(suite.averages, lambda _: numbers),
        0.0,
        (),
        differs=tuple(differs),
        differs_in_exemplars=tuple(of_exemplars),
        notes=tuple(_notes(suite)),
        parts=tuple(
            PartScore(part.name, score.name, part.average, average.value)
            for part, score, average in found
        ),
        missing=tuple(missing),
    )


def _notes(suite: Suite) -> Iterator[str]:
    yield from (f"not here: {what}" for what in suite.lacks)
