"""SeqIO tasks and mixtures list options as builds do, and score what stands for them."""

import numpy as np

import flan_tasks as ft
from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog
from flan_tasks.metrics.gold import Gold
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import render_chunk
from flan_tasks.seqio.evaluator_metrics import generation_metrics, postprocess, rank_metrics

LENGTHS = {"inputs": 2048, "targets": 256}
SAMPLES = {"source": "samples", "vocab": "bytes"}
STYLE = {"option_style": "varied", "option_targets": "label"}


def texts(dataset):
    return [
        (row["inputs_pretokenized"].decode(), row["targets_pretokenized"].decode())
        for row in dataset.as_numpy_iterator()
    ]


def built(name):
    found = prepare(
        catalog().mixture(name),
        catalog(),
        source=SourceChoice("samples"),
        split="train",
        variation=Variation(**STYLE),
    )
    plan = make_plan(found, seed=0)
    return [(row.inputs, row.targets) for row in render_chunk(plan, plan.rows(0, len(plan)))]


def test_tasks_and_mixtures_have_the_rows_of_a_build():
    task = ft.task("wnli", **SAMPLES, **STYLE)
    assert sorted(texts(task.get_dataset(LENGTHS, "train", seed=0))) == sorted(built("wnli"))
    mixture = ft.mixture("coreference", **SAMPLES, **STYLE)
    found = mixture.get_dataset(LENGTHS, "train", seed=0, num_epochs=1)
    vocabulary = mixture.output_features["inputs"].vocabulary
    inputs = [vocabulary.decode(row["inputs"].tolist()) for row in found.as_numpy_iterator()]
    assert inputs == [text for text, _ in built("coreference")]


def test_ranks_are_of_labels_and_scores_of_options():
    style = {"option_style": "numbers_in_parentheses", "option_targets": "label"}
    template = next(
        one.id
        for one in catalog().templates("cb").of_kind("forward")
        if one.is_answered_by_label and "options" in one.fields("inputs")
    )
    task = ft.task("cb", template=template, rank=True, **SAMPLES, **style)
    rows = list(task.get_dataset(LENGTHS, "validation", shuffle=False).as_numpy_iterator())
    assert {row["targets_pretokenized"].decode() for row in rows} == {"(1)", "(2)", "(3)"}
    targets = [postprocess(None, row, is_target=True) for row in rows]
    (accuracy, *_) = rank_metrics(["accuracy"])
    right = np.asarray([bool(row["is_correct"]) for row in rows], float)
    assert accuracy(targets, right) == {"accuracy": 100.0}
    assert accuracy(targets, -right)["accuracy"] < 100.0
    golds = [Gold.from_json(row["gold"]) for row in rows]
    written = [f"{gold.labels[gold.options.index(gold.answer)]}." for gold in golds]
    (by_text,) = generation_metrics(["accuracy"])
    assert by_text(golds, written) == {"accuracy": 100.0}
