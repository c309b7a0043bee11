"""One experiment of the paper: what is built, trained on and scored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flan_tasks.core.field_checks import MAX_COUNT, MAX_SEED, at_least, at_most
from flan_tasks.core.spec import Spec
from flan_tasks.core.variation import Variation


@dataclass(frozen=True, kw_only=True)
class Experiment(Spec):
    """One point of a comparison.

    Raises:
      ConfigError: a value has the wrong type or range, or two do not go together.
    """

    name: str
    """Folder of its results; lower case, digits, underscores."""
    series: str
    """What it is compared in, such as "number of clusters"."""
    point: str
    """Its place there, such as "3"."""
    mixture: str | None = None
    """A published mixture; or else what follows makes one."""
    include: tuple[str, ...] = ()
    """Datasets, clusters or mixtures in it, as in a mixture file."""
    hold_out: tuple[str, ...] = ()
    """What is held out, as in a mixture file."""
    evaluate: tuple[str, ...]
    """Datasets, clusters or mixtures (what they hold out) to score."""
    num_templates: int | None = None
    """Draw among the first so many forward templates of each dataset; None means all templates."""
    instructions: str = "full"
    """full, inputs_only or dataset_name; scores are always of full prompts."""
    gin_files: tuple[str, ...]
    """Gin files of `flan train`: the model, then the recipe."""
    macros: Mapping[str, Any]
    """Macros for them, beside BUILD_DIR and MODEL_DIR."""
    vocabulary: str = "t5"
    """Vocabulary of the build, training and scores."""
    task_feature_lengths: Mapping[str, int]
    """Longest inputs and targets in tokens, everywhere."""
    rows: int | None = None
    """Rows of the build; None is one pass."""
    source: str = "declared"
    """Where rows come from, as in `flan build`."""
    data_dir: str | None = None
    """Where rows lie, as in `flan build`."""
    allow_missing: bool = False
    """Whether the build goes on without datasets whose rows are not available."""
    eval_examples: int | None = None
    """Examples of a split that are scored; None is all."""
    eval_batch_size: int = 32
    """Most prompts scored at once."""
    seed: int = 0
    """Seed of the build, training and scores."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values are out of range, or do not go together."""
        problems = super().problems()
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
        return problems

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
