"""`flan diff`: what differs between two builds, or two mixtures."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from flan_tasks.cli import options
from flan_tasks.cli.table import print_json, print_wrapped, say
from flan_tasks.core.counting import counted
from flan_tasks.core.escaping import for_line, for_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flan_tasks.reports.compare import Difference, RowChanges, TemplateChange, Words
    from flan_tasks.reports.part_changes import PartChanges

_COLORS = {"same": None, "gone": "red", "new": "green"}
# The fact of a part that counts its options by style, and how many of them are named.
_STYLE_FACT, _SHOWN_STYLES = "option_styles", 4
# Changed tasks of a part that are named each.
_SHOWN_TASKS = 3
_MARKS = {"same": ("", ""), "gone": ("[-", "-]"), "new": ("{+", "+}")}


@click.command(name="diff")
@click.argument("a")
@click.argument("b")
@click.option(
    "--rows",
    "shown",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="How many differing rows to name of each kind.",
)
@options.module
@options.as_json
def command(a: str, b: str, shown: int, as_json: bool) -> None:
    """Compares A with B: two build directories, or two mixtures by name or TOML file.

    Exits with 0 whether they differ or not; --json says what differs.
    """
    from flan_tasks.jobs.diff import diff

    found = diff(a, b)
    if as_json:
        print_json(found.to_json())
        return
    if found.is_empty:
        say(f"{a} and {b} do not differ")
        return
    _print(found, shown)


def _print(found: "Difference", shown: int) -> None:
    from flan_tasks.engine.folded import folded_names

    for name, (before, after) in found.settings.items():
        print_wrapped(f"{name}: {_arrow(before, after)}")
    _print_parts(found.parts)
    removed = _outside(found.removed, found.parts.removed)
    added = _outside(found.added, found.parts.added)
    for sign, color, names in (("-", "red", removed), ("+", "green", added)):
        for name in folded_names(names):
            click.secho(f"{sign} {for_line(name)}", fg=color)
    for name, facts in _changed(found):
        click.secho(f"~ {for_line(name)}", bold=True)
        if facts:
            print_wrapped(facts, indent="    ")
    for change in found.templates:
        _print_template(change)
    if found.rows is not None:
        _print_rows(found.rows, shown)


def _print_parts(parts: "PartChanges") -> None:
    for sign, color, names in (("-", "red", parts.removed), ("+", "green", parts.added)):
        for name in names:
            click.secho(f"{sign} part {for_line(name)}", fg=color)
    for name, facts in parts.changed.items():
        click.secho(f"~ part {for_line(name)}", bold=True)
        lines = [
            _styles(*pair) if fact == _STYLE_FACT else f"{fact} {_arrow(*pair)}"
            for fact, pair in facts.items()
        ]
        print_wrapped(", ".join(lines), indent="    ")


def _styles(before: "Mapping[str, int] | None", after: "Mapping[str, int] | None") -> str:
    """Says how many styles list options, and of which of them most rows came or went."""
    a, b = before or {}, after or {}
    moves = {name: abs(b.get(name, 0) - a.get(name, 0)) for name in {*a, *b}}
    moved = sorted(filter(moves.get, moves), key=lambda name: (-moves[name], name))
    some = [f"{name} {a.get(name, 0):,} → {b.get(name, 0):,}" for name in moved[:_SHOWN_STYLES]]
    more = len(moved) - len(some)
    rest = [f"{more} more"] if more else []
    return f"options in {len(a)} → {counted(len(b), 'style')} ({', '.join([*some, *rest])})"


def _outside(names: "Iterable[str]", parts: "Iterable[str]") -> list[str]:
    """Returns names of tasks that are in none of some parts, which stand for theirs."""
    from flan_tasks.core.part_tree import MARK

    return [name for name in names if not any(name.startswith(f"{one}{MARK}") for one in parts)]


def _changed(found: "Difference") -> "Iterator[tuple[str, str]]":
    """Yields tasks that changed and what of them did; many tasks of one part are one."""
    from flan_tasks.core.part_tree import MARK
    from flan_tasks.engine.folded import folded_names

    parts: dict[str, list[str]] = {}
    for name in found.changed:
        parts.setdefault(name.rpartition(MARK)[0], []).append(name)
    many = {part for part, names in parts.items() if part and len(names) > _SHOWN_TASKS}
    for name in folded_names(n for n in found.changed if n.rpartition(MARK)[0] not in many):
        pairs = found.changed.get(name, {}).items()  # a line that stands for several has none
        yield name, ", ".join(f"{fact} {_arrow(*pair)}" for fact, pair in pairs)
    for part in parts:
        if part in many:
            counts = Counter(fact for name in parts[part] for fact in found.changed[name])
            facts = ", ".join(f"{fact} of {count:,}" for fact, count in counts.items())
            yield f"{len(parts[part]):,} tasks of {part}", facts


def _arrow(before: Any, after: Any) -> str:
    return f"{_value(before)} → {_value(after)}"


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1 else f"{value:,.1f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(one)}" for key, one in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        from flan_tasks.engine.folded import folded_names

        if all(isinstance(one, str) for one in value):
            value = folded_names(value)
        return ", ".join(map(_value, value)) or "none"
    return for_line(value) or "none"


def _print_template(change: "TemplateChange") -> None:
    names = ", ".join(change.tasks)
    click.echo()
    print_wrapped(f"template {change.id} of {names}: {change.change}", bold=True)
    if change.change == "changed":
        for part, words in (("inputs", change.inputs), ("targets", change.targets)):
            if any(kind != "same" for kind, _ in words):
                click.secho(f"  {part}", dim=True)
                click.echo(_marked(words))


def _marked(words: "Words") -> str:
    # The marks say it where there is no color: in a file, or to who cannot tell red from green.
    text = "".join(
        click.style(_MARKS[kind][0] + piece + _MARKS[kind][1], fg=_COLORS[kind])
        if kind != "same"
        else piece
        for kind, piece in ((kind, for_terminal(text)) for kind, text in words)
    )
    return "\n".join(f"  {line}" for line in text.split("\n"))


def _print_rows(rows: "RowChanges", shown: int) -> None:
    click.echo()
    if rows.not_compared:
        say(f"rows are not compared: {rows.not_compared}")
        return
    order = "" if rows.same_order else ", in another order"
    click.echo(
        f"rows: {rows.same:,} the same{order}, {len(rows.removed):,} removed, "
        f"{len(rows.added):,} added, {len(rows.reworded):,} with other words"
    )
    for part, counts in rows.parts.items():
        if counts["same"] < sum(counts.values()):
            print_wrapped(
                f"{part}: " + ", ".join(f"{count:,} {kind}" for kind, count in counts.items()),
                indent="  ",
            )
    for sign, color, names in (
        ("-", "red", rows.removed),
        ("+", "green", rows.added),
        ("~", None, rows.reworded),
    ):
        for name in names[:shown]:
            click.secho(f"{sign} {for_line(name)}", fg=color)
        if shown and len(names) > shown:
            click.echo(f"{sign} ... ({len(names) - shown:,} more)")
