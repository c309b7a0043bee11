"""Builds at servers of S3 and Google Cloud Storage, with faults; slow: servers are waited for."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import ROOT
from object_stores import KEY, SECRET, objects, use_server

import flan_tasks
from flan_tasks.core.address import Address
from flan_tasks.core.errors import BuildError
from flan_tasks.storage import lease
from flan_tasks.storage.storage import Storage

pytestmark = pytest.mark.slow

WORDS = ("build", "rte", "--source", "samples", "--examples", "240", "--shards", "8")
WORDS = (*WORDS, "--vocab", "bytes", "--format", "arrays")


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def local(flan, tmp_path):
    """What the same command builds here."""
    flan(*WORDS, "--out", tmp_path / "here")
    return files(tmp_path / "here")


@pytest.fixture(params=["s3", "gcs"])
def address(request) -> Address:
    return request.getfixturevalue(request.param)


def without_secrets(*texts):
    for text in texts:
        data = text if isinstance(text, bytes) else str(text).encode()
        assert KEY.encode() not in data and SECRET.encode() not in data


def test_build_verify_and_read(flan, address, local, tmp_path):
    printed = flan(*WORDS, "--out", address)
    assert str(address) in printed.out
    there = objects(address)
    assert there == local
    without_secrets(printed.out, printed.err, *there.values())
    assert f"{address}: " in flan("verify", address).out
    assert "complete; nothing was written" in flan(*WORDS, "--out", address).out
    reader, here = flan_tasks.open(str(address)), flan_tasks.open(tmp_path / "here")
    for step in (0, 7):
        ours, theirs = reader.batch(step, 8, seed=3), here.batch(step, 8, seed=3)
        for name in theirs:
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_of_many_writers_one_creates(address):
    storage, won = Storage(address), []

    def create(number):
        if storage.create("lock", str(number).encode()):
            won.append(str(number).encode())

    for _ in range(5):
        threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won == [storage.read("lock")]
        storage.remove(["lock"])
        won.clear()


def test_a_killed_build_goes_on(flan, address, local, tmp_path, monkeypatch):

    given = {"FSSPEC_GS_TOKEN": "anon"} if address.protocol == "gs" else {}
    environment = {**os.environ, **given, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "flan_tasks", *WORDS, "--out", str(address), "--workers", "2"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        storage, deadline = Storage(address), time.monotonic() + 300
        while sum("data--" in name for name in storage.sizes()) < 2:
            assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    there = storage.sizes()
    assert ".progress/lock" in there and "manifest.json" not in there
    with pytest.raises(BuildError, match="is an unfinished build"):
        flan_tasks.open(str(address))
    monkeypatch.setattr(lease, "STALE", -1.0)
    printed = flan(*WORDS, "--out", address)
    assert "from before" in printed.err
    assert objects(address) == local


def test_answers_of_500_now_and_then_change_nothing(flan, faulty, s3, local):
    count = iter(range(10**6))
    faulty.fault = lambda method, path: 500 if next(count) % 5 == 2 else None
    flan(*WORDS, "--out", s3)
    faulty.fault = lambda method, path: None
    assert objects(s3) == local


@pytest.mark.parametrize(
    ("fault", "words"),
    [(500, "no: 500"), (503, "no: 503"), (403, "access is refused"), (30.0, "in time")],
)
def test_a_server_that_fails_for_good_ends_in_one_line(flan, faulty, s3, local, fault, words):
    faulty.fault = lambda method, path: fault if method == "PUT" and "00003" in path else None
    printed = flan(*WORDS, "--out", s3, code=1)
    (line,) = [one for one in printed.err.splitlines() if one.startswith("flan: ")]
    assert line.startswith(f"flan: {s3}/data/train-00003-of-00008.") and words in line
    without_secrets(printed.err, printed.out)
    faulty.fault = lambda method, path: None
    there = objects(s3)
    # Whole objects alone, and each as the build will have it.
    assert "manifest.json" not in there and ".progress/lock" not in there
    assert all(local[name] == data for name, data in there.items() if name.startswith("data/"))
    flan(*WORDS, "--out", s3)
    assert objects(s3) == local


def test_a_server_that_is_not_there_ends_in_one_line(flan, faulty, s3, monkeypatch):
    use_server("127.0.0.1:1", monkeypatch)
    printed = flan(*WORDS, "--out", s3, code=1)
    assert f"flan: {s3} cannot be read: the server cannot be reached" in printed.err


def test_without_credentials_it_says_so(flan, s3, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    printed = flan(*WORDS, "--out", s3, code=1)
    assert "access is refused (NoCredentialsError" in printed.err


def test_a_bucket_that_is_not_there_is_named(flan, s3):
    printed = flan(*WORDS, "--out", "s3://no-such-bucket/x", code=1)
    assert "s3://no-such-bucket/x" in printed.err and "there is no such bucket" in printed.err


def test_a_server_that_ignores_conditions_is_refused(flan, faulty, s3):
    faulty.without = {"if-none-match"}
    printed = flan(*WORDS, "--out", s3, code=1)
    assert "ignores If-None-Match" in printed.err
    assert objects(s3) == {}


@pytest.mark.parametrize(
    ("fault", "words"),
    [(500, "Internal Server Error"), (403, "access is refused"), (30.0, "in time")],
)
def test_a_reader_says_what_a_server_answers_and_goes_on(flan, faulty, s3, fault, words):
    flan(*WORDS, "--no-report", "--out", s3)
    reader = flan_tasks.open(str(s3))
    faulty.fault = lambda method, path: fault if "targets.npy" in path else None
    with pytest.raises(BuildError, match=f"s3://.*targets.npy cannot be read: .*{words}"):
        reader.batch(0, 4)
    printed = flan("verify", s3, code=1)
    assert f"flan: {s3}/data/" in printed.err and words in printed.err
    without_secrets(printed.err, printed.out)
    faulty.fault = lambda method, path: None
    assert len(reader.batch(0, 4)["decoder_target_tokens"]) == 4
    flan("verify", s3)


@pytest.mark.parametrize("size", [13 << 20, 104 << 20])
def test_long_files_are_put_and_fetched_whole(address, tmp_path, size):
    """Longer than what is put in one request, and fetched by ranges."""
    content = np.random.default_rng(0).integers(0, 256, size, np.uint8).tobytes()
    (tmp_path / "x").write_bytes(content)
    storage = Storage(address)
    storage.put(tmp_path / "x", "x")
    storage.fetch("x", tmp_path / "y", len(content))
    assert (tmp_path / "y").read_bytes() == content


def test_a_long_file_is_asked_for_by_ranges(faulty, s3, tmp_path):
    storage, piece = Storage(s3), 4 << 20
    storage.write("x", bytes(9 << 20))
    storage.fetch("x", tmp_path / "x", 9 << 20)
    starts = [f"bytes={start}-" for start in (0, piece, 2 * piece)]
    assert sorted(one[: one.index("-") + 1] for one in faulty.ranges) == starts


def test_a_long_file_that_is_cut_off_is_not_there(faulty, s3, tmp_path):
    """The last of its parts is refused, and the connection of another cut."""
    (tmp_path / "x").write_bytes(bytes(104 << 20))
    for fault in (403, 30.0):
        faulty.fault = lambda method, path, fault=fault: fault if "partNumber=3" in path else None
        with pytest.raises(BuildError, match=r"/x cannot be written: "):
            Storage(s3).put(tmp_path / "x", "x")
        assert objects(s3) == {}


def test_the_lock_of_a_build_names_nobody(s3):
    held = lease.Lease(Storage(s3), ".progress/lock", "r")
    held.take()
    text = objects(s3)[".progress/lock"]
    held.release()
    without_secrets(text)
    assert json.loads(text).keys() == {"owner", "recipe", "beats"}
