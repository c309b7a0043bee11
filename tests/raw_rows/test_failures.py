"""Downloads that fail in every way end in one line that says what was asked for and what to do."""

import errno
import http.server
import json
import shutil
import threading
import time

import pytest

from flan_tasks.core.errors import SourceUnavailableError
from flan_tasks.core.origin import HuggingFace, Tfds
from flan_tasks.datasets import catalog
from flan_tasks.raw_rows import open_source
from flan_tasks.raw_rows.base import State
from flan_tasks.raw_rows.failures import in_words
from flan_tasks.raw_rows.tfds import TfdsSource

TRIED = []


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers /404 with 404 and so on; /200 breaks off in the middle."""

    def do_GET(self):
        TRIED.append(self.path)
        code = int(self.path.strip("/").split("/")[0])
        self.send_response(code)
        self.send_header("Content-Length", "10" if code == 200 else "0")
        self.end_headers()
        if code == 200:
            self.wfile.write(b"half")

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    made.server_close()


@pytest.fixture(scope="module")
def builder():
    """A TFDS builder whose downloads are what `builder.step` does."""
    tfds = pytest.importorskip("tensorflow_datasets")

    class FlanTasksProbe(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")
        step = None

        def _info(self):
            features = tfds.features.FeaturesDict({"text": tfds.features.Text()})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, dl_manager):
            found = type(self).step(dl_manager)
            return {"train": self._generate_examples(found)}

        def _generate_examples(self, texts):
            yield from enumerate({"text": text} for text in texts)

    return FlanTasksProbe


@pytest.fixture
def source(builder, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between tries
    origin = Tfds("flan_tasks_probe:1.0.0")

    def attempt(step):
        builder.step = staticmethod(step)
        return TfdsSource(origin, columns=(), dataset="probe").splits()

    return attempt


def refused(source, step):
    with pytest.raises(SourceUnavailableError) as refusal:
        source(step)
    said = str(refusal.value)
    assert said.startswith("probe: TFDS flan_tasks_probe:1.0.0: its download failed: ")
    assert "Run the same command again" in said and "--data-dir" in said
    assert "flan sources probe" in said and "\n" not in said
    return said


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (403, "HTTP 403, it is not for everyone"),
        (404, "HTTP 404, it is not there any more"),
        (429, "HTTP 429, too many requests"),
        (503, "HTTP 503, the server has a fault"),
        (200, "the connection broke off"),
    ],
)
def test_an_answer_that_is_no_file(source, server, tmp_path, code, meaning):
    url = f"{server}/{code}/rows.zip"
    said = refused(source, lambda manager: manager.download(url))
    assert meaning in said
    assert url in said or code == 200  # where it broke off, the library names no address
    assert not list((tmp_path / "data").rglob("*.tmp.*"))
    # What failed is in the way of nothing.
    assert source(lambda manager: ["one", "two"]) == {"train": 2}


def test_a_proxy_that_is_down(source, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    said = refused(source, lambda manager: manager.download("http://example.com/rows.zip"))
    assert "the proxy that HTTPS_PROXY" in said and "http://example.com/rows.zip" in said


def raising(error):
    def step(manager):
        raise error

    return step


def test_errors_of_requests_are_told_apart(source):
    requests = pytest.importorskip("requests")
    asked = requests.Request("GET", "https://example.com/rows.zip")
    for kind, meaning in (
        (requests.exceptions.ReadTimeout, "its host stopped answering"),
        (requests.exceptions.ConnectTimeout, "its host does not answer"),
        (requests.exceptions.SSLError, "its certificate is not accepted"),
        (requests.exceptions.ConnectionError, "its host is not reached"),
    ):
        said = refused(source, raising(kind("what the library says", request=asked)))
        assert meaning in said and "https://example.com/rows.zip" in said


def test_a_changed_checksum(source):
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    error = NonMatchingChecksumError("Artifact https://example.com/a.zip, downloaded to /b, has")
    said = refused(source, raising(error))
    assert "its owner has changed it" in said and "https://example.com/a.zip" in said


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), "the disk is full. "),
        (OSError("Not enough disk space. Needed: 5 GiB"), "Not enough disk space. Needed: 5 GiB"),
        (PermissionError(errno.EACCES, "Permission denied", "/data"), "permission denied. "),
        (
            ModuleNotFoundError("No module named 'lxml'", name="lxml"),
            'lxml, of the extra "tfds", which is not installed',
        ),
        (ValueError("too old\nfor this"), "ValueError: too old. "),
        (ValueError("no /home/me/data/rows.csv here"), "ValueError: no rows.csv here. "),
    ],
)
def test_what_is_wrong_here(source, error, meaning):
    with pytest.raises(SourceUnavailableError) as refusal:
        source(raising(error))
    assert meaning in str(refusal.value) and "\n" not in str(refusal.value)
    notes = getattr(refusal.value, "__notes__", [])
    where = getattr(error, "filename", None)
    assert (where in notes) if where else (len(notes) == isinstance(error, ImportError))


def test_a_host_that_takes_no_connection_is_not_asked_eleven_times(builder, source, monkeypatch):
    urls = {"http://127.0.0.1:9/rows.zip": None}
    monkeypatch.setattr(builder, "url_infos", urls)
    tried = []
    said = refused(source, tried.append)
    assert "its host takes no connection (http://127.0.0.1" in said
    assert not tried


def test_a_folder_without_its_info_is_named(builder, source, tmp_path):
    folder = tmp_path / "data" / "flan_tasks_probe" / "1.0.0"
    folder.mkdir(parents=True)
    with pytest.raises(SourceUnavailableError, match="has no dataset_info.json.*Remove"):
        source(lambda manager: ["one"])


def test_what_was_fetched_by_hand_is_read(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_datasets")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    names = ("train.json", "val.json", "test.json")
    origin = Tfds("samsum:1.0.0", manual="put them there", manual_files=names)
    assert TfdsSource(origin, columns=()).status().state is State.NEEDS_MANUAL
    manual = tmp_path / "downloads" / "manual"
    manual.mkdir(parents=True)
    rows = [{"id": "1", "dialogue": "Ann: Hi\nBo: Hi", "summary": "Ann greets Bo."}]
    for name in names:
        assert TfdsSource(origin, columns=()).status().state is State.NEEDS_MANUAL
        (manual / name).write_text(json.dumps(rows))
    source = TfdsSource(origin, columns=("summary",))
    assert source.status().state is State.NEEDS_DOWNLOAD
    assert list(source.rows("train", range(1))) == [{"summary": "Ann greets Bo."}]


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
    """`datasets` with an empty cache, and no network allowed."""
    datasets = pytest.importorskip("datasets")
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache"


ON_THE_HUB = [
    (dataset, other)
    for dataset in catalog().datasets
    for other in dataset.alternatives
    if isinstance(other.origin, HuggingFace)
]


def test_every_declared_alternative_says_that_the_hub_is_out_of_reach(no_hub):
    assert len(ON_THE_HUB) > 20
    for dataset, other in ON_THE_HUB:
        with pytest.raises(SourceUnavailableError) as refusal:
            open_source(dataset, kind="hf", samples=None).splits()
        said = str(refusal.value)
        assert said.startswith(f"{dataset.name}: Hugging Face {other.origin.path}")
        assert "\n" not in said
        if other.origin.manual:
            assert other.origin.manual in said
        else:
            assert "HF_HUB_OFFLINE" in said and "HF_TOKEN" in said
            assert f"flan sources {dataset.name}" in said


def test_what_the_cache_of_the_hub_holds_needs_no_network(no_hub, tmp_path):
    datasets = pytest.importorskip("datasets")
    folder = tmp_path / "mrpc"
    folder.mkdir()
    row = {"sentence1": "It rains.", "sentence2": "Rain falls.", "label": 1, "idx": 0}
    for split in ("train", "validation", "test"):
        (folder / f"{split}.jsonl").write_text(json.dumps(row))
    datasets.load_dataset(str(folder))
    # What that wrote, under the names that it has where it came from the hub.
    (made,) = {path.parent for path in no_hub.rglob("*.arrow")}
    cached = no_hub / "nyu-mll___glue" / "mrpc" / "0.0.0" / "abc"
    cached.mkdir(parents=True)
    for path in made.iterdir():
        shutil.copy(path, cached / path.name.replace("mrpc-", "glue-"))
    info = json.loads((cached / "dataset_info.json").read_text())
    info |= {"dataset_name": "glue", "config_name": "mrpc"}
    (cached / "dataset_info.json").write_text(json.dumps(info))
    source = open_source(catalog()["glue_mrpc"], kind="hf", samples=None)
    assert source.splits() == {"test": 1, "train": 1, "validation": 1}
    (read,) = source.rows("train", [0])
    assert (read["sentence1"], read["label"]) == ("It rains.", 1)


def test_the_deepest_cause_is_told():
    try:
        try:
            raise TimeoutError("timed out")
        except TimeoutError as error:
            raise RuntimeError("all tries failed for https://example.com/a") from error
    except RuntimeError as error:
        said = in_words(error, "Fetching it")
    assert said[0] == "Fetching it failed: its host does not answer (https://example.com/a)"
