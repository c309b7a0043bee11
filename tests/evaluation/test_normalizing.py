"""Options ranked by their sum, and by that sum over tokens, characters, bytes, or the option alone.

By hand, as lm-evaluation-harness does where it is installed, and through whole evaluations.
"""

import itertools
import json
import random
from types import SimpleNamespace

import pytest
from commands import flan  # noqa: F401 - a fixture
from without_model import WithoutModel, ranked

from flan_tasks.core.errors import UnknownNameError
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.loop import evaluate
from flan_tasks.evaluation.normalizing import NORMALIZED, SUM, normalized, ways_of
from flan_tasks.evaluation.records import RANK, Prompt, Record
from flan_tasks.evaluation.score_tables import overview
from flan_tasks.evaluation.unconditional import CONTEXT, alone
from flan_tasks.evaluation.units import Evaluation
from flan_tasks.jobs.evaluate import score
from flan_tasks.metrics.gold import Gold
from flan_tasks.plan.source_choice import SourceChoice
from flan_tasks.specs.eval_config import BYTES, CHARACTERS, NORMALIZATIONS, UNCONDITIONAL
from flan_tasks.store.store import Store, default_store
from flan_tasks.suites.asking import SuitesAsked
from flan_tasks.suites.library import open_suite

ALL = ways_of(NORMALIZATIONS)
# Three letters in five bytes, and four letters in four.
OPTIONS = ("été", "cold")


def record(sums, *, options=OPTIONS, choices=(), tokens=(1, 7), unconditional=(-1.0, -6.5)):
    gold = Gold(options[0], options[:1], options, {}, "k", choices=choices)
    return Record(Prompt("?", gold), "", sums, tokens, unconditional=unconditional)


def test_each_way_divides_by_what_it_says():
    ranked = record((-6.0, -7.0))
    assert ranked.ways_among(ALL) == (SUM, NORMALIZED, CHARACTERS, BYTES, UNCONDITIONAL)
    chosen = {way: ranked.prediction(way) for way in ranked.ways_among(ALL)}
    assert chosen == {
        SUM: "été",  # -6 and -7
        NORMALIZED: "cold",  # -6 / 1 and -7 / 7
        CHARACTERS: "cold",  # -6 / 3 and -7 / 4
        BYTES: "été",  # -6 / 5 and -7 / 4
        UNCONDITIONAL: "cold",  # -6 + 1 and -7 + 6.5
    }


def test_a_blank_that_parts_an_option_from_its_prompt_has_no_length():
    how = {"tokens": (1, 1), "unconditional": ()}
    assert normalized(CHARACTERS, (-6.0, -6.0), texts=(" ab", "abc"), **how) == (-3, -2)
    assert normalized(BYTES, (-6.0, -6.0), texts=(" é", "abc"), **how) == (-3, -2)


def test_options_asked_as_letters_have_the_length_of_letters():
    lettered = record((-6.0, -7.0), choices=("(A)", "(B)"))
    assert lettered.prediction(CHARACTERS) == lettered.prediction(BYTES) == "été"


def test_ways_that_lack_what_they_need_are_left_out():
    assert record((-1.0, -2.0), tokens=()).ways_among(ALL) == (
        *(SUM, CHARACTERS, BYTES, UNCONDITIONAL),
    )
    assert record((-1.0, -2.0), unconditional=()).ways_among(ALL) == (*(SUM, NORMALIZED), *ALL[1:3])
    assert record((-1.0, -2.0)).ways == (SUM, NORMALIZED)


def test_an_unknown_normalization_is_named():
    with pytest.raises(UnknownNameError, match="unknown normalization .char"):
        ways_of(("char",))


def test_the_harness_chooses_the_same_options():
    """`acc` is the sum, `acc_norm` that over characters, `acc_bytes` over bytes."""
    api = pytest.importorskip("lm_eval.api.task")
    draw = random.Random(5)
    metrics = ("acc", "acc_norm", "acc_bytes", "acc_mutual_info")
    ways = (SUM, CHARACTERS, BYTES, UNCONDITIONAL)
    differ = set()
    for _ in range(300):
        texts = tuple("né日x"[: draw.randint(1, 4)] * (k + 1) for k in range(3))
        sums, others = ([-draw.uniform(1, 9) for _ in texts] for _ in range(2))
        task = SimpleNamespace(
            config=SimpleNamespace(process_results=None),
            _metric_fn_list=dict.fromkeys(metrics),
            OUTPUT_TYPE="multiple_choice",
            doc_to_choice=lambda doc: list(doc),
            doc_to_target=lambda doc: 0,
            multiple_input=False,
            multiple_target=False,
        )
        lls = [(value, False) for value in (*sums, *others)]
        theirs = api.ConfigurableTask.process_results(task, texts, lls)
        ours = record(tuple(sums), options=texts, tokens=(), unconditional=tuple(others))
        for name, way in zip(metrics, ways, strict=True):
            assert theirs[name] == (ours.prediction(way) == texts[0]), (name, texts, sums)
        differ |= {
            pair for pair in itertools.combinations(metrics, 2) if len({*map(theirs.get, pair)}) > 1
        }
    assert len(differ) == 6, "no two of them are the same thing"


class Weighted(WithoutModel):
    """Says how likely an option is by its letters, and less of the right ones in a question."""

    def record(self, unit, prompt):
        gold = prompt.gold
        sums = [-float(len(text)) for text in gold.targets]
        if prompt.inputs != CONTEXT:
            sums = [
                total - (0.25 if text == gold.answer else 0.5)
                for total, text in zip(sums, gold.targets, strict=True)
            ]
        return ranked(prompt, sums)


def evaluated(folder, answerer, *names, normalize=NORMALIZATIONS):
    asked = Evaluation(
        datasets=catalog().expand(names),
        source=SourceChoice("samples"),
        method=RANK,
        normalize=normalize,
    )
    answers = Answers(folder, {**answerer.settings, **asked.settings})
    store = Store(default_store())
    return evaluate(asked, catalog(), answers, answerer, store=store), answers


def test_options_alone_are_asked_once_and_taken_off(tmp_path):
    weighted = Weighted()
    outcome, answers = evaluated(tmp_path / "out", weighted, "copa", "cb")
    for one in outcome.scores:
        by_way = {way: {t.scores["accuracy"] for t in one.templates if t.way == way} for way in ALL}
        # The shortest is likeliest, and without the question the right one.
        assert by_way[UNCONDITIONAL] == {100.0}
        assert min(by_way[NORMALIZED]) < 100
    alone_asked = [(u, p) for u, p in weighted.asked if u == alone(u)]
    texts = [t for u, p in alone_asked if u.dataset == "cb" for t in p.gold.options]
    # Three labels on each of two splits, whatever the templates.
    assert len(texts) == 6 and {p.inputs for _, p in alone_asked} == {"Answer:"}
    # They are no template of a dataset.
    assert {unit.template for unit in answers.units} == {
        t.id for name in ("copa", "cb") for t in catalog().templates(name).of_kind("forward")
    }
    shown = overview(outcome.scores)[2]
    assert [line[0] for line in shown] == ["copa"] * 4 + ["cb"] * 4


def test_what_is_answered_is_normalized_another_way_without_being_asked(tmp_path):
    first = Weighted()
    usual, _ = evaluated(tmp_path / "out", first, "cb", normalize=("tokens",))
    assert {t.way for t in usual.scores[0].templates} == {SUM, NORMALIZED}
    again = Weighted()
    lengths, _ = evaluated(tmp_path / "out", again, "cb", normalize=(BYTES, CHARACTERS))
    assert {t.way for t in lengths.scores[0].templates} == {SUM, BYTES, CHARACTERS}
    assert again.asked == []
    everything, _ = evaluated(tmp_path / "out", again, "cb")
    assert again.asked and all(u == alone(u) for u, _ in again.asked)
    fresh, _ = evaluated(tmp_path / "fresh", Weighted(), "cb")
    assert everything == fresh


def test_a_suite_has_the_ways_in_the_numbers_of_its_tasks(tmp_path):
    mmlu = SuitesAsked(
        suites=(open_suite("mmlu"),),
        source=SourceChoice("samples"),
        allow_missing=True,
        normalize=NORMALIZATIONS,
    )
    weighted = Weighted()
    result = score(Evaluation(datasets=()), weighted, tmp_path, suites=mmlu)
    assert {t.way for task in result.suites[0].tasks for t in task.templates} == {SUM, *ALL}
    right = [t.scores["accuracy"] for task in result.suites[0].tasks for t in task.templates]
    assert right and result.suites[0].way == SUM
    asked = [prompt for unit, prompt in weighted.asked if unit == alone(unit)]
    # As the protocol scores them: without their end.
    assert {(p.gold.options, p.scores_end) for p in asked} == {(tuple("ABCD"), False)}


def test_prompts_written_for_others_have_the_options_alone(tmp_path, flan):  # noqa: F811
    prompts, answers = tmp_path / "prompts.jsonl", tmp_path / "answers.jsonl"
    words = ("cb", "--source", "samples", "--method", "rank", "--templates", "bare_labels")
    words += ("--normalize", "unconditional,bytes")
    flan("eval", *words, "--write-prompts", prompts)
    lines = [json.loads(line) for line in prompts.read_text().splitlines()]
    assert {line["template"] for line in lines} == {"bare_labels", "+unconditional"}
    for line in lines:
        line["scores"] = [-float(len(option)) for option in line["options"]]
    answers.write_text("".join(json.dumps(line) + "\n" for line in lines))
    flan("eval", *words, "--predictions", answers, "--out", tmp_path / "scores")
    content = json.loads((tmp_path / "scores" / "scores.json").read_text())
    ways = {one["way"] for one in content["datasets"][0]["templates"]}
    assert ways == {SUM, BYTES, UNCONDITIONAL}
    without = [line for line in lines if line["template"] == "bare_labels"]
    answers.write_text("".join(json.dumps(line) + "\n" for line in without))
    printed = flan(*("eval", *words, "--predictions", answers, "--out", tmp_path / "other"), code=1)
    assert "no scores of its options without the question" in printed.err
