"""Batches of any SeqIO task or mixture, through SeqIO's feature converters.

SeqIO gives a stream, not rows by number: to resume at a step, the batches before it are read and
thrown away. With a fixed seed SeqIO's stream is the same each time for sources that are; whether
a user's source is, nobody can tell here. Every process reads the whole stream and keeps its part.
"""

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from flan_tasks.core import extras
from flan_tasks.core.counting import counted
from flan_tasks.core.errors import FlanTasksError, UnknownNameError, unknown_name
from flan_tasks.core.naming import PREFIX
from flan_tasks.core.user_code import import_module, place_of, told
from flan_tasks.packing.features import begun
from flan_tasks.raw_rows.quiet import import_tensorflow_quietly
from flan_tasks.specs.config import DataConfig, TrainingError
from flan_tasks.specs.model_config import ModelConfig


class SeqioSource:
    """The packed batches of a SeqIO name, in order.

    Raises:
      TrainingError: SeqIO is missing, or the vocabulary does not fit the model.
      UnknownNameError: no such task or mixture is registered.
    """

    tasks: tuple[str, ...] = ()

    def __init__(self, config: DataConfig, model: ModelConfig) -> None:
        name = config.mixture_or_task_name
        assert name is not None
        try:
            import_tensorflow_quietly("seqio")
            import seqio
        except ImportError as error:
            raise TrainingError(
                f"{extras.explain(error, f'MIXTURE_OR_TASK_NAME {name}') or error}; or train on a "
                "directory of `flan build --format arrays` (BUILD_DIR), which needs neither SeqIO "
                "nor TensorFlow"
            ) from error
        # Ours first, always: the user's own may be made of ours, and their names go together.
        importlib.import_module("flan_tasks.registration")
        for module in (config.mixture_or_task_module or "").split(","):
            if module.strip():
                import_module(module.strip(), "MIXTURE_OR_TASK_MODULE")
        self._seqio = seqio
        self._config = config
        self._decoder_only = model.architecture == "decoder"
        self._starts = model.starts
        # A soft prompt stands before each example, and how many a row will hold is not known.
        self._packs = not (model.prompt_length and model.architecture == "t5")
        self.batch_size = config.batch_size
        self._registered = _find(seqio, name)
        self._check_vocabulary(model)
        self._check_caches()
        self._stream: Iterator[dict[str, np.ndarray]] = iter(())
        self._next = -1
        self._batch: dict[str, np.ndarray] = {}

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the rows of each step, as far as it can be told."""
        config = self._config
        return {
            "kind": "seqio",
            "name": config.mixture_or_task_name,
            "split": config.split,
            "lengths": dict(config.task_feature_lengths or {}),
            "use_cached": config.use_cached_tasks,
            "batch_size": config.batch_size,
            "seed": config.seed,
            "shuffle": config.shuffle,
            **({} if self._packs else {"packed": False}),
        }

    @property
    def about(self) -> dict[str, Any]:
        """What the rows are; SeqIO's vocabularies have no names."""
        targets = self._registered.output_features["targets"]
        return {
            "vocabulary_size": targets.vocabulary.vocab_size,
            # None where nothing closes the texts.
            "eos_id": targets.vocabulary.eos_id if targets.add_eos else None,
            "lengths": dict(self._config.task_feature_lengths or {}),
            "split": self._config.split,
        }

    def read(self, step: int, block: int, blocks: int) -> dict[str, np.ndarray]:
        """Returns one block of a batch; a step behind the last one starts the stream again."""
        if step != self._next - 1:
            if self._next < 0 or step < self._next:
                self._stream, self._next = self._open(), 0
            while self._next <= step:
                self._batch = self._take()
                self._next += 1
        share = self.batch_size // blocks
        return {
            name: np.asarray(values[block * share : (block + 1) * share])
            for name, values in self._batch.items()
        }

    def _open(self) -> Iterator[dict[str, np.ndarray]]:
        seqio, config = self._seqio, self._config
        converter = (
            seqio.PrefixLMFeatureConverter(pack=True)
            if self._decoder_only
            else seqio.EncDecFeatureConverter(pack=self._packs)
        )
        try:
            dataset = seqio.get_dataset(
                config.mixture_or_task_name,
                task_feature_lengths=dict(config.task_feature_lengths or {}),
                dataset_split=config.split,
                shuffle=config.shuffle,
                num_epochs=None,
                feature_converter=converter,
                use_cached=config.use_cached_tasks,
                seed=config.seed,
                batch_size=config.batch_size,
            )
        except FlanTasksError:
            raise
        except Exception as error:
            # Rates, sources and preprocessors are functions of the user's.
            if not place_of(error):
                raise
            raise TrainingError(f"{config.mixture_or_task_name}: {told(error)}") from error
        return dataset.as_numpy_iterator()

    def _take(self) -> dict[str, np.ndarray]:
        try:
            rows = {k: np.asarray(v, np.int32) for k, v in next(self._stream).items()}
        except StopIteration:
            raise TrainingError(
                f"{self._config.mixture_or_task_name} ended after "
                f"{counted(self._next, 'batch', 'batches')}; it must "
                "repeat forever (num_epochs=None)"
            ) from None
        if not self._packs:
            for side, tokens in (("encoder", "input"), ("decoder", "target")):
                is_token = rows[f"{side}_{tokens}_tokens"] > 0
                rows[f"{side}_segment_ids"] = is_token.astype(np.int32)
        return begun(rows, self._starts)

    def _check_vocabulary(self, model: ModelConfig) -> None:
        features = self._registered.output_features
        if not {"inputs", "targets"} <= set(features):
            raise TrainingError(
                f"{self._config.mixture_or_task_name} has the features {', '.join(features)}; "
                "inputs and targets are needed"
            )
        for name in ("inputs", "targets"):
            size = features[name].vocabulary.vocab_size
            if not model.fits_vocabulary(size):
                raise TrainingError(
                    f"the {name} of {self._config.mixture_or_task_name} have a vocabulary of "
                    f"{size:,} ids, the model {model.vocabulary_size:,}; give "
                    f"--gin.VOCABULARY_SIZE={size}"
                )

    def _check_caches(self) -> None:
        """Names tasks without a cache, where caches are to be read."""
        if not self._config.use_cached_tasks:
            return
        tasks = self._seqio.get_subtasks(self._registered)
        missing = [task.name for task in tasks if task.cache_dir is None]
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise TrainingError(
                f"USE_CACHED_TASKS: there is no cache of {', '.join(missing[:3])}{more}; give "
                "--gin.USE_CACHED_TASKS=False, or call seqio.add_global_cache_dirs([DIR]) in "
                "the module that MIXTURE_OR_TASK_MODULE names"
            )


def _find(seqio: Any, name: str) -> Any:
    try:
        return seqio.get_mixture_or_task(name)
    except ValueError as error:
        if name.startswith(PREFIX):  # a name of ours that is registered when it is asked for
            registration = importlib.import_module("flan_tasks.registration")
            return registration.get_mixture_or_task(name)
        names = {*seqio.TaskRegistry.names(), *seqio.MixtureRegistry.names()}
        raise UnknownNameError(
            f"{unknown_name('SeqIO task or mixture', name, names)} MIXTURE_OR_TASK_MODULE names "
            "the module that registers it"
        ) from error
