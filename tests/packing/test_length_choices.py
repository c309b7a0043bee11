"""Lengths proposed from data: each choice counts what it cuts."""

import pytest
from conftest import make_catalog

from flan_tasks.core.mixture import Mixture
from flan_tasks.packing.length_choices import PERCENTILES, length_choices, proposed
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import render_texts
from flan_tasks.vocabulary import open_vocabulary


@pytest.fixture
def plan(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    return make_plan(prepare(Mixture(name="m"), catalog, source=SourceChoice()), seed=0)


@pytest.mark.parametrize("arch", ["encoder-decoder", "decoder"])
def test_each_choice_counts_what_it_cuts(plan, arch):
    texts = render_texts(plan, plan.rows(0, len(plan)))
    inputs, targets = texts.inputs, texts.targets
    for choice in length_choices(plan, open_vocabulary("bytes"), arch=arch):
        for part, texts in (("inputs", inputs), ("targets", targets)):
            whole = [len(text.encode()) + 1 for text in texts]
            limit = choice.lengths[part]
            assert choice.cut[part] == sum(n > limit for n in whole) / len(whole)
            assert choice.cut[part] <= 1 - choice.percentile / 100
            lost = sum(max(0, n - limit) for n in whole) / sum(whole)
            assert choice.lost[part] == pytest.approx(lost)
        assert 0 <= choice.packed_padding <= choice.unpacked_padding < 1
        assert choice.lengths.get("row") == (
            sum(choice.lengths[p] for p in ("inputs", "targets")) if arch == "decoder" else None
        )


def test_the_proposal_cuts_at_most_one_example_in_a_hundred(plan):
    choices = length_choices(plan, open_vocabulary("bytes"), arch="encoder-decoder")
    assert len({tuple(choice.lengths.values()) for choice in choices}) == len(choices)
    assert set(c.percentile for c in choices) <= set(PERCENTILES)
    assert max(proposed(choices).cut.values()) <= 0.01
