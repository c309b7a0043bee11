"""SeqIO mixtures that are one planned stream instead of many pipelines. Public SeqIO calls only."""

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import seqio
import tensorflow as tf

from flan_tasks.core.collecting import older_left_alone
from flan_tasks.core.errors import DeclarationError, unknown_name
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.naming import MixtureName
from flan_tasks.core.parts import EXAMPLES
from flan_tasks.core.variation import PLAIN, Variation
from flan_tasks.datasets import catalog
from flan_tasks.engine.writers.seqio_cache import ABOUT, PRETOKENIZED
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.plan import Plan, Rows, make_plan
from flan_tasks.plan.prepare import prepare
from flan_tasks.plan.rows import render_chunk, render_texts
from flan_tasks.plan.token_lengths import Measure, with_mean_tokens
from flan_tasks.seqio.stream import (
    CHUNK,
    Sizes,
    StreamEncoder,
    lengths_of,
    row_columns,
    stream,
    text_columns,
)
from flan_tasks.seqio.task import Configure, Features, Prompts, make_task, source_choice
from flan_tasks.vocabulary import open_vocabulary

# Rows of a grown chunk for each task of a mixture, over which the work done once for each spreads.
_PER_TASK = 128


# How far SeqIO's constructor of a mixture is, and what has one thread run it.
_NOT_YET, _BEGUN, _DONE = range(3)
_CONSTRUCTING = threading.RLock()


def make_mixture(
    declaration: Mixture,
    *,
    configuration: Configure,
    seed: int = 0,
    allow_missing: bool = False,
    variation: Variation = PLAIN,
    name_as: str | None = None,
) -> "EngineMixture":
    """Returns a mixture; no row is read yet.

    Args:
      declaration: its members and rates.
      configuration: says where rows and vocabulary come from, when first asked.
      seed: what draws depend on where `get_dataset` gets no seed.
      allow_missing: go on without datasets whose rows are not available.
      variation: how prompts are made of the examples.
      name_as: the mixture's own name.

    Raises:
      UnknownNameError: the declaration names something unknown.
      DeclarationError: nothing is left to train on.
    """
    members = catalog().members(declaration)
    variation.check_templates((d.name, catalog().templates(d.name).ids) for d in members)

    def make_member(name: str) -> seqio.Task:
        prompts = Prompts(variation=_for_task(variation, declaration, name))
        return make_task(name, prompts=prompts, configuration=configuration, seed=seed)

    tasks = [make_member(dataset.name) for dataset in members]
    return EngineMixture(
        name=name_as or str(MixtureName(declaration.name)),
        declare=lambda: declaration,
        tasks_of=lambda _: tasks,
        configuration=configuration,
        seed=seed,
        allow_missing=allow_missing,
        variation=variation,
    )


def _for_task(variation: Variation, declaration: Mixture, name: str) -> Variation:
    """The variation for one task, which knows neither the declaration nor names of others."""
    kinds = variation.kinds
    if kinds is None and set(declaration.kinds) != set(Mixture(name="any").kinds):
        kinds = declaration.kinds
    templates = catalog().templates(name)
    if variation.wanted(name) is not None:
        variation.choose(
            name, templates.templates, catalog()[name].splits.names[0], kinds=declaration.kinds
        )
    own = variation.for_dataset(name, templates.ids)
    changes = {**declaration.prompts, **({} if own.kinds == kinds else {"kinds": kinds})}
    return replace(own, **changes) if changes else own


def _doublings(num_tasks: int) -> int:
    return max(0, (_PER_TASK * num_tasks - 1) // CHUNK).bit_length()


class EngineMixture(seqio.Mixture):
    """A SeqIO mixture that is one planned stream: the rows a build of it has, in the same order.

    An epoch is one pass of the capped mixture. Later passes go on through the examples behind the
    cap before any is seen twice.

    SeqIO's own constructor goes through all tasks, which are thousands in a mixture of families. It
    runs when something that it sets is first looked at: most registered mixtures never are.
    """

    def __init__(
        self,
        *,
        name: str,
        declare: Callable[[], Mixture],
        tasks_of: Callable[[Mixture], Sequence[seqio.Task]],
        configuration: Configure,
        seed: int = 0,
        allow_missing: bool = False,
        variation: Variation = PLAIN,
    ) -> None:
        """Makes a mixture.

        Args:
          name: its name.
          declare: returns its members and rates, when first asked.
          tasks_of: returns the tasks of a declaration's members, when first asked.
          configuration: says where rows and vocabulary come from, when first asked.
          seed: what draws depend on where `get_dataset` gets no seed.
          allow_missing: go on without datasets whose rows are not available.
          variation: how prompts are made of the examples.
        """
        self._own_name = name
        self._declare = declare
        self._tasks_of = tasks_of
        self._configuration = configuration
        self._seed = seed
        self._allow_missing = allow_missing
        self._variation = variation
        self._prepared: dict[str, Any] = {}
        self._from_cache = False
        self._construction = _NOT_YET

    def __getattr__(self, attribute: str) -> Any:
        # Called for what is not there. Python asks copies for its own names before they have any.
        if attribute.startswith("__"):
            raise AttributeError(f"{type(self).__name__} has no attribute {attribute}")
        with _CONSTRUCTING:
            # Another thread may have waited for this one.
            if attribute in vars(self):
                return vars(self)[attribute]
            if vars(self).get("_construction", _DONE) != _NOT_YET:
                raise AttributeError(f"{type(self).__name__} has no attribute {attribute}")
            self._construction = _BEGUN
            try:
                tasks = [(task, self._rate) for task in self._tasks_of(self.declaration)]
                super().__init__(name=self._own_name, tasks=tasks)
            except BaseException:
                self._construction = _NOT_YET  # whoever asks next sees the same error
                raise
            self._construction = _DONE
        return getattr(self, attribute)

    @property
    def name(self) -> str:
        return self._own_name

    @functools.cached_property
    def declaration(self) -> Mixture:
        """Its members and rates."""
        return self._declare()

    @property
    def output_features(self) -> Mapping[str, seqio.Feature]:
        return self._features

    @functools.cached_property
    def _features(self) -> Features:
        return Features(self._configuration)

    def plan(
        self,
        split: str,
        *,
        seed: int | None = None,
        lengths: Mapping[str, int | None] | None = None,
    ) -> Plan:
        """Returns the plan of a split.

        Args:
          split: train, validation or test.
          seed: what draws depend on; None is the mixture's own.
          lengths: longest inputs and targets, EOS included, by which parts are weighed whose
            weights are of tokens; None leaves texts as they are.

        Raises:
          SourceUnavailableError: rows of some datasets are not available.
        """
        if split not in self._prepared:
            with older_left_alone():
                self._prepared[split] = prepare(
                    self.declaration,
                    catalog(),
                    source=source_choice(self._configuration()),
                    split=split,
                    allow_missing=self._allow_missing,
                    variation=self._variation,
                )
        chosen = self._seed if seed is None else int(seed)
        prepared = self._prepared[split]
        if self.declaration.weights != EXAMPLES:
            vocabulary = open_vocabulary(self._configuration().vocab)
            measure = Measure(vocabulary, lengths or {}, fits=lengths is not None)
            prepared = with_mean_tokens(prepared, measure, seed=chosen)
        return make_plan(prepared, seed=chosen)

    def get_dataset(
        self,
        sequence_length: Mapping[str, int] | None = None,
        split: str = "train",
        use_cached: bool = False,
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: seqio.ShardInfo | None = None,
        num_epochs: int | None = None,
        copy_pretokenized: bool = False,
        compute_stats_empirically: bool = False,
        log_mixing_proportions: bool = True,
        passthrough_features: Sequence[str] | None = None,
        trim_output_features: bool = True,
        try_in_mem_cache: bool = True,
    ) -> tf.data.Dataset:
        """As `seqio.Mixture.get_dataset`; from a cache it samples the tasks at its rates.

        Without `shuffle` the tasks follow one another, each in the order of its source.
        """
        if use_cached and self.declaration.parts:
            raise DeclarationError(
                f"{self.name}: it has parts, whose prompts no cache of single tasks has; read it "
                "with use_cached=False, or build it with --format packed-tfrecord"
            )
        if use_cached:
            self._from_cache = True
            try:
                return super().get_dataset(
                    sequence_length=sequence_length,
                    split=split,
                    use_cached=True,
                    shuffle=shuffle,
                    seed=seed,
                    shard_info=shard_info,
                    num_epochs=num_epochs,
                    copy_pretokenized=copy_pretokenized,
                    compute_stats_empirically=compute_stats_empirically,
                    log_mixing_proportions=log_mixing_proportions,
                    passthrough_features=passthrough_features,
                    trim_output_features=trim_output_features,
                    try_in_mem_cache=try_in_mem_cache,
                )
            finally:
                self._from_cache = False
        features = {*PRETOKENIZED, *ABOUT}
        texts = [*(PRETOKENIZED if copy_pretokenized else ()), *(passthrough_features or ())]
        for name in texts:
            if name not in features:
                raise unknown_name("passthrough feature", name, features)
        lengths = lengths_of(sequence_length, trim=trim_output_features)
        plan = self.plan(split, seed=seed, lengths=lengths)
        encoder = StreamEncoder.open(self._configuration().vocab, lengths)
        budget = encoder.budget
        names = tuple(dict.fromkeys(texts))

        def drawn(positions: np.ndarray) -> Rows:
            return plan.rows_at(positions, shuffle=shuffle)

        def rendered(positions: np.ndarray) -> list[BuiltRow]:
            return render_chunk(plan, drawn(positions), budget=budget)

        def filled(positions: np.ndarray) -> tuple[list[str], list[str]]:
            texts_of_rows = render_texts(plan, drawn(positions), budget=budget)
            return texts_of_rows.inputs, texts_of_rows.targets

        # Ids alone need no examples around the texts, which cost more than the texts.
        columns = (
            row_columns(rendered, encoder, names)
            if names
            else text_columns(filled, rendered, encoder)
        )
        return stream(
            columns,
            per_epoch=len(plan),
            num_epochs=num_epochs,
            shard_info=shard_info,
            texts=names,
            sizes=Sizes(CHUNK, _doublings(len(plan.ingredients))),
        ).prefetch(2)

    def num_input_examples(self, split: str) -> int:
        """Examples of one epoch."""
        return len(self.plan(split))

    def _rate(self, task: seqio.Task) -> float:
        # Test-only members and missing ones have no part in training.
        rates = self._cached_rates() if self._from_cache else self._planned_rates()
        return rates.get(task.source.dataset_name, 0.0)

    def _planned_rates(self) -> Mapping[str, float]:
        plan = self.plan("train")
        if plan.shares is None:
            return {item.dataset.name: item.rate for item in plan.ingredients}
        rates: dict[str, float] = {}
        for item, count in zip(plan.ingredients, plan.counts, strict=True):
            rates[item.dataset.name] = rates.get(item.dataset.name, 0.0) + count
        return rates

    def _cached_rates(self) -> Mapping[str, float]:
        """Rates by the caches' own counts: a cache is mixed where the rows are not available."""
        counts = {
            task.source.dataset_name: int(task.get_cached_stats("train")["examples"])
            for task in self.tasks
            if "train" in task.splits and task.cache_dir
        }
        members = [task.source.dataset for task in self.tasks]
        return catalog().rates(self.declaration, members, counts)
