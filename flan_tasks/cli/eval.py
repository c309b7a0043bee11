"""`flan eval`: a model on datasets, template by template."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flan_tasks.cli import options
from flan_tasks.cli.table import clean, print_table
from flan_tasks.configuration import VOCAB
from flan_tasks.core.errors import UnknownNameError
from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog

if TYPE_CHECKING:
    from flan_tasks.build.evaluate import Answerer, Evaluation
    from flan_tasks.evaluation.summary import DatasetScore

_METHODS = ("auto", "rank", "generate", "both")
_DECODING = ("greedy", "beam", "sample")
_SPLITS = {"validation": ("validation",), "test": ("test",), "both": ("validation", "test")}


@click.command(name="eval")
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
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True)
@click.option(
    "--lengths",
    default="inputs=1024,targets=256",
    show_default=True,
    help="Longest inputs and targets in tokens, EOS included; the ends of longer ones are cut.",
)
@click.option("--vocab", help=f"bytes, t5, or a file; by default the model's (not {VOCAB}).")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), help="What is computed in.")
@click.option("--decoding", type=click.Choice(_DECODING), default="greedy", show_default=True)
@click.option("--beams", type=click.IntRange(min=1), default=4, show_default=True)
@click.option("--alpha", type=float, default=0.6, show_default=True, help="Length penalty.")
@click.option("--temperature", type=float, default=1.0, show_default=True)
@click.option("--top-k", type=click.IntRange(min=0), default=0, help="0 is all.")
@click.option("--top-p", type=float, default=1.0, show_default=True)
@click.option("--store", type=click.Path(path_type=Path), help="Where examples are kept.")
@options.variation
@options.module
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
    batch_size: int,
    lengths: str,
    vocab: str | None,
    dtype: str | None,
    decoding: str,
    beams: int,
    alpha: float,
    temperature: float,
    top_k: int,
    top_p: float,
    store: Path | None,
    variation: Variation,
    as_json: bool,
) -> None:
    """Scores a model on NAMES: datasets, clusters, or a mixture's held-out side.

    Every forward template of every dataset is asked; options are ranked by the log-probability
    the model gives them (summed, and divided by their number of tokens), other answers are
    generated. OUT gets scores.json, scores.csv, scores.svg, and all answers as JSONL; the same
    command goes on where it was stopped.
    """
    from flan_tasks.build.contamination import evaluation_side
    from flan_tasks.build.evaluate import Evaluation
    from flan_tasks.build.prepare import SourceChoice
    from flan_tasks.build.store import Store, default_store

    sources = [one for one in (model_path, predictions, write_prompts) if one is not None]
    if len(sources) != 1:
        raise click.UsageError("give one of --model, --predictions and --write-prompts")
    if out is None and write_prompts is None:
        raise click.UsageError("give --out, a directory for the results")
    wanted = {dataset.name for name in names for dataset in evaluation_side(catalog(), name)}
    datasets = tuple(dataset for dataset in catalog().datasets if dataset.name in wanted)
    variation.check_templates((d.name, catalog().templates(d.name).ids) for d in datasets)
    if options.reads_tfds(datasets, source):
        options.import_tensorflow_quietly()
    evaluation = Evaluation(
        datasets=datasets,
        splits=_SPLITS[split],
        method=method,
        examples=examples,
        seed=seed,
        source=SourceChoice(source, data_dir),
        variation=variation,
        allow_missing=allow_missing,
    )
    kept = Store(store or default_store())
    if write_prompts is not None:
        _write_prompts(evaluation, write_prompts, kept)
        return
    if predictions is not None:
        from flan_tasks.evaluation.elsewhere import FileAnswers

        answerer: Any = FileAnswers(predictions)
    else:
        from flan_tasks.trainer.decode import Decoding
        from flan_tasks.trainer.evaluate import ModelAnswers, open_model

        how = Decoding(
            method=decoding,
            beams=beams,
            alpha=alpha,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
        )
        answerer = ModelAnswers(
            open_model(model_path, vocab=vocab, dtype=dtype),
            lengths=parsed_lengths(lengths),
            decoding=how,
            batch_size=batch_size,
            log=options.progress,
        )
    _evaluate(evaluation, answerer, out, kept, as_json)


def parsed_lengths(text: str) -> dict[str, int]:
    """Reads `inputs=1024,targets=256`, where what is not given keeps its default.

    Raises:
      UnknownNameError: it is something else.
    """
    found = {"inputs": 1024, "targets": 256}
    for piece in text.split(","):
        name, _, number = piece.partition("=")
        if name.strip() not in found or not number.strip().isdecimal() or int(number) < 1:
            raise UnknownNameError(f"--lengths {piece!r}: wanted inputs=NUMBER,targets=NUMBER")
        found[name.strip()] = int(number)
    return found


def _write_prompts(evaluation: "Evaluation", path: Path, store: Any) -> None:
    from flan_tasks.build.evaluate import questions
    from flan_tasks.evaluation.elsewhere import prompt_line
    from flan_tasks.evaluation.records import write_whole

    lines = []
    for dataset in evaluation.datasets:
        for question in questions(
            evaluation, dataset, catalog(), store=store, progress=options.progress
        ):
            prompts = question.prompts(seed=evaluation.seed, budget=None)
            lines += [prompt_line(question.unit, prompt) for prompt in prompts]
    options.end_progress()
    write_whole(path, "".join(line + "\n" for line in lines))
    click.echo(f"{len(lines):,} prompts are in {path}")


def _evaluate(
    evaluation: "Evaluation", answerer: "Answerer", out: Path, store: Any, as_json: bool
) -> None:
    from flan_tasks.build.evaluate import evaluate
    from flan_tasks.evaluation.records import Answers
    from flan_tasks.evaluation.tables import write_results

    settings = {**answerer.settings, **evaluation.settings}
    answers = Answers(out, settings)
    outcome = evaluate(
        evaluation, catalog(), answers, answerer, store=store, progress=options.progress
    )
    options.end_progress()
    paths = write_results(out, outcome.scores, settings=settings, missing=outcome.missing)
    if as_json:
        click.echo((out / "scores.json").read_text(encoding="utf-8"), nl=False)
        return
    for score in outcome.scores:
        _print_dataset(score)
    _print_overview(outcome.scores)
    for name, reason in outcome.missing.items():
        click.echo(f"not evaluated: {name}: {clean(reason)}")
    click.echo(f"\nresults: {', '.join(str(path) for path in paths)}")


def _print_dataset(score: "DatasetScore") -> None:
    from flan_tasks.evaluation.tables import template_rows, with_error

    splits = list(dict.fromkeys(one.split for one in score.templates))
    for way in dict.fromkeys(one.way for one in score.templates):
        for number in next(one for one in score.templates if one.way == way).scores:
            spreads = {s.split: s for s in score.spreads if s.way == way and s.number == number}
            sizes = ", ".join(f"{spreads[s].num_examples:,} {s} examples" for s in splits)
            click.echo(f"\n{score.dataset} ({score.cluster}): {number} by {way}; {sizes}")
            rows = template_rows(score, number, way)
            for name, pick in (("mean", "mean"), ("standard deviation", "deviation")):
                values = [getattr(spreads[split], pick) for split in splits]
                rows.append([name, *("-" if v is None else f"{v:.1f}" for v in values)])
            print_table(["template (± standard error)", *splits], rows)
            for best in score.best:
                if (best.number, best.way) == (number, way):
                    click.echo(
                        f"best on validation: {best.template}, {best.validation:.1f}; "
                        f"on test {with_error(best.test, best.error)}"
                    )


def _print_overview(scores: Sequence["DatasetScore"]) -> None:
    rows = []
    for score in scores:
        for way in dict.fromkeys(one.way for one in score.templates):
            spread = [s for s in score.spreads if s.way == way]
            split = "test" if any(s.split == "test" for s in spread) else "validation"
            first = next(s for s in spread if s.split == split)
            best = [b for b in score.best if (b.way, b.number) == (way, first.number)]
            rows.append(
                [
                    score.dataset,
                    first.number,
                    way,
                    split,
                    f"{first.num_examples:,}",
                    f"{first.mean:.1f}",
                    "-" if first.deviation is None else f"{first.deviation:.1f}",
                    f"{first.lowest:.1f}",
                    f"{first.highest:.1f}",
                    f"{best[0].test:.1f}" if best else "-",
                ]
            )
    click.echo()
    print_table(
        ["dataset", "number", "by", "split", "examples", "mean", "sd", "min", "max", "best"], rows
    )
