"""What prompts begin with, read once: which prompts, and the texts that come of it."""

import dataclasses

import jax
import numpy as np
import pytest
from toy_models import CONFIGS, quickly_compiled, random_params

from flan_tasks.evaluation.records import GENERATE, Asked, Prompt, Unit
from flan_tasks.inference import beginnings, model_answers
from flan_tasks.inference.beginnings import Apart, beginning_class, by_beginning
from flan_tasks.inference.model_answers import ModelAnswers
from flan_tasks.inference.open_model import OpenModel
from flan_tasks.inference.pool import Pool
from flan_tasks.inference.programs import LIMIT, Allowance
from flan_tasks.metrics.gold import Gold
from flan_tasks.models import partition
from flan_tasks.models.model import Model
from flan_tasks.specs.config import MeshConfig
from flan_tasks.specs.eval_config import Decoding
from flan_tasks.vocabulary import BytesVocabulary

LENGTHS = {"inputs": 256, "targets": 6}


def ids(*parts):
    """Ids of which each part is (first, length)."""
    return np.concatenate([np.arange(a, a + n) for a, n in parts]).astype(np.int32)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(beginnings, "LEAST", 10)
    monkeypatch.setattr(beginnings, "TOKENS", 4)
    monkeypatch.setattr(beginnings, "PROMPTS", 3)
    monkeypatch.setattr(beginnings, "LENGTHS", (16,))


def groups_of(prompts):
    return [(one.beginning.tolist(), one.numbers) for one in by_beginning(prompts)]


def test_prompts_are_grouped_by_what_saves_most(small):
    deep = [ids((3, 5), (50, 20), (100 + n, 2)) for n in range(4)]
    other = [ids((3, 5), (80, 12), (100 + n, 2)) for n in range(4)]
    alone = ids((200, 9))
    # All but the last share five tokens, and those of each half many more.
    prompts = [*deep[:2], *other, alone, *deep[2:]]
    assert groups_of(prompts) == [
        (deep[0][:25].tolist(), (0, 1, 7, 8)),
        (other[0][:17].tolist(), (2, 3, 4, 5)),
        ([], (6,)),
    ]
    # A beginning is read for all where that saves more than for some of them.
    shallow = [ids((3, 30), (50 + 10 * (n // 3), 2), (100 + n, 2)) for n in range(9)]
    ((beginning, numbers),) = groups_of(shallow)
    assert beginning == list(range(3, 33)) and numbers == tuple(range(9))


def test_a_token_of_every_prompt_stands_behind_its_beginning(small):
    prompts = [ids((3, 9)), ids((3, 9)), ids((3, 9), (40, 2)), ids((3, 9), (60, 1))]
    (group,) = by_beginning(prompts)
    assert group.beginning.tolist() == list(range(3, 11))
    assert [group.rest(one).tolist() for one in prompts] == [[11], [11], [11, 40, 41], [11, 60]]


def test_few_prompts_and_short_beginnings_are_not_worth_it(small):
    long = [ids((3, 40), (90 + n, 1)) for n in range(2)]
    short = [ids((200, 3), (210 + n, 1)) for n in range(30)]
    assert groups_of([*long, *short]) == [([], tuple(range(32)))]
    assert by_beginning([]) == []


def units(draw, count):
    """Prompts of units, each of which begin with a text of their own."""
    for _ in range(count):
        header = draw.integers(3, 30_000, draw.integers(40, 900))
        rests = [
            draw.integers(3, 30_000, draw.integers(10, 200)) for _ in range(draw.integers(4, 60))
        ]
        yield [np.append(header, rest).astype(np.int32) for rest in rests]


def windows_of(prompts, tokens=2**18):
    """Whole units of so many tokens or a few more."""
    window = []
    for unit in prompts:
        window += unit
        if sum(map(len, window)) >= tokens:
            yield window
            window = []
    yield window


@pytest.mark.parametrize("program", [1_024, 47_000])
def test_programs_of_many_beginnings_are_few(program):
    draw = np.random.default_rng(5)
    windows = list(windows_of(units(draw, 300)))
    apart = Apart(Pool(4_096, program=program), program)

    def answered():
        """Shapes that are compiled, tokens that are read, and how many groups read apart."""
        programs, read, groups = set(), 0, 0
        for window in windows:
            numbers = []
            for group, batches in apart.batches(window, shares=True):
                kind = beginning_class(group) if group.shares else 0
                programs |= {(kind,)} if kind else set()
                groups += group.shares
                read += kind
                for batch in batches:
                    assert all(len(group.rest(window[n])) <= batch.length for n in batch.items)
                    shape = (kind, batch.length, batch.rows)
                    refills = ("few", "fills") if len(batch.items) > batch.rows else ()
                    programs |= {(*shape, name) for name in ("reads", "writes", *refills)}
                    read += max(batch.rows, len(batch.items)) * batch.length
                    numbers += batch.items
            assert sorted(numbers) == list(range(len(window)))
        return programs, read, groups

    programs, read, groups = answered()
    apart.forget()
    assert answered() == (programs, read, groups)
    assert len({one for one in programs if one[0]}) <= beginnings.MOST
    assert len(programs) < LIMIT // 2
    whole = sum(len(ids) for window in windows for ids in window)
    assert groups > 50 and read < 0.7 * whole


def test_a_header_of_many_prompts_is_read_once():
    draw = np.random.default_rng(6)
    header = draw.integers(3, 30_000, 1_000)
    rests = [draw.integers(3, 30_000, draw.integers(10, 60)) for _ in range(250)]
    prompts = [np.append(header, rest).astype(np.int32) for rest in rests]
    apart = Apart(Pool(4_096, program=47_000), 47_000)
    ((group, batches),) = apart.batches(prompts, shares=True)
    assert group.beginning.tolist() == header.tolist() and len(group.numbers) == 250
    assert {batch.length for batch in batches} == {64} and len(apart.allowance) <= 5
    # Few prompts that begin alike are not worth programs, but are once these are there.
    few = prompts[:9]
    ((group, _),) = Apart(Pool(4_096, program=47_000), 47_000).batches(few, shares=True)
    assert not group.shares
    ((group, _),) = apart.batches(few, shares=True)
    assert group.shares
    # Beams, and models that look both ways, share nothing.
    ((group, _),) = apart.batches(prompts, shares=False)
    assert not group.shares


def test_programs_are_allowed_once_they_pay_and_never_too_many():
    allowance = Allowance(cost=100, most=3)
    assert not allowance.allows("short", {1, 2}, 150)
    assert allowance.allows("short", {1, 2}, 60)
    assert allowance.allows("short", {1, 2}, 1) and not allowance.allows("short", {1, 2}, 0)
    assert not allowance.allows("long", {3, 4}, 10**6) and len(allowance) == 2
    assert allowance.allows("long", {2, 3}, 100)
    allowance.forget()
    assert not allowance.allows("short", {1, 2}, 60)


SHOTS = "Is a heron a bird?\nyes\n\nIs tin a bird?\nno\n\n"
OTHER = "What is 2 and 2?\n4\n\nWhat is 1 and 1?\n2\n\n"
QUERIES = ("Is a wren one?", "And clay, now?", "Is it one?", "Is the wren?", "Was it?")


def prompts_of(stops=None):
    texts = [f"{shots}{query}" for shots in (SHOTS, OTHER) for query in QUERIES]
    golds = [Gold("", ("",), key=str(number)) for number in range(len(texts))]
    return [Prompt(text, gold, stops=stops) for text, gold in zip(texts, golds, strict=True)]


def texts_of(answerer, prompts):
    unit = Unit("birds", "plain", "test", GENERATE)
    stream = [Asked(unit, place, prompt) for place, prompt in enumerate(prompts)]
    records = {one.place: record.text for one, record in answerer.answer(stream)}
    return [records[place] for place in range(len(prompts))]


@pytest.mark.parametrize("name", ["rope-causal", pytest.param("relative", marks=pytest.mark.slow)])
def test_texts_behind_a_cached_beginning_are_those_without(name, small, monkeypatch):
    config = dataclasses.replace(
        CONFIGS[name], vocabulary_size=259, inputs_attention="causal", tied_head=False
    )
    model = Model(config)
    mesh = partition.make_mesh(MeshConfig(data=1, fsdp=-1))
    params = jax.tree.map(jax.numpy.asarray, random_params(model))
    opened = OpenModel(model, params, BytesVocabulary(), mesh, LENGTHS, {})

    # Programs of a toy take longer than all that it reads here.
    monkeypatch.setattr(model_answers, "program_tokens", lambda *_: 1)

    def answers(least):
        monkeypatch.setattr(beginnings, "LEAST", least)
        with quickly_compiled():
            # Drawn, so that texts differ; rows are few, so that some are refilled.
            how = {"decoding": Decoding(method="sample", seed=3), "batch_size": 4}
            answerer = ModelAnswers(opened, batch_tokens=512, **how)
            texts = texts_of(answerer, prompts_of())
        if least < 1_000:  # all share something, and as many programs as were counted are needed
            assert len(answerer.programs) == len(answerer._apart.allowance)
        return texts, answerer.reading.tokens

    apart, read_apart = answers(10**9)
    shared, read_once = answers(10)
    assert shared == apart and len(set(shared)) > 4
    saved = sum(4 * (len(shots.encode()) - 9) for shots in (SHOTS, OTHER))
    assert read_apart - read_once > saved
