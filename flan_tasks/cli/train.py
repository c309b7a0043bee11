"""`flan train`: the JAX trainer."""

import click


@click.command(
    name="train",
    context_settings={"ignore_unknown_options": True},
    options_metavar="--gin_file MODEL.gin --gin_file RUN.gin [--gin.NAME=VALUE ...] [--dry_run] "
    "[--profile N]",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="")
def command(arguments: tuple[str, ...]) -> int:
    """Trains a model on a build directory, or on a SeqIO name.

    \b
    --gin_file FILE   a gin file, by path or by its name among ours
                      (models/t5_1_1_mini.gin, runs/finetune.gin); give it
                      again for more, later ones win
    --gin.NAME=VALUE  sets a macro (BATCH_SIZE) or a parameter
                      (config.TrainSpec.max_skipped); strings need no quotes
    --dry_run         prints parameters, memory and tokens, then the resolved
                      configuration, and stops
    --profile N       traces N steps, and prints where their time and memory go
    """
    from flan_tasks.core.kept_memory import keep_freed_memory
    from flan_tasks.trainer.main import run

    keep_freed_memory()
    return run(arguments)
