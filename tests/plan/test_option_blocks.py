"""How rows list their options: drawn by seed, one style a prompt, the same on every way."""

from collections import Counter

import numpy as np
import pytest

import flan_tasks as ft
from flan_tasks.core.errors import FlanTasksError
from flan_tasks.core.mixture import parse_mixture
from flan_tasks.core.option_styles import (
    BOTH,
    LABEL,
    PLAIN_STYLE,
    TEXT,
    VARIED,
    block_of,
    fits,
    option_styles,
)
from flan_tasks.core.template import FORWARD
from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.fitting import fit_rows
from flan_tasks.plan.option_blocks import style_orders
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import render_chunk, render_texts
from flan_tasks.vocabulary import open_vocabulary

VARIED_LABELS = Variation(option_style=VARIED, option_targets=LABEL)
CLASSES = ("nli", "commonsense", "coreference", "sentiment", "paraphrase", "misc")


def plan_of(name, variation, *, seed=0, split="train", count=None):
    found = prepare(
        catalog().mixture(name) if isinstance(name, str) else name,
        catalog(),
        source=SourceChoice("samples"),
        split=split,
        variation=variation,
    )
    return make_plan(found, seed=seed, num_examples=count)


def rows_of(name, variation, **changes):
    plan = plan_of(name, variation, **changes)
    return render_chunk(plan, plan.rows(0, len(plan)))


def test_orders_of_styles_are_permutations_and_differ_by_example_and_epoch():
    keys = np.arange(400, dtype=np.uint64)
    orders = style_orders(30, seed=1, dataset="rte", keys=keys, epochs=np.zeros(400, np.int64))
    assert (np.sort(orders, axis=1) == np.arange(30)).all()
    counts = Counter(orders[:, 0].tolist())
    assert len(counts) == 30 and max(counts.values()) < 40
    again = style_orders(30, seed=1, dataset="rte", keys=keys, epochs=np.ones(400, np.int64))
    assert (orders[:, 0] != again[:, 0]).mean() > 0.8


@pytest.mark.parametrize("name", CLASSES)
def test_every_target_is_one_of_the_allowed_answers_of_its_block(name):
    for row in rows_of(name, VARIED_LABELS):
        if row.block is None:
            assert row.choices == row.example.options
            continue
        assert row.block.text in row.inputs
        assert fits(row.block.style, row.example.options)
        if row.template.kind != FORWARD:
            assert not option_styles()[row.block.style].asks
            continue
        assert row.choices.count(row.targets) == 1
        place = row.choices.index(row.targets)
        assert row.example.options[place] == row.example.answer == row.gold.answer
        assert row.gold.targets == row.choices
        by_label = row.template.is_answered_by_label and row.block.labels
        assert (row.targets != row.example.answer) == bool(by_label)


@pytest.mark.parametrize("how", [TEXT, LABEL, BOTH])
def test_texts_alone_are_those_of_rows(how):
    for order in ("fixed", "shuffled"):
        variation = Variation(option_style=VARIED, option_targets=how, option_order=order)
        plan = plan_of("all", variation, count=600)
        rows = plan.rows(0, len(plan))
        texts = render_texts(plan, rows)
        built = render_chunk(plan, rows)
        assert texts.inputs == [row.inputs for row in built]
        assert texts.targets == [row.targets for row in built]


def test_an_order_changes_the_block_and_neither_the_style_nor_what_is_right():
    fixed = rows_of("sentiment", VARIED_LABELS)
    variation = Variation(option_style=VARIED, option_targets=LABEL, option_order="shuffled")
    for one, other in zip(fixed, rows_of("sentiment", variation), strict=True):
        assert (one.block and one.block.style) == (other.block and other.block.style)
        assert sorted(one.example.options) == sorted(other.example.options)


def test_the_plain_style_changes_nothing():
    plain = rows_of("nli", Variation())
    for how in (LABEL, BOTH):
        asked = rows_of("nli", Variation(option_targets=how))
        assert [(r.inputs, r.targets, r.about) for r in plain] == [
            (r.inputs, r.targets, r.about) for r in asked
        ]


def test_one_style_is_taken_where_it_fits_and_the_plain_one_elsewhere():
    for row in rows_of("hellaswag", Variation(option_style="just_asked")):
        if row.block is not None:
            assert row.block.style == PLAIN_STYLE  # sentences do not stand in a question
    styles = {
        row.block.style for row in rows_of("snli", Variation(option_style="slashes")) if row.block
    }
    assert styles == {"slashes"}


def test_exemplars_list_options_as_their_query_does():
    seen = Counter()
    for row in rows_of("arc", Variation(option_style=VARIED, option_targets=LABEL, shots=2)):
        if row.block is None or not row.num_shots:
            continue
        style = option_styles()[row.block.style]
        seen[style.id] += 1
        *solved, query = row.inputs.split("\n\n#####\n\n")
        head = style.text.partition("{items}")[0].strip()
        assert row.block.text in query
        assert all(head in one for one in solved)
        if style.labels and row.template.is_answered_by_label:
            targets = {style.answer.replace("{label}", one) for one in style.labels_of(9)}
            assert {one.rpartition("=>\n")[2] for one in solved} <= targets
    assert len(seen) > 3


def test_a_shortened_prompt_keeps_its_block():
    budget = Budget(open_vocabulary("bytes"), 330)
    fitted = fit_rows(rows_of("imdb_reviews", VARIED_LABELS), budget)
    short = [row for row in fitted if row is not None and row.shortened and row.block]
    assert short
    assert all(row.block.text in row.inputs for row in short)


def test_rows_of_python_are_those_of_the_plan():
    view = ft.rows("rte", source="samples", option_style=VARIED, option_targets=LABEL)
    built = rows_of("rte", VARIED_LABELS)
    assert [(r["inputs"], r["targets"]) for r in view] == [(r.inputs, r.targets) for r in built]
    assert [r["options"] for r in view] == ["\n".join(r.choices) for r in built]


PARTS = """
option_style = "varied"

[parts.one]
include = ["rte"]
option_targets = "label"

[parts.two]
include = ["cb"]
option_style = "plain"

[parts.three]
include = ["wnli"]
prompt_types = ["zs_opt", "zs_noopt"]
"""


def test_parts_and_their_mixture_say_how_options_are_listed():
    mixture = parse_mixture(PARTS, name="mine", path="mine.toml")
    plan = plan_of(mixture, Variation(), count=60)
    said = {
        item.part: (item.variation.option_style, item.variation.option_targets)
        for item in plan.ingredients
    }
    assert said == {
        "one": (VARIED, LABEL),
        "two": (PLAIN_STYLE, TEXT),
        "three/zs_opt": (VARIED, TEXT),
        "three/zs_noopt": (VARIED, TEXT),
    }
    rows = render_chunk(plan, plan.rows(0, len(plan)))
    assert not any(row.block for row in rows if row.part in ("two", "three/zs_noopt"))
    assert len({row.block.style for row in rows if row.block}) > 5
    texts = render_texts(plan, plan.rows(0, len(plan)))
    assert texts.inputs == [row.inputs for row in rows]


@pytest.mark.parametrize(
    "text",
    ['option_style = "vareid"', 'include = ["rte"]\noption_targets = "letter"'],
)
def test_unknown_styles_and_targets_are_refused_with_the_nearest(text):
    with pytest.raises(FlanTasksError, match="unknown option_(style|targets)"):
        parse_mixture(text, name="mine", path="mine.toml")


def test_an_unknown_style_names_what_is_near():
    with pytest.raises(FlanTasksError, match="letters_with_period"):
        Variation(option_style="letters_with_perod")


def test_blocks_are_made_of_the_options_in_their_order():
    block = block_of("capitals_with_period", ("no", "yes"), LABEL)
    assert block.text.endswith("A. no\nB. yes")
    assert (block.choice("no"), block.choice("yes")) == ("A", "B")
