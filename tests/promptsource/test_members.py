"""P3 as a family: subtasks as members, rows of their data sets, options of each."""

import dataclasses
import re
from collections import Counter

import pytest

import flan_tasks as ft
from flan_tasks.core.errors import SourceUnavailableError
from flan_tasks.core.family import family_of
from flan_tasks.core.naming import member_name
from flan_tasks.core.origin import HuggingFace
from flan_tasks.datasets import catalog
from flan_tasks.datasets.p3 import P3
from flan_tasks.promptsource import index, members

QASC = "p3:qasc_is_correct_1"


@pytest.fixture(scope="module")
def p3():
    return catalog().family("p3")


def test_members_are_the_subtasks_by_their_names_in_lower_case(p3):
    names = [member_name(one.name) for one in index.subtasks()]
    assert list(p3.members) == names and len(set(names)) == 544
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{1,99}", name) for name in names)
    assert catalog()["p3:race_high_Is_this_the_right_answer"].name == (
        "p3:race_high_is_this_the_right_answer"
    )


def test_a_member_says_whether_it_has_options(p3):
    assert catalog()[QASC].is_ranked
    free = catalog()["p3:web_questions_get_the_answer"]
    assert (free.is_classification, free.metrics) == (False, ("squad",))
    for one in index.subtasks():
        assert p3.task(one.name).is_classification == one.has_choices


def test_prompts_that_do_not_show_their_options_have_them_below_in_t0sf():
    shown = {
        name
        for name in catalog().mixture("t0sf").include
        if catalog().templates(name).ids == ("prompt_and_options",)
    }
    assert len(shown) == 19 and QASC in shown
    # T0's own prompts stay as they are.
    assert catalog().templates("p3:super_glue_rte_GPT_3_style").ids == ("prompt",)


def test_rows_of_a_data_set_are_one_table_for_its_prompts(p3):
    one, other = p3.member("qasc_is_correct_1"), p3.member("qasc_is_correct_2")
    assert p3.stored_as(one) == p3.stored_as(other) == "p3-qasc"
    assert members.table_of(one) == members.table_of(other)
    assert catalog()[QASC].source == HuggingFace("qasc")
    # A round of ANLI is a table of its own, whose files lie where those of the others do.
    first, second = p3.member("anli_should_assume_r1"), p3.member("anli_should_assume_r2")
    assert (p3.stored_as(first), p3.stored_as(second)) == ("p3-anli_r1", "p3-anli_r2")
    assert members.table_of(first).folder == members.table_of(second).folder == "anli"
    assert catalog()["p3:anli_should_assume_r2"].splits.train == "train_r2"


def test_validation_is_the_test_of_what_t0_holds_out():
    assert catalog()["p3:super_glue_rte_GPT_3_style"].splits.test == "validation"
    assert catalog()["p3:anli_should_assume_r3"].splits.test == "dev_r3"
    assert catalog()[QASC].splits.names == ("train", "validation")
    assert catalog()["p3:wiki_bio_who"].splits.validation == "val"
    # Tests are read where there is no validation.
    assert catalog()["p3:web_questions_get_the_answer"].splits.test == "test"
    assert catalog()["p3:app_reviews_convert_to_rating"].splits.names == ("train",)


def test_every_member_has_a_size_for_each_of_its_splits(p3):
    for name in p3.members:
        dataset = p3.task(name)
        for split in dataset.splits.names:
            assert dataset.declared_rows(split), (name, split)


def test_members_agree_with_the_rest_of_the_catalog(p3):
    assert [line for line in catalog().check() if "p3" in line] == []
    known = {*catalog().clusters, *catalog().family("niv2").clusters}
    assert set(p3.clusters) <= known


def test_holding_out_a_prompt_leaves_out_the_others_of_its_rows():
    held = "p3:social_i_qa_check_if_a_random_answer_is_valid_or_not"
    mixture = ft.Mixture(name="x", include=("p3",), hold_out=(held,), drop_overlaps=True)
    names = {dataset.name for dataset in catalog().members(mixture)}
    assert "p3:qasc_is_correct_1" in names
    assert not [name for name in names if name.startswith("p3:social_i_qa_")]
    alone = dataclasses.replace(mixture, drop_overlaps=False)
    left = {dataset.name for dataset in catalog().members(alone)}
    assert held not in left and len([n for n in left if n.startswith("p3:social_i_qa_")]) == 5


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("rte", "super_glue/rte"),
        ("anli", "anli r2"),
        ("squad", "adversarial_qa/dbert"),
        ("wsc273", "super_glue/wsc.fixed"),
        ("ecqa", "cos_e/v1.11"),
    ],
)
def test_holding_out_a_dataset_leaves_out_prompts_of_its_rows(name, left_out):
    mixture = ft.Mixture(name="x", include=("p3",), hold_out=(name,), drop_overlaps=True)
    left = {family_of(one)[1].table for one in catalog().members(mixture)}
    assert left_out not in left and "qasc" in left


def test_a_cluster_that_is_held_out_is_held_out_in_p3_too():
    mixture = ft.Mixture(name="x", include=("rte", "p3"), hold_out=("nli",))
    with_nli = {family_of(one)[1].table for one in catalog().held_out(mixture) if one.family}
    assert with_nli == {"anli r1", "anli r2", "anli r3", "super_glue/cb", "super_glue/rte"}
    assert not {one.cluster for one in catalog().members(mixture)} & {"nli"}


def test_a_data_set_without_options_in_another_copy_is_skipped():
    member = P3.member("qasc_is_correct_1")
    record = {"id": "a", "name": "b", "jinja": "x ||| y", "answer_choices": None}
    skip = members.answer_prompt({"row": {}, "record": record}, member)
    assert skip.reason == "its template states no allowed answers"


def test_records_of_a_copy_that_has_another_version_are_named(tmp_path, prompt_folder):
    (tmp_path / "qasc").mkdir()
    text = (prompt_folder / "tea_shop" / "templates.yaml").read_text(encoding="utf-8")
    (tmp_path / "qasc" / "templates.yaml").write_text(
        text.replace("dataset: tea_shop", "dataset: qasc"), encoding="utf-8"
    )
    record_of = members.records(tmp_path)
    with pytest.raises(SourceUnavailableError, match="qasc/templates.yaml has no template"):
        record_of(P3.member("qasc_is_correct_1"))
    with pytest.raises(SourceUnavailableError, match="has no sciq/templates.yaml"):
        record_of(P3.member("sciq_Direct_Question"))


def test_rounds_of_anli_are_scored_apart():
    data_sets = members.data_sets()
    assert len(data_sets) == 544
    assert data_sets["p3:anli_should_assume_r2"] == "anli r2"
    assert data_sets["p3:super_glue_rte_should_assume"] == "super_glue/rte"


def test_t0sf_is_the_collection_of_that_name():
    mixture = catalog().mixture("t0sf")
    assert mixture.include == members.member_names(index.collection("t0sf"))
    assert (len(mixture.include), mixture.cap) == (193, 20_000)


def rows(name, tmp_path, **settings):
    settings = {"source": "samples", "store": tmp_path / "store", "allow_missing": True} | settings
    return list(ft.rows(name, **settings))


def test_t0sf_is_made_of_embedded_rows(tmp_path):
    pytest.importorskip("yaml")
    made = rows("t0sf", tmp_path)
    assert {row["dataset"] for row in made} == {
        QASC,
        "p3:qasc_qa_with_combined_facts_1",
        "p3:qasc_qa_with_separated_facts_3",
        "p3:quail_context_question_description_answer_text",
        "p3:quail_description_context_question_text",
        "p3:race_high_select_the_best_answer_generate_span_",
        "p3:race_high_write_a_multi_choice_question_options_given_",
        "p3:race_middle_read_the_article_and_answer_the_question_no_option_",
        "p3:race_middle_taking_a_test",
        "p3:social_i_qa_generate_answer",
        "p3:social_i_qa_generate_the_question_from_the_answer",
        "p3:social_i_qa_show_choices_and_generate_index",
        "p3:web_questions_get_the_answer",
        "p3:web_questions_question_answer",
    }
    shown = next(row for row in made if row["dataset"] == QASC)
    assert shown["inputs"].endswith("\n\nOPTIONS:\n- Yes\n- No")


def test_published_prompts_are_made_of_embedded_rows_too(tmp_path, real_p3):
    made = rows(
        "p3:qasc_qa_with_separated_facts_2", tmp_path, data_dir={"p3": real_p3 / "templates"}
    )
    assert len(made) == 6
    assert "Oil keeps water out" in "".join(row["inputs"] for row in made)


@pytest.mark.parametrize(
    ("data_set", "tasks", "rows_of_each"),
    [("quail", 13, 6), ("race_high", 8, 4), ("race_middle", 8, 4), ("social_i_qa", 6, 6)],
)
def test_every_published_prompt_is_made_of_the_embedded_rows(
    data_set, tasks, rows_of_each, tmp_path, real_p3
):
    names = tuple(
        name for name in catalog().mixture("t0sf").include if name.startswith(f"p3:{data_set}_")
    )
    mixture = ft.Mixture(name="x", include=names, cap=100)
    made = rows(mixture, tmp_path, data_dir={"p3": real_p3 / "templates"}, allow_missing=False)
    assert Counter(row["dataset"] for row in made) == dict.fromkeys(names, rows_of_each)
    assert len(names) == tasks
    for row in made:
        if row["options"]:
            assert row["targets"] in row["options"].split("\n")
        assert "{" not in row["inputs"] or "{or bowls" in row["inputs"]


@pytest.mark.parametrize("name", ["t0", "t0p", "t0pp"])
def test_training_mixtures_of_t0_have_its_rates(name):
    (part,) = catalog().mixture(name).parts
    rates = index.t0_rates(name)
    chosen = index.collection(name)
    assert part.include == members.member_names(chosen)
    assert part.rates == {
        member: rates[one.name] for member, one in zip(part.include, chosen, strict=True)
    }
    # As T0 has them, without what Flan 2022 puts below.
    assert part.options is False


@pytest.mark.parametrize(
    ("name", "trained"),
    [
        ("t0sf", []),
        ("t0", []),
        ("t0p", ["hellaswag"]),
        ("t0pp", ["hellaswag", "super_glue/copa", "super_glue/wic", "super_glue/wsc.fixed"]),
    ],
)
def test_what_t0_holds_out_is_trained_on_where_that_was_published(name, trained):
    mixture = catalog().mixture(name)
    left = {family_of(one)[1].table for one in catalog().members(mixture)}
    assert sorted(left & set(index.held_out())) == trained
    held = {family_of(one)[1].table for one in catalog().held_out(mixture)}
    assert held == (set(index.held_out()) - set(trained) if name != "t0sf" else set())


def test_held_out_prompts_are_a_list_for_evaluation():
    asked = [one for of_it in index.held_out().values() for one in of_it]
    assert catalog().mixture("t0_heldout").include == members.member_names(asked)
    assert all("test" in one.splits.names for one in catalog().expand(members.member_names(asked)))


def test_rates_of_t0_hold_for_what_has_rows(tmp_path):
    pytest.importorskip("yaml")
    from flan_tasks.engine.from_spec import prepare_spec
    from flan_tasks.specs.build_spec import BuildSpec

    spec = BuildSpec(mixture="t0", source="samples", store=tmp_path, allow_missing=True)
    prepared = prepare_spec(spec, catalog())
    rates = {item.dataset.name: item.rate for item in prepared.ingredients}
    published = index.t0_rates("t0")
    by_name = dict(
        zip(members.member_names(index.collection("t0")), published.values(), strict=True)
    )
    assert rates == {name: by_name[name] for name in rates}
    assert Counter(rates.values()) == {8134: 3, 10_246: 2, 33_410: 3}
    assert not any(item.variation.options for item in prepared.ingredients)


def test_a_stand_in_says_that_it_is_one():
    pytest.importorskip("yaml")
    from flan_tasks.jobs.show import show
    from flan_tasks.specs.build_spec import BuildSpec

    shown = show(BuildSpec(mixture=QASC), number=1)
    assert "this package's" in shown.notes[QASC] and len(list(shown.prompts)) == 1


def test_a_published_prompt_that_is_shown_has_no_such_note(real_p3):
    from flan_tasks.jobs.show import show
    from flan_tasks.specs.build_spec import BuildSpec

    shown = show(BuildSpec(mixture=QASC, data_dir=f"p3={real_p3 / 'templates'}"), number=1)
    assert not shown.notes and len(list(shown.prompts)) == 1


def test_stand_ins_are_marked_and_named_for_tasks_there_are(p3):
    pytest.importorskip("yaml")
    from flan_tasks.core.resources import folder
    from flan_tasks.promptsource.folder import PromptFolder

    ours = PromptFolder(folder("samples") / "families" / "p3" / "templates")
    for title in ours.titles():
        dataset, _, subset = title.partition("/")
        names = {one.template for one in index.subtasks() if one.title == title}
        for template in ours.file(dataset, subset).templates:
            assert template.reference == "flan_tasks" and template.name in names
    text = (ours.path / "qasc" / "templates.yaml").read_text(encoding="utf-8")
    assert text.startswith("# Wording of flan_tasks that stands in for promptsource's")
