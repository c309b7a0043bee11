"""What a run is: frozen dataclasses, checked when built. Needs no JAX, so errors come at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flan_tasks.core.errors import FlanTasksError, ModelError, unknown_name
from flan_tasks.core.field_checks import MAX_COUNT, MAX_SEED, at_least, at_most
from flan_tasks.core.spec import JobSpec, Spec
from flan_tasks.specs.model_config import ModelConfig

OPTIMIZERS = ("adafactor", "adamw")
# Steps before those that are profiled: the first compiles, the second may still fill caches.
PROFILE_WARMUP = 2
# T5X's counts that a summed loss is divided by (`losses.SpecialLossNormalizingFactor`).
NUM_REAL_TARGET_TOKENS = "NUM_REAL_TARGET_TOKENS"
NUM_TOTAL_TARGET_TOKENS = "NUM_TOTAL_TARGET_TOKENS"
AVERAGE_PER_SEQUENCE = "AVERAGE_PER_SEQUENCE"
NORMALIZERS = (NUM_REAL_TARGET_TOKENS, NUM_TOTAL_TARGET_TOKENS, AVERAGE_PER_SEQUENCE)
# T5X's names; a schedule is a product of them.
FACTORS = (
    "constant",
    "linear_warmup",
    "linear_decay",
    "rsqrt_decay",
    "rsqrt_normalized_decay",
    "cosine_decay",
)


class TrainingError(FlanTasksError):
    """Training cannot start or go on; the message says where what is saved lies."""


class CheckpointError(TrainingError, ModelError):
    """A checkpoint is missing, is damaged, or is of another model.

    Whoever trains from it meets a `TrainingError`, and whoever asks it a `ModelError`.
    """


@dataclass(frozen=True, kw_only=True)
class MeshConfig(Spec):
    """How many devices share what; their product is the number of devices.

    Raises:
      ConfigError: a value has the wrong type or range.
    """

    data: int = -1
    """Devices among which the batch is split while each holds all parameters; -1: all that is
    left."""
    fsdp: int = 1
    """Devices among which the batch, the parameters and the optimizer state are split."""
    model: int = 1
    """Devices among which heads, hidden units and the vocabulary are split."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values are out of range, or do not go together."""
        problems = super().problems()
        sizes = {"data": self.data, "fsdp": self.fsdp, "model": self.model}
        if list(sizes.values()).count(-1) > 1:
            problems.append(("data", "and another are -1; only one can be what is left"))
        problems += at_most(self, MAX_COUNT, *sizes)
        problems += [
            (name, f"is {size}; want 1 or more, or -1 for what is left")
            for name, size in sizes.items()
            if size != -1 and size < 1
        ]
        return problems


@dataclass(frozen=True, kw_only=True)
class DataConfig(Spec):
    """Where batches come from: a build directory of packed arrays, or a SeqIO name.

    Raises:
      ConfigError: a value has the wrong type or range, or both or none of the two are given.
    """

    build_dir: str | None = None
    """Directory of an `arrays` build."""
    eval_build_dir: str | None = None
    """Directory of an `arrays` build to evaluate on while training."""
    mixture_or_task_name: str | None = None
    """SeqIO task or mixture, read through SeqIO's feature converters."""
    mixture_or_task_module: str | None = None
    """Python module that registers the name, imported first; commas between several."""
    split: str = "train"
    """SeqIO split."""
    use_cached_tasks: bool = False
    """Whether SeqIO reads its cache."""
    task_feature_lengths: Mapping[str, int] | None = None
    """Tokens of a row; a build must have been packed to these lengths. None: as it was packed."""
    batch_size: int = 128
    """Packed rows a step, over all devices."""
    eval_batch_size: int = 0
    """Packed rows an evaluation batch, over all devices; 0 is batch_size."""
    shuffle: bool = True
    """Whether each epoch has an order of its own."""
    seed: int = 0
    """Of the order."""
    new_build_from_row: int | None = None
    """Lets a run whose checkpoint was trained on another build go on with this one, from this of
    its rows, in the order in which training takes them; None refuses that."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values are out of range, or do not go together."""
        problems = super().problems()
        if bool(self.build_dir) == bool(self.mixture_or_task_name):
            both = "and mixture_or_task_name are both given" if self.build_dir else "is missing"
            problems.append(
                (
                    "build_dir",
                    f"{both}: give BUILD_DIR (a directory `flan build --format arrays` made) "
                    "or MIXTURE_OR_TASK_NAME (a SeqIO name), one of the two",
                )
            )
        problems += at_least(self, 1, "batch_size")
        problems += at_least(self, 0, "eval_batch_size", "seed")
        if self.new_build_from_row is not None:
            problems += at_least(self, 0, "new_build_from_row")
            problems += at_most(self, MAX_SEED, "new_build_from_row")
            if not self.build_dir:
                what = "is for a BUILD_DIR; a SeqIO name gives a stream, not rows by number"
                problems.append(("new_build_from_row", what))
        problems += at_most(self, MAX_COUNT, "batch_size", "eval_batch_size")
        lengths = self.task_feature_lengths
        if lengths is None and self.mixture_or_task_name:
            problems.append(("task_feature_lengths", "is needed with a SeqIO name"))
        elif lengths is not None and (
            set(lengths) != {"inputs", "targets"}
            or not 1 <= min(lengths.values()) <= max(lengths.values()) <= MAX_COUNT
        ):
            problems.append(
                ("task_feature_lengths", 'wants {"inputs": 1024, "targets": 256} or the like')
            )
        return problems


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig(Spec):
    """How gradients become steps.

    Raises:
      ConfigError: a value has the wrong type or range.
    """

    name: str = "adafactor"
    """adafactor (as T5X has it) or adamw."""
    schedule: str = "constant"
    """T5X's factors joined by "*": the rate is their product."""
    learning_rate: float = 1e-3
    """The factor `constant`."""
    warmup_steps: int = 0
    """Steps of linear_warmup; rsqrt_decay is flat as long; the other decays begin after them."""
    decay_steps: int = 0
    """Steps from the end of the warmup to zero, for linear_decay and cosine_decay; 0: to the
    end."""
    min_learning_rate: float = 1e-8
    """The rate never falls below it."""
    step_offset: int = 0
    """Steps taken off before the schedule and Adafactor's decay look at the step."""
    clip_norm: float = 0.0
    """Global norm above which gradients are scaled down to it; 0 leaves them."""
    weight_decay: float = 0.0
    """Share of a parameter taken off each step (Adafactor), or that times the rate (AdamW)."""
    decay_rate: float = 0.8
    """Adafactor: second moments decay with 1 - t ** -decay_rate."""
    clipping_threshold: float = 1.0
    """Adafactor: root mean square above which an update is scaled down."""
    min_dim_size_to_factor: int = 128
    """Adafactor: rows and columns are kept instead of a matrix if both are at least this long."""
    multiply_by_parameter_scale: bool = True
    """Adafactor: whether steps are relative to the size of the parameter."""
    b1: float = 0.9
    """AdamW: decay of the first moment."""
    b2: float = 0.999
    """AdamW: decay of the second moment."""
    epsilon: float = 1e-8
    """AdamW: added to the root of the second moment."""
    adapters_only: bool | None = None
    """Whether only LoRA adapters or the soft prompt are trained; None: if the model has them."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values are out of range, or do not go together."""
        problems = super().problems()
        if self.name not in OPTIMIZERS:
            problems.append(("name", f"is an {unknown_name('optimizer', self.name, OPTIMIZERS)}"))
        problems += [
            ("schedule", f"has an {unknown_name('factor', factor, FACTORS)}")
            for factor in self.factors
            if factor not in FACTORS
        ]
        if "rsqrt_normalized_decay" in self.factors and self.warmup_steps < 1:
            problems.append(("warmup_steps", "must be 1 or more for rsqrt_normalized_decay"))
        problems += at_least(self, 0, "learning_rate", "warmup_steps", "decay_steps")
        problems += at_least(self, 0, "min_learning_rate", "clip_norm", "weight_decay")
        problems += at_least(self, 0, "step_offset", "epsilon")
        problems += at_least(self, 1, "min_dim_size_to_factor")
        problems += at_most(self, MAX_COUNT, "warmup_steps", "decay_steps", "step_offset")
        problems += at_most(self, MAX_COUNT, "min_dim_size_to_factor")
        for name in ("decay_rate", "b1", "b2", "weight_decay"):
            if not 0 <= getattr(self, name) < 1:
                problems.append((name, f"is {getattr(self, name)}; want 0 or more, below 1"))
        if self.clipping_threshold <= 0:
            problems.append(("clipping_threshold", "must be above 0"))
        return problems

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors of the schedule."""
        return tuple(factor.strip() for factor in self.schedule.split("*"))


@dataclass(frozen=True, kw_only=True)
class LossConfig(Spec):
    """What is minimized.

    Raises:
      ConfigError: a value has the wrong type or range.
    """

    z_loss: float = 1e-4
    """Weight of the squared log of the partition function (T5X: 1e-4)."""
    label_smoothing: float = 0.0
    """Probability taken from the target and spread over the other pieces."""
    loss_normalizing_factor: float | str | None = None
    """What the summed loss is divided by: a number, or T5X's NUM_REAL_TARGET_TOKENS (target tokens
    of the step, as None), NUM_TOTAL_TARGET_TOKENS (all target positions, padding included) or
    AVERAGE_PER_SEQUENCE (the mean over examples of each one's mean over its target tokens)."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values are out of range, or do not go together."""
        problems = super().problems()
        problems += at_least(self, 0, "z_loss")
        if not 0 <= self.label_smoothing < 1:
            problems.append(("label_smoothing", "must be 0 or more, below 1"))
        factor = self.loss_normalizing_factor
        if isinstance(factor, str):
            if factor not in NORMALIZERS:
                error = unknown_name("normalizer", factor, NORMALIZERS)
                problems.append(("loss_normalizing_factor", f"is an {error}"))
        elif factor is not None and factor <= 0:
            problems.append(("loss_normalizing_factor", "must be above 0, or None"))
        return problems


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig(Spec):
    """What is kept, and what training starts from.

    Raises:
      ConfigError: a value has the wrong type or range.
    """

    period: int = 1000
    """Steps between checkpoints; one is always saved at the end."""
    keep: int = 3
    """How many of the newest are kept."""
    keep_best: int = 0
    """How many of the best are kept besides; needs evaluation."""
    best_metric: Literal["loss", "accuracy"] = "loss"
    """What the best are the best of: a key of the evaluation's metrics."""
    keep_initial: bool = False
    """Whether the parameters before the first step are kept as well, as checkpoint_0: what tuning
    is compared with."""
    initial_checkpoint_path: str | None = None
    """Parameters to begin with: a checkpoint, a MODEL_DIR, a Hugging Face folder, or a folder of
    adapters in peft's format."""
    prompt_init_text: str | None = None
    """Text whose tokens' embeddings a fresh soft prompt begins with, such as the answers of the
    task; the rest of its vectors are those of tokens drawn from the vocabulary."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values are out of range, or do not go together."""
        problems = super().problems()
        problems += at_least(self, 1, "period", "keep")
        problems += at_least(self, 0, "keep_best")
        problems += at_most(self, MAX_COUNT, "period", "keep", "keep_best")
        return problems


@dataclass(frozen=True, kw_only=True)
class HostsConfig(Spec):
    """The processes that train together; one by default.

    Raises:
      ConfigError: a value has the wrong type or range.
    """

    coordinator_address: str | None = None
    """HOST:PORT of the first process; "auto" lets the cluster's environment say all three."""
    num_processes: int | None = None
    """How many processes."""
    process_id: int | None = None
    """Which of them this is, from 0."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values are out of range, or do not go together."""
        problems = super().problems()
        given = self.num_processes is not None and self.process_id is not None
        if given:
            problems += at_least(self, 1, "num_processes") + at_least(self, 0, "process_id")
            problems += at_most(self, MAX_COUNT, "num_processes")
            assert self.num_processes is not None
            problems += at_most(self, self.num_processes - 1, "process_id")
        if self.coordinator_address not in (None, "auto") and not given:
            problems.append(("num_processes", "and process_id belong to a coordinator_address"))
        return problems


@dataclass(frozen=True, kw_only=True)
class TrainSpec(JobSpec):
    """What `ft.train` and `flan train` are told: one training run.

    Raises:
      ConfigError: a value has the wrong type or range, or two do not fit.
    """

    verb = "train"

    model: ModelConfig
    """The architecture."""
    model_dir: str
    """Where checkpoints, metrics and the curve go."""
    train_steps: int
    """Steps to train in all, those before a resume included."""
    data: DataConfig
    """Where batches come from."""
    optimizer: OptimizerConfig = OptimizerConfig()
    """How gradients become steps."""
    loss: LossConfig = LossConfig()
    """What is minimized."""
    checkpoint: CheckpointConfig = CheckpointConfig()
    """What is kept."""
    mesh: MeshConfig = MeshConfig()
    """How devices share the work."""
    hosts: HostsConfig = HostsConfig()
    """The processes that train together."""
    seed: int = 0
    """Of initial parameters and dropout."""
    num_microbatches: int = 1
    """Parts a batch is computed in, one after the other, to save memory."""
    head_positions: int = 1024
    """Target positions of a device whose logits are in memory at once; 0: all."""
    on_nonfinite: Literal["stop", "skip"] = "stop"
    """What to do about a loss or gradient that is not finite: stop, or skip the step."""
    max_skipped: int = 10
    """Steps in a row that may be skipped before training stops after all."""
    eval_period: int = 1000
    """Steps between evaluations; 0 evaluates at the end only."""
    eval_steps: int = 0
    """Batches of an evaluation; 0 is the whole build."""
    log_period: int = 10
    """Steps between lines of metrics."""
    tensorboard: bool = True
    """Whether TensorBoard files are written."""
    profile: int = 0
    """Steps of which a trace and a table of their time and memory are written; 0 writes none."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values are out of range, or do not go together."""
        problems = super().problems()
        if not self.model_dir:
            problems.append(("model_dir", "is empty"))
        problems += at_least(self, 1, "train_steps", "num_microbatches", "log_period")
        problems += at_least(self, 0, "seed", "eval_period", "eval_steps", "max_skipped")
        problems += at_least(self, 0, "head_positions", "profile")
        problems += at_most(self, MAX_COUNT, "train_steps", "num_microbatches", "log_period")
        problems += at_most(self, MAX_COUNT, "eval_period", "eval_steps", "max_skipped")
        problems += at_most(self, MAX_COUNT, "head_positions", "profile")
        if self.profile > 0 and self.train_steps < PROFILE_WARMUP + self.profile:
            problems.append(
                (
                    "profile",
                    f"is {self.profile} and begins after {PROFILE_WARMUP} steps; train_steps is "
                    f"{self.train_steps}, want {PROFILE_WARMUP + self.profile} or more",
                )
            )
        problems += at_most(self, MAX_SEED, "seed")
        if self.num_microbatches >= 1 and self.data.batch_size % self.num_microbatches:
            problems.append(
                (
                    "num_microbatches",
                    f"is {self.num_microbatches}; it must divide batch_size {self.data.batch_size}",
                )
            )
        if self.checkpoint.prompt_init_text is not None and not self.model.prompt_length:
            problems.append(
                ("checkpoint", "has a prompt_init_text, and the model no soft prompt to begin with")
            )
        if self.checkpoint.keep_best and not self.data.eval_build_dir:
            problems.append(
                ("checkpoint", "keeps the best, which needs an EVAL_BUILD_DIR to judge by")
            )
        return problems
