import json
import sys

import pytest

from flan_tasks.core.errors import SourceUnavailableError
from flan_tasks.core.origin import Alternative, HuggingFace
from flan_tasks.raw_rows import open_source
from flan_tasks.raw_rows.base import State
from flan_tasks.raw_rows.huggingface import HuggingFaceSource


@pytest.fixture
def folder(tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    for split, count in (("train", 5), ("test", 2)):
        rows = [{"beast": f"{split} {i}", "bird": i % 2} for i in range(count)]
        path = tmp_path / "data" / f"{split}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(map(json.dumps, rows)))
    return tmp_path / "data"


def test_huggingface_reads_a_folder_in_the_form_of_the_hub(folder):
    source = HuggingFaceSource(HuggingFace(str(folder)))
    assert source.splits() == {"test": 2, "train": 5}
    assert list(source.rows("train", [4, 0]))[0] == {"beast": "train 4", "bird": 0}
    assert source.identity("train")["rows"] == 5


def test_an_alternative_is_adapted_to_the_primary_schema(folder):
    from conftest import toy_dataset

    dataset = toy_dataset(
        alternatives=(
            Alternative(
                HuggingFace(str(folder)),
                adapt=lambda row: {"animal": row["beast"], "bird": row["bird"]},
                splits={"exam": "test"},
            ),
        )
    )
    source = open_source(dataset, kind="hf", samples=None)
    assert source.splits() == {"exam": 2, "train": 5}
    assert list(source.rows("exam", [1])) == [{"animal": "test 1", "bird": 1}]


def test_huggingface_that_cannot_be_read_says_why(tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    source = HuggingFaceSource(HuggingFace(str(tmp_path / "none")))
    with pytest.raises(SourceUnavailableError, match="Hugging Face .*none cannot be read"):
        source.splits()


def test_huggingface_that_needs_a_manual_download_says_so():
    source = HuggingFaceSource(HuggingFace("a/b", manual="ask the authors"))
    assert source.status().state is State.NEEDS_MANUAL
    with pytest.raises(SourceUnavailableError, match="ask the authors"):
        source.splits()


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        SourceUnavailableError, match='needs datasets, of the extra "hf"'
    ) as refusal:
        HuggingFaceSource(HuggingFace("a/b")).splits()
    # In a note, since the message goes into manifests and those hold no path.
    assert refusal.value.__notes__[0].endswith('[hf]"')


def test_an_adapter_that_fails_names_the_row(folder):
    from conftest import toy_dataset

    from flan_tasks.core.errors import RowError

    wrong = Alternative(HuggingFace(str(folder)), adapt=lambda row: {"animal": row["creature"]})
    source = open_source(toy_dataset(alternatives=(wrong,)), kind="hf", samples=None)
    with pytest.raises(RowError, match="split train, row 3: its adapter fails with KeyError"):
        list(source.rows("train", [3]))
