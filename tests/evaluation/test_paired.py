"""How sure a change is: by hand, and beside scipy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.evaluation.paired import (
    EXACT,
    JACKKNIFE,
    MCNEMAR,
    SIGN_FLIPS,
    Differences,
    holm,
    mcnemar,
    mean_sureness,
    sureness_of_mean,
    sureness_of_whole,
)


def singles(changes):
    values = np.array(changes, float)
    return Differences.of([values], [np.arange(len(values))])


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test_of_what_changed(won, lost):
    from scipy.stats import binomtest

    expected = binomtest(won, won + lost).pvalue if won + lost else 1.0
    assert mcnemar(won, lost) == pytest.approx(expected)


def test_mcnemar_by_hand():
    # 1 of 6 changed to the better: 2 * (1 + 6) / 64.
    assert mcnemar(1, 5) == 14 / 64
    assert mcnemar(0, 0) == 1


@given(st.lists(st.sampled_from([-100.0, 0.0, 100.0]), min_size=2, max_size=EXACT))
def test_sign_flips_are_mcnemars_test_where_both_apply(changes):
    single = sureness_of_mean(singles(changes), seed=1)
    # The same answers as groups of one under two templates: no group is one answer.
    twice = Differences.of([np.array(changes)] * 2, [np.arange(len(changes))] * 2)
    flipped = sureness_of_mean(twice, seed=1)
    assert (single.method, flipped.method) == (MCNEMAR, SIGN_FLIPS)
    assert flipped.p == pytest.approx(single.p)


@pytest.mark.parametrize("each", [3, 9])
def test_as_many_won_as_lost_is_no_sign_of_a_change(each):
    changes = np.array([100.0] * each + [-100.0] * each)
    twice = Differences.of([changes] * 2, [np.arange(2 * each)] * 2)
    assert sureness_of_mean(twice, seed=1).p == 1


def test_many_flips_are_drawn_and_come_near():
    rng = np.random.default_rng(3)
    changes = rng.choice([-100.0, 0.0, 0.0, 100.0, 100.0], 200)
    single = sureness_of_mean(singles(changes), seed=1)
    twice = Differences.of([changes] * 2, [np.arange(200)] * 2)
    flipped = sureness_of_mean(twice, seed=1)
    assert flipped.p == pytest.approx(single.p, abs=0.02)
    assert sureness_of_mean(twice, seed=1) == flipped


def test_the_interval_is_that_of_the_mean():
    rng = np.random.default_rng(4)
    changes = rng.normal(5, 20, 400)
    sure = sureness_of_mean(singles(changes), seed=1)
    error = changes.std(ddof=1) / 20
    assert sure.error == pytest.approx(error, rel=0.1)
    assert sure.interval == pytest.approx(
        (changes.mean() - 1.96 * error, changes.mean() + 1.96 * error), abs=0.3
    )


def test_examples_of_one_passage_are_drawn_together():
    rng = np.random.default_rng(5)
    of_passages = rng.normal(0, 20, 60)
    changes, owners = np.repeat(of_passages, 10), np.repeat(np.arange(60), 10)
    together = sureness_of_mean(Differences.of([changes], [owners]), seed=1)
    alone = sureness_of_mean(singles(changes), seed=1)
    # Ten copies hold no more than one: the error is sqrt(10) times what it seems.
    assert together.error == pytest.approx(of_passages.std(ddof=1) / math.sqrt(60), rel=0.1)
    assert together.error == pytest.approx(alone.error * math.sqrt(10), rel=0.15)


def test_a_number_of_some_examples_is_the_mean_of_those():
    changes = np.array([100.0, np.nan, -100.0, 100.0])
    differences = Differences.of([changes, changes[:2]], [np.arange(4), np.arange(2)])
    assert differences.change == pytest.approx((100 / 3 + 100) / 2)
    assert len(differences.sums) == 3  # of the second example there is no number


def test_one_group_says_nothing_of_others():
    sure = sureness_of_mean(Differences.of([np.ones(5)], [np.zeros(5, int)]), seed=1)
    assert (sure.error, sure.interval, sure.p) == (None, None, None)


def test_the_jackknife_of_a_mean_is_its_error():
    rng = np.random.default_rng(6)
    changes = rng.normal(1, 3, 20)

    def change_without(blocks):
        return float(np.delete(changes, list(blocks)).mean())

    sure = sureness_of_whole(change_without, 20, float(changes.mean()))
    error = changes.std(ddof=1) / math.sqrt(20)
    assert sure.method == JACKKNIFE
    assert sure.error == pytest.approx(error)
    # 2.093 is the 97.5 % quantile of Student's t with 19 degrees of freedom.
    assert sure.interval[1] == pytest.approx(changes.mean() + 2.0930 * error, abs=1e-3)


def test_no_change_at_all_is_no_sign_of_one():
    assert sureness_of_whole(lambda blocks: 0.0, 30, 0.0).p == 1
    assert sureness_of_mean(singles([0, 0, 0]), seed=1).p == 1


def test_holm_by_hand():
    assert holm([0.01, None, 0.04, 0.03]) == [0.03, None, 0.06, 0.06]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_lowers_nothing_and_keeps_the_order(ps):
    corrected = holm(ps)
    assert all(after >= before for before, after in zip(ps, corrected, strict=True))
    order = sorted(range(len(ps)), key=lambda k: ps[k])
    assert [corrected[k] for k in order] == sorted(corrected)


def test_the_mean_of_datasets_has_the_error_of_their_sum():
    mean, interval = mean_sureness([2.0, 4.0], [3.0, 4.0])
    assert mean == 3
    assert interval == pytest.approx((3 - 1.96 * 2.5, 3 + 1.96 * 2.5), abs=1e-3)
    assert mean_sureness([2.0, 4.0], [3.0, None]) == (3, None)
