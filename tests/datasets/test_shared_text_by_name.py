"""Data sets under several names: what is called alike is linked, or a reader said why it is not."""

import re
from functools import cache

import pytest
from conftest import ROOT

import flan_tasks as ft
from flan_tasks.core.family import family_of
from flan_tasks.datasets import catalog
from flan_tasks.datasets._natural_instructions_tables import data_sets, shared_datasets
from flan_tasks.promptsource.members import subtask_of

REVIEW = ROOT / "docs" / "review" / "natural_instructions.md"
# Names of P3's data sets that are those of several.
TOGETHER = ("glue", "super_glue", "kilt_tasks")
SHORTEST = 4


def letters(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())


def are_alike(one, other):
    if min(len(one), len(other)) < SHORTEST:
        return one == other
    return one in other or other in one


def p3_tasks():
    """Data set -> names of its tasks, under the name that the tables have."""
    tasks = {}
    for member in catalog().family("p3").members.values():
        tasks.setdefault(f"p3/{subtask_of(member).title}", []).append(f"p3:{member.name}")
    return tasks


def said(name):
    """What of a name is compared."""
    if not name.startswith("p3/"):
        return letters(name.rpartition(":")[2])
    dataset, _, subset = name.removeprefix("p3/").partition("/")
    return letters(subset.partition(".")[0] if dataset in TOGETHER else dataset)


def everything():
    """Name -> names of the datasets and tasks that it is, Natural Instructions aside."""
    found = {dataset.name: [dataset.name] for dataset in catalog().datasets}
    for parent, parts in catalog().parents.items():
        found[parent] = list(parts)
    for family in ("mmlu", "bbh", "mgsm", "tydiqa"):
        tasks = [f"{family}:{member}" for member in catalog().family(family).members]
        found[family] = tasks
        # Subjects and languages are no names of data sets.
        found |= {task: [task] for task in tasks if family == "bbh"}
    return found | p3_tasks()


@cache
def reached(name):
    families = tuple(catalog().families)
    return {dataset.name for dataset in catalog().with_overlaps([name], families=families)}


def are_linked(tasks, others):
    return all(reached(task) & set(others) for task in tasks)


def by_source():
    tasks = {}
    for member in catalog().family("niv2").members.values():
        for source in member.facts.get("sources", ()):
            tasks.setdefault(source, []).append(f"niv2:{member.name}")
    return tasks


def test_what_is_called_alike_is_linked_or_explained():
    lines = re.findall(r"^\| (\S+), (\S+) \| .+ \|$", REVIEW.read_text("utf-8"), re.MULTILINE)
    explained = set(lines)
    assert explained
    names, unlinked = everything(), set()
    for source, tasks in by_source().items():
        for name, others in names.items():
            if are_alike(letters(source), said(name)) and not are_linked(tasks, others):
                unlinked.add((source, name))
    for data_set, tasks in p3_tasks().items():
        for name, others in names.items():
            if name.startswith("p3/") or not are_alike(said(data_set), said(name)):
                continue
            if not are_linked(tasks, others):
                unlinked.add((data_set, name))
    for member in catalog().family("niv2").members.values():
        title = letters(member.source_name.partition("_")[2])
        sources = member.facts.get("sources", ())
        for name, others in names.items():
            if len(said(name)) < SHORTEST or said(name) not in title:
                continue
            if any((source, name) in explained for source in sources):
                continue
            if not are_linked([f"niv2:{member.name}"], others):
                unlinked.add((member.source_name, name))
    assert sorted(unlinked) == sorted(explained)


def test_the_index_says_what_the_tables_say():
    for member in catalog().family("niv2").members.values():
        sources = tuple(member.facts.get("sources", ()))
        assert member.overlaps == shared_datasets(member.source_name, sources), member.name
        assert member.data_sets == data_sets(member.source_name, sources), member.name


def test_every_data_set_of_the_tables_is_one_of_p3():
    known = {member.table for member in catalog().family("p3").members.values()}
    named = {
        one for member in catalog().family("niv2").members.values() for one in member.data_sets
    }
    assert named <= known and len(named) > 20


def left_of(hold_out, **changes):
    mixture = ft.Mixture(
        name="x", include=("niv2", "p3"), hold_out=hold_out, drop_overlaps=True, **changes
    )
    return {dataset.name for dataset in catalog().members(mixture)}


@pytest.mark.parametrize(
    ("held_out", "gone"),
    [
        ("p3:social_i_qa_Generate_answer", "niv2:task384_socialiqa_question_classification"),
        ("niv2:task580_socialiqa_answer_generation", "p3:social_i_qa_i_was_wondering"),
        ("niv2:task309_race_answer_generation", "p3:race_middle_taking_a_test"),
        ("p3:quoref_guess_answer", "niv2:task002_quoref_answer_generation"),
        ("niv2:task073_commonsenseqa_answer_generation", "p3:cos_e_v1_11_i_think"),
        ("niv2:task037_qasc_generate_related_fact", "p3:qasc_is_correct_1"),
    ],
)
def test_holding_out_one_side_leaves_out_the_other(held_out, gone):
    assert gone in {dataset.name for dataset in catalog().expand(["niv2", "p3"])}
    assert gone not in left_of((held_out,))
    told = catalog().overlapping(
        ft.Mixture(name="x", include=("niv2", "p3"), hold_out=(catalog()[held_out].name,))
    )
    assert told[gone] == (catalog()[held_out].name,)


def test_a_cluster_of_p3_is_held_out_in_natural_instructions_too():
    social = {name for name in left_of(("nli",)) if "socialiqa" in name}
    assert len(social) == 5  # in the cluster question_answering
    assert not {name for name in left_of(("commonsense",)) if "socialiqa" in name}


def test_chain_of_thought_of_held_out_data_sets_is_left_out():
    for without, gone, left in (
        ("commonsense", "ecqa", "qasc"),
        ("closed_book_qa", "qasc", "ecqa"),
    ):
        shares = ft.shares(f"flan2022.without.{without}").datasets
        cot = {one.name for one in shares if one.part.startswith("cot/")}
        assert gone not in cot and left in cot


def test_the_62_are_held_out_as_before():
    every = {dataset.name for dataset in catalog().expand(["all"])}
    for mixture in catalog().mixtures:
        if mixture.name.startswith("without."):
            dropped = ft.Mixture(
                name="x", exclude=mixture.exclude, hold_out=mixture.hold_out, drop_overlaps=True
            )
            flat = {dataset.name for dataset in catalog().with_overlaps(mixture.hold_out)}
            out = flat | {d.name for d in catalog().expand(mixture.exclude)}
            assert {d.name for d in catalog().members(dropped)} == every - out


def test_tasks_from_mmlu_overlap_with_its_own():
    niv2 = catalog().family("niv2").members.values()
    made = {member.name: member.overlaps for member in niv2 if member.facts.get("mmlu")}
    assert len(made) == 57
    subjects = {f"mmlu:{name}" for name in catalog().family("mmlu").members}
    named = [other for overlaps in made.values() for other in overlaps]
    assert len(named) == 57 and set(named) <= subjects | {"mmlu"} and named.count("mmlu") == 1
    task = "niv2:task685_mmmlu_answer_generation_clinical_knowledge"
    assert made[task.removeprefix("niv2:")] == ("mmlu:clinical_knowledge",)
    path = catalog().overlap_path(catalog()["mmlu:clinical_knowledge"], catalog()[task])
    assert path == ("mmlu:clinical_knowledge", task)
    assert catalog().overlap_path(catalog()[task], catalog()["mmlu:anatomy"]) == ()
    any_of_it = "niv2:task722_mmmlu_answer_generation_random_topic"
    for subject in ("mmlu:anatomy", "mmlu:virology"):
        assert catalog().overlap_path(catalog()[subject], catalog()[any_of_it])
        assert catalog().overlap_path(catalog()[any_of_it], catalog()[subject])


def test_holding_out_mmlu_says_and_leaves_out_what_was_made_from_it():
    task = "niv2:task685_mmmlu_answer_generation_clinical_knowledge"
    other = "niv2:task591_sciq_answer_generation"
    mixture = ft.Mixture(name="x", include=(task, other), hold_out=("mmlu",))
    assert catalog().overlapping(mixture) == {task: ("mmlu:clinical_knowledge",)}
    dropped = ft.Mixture(name="x", include=(task, other), hold_out=("mmlu",), drop_overlaps=True)
    assert [dataset.name for dataset in catalog().members(dropped)] == [other]
    # One subject alone.
    one = ft.Mixture(name="x", include=(task, other), hold_out=("mmlu:anatomy",))
    assert not catalog().overlapping(one)


def test_tables_of_p3_are_those_of_its_members():
    for data_set, tasks in p3_tasks().items():
        tables = {family_of(catalog()[task])[1].table for task in tasks}
        assert {table.partition(" ")[0] for table in tables} == {data_set.removeprefix("p3/")}
