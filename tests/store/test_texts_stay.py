"""A text of a row reaches the reader of a build as it was: line ends, indentation and all."""

import json

import pytest
from conftest import make_catalog

import flan_tasks
from flan_tasks.core.mixture import Mixture
from flan_tasks.engine.manifest_file import read_manifest
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.reports.stored import READERS, all_rows
from flan_tasks.vocabulary import open_vocabulary

TEXTS = (
    "    return number % 1.0",
    "    total = 0\n    for x in xs:\n        total += x\n\n    return total",
    "\tif a:\r\n\t\tb",
    "  Two roads diverged\nin a yellow wood",
    "\u3000\u3000\u4e00\u53e5",
    "a\u00a0b  c\t\td",
    'quotes " and \\ and {braces} and %s %(x)s',
    "trailing blanks inside  \nof a text",
)


@pytest.fixture
def prepared(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 40})
    rows = [json.dumps({"animal": f"{text}\n", "bird": 1}) for text in TEXTS]
    # Enough of them, so that the templates draw each.
    (tmp_path / "birds" / "train.jsonl").write_text("\n".join(rows * 12) + "\n")
    return prepare(Mixture(name="m"), catalog, source=SourceChoice())


@pytest.mark.parametrize("form", [*READERS, "arrays"])
def test_texts_come_back_as_they_went_in(prepared, tmp_path, form):
    grouped = form == "seqio-cache"
    settings = BuildSettings(
        format=form,
        split="train",
        style="inputs-targets",
        lengths={"inputs": 200, "targets": 200},
        vocabulary=open_vocabulary("bytes"),
    )
    plan = make_plan(prepared, seed=0, grouped=grouped)
    build(prepared, plan, settings, tmp_path / "out")
    if form == "arrays":
        reader = flan_tasks.open(tmp_path / "out")
        pairs = [reader.text(e) for row in range(len(reader)) for e in reader.unpack(row)]
    else:
        rows = all_rows(tmp_path / "out", read_manifest(tmp_path / "out"))
        pairs = [(row["inputs"], row["targets"]) for row in rows]
    asked = "".join(inputs for inputs, _ in pairs)
    for text in TEXTS:
        assert f"Animal: {text}\nBird:" in asked or f"Is a {text} a bird?" in asked
    targets = {targets for _, targets in pairs}
    assert targets <= {*TEXTS, "yes"} and len(targets) > 4
