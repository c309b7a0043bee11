"""What ships of P3: names, counts and facts."""

import json
from collections import Counter
from pathlib import Path

import pytest

from flan_tasks.core.errors import UnknownNameError
from flan_tasks.engine.license_table import use_of
from flan_tasks.promptsource import index
from flan_tasks.promptsource.names import source_split, subtask_name


def test_names_are_made_of_data_set_and_template():
    for one in index.subtasks():
        name = subtask_name(one.dataset, one.subset, one.template, anli_round=one.anli_round)
        assert name == one.name


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("qasc", "", "is_correct_1"), "qasc_is_correct_1"),
        (("cos_e", "v1.11", "a (b)"), "cos_e_v1.11_a_b_"),
        (("super_glue", "copa", "…why? C1"), "super_glue_copa__why_C1"),
        (("a-b/c", "", "d"), "a_b_c_d"),
    ],
)
def test_runs_of_other_characters_become_one_underscore(words, name):
    assert subtask_name(*words) == name


def test_splits_of_anli_are_those_of_its_round():
    assert source_split("validation", anli_round=2) == "dev_r2"
    assert source_split("train", anli_round=3) == "train_r3"
    assert source_split("validation") == "validation"


def test_counts_are_the_published_ones():
    chosen = index.collection("t0sf")
    assert len(index.subtasks()) == 544
    assert Counter(one.kind for one in chosen) == {
        "question_answer": 104,
        "multiple_choice": 70,
        "multiple_choice_separated_options": 19,
    }
    # Twenty-six template files of twenty-two data sets.
    assert len({one.title for one in chosen}) == 26
    assert len({one.dataset for one in chosen}) == 22
    assert sum(min(one.rows["train"], 20_000) for one in chosen) == 2_725_276
    assert len({one.name for one in index.subtasks()}) == 544


def test_mixtures_of_t0_grow_from_one_to_the_next():
    sets = [{one.title for one in index.collection(name)} for name in ("t0", "t0p", "t0pp")]
    assert [len(one) for one in sets] == [38, 48, 54]
    assert sets[0] < sets[1] < sets[2]
    assert {"super_glue/rte", "super_glue/cb", "anli", "winogrande/winogrande_xl"} & sets[
        2
    ] == set()


def test_a_large_data_set_shares_its_cap_among_its_templates():
    rates = index.t0_rates("t0")
    assert rates["qasc_is_correct_1"] == 8134
    assert rates["gigaword_TLDR"] == 500_000 // 9
    assert index.t0_rates("t0pp").keys() > rates.keys()


def test_held_out_prompts_ask_the_original_task():
    prompts = {title: len(members) for title, members in index.held_out().items()}
    assert prompts == {
        **{f"anli r{number}": 15 for number in (1, 2, 3)},
        "hellaswag": 4,
        "super_glue/cb": 15,
        "super_glue/copa": 12,
        "super_glue/rte": 10,
        "super_glue/wic": 10,
        "super_glue/wsc.fixed": 10,
        "winogrande/winogrande_xl": 5,
    }
    groups = Counter(one.held_out_group for one in index.prompted_datasets() if one.held_out)
    assert groups == {
        "natural language inference": 3,
        "coreference resolution": 2,
        "sentence completion": 3,
        "word sense disambiguation": 1,
    }


def test_unknown_names_say_what_is_near():
    with pytest.raises(UnknownNameError, match='"qasc_is_correct_3". Did you mean qasc_is_correct'):
        index.subtask("qasc_is_correct_3")
    with pytest.raises(UnknownNameError, match='P3 "t0\\+". Did you mean t0'):
        index.collection("t0+")
    with pytest.raises(UnknownNameError, match="mixture of T0"):
        index.t0_rates("t0sf")


def test_no_wording_ships():
    for path in Path(index.__file__).parent.glob("*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not {"jinja", "answer_choices", "reference"} & json.loads(line).keys()
            assert "{{" not in line and "|||" not in line


def test_every_data_set_has_a_license_or_says_that_none_is_stated():
    licenses = {one.title: one.license for one in index.prompted_datasets()}
    assert all(licenses.values())
    unstated = {title for title, text in licenses.items() if text.startswith("not stated")}
    assert len(unstated) == 11
    for title in ("app_reviews", "rotten_tomatoes"):
        assert title in unstated and use_of(licenses[title]) == "not stated"
    assert use_of(licenses["adversarial_qa/dbert"]) == "non-commercial"
    assert not use_of(licenses["quarel"]) and not use_of(licenses["wiqa"])
