"""Texts with hidden spans: nothing is lost, as much is hidden as T5 hides, each way as often."""

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_tokenizers import sentencepiece_model

import flan_tasks as ft
from flan_tasks.core.errors import DeclarationError, VocabularyError
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.mixture import Mixture
from flan_tasks.datasets import catalog
from flan_tasks.engine.from_spec import plan_rows, prepare_spec
from flan_tasks.packing.packed_rows import packed_shard
from flan_tasks.packing.span_corruption import Corruption, noise_of
from flan_tasks.plan.rows import render_texts
from flan_tasks.specs.build_spec import BuildSpec
from flan_tasks.vocabulary import Encoded, Vocabulary, open_vocabulary

GOLDEN = ROOT / "tests" / "golden" / "span_corruption.txt"
SENTINELS, EOS, FIRST = 100, 1, 200
T5 = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}


class Words(Vocabulary):
    """A number for each word, in the order they are met; sentinels count down as T5's do."""

    name, eos_id = "words", EOS

    def __init__(self, sentinels=SENTINELS):
        self.words = []
        self.sentinels = sentinels

    @property
    def size(self):
        return 1 << 15

    @property
    def controls(self):
        return {f"<extra_id_{n}>": FIRST - 1 - n for n in range(self.sentinels)}

    def _lists(self, texts):
        for word in (word for text in texts for word in text.split()):
            if word not in self.words:
                self.words.append(word)
        return [[FIRST + self.words.index(word) for word in text.split()] for text in texts]

    def decode(self, ids):
        return " ".join(self.pieces(ids))

    def pieces(self, ids):
        return [f"<{FIRST - 1 - n}>" if n < FIRST else self.words[n - FIRST] for n in ids]


def encoded(sizes):
    """Texts of so many different tokens each, closed by EOS."""
    ids = [[*range(FIRST, FIRST + size), EOS] for size in sizes]
    lengths = np.asarray([len(one) for one in ids], np.int64)
    none = np.zeros(len(ids), np.int64)
    return Encoded(np.concatenate(ids).astype(np.int32), lengths, lengths, none, none.astype(bool))


def split(side):
    return [one.tolist() for one in np.split(side.ids, np.cumsum(side.lengths)[:-1])]


def hidden(sizes, rows=None, seed=0, sentinels=SENTINELS):
    """Inputs and targets of texts, as lists."""
    corruption = Corruption(Words(sentinels), {"inputs": 512, "targets": 512})
    rows = np.arange(len(sizes)) if rows is None else np.asarray(rows)
    return list(zip(*map(split, corruption.hide(encoded(sizes), rows, seed)), strict=True))


def joined(inputs, targets, first=FIRST):
    """The text that inputs and targets are made of, each span in the place of its sentinel."""
    spans, text = {}, []
    for token in targets[:-1]:
        if token < first:
            spans[token] = []
        else:
            spans[next(reversed(spans))].append(token)
    for token in inputs[:-1]:
        text += spans.pop(token) if token < first else [token]
    assert not spans and inputs[-1] == targets[-1] == EOS
    return text


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(2, 900), min_size=1, max_size=8),
    st.integers(0, (1 << 63) - 1),
    st.integers(1, 100),
)
def test_inputs_and_targets_hold_the_text_between_them(sizes, seed, sentinels):
    for size, (inputs, targets) in zip(
        sizes, hidden(sizes, seed=seed, sentinels=sentinels), strict=True
    ):
        assert joined(inputs, targets) == list(range(FIRST, FIRST + size))
        marks = [token for token in inputs if EOS < token < FIRST]
        assert marks == [FIRST - 1 - n for n in range(len(marks))]
        assert [token for token in targets if EOS < token < FIRST] == marks
        # What is shown comes first, what is hidden last, and no span is empty.
        assert inputs[0] >= FIRST and inputs[-2] < FIRST and targets[-2] >= FIRST
        assert all(one >= FIRST or two >= FIRST for one, two in pairwise(targets[:-1]))
        noise, spans = (int(n[0]) for n in noise_of(np.asarray([size]), sentinels))
        assert (len(inputs), len(targets)) == (size - noise + spans + 1, noise + spans + 1)


def test_as_much_is_hidden_as_t5_hides():
    # Python rounds half to even, as TensorFlow does, and T5 with it.
    for size in range(2, 1500):
        noise = min(max(round(size * 15 / 100), 1), size - 1)
        spans = min(max(round(noise / 3), 1), SENTINELS)
        assert [int(n[0]) for n in noise_of(np.asarray([size]), SENTINELS)] == [noise, spans], size


def test_a_text_with_more_spans_than_sentinels_has_longer_spans():
    ((inputs, targets),) = hidden([900], sentinels=7)
    assert sum(EOS < token < FIRST for token in inputs) == 7
    assert sum(token >= FIRST for token in targets) == 135


def test_every_way_to_cut_is_as_likely():
    # 20 tokens: 3 hidden in 1 span; 17 before it and none behind: nothing to draw. 40: 6 in 2.
    count = 20_000
    shown, long = Counter(), Counter()
    for inputs, targets in hidden([40] * count):
        shown[inputs.index(FIRST - 1)] += 1
        long[targets.index(FIRST - 2) - 1] += 1
    # 33 places for the one cut outside, 5 for that inside; six standard errors.
    for counts, ways in ((shown, 33), (long, 5)):
        assert set(counts) == set(range(1, ways + 1))
        error = (count / ways * (1 - 1 / ways)) ** 0.5
        assert max(abs(number - count / ways) for number in counts.values()) < 6 * error


def test_spans_are_a_function_of_seed_and_row():
    one = hidden([60, 60, 60], [4, 5, 6], seed=3)
    assert hidden([60], [5], seed=3) == one[1:2]
    assert len({str(pair) for pair in one}) == 3
    assert hidden([60], [5], seed=4) != one[1:2]


@pytest.mark.parametrize(
    ("lengths", "tokens"),
    [
        # T5's own: random_spans_helper gives 568 tokens and 114 of targets for 512 of inputs.
        ((512, 114), 568),
        ((512, 512), 568),
        ((512, 113), 563),
        ((3, 3), 2),
        ((3, 2), 0),
        ((2, 9), 0),
    ],
)
def test_texts_are_as_long_as_fits(lengths, tokens):
    corruption = Corruption(Words(), dict(zip(("inputs", "targets"), lengths, strict=True)))
    assert corruption.text_length == tokens
    if tokens:
        sides = [len(side) for side in hidden([tokens])[0]]
        assert all(size <= length for size, length in zip(sides, lengths, strict=True))
        more = [len(side) for side in hidden([tokens + 1])[0]]
        assert any(size > length for size, length in zip(more, lengths, strict=True))


def test_a_vocabulary_without_sentinels_is_refused():
    with pytest.raises(VocabularyError, match=r"the vocabulary bytes has no sentinels.*t5 has 100"):
        Corruption(open_vocabulary("bytes"), {"inputs": 9, "targets": 9})


def test_sentinels_are_the_extra_ids_counting_down(tmp_path):
    vocabulary = open_vocabulary(str(sentencepiece_model(tmp_path / "m.model", **T5)))
    sentinels = Corruption(vocabulary, {"inputs": 9, "targets": 9}).sentinels.tolist()
    assert sentinels == [vocabulary.size - 1 - n for n in range(100)]


# What a build does with it.


def plan_of(*datasets, examples):
    spec = BuildSpec(
        mixture=Mixture(name="m", include=datasets),
        source="samples",
        format="arrays",
        objective="span_corruption",
        examples=examples,
    )
    return plan_rows(prepare_spec(spec, catalog()), spec)


def shard(plan, words, start, stop):
    lengths = {"inputs": 200, "targets": 60}
    return packed_shard(
        plan,
        start,
        stop,
        vocabulary=words,
        lengths=lengths,
        arch="encoder-decoder",
        corruption=Corruption(words, lengths),
    )


def test_a_shard_holds_each_text_once_and_is_the_same_alone():
    plan, words = plan_of("copa", "rte", examples=60), Words()
    packed = shard(plan, words, 0, 60)
    whole = dict(examples_of(packed.arrays))
    texts = render_texts(plan, plan.rows(0, 60)).inputs
    assert sorted(whole) == list(range(60)) and len(set(texts)) > 20
    for row, (inputs, targets) in whole.items():
        assert words.decode(joined(inputs, targets)) == " ".join(texts[row].split())
    assert packed.texts["inputs"].tokens.tolist() == [len(text.split()) for text in texts]
    later = {row: pair for row, pair in whole.items() if row >= 25}
    assert dict(examples_of(shard(plan, words, 25, 60).arrays)) == later


class Few(Words):
    """Texts of an even number of letters have one token."""

    def _lists(self, texts):
        whole = super()._lists(texts)
        return [ids[: 1 + 99 * (len(text) % 2)] for text, ids in zip(texts, whole, strict=True)]


def test_rows_with_nothing_to_hide_are_left_out_and_counted():
    plan = plan_of("copa", "sst2", examples=60)
    packed = shard(plan, Few(), 20, 60)
    texts = render_texts(plan, plan.rows(20, 60)).inputs
    left_out = [20 + place for place, text in enumerate(texts) if not len(text) % 2]
    assert 5 < len(left_out) < 35
    assert packed.fitting.facts(20) == {"left_out": left_out, "fitting": {}}
    assert sorted(dict(examples_of(packed.arrays))) == sorted({*range(20, 60)} - {*left_out})


def examples_of(arrays):
    for row, (first, last) in enumerate(pairwise(arrays["offsets"].tolist())):
        for segment, number in enumerate(arrays["examples"][first:last].tolist(), start=1):
            yield (
                number,
                tuple(
                    arrays[part][row][arrays[f"{part}_segment_ids"][row] == segment].tolist()
                    for part in ("inputs", "targets")
                ),
            )


def test_texts_hold_no_answer_and_are_read_aloud(request):
    plan = plan_of("rte", "trec", "common_gen", examples=12)
    rows = plan.rows(0, 12)
    texts = render_texts(plan, rows).inputs
    words = Words()
    inputs, targets = Corruption(words, {"inputs": 512, "targets": 114}).hide(
        words.encode_flat(texts), np.arange(12), 0
    )
    pages = ["Texts with hidden spans, words for tokens; <0> is the first sentinel."]
    for task, text, one, other in zip(
        rows.task.tolist(), texts, split(inputs), split(targets), strict=True
    ):
        name = plan.ingredients[task].name
        assert "OPTIONS" not in text
        pages.append(
            f"===== {name}\n{words.decode(one[:-1])}\n----- targets\n{words.decode(other[:-1])}"
        )
    page = "\n\n".join(pages) + "\n"
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(page, encoding="utf-8")
    assert page == GOLDEN.read_text(encoding="utf-8")


def build_words(tmp_path, *more):
    model = sentencepiece_model(tmp_path / "m.model", **T5)
    return [
        *("build", "nli", "--source", "samples", "--objective", "span_corruption"),
        *("--format", "arrays", "--vocab", str(model), "--lengths", "inputs=512,targets=114"),
        *("--examples", "120", "--shards", "3", *more),
    ]


def test_a_build_hides_spans_whoever_makes_it(tmp_path, flan):
    words = build_words(tmp_path)
    flan(*words, "--out", str(tmp_path / "one"))
    flan(*words, "--out", str(tmp_path / "two"), "--workers", "2")
    one, two = (sorted((tmp_path / name / "data").iterdir()) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    flan("verify", str(tmp_path / "one"))
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    assert manifest["objective"] == {
        "name": "span_corruption",
        "noise_density": 0.15,
        "mean_span_length": 3,
        "text_length": 568,
        "sentinels": 100,
    }
    cut = manifest["tokens_over"]["inputs"]
    tokens, written = manifest["tokens"]["inputs"] - cut, manifest["written"]["inputs"]
    learned = manifest["tokens"]["targets"]
    # Each sentinel stands on both sides.
    sentinels = (written + learned - tokens) / 2
    assert (learned - sentinels) / tokens == pytest.approx(0.15, abs=0.005)
    assert (learned - sentinels) / sentinels == pytest.approx(3, abs=0.2)
    card = (tmp_path / "one" / "README.md").read_text()
    assert "120 pretraining examples" in card and "15% of their tokens hidden" in card
    assert "no wording, no options" in card and "instruction" not in card.split("##")[0]
    assert "extra_id_0" in (tmp_path / "one" / "report.html").read_text()
    # What it was asked for is read back, and found done.
    said = flan(*words, "--out", str(tmp_path / "one"))
    assert "complete" in said.out + said.err or "already" in said.out + said.err


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"format": "jsonl"}, "objective span_corruption is for arrays and packed-tfrecord, not"),
        ({"arch": "decoder"}, "objective span_corruption is for arch encoder-decoder, not decoder"),
        ({"lengths": "auto"}, "lengths auto measures prompts; name them for span_corruption"),
        ({"shots": 2}, "shots is of prompts, which objective span_corruption does not have"),
        ({"templates": ("hence",)}, "templates is of prompts"),
        ({"instructions": "dataset_name"}, "instructions is of prompts"),
        ({"objective": "denoising"}, 'unknown objective "denoising"'),
    ],
)
def test_what_makes_no_sense_with_it_is_refused(said, message):
    told = {"mixture": "rte", "format": "arrays", "objective": "span_corruption", **said}
    with pytest.raises(ConfigError, match=message):
        BuildSpec(**told)


def test_prompts_of_it_cannot_be_shown():
    spec = BuildSpec(mixture="rte", source="samples", format="arrays", objective="span_corruption")
    for call in (ft.show, ft.rows):
        with pytest.raises(ConfigError, match="has no prompts; build it"):
            call(spec)


def test_what_a_vocabulary_or_lengths_do_not_allow_is_said(tmp_path):
    told = {"source": "samples", "format": "arrays", "objective": "span_corruption"}
    with pytest.raises(VocabularyError, match="has no sentinels"):
        ft.build("rte", tmp_path / "o", vocab="bytes", **told)
    model = str(sentencepiece_model(tmp_path / "m.model", **T5))
    with pytest.raises(DeclarationError, match="wanted 3 or more each"):
        ft.build("rte", tmp_path / "o", vocab=model, lengths={"inputs": 9, "targets": 2}, **told)
    with pytest.raises(ConfigError, match="give a mixture without parts"):
        ft.build("flan2022", tmp_path / "o", vocab=model, **told)


def test_builds_that_do_not_ask_for_it_are_what_they_were():
    spec = BuildSpec(mixture="rte")
    assert "objective" not in spec.record() and "objective" not in spec.command()
    hides = BuildSpec(mixture="rte", format="arrays", objective="span_corruption")
    assert hides.record()["objective"] == "span_corruption"
    assert "--objective span_corruption" in hides.command()
