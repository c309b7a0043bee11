"""SeqIO meets the engine: tasks whose source renders and tokenizes in chunks.

Public SeqIO calls only; mixtures of such tasks are in `seqio_mixture`.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import seqio
import tensorflow as tf

from flan_tasks.core.configuration import Configuration
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import DeclarationError, VocabularyError
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.naming import TaskName
from flan_tasks.core.template import FORWARD, Template
from flan_tasks.core.variation import FULL, PLAIN, Variation
from flan_tasks.datasets import catalog
from flan_tasks.engine.writers.seqio_cache import ABOUT, PRETOKENIZED
from flan_tasks.packing.encoder import INPUTS, TARGETS
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.plan import draw_examples
from flan_tasks.plan.prepare import Ingredient, SourceChoice, prepare
from flan_tasks.plan.rows import render_task
from flan_tasks.seqio.evaluator_metrics import generation_metrics, postprocess, rank_metrics
from flan_tasks.seqio.stream import (
    StreamEncoder,
    lengths_of,
    row_columns,
    stream,
)
from flan_tasks.vocabulary import (
    BYTES,
    EXTRA_IDS,
    SentencePieceVocabulary,
    open_vocabulary,
)

Configure = Callable[[], Configuration]

# What all tasks share. Features are those of `EngineTask.output_features`.
_NO_FEATURES = dict.fromkeys((INPUTS, TARGETS))
_CACHE = seqio.CacheDatasetPlaceholder(required=False)


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """What the prompts of a task are."""

    template: str | None = None
    """Id of the one template; None draws."""
    variation: Variation = PLAIN
    """How prompts are made of the examples, where no one template is named among several."""
    rank: bool = False
    """Whether each option becomes an example of its own, to be scored."""

    @property
    def one(self) -> str:
        """Id of the one template there is, "" among several."""
        if self.template or self.variation.instructions == FULL:
            return self.template or ""
        return self.variation.instructions

    @functools.cached_property
    def chosen(self) -> Variation:
        """The variation with the one template, if there is one."""
        if self.template is None:
            return self.variation
        return replace(self.variation, templates=(self.template,))

    def choose(self, dataset: Dataset, split: str) -> tuple[Template, ...]:
        """Returns the templates for a split.

        Raises:
          UnknownNameError: an id is none of the dataset's.
          DeclarationError: none is left.
        """
        templates = catalog().templates(dataset.name)
        self.chosen.check_templates([(dataset.name, templates.ids)])
        return self.chosen.choose(dataset.name, templates.templates, split)


def make_task(
    name: str,
    *,
    prompts: Prompts,
    configuration: Configure,
    seed: int = 0,
    name_as: str | None = None,
) -> "EngineTask":
    """Returns a task for a dataset; no row, vocabulary or metric library is opened yet.

    Args:
      name: the dataset.
      prompts: which templates and how.
      configuration: says where rows and vocabulary come from, when first asked.
      seed: what draws depend on where `get_dataset` gets no seed.
      name_as: the task's own name; by default the one `core.naming` gives.

    Raises:
      UnknownNameError: no such dataset.
      DeclarationError: arguments contradict each other.
    """
    dataset = catalog()[name]
    if prompts.rank and not dataset.is_ranked:
        why = "gives its reasoning before the option" if dataset.rationale else "has no options"
        raise DeclarationError(f"{name} {why}, so there is nothing to rank")
    if prompts.rank and not prompts.one:
        raise DeclarationError(f"{name}: ranking needs one template; give template=")
    kinds = prompts.variation.kinds
    if prompts.rank and kinds not in (None, (FORWARD,)):
        raise DeclarationError(f"{name}: only forward templates can be ranked")
    forward = catalog().templates(name).of_kind(FORWARD)
    # Which is right, and what a thousand are that are registered at once.
    is_one_of_its_own = prompts.variation == PLAIN and prompts.template in {t.id for t in forward}
    if not is_one_of_its_own and (prompts.chosen.templates is not None or kinds is not None):
        prompts.choose(dataset, dataset.splits.names[0])
    return EngineTask(
        name=name_as or str(TaskName(dataset.name, prompts.one, prompts.rank)),
        dataset_name=dataset.name,
        prompts=prompts,
        configuration=configuration,
        seed=seed,
    )


def register(provider: seqio.Task | seqio.Mixture) -> Any:
    """Adds a task or mixture to SeqIO's registry under its own name and returns it.

    Raises:
      DeclarationError: the name is taken.
    """
    registry = seqio.TaskRegistry if isinstance(provider, seqio.Task) else seqio.MixtureRegistry
    names = seqio.TaskRegistry.names(), seqio.MixtureRegistry.names()
    if any(provider.name in known for known in names):
        raise DeclarationError(f'SeqIO knows a task or mixture "{provider.name}" already')
    registry.add_provider(provider.name, provider)
    return provider


class Features(Mapping):
    """Output features whose vocabulary is opened when a feature is first looked at."""

    def __init__(self, configuration: Configure) -> None:
        self._configuration = configuration

    @functools.cached_property
    def _opened(self) -> dict[str, seqio.Feature]:
        feature = seqio.Feature(
            vocabulary=seqio_vocabulary(self._configuration().vocab), add_eos=True
        )
        return {INPUTS: feature, TARGETS: feature}

    def __getitem__(self, name: str) -> seqio.Feature:
        return self._opened[name]

    def __iter__(self) -> Iterator[str]:
        return iter((INPUTS, TARGETS))

    def __len__(self) -> int:
        return 2


@functools.cache
def seqio_vocabulary(name: str) -> seqio.Vocabulary:
    """Returns SeqIO's vocabulary for one of flan_tasks: bytes, t5, or a SentencePiece model.

    Raises:
      VocabularyError: it cannot be found, or SeqIO has no such kind.
    """
    vocabulary = open_vocabulary(name)
    if vocabulary.name == BYTES:
        return seqio.ByteVocabulary()
    if not isinstance(vocabulary, SentencePieceVocabulary):
        raise VocabularyError(f"{name}: SeqIO reads SentencePiece models and bytes")
    if vocabulary.eos_id != vocabulary.own_eos_id:
        raise VocabularyError(
            f"{name}: SeqIO ends texts with the model's own token ({vocabulary.own_eos_id}), not "
            f"with {vocabulary.eos_id}; build with --vocab {vocabulary.path} and --eos instead"
        )
    return seqio.SentencePieceVocabulary(str(vocabulary.path), extra_ids=EXTRA_IDS)


class EngineSource(seqio.DataSource):
    """Examples of one dataset, rendered and tokenized by the engine.

    It shuffles by itself, gives any shard alone, and knows the number of its examples. The dataset
    is looked up when it is first needed: thousands of sources are made that nobody reads.
    """

    def __init__(self, dataset_name: str, prompts: Prompts, configuration: Configure) -> None:
        super().__init__(splits=(), performs_internal_shuffling=True)
        self.dataset_name = dataset_name
        self.prompts = prompts
        self.configuration = configuration
        self._opened: dict[str, Ingredient] = {}

    @functools.cached_property
    def dataset(self) -> Dataset:
        """The declaration."""
        return catalog()[self.dataset_name]

    @property
    def splits(self) -> Sequence[str]:
        return self.dataset.splits.names

    @property
    def supports_arbitrary_sharding(self) -> bool:
        return True

    def list_shards(self, split: str) -> Sequence[str]:
        return [split]

    def num_input_examples(self, split: str) -> int:
        item = self.ingredient(split)
        if not self.prompts.rank:
            return item.available
        return sum(len(example.options) for example in item.examples.take(range(item.available)))

    def ingredient(self, split: str) -> Ingredient:
        """Returns the examples of a split, opened once.

        Raises:
          SourceUnavailableError: the rows are not available.
        """
        if split not in self._opened:
            chosen = self.configuration()
            alone = Mixture(name=self.dataset.name, include=(self.dataset.name,))
            prepared = prepare(
                alone,
                catalog(),
                source=source_choice(chosen),
                split=split,
                variation=self.prompts.chosen,
            )
            self._opened[split] = prepared.ingredients[0]
        return self._opened[split]

    def get_dataset(
        self,
        split: str = "train",
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: seqio.ShardInfo | None = None,
        *,
        sequence_length: Mapping[str, int] | None = None,
        use_cached: bool = False,
        num_epochs: int | None = 1,
    ) -> tf.data.Dataset:
        """Yields examples with ids (no EOS, whole), texts and where they come from.

        Args:
          split: train, validation or test.
          shuffle: whether each epoch has a seeded order of its own.
          seed: what draws depend on; None is 0.
          shard_info: which rows, of those that several readers share.
          sequence_length: where given, prompts are fitted to it, targets cut, both closed by EOS.
          use_cached: not used here.
          num_epochs: None goes on forever, each epoch with its own templates and order.
        """
        item = self.ingredient(split)
        seed = 0 if seed is None else int(seed)
        encoder = StreamEncoder.open(self.configuration().vocab, sequence_length)

        def rows(positions: np.ndarray) -> list[BuiltRow]:
            draw = draw_examples(item, seed, positions, shuffle=shuffle)
            return render_task(item, draw, seed=seed, budget=encoder.budget)

        names = (*PRETOKENIZED, *ABOUT)
        return stream(
            row_columns(rows, encoder, names, rank=self.prompts.rank),
            per_epoch=item.available,
            num_epochs=num_epochs,
            shard_info=shard_info,
            texts=names,
            rank=self.prompts.rank,
        )


class _Metrics(Sequence):
    """The metric functions of a task, made when they are first looked at."""

    def __init__(self, source: EngineSource) -> None:
        self._source = source

    @functools.cached_property
    def _functions(self) -> list[Callable]:
        make = rank_metrics if self._source.prompts.rank else generation_metrics
        return make(self._source.dataset.metrics)

    def __getitem__(self, place: Any) -> Any:
        return self._functions[place]

    def __len__(self) -> int:
        return len(self._functions)

    def __bool__(self) -> bool:
        return True  # a dataset has at least one, which need not be looked up to say so


class EngineTask(seqio.Task):
    """A SeqIO task whose epochs differ: each has its own templates and order.

    Making one looks nothing up, so that thousands of names cost little.
    """

    def __init__(
        self,
        *,
        name: str,
        dataset_name: str,
        prompts: Prompts,
        configuration: Configure,
        seed: int = 0,
        source_info: Any = None,
    ) -> None:
        self._features = Features(configuration)
        self._seed = seed
        source = EngineSource(dataset_name, prompts, configuration)
        super().__init__(
            name=name,
            source=source,
            output_features=_NO_FEATURES,
            preprocessors=[_CACHE, seqio.preprocessors.append_eos_after_trim],
            postprocess_fn=postprocess,
            metric_fns=_Metrics(source),
            # No buffer: the source shuffles whole epochs by arithmetic.
            shuffle_buffer_size=None,
            source_info=source_info,
        )

    @property
    def output_features(self) -> Mapping[str, seqio.Feature]:
        return self._features

    def get_dataset(
        self,
        sequence_length: Mapping[str, int] | None = None,
        split: str = "train",
        use_cached: bool = False,
        shuffle: bool = True,
        shuffle_buffer_size: int | None = None,
        seed: int | None = None,
        shard_info: seqio.ShardInfo | None = None,
        num_epochs: int | None = 1,
        trim_output_features: bool = True,
        try_in_mem_cache: bool = True,
    ) -> tf.data.Dataset:
        """As `seqio.Task.get_dataset`; buffer and memory cache are not needed and not used."""
        if use_cached:
            return super().get_dataset(
                sequence_length=sequence_length,
                split=split,
                use_cached=True,
                shuffle=shuffle,
                seed=seed,
                shard_info=shard_info,
                num_epochs=num_epochs,
                trim_output_features=trim_output_features,
                try_in_mem_cache=try_in_mem_cache,
            )
        return self.source.get_dataset(
            split=split,
            shuffle=shuffle,
            seed=self._seed if seed is None else seed,
            shard_info=shard_info,
            sequence_length=lengths_of(sequence_length, trim=trim_output_features),
            num_epochs=num_epochs,
        ).prefetch(2)


def source_choice(configuration: Configuration) -> SourceChoice:
    """Where rows are read from; SeqIO's data-dir override is honored where none is configured."""
    data_dir = configuration.data_dir
    if data_dir is None:
        # The override has no getter; a loader that names no directory of its own tells it.
        override = seqio.utils.LazyTfdsLoader("any:1.0.0").data_dir
        data_dir = Path(override) if override else None
    return SourceChoice(configuration.source, data_dir)
