"""A trained model that answers the prompts of an evaluation: options ranked, or text written."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import jax
import numpy as np

from flan_tasks.core.choice import hash_text
from flan_tasks.core.errors import ModelError
from flan_tasks.evaluation.records import RANK, Asked, Record, Unit, kept_text
from flan_tasks.evaluation.ties import equal_options
from flan_tasks.inference.answer_ends import stops_of, whole_answer
from flan_tasks.inference.beginnings import Apart, Begun, beginning_class, read_beginning
from flan_tasks.inference.decode import generate_batch
from flan_tasks.inference.open_model import OpenModel
from flan_tasks.inference.pool import WINDOW, Batch, Pool, Waiting, windows
from flan_tasks.inference.programs import LIMIT, Allowance, Programs
from flan_tasks.inference.prompt_ids import ChatPrompts, PromptIds, TextPrompts
from flan_tasks.inference.questions import DistinctInput, Question, as_scored, distinct_inputs
from flan_tasks.inference.read_shares import read_at_once, shares_of
from flan_tasks.inference.reading import Reading
from flan_tasks.inference.refilling import sizes_of, writing_params
from flan_tasks.inference.score import Score, score_batch, width_of
from flan_tasks.inference.score_trees import score_trees
from flan_tasks.inference.side_by_side import batches_at_once, side_by_side
from flan_tasks.models import partition
from flan_tasks.models.model import Cache, Model, Tree
from flan_tasks.specs.chat_choices import CHAT
from flan_tasks.specs.eval_config import Decoding
from flan_tasks.suites.reading import cut_at_stops

# Tokens of a batch where nobody says how many. A CPU gains nothing from large ones, and pays for
# those that are not full.
TOKENS, CPU_TOKENS = 16_384, 2_048
# Times as many are read where text is written.
WRITTEN = 2
# Operations that two cores of a CPU do while one program is compiled, some four seconds. Measured
# with t5 tiny and mini, whose programs take as long: 47,000 and 16,000 tokens were read meanwhile.
CPU_PROGRAM = 1e11
# Answers a batch.
_Job = Callable[[], list[tuple[Question, Record]]]


def program_tokens(model: Model, batch_tokens: int) -> int:
    """Returns how many tokens a CPU could read while it compiles a program for a model.

    A token costs about two operations a parameter (Kaplan et al. 2020, table 1). It is half a batch
    at least, and where no CPU reads, as nothing was measured there.
    """
    if jax.default_backend() != "cpu":
        return batch_tokens // 2
    tables = {"embedding", "head"}
    parameters = sum(
        leaf.size
        for path, leaf in jax.tree_util.tree_leaves_with_path(model.abstract())
        if not tables & {key.key for key in path}
    )
    return max(batch_tokens // 2, round(CPU_PROGRAM / (2 * parameters)))


class ModelAnswers:
    """Answers by a model.

    Args:
      opened: the model.
      lengths: longest inputs and targets, EOS included; the ends of longer prompts are cut. Those
        it was trained on where none is given.
      decoding: how text is written.
      batch_tokens: tokens read at once, padding included. None is 16,384, and 2,048 on a CPU.
      batch_size: most prompts read at once; rounded up to a multiple of the devices. None is as
        many as the tokens allow.
      log: called for every program that is compiled.

    Raises:
      ModelError: the model is not to be asked: its chat template is not there.
    """

    def __init__(
        self,
        opened: OpenModel,
        *,
        lengths: Mapping[str, int] | None = None,
        decoding: Decoding,
        batch_tokens: int | None = None,
        batch_size: int | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        if opened.lacks:
            raise ModelError(opened.lacks)
        self.opened = opened
        self.lengths = {**opened.lengths, **(lengths or {})}
        self.decoding = dataclasses.replace(decoding, max_tokens=self.lengths["targets"])
        if batch_tokens is None:
            batch_tokens = CPU_TOKENS if jax.default_backend() == "cpu" else TOKENS
        program = program_tokens(opened.model, batch_tokens)
        self._pool = Pool(batch_tokens, batch_size, opened.mesh.size, program)
        # A step of writing reads all parameters for one token a row: more rows cost little, and on
        # a CPU 64 take less time than 56.
        writing = Pool(
            WRITTEN * batch_tokens,
            batch_size,
            opened.mesh.size,
            program,
            doubles=jax.default_backend() == "cpu",
        )
        self._apart = Apart(writing, program)
        # What is read before it is written.
        self._read = Pool(batch_tokens, batch_size, opened.mesh.size, program)
        # Half of what a program costs at first, as later runs find it kept.
        self._fewer = Allowance(program // 2, LIMIT // 8)
        self._params_written: Tree | None = None
        place = partial(jax.device_put, device=partition.batch_sharding(opened.mesh))
        self.programs = Programs(log=log, place=place, multiple=opened.mesh.size)
        self._batches_at_once = batches_at_once(opened.mesh.size)
        self._ids: PromptIds = (
            TextPrompts(opened.model.config, opened.vocabulary, self.lengths)
            if opened.chat is None
            else ChatPrompts(opened.chat, self.lengths)
        )
        self.budget = self._ids.budget
        self.reading = Reading()

    @property
    def settings(self) -> dict[str, Any]:
        """What decides its answers; JSON-able."""
        decoding = dataclasses.asdict(self.decoding)
        told = {**self.opened.identity, "lengths": self.lengths, "decoding": decoding}
        chat = self.opened.chat
        # Answers by a template are others than those without one.
        return told if chat is None else told | {CHAT: chat.identity}

    def has(self, unit: Unit) -> bool:
        """Whether it can answer a unit: always."""
        return True

    def answer(self, stream: Iterable[Asked]) -> Iterator[tuple[Asked, Record]]:
        """Yields an answer to each prompt that is not done, by its unit's method.

        Prompts of all units share batches, so answers come in another order than prompts. An
        answer does not depend on what shares its batch, beyond the rounding of sums.

        Args:
          stream: prompts, those of a unit one after the other.
        """
        # What is asked later has the batches it would have had first, so that going on after a
        # stop gives the same bytes.
        self._pool.forget()
        self._apart.forget()
        self._read.forget()
        self._fewer.forget()
        groups = groupby(stream, key=lambda asked: asked.unit)
        waiting = (self._waiting(list(group)) for _, group in groups)
        for window in windows(waiting, tokens=WINDOW * self._pool.tokens):
            for question, record in self._answered(window):
                if not question.asked.done:
                    yield question.asked, record

    def _answered(
        self, window: Sequence[Waiting[int | None, DistinctInput]]
    ) -> Iterator[tuple[Question, Record]]:
        opened = self.opened
        if opened.model.config.architecture == "decoder":
            scored = score_trees(
                opened.model,
                opened.params,
                [one.item for one in window if one.kind is not None],
                pool=self._pool,
                programs=self.programs,
                reading=self.reading,
            )
            for item, scores in scored:
                yield from _records(item, scores)
            window = [one for one in window if one.kind is None]
        of_batches = side_by_side(
            self._jobs(window), width=self._batches_at_once, programs=self.programs
        )
        for answered in of_batches:
            yield from answered

    def _jobs(self, window: Sequence[Waiting[int | None, DistinctInput]]) -> Iterator[_Job]:
        """Yields what answers each batch of a window."""
        for batch in self._pool.batches([one for one in window if one.kind is not None]):
            if all(one.is_done for one in batch.items):
                continue
            self.reading.add([len(one.ids) for one in batch.items], batch.rows * batch.length)
            yield partial(self._ranked, batch)
        written = [one.item for one in window if one.kind is None]
        config = self.opened.model.config
        looks_back = config.architecture == "decoder" and config.inputs_attention == "causal"
        shares = looks_back and self.decoding.method != "beam"
        for group, batches in self._apart.batches([one.ids for one in written], shares=shares):
            yield from self._group(group, batches, written)

    def _group(
        self,
        group: Begun,
        batches: Sequence[Batch[int | None, int]],
        written: Sequence[DistinctInput],
    ) -> Iterator[_Job]:
        """Yields what has texts written for prompts with one beginning."""
        beginning = None
        for batch in batches:
            items = tuple(written[number] for number in batch.items)
            # What fills the rows more than once is two jobs, each with every other prompt.
            jobs = self._batches_at_once if len(items) > batch.rows else 1
            sizes = self._sizes(batch, jobs)
            rest = [group.rest(item.ids) for item in items]
            lengths = self._lengths(batch, [len(ids) for ids in rest])
            if all(item.is_done for item in items):
                continue
            if group.shares and beginning is None:
                opened = self.opened
                beginning = read_beginning(
                    opened.model, opened.params, group.beginning, self.programs
                )
                self.reading.add([len(group.beginning)], beginning_class(group))
            if self._params_written is None and self.decoding.method != "beam":
                self._params_written = writing_params(self.opened.model, self.opened.params)
            for first in range(jobs):
                part = Batch(batch.kind, batch.length, batch.rows, items[first::jobs])
                prompts = rest[first::jobs]
                self._count([len(ids) for ids in prompts], batch, lengths)
                yield partial(self._written, part, prompts, lengths, beginning, sizes)

    def _lengths(self, batch: Batch[int | None, int], exact: Sequence[int]) -> list[int]:
        """Returns what the prompts of a batch, of some lengths, are padded to when they are read.

        Beams are read all at once.
        """
        if self.decoding.method == "beam":
            return []
        return self._read.lengths((batch.kind, batch.length, batch.rows), exact)

    def _count(
        self, exact: Sequence[int], batch: Batch[int | None, int], lengths: Sequence[int]
    ) -> None:
        """Counts what is read of prompts of some lengths."""
        at_once = read_at_once(batch.rows, self.programs.multiple)
        shares = shares_of(exact, at_once, [*lengths, batch.length])
        self.reading.add(exact, sum(len(share.numbers) * share.length for share in shares))

    def _sizes(self, batch: Batch[int | None, int], jobs: int) -> list[int]:
        """Returns with how many rows a batch of so many jobs may go on when some are done.

        Those that are worth a program, which is kept for later runs, where answers end evenly.
        """
        if jax.default_backend() != "cpu" or self.decoding.method == "beam":
            return []
        shape = (batch.kind, batch.length, batch.rows)
        allowed, before = [], batch.rows
        for size in sizes_of(batch.rows, self.programs.multiple):
            saved = jobs * (before - size) * self.decoding.max_tokens * size // batch.rows
            if self._fewer.allows((*shape, size), {(*shape, size)}, saved):
                allowed.append(size)
                before = size
        return allowed

    def _waiting(self, of_unit: Sequence[Asked]) -> list[Waiting[int | None, DistinctInput]]:
        """Returns the prompts of a unit in tokens: for ranking by the width of their options."""
        prompts = [asked.prompt for asked in of_unit]
        ranks = of_unit[0].unit.method == RANK
        encoded = self._ids.options(prompts) if ranks else {}
        questions = []
        for asked, whole in zip(of_unit, self._ids.prompts(prompts), strict=True):
            options = [encoded[text] for text in asked.prompt.gold.targets] if ranks else []
            cut = whole.is_cut or any(option.is_cut for option in options)
            option_ids = (as_scored(option.ids, asked.prompt) for option in options)
            questions.append(Question(asked, whole.ids, tuple(option_ids), cut))
        # Each draws an answer by its own seed.
        draws = not ranks and self.decoding.method == "sample"
        return [
            Waiting(width_of(one.options) if ranks else None, len(one.ids), one)
            for one in distinct_inputs(questions, apart=draws)
        ]

    def _written(
        self,
        batch: Batch[int | None, DistinctInput],
        prompts: Sequence[np.ndarray],
        lengths: Sequence[int],
        beginning: Cache | None,
        sizes: Sequence[int],
    ) -> list[tuple[Question, Record]]:
        opened = self.opened
        first = [one.questions[0].asked for one in batch.items]
        stops = [
            [stops_of(question.asked.prompt) for question in one.questions] for one in batch.items
        ]
        answers = generate_batch(
            opened.model,
            opened.params,
            prompts,
            self.decoding,
            eos_id=opened.vocabulary.eos_id,
            length=batch.length,
            rows=batch.rows,
            programs=self.programs,
            seeds=[
                hash_text(one.unit.dataset, one.unit.template, one.prompt.gold.key) for one in first
            ],
            is_over=[whole_answer(opened.vocabulary.decode, of_one) for of_one in stops],
            lengths=lengths,
            beginning=beginning,
            sizes=sizes,
            writing=self._params_written,
        )
        records = []
        for one, answer, of_one in zip(batch.items, answers, stops, strict=True):
            for question, strings in zip(one.questions, of_one, strict=True):
                prompt = question.asked.prompt
                text = self._ids.written(prompt, answer.tokens.tolist())
                # What was written beyond a stop string depends on when it was looked for.
                text_kept = kept_text(prompt, cut_at_stops(text, strings))
                records.append((question, Record(prompt, text_kept, trimmed=question.trimmed)))
        return records

    def _ranked(self, batch: Batch[int | None, DistinctInput]) -> list[tuple[Question, Record]]:
        assert batch.kind is not None
        scores = score_batch(
            self.opened.model,
            self.opened.params,
            [one.ids for one in batch.items],
            [one.options for one in batch.items],
            width=batch.kind,
            length=batch.length,
            rows=batch.rows,
            programs=self.programs,
        )
        pairs = zip(batch.items, scores, strict=True)
        return [record for one, of_one in pairs for record in _records(one, of_one)]


def _records(one: DistinctInput, scores: Sequence[Score]) -> Iterator[tuple[Question, Record]]:
    """Yields the answer to each question about an input."""
    of_option = {ids.tobytes(): score for ids, score in zip(one.options, scores, strict=True)}
    for question in one.questions:
        of_question = [of_option[ids.tobytes()] for ids in question.options]
        yield (
            question,
            Record(
                question.asked.prompt,
                sums=tuple(score.sum for score in of_question),
                tokens=tuple(score.tokens for score in of_question),
                trimmed=question.trimmed,
                equal=equal_options(question.options),
            ),
        )
