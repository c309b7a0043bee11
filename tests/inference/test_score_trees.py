"""Prompts read as trees of tokens against each option alone behind its prompt."""

import numpy as np
import pytest
from toy_models import CONFIGS, quickly_compiled, random_params

from flan_tasks.inference import trees
from flan_tasks.inference.pool import Pool
from flan_tasks.inference.programs import Programs
from flan_tasks.inference.questions import DistinctInput
from flan_tasks.inference.reading import Reading
from flan_tasks.inference.score import score_options
from flan_tasks.inference.score_trees import score_trees
from flan_tasks.models.model import Model


@pytest.fixture(scope="module", autouse=True)
def quick():
    with quickly_compiled():
        yield


class Question:
    """All that scoring asks of a question."""

    def __init__(self, done=False):
        self.asked = type("Asked", (), {"done": done})


def ids(draw, length):
    return draw.integers(3, 120, length).astype(np.int32)


def inputs(draw, prompts, *, options=3, done=()):
    """Inputs with options, of which some begin alike and one is a single token."""
    made = []
    for number, prompt in enumerate(prompts):
        begun = ids(draw, 2)
        of_one = [np.append(begun, ids(draw, n)) for n in range(1, options)]
        of_one.append(ids(draw, 1))
        made.append(DistinctInput(prompt, tuple(of_one), (Question(number in done),)))
    return made


def passages(draw):
    """Questions on two passages, one that begins another, one of its own, and a pair of equals."""
    first, second = ids(draw, 30), ids(draw, 25)
    one = np.append(first, ids(draw, 5))
    return [
        *(np.append(first, ids(draw, n)) for n in (4, 7, 2)),
        one,
        np.append(one, ids(draw, 3)),
        *(np.append(second, ids(draw, n)) for n in (6, 1)),
        ids(draw, 12),
    ]


def scores_of(model, params, made, *, tokens=256, programs=None):
    reading = Reading()
    found = score_trees(
        model,
        params,
        made,
        pool=Pool(tokens),
        programs=programs or Programs(),
        reading=reading,
    )
    scores = {id(one): of_one for one, of_one in found}
    return [scores.get(id(one)) for one in made], reading


@pytest.fixture(scope="module", params=["switches", "relative"])
def decoder(request):
    model = Model(CONFIGS[request.param])
    return model, random_params(model)


@pytest.fixture
def small(monkeypatch):
    """Rows so short that a few prompts need several, and a beginning is worth a cache."""
    monkeypatch.setattr(trees, "ROW", 64)
    monkeypatch.setattr(trees, "BEGINNING", 8)


def compare(found, made, model, params):
    wanted = score_options(
        model,
        params,
        [one.ids for one in made],
        [one.options for one in made],
        batch_size=4,
        programs=Programs(),
    )
    for ours, slow in zip(found, wanted, strict=True):
        np.testing.assert_allclose([s.sum for s in ours], [s.sum for s in slow], atol=1e-4)
        assert [s.tokens for s in ours] == [s.tokens for s in slow]


def test_scores_are_those_of_each_option_alone(decoder, small):
    model, params = decoder
    draw = np.random.default_rng(2)
    made = inputs(draw, passages(draw))
    found, _ = scores_of(model, params, made)
    compare(found, made, model, params)
    # In another order, and with all in one batch.
    turned, _ = scores_of(model, params, made[::-1], tokens=2048)
    for ours, other in zip(found, turned[::-1], strict=True):
        np.testing.assert_allclose([s.sum for s in ours], [s.sum for s in other], atol=1e-4)


def test_scores_are_the_same_whose_places_meet_the_head_in_parts(small, monkeypatch):
    model = Model(CONFIGS["switches"])
    params = random_params(model)
    draw = np.random.default_rng(2)
    made = inputs(draw, passages(draw))
    monkeypatch.setattr("flan_tasks.inference.score_trees.POSITIONS", 9)
    found, _ = scores_of(model, params, made)
    compare(found, made, model, params)


def test_options_that_begin_alike_need_not_stand_together(decoder, small):
    model, params = decoder
    draw = np.random.default_rng(5)
    shapes = ([5, 6, 7], [8, 9, 7], [5, 6, 10, 11], [8, 12], [5], [13, 5, 6], [8, 9, 14])
    made = []
    for prompt in passages(draw):
        options = [np.asarray(shapes[place], np.int32) for place in draw.permutation(len(shapes))]
        made.append(DistinctInput(prompt, tuple(options), (Question(),)))
    found, _ = scores_of(model, params, made)
    compare(found, made, model, params)


def test_a_beginning_that_many_share_is_read_once(small):
    model = Model(CONFIGS["rope-causal"])
    params = random_params(model)
    draw = np.random.default_rng(3)
    beginning = ids(draw, 70)
    made = inputs(draw, [np.append(beginning, ids(draw, 3 + n % 9)) for n in range(24)])
    (group,) = trees.grouped(trees.leaves_of(made), share=True)
    assert group.shared >= 70
    found, reading = scores_of(model, params, made)
    assert reading.tokens < 71 + sum(len(one.ids) - 70 + 20 for one in made)
    compare(found, made, model, params)


def test_an_input_with_very_many_options_is_read_in_parts(small, monkeypatch):
    monkeypatch.setattr(trees, "OPTIONS", 16)
    model = Model(CONFIGS["rope-causal"])
    params = random_params(model)
    draw = np.random.default_rng(4)
    made = inputs(draw, [ids(draw, 20), ids(draw, 9)], options=9)
    assert len(trees.leaves_of(made)) > 4
    found, _ = scores_of(model, params, made)
    compare(found, made, model, params)


def test_what_was_answered_before_keeps_its_place(small):
    model = Model(CONFIGS["rope-causal"])
    params = random_params(model)
    draw = np.random.default_rng(2)
    made = inputs(draw, passages(draw))
    again = np.random.default_rng(2)
    some = inputs(again, passages(again), done=(0, 5))
    programs = Programs()
    whole, _ = scores_of(model, params, made, programs=programs)
    rest, _ = scores_of(model, params, some, programs=programs)
    assert [rest[n] is None for n in range(len(some))] == [n in (0, 5) for n in range(len(some))]
    assert all(rest[n] in (None, whole[n]) for n in range(len(some)))


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("row", [24, 64, 512])
def test_each_token_follows_its_own_text(share, row, monkeypatch):
    monkeypatch.setattr(trees, "ROW", row)
    monkeypatch.setattr(trees, "BEGINNING", 8)
    draw = np.random.default_rng(row)
    # Three ids alone, so that texts agree by chance too, and some are equal.
    prompts = [draw.integers(3, 5, draw.integers(1, 40)).astype(np.int32) for _ in range(80)]
    prompts = list({prompt.tobytes(): prompt for prompt in prompts}.values())
    made = inputs(draw, prompts)
    read = {}
    for group in trees.grouped(trees.leaves_of(made), share=share):
        for one in trees.rows_of(group, share=share):
            ends = one.ends()
            for place, token, number, option in one.wanted:
                path = []
                node = place
                while node >= 0:
                    path.append(one.tokens[node])
                    assert one.depths[node] == group.shared + 0 + _depth(one, node)
                    assert node <= place < ends[node]
                    node = one.parents[node]
                # Nothing else is seen.
                seen = sum(1 for n in range(place + 1) if place < ends[n])
                assert seen == len(path)
                text = [*group.beginning.tolist(), *path[::-1], token]
                read.setdefault((number, option), []).append(text)
    for number, one in enumerate(made):
        for option, ids_of in enumerate(one.options):
            whole = [*one.ids.tolist(), *ids_of.tolist()]
            texts = sorted(read[number, option], key=len)
            first = len(one.ids) + 1
            assert texts == [whole[:length] for length in range(first, len(whole) + 1)]


def _depth(row, node):
    depth = 0
    while row.parents[node] >= 0:
        node = row.parents[node]
        depth += 1
    return depth
