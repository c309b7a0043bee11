"""Natural Instructions' index and builds beside a table and files of the release."""

import json
from collections import Counter

import pytest
from conftest import REAL

from flan_tasks.core.mixture import Mixture
from flan_tasks.core.splits import SPLITS
from flan_tasks.datasets import catalog
from flan_tasks.datasets._natural_instructions_tables import LANGUAGES, cluster_of, license_of
from flan_tasks.datasets.natural_instructions import NIV2
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.store.store import Store

FILES = REAL / "flan22" / "niv2"
MANY = 10**6


def test_the_index_says_what_a_table_of_the_release_says():
    path = FILES / "task_table.jsonl"
    if not path.is_file():
        pytest.skip("no table of the release is available (FLAN_TASKS_TEST_DATA names its folder)")
    table = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert {row["task"] for row in table} == set(NIV2.by_source_name)
    with_facts = 0
    for row in table:
        member = NIV2.by_source_name[row["task"]]
        task = NIV2.task(member.name)
        assert member.facts["split"] == row["split"]
        assert member.in_default_mixtures is not row["mmlu_derived"]
        assert ("test" in task.splits.names) is (row["split"] == "test" or row["xlingual_test"])
        if "category" not in row:
            continue  # of a file that whoever made the table did not have
        with_facts += 1
        assert member.facts["category"] == row["category"]
        assert member.cluster == cluster_of(row["category"])
        assert task.license == license_of(tuple(row["licence"]))
        assert member.size == {"train": row["instances"]}
        inputs, outputs = (
            [LANGUAGES[name] for name in row[f"{side}_language"]] for side in ("input", "output")
        )
        assert member.facts["input_languages"] == list(dict.fromkeys(inputs))
        assert member.facts["output_languages"] == list(dict.fromkeys(outputs))
        assert set(task.languages) == {*inputs, *outputs}
    assert with_facts == 1461


@pytest.mark.slow
def test_rows_of_every_real_file_are_examples_in_the_store_or_counted_as_skipped(tmp_path):
    paths = sorted((FILES / "tasks").glob("*.json"))
    if not paths:
        pytest.skip("no real task files are available (FLAN_TASKS_TEST_DATA names their folder)")
    counts = {
        f"niv2:{NIV2.member(path.stem).name}": len(json.loads(path.read_bytes())["Instances"])
        for path in paths
    }
    mixture = Mixture(name="real", include=tuple(counts), cap=MANY, limit=MANY)
    read, skipped = Counter(), Counter()
    for split in SPLITS:
        ready = prepare(
            mixture,
            catalog(),
            source=SourceChoice("files", FILES),
            split=split,
            store=Store(tmp_path / "store"),
        )
        assert not ready.missing
        for item in ready.ingredients:
            examples = item.examples
            assert len(examples) + sum(examples.skipped.values()) == examples.rows
            read[item.dataset.name] += examples.rows
            skipped.update(examples.skipped)
    assert read == counts and len(counts) == 331
    assert skipped == {"no output": 8, "is a solved example of its task": 3}
    # One file for each split, whichever number of tasks.
    assert len(list((tmp_path / "store").glob("*.arrow"))) == len(SPLITS)
