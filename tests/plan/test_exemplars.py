"""Exemplars: never the query, always the same ones, as many as fit."""

import json
import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from conftest import make_catalog

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.joints import SEPARATOR, join_exemplars
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.render import render
from flan_tasks.core.variation import Variation
from flan_tasks.engine import run_local
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.exemplars import Budget, Queries, choose_exemplars, option_orders
from flan_tasks.plan.plan import Draw, make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import render_chunk, render_task, render_texts
from flan_tasks.vocabulary import open_vocabulary

VOCABULARY = open_vocabulary("bytes")
SHOTS = 4


def prepared(folder, sizes=None, *, split="train", mixture=None, toys=None, **changes):
    catalog = toys or make_catalog(folder, sizes or {"birds": 44})
    return prepare(
        mixture or Mixture(name="m"),
        catalog,
        source=SourceChoice(),
        split=split,
        variation=Variation(**({"shots": SHOTS} | changes)),
    )


def queries(item, numbers, epochs=None):
    numbers = np.asarray(numbers)
    return Queries(
        item.dataset.name,
        item.examples.take(numbers),
        item.examples.key_hashes[numbers],
        np.zeros(len(numbers), np.int64) if epochs is None else np.asarray(epochs),
    )


def rows_of(plan, budget=None):
    return render_chunk(plan, plan.rows(0, len(plan)), budget=budget)


def animals(prompt):
    """The exemplars' and the query's animals of a prompt of the toy's forward templates."""
    parts = prompt.split(f"\n\n{SEPARATOR}\n\n")
    return [part.split("animal number ")[1].split()[0].rstrip("?") for part in parts]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_query_is_never_among_its_exemplars(tmp_path, split):
    plan = make_plan(prepared(tmp_path, split=split, kinds=("forward",)), seed=0)
    for row in rows_of(plan):
        *shown, query = animals(row.inputs)
        assert len(shown) == row.num_shots == SHOTS
        assert len(set(shown)) == SHOTS
        if split != "test":  # the toy's test rows have the names of the first of train
            assert query not in shown


def test_duplicates_of_the_query_and_rows_that_share_its_text_are_left_out(tmp_path):
    text = "the animal that everybody saw last night near the bridge"
    toys = make_catalog(tmp_path, {"birds": 24})
    path = tmp_path / "birds" / "train.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for number in range(12):
        animal = (text, text.upper() + "!", text.replace(" ", ", "))[number % 3]
        rows[number]["animal"] = animal
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    item = prepared(tmp_path, toys=toys).ingredients[0]
    every = queries(item, range(item.available))
    found = choose_exemplars(item.exemplars, every, shots=SHOTS, seed=0)
    repeated = 0
    for query, chosen in zip(every.examples, found, strict=True):
        shown = [example.fields["animal"].casefold() for _, example in chosen]
        copies = sum("everybody" in one for one in shown)
        repeated += copies
        is_copy = "everybody" in query.fields["animal"].casefold()
        assert copies <= (0 if is_copy else 1)
    assert repeated > 0


def test_classes_take_turns(tmp_path):
    item = prepared(tmp_path).ingredients[0]
    every = queries(item, range(item.available))
    for chosen in choose_exemplars(item.exemplars, every, shots=4, seed=0):
        assert Counter(example.answer for _, example in chosen) == {"yes": 2, "no": 2}
    odd = [
        Counter(example.answer for _, example in chosen)["yes"]
        for chosen in choose_exemplars(item.exemplars, every, shots=3, seed=0)
    ]
    assert set(odd) == {1, 2}


def test_every_training_example_has_its_turn_as_an_exemplar(tmp_path):
    item = prepared(tmp_path).ingredients[0]
    every = queries(item, range(item.available))
    seen = Counter(
        number
        for chosen in choose_exemplars(item.exemplars, every, shots=4, seed=0)
        for number, _ in chosen
    )
    assert set(seen) == set(range(item.available))


def test_exemplars_depend_on_seed_query_and_epoch_alone(tmp_path):
    item = prepared(tmp_path).ingredients[0]

    def chosen(numbers, seed=0, epochs=None):
        found = choose_exemplars(item.exemplars, queries(item, numbers, epochs), shots=4, seed=seed)
        return [[number for number, _ in one] for one in found]

    together = chosen(range(20))
    assert together == [chosen([number])[0] for number in range(20)]
    assert together == list(reversed(chosen(list(reversed(range(20))))))
    assert together != chosen(range(20), seed=1)
    assert together != chosen(range(20), epochs=[1] * 20)


def test_one_that_must_be_looked_for_far_is_the_same_alone_and_together(tmp_path):
    toys = make_catalog(tmp_path, {"birds": 64})
    path = tmp_path / "birds" / "train.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for number in range(50):  # most are one example
        rows[number]["animal"] = "one and the same"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    item = prepared(tmp_path, toys=toys).ingredients[0]
    every = queries(item, range(item.available))
    together = choose_exemplars(item.exemplars, every, shots=8, seed=0)
    for number, chosen in enumerate(together):
        (alone,) = choose_exemplars(item.exemplars, queries(item, [number]), shots=8, seed=0)
        assert [n for n, _ in alone] == [n for n, _ in chosen]
        texts = [example.fields["animal"] for _, example in chosen]
        assert len(set(texts)) == len(texts)
    assert max(map(len, together)) == 8


def test_exemplars_use_the_querys_template_and_direction(tmp_path):
    found = prepared(tmp_path)
    item = found.ingredients[0]
    plan = make_plan(found, seed=0)
    rows = plan.rows(0, len(plan))
    built = rows_of(plan)
    assert {row.template.kind for row in built} == {"forward", "inverted"}
    for place, row in enumerate(built):
        one = queries(item, rows.example[[place]], rows.epoch[[place]])
        (chosen,) = choose_exemplars(item.exemplars, one, shots=SHOTS, seed=0)
        filled = [render(row.template, example) for _, example in chosen]
        query = render(row.template, row.example)
        expected = join_exemplars(filled, query.inputs)
        assert row.inputs == expected and row.targets == query.targets


@pytest.mark.parametrize("length", [40, 90, 120, 170, 1000])
def test_the_budget_is_kept_and_counted(tmp_path, length):
    plan = make_plan(prepared(tmp_path), seed=0)
    whole = rows_of(plan)
    for row, full in zip(rows_of(plan, Budget(VOCABULARY, length)), whole, strict=True):
        size = len(VOCABULARY.encode([row.inputs])[0]) + 1
        if row.num_shots:
            assert size <= length
        assert row.num_shots == row.inputs.count(SEPARATOR)
        assert full.num_shots == SHOTS
        if length == 1000:
            assert row.inputs == full.inputs


def test_tokens_of_the_whole_may_be_more_than_those_of_its_parts(tmp_path):
    class Dear(type(VOCABULARY)):
        """Texts cost one token more for each line end but the last three."""

        def _lists(self, texts):
            found = super()._lists(texts)
            ends = [max(0, text.count("\n") - 3) for text in texts]
            return [[*ids, *[3] * more] for ids, more in zip(found, ends, strict=True)]

    plan = make_plan(prepared(tmp_path), seed=0)
    budget = Budget(Dear(), 130)
    rows = rows_of(plan, budget)
    assert {row.num_shots for row in rows} - {0, SHOTS}
    for row in rows:
        assert not row.num_shots or budget.sizes([row.inputs])[0] + 1 <= 130


def test_texts_alone_are_those_with_examples(tmp_path):
    plan = make_plan(prepared(tmp_path, option_order="shuffled"), seed=0)
    rows = plan.rows(0, len(plan))
    budget = Budget(VOCABULARY, 200)
    chunk, found = render_chunk(plan, rows, budget=budget), render_texts(plan, rows, budget=budget)
    assert found.inputs == [row.inputs for row in chunk]
    assert found.targets == [row.targets for row in chunk]
    assert found.num_shots.tolist() == [row.num_shots for row in chunk]


def test_evaluation_takes_exemplars_from_train(tmp_path):
    found = prepared(tmp_path, split="test", kinds=("forward",))
    (item,) = found.ingredients
    assert all(
        e.key.startswith("train:")
        for chosen in choose_exemplars(item.exemplars, queries(item, range(6)), shots=4, seed=0)
        for _, e in chosen
    )


def test_a_dataset_without_train_rows_has_no_exemplars():
    from flan_tasks.datasets import catalog

    with pytest.raises(DeclarationError, match="wsc273: it has no train split"):
        prepare(
            catalog().mixture("wsc273"),
            catalog(),
            source=SourceChoice("samples"),
            split="test",
            variation=Variation(shots=1),
        )
    (item,) = prepare(
        catalog().mixture("mnli_mismatched"),
        catalog(),
        source=SourceChoice("samples"),
        split="test",
        variation=Variation(shots=1),
    ).ingredients
    assert "mnli_matched-train" in item.exemplars.examples.path.name


def test_embedded_rows_of_every_dataset_get_exemplars():
    from flan_tasks.datasets import catalog

    mixture = replace(catalog().mixture("all"), exclude=("wsc273",))
    for split in ("train", "test"):
        found = prepare(
            mixture,
            catalog(),
            source=SourceChoice("samples"),
            split=split,
            variation=Variation(shots=2),
        )
        for item in found.ingredients:
            draw = Draw(*(np.zeros(1, np.int64) for _ in range(3)))
            (row,) = render_task(item, draw, seed=0)
            assert row.num_shots == 2, (item.dataset.name, split)


def test_workers_get_no_example_with_the_plan(tmp_path):
    item = prepared(tmp_path).ingredients[0]
    before = choose_exemplars(item.exemplars, queries(item, range(5)), shots=4, seed=0)
    sent = pickle.dumps(item.exemplars)
    assert b"animal number" not in sent and len(sent) < 2000
    after = choose_exemplars(pickle.loads(sent), queries(item, range(5)), shots=4, seed=0)
    assert [[n for n, _ in one] for one in before] == [[n for n, _ in one] for one in after]


def settings(form="jsonl", length=160, shards=2):
    lengths = {"inputs": length, "targets": 16}
    return BuildSettings(form, "train", "inputs-targets", lengths, VOCABULARY, shards)


def read(folder):
    return [
        json.loads(line)
        for path in sorted(folder.glob("data/*.jsonl"))
        for line in path.read_text().splitlines()
    ]


def test_a_build_records_and_counts_its_exemplars(tmp_path):
    found = prepared(tmp_path, templates=("plain",), options=False)
    plan = make_plan(found, seed=0)
    manifest = run_local.build(found, plan, settings(), tmp_path / "out").manifest
    rows = read(tmp_path / "out")
    counts = Counter(str(row["num_shots"]) for row in rows)
    assert manifest["tasks"][0]["num_shots"] == dict(counts)
    assert manifest["variation"] == {
        "shots": SHOTS,
        "options": False,
        "option_order": "fixed",
        "templates": ["plain"],
        "kinds": None,
        "num_templates": None,
        "instructions": "full",
        "option_style": "plain",
        "option_targets": "text",
    }
    assert " --shots 4 --options off --templates plain " in manifest["command"]
    card = (tmp_path / "out" / "README.md").read_text()
    assert "Up to 4 exemplars stand before each query, as many as fit into 160 tokens" in card


def test_packed_builds_count_their_exemplars_too(tmp_path):
    found = prepared(tmp_path)
    plan = make_plan(found, seed=0)
    told = []
    for form in ("jsonl", "arrays"):
        made = run_local.build(found, plan, settings(form), tmp_path / form).manifest
        told.append(made["tasks"][0]["num_shots"])
    assert told[0] == told[1] and sum(told[0].values()) == len(plan)


def test_exemplars_do_not_depend_on_shards(tmp_path):
    found = prepared(tmp_path)
    plan = make_plan(found, seed=0)
    for shards in (1, 5):
        out = tmp_path / str(shards)
        run_local.build(found, plan, settings(shards=shards), out)
    assert read(tmp_path / "1") == read(tmp_path / "5")


def test_another_variation_is_another_build(tmp_path):
    digests = set()
    for number, changes in enumerate(
        [{}, {"shots": 3}, {"options": False}, {"option_order": "shuffled"}]
    ):
        found = prepared(tmp_path, **changes)
        made = run_local.build(found, make_plan(found, seed=0), settings(), tmp_path / str(number))
        digests.add(made.manifest["digest"])
    assert len(digests) == 4


def test_exemplars_need_a_vocabulary_to_be_fitted(tmp_path):
    found = prepared(tmp_path)
    without = replace(settings(), vocabulary=None)
    with pytest.raises(DeclarationError, match="fitted to a number of tokens"):
        run_local.build(found, make_plan(found, seed=0), without, tmp_path / "out")


def test_option_orders_are_drawn_for_each_key_and_epoch():
    sizes = np.asarray([3] * 300 + [0, 2])
    keys = np.arange(302, dtype=np.uint64)
    zero, one = np.zeros(302, np.int64), np.ones(302, np.int64)

    def orders(epochs, seed=0):
        return option_orders(sizes, seed=seed, dataset="birds", keys=keys, epochs=epochs)

    found = orders(zero)
    assert all(sorted(order) == list(range(n)) for order, n in zip(found, sizes, strict=True))
    counts = Counter(tuple(order) for order in found[:300])
    assert len(counts) == 6 and max(counts.values()) < 80
    assert found != orders(one) and found != orders(zero, seed=1)
    alone = option_orders(sizes[7:8], seed=0, dataset="birds", keys=keys[7:8], epochs=zero[7:8])
    assert alone == [found[7]]


def test_shuffled_options_are_shown_and_recorded_in_one_order(tmp_path):
    found = prepared(tmp_path, shots=0, option_order="shuffled", templates=("plain",))
    seen = Counter()
    for row in rows_of(make_plan(found, seed=0)):
        shown = tuple(line[2:] for line in row.inputs.splitlines() if line.startswith("- "))
        assert shown == row.example.options
        seen[shown] += 1
    assert set(seen) == {("yes", "no"), ("no", "yes")}


def test_examples_that_hold_the_separator_are_left_out_and_counted(tmp_path):
    toys = make_catalog(tmp_path, {"birds": 24})
    path = tmp_path / "birds" / "train.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[3]["animal"] = f"one {SEPARATOR} two"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    plain = prepared(tmp_path, toys=toys, shots=0).ingredients[0]
    joined = prepared(tmp_path, toys=toys).ingredients[0]
    assert len(plain.examples) - len(joined.examples) == 1
    assert joined.examples.skipped == {"holds #####, the mark between exemplars": 1}
    assert not joined.examples.holding(SEPARATOR).size
    assert plain.examples.holding(SEPARATOR).size == 1
    assert plain.examples.holding("no such text").tolist() == []


@pytest.mark.parametrize("look", ["\uff03" * 5, "##\uff03\ufe5f#"])
def test_what_t5_reads_as_the_separator_is_left_out_as_well(tmp_path, look):
    toys = make_catalog(tmp_path, {"birds": 24})
    path = tmp_path / "birds" / "train.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[3]["animal"] = f"one {look} two"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    item = prepared(tmp_path, toys=toys).ingredients[0]
    assert sum(item.examples.skipped.values()) == 1


def test_a_template_that_holds_the_separator_is_refused_with_shots(tmp_path):
    toys = make_catalog(tmp_path, {"birds": 24})
    name = tmp_path / "birds.toml"
    name.write_text(
        name.read_text().replace('targets = "{answer}"', 'targets = "##### {answer}"', 1)
    )
    again = Catalog()
    again.add(toys["birds"], cluster="animals", templates=name)
    with pytest.raises(DeclarationError, match='template "plain" holds #####'):
        prepared(tmp_path, toys=again)
    assert prepared(tmp_path, toys=again, shots=0).ingredients
