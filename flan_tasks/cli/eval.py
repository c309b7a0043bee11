"""`flan eval`: a model on datasets, template by template."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flan_tasks.cli import options
from flan_tasks.cli.gin_command import GinCommand
from flan_tasks.cli.progress import AnswerProgress
from flan_tasks.cli.table import print_table, print_wrapped
from flan_tasks.core.errors import DeclarationError, ModelError, UnknownNameError
from flan_tasks.core.escaping import for_line
from flan_tasks.core.naming import PREFIX, MixtureName, parse_name
from flan_tasks.core.parsing import parse_json
from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog
from flan_tasks.seqio.configuration import VOCAB

if TYPE_CHECKING:
    from flan_tasks.evaluation.loop import Answerer, Evaluation
    from flan_tasks.evaluation.summary import DatasetScore
    from flan_tasks.specs.eval_config import Decoding

_METHODS = ("auto", "rank", "generate", "both")
_SPLITS = {"validation": ("validation",), "test": ("test",), "both": ("validation", "test")}


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
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the prompts to this JSONL, to be answered elsewhere, and stop.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Directory of the results.")
@options.source
@options.data_dir
@click.option("--allow-missing", is_flag=True, help="Go on without datasets that cannot be had.")
@click.option("--split", type=click.Choice(list(_SPLITS)), default="both", show_default=True)
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
    write_prompts: Path | None,
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
    sources = [one for one in (model_path, predictions, write_prompts) if one is not None]
    if len(sources) != 1:
        raise click.UsageError("give one of --model, --predictions and --write-prompts")
    if out is None and write_prompts is None:
        raise click.UsageError("give --out, a directory for the results")
    asked = partial(
        _asked,
        names,
        splits=_SPLITS[split],
        method=method,
        examples=examples,
        seed=seed,
        source=source,
        data_dir=data_dir,
        variation=variation,
        allow_missing=allow_missing,
    )
    if write_prompts is not None:
        _write_prompts(asked(), write_prompts, store)
        return
    assert out is not None
    if predictions is not None:
        from flan_tasks.evaluation.elsewhere import FileAnswers

        answerer = FileAnswers(predictions)
        _evaluate(asked(), answerer, AnswerProgress(), out, store, wide=wide, as_json=as_json)
    else:
        from flan_tasks.specs.eval_config import Decoding

        assert model_path is not None
        how = Decoding(**decoding, seed=seed)
        # The names first: a model takes seconds to open.
        evaluation = asked()
        model = _model(model_path, parsed_lengths(lengths), how, batch_size, vocab.name(), dtype)
        _evaluate(evaluation, *model, out, store, wide=wide, as_json=as_json)


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
    evaluation = _asked(
        tuple(name.strip() for name in run.mixture_or_task_name.split(",")),
        splits=_SPLITS[run.split],
        method=run.method,
        examples=run.num_examples,
        seed=run.seed,
        source=run.source,
        data_dir=Path(run.data_dir) if run.data_dir else None,
        variation=run.variation,
        allow_missing=run.allow_missing,
    )
    path = Path(run.checkpoint_path)
    model = _model(
        path, run.task_feature_lengths, run.decoding, run.batch_size, run.vocab, run.dtype
    )
    out = Path(run.output_dir)
    _evaluate(evaluation, *model, out, None, wide=False, as_json=False)
    write_kept(out / "operative_config.gin", loaded.operative)


def _asked(
    names: Sequence[str],
    *,
    splits: tuple[str, ...],
    method: str,
    examples: int | None,
    seed: int,
    source: str,
    data_dir: Path | None,
    variation: Variation,
    allow_missing: bool,
) -> "Evaluation":
    """Returns what is evaluated; `flan:` names mean what they do in SeqIO."""
    from flan_tasks.decontamination.matches import evaluation_side
    from flan_tasks.evaluation.loop import Evaluation
    from flan_tasks.plan.prepare import SourceChoice

    plain, templates, methods = zip(*(_plain(name) for name in names), strict=True)
    named = tuple(name for name in templates if name)
    if named:
        variation = replace(variation, templates=(*(variation.templates or ()), *named))
    if method == "auto" and any(methods):
        if "generate" in methods and len(set(methods)) > 1:
            raise DeclarationError(
                f"{', '.join(names)}: some of these names mean generation, others do not; say "
                "--method for all, or give them in two commands"
            )
        # With names of tasks that have no method of their own, auto ranks these all the same.
        method = methods[0] if len(set(methods)) == 1 else method
    wanted = {dataset.name for name in plain for dataset in evaluation_side(catalog(), name)}
    datasets = tuple(dataset for dataset in catalog().datasets if dataset.name in wanted)
    variation.check_templates((d.name, catalog().templates(d.name).ids) for d in datasets)
    if options.reads_tfds(datasets, source):
        options.import_tensorflow_quietly()
    return Evaluation(
        datasets=datasets,
        splits=splits,
        method=method,
        examples=examples,
        seed=seed,
        source=SourceChoice(source, data_dir),
        variation=variation,
        allow_missing=allow_missing,
    )


def _plain(name: str) -> tuple[str, str, str]:
    """Returns the dataset or mixture a name means, its template and its method."""
    if not name.startswith(PREFIX):
        return name, "", ""
    found = parse_name(name)
    if isinstance(found, MixtureName):
        return found.name, "", ""
    template = f"{found.dataset}.{found.template}" if found.template else ""
    method = ("rank" if found.is_rank else "generate") if template else ""
    return found.dataset, template, method


def _model(
    path: Path,
    lengths: Mapping[str, int] | None,
    decoding: "Decoding",
    batch_size: int | None,
    vocab: str | None,
    dtype: str | None,
) -> "tuple[Answerer, AnswerProgress]":
    """Returns the model, and what says how far it is."""
    from flan_tasks.cli.build_tables import print_vocabulary
    from flan_tasks.inference.model_answers import ModelAnswers, open_model

    watch = AnswerProgress()
    try:
        opened = open_model(path, vocab=vocab, dtype=dtype, say=options.warn)
    except ModelError as error:
        if _is_of_others(path):
            error.add_note(
                "to score it: `flan export-lm-eval NAME --out DIR` writes the tasks for "
                "lm-evaluation-harness, and `flan eval NAME --write-prompts FILE` the prompts, "
                "whose answers `--predictions FILE` scores"
            )
        raise
    print_vocabulary(opened.vocabulary)
    answerer = ModelAnswers(
        opened,
        lengths=lengths,
        decoding=decoding,
        batch_size=batch_size,
        log=watch.note,
    )
    return answerer, watch


def _is_of_others(folder: Path) -> bool:
    """Whether a folder has a model of transformers that is not T5's kind."""
    try:
        kind = parse_json((folder / "config.json").read_text(encoding="utf-8-sig"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return kind not in ("t5", "mt5")


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


def _write_prompts(evaluation: "Evaluation", path: Path, store: Path | None) -> None:
    from flan_tasks.evaluation.elsewhere import prompt_line
    from flan_tasks.evaluation.loop import questions
    from flan_tasks.evaluation.records import write_kept
    from flan_tasks.store.store import Store, default_store

    lines = []
    for dataset in evaluation.datasets:
        for question in questions(
            evaluation,
            dataset,
            catalog(),
            store=Store(store or default_store()),
            progress=options.progress,
        ):
            prompts = question.prompts(seed=evaluation.seed, budget=None)
            lines += [prompt_line(question.unit, prompt) for prompt in prompts]
    options.end_progress()
    write_kept(path, "".join(line + "\n" for line in lines))
    click.echo(f"{len(lines):,} prompts are in {path}")


def _evaluate(
    evaluation: "Evaluation",
    answerer: "Answerer",
    watch: AnswerProgress,
    out: Path,
    store: Path | None,
    *,
    wide: bool,
    as_json: bool,
) -> None:
    from flan_tasks.evaluation.loop import evaluate
    from flan_tasks.evaluation.records import Answers
    from flan_tasks.evaluation.tables import write_results
    from flan_tasks.evaluation.warnings import score_warnings
    from flan_tasks.store.store import Store, default_store

    settings = {**answerer.settings, **evaluation.settings}
    answers = Answers(out, settings)
    outcome = evaluate(
        evaluation,
        catalog(),
        answers,
        answerer,
        store=Store(store or default_store()),
        progress=options.progress,
        watch=watch,
    )
    options.end_progress()
    if answers.unchecked:
        options.warn(
            f"{len(answers.unchecked)} files of answers were written before there were digests; "
            "their content is not checked"
        )
    paths = write_results(out, outcome.scores, settings=settings, missing=outcome.missing)
    for line in score_warnings(outcome.scores):
        click.secho(f"Warning: {for_line(line)}", err=True, fg="yellow")
    if as_json:
        click.echo((out / "scores.json").read_text(encoding="utf-8"), nl=False)
        return
    if wide:
        for score in outcome.scores:
            _print_dataset(score)
    _print_overview(outcome.scores)
    for name, reason in outcome.missing.items():
        print_wrapped(f"not evaluated: {name}: {reason}")
    click.echo(f"\nresults in {out}: {', '.join(path.name for path in paths)}")


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
    from flan_tasks.evaluation.tables import legend, overview

    caption, header, rows = overview(scores)
    click.echo()
    print_wrapped(caption)
    click.echo()
    print_table(header, rows)
    click.echo()
    for line in legend(scores):
        print_wrapped(line)
    click.echo("--wide prints every template")
