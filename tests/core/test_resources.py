import pytest
from conftest import ROOT

from flan_tasks.core.errors import FlanTasksError
from flan_tasks.core.resources import folder


@pytest.mark.parametrize("name", ["templates", "mixtures", "gin"])
def test_folder_is_found_in_a_checkout(name):
    assert folder(name) == ROOT / name


def test_samples_lie_in_the_package():
    assert folder("samples") == ROOT / "flan_tasks" / "samples"


def test_a_missing_folder_is_an_error():
    with pytest.raises(FlanTasksError, match="the nothing folder is missing; looked for"):
        folder("nothing")


@pytest.mark.parametrize("name", ["templates", "mixtures", "gin"])
def test_data_folders_hold_no_python(name):
    # gin/__init__.py would shadow gin-config; the others would become packages of their own.
    assert list((ROOT / name).rglob("*.py")) == []
