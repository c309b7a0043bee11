"""`flan infer`: answers to prompts of a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from flan_tasks.cli import options
from flan_tasks.cli.eval import parsed_lengths
from flan_tasks.cli.gin_command import GinCommand

if TYPE_CHECKING:
    from flan_tasks.specs.eval_config import InferRun


@click.command(name="infer", cls=GinCommand)
@click.argument("prompts", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--model",
    "model_path",
    required=True,
    type=click.Path(path_type=Path),
    help="MODEL_DIR or checkpoint of `flan train`, or a Hugging Face directory.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="JSONL to write."
)
@options.batch_size
@click.option(
    "--lengths",
    help="Longest inputs and answers in tokens, as inputs=1024,targets=256; the ends of longer "
    "inputs are cut. Default: those of the model's training.",
)
@options.vocabulary("bytes, t5, or a file; by default the model's.")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), help="What is computed in.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@options.decoding
def command(
    prompts: Path,
    model_path: Path,
    out: Path,
    batch_size: int | None,
    lengths: str | None,
    vocab: options.VocabularyOptions,
    dtype: Literal["float32", "bfloat16"] | None,
    seed: int,
    decoding: dict[str, Any],
) -> None:
    """Answers PROMPTS: JSON lines with a `prompt` or `inputs` each, or text with one a line.

    Lines come back with a `prediction`. With --gin_file runs/infer.gin the options are gin's.
    """
    from flan_tasks.specs.eval_config import Decoding, InferRun

    _infer(
        InferRun(
            checkpoint_path=str(model_path),
            input_path=str(prompts),
            output_path=str(out),
            task_feature_lengths=parsed_lengths(lengths),
            batch_size=batch_size,
            decoding=Decoding(**decoding, seed=seed),
            vocab=vocab.name(),
            dtype=dtype,
        )
    )


@command.with_gin
def from_gin(arguments: tuple[str, ...]) -> None:
    """Answers what a gin file with T5X's names says, such as runs/infer.gin."""
    from flan_tasks.specs.eval_config import InferRun
    from flan_tasks.specs.gin_files import load
    from flan_tasks.trainer.main import parse

    given = parse(arguments)
    loaded = load(given.files, given.bindings, root=InferRun)
    if given.dry_run:
        click.echo(loaded.operative, nl=False)
    else:
        _infer(loaded.run)


def _infer(run: "InferRun") -> None:
    from flan_tasks.cli.progress import AnswerProgress
    from flan_tasks.inference.infer import infer

    watch = AnswerProgress()
    count = infer(run, log=watch.note, watch=watch, say=options.warn)
    options.end_progress()
    click.echo(f"{count:,} answers are in {run.output_path}")
