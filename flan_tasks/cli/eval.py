"""`flan eval`: a model on datasets, template by template."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flan_tasks.cli import options
from flan_tasks.cli.gin_command import GinCommand
from flan_tasks.cli.progress import AnswerProgress
from flan_tasks.cli.table import print_table, print_wrapped
from flan_tasks.core.environment import VOCAB
from flan_tasks.core.errors import UnknownNameError
from flan_tasks.core.escaping import for_line
from flan_tasks.core.variation import Variation

if TYPE_CHECKING:
    from flan_tasks.evaluation.loop import Answerer, Evaluation
    from flan_tasks.evaluation.summary import DatasetScore

_METHODS = ("auto", "rank", "generate", "both")
_SPLITS = ("validation", "test", "both")


@click.command(name="eval", cls=GinCommand)
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--model",
    "model_path",
    type=click.Path(path_type=Path),
    help="MODEL_DIR or checkpoint of `flan train`, or a Hugging Face directory.",
)
@click.option(
    "--predictions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="JSONL of predictions or scores made elsewhere, instead of a model.",
)
@click.option(
    "--write-prompts",
    "prompts",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the prompts to this JSONL, to be answered elsewhere, and stop.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Directory of the results.")
@options.source
@options.data_dir
@click.option("--allow-missing", is_flag=True, help="Go on without datasets that cannot be had.")
@click.option("--split", type=click.Choice(_SPLITS), default="both", show_default=True)
@click.option(
    "--method",
    type=click.Choice(_METHODS),
    default="auto",
    show_default=True,
    help="Auto ranks options where there are some and generates elsewhere.",
)
@click.option(
    "--examples",
    type=click.IntRange(min=1),
    help="Examples of each split, drawn by the seed and the same for all templates; default all.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@options.batch_size
@click.option(
    "--lengths",
    help="Longest inputs and targets in tokens, EOS included, as inputs=1024,targets=256; longer "
    "prompts are shortened in their longest field, longer options cut. Default: those of the "
    "model's training.",
)
@options.vocabulary(f"bytes, t5, or a file; by default the model's (not {VOCAB}).")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), help="What is computed in.")
@options.decoding
@click.option("--store", type=click.Path(path_type=Path), help="Where examples are kept.")
@options.variation
@options.module
@click.option("--wide", is_flag=True, help="Print the scores of every template as well.")
@options.as_json
def command(
    names: tuple[str, ...],
    model_path: Path | None,
    predictions: Path | None,
    prompts: Path | None,
    out: Path | None,
    source: str,
    data_dir: Path | None,
    allow_missing: bool,
    split: str,
    method: str,
    examples: int | None,
    seed: int,
    batch_size: int | None,
    lengths: str | None,
    vocab: options.VocabularyOptions,
    dtype: str | None,
    decoding: dict[str, Any],
    store: Path | None,
    variation: Variation,
    wide: bool,
    as_json: bool,
) -> None:
    """Scores a model on NAMES: datasets, clusters, or a mixture's held-out side.

    Every forward template of every dataset is asked; options are ranked by the log-probability
    the model gives them (summed, and divided by their number of tokens), other answers are
    generated. OUT gets scores.json, scores.csv, scores.svg, and all answers as JSONL; the same
    command goes on where it was stopped. With --gin_file runs/eval.gin the options are gin's.
    """
    sources = [one for one in (model_path, predictions, prompts) if one is not None]
    if len(sources) != 1:
        raise click.UsageError("give one of --model, --predictions and --write-prompts")
    if out is None and prompts is None:
        raise click.UsageError("give --out, a directory for the results")
    from flan_tasks.jobs.evaluate import SPLITS, answers_of_model, asked, write_prompts
    from flan_tasks.plan.prepare import SourceChoice

    evaluation = asked(
        names,
        splits=SPLITS[split],
        method=method,
        examples=examples,
        seed=seed,
        source=SourceChoice(source, data_dir),
        variation=variation,
        allow_missing=allow_missing,
    )
    if options.reads_tfds(evaluation.datasets, source):
        options.import_tensorflow_quietly()
    watch = AnswerProgress()
    if prompts is not None:
        count = write_prompts(evaluation, prompts, store=store, reading=options.progress)
        options.end_progress()
        click.echo(f"{count:,} prompts are in {prompts}")
        return
    answerer: Answerer
    if predictions is not None:
        from flan_tasks.evaluation.elsewhere import FileAnswers

        answerer = FileAnswers(predictions)
    else:
        from flan_tasks.specs.eval_config import Decoding

        assert model_path is not None
        answerer = answers_of_model(
            model_path,
            lengths=parsed_lengths(lengths),
            decoding=Decoding(**decoding, seed=seed),
            batch_size=batch_size,
            vocab=vocab.name(),
            dtype=dtype,
            **_told(watch),
        )
    assert out is not None
    _score(evaluation, answerer, watch, out, store, wide=wide, as_json=as_json)


@command.with_gin
def from_gin(arguments: tuple[str, ...]) -> None:
    """Evaluates what a gin file with T5X's names says, such as runs/eval.gin."""
    from flan_tasks.evaluation.records import write_kept
    from flan_tasks.specs.eval_config import EvalRun
    from flan_tasks.specs.gin_files import load
    from flan_tasks.trainer.main import parse

    given = parse(arguments)
    loaded = load(given.files, given.bindings, root=EvalRun)
    run: EvalRun = loaded.run
    if given.dry_run:
        click.echo(loaded.operative, nl=False)
        return
    from flan_tasks.jobs.evaluate import answers_of_model, evaluation_of

    evaluation = evaluation_of(run)
    if options.reads_tfds(evaluation.datasets, run.source):
        options.import_tensorflow_quietly()
    watch = AnswerProgress()
    answerer = answers_of_model(
        Path(run.checkpoint_path),
        lengths=run.task_feature_lengths,
        decoding=run.decoding,
        batch_size=run.batch_size,
        vocab=run.vocab,
        dtype=run.dtype,
        **_told(watch),
    )
    out = Path(run.output_dir)
    _score(evaluation, answerer, watch, out, None, wide=False, as_json=False)
    write_kept(out / "operative_config.gin", loaded.operative)


def _told(watch: AnswerProgress) -> dict[str, Any]:
    """What is told while a model is opened and compiled."""
    from flan_tasks.cli.build_tables import print_vocabulary

    return {"say": options.warn, "note": watch.note, "opened": print_vocabulary}


def parsed_lengths(text: str | None) -> dict[str, int] | None:
    """Reads `inputs=1024,targets=256`, or one of them.

    Raises:
      UnknownNameError: it is something else.
    """
    if text is None:
        return None
    found = {}
    for piece in text.split(","):
        name, _, number = piece.partition("=")
        is_number = number.strip().isdecimal() and number.isascii()
        count = int(number) if is_number else 0
        if name.strip() not in ("inputs", "targets") or not 1 <= count < 1 << 31:
            raise UnknownNameError(f"--lengths {piece!r}: wanted inputs=NUMBER,targets=NUMBER")
        if name.strip() in found:
            raise UnknownNameError(f"--lengths {text!r} has {name.strip()} twice")
        found[name.strip()] = count
    return found


def _score(
    evaluation: "Evaluation",
    answerer: "Answerer",
    watch: AnswerProgress,
    out: Path,
    store: Path | None,
    *,
    wide: bool,
    as_json: bool,
) -> None:
    from flan_tasks.jobs.evaluate import score

    result = score(evaluation, answerer, out, store=store, progress=watch, reading=options.progress)
    options.end_progress()
    if result.unchecked:
        options.warn(
            f"{result.unchecked} files of answers were written before there were digests; "
            "their content is not checked"
        )
    for line in result.warnings:
        click.secho(f"Warning: {for_line(line)}", err=True, fg="yellow")
    if as_json:
        click.echo((out / "scores.json").read_text(encoding="utf-8"), nl=False)
        return
    if wide:
        for one in result.scores:
            _print_dataset(one)
    _print_overview(result.scores)
    for name, reason in result.missing.items():
        print_wrapped(f"not evaluated: {name}: {reason}")
    click.echo(f"\nresults in {out}: {', '.join(path.name for path in result.files)}")


def _print_dataset(score: "DatasetScore") -> None:
    from flan_tasks.evaluation.tables import score_table, with_error

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


def _print_overview(scores: Sequence["DatasetScore"]) -> None:
    from flan_tasks.evaluation.over_prompts import prompts_table
    from flan_tasks.evaluation.tables import legend, overview
    from flan_tasks.promptsource.tasks import data_sets

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
