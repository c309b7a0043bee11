"""Decoding of toy models against reading everything anew for every token."""

from functools import partial

import jax
import numpy as np
import pytest
from toy_models import CONFIGS, examples, quickly_compiled, random_params, rows_of

from flan_tasks.core.errors import EvaluationError
from flan_tasks.inference import refilling
from flan_tasks.inference.choosing import likeliest
from flan_tasks.inference.decode import generate, generate_batch
from flan_tasks.inference.programs import Programs, bucket
from flan_tasks.inference.prompt_ids import whole_prompt
from flan_tasks.models.model import Model
from flan_tasks.specs.eval_config import Decoding

TOKENS = 10


@pytest.fixture(scope="module", autouse=True)
def quick():
    with quickly_compiled():
        yield


class Toy:
    """A model with prompts of several lengths, and its programs."""

    def __init__(self, name):
        self.model = Model(CONFIGS[name])
        self.params = random_params(self.model)
        self.prompts = [inputs for inputs, _ in examples(lengths=[(n, 2) for n in (9, 5, 12, 3)])]
        self.programs = Programs(limit=100)
        self.eos_id = 1
        self.compute = jax.jit(self.model.logits)

    def generate(self, prompts=None, *, batch_size=2, seeds=None, is_over=None, **how):
        prompts = self.prompts if prompts is None else prompts
        return generate(
            self.model,
            self.params,
            [whole_prompt(self.model.config, prompt) for prompt in prompts],
            Decoding(max_tokens=TOKENS, **how),
            eos_id=self.eos_id,
            batch_size=batch_size,
            programs=self.programs,
            seeds=seeds,
            is_over=is_over,
        )

    def log_probabilities(self, prompt, tokens):
        """Of the token after each of `tokens`, float64 [len(tokens) + 1, vocabulary]."""
        targets = np.array([*tokens, 0], np.int32)
        batch = rows_of(self.model.config.architecture, [[(prompt, targets)]])
        logits = np.asarray(self.compute(self.params, batch), np.float64)[0]
        logits = logits[batch["decoder_loss_weights"][0] > 0]
        logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return logits[:, : self.model.config.vocabulary_size]

    def slow_greedy(self, prompt):
        tokens = []
        while len(tokens) < TOKENS:
            token = int(self.log_probabilities(prompt, tokens)[-1].argmax())
            if token == self.eos_id:
                return tokens, True
            tokens.append(token)
        return tokens, False

    def slow_score(self, prompt, answer):
        tokens = [*answer.tokens.tolist(), self.eos_id] if answer.ended else answer.tokens.tolist()
        found = self.log_probabilities(prompt, tokens[:-1])
        return sum(found[place, token] for place, token in enumerate(tokens))

    def ending(self):
        """The same with an EOS that it likes to write, so that answers have several lengths."""
        toy = Toy.__new__(Toy)
        vars(toy).update(vars(self), eos_id=int(self.generate()[0].tokens[3]))
        return toy


@pytest.fixture(scope="module")
def toy():
    return Toy("t5")


# Both kinds of networks where caches differ; how tokens are chosen is the same for both.
@pytest.fixture(scope="module", params=["t5", "rope"])
def either(request, toy):
    return toy if request.param == "t5" else Toy(request.param)


@pytest.fixture(scope="module")
def ending(either):
    return either.ending()


def test_greedy_with_a_cache_is_greedy_without(ending):
    for prompt, answer in zip(ending.prompts, ending.generate(), strict=True):
        tokens, ended = ending.slow_greedy(prompt)
        assert answer.tokens.tolist() == tokens
        assert answer.ended == ended
        np.testing.assert_allclose(answer.score, ending.slow_score(prompt, answer), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [2, 8])
def test_rows_that_ended_take_the_next_prompts(either, batch_size):
    # More prompts than rows; one is about to write the end that all share.
    lengths = (9, 5, 12, 3, 7, 7, 2, 11, 4, 6, 15, 8, 3, 9)
    prompts = [inputs for inputs, _ in examples(seed=3, lengths=[(n, 2) for n in lengths])]
    toy = either.ending()
    for eos_id in map(int, toy.slow_greedy(prompts[0])[0][1:]):
        toy.eos_id = eos_id
        slow = [toy.slow_greedy(prompt) for prompt in prompts]
        if len({len(tokens) for tokens, _ in slow}) > 2:
            break
    answers = toy.generate(prompts, batch_size=batch_size)
    assert [(answer.tokens.tolist(), answer.ended) for answer in answers] == slow
    assert len({len(tokens) for tokens, _ in slow}) > 1
    for prompt, answer in list(zip(prompts, answers, strict=True))[:4]:
        np.testing.assert_allclose(answer.score, toy.slow_score(prompt, answer), atol=1e-4)


def holds(token):
    """Says whether an answer is whole that a token ends, as a stop string would."""
    return lambda tokens: token in tokens.tolist()


@pytest.mark.parametrize(
    "batch_size", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 8))]
)
def test_answers_that_a_stop_string_ends_make_room(either, batch_size, monkeypatch):
    monkeypatch.setattr(refilling, "LOOKED", 2)
    lengths = (8, 5, 7, 3, 7, 7, 2, 8, 4, 6)
    prompts = [inputs for inputs, _ in examples(seed=3, lengths=[(n, 2) for n in lengths])]
    whole = [answer.tokens.tolist() for answer in either.generate(prompts, batch_size=batch_size)]
    # Tokens of each at several places; the last never writes its own.
    stops = [tokens[1 + number % 4] for number, tokens in enumerate(whole)]
    stops[-1] = -1
    calls = []
    call = either.programs.call
    monkeypatch.setattr(
        either.programs,
        "call",
        lambda name, *a, **how: calls.append(name[0]) or call(name, *a, **how),
    )
    is_over = [None, *map(holds, stops[1:])]
    answers = either.generate(prompts, batch_size=batch_size, is_over=is_over)
    assert answers[0].tokens.tolist() == whole[0]
    ended = 0
    for answer, tokens, stop in zip(answers[1:], whole[1:], stops[1:], strict=True):
        wanted = tokens.index(stop) + 1 if stop in tokens else len(tokens)
        found = answer.tokens.tolist()
        assert found == tokens[: len(found)] and len(found) >= wanted
        # What stands behind it was written before it was looked for.
        assert len(found) <= wanted + 1
        ended += len(found) < len(tokens)
    assert ended >= 3
    if batch_size == 1:  # two tokens at a time, and none for an answer that is whole
        steps = [len(answer.tokens) + answer.ended for answer in answers]
        assert calls.count("greedy decoding") <= sum(-(-count // 2) for count in steps)


def test_prompts_read_at_their_own_length_have_the_same_answers(either):
    prompts = [whole_prompt(either.model.config, prompt) for prompt in either.prompts]
    prompts.sort(key=len)

    def answers(*lengths):
        return generate_batch(
            either.model,
            either.params,
            prompts,
            Decoding(max_tokens=TOKENS),
            eos_id=either.eos_id,
            length=16,
            rows=3,
            programs=either.programs,
            seeds=range(len(prompts)),
            lengths=lengths,
        )

    for ours, padded in zip(answers(8, 12), answers(), strict=True):
        assert ours.tokens.tolist() == padded.tokens.tolist()
        np.testing.assert_allclose(ours.score, padded.score, rtol=1e-6)


def test_rows_that_are_done_are_left_out(toy, monkeypatch):
    monkeypatch.setattr(refilling, "_FEW", 1)
    toy = toy.ending()
    together = toy.generate(batch_size=4)
    monkeypatch.setattr(refilling, "_FEW", 100)
    for ours, whole in zip(together, toy.generate(batch_size=4), strict=True):
        assert ours.tokens.tolist() == whole.tokens.tolist()
        np.testing.assert_allclose(ours.score, whole.score, rtol=1e-6)
    writing = {
        leaves for name, _, leaves, _ in toy.programs._compiled if name[0] == "greedy decoding"
    }
    assert len(writing) > 1


@pytest.mark.parametrize(
    "rows, devices, sizes",
    [
        (64, 1, [48, 32, 16]),
        (16, 1, [12, 8, 4]),
        (10, 1, [5]),
        (7, 1, []),
        (6, 1, []),
        (32, 8, [24, 16, 8]),
        (24, 8, []),
    ],
)
def test_batches_go_on_with_few_sizes(rows, devices, sizes):
    assert refilling.sizes_of(rows, devices) == sizes


def test_answers_stop_at_eos(ending):
    answers = ending.generate()
    assert any(answer.ended and len(answer.tokens) < TOKENS - 1 for answer in answers)
    for answer in answers:
        assert ending.eos_id not in answer.tokens
        assert answer.ended or len(answer.tokens) == TOKENS


def test_one_beam_is_greedy(toy):
    ending = toy.ending()
    found = ending.generate(method="beam", beams=1, alpha=1.0)
    for ours, greedy in zip(found, ending.generate(), strict=True):
        assert ours.tokens.tolist() == greedy.tokens.tolist()
        assert ours.ended == greedy.ended


def test_scores_of_beams_are_those_of_teacher_forcing(ending):
    answers = ending.generate(method="beam", beams=3, alpha=0.6)
    for prompt, answer in zip(ending.prompts, answers, strict=True):
        length = len(answer.tokens) + answer.ended
        wanted = ending.slow_score(prompt, answer) / ((5 + length) / 6) ** 0.6
        np.testing.assert_allclose(answer.score, wanted, atol=1e-4)


def slow_beam(toy, prompt, *, beams, alpha):
    """The same search written with lists, reading everything anew."""
    alive, ended = [([], 0.0)], []
    for length in range(1, TOKENS + 1):
        grown = [
            ([*tokens, token], total + gained)
            for tokens, total in alive
            for token, gained in enumerate(toy.log_probabilities(prompt, tokens)[-1])
        ]
        grown = sorted(grown, key=lambda one: -one[1])[: 2 * beams]
        penalty = ((5 + length) / 6) ** alpha
        ended += [(t[:-1], s / penalty) for t, s in grown[:beams] if t[-1] == toy.eos_id]
        alive = [(t, s) for t, s in grown if t[-1] != toy.eos_id][:beams]
        if len(ended) >= beams:
            break
    return max(ended or [(t, s / penalty) for t, s in alive], key=lambda one: one[1])


def test_beam_search_finds_what_lists_find(ending):
    prompts = ending.prompts[:2]
    answers = ending.generate(prompts, method="beam", beams=3, alpha=0.6)
    for prompt, answer in zip(prompts, answers, strict=True):
        tokens, score = slow_beam(ending, prompt, beams=3, alpha=0.6)
        assert answer.tokens.tolist() == tokens
        np.testing.assert_allclose(answer.score, score, atol=1e-4)


def test_sampling_depends_on_the_seed_and_not_on_the_batch(toy):
    draw = partial(toy.generate, method="sample", seeds=[11, 12, 13, 14])
    tokens = [answer.tokens.tolist() for answer in draw()]
    assert [a.tokens.tolist() for a in draw()] == tokens
    turned = toy.generate(toy.prompts[::-1], method="sample", seeds=[14, 13, 12, 11])
    assert [a.tokens.tolist() for a in turned[::-1]] == tokens
    assert [a.tokens.tolist() for a in draw(seed=1)] != tokens


def test_the_likeliest_token_alone_is_greedy(toy):
    wanted = [answer.tokens.tolist() for answer in toy.generate()]
    found = toy.generate(method="sample", top_k=1, temperature=2.0)
    assert [answer.tokens.tolist() for answer in found] == wanted


@pytest.mark.parametrize("how", [{"top_k": 3}, {"top_p": 0.3}, {"top_k": 40, "top_p": 0.9}, {}])
def test_samples_are_among_the_likeliest(how):
    logits = np.random.default_rng(1).standard_normal((5, 60)).astype(np.float32) * 2
    found = np.asarray(likeliest(logits, Decoding(method="sample", **how)))
    for row, kept in zip(logits, found, strict=True):
        order = np.argsort(-row)[: how.get("top_k", 60)]
        shares = np.exp(row[order]) / np.exp(row[order]).sum()
        count = int(np.searchsorted(np.cumsum(shares), how["top_p"])) + 1 if "top_p" in how else 60
        wanted = order[:count]
        assert set(np.flatnonzero(np.isfinite(kept))) == set(wanted)
        np.testing.assert_array_equal(kept[wanted], row[wanted])


def test_ids_that_pad_the_vocabulary_are_never_written(toy):
    params = jax.tree.map(np.array, toy.params)
    params["head"]["kernel"][:, toy.model.config.vocabulary_size :] *= 100
    loud = toy.ending()
    loud.params = params
    # The programs of tests above, so that none is compiled for this one.
    for how in ({}, {"method": "beam", "beams": 3, "alpha": 0.6}):
        for answer in loud.generate(**how):
            assert answer.tokens.max(initial=0) < toy.model.config.vocabulary_size


def test_programs_are_counted_and_bounded():
    programs = Programs(limit=1)
    double = lambda x: 2 * x  # noqa: E731 - one function is enough
    ones = np.ones(3, np.float32)
    for _ in range(2):
        np.testing.assert_array_equal(programs.call(("doubling",), double, ones), 2 * ones)
    assert len(programs) == 1
    with pytest.raises(EvaluationError, match="1 programs are compiled already .doubling."):
        programs.call(("doubling",), double, np.ones(4, np.float32))


def test_lengths_fall_into_buckets():
    assert [bucket(n, (4, 16)) for n in (1, 4, 5, 16, 17, 40)] == [4, 4, 16, 16, 32, 64]
