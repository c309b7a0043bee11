"""`flan eval`: a model on datasets, template by template."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flan_tasks.cli import options
from flan_tasks.cli.gin_command import GinCommand
from flan_tasks.cli.progress import AnswerProgress
from flan_tasks.cli.spec_options import spec_options
from flan_tasks.cli.table import print_table, print_wrapped
from flan_tasks.core.counting import are, counted
from flan_tasks.core.environment import VOCAB
from flan_tasks.core.escaping import for_line
from flan_tasks.specs.eval_config import EvalSpec, QuestionSpec

if TYPE_CHECKING:
    from flan_tasks.evaluation.shared_examples import PartedScores
    from flan_tasks.evaluation.summary import DatasetScore
    from flan_tasks.jobs.evaluate import EvalResult
    from flan_tasks.suites.scores import SuiteScore
    from flan_tasks.suites.submission import WrittenSubmission

# Datasets of a suite that are listed without --wide.
_MOST_LINES = 80
_HELPS = {
    "vocab": f"bytes, t5, or a file; by default the model's (not {VOCAB}).",
    "results": "Write no results.html.",
}


def _asked(fields: dict[str, Any], more: Mapping[str, Any]) -> QuestionSpec:
    """What is scored, or whose prompts are written: then nobody answers."""
    prompts = more["prompts"]
    ways = [fields.get("checkpoint_path"), fields.get("predictions"), prompts]
    if sum(one is not None for one in ways) != 1:
        raise click.UsageError("give one of --model, --predictions and --write-prompts")
    if prompts is not None:
        questions = {part.name for part in dataclasses.fields(QuestionSpec)}
        return QuestionSpec(**{name: fields[name] for name in questions if name in fields})
    if "output_dir" not in fields:
        raise click.UsageError("give --out, a directory for the results")
    return EvalSpec(**fields)


@click.command(name="eval", cls=GinCommand)
@spec_options(EvalSpec, helps=_HELPS, unset=("output_dir",), make=_asked)
@click.option(
    "--write-prompts",
    "prompts",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the prompts to this JSONL, to be answered elsewhere, and stop.",
)
@click.option("--wide", is_flag=True, help="Print the scores of every template as well.")
@options.as_json
def command(spec: QuestionSpec, prompts: Path | None, wide: bool, as_json: bool) -> None:
    """Scores a model on NAMES: suites, datasets, clusters, or a mixture's held-out side.

    A suite (`flan list --suites`, or a file of yours that ends in .toml) is asked by its first
    protocol, SUITE@PROTOCOL by another. Of a dataset every forward template is asked. Options are
    ranked by the log-probability the model gives them (summed, and divided by their number of
    tokens), other answers are generated. OUT gets scores.json, scores.csv, scores.svg, all answers
    as JSONL, and results.html, a page that shows them; the same command goes on where it was
    stopped. With --gin_file runs/eval.gin the options are gin's.
    """
    if isinstance(spec, EvalSpec):
        score_with_tables(spec, wide=wide, as_json=as_json)
        return
    from flan_tasks.engine.folded import folded_reasons
    from flan_tasks.jobs.write_prompts import write_prompts

    assert prompts is not None
    options.read_quietly()
    written = write_prompts(spec, prompts, reading=options.progress)
    options.end_progress()
    for names, reason in folded_reasons(written.missing):
        print_wrapped(f"not evaluated: {names}: {reason}")
    for names, reason in folded_reasons(written.left_out):
        print_wrapped(f"not asked: {names}: {reason}")
    click.echo(f"{counted(written.count, 'prompt')} {are(written.count)} in {prompts}")


@command.with_gin
def from_gin(arguments: tuple[str, ...]) -> None:
    """Evaluates what a gin file with T5X's names says, such as runs/eval.gin."""
    from flan_tasks.evaluation.answers import write_kept
    from flan_tasks.specs.gin_files import load
    from flan_tasks.trainer.main import parse

    given = parse(arguments)
    loaded = load(given.files, given.bindings, root=EvalSpec)
    for note in loaded.notes:
        options.warn(note)
    if given.dry_run:
        click.echo(loaded.operative, nl=False)
        return
    result = score_with_tables(loaded.run)
    write_kept(result.folder / "operative_config.gin", loaded.operative)


def score_with_tables(spec: EvalSpec, *, wide: bool = False, as_json: bool = False) -> "EvalResult":
    """Scores, and prints how far it is and what comes of it."""
    from flan_tasks.cli.build_tables import print_vocabulary
    from flan_tasks.core.kept_memory import keep_freed_memory
    from flan_tasks.engine.folded import folded_reasons
    from flan_tasks.jobs.evaluate import evaluate

    keep_freed_memory()
    options.read_quietly()
    watch = AnswerProgress()
    result = evaluate(
        spec,
        progress=watch,
        reading=options.progress,
        say=options.warn,
        note=watch.note,
        opened=print_vocabulary,
    )
    options.end_progress()
    if result.tokens_read:
        click.echo(
            f"{result.tokens_read:,} tokens read, {result.padding:.1%} of the positions padding",
            err=True,
        )
    if result.unchecked:
        options.warn(
            "not checked, as written before there were digests: "
            f"{counted(result.unchecked, 'file')} of answers"
        )
    for line in result.warnings:
        click.secho(f"Warning: {for_line(line)}", err=True, fg="yellow")
    if as_json:
        click.echo((result.folder / "scores.json").read_text(encoding="utf-8"), nl=False)
        return result
    if wide:
        for one in result.scores:
            _print_dataset(one)
    if result.scores:
        print_overview(result.scores)
    for suite in result.suites:
        print_suite(suite, wide=wide)
    if result.parted is not None:
        _print_parted(result.parted)
    for names, reason in folded_reasons(result.missing):
        print_wrapped(f"not evaluated: {names}: {reason}")
    for names, reason in folded_reasons(result.left_out):
        print_wrapped(f"not asked: {names}: {reason}")
    if result.submission is not None:
        _print_submission(result.submission)
    names = ", ".join(path.name for path in result.files)
    click.echo(f"\nresults in {result.folder}: {names}")
    if result.page is not None:
        click.echo(f"{for_line(str(result.page))} shows them in a browser")
    return result


def _print_dataset(score: "DatasetScore") -> None:
    from flan_tasks.evaluation.score_tables import score_table, with_error

    sizes = {one.split: one.num_examples for one in score.templates}
    shown = ", ".join(f"{count:,} {split}" for split, count in sizes.items())
    for number in dict.fromkeys(spread.number for spread in score.spreads):
        click.echo()
        print_wrapped(f"{score.dataset} ({score.cluster}): {number}; examples: {shown}")
        print_table(*score_table(score, number))
        for best in score.best:
            if best.number == number and best.decided:
                on_test = with_error(best.test, best.error, examples=sizes["test"])
                print_wrapped(
                    f"best on validation by {best.way}: {best.template}, {best.validation:.1f}; "
                    f"on test {on_test}"
                )


def print_suite(score: "SuiteScore", *, wide: bool) -> None:
    """Prints the averages of a suite."""
    from flan_tasks.suites.tables import (
        averages_table,
        lines_table,
        parts_table,
        published_table,
        tasks_table,
    )

    click.echo()
    how = " of the datasets here" if score.lines else ""
    how = how if score.lines or score.parts else f", {counted(score.shots, 'shot')}"
    print_wrapped(f"{score.name}: {score.source}; {score.split} split{how}")
    click.echo()
    print_table(*averages_table(score))
    if score.parts:
        click.echo()
        print_table(*parts_table(score))
    elif score.lines and (wide or len(score.lines) <= _MOST_LINES):
        click.echo()
        print_table(*lines_table(score))
    elif wide:
        click.echo()
        print_table(*tasks_table(score))
    for line in score.notes:
        print_wrapped(line)
    if score.published:
        click.echo()
        print_table(*published_table(score))
    for line in score.differs:
        print_wrapped(f"not the published suite: {line}")


def _print_parted(parted: "PartedScores") -> None:
    from flan_tasks.decontamination.matches import meaning
    from flan_tasks.engine.folded import folded_names
    from flan_tasks.evaluation.shared_examples import parted_table

    click.echo()
    print_wrapped(
        f"all examples, those without text of training (clean), and those with it (shared), by the "
        f"rule {parted.shared.preset}: {meaning(parted.shared.preset)}"
    )
    click.echo()
    if parted.numbers:
        print_table(*parted_table(parted.numbers))
    else:
        print_wrapped(
            "no number: of each dataset its split, and of each suite all tasks are needed"
        )
    if names := folded_names(parted.not_compared):
        print_wrapped(f"not compared with training: {', '.join(names)}")
    if names := folded_names(parted.shared.missing):
        where = f"not available to flan contamination, by {parted.shared.file}"
        print_wrapped(f"{where}: {', '.join(names)}")


def _print_submission(written: "WrittenSubmission") -> None:
    from flan_tasks.engine.folded import folded_reasons

    click.echo()
    columns = ["file", "rows", "template", "without an answer"]
    rows = [
        [one.path.name, f"{one.rows:,}", one.template, f"{one.unasked:,}"] for one in written.files
    ]
    if rows:
        print_wrapped(f"for the server of {written.suite}, in {written.files[0].path.parent}")
        click.echo()
        print_table(columns, rows)
    for names, reason in folded_reasons(written.missing):
        print_wrapped(f"not written: {names}: {reason}")


def print_overview(scores: Sequence["DatasetScore"]) -> None:
    """Prints a line for each dataset."""
    from flan_tasks.evaluation.over_prompts import prompts_table
    from flan_tasks.evaluation.score_tables import legend, overview
    from flan_tasks.promptsource.members import data_sets

    caption, header, rows = overview(scores)
    click.echo()
    print_wrapped(caption)
    click.echo()
    print_table(header, rows)
    click.echo()
    for line in legend(scores):
        print_wrapped(line)
    click.echo("--wide prints every template")
    header, rows = prompts_table(scores, data_sets())
    if rows:
        click.echo()
        print_wrapped("over the prompts of a data set of P3, as T0 is reported")
        click.echo()
        print_table(header, rows)
