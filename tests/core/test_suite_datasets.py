"""What names of suites mean for those who leave out of training what stands in a benchmark."""

import pytest

from flan_tasks.core.suite_datasets import settled, suite_datasets


@pytest.mark.parametrize(
    ("name", "given", "names"),
    [
        ("rte", (), ("rte",)),
        ("mmlu", (), ("mmlu",)),
        ("mmlu@flan", (), ("mmlu@flan",)),
        # Asked by what is given: the name says by which.
        ("t0_heldout", (), ("t0_heldout@templates",)),
        ("t0_heldout", ("p3",), ("t0_heldout@p3",)),
        ("t0_heldout@templates", ("p3",), ("t0_heldout@templates",)),
    ],
)
def test_a_name_that_is_written_down_means_the_same_wherever_it_is_read(name, given, names):
    assert settled(name, given=given) == names
    here = suite_datasets(name, given=given) or (name,)
    elsewhere = tuple(d for one in names for d in suite_datasets(one) or (one,))
    assert here == elsewhere


def test_a_file_is_the_datasets_that_it_names(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('datasets = ["rte", "cb"]\n[protocols.short]\ndatasets = ["cb"]\n')
    assert settled(str(path)) == ("cb",)
    path.write_text('datasets = ["rte", "cb"]\n[protocols.short]\n')
    assert settled(f"{path}@short") == ("rte", "cb")
