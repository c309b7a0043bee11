import subprocess

import pytest
from conftest import make_catalog

from flan_tasks.core.errors import BuildError
from flan_tasks.core.mixture import Mixture
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.store.checksum import check


@pytest.fixture
def stored(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    found = prepare(Mixture(name="m"), catalog, source=SourceChoice())
    return [item.examples.path for item in found.ingredients]


def test_a_store_is_what_its_checksums_say(stored):
    root = stored[0].parent
    assert check(root).sound == 2 and check(root).without == ()
    names = [path.name + ".sha256" for path in stored]
    subprocess.run(["sha256sum", "-c", *names], cwd=root, check=True, capture_output=True)
    assert not list(root.glob("*.tmp"))


def test_one_changed_byte_is_named(stored):
    data = bytearray(stored[1].read_bytes())
    data[len(data) // 2] ^= 1
    stored[1].unlink()  # it is mapped by this process
    stored[1].write_bytes(data)
    with pytest.raises(BuildError, match=f"makes it anew:(.|\n)*{stored[1].name} was changed"):
        check(stored[0].parent)


def test_a_damaged_checksum_is_named(stored):
    stored[0].with_name(stored[0].name + ".sha256").write_bytes(b"\xff\xfe")
    with pytest.raises(BuildError, match="or its checksum cannot be read"):
        check(stored[0].parent)


def test_files_without_a_checksum_are_not_called_sound(stored):
    stored[0].with_name(stored[0].name + ".sha256").unlink()
    found = check(stored[0].parent)
    assert (found.sound, found.without) == (1, (stored[0].name,))


def test_what_is_no_store_is_said(tmp_path):
    with pytest.raises(BuildError, match="is no store"):
        check(tmp_path / "none")
