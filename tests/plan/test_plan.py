import numpy as np
import pytest
from conftest import make_catalog
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.example import Skip
from flan_tasks.core.mixture import Mixture
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.shares import largest_remainder


@pytest.fixture
def prepared(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 104, "fish": 34})
    return prepare(Mixture(name="m", cap=50), catalog, source=SourceChoice())


def triples(rows):
    return list(
        zip(
            rows.task.tolist(),
            rows.example.tolist(),
            rows.epoch.tolist(),
            rows.template.tolist(),
            strict=True,
        )
    )


def test_plan_is_one_pass_of_the_capped_mixture(prepared):
    plan = make_plan(prepared, seed=0)
    assert plan.counts == (50, 30)
    assert [item.rate for item in plan.ingredients] == [50, 30]


def test_rows_do_not_depend_on_how_they_are_asked_for(prepared):
    plan = make_plan(prepared, seed=0)
    whole = triples(plan.rows(0, 80))
    assert [triples(plan.rows(k, k + 1))[0] for k in range(80)] == whole
    assert triples(plan.rows_at(np.asarray([79, 3]))) == [whole[79], whole[3]]


def test_every_example_is_seen_before_any_is_seen_twice(prepared):
    plan = make_plan(prepared, seed=0, num_examples=800)
    rows = plan.rows(0, 800)
    for task, available in enumerate((100, 30)):
        here = rows.task == task
        seen = {}
        for epoch, example in zip(
            rows.epoch[here].tolist(), rows.example[here].tolist(), strict=True
        ):
            seen.setdefault(epoch, []).append(example)
        full = [sorted(examples) for epoch, examples in sorted(seen.items())][:-1]
        assert all(examples == list(range(available)) for examples in full)
        assert len(set(seen[max(seen)])) == len(seen[max(seen)])


def test_epochs_draw_templates_anew(prepared):
    plan = make_plan(prepared, seed=0, num_examples=800)
    rows = plan.rows(0, 800)
    drawn = {}
    for task, example, epoch, template in triples(rows):
        drawn.setdefault((task, example), {})[epoch] = template
    assert any(len(set(templates.values())) > 1 for templates in drawn.values())


def test_templates_are_drawn_about_equally(prepared):
    rows = make_plan(prepared, seed=0, num_examples=6000).rows(0, 6000)
    counts = np.bincount(rows.template)
    assert len(counts) == 3
    assert counts.min() > 1800


def test_another_seed_gives_another_order_and_the_same_counts(prepared):
    one, other = (make_plan(prepared, seed=seed) for seed in (0, 1))
    assert one.counts == other.counts
    assert triples(one.rows(0, 80)) != triples(other.rows(0, 80))


def test_later_passes_go_on_behind_the_cap(prepared):
    plan = make_plan(prepared, seed=0)
    rows = plan.rows_at(np.arange(160))
    birds = rows.example[rows.task == 0]
    assert sorted(birds.tolist()) == list(range(100))


def test_grouped_rows_stand_task_by_task(prepared):
    plan = make_plan(prepared, seed=0, grouped=True)
    assert plan.counts == (100, 30)
    assert plan.rows(0, 130).task.tolist() == [0] * 100 + [1] * 30


def test_without_shuffle_examples_come_in_store_order(prepared):
    rows = make_plan(prepared, seed=0).rows_at(np.arange(80), shuffle=False)
    assert rows.example.tolist() == [*range(50), *range(30)]


@pytest.mark.parametrize(("seed", "count"), [(-1, None), (2**63, None), (0, 0)])
def test_plan_refuses(prepared, seed, count):
    with pytest.raises(DeclarationError):
        make_plan(prepared, seed=seed, num_examples=count)


def test_a_mixture_whose_every_row_is_skipped_says_why(tmp_path):
    def nothing(row):
        """Asks nothing."""
        return Skip("too short")

    catalog = make_catalog(tmp_path, {"birds": 24}, normalize=nothing)
    found = prepare(Mixture(name="m"), catalog, source=SourceChoice())
    with pytest.raises(DeclarationError, match=r"every row was skipped \(birds: 20 too short\)"):
        make_plan(found, seed=0)


def test_rows_outside_the_plan_are_refused(prepared):
    with pytest.raises(IndexError, match="rows 79 to 81 of a plan of 80"):
        make_plan(prepared, seed=0).rows(79, 81)


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=30), st.integers(0, 10**9))
def test_largest_remainder_adds_up_and_is_near(rates, total):
    counts = largest_remainder(rates, total)
    assert sum(counts) == total
    whole = sum(rates)
    for count, rate in zip(counts, rates, strict=True):
        assert abs(count - total * rate / whole) < 1 + 1e-6 * total
