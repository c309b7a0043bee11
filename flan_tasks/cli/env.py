"""`flan env`: versions and settings, for reports."""

import importlib.metadata
import json
import os
import platform
from typing import Any

import click

from flan_tasks.cli import options
from flan_tasks.core.configuration import resolve
from flan_tasks.core.counting import counted
from flan_tasks.core.version import VERSION

_PACKAGES = (
    "seqio",
    "tensorflow",
    "tensorflow-text",
    "tensorflow-datasets",
    "sentencepiece",
    "pyarrow",
    "numpy",
    "protobuf",
    "jax",
    "flax",
    "optax",
    "gin-config",
    "datasets",
    "tokenizers",
    "apache-beam",
    "distributed",
)


@click.command(name="env")
@options.as_json
def command(as_json: bool) -> None:
    """Prints the versions of what is installed, and where names read from."""
    from flan_tasks.core.resources import folder
    from flan_tasks.store.store import default_store

    chosen = resolve()
    cores = counted(os.cpu_count() or 1, "core")
    found: dict[str, Any] = {
        "flan_tasks": VERSION,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {cores}",
        "source": chosen.source,
        "data_dir": str(chosen.data_dir) if chosen.data_dir else "TFDS's own",
        "vocab": chosen.vocab,
        "store": str(default_store()),
        "templates": str(folder("templates")),
        "packages": {name: _version(name) for name in _PACKAGES},
    }
    if as_json:
        click.echo(json.dumps(found))
        return
    packages = found.pop("packages")
    for name, value in (found | packages).items():
        click.echo(f"{name:20s} {value}")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
