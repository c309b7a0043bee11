"""What an evaluation by a model, or an inference, is configured by; imports no JAX."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flan_tasks.core.field_checks import (
    MAX_COUNT,
    MAX_SEED,
    at_least,
    at_most,
    refuse,
    wrong_types,
)
from flan_tasks.core.variation import Variation

# Longest inputs and targets in tokens, EOS included, of models that do not say.
LENGTHS: Mapping[str, int] = {"inputs": 1024, "targets": 256}


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How tokens are chosen.

    Raises:
      ConfigError: a value has the wrong type or range.
    """

    method: Literal["greedy", "sample", "beam"] = "greedy"
    """Always the likeliest, drawn, or by beam search."""
    max_tokens: int = 256
    """Most tokens of an answer, EOS included."""
    temperature: float = 1.0
    """Divides logits before sampling."""
    top_k: int = 0
    """Sample among so many likeliest tokens; 0 means all."""
    top_p: float = 1.0
    """Sample among the fewest likeliest tokens that have this share of the probability."""
    beams: int = 4
    """Width of the beam."""
    alpha: float = 0.6
    """Exponent of the length penalty of beams."""
    seed: int = 0
    """What samples depend on, beside each example's own seed."""

    def __post_init__(self) -> None:
        problems = wrong_types(self)
        if not problems:
            problems += at_least(self, 1, "max_tokens", "beams")
            problems += at_least(self, 0, "top_k", "alpha", "seed")
            problems += at_most(self, MAX_COUNT, "max_tokens", "beams", "top_k")
            problems += at_most(self, MAX_SEED, "seed")
            if not self.temperature > 0:
                problems.append(("temperature", f"is {self.temperature}; want more than 0"))
            if not 0 < self.top_p <= 1:
                problems.append(("top_p", f"is {self.top_p}; want more than 0, at most 1"))
        refuse(self, problems)


@dataclass(frozen=True, kw_only=True)
class EvalRun:
    """One evaluation by a model.

    Raises:
      ConfigError: a value has the wrong type or range.
    """

    checkpoint_path: str
    """A checkpoint or MODEL_DIR of ours, or a Hugging Face directory."""
    output_dir: str
    """Where results go."""
    mixture_or_task_name: str
    """Datasets, clusters or mixtures, whose held-out side is meant; commas between several."""
    task_feature_lengths: Mapping[str, int] | None = None
    """Longest inputs and targets, where they are not those of training; the ends of longer
    prompts are cut."""
    split: Literal["validation", "test", "both"] = "both"
    """Which splits."""
    method: Literal["auto", "rank", "generate", "both"] = "auto"
    """Auto ranks options where there are some, and generates elsewhere."""
    num_examples: int | None = None
    """Examples of a split; None is all."""
    batch_size: int | None = None
    """Prompts read at once; None is 32, and 8 on a CPU."""
    decoding: Decoding = Decoding()
    """How text is written."""
    source: str = "declared"
    """Where rows come from, as in `flan build`."""
    data_dir: str | None = None
    """A prepared TFDS tree, or a folder of files."""
    allow_missing: bool = False
    """Go on without datasets whose rows cannot be had."""
    vocab: str | None = None
    """bytes, t5 or a file; None is the model's own."""
    dtype: Literal["float32", "bfloat16"] | None = None
    """What is computed in; None is as trained."""
    seed: int = 0
    """Of the draw of examples, exemplars and samples."""
    shots: int = 0
    """Exemplars before each query."""
    options: bool = True
    """Whether prompts show the options."""
    option_order: str = "fixed"
    """fixed or shuffled."""
    templates: tuple[str, ...] | None = None
    """Template ids; None is all."""
    num_templates: int | None = None
    """Ask the first so many of each dataset's templates; None is all."""
    instructions: str = "full"
    """full, inputs_only or dataset_name."""

    def __post_init__(self) -> None:
        # From gin a tuple may come as a list.
        if isinstance(self.templates, list):
            object.__setattr__(self, "templates", tuple(self.templates))
        problems = wrong_types(self)
        if not problems:
            if self.batch_size is not None:
                problems += at_least(self, 1, "batch_size")
            problems += at_least(self, 0, "seed", "shots")
            problems += at_most(self, MAX_COUNT, "batch_size", "num_examples")
            problems += at_most(self, MAX_SEED, "seed")
            if self.num_examples is not None:
                problems += at_least(self, 1, "num_examples")
            problems += wrong_lengths(self.task_feature_lengths)
            for name in ("checkpoint_path", "output_dir", "mixture_or_task_name"):
                if not getattr(self, name):
                    problems.append((name, "is empty"))
        refuse(self, problems)

    @property
    def variation(self) -> Variation:
        """How prompts are made.

        Raises:
          DeclarationError: a value is out of range.
        """
        return Variation(
            shots=self.shots,
            options=self.options,
            option_order=self.option_order,
            templates=self.templates,
            num_templates=self.num_templates,
            instructions=self.instructions,
        )


@dataclass(frozen=True, kw_only=True)
class InferRun:
    """Texts written for prompts of a file.

    Raises:
      ConfigError: a value has the wrong type or range.
    """

    checkpoint_path: str
    """A checkpoint or MODEL_DIR of ours, or a Hugging Face directory."""
    input_path: str
    """JSON lines with a `prompt` or `inputs` each, or plain text with a prompt a line."""
    output_path: str
    """JSON lines: what came, and the `prediction`."""
    task_feature_lengths: Mapping[str, int] | None = None
    """Longest inputs and targets, where they are not those of training."""
    batch_size: int | None = None
    """Prompts read at once; None is 32, and 8 on a CPU."""
    decoding: Decoding = Decoding()
    """How text is written."""
    vocab: str | None = None
    """bytes, t5 or a file; None is the model's own."""
    dtype: Literal["float32", "bfloat16"] | None = None
    """What is computed in; None is as trained."""

    def __post_init__(self) -> None:
        problems = wrong_types(self)
        if not problems:
            if self.batch_size is not None:
                problems += at_least(self, 1, "batch_size")
            problems += at_most(self, MAX_COUNT, "batch_size")
            problems += wrong_lengths(self.task_feature_lengths)
        refuse(self, problems)


# The same by the names Python users know specifications by.
EvalSpec, InferSpec = EvalRun, InferRun


def wrong_lengths(lengths: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Says what is wrong with lengths of inputs and targets."""
    if lengths is None:
        return []
    unknown = [name for name in lengths if name not in LENGTHS]
    wrong = [name for name in lengths if not 1 <= lengths[name] <= MAX_COUNT]
    if unknown or wrong:
        return [("task_feature_lengths", f"is {dict(lengths)}; want inputs and targets, 1 or more")]
    return []
