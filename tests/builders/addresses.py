"""Addresses to build at: fsspec's own memory, which only this process sees."""

import pytest

from flan_tasks.core.address import Address


@pytest.fixture
def memory(tmp_path, monkeypatch) -> Address:
    """An empty address in memory; what is fetched from it lies in `tmp_path / "cache"`."""
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setenv("FLAN_TASKS_CACHE", str(tmp_path / "cache"))
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield Address("memory://bucket/builds/m")
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def lying_at(address: Address) -> dict[str, bytes]:
    """Every file under an address in memory: name -> content."""
    import fsspec

    root = "/" + str(address).partition("://")[2] + "/"
    store = fsspec.filesystem("memory").store
    return {
        path.removeprefix(root): file.getvalue()
        for path, file in store.items()
        if path.startswith(root)
    }
