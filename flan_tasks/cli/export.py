"""`flan export`: a trained model as a directory of Hugging Face's."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flan_tasks.cli import options

if TYPE_CHECKING:
    from flan_tasks.specs.model_config import ModelConfig


@click.command(name="export")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Directory to write: new or empty.",
)
@options.vocabulary("bytes, t5, or a file; by default the model's.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="What weights are stored in.",
)
@click.option(
    "--adapters",
    is_flag=True,
    help="Write the LoRA adapters, or the soft prompt, alone, as peft loads them.",
)
@click.option(
    "--base",
    metavar="NAME",
    help="What peft loads as their base; by default the INITIAL_CHECKPOINT_PATH of the run.",
)
@options.as_json
def command(
    model: Path,
    out: Path,
    vocab: options.VocabularyOptions,
    dtype: str,
    adapters: bool,
    base: str | None,
    as_json: bool,
) -> None:
    """Writes MODEL, a MODEL_DIR or checkpoint of `flan train`, for transformers.

    T5 and decoders: causal ones with RoPE, as Llama, Mistral, Qwen and Gemma are. Adapters are
    merged into the base, or with --adapters written alone, in peft's format, as a soft prompt can
    only be; MODEL may also be a folder of such adapters. Tokenizer files are included.
    """
    if adapters:
        _adapters(model, out, base, vocab=vocab.name(), as_json=as_json)
        return
    if base is not None:
        raise click.UsageError("--base belongs to --adapters")
    from flan_tasks.inference.open_model import open_model
    from flan_tasks.models.hf import export_hf

    opened = open_model(model, vocab=vocab.name(), say=options.warn)
    folder = export_hf(opened.model, opened.params, out, vocabulary=opened.vocabulary, dtype=dtype)
    if as_json:
        click.echo(json.dumps({"out": str(folder), "from": opened.identity["model"]}))
    else:
        click.echo(f"{opened.identity['model']} is in {folder}, for transformers:")
        config = opened.model.config
        click.echo(f'  {_network(config)}.from_pretrained("{folder}")')
        if config.architecture == "t5" and not (config.tied_head and config.scaled_head):
            click.echo(
                "Its head is not the embedding: in transformers 5 tie_weights(), which lm_eval "
                "calls, overwrites it. README.md there says how to load it for that."
            )


def _adapters(
    model: Path, out: Path, base: str | None, *, vocab: str | None, as_json: bool
) -> None:
    from flan_tasks.checkpoints.adapter_base import base_of
    from flan_tasks.inference.open_model import open_model
    from flan_tasks.models.adapter_files import export_adapters

    base = base_of(model, base)
    opened = open_model(model, vocab=vocab, say=options.warn)
    folder = export_adapters(opened.model, opened.params, out, base=base)
    if as_json:
        given = {"out": str(folder), "from": opened.identity["model"], "base": base}
        click.echo(json.dumps(given))
    else:
        config = opened.model.config
        trained = "soft prompt" if config.prompt_length else "adapters"
        verb = "is" if config.prompt_length else "are"
        click.echo(f"the {trained} of {opened.identity['model']} {verb} in {folder}, for peft:")
        click.echo(f'  base = {_network(config)}.from_pretrained("{base}")')
        click.echo(f'  PeftModel.from_pretrained(base, "{folder}")')


def _network(config: "ModelConfig") -> str:
    return "T5ForConditionalGeneration" if config.architecture == "t5" else "AutoModelForCausalLM"
