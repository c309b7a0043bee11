"""`flan gin-from-hf`: a folder of Hugging Face's as a gin file of its model."""

from pathlib import Path

import click

from flan_tasks.cli import options


@click.command(name="gin-from-hf")
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Prints a gin file of the model in FOLDER, which transformers wrote.

    `flan train --gin_file` takes it in the place of one of models/, so that a run can begin with
    the weights of FOLDER. T5 and decoders: Llama, Mistral, Qwen, Gemma.
    """
    from flan_tasks.core.escaping import for_line
    from flan_tasks.models.hf_config import read_config
    from flan_tasks.specs.gin_model import model_gin

    config = read_config(folder, say=options.warn)
    arch = "" if config.architecture == "t5" else " --arch decoder"
    name = for_line(str(folder))
    comment = (
        f"The model of {name}, printed by `flan gin-from-hf`.\n\n"
        f"  flan build nli --format arrays{arch} --vocab {name} --out build\n"
        f"  flan train --gin_file THIS.gin --gin_file runs/finetune.gin --gin.BUILD_DIR=build \\\n"
        f"      --gin.INITIAL_CHECKPOINT_PATH={name} --gin.MODEL_DIR=run --gin.TRAIN_STEPS=1000"
    )
    click.echo(model_gin(config, comment=comment), nl=False)
