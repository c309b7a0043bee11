"""What of Natural Instructions is held out with a cluster, a dataset or its official tests."""

import pytest

from flan_tasks.core.mixture import Mixture
from flan_tasks.datasets import catalog
from flan_tasks.datasets.natural_instructions import NIV2


def names(datasets):
    return {dataset.name.removeprefix("niv2:") for dataset in datasets}


def mixture(**changes):
    return Mixture(name="own", include=("all", "niv2"), **changes)


def test_the_family_means_all_its_tasks_but_those_from_mmlu():
    tasks = names(catalog().expand(["niv2"]))
    assert len(tasks) == 1613 - 57
    assert not [name for name in tasks if "mmmlu" in name]


@pytest.mark.parametrize("cluster", ["question_answering", "niv2"])
def test_tasks_from_mmlu_are_trained_on_only_where_each_is_named(cluster):
    assert not [name for name in names(catalog().expand([cluster])) if "mmmlu" in name]
    one = "niv2:task685_mmmlu_answer_generation_clinical_knowledge"
    assert [dataset.name for dataset in catalog().expand([one])] == [one]


def test_no_published_mixture_trains_on_a_task_from_mmlu():
    for published in catalog().mixtures:
        members = names(catalog().members(published))
        assert not [name for name in members if "mmmlu" in name], published.name


def test_holding_out_a_cluster_leaves_out_its_tasks_in_the_family():
    held_out = mixture(hold_out=("nli",))
    inside = {member.name for member in NIV2.members.values() if member.cluster == "nli"}
    assert len(inside) == 27 and "task190_snli_classification" in inside
    assert not inside & names(catalog().members(held_out))
    assert inside <= names(catalog().held_out(held_out))


def test_dropping_overlaps_leaves_out_tasks_made_from_what_is_held_out():
    members = names(catalog().members(mixture(hold_out=("rte", "copa"), drop_overlaps=True)))
    assert "task1344_glue_entailment_classification" not in members
    # Translations of COPA, one of them found by its name alone.
    assert "task938_copa_hi_commonsense_reasoning" not in members
    assert "task1168_xcopa_commonsense_reasoning_ht" not in members
    assert "task190_snli_classification" in members


def test_training_on_tasks_that_share_text_with_what_is_held_out_is_told():
    told = catalog().overlapping(mixture(hold_out=("squad_v1",)))
    assert "squad_v1" in told["niv2:task075_squad1_1_answer_generation"]
    assert "niv2:task092_check_prime_classification" not in told


def test_every_overlap_is_with_something_that_is_here():
    others = {other for member in NIV2.members.values() for other in member.overlaps}
    families = {other for other in others if other.partition(":")[0] in catalog().families}
    assert others - families <= {dataset.name for dataset in catalog().datasets}
    assert families <= {"mmlu", *(d.name for d in catalog().expand(["mmlu", "bbh"]))}
    assert len(others - families) > 40


def test_the_official_track_is_a_mixture_that_holds_out_its_test_tasks():
    official = catalog().mixture("natural_instructions")
    sides = {member.name: member.facts["split"] for member in NIV2.members.values()}
    members = names(catalog().members(official))
    assert len(members) == 756 - 57
    assert {sides[name] for name in members} == {"train"}
    held_out = catalog().held_out(official)
    assert names(held_out) == {name for name, side in sides.items() if side == "test"}
    assert all("test" in dataset.splits.names for dataset in held_out)
