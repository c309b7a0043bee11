"""`flan export`: a trained model as a directory of Hugging Face's."""

import json
from pathlib import Path

import click

from flan_tasks.cli import options


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
@options.as_json
def command(
    model: Path, out: Path, vocab: options.VocabularyOptions, dtype: str, as_json: bool
) -> None:
    """Writes MODEL, a MODEL_DIR or checkpoint of `flan train`, for transformers.

    T5 and decoders: causal ones with RoPE, as Llama, Mistral, Qwen and Gemma are. Adapters are
    merged into the base; tokenizer files are included.
    """
    from flan_tasks.inference.model_answers import open_model
    from flan_tasks.models.hf import export_hf

    opened = open_model(model, vocab=vocab.name(), say=options.warn)
    folder = export_hf(opened.model, opened.params, out, vocabulary=opened.vocabulary, dtype=dtype)
    if as_json:
        click.echo(json.dumps({"out": str(folder), "from": opened.identity["model"]}))
    else:
        click.echo(f"{opened.identity['model']} is in {folder}, for transformers:")
        config = opened.model.config
        is_t5 = config.architecture == "t5"
        network = "T5ForConditionalGeneration" if is_t5 else "AutoModelForCausalLM"
        click.echo(f'  {network}.from_pretrained("{folder}")')
        if is_t5 and not (config.tied_head and config.scaled_head):
            click.echo(
                "Its head is not the embedding: in transformers 5 tie_weights(), which lm_eval "
                "calls, overwrites it. README.md there says how to load it for that."
            )
