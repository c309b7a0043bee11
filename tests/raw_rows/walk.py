"""Takes every declared TFDS source as far as it goes without a network; run as a script.

Prints a JSON object: dataset -> the message of its SourceUnavailableError. No connection leaves
the machine: names are not resolved, and a proxy is set that takes no connection, so that each
builder runs to its first download, as behind a proxy that is down.
"""

import json
import os
import socket
import sys
import time
from pathlib import Path


def refuse(host, *arguments, **options):
    if host not in ("127.0.0.1", "localhost"):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return resolve(host, *arguments, **options)


resolve = socket.getaddrinfo
socket.getaddrinfo = refuse
# Pauses between tries: ten for each address, minutes in all.
time.sleep = lambda seconds: None
with socket.socket() as closed:
    closed.bind(("127.0.0.1", 0))
    port = closed.getsockname()[1]
for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
    os.environ[name] = f"http://127.0.0.1:{port}"
os.environ.pop("NO_PROXY", None)
os.environ.pop("no_proxy", None)

from flan_tasks.core.errors import SourceUnavailableError  # noqa: E402 - after the refusal
from flan_tasks.core.origin import Tfds  # noqa: E402
from flan_tasks.datasets import catalog  # noqa: E402
from flan_tasks.raw_rows import open_source  # noqa: E402


def outcome(dataset):
    try:
        return f"read: {open_source(dataset, kind='tfds', samples=None).splits()}"
    except SourceUnavailableError as error:
        assert os.environ["TFDS_DATA_DIR"] not in str(error), error
        return " ".join([str(error), *getattr(error, "__notes__", [])])


manual = Path(os.environ["TFDS_DATA_DIR"]) / "downloads" / "manual"
manual.mkdir(parents=True)
chosen = [d for d in catalog().datasets if isinstance(d.source, Tfds)]
by_hand = {d.name: outcome(d) for d in chosen if d.source.manual}
for dataset in chosen:
    for name in dataset.source.manual_files:
        (manual / name).write_text("")
walked = {d.name: outcome(d) for d in chosen}
left = [str(p) for p in Path(os.environ["TFDS_DATA_DIR"]).rglob("*") if ".tmp." in p.name]
incomplete = [
    str(p) for p in Path(os.environ["TFDS_DATA_DIR"]).rglob("*") if "incomplete" in p.name
]
json.dump({"by_hand": by_hand, "walked": walked, "left": left + incomplete}, open(sys.argv[1], "w"))
