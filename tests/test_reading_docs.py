"""The code of docs/reading.md, run as it stands, on builds of the embedded rows."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT

from flan_tasks.datasets import catalog
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.engine.writers import WRITERS
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.vocabulary import open_vocabulary

BLOCK = re.compile(r"<!-- tested: (\S+) -->\n```\w+\n(.*?)```", re.S)
BLOCKS = dict(BLOCK.findall((ROOT / "docs" / "reading.md").read_text(encoding="utf-8")))
# What a block needs, and what it prints.
NEEDS = {
    "arrays": ((), "examples for encoder-decoder"),
    "grain": (("grain",), "(8, 256)"),
    "torch": (("torch",), "torch.int32"),
    "numpy": ((), "flan:"),
    "jsonl": (("datasets",), "->"),
    "parquet": (("datasets",), " "),
    "tfrecord": (("tensorflow",), "flan:"),
    "packed-tfrecord": (("tensorflow",), "(4, 256)"),
    "arrayrecord": (("grain", "array_record", "tensorflow"), "["),
    "seqio-cache": (("seqio",), "["),
}


def make(form: str, folder) -> None:
    found = prepare(catalog().mixture("nli"), catalog(), source=SourceChoice("samples"))
    settings = BuildSettings(
        format=form,
        split="train",
        style="inputs-targets",
        lengths={"inputs": 1024, "targets": 256},
        vocabulary=open_vocabulary("bytes"),
    )
    plan = make_plan(found, seed=0, grouped=WRITERS[form].grouped)
    build(found, plan, settings, folder / form)


def test_every_block_is_here():
    assert set(BLOCKS) == set(NEEDS)


# Those that start TensorFlow take seconds each; the writers' own tests read the same formats.
SLOW = ("tfrecord", "packed-tfrecord", "arrayrecord", "seqio-cache")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in NEEDS]
)
def test_block_runs(name, tmp_path):
    libraries, printed = NEEDS[name]
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    make("arrays" if name in ("grain", "torch", "numpy") else name, tmp_path)
    # In a process of its own: blocks set caches and configurations for the whole process.
    found = subprocess.run(
        [sys.executable, "-c", BLOCKS[name]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": str(ROOT), "HF_DATASETS_CACHE": str(tmp_path / "hf")},
    )
    assert found.returncode == 0, found.stderr[-3000:]
    assert printed in found.stdout
