"""Strings under fields: read, shown by help(), and there for every field of a public class."""

import ast
import dataclasses
import inspect
import pydoc
from dataclasses import dataclass

import pytest
from conftest import ROOT

import flan_tasks
from flan_tasks.core.field_docs import DocWithFields, field_docs


@dataclass
class Nest:
    """Where birds live."""

    eggs: int
    """How many eggs
    are in it."""
    height: float = 2.0
    color: str = "brown"
    """Of the "straw"."""


@dataclass
class Burrow(Nest):
    """A nest in the ground."""

    depth: float = 1.0
    """In meters."""


def test_strings_under_fields_are_their_docs():
    assert field_docs(Nest) == {"eggs": "How many eggs are in it.", "color": 'Of the "straw".'}
    assert list(field_docs(Burrow)) == ["eggs", "color", "depth"]


def test_the_docstring_gets_them_when_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(Burrow, "__doc__", DocWithFields(Burrow.__doc__))
    assert inspect.getdoc(Burrow).splitlines() == [
        "A nest in the ground.",
        "",
        "Attributes:",
        "  eggs: How many eggs are in it.",
        '  color: Of the "straw".',
        "  depth: In meters.",
    ]


def test_a_class_that_no_file_has_is_without():
    made = dataclasses.make_dataclass("Made", [("x", int)])
    assert field_docs(made) == {}


@pytest.mark.parametrize("name", flan_tasks.__all__)
def test_help_of_a_public_class_explains_every_field(name):
    cls = getattr(flan_tasks, name)
    if not (inspect.isclass(cls) and dataclasses.is_dataclass(cls)):
        return
    shown = pydoc.render_doc(cls, renderer=pydoc.plaintext)
    for part in dataclasses.fields(cls):
        assert f"{part.name}: " in shown and part.name in field_docs(cls), part.name


def test_every_field_of_every_public_class_is_explained():
    silent = []
    for path in sorted((ROOT / "flan_tasks").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            if not any("dataclass" in ast.unparse(one) for one in node.decorator_list):
                continue
            for part, after in zip(node.body, [*node.body[1:], None], strict=True):
                explained = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                if isinstance(part, ast.AnnAssign) and not explained:
                    silent.append(f"{path.name}: {node.name}.{ast.unparse(part.target)}")
    assert silent == []
