"""Natural Instructions as TFDS and the hub have it: trees in their form, all but the download."""

import json

import pytest

import flan_tasks as ft
from flan_tasks.core.errors import SourceUnavailableError

# One of the official training tasks, one with dots in its name, and one of the official test tasks.
TASKS = (
    "task092_check_prime_classification",
    "task348_squad2.0_unanswerable_question_generation",
    "task1344_glue_entailment_classification",
)
NAMES = [f"niv2:{name.replace('.', '_')}" for name in TASKS]
# Not in our index: a file of somebody's own.
STRANGE = "task9999_of_somebody"


def rows(tasks=TASKS, count=40):
    """Rows as TFDS has them: one output each, a definition each, tasks one among the other."""
    return [
        {
            "definition": f"Do what {task} asks.",
            "id": f"{task.split('_')[0]}-{number:032x}",
            "input": f" Look at number {number} of {task}. ",
            "output": f"{number}" if number != 7 else "",
            "source": "made_up",
            "task_name": task,
        }
        for number in range(count)
        for task in (*tasks, STRANGE)
    ]


@pytest.fixture(scope="module")
def tfds_tree(tmp_path_factory):
    tf = pytest.importorskip("tensorflow")
    tfds = pytest.importorskip("tensorflow_datasets")
    folder = tmp_path_factory.mktemp("tfds")
    table = {name: [row[name] for row in rows()] for name in rows()[0]}
    tfds.dataset_builders.store_as_tfds_dataset(
        name="natural_instructions",
        version="1.0.1",
        data_dir=folder,
        features=tfds.features.FeaturesDict({name: tfds.features.Text() for name in table}),
        split_datasets={"train": tf.data.Dataset.from_tensor_slices(table)},
    )
    assert (folder / "natural_instructions" / "1.0.1" / "features.json").exists()
    return folder


@pytest.fixture(params=["jsonl", "parquet"])
def hub_copy(request, tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "hub" / "Muennighoff" / "natural-instructions" / "train"
    folder.mkdir(parents=True)
    for task in (*TASKS, STRANGE):
        of_it = [
            {
                "task_name": task,
                "id": row["id"],
                "definition": row["definition"],
                "inputs": row["input"],
                "targets": row["output"],
            }
            for row in rows()
            if row["task_name"] == task
        ]
        if request.param == "jsonl":
            text = "".join(json.dumps(row) + "\n" for row in of_it)
            (folder / f"{task}_train.jsonl").write_text(text, encoding="utf-8")
        else:
            pq = pytest.importorskip("pyarrow.parquet")
            import pyarrow as pa

            pq.write_table(pa.Table.from_pylist(of_it), folder / f"{task}_train.parquet")
    return tmp_path / "hub"


def built(out, kind, data_dir, **settings):
    ft.build(
        ft.Mixture(name="elsewhere", include=tuple(NAMES), cap=1000),
        out,
        source=kind,
        data_dir={kind: data_dir},
        store=out.with_name("store"),
        allow_missing=True,
        **settings,
    )
    lines = [
        json.loads(line)
        for path in sorted((out / "data").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return json.loads((out / "manifest.json").read_text()), lines


def check(manifest, lines):
    """What both have: definitions, one output, no examples, tasks by name."""
    # All rows of the test task are for its test; a tenth of each other one is for validation.
    assert [task["task"] for task in manifest["tasks"]] == sorted(f"flan:{n}" for n in NAMES[:2])
    texts = {line["inputs"] for line in lines}
    skipped = sum(task["skipped"].get("no output", 0) for task in manifest["tasks"])
    assert len(lines) == len(texts) == 72 - skipped and skipped <= 2
    for line in lines:
        (task,) = (task for task in TASKS if f"of {task}." in line["inputs"])
        assert f"Do what {task} asks." in line["inputs"]
        assert line["task"] == f"flan:niv2:{task.replace('.', '_')}"
        assert f"number {line['targets']} of" in line["inputs"]
        # The lines that show solved examples are gone, their labels with them.
        assert "xample" not in line["inputs"].replace("Do what", ""), line["inputs"]
        assert "{" not in line["inputs"]


def test_a_tree_of_tfds_is_read(tfds_tree, tmp_path):
    manifest, lines = built(tmp_path / "out", "tfds", tfds_tree)
    check(manifest, lines)
    _, asked = built(tmp_path / "test", "tfds", tfds_tree, split="test")
    assert {line["task"] for line in asked} == {f"flan:{NAMES[2]}"}
    assert len(asked) == 39


def test_a_copy_of_the_hub_is_read(hub_copy, tmp_path):
    manifest, lines = built(tmp_path / "out", "hf", hub_copy)
    check(manifest, lines)


def test_a_task_that_the_tree_lacks_says_so(tfds_tree, tmp_path):
    with pytest.raises(SourceUnavailableError, match="tfds has no row of it"):
        ft.build(
            "niv2:task001_quoref_question_generation",
            tmp_path / "out",
            source="tfds",
            data_dir=tfds_tree,
            store=tmp_path / "store",
        )
