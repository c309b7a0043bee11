"""The tables that give names of Natural Instructions a meaning here."""

import re

import pytest
from conftest import ROOT

from flan_tasks.core.languages import primary
from flan_tasks.datasets import catalog
from flan_tasks.datasets._natural_instructions_tables import (
    CLUSTERS,
    LANGUAGES,
    SHARED_BY_NAME,
    SHARED_BY_SOURCE,
    cluster_of,
    data_sets,
    is_from_mmlu,
    license_of,
    shared_datasets,
)


def test_shared_texts_are_those_of_datasets_and_tasks_that_are_here():
    names = {dataset.name for dataset in catalog().datasets}
    names |= {dataset.name for dataset in catalog().expand(["bbh"])}
    names |= {f"p3/{member.table}" for member in catalog().family("p3").members.values()}
    for key, datasets in {**SHARED_BY_SOURCE, **SHARED_BY_NAME}.items():
        assert datasets and set(datasets) <= names, key


def test_a_category_that_means_a_cluster_lies_in_it_and_others_in_their_own():
    twelve = {dataset.cluster for dataset in catalog().datasets if dataset.collection == "flan2021"}
    assert {cluster for cluster in CLUSTERS.values() if cluster != "various"} <= twelve
    assert cluster_of("Textual Entailment") == "nli"
    assert cluster_of("Fill in The Blank") == "fill_in_the_blank"
    # The 62's cluster of that name holds other tasks.
    assert cluster_of("Misc.") not in twelve


def test_no_cluster_of_its_own_is_a_datasets_name():
    categories = ("Question Answering", "Mathematics", "Pos Tagging", "Explanation", "Misc.")
    assert not {cluster_of(name) for name in categories} & {d.name for d in catalog().datasets}


@pytest.mark.parametrize(
    ("name", "sources", "datasets"),
    [
        ("task190_snli_classification", ("snli",), ("snli",)),
        ("task075_squad1.1_answer_generation", (), ("squad_v1", "squad_v2")),
        ("task938_copa_hi_commonsense_reasoning", ("indicnlp",), ("copa",)),
        ("task595_mocha_answer_generation", ("mocha",), ("cosmos_qa", "drop")),
        ("task092_check_prime_classification", ("synthetic",), ()),
        ("task685_mmmlu_answer_generation_anatomy", (), ("mmlu:anatomy",)),
        ("task722_mmmlu_answer_generation_random_topic", (), ("mmlu",)),
        ("task9999_renamed", ("measuring_massive_multitask_language_understanding",), ("mmlu",)),
        # The name speaks of a source that is no part of it.
        ("task951_wiki_cloze_or_multiple_choice_question_answering", ("indicnlp",), ()),
    ],
)
def test_a_task_overlaps_with_what_it_was_made_from(name, sources, datasets):
    assert shared_datasets(name, sources) == datasets


@pytest.mark.parametrize(
    ("name", "sources", "expected"),
    [
        ("task384_socialiqa_question_classification", ("social_iqa",), ("social_i_qa",)),
        ("task310_race_classification", (), ("race/high", "race/middle")),
        ("task190_snli_classification", ("snli",), ()),
    ],
)
def test_a_task_names_the_data_sets_that_families_alone_have(name, sources, expected):
    assert data_sets(name, sources) == expected


@pytest.mark.parametrize(
    ("name", "sources", "is_it"),
    [
        ("task685_mmmlu_answer_generation_clinical_knowledge", (), True),
        ("task9999_renamed", ("measuring_massive_multitask_language_understanding",), True),
        ("task1_about_mmmlu_scores", ("papers",), False),
    ],
)
def test_tasks_from_mmlu_are_told_by_name_or_source(name, sources, is_it):
    assert is_from_mmlu(name, sources) is is_it


def test_licenses_are_spdx_where_they_fit_and_all_are_named():
    assert license_of(("CC BY-SA 4.0",)) == "CC-BY-SA-4.0"
    assert license_of(("CC BY-SA", "GFDL")) == "CC BY-SA; GFDL"
    assert license_of(("Unknown",)) == license_of(()) == "unknown"


def test_languages_have_codes_of_their_own():
    assert len(set(LANGUAGES.values())) == len(LANGUAGES)
    assert all(primary(code) == code for code in LANGUAGES.values())


def test_the_review_has_a_reason_for_each_line_of_the_tables():
    text = (ROOT / "docs" / "review" / "natural_instructions.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+) \|$", text, re.MULTILINE)
    reviewed = {name: tuple(meaning.split(", ")) for name, meaning, reason in rows if reason}
    tables = {
        **{category: (cluster,) for category, cluster in CLUSTERS.items()},
        **SHARED_BY_SOURCE,
        **SHARED_BY_NAME,
    }
    headings = {"category", "source", "part of the name"}
    assert {name: reviewed[name] for name in reviewed if name not in headings} == tables
