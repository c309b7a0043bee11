"""One experiment of the paper: what is built, trained on and scored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flan_tasks.core.field_checks import (
    MAX_COUNT,
    MAX_SEED,
    at_least,
    at_most,
    refuse,
    wrong_types,
)
from flan_tasks.core.variation import Variation


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One point of a comparison.

    Raises:
      ConfigError: a value has the wrong type or range, or two do not go together.
    """

    # Folder of its results; lower case, digits, underscores.
    name: str
    # What it is compared in, such as "number of clusters".
    series: str
    # Its place there, such as "3".
    point: str
    # A published mixture; or else what follows makes one.
    mixture: str | None = None
    # As in a mixture file.
    include: tuple[str, ...] = ()
    hold_out: tuple[str, ...] = ()
    # Datasets, clusters or mixtures (what they hold out) to score.
    evaluate: tuple[str, ...]
    # Draw among the first so many forward templates of each dataset; None means all templates.
    num_templates: int | None = None
    # full, inputs_only or dataset_name; scores are always of full prompts.
    instructions: str = "full"
    # Gin files of `flan train`: the model, then the recipe.
    gin_files: tuple[str, ...]
    # Macros for them, beside BUILD_DIR and MODEL_DIR.
    macros: Mapping[str, Any]
    # Of the build, training and scores.
    vocabulary: str = "t5"
    task_feature_lengths: Mapping[str, int]
    # Rows of the build; None is one pass.
    rows: int | None = None
    # Where rows come from, as in `flan build`.
    source: str = "declared"
    data_dir: str | None = None
    allow_missing: bool = False
    # Examples of a split that are scored; None is all.
    eval_examples: int | None = None
    eval_batch_size: int = 32
    # Of the build, training and scores.
    seed: int = 0

    def __post_init__(self) -> None:
        # From gin a tuple may come as a list.
        for name in ("include", "hold_out", "evaluate", "gin_files"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        problems = wrong_types(self)
        if not problems:
            problems += at_least(self, 0, "seed")
            problems += at_least(self, 1, "eval_batch_size")
            problems += at_most(self, MAX_SEED, "seed")
            problems += at_most(self, MAX_COUNT, "eval_batch_size", "eval_examples")
            if len(self.name) > 100:
                problems.append(("name", f"has {len(self.name)} characters; want at most 100"))
            if not self.name.replace("_", "").isalnum() or self.name != self.name.lower():
                problems.append(("name", f"is {self.name!r}; want lower case, digits, underscores"))
            if bool(self.mixture) == bool(self.include):
                problems.append(("mixture", "and include: give one of them"))
            if not self.evaluate:
                problems.append(("evaluate", "is empty; name what is scored"))
        refuse(self, problems)

    @property
    def variation(self) -> Variation:
        """How training prompts are made.

        Raises:
          DeclarationError: a value is out of range.
        """
        if self.num_templates is None:
            return Variation(instructions=self.instructions)
        return Variation(
            num_templates=self.num_templates, kinds=("forward",), instructions=self.instructions
        )
