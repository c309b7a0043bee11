"""A model's configuration as the text of a gin file, in the form of those in gin/models."""

import dataclasses
import re

from flan_tasks.specs.model_config import ModelConfig

# Fields that run files and the command line set by a macro, and the macro's value.
_MACROS = {
    "vocabulary_size": ("VOCABULARY_SIZE", None),
    "dropout": ("DROPOUT_RATE", "%gin.REQUIRED"),
    "dtype": ("DTYPE", '"bfloat16"'),
    "remat": ("REMAT", '"none"'),
    "attention": ("ATTENTION", '"xla"'),
    "lora_rank": ("LORA_RANK", "0"),
    "lora_alpha": ("LORA_ALPHA", "16.0"),
    "lora_targets": ("LORA_TARGETS", '("query", "value")'),
    "prompt_length": ("PROMPT_LENGTH", "0"),
}


def model_gin(config: ModelConfig, *, comment: str) -> str:
    """Returns a gin file that binds a model: what is not as it is by default, and the macros.

    Args:
      config: the model.
      comment: what stands above, lines without `#`.
    """
    head = [f"# {line}".rstrip() for line in comment.splitlines()]
    macros = [
        f"{macro} = {_written(config.vocabulary_size) if value is None else value}"
        for macro, value in _MACROS.values()
    ]
    bindings = []
    for part in dataclasses.fields(config):
        value = getattr(config, part.name)
        if part.name in _MACROS:
            bindings.append(f"    {part.name} = %{_MACROS[part.name][0]}")
        elif value != part.default or part.name == "architecture":
            bindings.append(f"    {part.name} = {_written(value)}")
    return "\n".join(
        [
            *head,
            "\nfrom __gin__ import dynamic_registration",
            "\nfrom flan_tasks.specs import model_config\n",
            *macros,
            "\nmodel_config.ModelConfig:",
            *bindings,
            "",
        ]
    )


def _written(value: object) -> str:
    return re.sub(r"^'(\w*)'$", r'"\1"', repr(value))
