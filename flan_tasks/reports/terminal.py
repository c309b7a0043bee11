"""The report in a terminal: the tables of the page, by rich; plain where no terminal reads them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from flan_tasks.chat.facts import chat_lines
from flan_tasks.core.counting import counted
from flan_tasks.core.escaping import for_line
from flan_tasks.engine.folded import folded, folded_names, folded_reasons
from flan_tasks.engine.license_table import LICENSE_HEADS, license_rows, use_note
from flan_tasks.engine.one_a_part import one_a_part
from flan_tasks.engine.option_counts import style_note, style_table
from flan_tasks.engine.part_table import HEADS, part_notes, part_rows
from flan_tasks.engine.task_counts import COUNT_HEADS, count_rows
from flan_tasks.plan.fitting import fitting_lines, written_tokens
from flan_tasks.reports.length_tables import PARTS, histograms
from flan_tasks.reports.long_texts import long_texts
from flan_tasks.reports.sample import Sample
from flan_tasks.vocabulary.text_counts import TABLE, text_lines, text_table

_BAR = 20
_BLOCKS = " ▁▂▃▄▅▆▇█"


def print_report(
    manifest: Mapping[str, Any],
    sample: Sample,
    *,
    console: Console | None = None,
    wide: bool = False,
) -> None:
    """Prints what is in a build: sizes, shares, lengths, templates, skips, sources.

    Args:
      manifest: of the build.
      sample: its examples.
      console: where to; by default what stdout is, or 80 columns where it is no terminal.
      wide: a line for each row of a table, however long.
    """
    console = console or Console(highlight=False)
    if wide:
        console.width = 1_000
    _print_head(console, manifest)
    if parts := manifest.get("parts"):
        console.print(_parts(manifest, parts))
        console.print(_counts(manifest))
    if styles := style_table(manifest):
        console.print(_option_styles(manifest, styles))
    console.print(_shares(manifest))
    console.print(_datasets(manifest, wide=wide))
    if sample.examples:
        console.print(_lengths(manifest, sample))
    tasks = manifest["tasks"] if wide else folded(one_a_part(manifest["tasks"]))
    if lines := text_table({"tasks": tasks}):
        console.print(_texts(lines))
    if any(task["skipped"] for task in manifest["tasks"]):
        console.print(_skipped(manifest))
    console.print(_licenses(manifest, wide=wide))
    for note in sample.notes:
        console.print(Text(for_line(note), style="dim"))


def _print_head(console: Console, manifest: Mapping[str, Any]) -> None:
    tasks = manifest["tasks"]
    parents = {task["dataset"] for task in tasks}
    examples = counted(manifest["examples"], "example")
    title = Text.assemble((for_line(manifest["mixture"]["name"]), "bold"), f"  {examples} ")
    title.append(
        f"of {counted(len(parents), 'dataset')} in "
        f"{counted(len({t['cluster'] for t in tasks}), 'cluster')}, {manifest['split']}, seed "
        f"{manifest['seed']}, {manifest['format']}"
    )
    console.print(title)
    for note in manifest["mixture"].get("notes", ()):
        console.print(Text(for_line(note), style="dim"))
    if "tokens" in manifest:
        tokens = manifest["tokens"]
        console.print(
            _plain(
                f"{tokens['inputs']:,} tokens in inputs{written_tokens(manifest)}, "
                f"{tokens['targets']:,} in targets ({manifest['vocabulary'][:20]})"
            )
        )
        together = {**manifest, "tasks": folded(one_a_part(manifest["tasks"]))}
        for line in (
            long_texts(manifest),
            *fitting_lines(together),
            *text_lines(manifest),
            *chat_lines(manifest),
        ):
            console.print(Text(for_line(line)))
    if "packing" in manifest:
        packing = manifest["packing"]
        console.print(
            f"{counted(packing['rows'], 'packed row')} for {manifest['arch']} models; no packing "
            f"needs fewer than {packing['bound']:,}"
        )
    for line in manifest.get("warnings", ()):
        console.print(Text.assemble(("warning ", "yellow"), for_line(line)))
    for name, reason in folded_reasons(manifest["missing"]):
        console.print(
            Text.assemble(("missing ", "yellow"), (name, "bold"), for_line(f": {reason}"))
        )
    for name, reason in folded_reasons(manifest.get("too_small", {})):
        console.print(Text(for_line(f"left out {name}: {reason}")))
    console.print(Text(for_line(manifest["command"]), style="dim"))


def _table(title: str, *columns: str) -> Table:
    """A table whose columns stand right where their name begins with `>`."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in columns:
        is_number = name.startswith(">")
        # Texts are folded where the terminal is narrow, as rich would cut cells, and numbers have
        # narrow heads, so that there is room for texts.
        table.add_column(
            name.removeprefix(">").replace(" ", "\n" if is_number else " "),
            justify="right" if is_number else "left",
            header_style="dim",
            overflow="fold",
            no_wrap=is_number,
        )
    return table


def _shares(manifest: Mapping[str, Any]) -> Table:
    realized: Counter[str] = Counter()
    rates: Counter[str] = Counter()
    for task in manifest["tasks"]:
        realized[task["cluster"]] += task["realized"]
        rates[task["cluster"]] += task["rate"]
    table = _table("\nShares", "cluster", "", ">realized", ">requested", ">examples")
    most = max(realized.values(), default=0) or 1
    for name, count in realized.most_common():
        table.add_row(
            _plain(name),
            Text("█" * round(_BAR * count / most), style="cyan"),
            f"{count / manifest['examples']:.1%}",
            f"{rates[name] / (rates.total() or 1):.1%}",
            f"{count:,}",
        )
    return table


def _parts(manifest: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> Group:
    title, *others = HEADS
    table = _table("\nParts", title, *(f">{name}" for name in others[:-2]), *others[-2:])
    for cells in part_rows(parts):
        table.add_row(*map(_plain, cells))
    notes = part_notes(manifest["mixture"], parts)
    return Group(table, *(Text(for_line(note), style="dim") for note in notes))


def _datasets(manifest: Mapping[str, Any], *, wide: bool) -> Table:
    counts = {"requested": "requested", "available": "available", "repeated": "repeated"}
    counts["never seen"] = "never_seen"
    if not wide:
        del counts["requested"]
    names = ["dataset", ">share", ">examples", *(f">{name}" for name in counts), ">templates"]
    table = _table("\nDatasets", *names, *(("cluster", ">skipped") if wide else ()))
    tasks = manifest["tasks"] if wide else folded(one_a_part(manifest["tasks"]))
    for task in sorted(tasks, key=lambda task: (-task["realized"], task["name"])):
        used = sum(count > 0 for count in task["template_counts"].values())
        more = (_plain(task["cluster"]), _number(sum(task["skipped"].values())))
        table.add_row(
            _plain(task["name"]),
            f"{task['realized'] / manifest['examples']:.2%}",
            *(_number(task[name]) for name in ("realized", *counts.values())),
            f"{used} of {task['templates']}",
            *(more if wide else ()),
        )
    return table


def _plain(text: str) -> Text:
    """Text of a build as it is: neither rich's markup nor a control character acts in it."""
    return Text(for_line(text))


def _number(value: int) -> Text:
    return Text(f"{value:,}", style="" if value else "dim")


def _lengths(manifest: Mapping[str, Any], sample: Sample) -> Table:
    found = histograms(manifest, sample)
    title = f"\nLengths in {found['unit']}, of {counted(found['of'], 'sampled example')}"
    table = _table(title, "part", "", ">half", ">90 %", ">99 %", ">longest", ">limit")
    for part in PARTS:
        about = found[part]
        table.add_row(
            part,
            Text(_spark(about["counts"]), style="cyan"),
            *(f"{value:,}" for value in about["quantiles"]),
            f"{about['longest']:,}",
            "none" if about["limit"] is None else f"{about['limit']:,}",
        )
    return table


def _texts(lines: Sequence[Sequence[str]]) -> Table:
    table = _table("\nFrom text to ids", *TABLE[:2], *(f">{name}" for name in TABLE[2:]))
    for line in lines:
        table.add_row(*map(_plain, line))
    return table


def _spark(counts: Sequence[int]) -> str:
    most = max(counts, default=0) or 1
    # What is there at all is at least a line.
    return "".join(_BLOCKS[-(-8 * count // most)] for count in counts)


def _skipped(manifest: Mapping[str, Any]) -> Table:
    reasons: Counter[str] = Counter()
    tasks = one_a_part(manifest["tasks"])
    for task in tasks:
        reasons.update(task["skipped"])
    table = _table("\nSkipped rows", "reason", ">rows", "datasets")
    for reason, count in reasons.most_common():
        names = [task["name"] for task in tasks if reason in task["skipped"]]
        table.add_row(_plain(reason), f"{count:,}", _plain(", ".join(folded_names(names))))
    return table


def _licenses(manifest: Mapping[str, Any], *, wide: bool) -> Group:
    # Without parts there is no name of one to be shown.
    first = 0 if manifest.get("parts") else 1
    *words, rows, share = LICENSE_HEADS
    table = _table("\nLicenses", *words[first:], f">{rows}", f">{share}")
    for cells in license_rows(manifest, whole=wide or bool(first)):
        table.add_row(*map(_plain, cells[first:]))
    return Group(table, Text(use_note(manifest), style="dim"))


def _option_styles(manifest: Mapping[str, Any], lines: Sequence[Sequence[str]]) -> Group:
    (title, *others), *rows = lines
    table = _table("\nOptions by style", title, *(f">{name}" for name in others))
    for cells in rows:
        table.add_row(*map(_plain, cells))
    return Group(table, Text(for_line(style_note(manifest)), style="dim"))


def _counts(manifest: Mapping[str, Any]) -> Table:
    title, *others = COUNT_HEADS
    table = _table("\nTasks, by the way of counting", title, *(f">{name}" for name in others))
    for cells in count_rows(manifest):
        table.add_row(*map(_plain, cells))
    return table
