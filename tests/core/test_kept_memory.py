"""Freed memory that stays with the process."""

import subprocess
import sys

import pytest

from flan_tasks.core import kept_memory

# How many pages the system cleared for 20 pieces of 64 MB, each freed before the next.
CODE = """
import resource, sys
import numpy as np
from flan_tasks.core.kept_memory import keep_freed_memory
keeps = keep_freed_memory() if sys.argv[1] == "keep" else False
np.ones(2**23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(2**23)
print(keeps, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages(how, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    command = [sys.executable, "-c", CODE, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    keeps, count = done.stdout.split()
    return keeps == "True", int(count)


def test_what_is_freed_is_cleared_once(monkeypatch):
    keeps, few = pages("keep", monkeypatch)
    if not keeps:
        pytest.skip("the C library is not glibc")
    _, many = pages("not", monkeypatch)
    assert few < 20 < many


@pytest.mark.parametrize("platforms", ["cuda", "tpu,cpu"])
def test_beside_an_accelerator_nothing_changes(platforms, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", platforms)
    assert not kept_memory.keep_freed_memory()


def test_where_jax_has_a_plugin_for_an_accelerator_nothing_changes(monkeypatch):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setattr(kept_memory.metadata, "entry_points", lambda group: [group])
    assert not kept_memory.keep_freed_memory()


def test_of_another_system_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(kept_memory.sys, "platform", "darwin")
    assert not kept_memory.keep_freed_memory()
