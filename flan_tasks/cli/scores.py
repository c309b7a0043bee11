"""`flan scores`: the numbers of an evaluation in the forms of others."""

import re
from pathlib import Path

import click

from flan_tasks.cli import options
from flan_tasks.cli.table import say

# As jobs/scores.py has them, here so that help imports little.
_FORMS = ("text", "markdown", "latex", "csv", "lm-eval", "model-index", "eval-results")
_BENCHMARK = re.compile(r"([^=]+)=([^/:=\s]+/[^/:=\s]+):([^:\s]+)")


class _Benchmark(click.ParamType):
    """NAME=OWNER/DATASET:TASK."""

    name = "NAME=OWNER/DATASET:TASK"

    def convert(self, value, param, ctx):
        match = _BENCHMARK.fullmatch(value)
        if not match:
            self.fail(f"{value!r} is not of the form {self.name}, as gsm8k=openai/gsm8k:gsm8k")
        return match[1], (match[2], match[3])


@click.command(name="scores")
@click.argument(
    "folder", type=click.Path(path_type=Path, file_okay=False, exists=True), metavar="DIR"
)
@options.printed_form(_FORMS)
@click.option("--model", default="", help="What to call the model; by default as its folder.")
@click.option(
    "--benchmark",
    "benchmarks",
    type=_Benchmark(),
    multiple=True,
    help="For eval-results: the hub's benchmark that a suite or dataset is; may be given again.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write this file instead of printing.",
)
@options.module
def command(
    folder: Path,
    form: str,
    model: str,
    benchmarks: tuple[tuple[str, tuple[str, str]], ...],
    out: Path | None,
) -> None:
    """Prints the numbers of an evaluation again: DIR is the --out of `flan eval`.

    Nothing is asked or computed anew. lm-eval is the results_*.json of lm-evaluation-harness;
    model-index goes into the metadata of a model card, eval-results into .eval_results/NAME.yaml of
    a model on the Hugging Face hub. What a format has no place for is said.
    """
    from flan_tasks.evaluation.answers import write_kept
    from flan_tasks.jobs.scores import scores_as

    if form == "text":
        if out is not None or benchmarks or model:
            raise click.UsageError("--format text is printed as it is; give another format")
        _print(folder)
        return
    text = scores_as(folder, form, model=model, benchmarks=dict(benchmarks), say=options.warn)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_kept(out, text)
        say(f"{form} is in {out}")


def _print(folder: Path) -> None:
    from flan_tasks.cli.eval import print_overview, print_suite
    from flan_tasks.suites.stored import read_scores

    stored = read_scores(folder)
    if stored.datasets:
        print_overview(stored.datasets)
    for suite in stored.suites:
        print_suite(suite.score, wide=False)
