"""What users call from Python."""

import pytest
from conftest import TOY_TEMPLATES, toy_dataset

import flan_tasks as ft
from flan_tasks.api import declaring
from flan_tasks.core.catalog import Catalog
from flan_tasks.core.errors import DeclarationError, TemplateError


@pytest.fixture(autouse=True)
def catalog(monkeypatch):
    """A catalog of the test's own, so that nothing stays in the process's."""
    found = Catalog()
    monkeypatch.setattr(declaring, "catalog", lambda: found)
    monkeypatch.setattr(declaring, "_register_late", lambda item: None)
    return found


def test_a_dataset_can_be_added_again_once_its_templates_are_mended(tmp_path):
    path = tmp_path / "birds.toml"
    path.write_text(TOY_TEMPLATES.replace("targets", "target"))
    with pytest.raises(TemplateError):
        ft.add(toy_dataset(), templates=path)
    path.write_text(TOY_TEMPLATES)
    assert ft.add(toy_dataset(), templates=path).cluster == "own"


def test_a_text_in_place_of_a_list_of_names_is_refused():
    with pytest.raises(DeclarationError, match="include is one text"):
        ft.mixture("mine", include="rte")


def test_templates_of_a_user_are_named_by_their_own_path(tmp_path, catalog):
    path = tmp_path / "birds.toml"
    path.write_text(TOY_TEMPLATES)
    ft.add(toy_dataset(), templates=path)
    assert catalog.templates("birds").path == str(path)
    path.write_text(TOY_TEMPLATES.replace("targets", "target"))
    with pytest.raises(TemplateError, match=f"{path}: template 'plain': unknown key"):
        ft.add(toy_dataset("fish"), templates=path)
