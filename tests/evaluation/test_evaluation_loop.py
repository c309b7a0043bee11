"""Evaluations of toy datasets and of the embedded rows, answered by constructed models."""

import statistics
from functools import partial

import pytest
from conftest import make_catalog
from without_model import ByRule, Shuffled, first, right

from flan_tasks.core.errors import DeclarationError, EvaluationError, SourceUnavailableError
from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.loop import evaluate
from flan_tasks.evaluation.prompts import chosen_examples
from flan_tasks.evaluation.records import GENERATE, RANK
from flan_tasks.evaluation.units import AUTO, BOTH, Evaluation, questions
from flan_tasks.evaluation.warnings import score_warnings
from flan_tasks.metrics.by_name import metric
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.prepare import SourceChoice
from flan_tasks.store.store import Store, default_store
from flan_tasks.vocabulary import open_vocabulary

SAMPLES = SourceChoice("samples")


def run(folder, evaluation, answerer, known=None):
    answers = Answers(folder / "out", {**answerer.settings, **evaluation.settings})
    store = Store(default_store())
    return evaluate(evaluation, known or catalog(), answers, answerer, store=store)


def embedded(*names, **changes):
    return Evaluation(datasets=catalog().expand(names), source=SAMPLES, **changes)


def test_a_model_that_prefers_the_right_option_gets_everything(tmp_path):
    outcome = run(tmp_path, embedded("nli", "sentiment", method=AUTO), ByRule(right))
    assert len(outcome.scores) > 8
    for score in outcome.scores:
        assert {one.scores["accuracy"] for one in score.templates} == {100.0}
        assert all(spread.mean == 100 for spread in score.spreads if spread.number == "accuracy")


def test_a_model_that_prefers_the_first_option_gets_the_share_of_first_options(tmp_path):
    outcome = run(tmp_path, embedded("rte", "copa", splits=("test",)), ByRule(first))
    for score in outcome.scores:
        dataset = catalog()[score.dataset]
        asked = list(
            questions(
                embedded(score.dataset, splits=("test",)),
                dataset,
                catalog(),
                store=Store(default_store()),
            )
        )
        golds = [prompt.gold for prompt in asked[0].prompts(seed=0, budget=None)]
        share = statistics.fmean(gold.answer == gold.options[0] for gold in golds)
        assert 0 < share < 1
        for one in score.templates:
            assert one.scores["accuracy"] == pytest.approx(100 * share)


def test_every_forward_template_and_split_is_asked_once(tmp_path):
    asked = ByRule(right)
    run(tmp_path, embedded("rte", method=BOTH), asked)
    forward = catalog().templates("rte").of_kind("forward")
    wanted = {
        (template.id, split, method)
        for template in forward
        for split in ("validation", "test")
        for method in (RANK, GENERATE)
    }
    assert {(u.template, u.split, u.method) for u in asked.answered} == wanted
    assert len(asked.answered) == len(wanted)


def test_going_on_asks_only_what_is_left_and_gives_the_same(tmp_path):
    evaluation = embedded("rte", "copa", examples=3, seed=5)
    whole = run(tmp_path / "whole", evaluation, ByRule(first))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", evaluation, ByRule(first, stop=7))
    rest = ByRule(first)
    assert run(tmp_path / "stopped", evaluation, rest) == whole
    done = ByRule(first)
    assert run(tmp_path / "stopped", evaluation, done) == whole
    assert done.answered == []
    files = sorted(path for path in (tmp_path / "whole").rglob("*.jsonl"))
    assert len(files) == 7 + len(rest.answered)
    for path in files:
        other = tmp_path / "stopped" / path.relative_to(tmp_path / "whole")
        assert other.read_bytes() == path.read_bytes()


def test_the_order_of_answers_does_not_matter_and_whole_units_are_kept(tmp_path):
    evaluation = embedded("rte", "copa", "common_gen", method=BOTH, examples=3, seed=5)
    whole = run(tmp_path / "whole", evaluation, ByRule(first))
    files = {
        path.relative_to(tmp_path / "whole"): path.read_bytes()
        for path in (tmp_path / "whole").rglob("*.jsonl")
    }
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "mixed", evaluation, Shuffled(first, prompts=150))
    held = {path.relative_to(tmp_path / "mixed") for path in (tmp_path / "mixed").rglob("*.jsonl")}
    # Some units were whole when it stopped, and nothing else was written.
    assert 0 < len(held) < len(files)
    assert run(tmp_path / "mixed", evaluation, Shuffled(first)) == whole
    for path, content in files.items():
        assert (tmp_path / "mixed" / path).read_bytes() == content


def test_what_is_answered_is_counted_over_all_units(tmp_path):
    evaluation = embedded("rte", "copa", splits=("test",), examples=2)
    counts = []
    answers = Answers(tmp_path / "out", {})
    answerer = ByRule(first, stop=3)
    ask = partial(evaluate, evaluation, catalog(), answers, store=Store(default_store()))
    with pytest.raises(KeyboardInterrupt):
        ask(answerer, watch=lambda *count: counts.append(count))
    assert counts == [(number, 40) for number in range(1, 7)]
    ask(ByRule(first), watch=lambda *count: counts.append(count))
    assert counts[6:] == [(number, 40) for number in range(7, 41)]


def test_few_examples_are_drawn_by_the_seed_and_are_the_same_for_all_templates(tmp_path):
    known = make_catalog(tmp_path, {"birds": 100})
    store = Store(default_store())

    def keys(**changes):
        evaluation = Evaluation(datasets=known.datasets, splits=("test",), **changes)
        asked = questions(evaluation, known["birds"], known, store=store)
        return [[p.gold.key for p in one.prompts(seed=0, budget=None)] for one in asked]

    few = keys(examples=4, seed=1)
    assert len(few) == 2 and few[0] == few[1]
    assert len(set(few[0])) == 4
    assert any(keys(examples=4, seed=seed)[0] != few[0] for seed in range(2, 6))
    item = next(
        questions(Evaluation(datasets=known.datasets), known["birds"], known, store=store)
    ).item
    assert chosen_examples(item, None, seed=0) == list(range(item.available))
    assert chosen_examples(item, 10**6, seed=0) == list(range(item.available))


def test_prompts_vary_as_asked(tmp_path):
    known = make_catalog(tmp_path, {"birds": 100})
    evaluation = Evaluation(
        datasets=known.datasets,
        splits=("test",),
        variation=Variation(shots=2, options=False, templates=("plain",)),
    )
    store = Store(default_store())
    (asked,) = questions(evaluation, known["birds"], known, store=store)
    prompts = asked.prompts(seed=0, budget=None)
    assert {prompt.num_shots for prompt in prompts} == {2}
    assert not any("OPTIONS" in prompt.inputs for prompt in prompts)
    # Ranking needs the options, shown or not.
    assert {prompt.gold.options for prompt in prompts} == {("yes", "no")}


def test_a_dataset_that_cannot_be_had_stops_no_other(tmp_path):
    known = make_catalog(tmp_path, {"birds": 20, "finches": 20})
    (tmp_path / "finches" / "test.jsonl").unlink()
    asked = ByRule(right)
    strict = Evaluation(datasets=known.datasets, splits=("test",))
    with pytest.raises(SourceUnavailableError, match="finches: .*test.jsonl"):
        run(tmp_path, strict, asked, known)
    assert {unit.dataset for unit in asked.answered} == {"birds"}
    lenient = Evaluation(datasets=known.datasets, splits=("test",), allow_missing=True)
    outcome = run(tmp_path, lenient, asked, known)
    assert [score.dataset for score in outcome.scores] == ["birds"]
    assert list(outcome.missing) == ["finches"]


def test_what_has_no_options_is_not_ranked():
    with pytest.raises(DeclarationError, match="common_gen: no options to rank"):
        embedded("common_gen", method=RANK)
    assert embedded("common_gen").methods(catalog()["common_gen"]) == (GENERATE,)
    with pytest.raises(DeclarationError, match="method"):
        embedded("rte", method="guess")
    with pytest.raises(DeclarationError, match="splits"):
        embedded("rte", splits=("train",))


def test_templates_may_be_named_by_dataset(tmp_path):
    one, other = (catalog().templates(name).of_kind("forward")[0].id for name in ("rte", "cb"))
    for named, count in (((f"rte.{one}",), 9), ((f"rte.{one}", f"cb.{other}"), 1)):
        asked = ByRule(right)
        evaluation = embedded("rte", "cb", splits=("test",), variation=Variation(templates=named))
        run(tmp_path / str(count), evaluation, asked)
        assert {u.template for u in asked.answered if u.dataset == "rte"} == {one}
        assert len({u.template for u in asked.answered if u.dataset == "cb"}) >= count


def test_prompts_that_ask_for_no_answer_are_not_scored():
    with pytest.raises(DeclarationError, match="only forward templates ask for the answer"):
        embedded("cb", variation=Variation(kinds=("inverted",)))
    assert embedded("cb", variation=Variation(kinds=("forward",)))


def test_a_template_that_changed_is_not_scored_by_old_answers(tmp_path):
    known = make_catalog(tmp_path, {"birds": 20})
    evaluation = Evaluation(datasets=known.datasets, splits=("test",))
    run(tmp_path, evaluation, ByRule(right), known)
    again = make_catalog(tmp_path, {"birds": 20})
    path = tmp_path / "birds.toml"
    path.write_text(path.read_text().replace("?", " then?"))
    evaluation = Evaluation(datasets=again.datasets, splits=("test",))
    with pytest.raises(EvaluationError, match="answers to other prompts"):
        run(tmp_path, evaluation, ByRule(right), again)


@pytest.mark.parametrize("length", [110, 170, 300])
def test_examples_that_are_not_asked_are_counted_and_said(tmp_path, length):
    asked, told = ByRule(right), []
    asked.budget = Budget(open_vocabulary("bytes"), length)
    evaluation = embedded("wnli", "cb", "sst2", method=RANK, allow_missing=True)
    answers = Answers(tmp_path / "out", {**asked.settings, **evaluation.settings})
    outcome = evaluate(
        evaluation,
        catalog(),
        answers,
        asked,
        store=Store(default_store()),
        watch=lambda done, total: told.append((done, total)),
    )
    lines = score_warnings(outcome.scores)
    for score in outcome.scores:
        templates = catalog().templates(score.dataset).of_kind("forward")
        examples = sum(
            len(one.numbers)
            for one in questions(
                evaluation, catalog()[score.dataset], catalog(), store=Store(default_store())
            )
        )
        counted = {(one.template, one.split): one for one in score.templates}
        ways = len({one.way for one in score.templates})
        asked_for = sum(one.num_examples for one in score.templates) // ways
        left_out = sum(one.left_out for one in score.templates) // ways
        assert asked_for + left_out + sum(score.unasked.values()) == examples
        assert len(counted) + len(score.unasked) == 2 * len(templates)
        mentioned = any(line.startswith(f"{score.dataset}: no prompt of some") for line in lines)
        assert mentioned == bool(score.unasked)
    missing = [name for name in ("wnli", "cb", "sst2") if name in outcome.missing]
    assert len(missing) + len(outcome.scores) == 3
    assert all(f"fits {length} tokens" in outcome.missing[name] for name in missing)
    assert told[-1][0] == told[-1][1]
    # Going on asks nothing again.
    again = ByRule(right)
    again.budget = asked.budget
    run_again = evaluate(evaluation, catalog(), answers, again, store=Store(default_store()))
    assert again.answered == [] and run_again.scores == outcome.scores


def test_answers_behind_reasoning_are_written_and_read_not_ranked(tmp_path):
    for name, said in (("qasc", "What I know. So the answer is: {}"), ("gsm8k", "#### {}")):
        assert embedded(name).methods(catalog()[name]) == (GENERATE,)
        with pytest.raises(DeclarationError, match=f"{name}: no options to rank"):
            embedded(name, method=RANK)
        store = Store(default_store())
        asked = next(questions(embedded(name), catalog()[name], catalog(), store=store))
        prompts = asked.prompts(seed=0, budget=None)
        golds = [prompt.gold for prompt in prompts]
        # The answer alone is gold, not the reasoning that stands before it in a target.
        assert all(len(gold.answer.split()) < 8 for gold in golds)
        (named,) = catalog()[name].metrics
        answers = [said.format(gold.answer) for gold in golds]
        assert metric(named)(golds, answers) == {"accuracy": 100}
        assert metric(named)(golds, ["I do not know"] * len(golds)) == {"accuracy": 0}
