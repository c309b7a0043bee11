"""What an evaluation by a model, or an inference, is told; imports no JAX."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from flan_tasks.core.field_checks import MAX_COUNT, MAX_SEED
from flan_tasks.core.spec import JobSpec, Spec, option
from flan_tasks.core.template import FORWARD
from flan_tasks.core.variation import PromptSpec
from flan_tasks.specs.chat_choices import CHOICES, ChatAsked
from flan_tasks.specs.parts import RowsFrom, VocabularyNamed

# Longest inputs and targets in tokens, EOS included, of models that do not say.
LENGTHS: Mapping[str, int] = {"inputs": 1024, "targets": 256}
# How the sum of an option's log-probabilities is normalized: divided by a length, or less what it
# is without the question.
TOKENS, CHARACTERS, BYTES, UNCONDITIONAL = "tokens", "characters", "bytes", "unconditional"
NORMALIZATIONS = (TOKENS, CHARACTERS, BYTES, UNCONDITIONAL)
USUAL_NORMALIZATIONS = (TOKENS,)


@dataclass(frozen=True, kw_only=True)
class Decoding(Spec):
    """How tokens are chosen.

    Raises:
      ConfigError: a value has the wrong type or range.
    """

    method: Literal["greedy", "sample", "beam"] = option("greedy", said="decoding")
    """Always the likeliest, drawn, or by beam search."""
    max_tokens: int = option(256, least=1)
    """Most tokens of an answer, EOS included."""
    temperature: float = option(1.0)
    """Divides logits before sampling."""
    top_k: int = option(0, least=0)
    """Sample among so many likeliest tokens; 0 means all."""
    top_p: float = option(1.0)
    """Sample among the fewest likeliest tokens that have this share of the probability."""
    beams: int = option(4, least=1)
    """Width of the beam."""
    alpha: float = option(0.6, least=0)
    """Exponent of the length penalty of beams."""
    seed: int = option(0, least=0, most=MAX_SEED)
    """What samples depend on, beside each example's own seed; 0 in an evaluation is that of the
    evaluation."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) of shares and divisors."""
        wrong = super().problems()
        if not self.temperature > 0:
            wrong.append(("temperature", f"is {self.temperature}; want more than 0"))
        if not 0 < self.top_p <= 1:
            wrong.append(("top_p", f"is {self.top_p}; want more than 0, at most 1"))
        return wrong


@dataclass(frozen=True, kw_only=True)
class QuestionSpec(PromptSpec, RowsFrom):
    """What an evaluation asks: which prompts of which datasets.

    Raises:
      ConfigError: a value has the wrong type or range, or two do not go together.
    """

    mixture_or_task_name: str = option(argument=True, several=True, said="names")
    """Suites, datasets, clusters or mixtures, whose held-out side is meant; commas between
    several."""
    split: Literal["validation", "test", "both"] = option("both")
    """Which splits."""
    method: Literal["auto", "rank", "generate", "both"] = option("auto")
    """Auto ranks options where there are some, and generates elsewhere."""
    normalize: tuple[str, ...] | None = option(
        None, choices=NORMALIZATIONS, commas=True, metavar="HOW,..."
    )
    """How options are ranked besides by their sum of log-probabilities: divided by tokens (the
    default), characters or bytes, or less what they have without the question (unconditional)."""
    num_examples: int | None = option(None, least=1, said="examples")
    """Examples of each split, drawn by the seed and the same for all templates; by default all."""
    seed: int = option(0, least=0, most=MAX_SEED)
    """Of the draw of examples, exemplars and samples."""
    allow_missing: bool = option(False)
    """Go on without datasets whose rows are not available."""
    modules: tuple[str, ...] = option((), said="module", metavar="NAME")
    """Python module with datasets and mixtures of yours; may be given again."""
    store: str | None = option(None, is_path=True, is_place=True)
    """Where examples are kept."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values do not go together."""
        wrong = super().problems()
        if not self.mixture_or_task_name:
            wrong.append(("mixture_or_task_name", "is empty"))
        if self.kinds is not None and set(self.kinds) != {FORWARD}:
            wrong.append(
                (
                    "kinds",
                    f"has {', '.join(self.kinds)}: only {FORWARD} templates ask for the answer, "
                    "which is what metrics compare with; leave it out",
                )
            )
        return wrong

    @property
    def normalizations(self) -> tuple[str, ...]:
        """What `normalize` says, or the usual."""
        return USUAL_NORMALIZATIONS if self.normalize is None else self.normalize

    @property
    def names(self) -> tuple[str, ...]:
        """What is asked, name by name."""
        return tuple(name.strip() for name in self.mixture_or_task_name.split(","))


@dataclass(frozen=True, kw_only=True)
class ModelAsked(VocabularyNamed):
    """How a model is asked."""

    task_feature_lengths: Mapping[str, int] | None = option(None, said="lengths")
    """Longest inputs and targets in tokens, EOS included, as inputs=1024,targets=256; longer
    prompts of an evaluation are shortened in their longest field, other ends cut. By default
    those of the model's training."""
    batch_tokens: int | None = option(None, least=1)
    """Tokens read at once, padding included; by default 16,384, and 2,048 on a CPU."""
    batch_size: int | None = option(None, least=1)
    """Most prompts read at once; by default as many as batch_tokens allow."""
    decoding: Decoding = Decoding()
    """How text is written."""
    dtype: Literal["float32", "bfloat16"] | None = option(None)
    """What is computed in; by default as trained."""
    chat: str | None = option(None, metavar="TOKENIZER_DIR", is_path=True)
    """Ask each prompt in a turn of a conversation, by this tokenizer's chat template; by default as
    the model was trained, and one of others without a template. For decoders."""
    chat_date: str | None = option(None, metavar="DATE")
    """What the chat template takes for today; by default as in training, or 2024-07-26."""
    system: str | None = option(None, metavar="TEXT")
    """System prompt of conversations; by default as in training, or what the template does."""
    reasoning: str | None = option(None, choices=CHOICES)
    """What thoughts before answers are trained as: with field, prompts whose answers have some
    leave room for them. By default as in training, or keep."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values do not go together."""
        wrong = [*super().problems(), *wrong_lengths(self.task_feature_lengths)]
        # Of a model's own vocabulary nothing can be said otherwise.
        named = [name for name in ("eos", "control_tokens") if getattr(self, name) is not None]
        if self.chat is not None:
            named += ["vocab"] if self.vocab is not None else []
            wrong += [(name, "is that of the chat tokenizer; leave it out") for name in named]
        elif self.vocab is None:
            wrong += [(name, "is of a vocabulary; give one") for name in named]
        return wrong

    @property
    def chat_asked(self) -> ChatAsked:
        """What is said of conversations."""
        return ChatAsked(self.chat, self.chat_date, self.system, self.reasoning)


@dataclass(frozen=True, kw_only=True)
class EvalSpec(QuestionSpec, ModelAsked, JobSpec):
    """What `ft.evaluate` and `flan eval` are told: which model answers what.

    Raises:
      ConfigError: a value has the wrong type or range, or two do not go together.
    """

    verb = "eval"

    checkpoint_path: str | None = option(None, said="model", is_path=True)
    """MODEL_DIR or checkpoint of `flan train`, a Hugging Face directory, or adapters of one."""
    predictions: str | None = option(None, is_file=True)
    """JSONL of predictions or scores made elsewhere, instead of a model."""
    contamination: str | None = option(None, is_file=True)
    """What `flan contamination --out` wrote: numbers are given with and without the examples that
    it names."""
    output_dir: str = option(said="out", is_path=True)
    """Directory of the results."""
    submission: str | None = option(None, said="write-submission", is_path=True)
    """Directory for the files that a suite's server takes, with answers to its unlabeled rows."""
    results: bool = option(True)
    """Write results.html."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values do not go together."""
        wrong = super().problems()
        if bool(self.checkpoint_path) == bool(self.predictions):
            both = "and predictions are both given" if self.predictions else "is missing"
            wrong.append(("checkpoint_path", f"{both}: a model answers, or a file has predictions"))
        if not self.output_dir:
            wrong.append(("output_dir", "is empty"))
        of_chats = ("chat", "chat_date", "system", "reasoning")
        if self.predictions:
            wrong += [
                (name, "is of a model that is asked; predictions are scored as they are")
                for name in of_chats
                if getattr(self, name) is not None
            ]
        if self.submission is not None and self.predictions:
            wrong.append(("submission", "needs a model, which answers unlabeled rows as well"))
        return wrong

    @property
    def seeded(self) -> Decoding:
        """How text is written, samples by the seed of the evaluation where they have none."""
        return replace(self.decoding, seed=self.decoding.seed or self.seed)


@dataclass(frozen=True, kw_only=True)
class InferSpec(ModelAsked, JobSpec):
    """What `ft.infer` and `flan infer` are told: texts written for prompts of a file.

    Raises:
      ConfigError: a value has the wrong type or range.
    """

    verb = "infer"

    input_path: str = option(argument=True, said="prompts", is_file=True)
    """JSON lines with a `prompt` or `inputs` each, or plain text with a prompt a line."""
    checkpoint_path: str = option(said="model", is_path=True)
    """MODEL_DIR or checkpoint of `flan train`, a Hugging Face directory, or adapters of one."""
    output_path: str = option(said="out", is_file=True)
    """JSON lines to write: what came, and the `prediction`."""


def wrong_lengths(lengths: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Says what is wrong with lengths of inputs and targets."""
    if lengths is None:
        return []
    unknown = [name for name in lengths if name not in LENGTHS]
    wrong = [name for name in lengths if not 1 <= lengths[name] <= MAX_COUNT]
    if unknown or wrong:
        return [("task_feature_lengths", f"is {dict(lengths)}; want inputs and targets, 1 or more")]
    return []
