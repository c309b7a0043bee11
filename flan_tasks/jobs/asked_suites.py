"""Suites among the names of an evaluation, each with the way it is asked."""

from pathlib import Path

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.variation import PLAIN
from flan_tasks.plan.source_choice import SourceChoice
from flan_tasks.specs.eval_config import QuestionSpec
from flan_tasks.suites.asking import SuitesAsked
from flan_tasks.suites.declared import PROTOCOL_MARK, Protocol, Suite
from flan_tasks.suites.library import (
    is_suite,
    named_suite,
    open_suite,
    published_suite,
    suite_names,
)
from flan_tasks.suites.parts import opened_parts
from flan_tasks.suites.templates import asked_protocol


def submitted_suite(asked: SuitesAsked) -> Suite:
    """Returns the suite whose server gets answers.

    Raises:
      DeclarationError: none, or more than one, has files for a server.
    """
    suites = [suite for suite, protocol in asked.suites if protocol.templates and suite.submission]
    if len(suites) != 1:
        known = ", ".join(name for name in suite_names() if published_suite(name).submission)
        have = f"{len(suites)} of the names have" if suites else "no name has"
        raise DeclarationError(
            f"--write-submission: {have} files for a server; give one suite of {known}"
        )
    return suites[0]


def asked_by(name: str, place: Path | None) -> tuple[tuple[Suite, Protocol], ...]:
    """Returns what a name of a suite asks: of a suite of suites, all of its parts.

    Args:
      name: SUITE or SUITE@PROTOCOL.
      place: the directories of rows, by which a suite without a protocol is asked.

    Raises:
      UnknownNameError: there is no such suite or protocol.
      DeclarationError: a suite's file is malformed, or a suite of suites is given a protocol.
    """
    suite = named_suite(name)
    if suite.parts and PROTOCOL_MARK not in name:
        return opened_parts(suite)
    suite, protocol = open_suite(name)
    if PROTOCOL_MARK not in name:
        protocol = asked_protocol(suite, protocol, place)
    return ((suite, protocol),)


def suites_of(spec: QuestionSpec) -> SuitesAsked:
    """Returns the suites among the names.

    Raises:
      UnknownNameError: there is no such suite or protocol.
      DeclarationError: a suite's file is malformed, or what is asked contradicts its protocol.
    """
    asked: list[tuple[Suite, Protocol]] = []
    composed: list[Suite] = []
    for name in spec.names:
        # A suite by its name, and by its name with its first protocol, is one.
        if not is_suite(name):
            continue
        of_name = asked_by(name, spec.place)
        suite = named_suite(name)
        if suite.parts and suite not in composed:
            composed.append(suite)
        asked += [one for one in of_name if one not in asked]
    names = [f"{suite.name}{PROTOCOL_MARK}{protocol.name}" for suite, protocol in asked]
    names += [suite.name for suite in composed]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DeclarationError(f"two suites are called {', '.join(twice)}; rename one of the files")
    for name, (_, protocol) in zip(names, asked, strict=False):
        if spec.variation != PLAIN:
            raise DeclarationError(
                f"{name}: a protocol says how its prompts are made; leave out --shots, "
                "--options and other options of prompts, or write a suite file of your own"
            )
        for option, value, own in (
            ("split", spec.split, protocol.split),
            ("method", str(spec.method), protocol.method),
        ):
            # Templates may be asked on several splits, and by each dataset's own method.
            if value not in ("auto", "both") and (own != value or protocol.chosen_on):
                raise DeclarationError(f"{name}: its {option} is {own}; leave out --{option}")
    return SuitesAsked(
        suites=tuple(asked),
        composed=tuple(composed),
        source=SourceChoice(spec.source, spec.place),
        examples=spec.num_examples,
        seed=spec.seed,
        allow_missing=spec.allow_missing,
        normalize=spec.normalizations,
        averaged=spec.normalize or (),
    )
