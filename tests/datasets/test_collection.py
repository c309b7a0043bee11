from flan_tasks.core.dataset import FLAN_2021
from flan_tasks.datasets import catalog


def test_all_means_the_62_of_the_paper_and_nothing_beside_them():
    datasets = catalog().expand(["all"])
    assert {dataset.collection for dataset in datasets} == {FLAN_2021}
    assert len(datasets) == 75 and len({dataset.parent for dataset in datasets}) == 62
    beside = {dataset.name for dataset in catalog().datasets} - {d.name for d in datasets}
    assert beside == {"wsc", "true_case", "word_segment"}
