import pytest

from flan_tasks.core.address import Address
from flan_tasks.core.errors import BuildError
from flan_tasks.storage import storage as module
from flan_tasks.storage.faults import READ, WRITTEN, storage_error, told, without_credentials
from flan_tasks.storage.storage import Storage

ADDRESS = Address("s3://bucket/folder")


@pytest.fixture
def storage(memory) -> Storage:
    return Storage(memory)


def test_files_are_written_listed_read_and_removed(storage, tmp_path):
    assert storage.names() == set() and storage.sizes() == {}
    storage.write("a.json", b"{}")
    (tmp_path / "shard").write_bytes(b"12345")
    storage.put(tmp_path / "shard", "data/one")
    assert storage.names() == {"a.json", "data"}
    assert storage.sizes() == {"a.json": 2, "data/one": 5}
    assert storage.sizes("data") == {"data/one": 5}
    assert storage.read_all(["a.json", "gone"]) == {"a.json": b"{}"}
    storage.remove(["a.json", "gone"])
    with pytest.raises(FileNotFoundError):
        storage.read("a.json")


def test_an_object_is_created_once(storage):
    assert storage.create("lock", b"1")
    assert not storage.create("lock", b"2")
    assert storage.read("lock") == b"1"


@pytest.mark.parametrize("size", [0, 5, 23, 24])
def test_a_file_is_fetched_by_ranges(storage, tmp_path, monkeypatch, size):
    monkeypatch.setattr(module, "_PIECE", 6)
    content = bytes(range(size))
    storage.write("x", content)
    storage.fetch("x", tmp_path / "x", size)
    assert (tmp_path / "x").read_bytes() == content


@pytest.mark.parametrize("size", [4, 30])
def test_a_file_of_another_size_is_refused(storage, tmp_path, monkeypatch, size):
    monkeypatch.setattr(module, "_PIECE", 6)
    storage.write("x", b"12345")
    with pytest.raises(BuildError, match="memory://bucket/builds/m/x .*should"):
        storage.fetch("x", tmp_path / "x", size)


def test_what_cannot_create_if_absent_is_refused():
    with pytest.raises(BuildError, match="nothing can be built at local://.*Build at s3://, gs://"):
        Storage(Address("local://host/x")).create("lock", b"")


def test_an_unknown_protocol_is_named():
    with pytest.raises(BuildError, match="nonsense://b cannot be opened: .*nonsense"):
        Storage(Address("nonsense://b"))


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(
        module.extras.importlib.util, "find_spec", lambda name: None if name == "s3fs" else True
    )
    with pytest.raises(BuildError, match=r's3:// needs s3fs, of the extra "s3"'):
        Storage(ADDRESS)


class NoCredentialsError(Exception):
    pass


class EndpointConnectionError(Exception):
    pass


class ReadTimeoutError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError("Access Denied"), "access is refused (Access Denied)"),
        (NoCredentialsError("Unable to locate credentials"), "access is refused (NoCred"),
        (FileNotFoundError("The specified bucket does not exist"), "there is no such bucket"),
        (ReadTimeoutError("Read timeout on endpoint URL"), "does not answer in time"),
        (EndpointConnectionError("Could not connect"), "cannot be reached"),
        (OSError("We encountered an internal error"), "We encountered an internal error"),
    ],
)
def test_an_error_is_one_line_that_names_the_address(error, words):
    text = str(storage_error(error, ADDRESS, WRITTEN))
    assert text.startswith("s3://bucket/folder cannot be written: ") and words in text
    assert text.endswith("run the same command again") and "\n" not in text


def test_errors_hold_no_credentials(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG")
    for text in (
        "bad request to https://host/b?X-Amz-Credential=hidden&X-Amz-Signature=hidden now",
        "https://user:hidden@host/x",
        "the key wJalrXUtnFEMI/K7MDENG is wrong",
        "Authorization: Bearer hidden",
        "aws_secret_access_key='hidden', x",
        '{"token": "hidden"}',
    ):
        shown = without_credentials(text)
        assert "hidden" not in shown and "wJalr" not in shown and "***" in shown


def test_what_a_library_raised_is_not_kept():
    with pytest.raises(BuildError) as caught, told(ADDRESS, READ):
        raise ValueError("token=hidden")
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    assert "hidden" not in str(caught.value)
