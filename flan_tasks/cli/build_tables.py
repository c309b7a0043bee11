"""What `flan build` prints before and after: tasks, rows, tokens, exemplars."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from flan_tasks.cli.table import print_table, print_wrapped, say
from flan_tasks.core.counting import counted
from flan_tasks.core.escaping import for_line
from flan_tasks.core.part_tree import MARK

if TYPE_CHECKING:
    from flan_tasks.jobs.build import BuildResult, PlannedBuild

# Warnings printed before the rest is only counted.
_WARNINGS = 12


def print_overlaps(overlaps: Mapping[str, Sequence[str]]) -> None:
    """Names members that share text with what the mixture holds out, by declaration."""
    if overlaps:
        pairs = ", ".join(f"{name} (with {', '.join(others)})" for name, others in overlaps.items())
        print_wrapped(
            f"Trained on, though held-out datasets share text with it by declaration: {pairs}; "
            "--drop-overlaps leaves it out."
        )
        click.echo()


def print_before(planned: "PlannedBuild", *, wide: bool = False) -> None:
    """Prints what is going to be built, task by task."""
    from flan_tasks.engine.folded import folded, folded_names, folded_reasons
    from flan_tasks.engine.one_a_part import one_a_part

    prepared, tasks, notes = planned.prepared, planned.tasks, planned.notes
    click.echo(
        f"{prepared.mixture.name}, {prepared.split}: {counted(planned.examples, 'example')} "
        "planned\n"
    )
    print_parts(planned, wide=wide)
    more = ["templates"] if wide else []
    print_table(
        [
            *(
                "part" if planned.parts else "cluster",
                "task",
                "rate",
                "share",
                "requested",
                "available",
                "repeated",
            ),
            *("never seen", *more),
        ],
        [
            [
                t.get("part", t["cluster"]),
                t["name"].rsplit(MARK, 1)[-1],
                f"{t['rate']:,.1f}",
                f"{t['share']:.2%}",
                f"{t['requested']:,}",
                f"{t['available']:,}",
                f"{t['repeated']:,}",
                f"{t['never_seen']:,}",
                *([t["templates"]] if wide else []),
            ]
            for t in (tasks if wide else folded(one_a_part(tasks)))
        ],
        wide=wide,
        grouped=True,
    )
    for name in folded_names(prepared.without_split):
        click.echo(f"{name}: no {prepared.split} split by declaration")
    for names, reason in folded_reasons(prepared.too_small):
        print_wrapped(f"{names}: {reason}", wide=wide)
    if prepared.missing:
        without = counted(len(prepared.missing), "dataset that is", "datasets that are")
        click.echo(f"\nWithout {without} not available:")
        for names, reason in folded_reasons(prepared.missing):
            print_wrapped(f"{names}: {reason}", indent="  ", wide=wide)
    if notes:
        click.echo(f"\nAvailable rows differ from declared sizes for {len(notes)} of {len(tasks)}:")
        for note in notes[:8]:
            print_wrapped(note, indent="  ", wide=wide)
        if len(notes) > 8:
            click.echo(f"  ... ({len(notes) - 8} more in manifest.json)")


def print_parts(planned: "PlannedBuild", *, wide: bool = False) -> None:
    """Prints the parts of a mixture as a tree, with their shares; nothing where there are none."""
    if not planned.parts:
        return
    from flan_tasks.engine.part_table import HEADS, part_notes, part_rows

    # What has no rows is listed below.
    left_out = ("realized",) if wide else ("realized", "tasks")
    shown = [place for place, head in enumerate(HEADS) if head not in left_out]
    print_table(
        [HEADS[place] for place in shown],
        [[row[place] for place in shown] for row in part_rows(planned.parts)],
        wide=wide,
    )
    for note in part_notes(planned.prepared.mixture.to_json(), planned.parts):
        print_wrapped(note, wide=wide)
    click.echo()


def print_lengths(planned: "PlannedBuild", *, wide: bool = False) -> None:
    """Prints the lengths that were compared, and which were chosen."""
    vocabulary = planned.settings.vocabulary
    assert vocabulary is not None
    click.echo(f"\nLengths from the data ({vocabulary.name[:20]} tokens with EOS):\n")
    print_table(
        [
            *("whole", "inputs", "cut", "tokens lost", "targets", "cut", "tokens lost"),
            *("padding packed", "padding unpacked", ""),
        ],
        [
            [
                f"{choice.percentile:g} %",
                *(
                    text
                    for part in ("inputs", "targets")
                    for text in (
                        f"{choice.lengths[part]:,}",
                        f"{choice.cut[part]:.2%}",
                        f"{choice.lost[part]:.2%}",
                    )
                ),
                f"{choice.packed_padding:.1%}",
                f"{choice.unpacked_padding:.1%}",
                "chosen" if dict(choice.lengths) == dict(planned.settings.lengths) else "",
            ]
            for choice in planned.length_choices
        ],
        wide=wide,
    )


def print_after(built: "BuildResult", *, wide: bool = False) -> None:
    """Prints what was built, and what was left out, shortened or trimmed."""
    manifest, out = built.manifest, built.folder
    if built.was_there:
        say(f"\n{out} holds this build already, complete; nothing was written.")
        print_warnings(built.warnings)
        return
    from flan_tasks.engine.folded import folded_reasons
    from flan_tasks.engine.one_a_part import one_a_part

    tasks = one_a_part(manifest["tasks"])
    rows = sum(t["rows_read"] for t in tasks)
    read = sum(t["examples_read"] for t in tasks)
    skipped = sum(built.skipped.values())
    shards = len(manifest["shards"])
    before = f", where {built.kept:,} of {shards:,} were from before" if built.kept else ""
    there = built.kept + built.taken_over
    click.echo(f"\nBuilt {counted(shards - there, 'shard')} in {built.seconds:.1f} s{before}.")
    if built.taken_over:
        kept = counted(built.taken_over, "shard is", "shards are")
        click.echo(f"{kept} of the build that it grew from, as before.")
    for names, reason in folded_reasons(built.not_taken):
        print_wrapped(f"{names}, built anew: {reason}", wide=wide)
    examples, files = manifest["examples"], len(manifest["files"])
    click.echo(f"Realized {counted(examples, 'example')} in {counted(files, 'file')}.")
    split = manifest["split"]
    given = counted(read, "example")
    click.echo(f"From {counted(rows, 'row')} for {split}: {given}, {skipped:,} skipped.")
    if skipped:
        _print_skipped(manifest, wide=wide)
    if manifest["variation"]["shots"]:
        _print_shots(manifest)
    if "tokens" in manifest:
        from flan_tasks.chat.facts import chat_lines
        from flan_tasks.engine.folded import folded
        from flan_tasks.plan.fitting import fitting_lines, written_tokens
        from flan_tasks.reports.long_texts import long_texts
        from flan_tasks.vocabulary.text_counts import text_lines

        tokens = manifest["tokens"]
        fitted = written_tokens(manifest)
        print_wrapped(
            f"Tokens ({manifest['vocabulary'][:20]}): {tokens['inputs']:,} in inputs{fitted}, "
            f"{tokens['targets']:,} in targets. {long_texts(manifest)}"
        )
        together = manifest if wide else {**manifest, "tasks": folded(tasks)}
        for line in (*fitting_lines(together), *text_lines(manifest), *chat_lines(manifest)):
            print_wrapped(line)
    if "packing" in manifest:
        packing = manifest["packing"]
        click.echo(
            f"Packed into {counted(packing['rows'], 'row')}; no packing needs fewer than "
            f"{packing['bound']:,}."
        )
    print_warnings(built.warnings)
    if any(entry["path"] == "report.html" for entry in manifest["files"]):
        say(f"It is in {out}; open {out}/report.html, or `flan report {out} --text`.")
    else:
        say(f"It is in {out}; `flan report {out}` shows it.")


def _print_skipped(manifest: Mapping[str, Any], *, wide: bool) -> None:
    from flan_tasks.engine.folded import folded_names
    from flan_tasks.engine.one_a_part import one_a_part

    counts: dict[str, int] = {}
    tasks: dict[str, list[str]] = {}
    for task in one_a_part(manifest["tasks"]):
        for reason, count in task["skipped"].items():
            counts[reason] = counts.get(reason, 0) + count
            tasks.setdefault(reason, []).append(task["name"])
    order = sorted(counts, key=lambda reason: -counts[reason])
    click.echo()
    print_table(
        ["skipped", "because", "tasks"],
        [
            [f"{counts[reason]:,}", reason, ", ".join(folded_names(tasks[reason]))]
            for reason in order
        ],
        wide=wide,
    )
    click.echo()


def print_vocabulary(vocabulary) -> None:
    """Says how a vocabulary's file was understood, where that had to be found out; on stderr."""
    if vocabulary.end_from != type(vocabulary).end_from:
        end = vocabulary.pieces([vocabulary.eos_id])[0]
        click.echo(
            f"Texts end with {for_line(end)} ({vocabulary.eos_id}), from {vocabulary.end_from}.",
            err=True,
        )
    for note in vocabulary.notes:
        click.secho(f"Note: {for_line(note)}", err=True, fg="yellow")


def print_warnings(warnings: Sequence[str]) -> None:
    """Prints what whoever builds it should look at, on stderr; the first are enough."""
    for line in warnings[:_WARNINGS]:
        click.secho(f"Warning: {for_line(line)}", err=True, fg="yellow")
    if len(warnings) > _WARNINGS:
        more = counted(len(warnings) - _WARNINGS, "more warning")
        click.echo(f"... ({more} in manifest.json)", err=True)


def _print_shots(manifest: Mapping[str, Any]) -> None:
    from flan_tasks.engine.folded import folded_names
    from flan_tasks.engine.one_a_part import one_a_part

    wanted = manifest["variation"]["shots"]
    counts: dict[int, int] = {}
    tasks = one_a_part(manifest["tasks"])
    for task in tasks:
        for number, rows in task["num_shots"].items():
            counts[int(number)] = counts.get(int(number), 0) + rows
    text = ", ".join(f"{number}: {rows:,}" for number, rows in sorted(counts.items()))
    click.echo(f"Exemplars, {wanted} wanted; prompts by number that fit: {text}.")
    short = {task["name"]: task for task in tasks if task["num_shots"].get("0", 0)}
    for name in folded_names(short):
        if name in short:
            none, realized = short[name]["num_shots"]["0"], short[name]["realized"]
            name = f"{name}: {none:,} of {counted(realized, 'prompt')} without any"
        click.echo(f"  {name}")
