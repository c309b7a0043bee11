"""A normalizer that gives other examples states another version, as stored ones are kept by it."""

import dataclasses
import hashlib
import importlib.metadata
import json

import pytest
from conftest import ROOT

from flan_tasks import repairs
from flan_tasks.core import example as example_module
from flan_tasks.core.example import Skip
from flan_tasks.datasets import catalog
from flan_tasks.raw_rows import open_source
from flan_tasks.raw_rows.reading import read_examples

GOLDEN = ROOT / "tests" / "golden" / "normalizers.jsonl"
DATASETS = {dataset.name: dataset for dataset in catalog().datasets if dataset.version}


def entry(name: str) -> dict:
    """What a normalizer makes of the embedded rows, and the versions that answer for it."""
    dataset = DATASETS[name]
    source = open_source(dataset, kind="samples", samples=catalog().samples(name))
    digest = hashlib.sha256()
    for split in dataset.splits.names:
        for number, items in read_examples(dataset, source, split):
            for item in items:
                about = item.reason if isinstance(item, Skip) else dataclasses.asdict(item)
                line = json.dumps([split, number, about], sort_keys=True, ensure_ascii=False)
                digest.update(line.encode() + b"\n")
    return {
        "dataset": name,
        "versions": [dataset.version, example_module.VERSION, repairs.VERSION],
        "ftfy": importlib.metadata.version("ftfy"),
        "sha256": digest.hexdigest(),
    }


@pytest.mark.parametrize("name", DATASETS)
def test_other_examples_have_another_version(name, request):
    golden = {}
    if GOLDEN.exists():
        lines = GOLDEN.read_text(encoding="utf-8").splitlines()
        golden = {one["dataset"]: one for one in map(json.loads, lines)}
    now = entry(name)
    then = golden.get(name, {})
    if request.config.getoption("--update-golden"):
        kept = ("versions", "ftfy")
        assert now["sha256"] == then.get("sha256", now["sha256"]) or any(
            now[key] != then[key] for key in kept
        ), f"{name}: its examples are others; raise `version` in its declaration"
        golden[name] = now
        text = "".join(json.dumps(golden[one]) + "\n" for one in DATASETS if one in golden)
        GOLDEN.write_text(text, encoding="utf-8")
        return
    if then.get("ftfy") != now["ftfy"]:
        pytest.skip("another release of ftfy may repair other texts, and is in the key itself")
    assert now == then, f"{name}: raise `version` in its declaration, then --update-golden"
