"""Modules copied into other folders: which they are, and that they are ours but for imports."""

import ast
import re

from conftest import ROOT

from flan_tasks.evaluation.carried import carried


def test_what_exports_carry_is_the_metrics_and_what_they_need():
    # Longer lists are to be thought about: no declarations, no sources, no building.
    assert [path for path in carried("evaluation.harness") if not path.endswith("__init__.py")] == [
        *(f"core/{n}.py" for n in ("counting", "errors", "extras", "joints")),
        "core/languages.py",
        "core/parsing.py",
        "evaluation/harness.py",
        *(f"metrics/{n}.py" for n in ("answers_in_passages", "by_name", "classes")),
        *(f"metrics/{n}.py" for n in ("generated_texts", "gold", "label_sets", "option_labels")),
        *(f"metrics/{n}.py" for n in ("reasoning", "words")),
    ]


def test_code_is_ours_but_for_imports():
    files = carried("evaluation.harness")
    for path, text in files.items():
        assert not re.search(r"^\s*(import|from) flan_tasks", text, re.MULTILINE)
        if path != "__init__.py":
            ours = (ROOT / "flan_tasks" / path).read_text(encoding="utf-8")
            assert text.replace("from ..", "from flan_tasks.") == ours


def test_the_oldest_python_of_the_harness_reads_the_code():
    for path, text in carried("evaluation.harness").items():
        tree = ast.parse(text, path, feature_version=(3, 10))
        for node in tree.body:
            # Of Python 3.11; it may be imported where it is used, which no metric does.
            assert not (isinstance(node, ast.Import) and node.names[0].name == "tomllib"), path
