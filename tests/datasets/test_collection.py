from flan_tasks.core.dataset import FLAN_2021
from flan_tasks.datasets import catalog


def test_all_means_the_62_of_the_paper_and_nothing_beside_them():
    datasets = catalog().expand(["all"])
    assert {dataset.collection for dataset in datasets} == {FLAN_2021}
    assert len(datasets) == 75 and len({dataset.parent for dataset in datasets}) == 62
    others = [d for d in catalog().datasets if d.collection != FLAN_2021]
    assert len(others) + len(datasets) == len(catalog().datasets)
    beside = {dataset.name for dataset in others if not dataset.collection}
    # The public code of Flan 2022 has the other three besides those of the paper.
    assert beside == {"dialogsum"}
    assert {dataset.collection for dataset in others} == {"", "flan2022"}
