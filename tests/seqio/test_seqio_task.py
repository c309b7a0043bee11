"""SeqIO tasks and mixtures on the embedded rows, and on real ones where they are available."""

import json
import subprocess
import sys

import numpy as np
import pytest
import seqio
import tensorflow as tf
from conftest import ROOT

import flan_tasks as ft
from flan_tasks.core.variation import PLAIN, Variation
from flan_tasks.datasets import catalog
from flan_tasks.metrics.gold import Gold
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.fitting import fit_rows
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import rendered_rows
from flan_tasks.vocabulary import open_vocabulary

LENGTHS = {"inputs": 1024, "targets": 256}
SAMPLES = {"source": "samples", "vocab": "bytes"}
ABOUT = ("task", "dataset", "cluster", "template", "kind", "num_shots", "key", "gold")


def rows(dataset):
    return list(dataset.as_numpy_iterator())


def texts(found):
    return [(r["inputs_pretokenized"].decode(), r["targets_pretokenized"].decode()) for r in found]


def rte(**changes):
    return ft.task("rte", **(SAMPLES | changes))


def nli(**changes):
    return ft.mixture("nli", **(SAMPLES | changes))


def built(
    name, *, split="train", seed=0, num_examples=None, variation=PLAIN, length=LENGTHS["inputs"]
):
    """The texts of a build whose prompts are made to fit."""
    found = prepare(
        catalog().mixture(name),
        catalog(),
        source=SourceChoice("samples"),
        split=split,
        variation=variation,
    )
    plan = make_plan(found, seed=seed, num_examples=num_examples)
    budget = Budget(open_vocabulary("bytes"), length)
    chunks = rendered_rows(plan, 0, len(plan), budget=budget)
    fitted = [row for chunk in chunks for row in fit_rows(chunk, budget)]
    return [(row.inputs, row.targets) for row in fitted if row is not None]


@pytest.mark.parametrize("length", [300, 400])
def test_long_prompts_are_those_of_a_build(length):
    lengths = {"inputs": length, "targets": 64}
    task = ft.task("cb", **SAMPLES).get_dataset(lengths, "train", seed=3)
    wanted = built("cb", seed=3, length=length)
    assert sorted(texts(rows(task))) == sorted(wanted)
    whole = built("cb", seed=3, length=100_000)
    assert wanted != whole and len(wanted) <= len(whole)
    mixture = ft.mixture("cb", **SAMPLES)
    common = {"seed": 3, "num_epochs": 1}
    beside = rows(mixture.get_dataset(lengths, "train", copy_pretokenized=True, **common))
    assert texts(beside) == wanted
    alone = rows(mixture.get_dataset(lengths, "train", **common))
    assert [r["inputs"].tolist() for r in alone] == [r["inputs"].tolist() for r in beside]
    assert max(len(row["inputs"]) for row in alone) <= length


def test_a_stream_of_which_nothing_fits_ends_with_a_message():
    data = ft.mixture("nli", **SAMPLES).get_dataset({"inputs": 9, "targets": 9}, num_epochs=None)
    with pytest.raises(tf.errors.OpError, match="none of 1,024 prompts fits 9 tokens"):
        next(iter(data))


def test_text_of_a_task_equals_that_of_a_build():
    found = texts(rows(rte().get_dataset(LENGTHS, "train", seed=3)))
    assert sorted(found) == sorted(built("rte", seed=3))


def test_text_of_a_mixture_equals_that_of_a_build_in_the_same_order():
    data = nli().get_dataset(LENGTHS, "train", seed=3, num_epochs=1, copy_pretokenized=True)
    assert texts(rows(data)) == built("nli", seed=3)


def test_ids_are_the_vocabularys_closed_by_eos_and_cut():
    short = {"inputs": 60, "targets": 4}
    vocabulary = seqio.ByteVocabulary()
    for row in rows(rte().get_dataset(short, "train")):
        for name, length in short.items():
            text = row[f"{name}_pretokenized"].decode()
            wanted = [*vocabulary.encode(text)[: length - 1], vocabulary.eos_id]
            assert row[name].tolist() == wanted
            assert row[name].dtype == np.int32


def test_engine_cuts_and_closes_as_seqios_own_preprocessor_does():
    task, lengths = rte(), {"inputs": 4000, "targets": 4}
    raw = task.source.get_dataset("train", shuffle=False, seed=0)
    theirs = task.preprocess_postcache(raw, sequence_length=lengths)
    ours = task.get_dataset(lengths, "train", shuffle=False, seed=0)
    for a, b in zip(rows(theirs), rows(ours), strict=True):
        assert a["inputs"].tolist() == b["inputs"].tolist()
        assert a["targets"].tolist() == b["targets"].tolist()


def test_ids_equal_seqios_for_every_sample_row_and_template(t5_model):
    vocabulary = seqio.SentencePieceVocabulary(str(t5_model), extra_ids=100)
    for name in ("rte", "anli_r1", "cb", "qnli", "snli", "wnli", "mnli_matched"):
        task = ft.task(name, source="samples", vocab=t5_model)
        data = task.get_dataset(None, "train", num_epochs=12)
        seen = set()
        for row in rows(data):
            seen.add((row["key"], row["template"]))
            for part in ("inputs", "targets"):
                text = row[f"{part}_pretokenized"].decode()
                assert row[part].tolist() == [*vocabulary.encode(text), 1]
        assert len({template for _, template in seen}) == len(ft.templates(name))


def test_epochs_differ_in_templates_and_order():
    data = rte().get_dataset(LENGTHS, "train", num_epochs=2, seed=0)
    found = rows(data)
    half = len(found) // 2
    one, two = found[:half], found[half:]
    assert {r["key"] for r in one} == {r["key"] for r in two}
    assert [r["key"] for r in one] != [r["key"] for r in two]
    assert {(r["key"], r["template"]) for r in one} != {(r["key"], r["template"]) for r in two}


def test_seed_decides():
    def take(seed):
        return texts(rows(rte().get_dataset(LENGTHS, "train", seed=seed)))

    assert take(1) == take(1) != take(2)


def test_without_shuffle_rows_come_in_the_order_of_the_source():
    keys = [r["key"] for r in rows(rte().get_dataset(LENGTHS, "train", shuffle=False))]
    again = [r["key"] for r in rows(rte().get_dataset(LENGTHS, "train", shuffle=False, seed=5))]
    assert keys == again


@pytest.mark.parametrize("provider", [rte, nli])
@pytest.mark.parametrize("num_epochs", [1, 3])
def test_shards_share_no_row_and_leave_none_out(provider, num_epochs):
    def take(shard_info):
        data = provider().get_dataset(
            LENGTHS, "train", seed=0, num_epochs=num_epochs, shard_info=shard_info
        )
        return [row["inputs"].tolist() for row in rows(data)]

    whole = take(None)
    shards = [take(seqio.ShardInfo(index=i, num_shards=3)) for i in range(3)]
    assert sorted(sum(shards, [])) == sorted(whole)
    assert shards[1] == whole[1::3]


def test_endless_streams_begin_as_their_first_epoch():
    data = nli().get_dataset(LENGTHS, "train", seed=0, num_epochs=None)
    one = nli().get_dataset(LENGTHS, "train", seed=0, num_epochs=1)
    first = [row["inputs"].tolist() for row in rows(one)]
    found = [row["inputs"].tolist() for row in rows(data.take(len(first) + 5))]
    assert found[: len(first)] == first


def test_passthrough_features_are_handed_out():
    data = nli().get_dataset(
        LENGTHS, "train", num_epochs=1, passthrough_features=["template", "key"]
    )
    assert set(data.element_spec) == {"inputs", "targets", "template", "key"}
    with pytest.raises(ft.UnknownNameError, match='passthrough feature "temlate".*template'):
        nli().get_dataset(LENGTHS, "train", passthrough_features=["temlate"])


CONVERTERS = [
    (seqio.EncDecFeatureConverter, "encoder_input_tokens"),
    (seqio.PrefixLMFeatureConverter, "decoder_target_tokens"),
    (seqio.LMFeatureConverter, "decoder_target_tokens"),
]


@pytest.mark.parametrize(("converter", "feature"), CONVERTERS)
@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize("provider", [rte, nli])
def test_feature_converters_take_what_we_give(converter, feature, pack, provider):
    lengths = {"targets": 64} if converter is seqio.LMFeatureConverter else LENGTHS
    data = seqio.get_dataset(
        provider(), lengths, converter(pack=pack), shuffle=True, seed=0, num_epochs=1
    )
    found = rows(data)
    assert found and all(row[feature].any() for row in found)


def test_rank_tasks_give_every_option_once():
    task = rte(template=ft.templates("rte").of_kind("forward")[0].id, rank=True)
    found = rows(task.get_dataset(LENGTHS, "test", shuffle=False))
    assert len(found) == task.num_input_examples("test")
    by_key = {}
    for row in found:
        by_key.setdefault(row["key"], []).append(row)
    for group in by_key.values():
        assert [r["targets_pretokenized"].decode() for r in group] == ["yes", "no"]
        assert sum(bool(r["is_correct"]) for r in group) == 1
        assert len({r["inputs_pretokenized"] for r in group}) == 1


def test_evaluation_tasks_use_one_forward_template():
    template = ft.templates("rte").of_kind("forward")[2].id
    found = rows(rte(template=template).get_dataset(LENGTHS, "validation"))
    assert {row["template"].decode() for row in found} == {template}


def test_evaluation_splits_draw_forward_templates_only():
    found = rows(rte().get_dataset(LENGTHS, "test", num_epochs=8))
    assert {row["kind"] for row in found} == {b"forward"}


def test_options_can_be_left_out():
    found = texts(rows(rte(options=False).get_dataset(LENGTHS, "train", num_epochs=4)))
    assert not any("OPTIONS:" in inputs for inputs, _ in found)


VARIED = {"shots": 3, "option_order": "shuffled", "kinds": ("forward",)}


def varied(split):
    found = prepare(
        catalog().mixture("rte"),
        catalog(),
        source=SourceChoice("samples"),
        split=split,
        variation=Variation(**VARIED),
    )
    plan = make_plan(found, seed=3)
    budget = Budget(open_vocabulary("bytes"), LENGTHS["inputs"])
    return [
        (r.inputs, r.targets, r.num_shots)
        for chunk in rendered_rows(plan, 0, len(plan), budget=budget)
        for r in chunk
    ]


@pytest.mark.parametrize("split", ["train", "test"])
def test_varied_text_of_a_task_equals_that_of_a_build(split):
    found = rows(rte(**VARIED).get_dataset(LENGTHS, split, seed=3))
    shots = [int(row["num_shots"]) for row in found]
    both = [(*text, count) for text, count in zip(texts(found), shots, strict=True)]
    assert sorted(both) == sorted(varied(split))
    assert len(set(shots)) > 1  # some are dropped to keep the length


def test_varied_text_of_a_mixture_equals_that_of_a_build():
    mixture = ft.mixture("rte", **SAMPLES, **VARIED)
    data = mixture.get_dataset(LENGTHS, "train", seed=3, num_epochs=1, copy_pretokenized=True)
    assert texts(rows(data)) == [row[:2] for row in varied("train")]


def test_templates_of_a_mixture_are_named_by_dataset():
    ids = ft.templates("rte").ids[:2]
    mixture = nli(templates=[f"rte.{ids[0]}", f"rte.{ids[1]}"])
    data = mixture.get_dataset(
        LENGTHS, "train", num_epochs=4, passthrough_features=["task", "template"]
    )
    used = {}
    for row in rows(data):
        used.setdefault(row["task"].decode(), set()).add(row["template"].decode())
    assert used["flan:rte"] == set(ids)
    assert len(used["flan:cb"]) > 2
    with pytest.raises(ft.FlanTasksError, match="template of these datasets"):
        nli(templates=["rte.nope"])


CHANGES = [{"num_templates": 2}, {"instructions": "inputs_only"}, {"instructions": "dataset_name"}]


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("name", ["cb", "nli"])
def test_fewer_templates_and_no_instructions_are_those_of_a_build(name, changes):
    make = ft.task if name == "cb" else ft.mixture
    data = make(name, **SAMPLES, **changes).get_dataset(
        LENGTHS,
        "train",
        seed=3,
        num_epochs=1,
        **({} if name == "cb" else {"copy_pretokenized": True}),
    )
    wanted = built(name, seed=3, variation=Variation(**changes))
    assert sorted(texts(rows(data))) == sorted(wanted)
    assert wanted != built(name, seed=3)


def test_prompts_without_instruction_can_be_ranked():
    task = rte(instructions="inputs_only", rank=True)
    assert task.name == "flan:rte.inputs_only.rank"
    found = rows(task.get_dataset(LENGTHS, "validation", shuffle=False))
    options = [row["targets_pretokenized"].decode() for row in found[:2]]
    assert options == ["yes", "no"]
    assert {row["template"] for row in found} == {b"inputs_only"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"template": "nope"}, 'template of rte "nope"'),
        ({"rank": True}, "ranking needs one template"),
        ({"templates": []}, "templates is empty"),
        ({"num_templates": 0}, "num_templates is 0; want 1 or more"),
        ({"instructions": "none"}, 'has an unknown instructions "none"'),
        ({"template": "follows", "instructions": "inputs_only"}, "leave no templates to choose"),
    ],
)
def test_task_refuses(changes, message):
    with pytest.raises(ft.FlanTasksError, match=message):
        rte(**changes)


def evaluate(task, **model):
    evaluator = seqio.Evaluator(
        mixture_or_task_name=task.name,
        feature_converter=seqio.EncDecFeatureConverter(pack=False),
        eval_split="test",
        sequence_length=LENGTHS,
    )
    metrics, _ = evaluator.evaluate(compute_metrics=True, **model)
    found = metrics.result()[task.name] if hasattr(metrics, "result") else metrics[task.name]
    return {name: getattr(value, "value", value) for name, value in found.items()}


def golds(task):
    data = task.get_dataset(LENGTHS, "test", shuffle=False)
    return [Gold.from_json(row["gold"]) for row in rows(data)]


@pytest.mark.parametrize("right", [True, False])
def test_evaluator_scores_generation(right):
    name = f"my:rte_generation_{right}"
    task = rte(template=ft.templates("rte").of_kind("forward")[0].id, register_as=name)
    vocabulary = task.output_features["targets"].vocabulary
    wanted = [gold.answer if right else "perhaps" for gold in golds(task)]

    def predict(dataset):
        # As a model gives them: ids of one length, EOS and padding at the end.
        rows = [[*vocabulary.encode(text), vocabulary.eos_id] for text in wanted]
        return [(i, (row + [0] * 12)[:12]) for i, row in enumerate(rows)]

    scores = evaluate(task, predict_fn=predict)
    assert scores["accuracy"] == (100 if right else 0)


@pytest.mark.parametrize("right", [True, False])
def test_evaluator_scores_ranks(right):
    name = f"my:cb_rank_{right}"
    template = ft.templates("cb").of_kind("forward")[0].id
    task = ft.task("cb", template=template, rank=True, register_as=name, **SAMPLES)
    correct = [
        bool(r["is_correct"]) for r in rows(task.get_dataset(LENGTHS, "test", shuffle=False))
    ]

    def score(dataset):
        return [(i, -1.0 if c == right else -9.0) for i, c in enumerate(correct)]

    scores = evaluate(task, score_fn=score)
    assert scores["accuracy"] == (100 if right else 0)
    assert (scores["macro_f1"] > 0) is right


def test_a_cache_we_built_is_read_by_seqio(tmp_path):
    from flan_tasks.engine.run_local import build
    from flan_tasks.engine.shard import BuildSettings
    from flan_tasks.vocabulary import open_vocabulary

    found = prepare(catalog().mixture("nli"), catalog(), source=SourceChoice("samples"))
    settings = BuildSettings(
        format="seqio-cache",
        split="train",
        style="inputs-targets",
        lengths=LENGTHS,
        vocabulary=open_vocabulary("bytes"),
    )
    plan = make_plan(found, seed=0, grouped=True)
    build(found, plan, settings, tmp_path / "cache")
    with _cache(tmp_path / "cache"):
        task = rte()
        cached = rows(task.get_dataset(LENGTHS, "train", use_cached=True, shuffle=False))
        direct = rows(task.get_dataset(LENGTHS, "train", seed=0))
        assert sorted(r["key"] for r in cached) == sorted(r["key"] for r in direct)
        wanted = {r["key"]: r["inputs"].tolist() for r in direct}
        assert all(r["inputs"].tolist() == wanted[r["key"]] for r in cached)
        stats = task.get_cached_stats("train")
        assert stats["examples"] == len(cached)
        # The cache is enough: the source it was built from may be elsewhere.
        elsewhere = ft.mixture("nli", source="tfds", data_dir=tmp_path, vocab="bytes")
        mixed = elsewhere.get_dataset(LENGTHS, "train", use_cached=True, num_epochs=None, seed=0)
        assert len(rows(mixed.take(20))) == 20


class _cache:
    def __init__(self, folder):
        self._folder = folder

    def __enter__(self):
        self._before = seqio.utils.get_global_cache_dirs()
        seqio.set_global_cache_dirs([str(self._folder)])

    def __exit__(self, *error):
        seqio.set_global_cache_dirs(self._before)


def test_rates_are_those_of_the_build():
    mixture = nli()
    item = {i.dataset.name: i.rate for i in mixture.plan("train").ingredients}
    for task in mixture.tasks:
        assert mixture.get_rate(task) == item.get(task.source.dataset.name, 0.0)
    assert mixture.get_rate(mixture.tasks[0]) > 0


def test_a_users_mixture_of_ours_samples_our_tasks():
    task = rte(register_as="my:rte_for_mixing")
    mine = seqio.Mixture("my:mixed", [(task, seqio.mixing_rate_num_examples), (nli(), 1.0)])
    data = mine.get_dataset(LENGTHS, "train", num_epochs=None, seed=0)
    assert len(rows(data.take(30))) == 30


def test_a_replaced_task_is_a_plain_one_that_still_works():
    plain = rte().replace(name="my_plain")
    assert type(plain) is seqio.Task
    found = rows(plain.get_dataset(LENGTHS, "train", shuffle=False, num_epochs=2))
    assert found[0]["inputs"][-1] == 1


@pytest.mark.slow
def test_the_interpreter_ends_with_streams_still_open():
    code = """
import flan_tasks as ft
L = {"inputs": 256, "targets": 64}
open_ones = []
for _ in range(8):
    data = ft.task("rte", source="samples", vocab="bytes").get_dataset(L, "train", num_epochs=None)
    open_ones.append(iter(data))
    next(open_ones[-1])
print("done")
"""
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=900
    )
    assert (found.returncode, found.stdout.strip()) == (0, "done"), found.stderr[-2000:]


def test_gold_survives_the_way_through_tensorflow():
    row = rows(rte().get_dataset(LENGTHS, "train"))[0]
    assert json.loads(row["gold"])["key"] == row["key"].decode()
    assert isinstance(tf.constant(row["gold"]).numpy(), bytes)


@pytest.mark.parametrize("shots, answer", [(0, "yes ##### Next? => no"), (2, "yes")])
def test_predictions_end_at_the_separator_where_there_are_exemplars(shots, answer):
    task = rte(shots=shots, template=ft.templates("rte").ids[0])
    row = next(iter(task.get_dataset(LENGTHS | {"inputs": 4000}, "test").as_numpy_iterator()))
    assert int(row["num_shots"]) == shots
    assert task.postprocess_fn("yes ##### Next? => no", example=row, is_target=False) == answer
