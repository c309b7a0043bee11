"""What becomes of texts is counted by task, the same whatever the format, and warned of."""

import json

import pytest
from conftest import make_catalog

from flan_tasks.core.mixture import Mixture
from flan_tasks.engine.card import make_card
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import rendered_rows
from flan_tasks.vocabulary import open_vocabulary
from flan_tasks.vocabulary.text_counts import text_lines, text_table, text_warnings, warning_lines

pytest.importorskip("tokenizers")

from toy_tokenizers import byte_level, sentencepiece_model, written  # noqa: E402

T5 = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
# Unknown to the toy models, text of control tokens, or too long for forty tokens.
ANIMALS = ("heron", "語", "fish </s> {x}", "<extra_id_0> eel", "long " * 30)
FORMATS = ("jsonl", "tfrecord", "arrays", "seqio-cache")


@pytest.fixture
def prepared(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 30, "fish": 6})
    rows = [{"animal": ANIMALS[n % len(ANIMALS)] + f" {n}", "bird": n % 2} for n in range(30)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "birds" / "train.jsonl").write_text(text)
    return prepare(Mixture(name="m"), catalog, source=SourceChoice())


@pytest.fixture
def model(tmp_path):
    return open_vocabulary(str(sentencepiece_model(tmp_path / "m.model", **T5)))


def run(prepared, folder, form, vocabulary, **changes):
    plan = make_plan(prepared, seed=0, grouped=form == "seqio-cache")
    lengths = {"inputs": 55, "targets": 8}
    settings = BuildSettings(form, "train", "inputs-targets", lengths, vocabulary, **changes)
    return plan, build(prepared, plan, settings, folder).manifest


def counted(plan, vocabulary, name):
    """The counts of a task, text by text."""
    rows = [r for chunk in rendered_rows(plan, 0, len(plan)) for r in chunk]
    found = {}
    for part in ("inputs", "targets"):
        texts = [getattr(row, part) for row in rows if row.dataset.name == name]
        ids = [vocabulary.encode([text])[0].tolist() for text in texts]
        lost = [one.count(vocabulary.unk_id) for one in ids]
        nothing = {vocabulary.unk_id, vocabulary.blank_id}
        found[part] = {
            "tokens": sum(map(len, ids)),
            "over_length": sum(len(one) + 1 > {"inputs": 55, "targets": 8}[part] for one in ids),
            "unknown": sum(lost),
            "with_unknown": sum(map(bool, lost)),
            "only_unknown": sum(
                n > 0 and {*one} <= nothing for n, one in zip(lost, ids, strict=True)
            ),
            "control_tokens": sum(t.count("</s>") + t.count("<extra_id_0>") for t in texts),
        }
    return found


@pytest.mark.parametrize("form", FORMATS)
def test_counts_are_those_of_the_texts_one_by_one(prepared, model, tmp_path, form):
    plan, manifest = run(prepared, tmp_path / "out", form, model, num_shards=2)
    for task in manifest["tasks"]:
        assert task["texts"] == counted(plan, model, task["name"])
    birds = manifest["tasks"][0]["texts"]["inputs"]
    assert min(birds["over_length"], birds["unknown"], birds["control_tokens"]) > 0
    assert manifest["unknown"] == {
        part: sum(task["texts"][part]["unknown"] for task in manifest["tasks"])
        for part in ("inputs", "targets")
    }


@pytest.mark.parametrize("form", ["jsonl", "arrays"])
def test_counts_do_not_depend_on_shards_or_on_what_was_there(prepared, model, tmp_path, form):
    _, one = run(prepared, tmp_path / "one", form, model, num_shards=1)
    _, many = run(prepared, tmp_path / "many", form, model, num_shards=5)
    for name in ("unknown", "control_tokens_written", "warnings"):
        assert one[name] == many[name]
    assert [t["texts"] for t in one["tasks"]] == [t["texts"] for t in many["tasks"]]


def test_card_and_manifest_say_what_is_lost(prepared, model, tmp_path):
    _, manifest = run(prepared, tmp_path / "out", "arrays", model)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    unknown = manifest["unknown"]
    assert f"Unknown pieces: {unknown['inputs']:,} in inputs, {unknown['targets']:,} in" in card
    assert "had their longest field shortened, being longer than 55 tokens" in card
    assert "Fields shortened to make prompts fit 55 tokens: birds.animal " in card
    assert "| birds | inputs |" in card
    for line in manifest["warnings"]:
        assert line.split(" (")[0] in card


def test_builds_of_before_have_no_counts_and_still_have_a_card(prepared, model, tmp_path):
    _, manifest = run(prepared, tmp_path / "out", "arrays", model)
    for name in ("unknown", "control_tokens", "control_tokens_written", "warnings", "bos_id"):
        del manifest[name]
    for task in manifest["tasks"]:
        del task["texts"]
    assert "Unknown" not in make_card(manifest)
    assert text_lines(manifest) == [] == text_table(manifest)


def counts(**changes):
    one = {"tokens": 1000, "over_length": 0, "unknown": 0, "with_unknown": 0, "only_unknown": 0}
    return {**one, "control_tokens": 0, **changes}


@pytest.mark.parametrize(
    ("inputs", "targets", "lines"),
    [
        ({}, {}, []),
        ({"unknown": 10, "with_unknown": 9}, {}, []),
        (
            {"unknown": 11, "with_unknown": 9},
            {},
            ["t: 11 of 1,000 ids of its inputs (1.1%) stand for what t5 does not know, in 9 of "
             "100 examples"],
        ),
        ({"unknown": 1, "with_unknown": 1, "only_unknown": 1}, {}, []),
        (
            {},
            {"unknown": 1, "with_unknown": 1, "only_unknown": 1},
            ["t: 1 of 1,000 ids of its targets (0.1%) stand for what t5 does not know, in 1 of "
             "100 examples; 1 target is nothing else"],
        ),
        ({"over_length": 5}, {}, []),
        (
            {"over_length": 6},
            {"over_length": 100},
            ["t: 6 of 100 inputs (6.0%) lost their end, being longer than 64 tokens",
             "t: 100 of 100 targets (100.0%) lost their end, being longer than 8 tokens"],
        ),
    ],
)  # fmt: skip
def test_warnings_begin_above_their_shares(inputs, targets, lines):
    tasks = {"t": {"inputs": counts(**inputs), "targets": counts(**targets)}}
    about = {"vocabulary": "t5", "control_tokens": None, "lengths": {"inputs": 64, "targets": 8}}
    assert warning_lines(text_warnings(tasks, {"t": 100}, trims=True, **about)) == lines
    kept = [line for line in lines if "lost their end" not in line]
    assert warning_lines(text_warnings(tasks, {"t": 100}, trims=False, **about)) == kept


def test_warnings_of_a_family_are_a_line_for_each_matter():
    few, many = {"over_length": 6}, {"over_length": 9, "unknown": 11, "with_unknown": 9}
    names = [f"toys:task{number}" for number in range(5)]
    tasks = {name: {"inputs": counts(**few), "targets": counts()} for name in names[:4]}
    tasks |= {name: {"inputs": counts(**many), "targets": counts()} for name in (names[4], "own")}
    about = {"vocabulary": "t5", "control_tokens": None, "lengths": {"inputs": 64, "targets": 8}}
    warnings = text_warnings(tasks, dict.fromkeys(tasks, 100), trims=True, **about)
    assert warning_lines(warnings) == [
        "toys, 5 tasks: over 5% of inputs lost their end, being longer than 64 tokens: task0, "
        "task1, task2 and 2 more; manifest.json has a line for each",
        *(
            f"{name}: 11 of 1,000 ids of its inputs (1.1%) stand for what t5 does not know, in 9 "
            "of 100 examples"
            for name in ("toys:task4", "own")
        ),
        "own: 9 of 100 inputs (9.0%) lost their end, being longer than 64 tokens",
    ]
    assert [one.task for one in warnings] == [*names[:4], names[4], names[4], "own", "own"]


def test_builds_that_end_or_read_texts_otherwise_are_others(prepared, tmp_path):
    folder = written(tmp_path / "tok", byte_level("</s>", "<pad>"))
    names = ("", ",eos=<pad>", ",control=special")
    manifests = []
    for number, name in enumerate(names):
        vocabulary = open_vocabulary(f"{folder}{name}")
        _, manifest = run(prepared, tmp_path / f"out{number}", "arrays", vocabulary)
        manifests.append(manifest)
        assert "--control-tokens " in manifest["command"]
    for name in ("digest", "vocabulary", "command"):
        assert len({manifest[name] for manifest in manifests}) == 3
    text, _, special = manifests
    assert (text["control_tokens"], special["control_tokens"]) == ("text", "special")
    assert text["control_tokens_written"] == special["control_tokens_written"] != {}
    assert text["tokens"] != special["tokens"]
    (line,) = (line for line in special["warnings"] if "control tokens" in line)
    assert "written in its texts, read as such" in line
