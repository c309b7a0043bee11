import importlib
import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

from flan_tasks.core import extras
from flan_tasks.core.errors import (
    BuildError,
    FlanTasksError,
    MissingLibraryError,
    SourceUnavailableError,
)

METADATA = """\
Metadata-Version: 2.1
Name: flan-tasks
Version: 0.1.0
Requires-Dist: numpy>=2,<3
Requires-Dist: click>=8.1,<9
Requires-Dist: datasets>=3; extra == "hf"
Requires-Dist: tokenizers>=0.21; extra == "hf"
Requires-Dist: tensorboardX>=2.6; extra == "train"
Requires-Dist: scikit-learn>=1.5; extra == "eval"
Requires-Dist: scipy>=1.13; extra == "eval"
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that holds the package as an installation does."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(
        ROOT / "flan_tasks",
        folder / "flan_tasks",
        ignore=shutil.ignore_patterns("__pycache__", "samples", "trainer", "build", "vendor"),
    )
    return folder


def commands(site, *, metadata=True, origin=None, path=""):
    """Returns (command for the extra hf, what is said of a missing click, and of scipy)."""
    about = site / "flan_tasks-0.1.0.dist-info"
    shutil.rmtree(about, ignore_errors=True)
    if metadata:
        about.mkdir()
        (about / "METADATA").write_text(METADATA)
        if origin is not None:
            (about / "direct_url.json").write_text(json.dumps(origin))
    code = (
        "from flan_tasks.core import extras; print(extras.install_command('hf'));"
        "print(extras.explain(ModuleNotFoundError(name='click')));"
        "print(extras.explain(ModuleNotFoundError(name='scipy')))"
    )
    done = subprocess.run(
        # Without site: no other installation of the package is seen.
        [sys.executable, "-S", "-c", code],
        env=os.environ | {"PYTHONPATH": f"{site}{path}"},
        cwd=site,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("origin", "command", "for_click"),
    [
        (None, '"flan-tasks[hf]"', '"flan-tasks"'),
        (
            {"url": "file:///no/such/flan_tasks-0.1.0.whl", "archive_info": {}},
            '"datasets>=3" "tokenizers>=0.21"',
            '"click>=8.1,<9"',
        ),
        (
            {
                "url": "https://example.com/flan.git",
                "vcs_info": {"vcs": "git", "commit_id": "abc123"},
            },
            '"flan-tasks[hf] @ git+https://example.com/flan.git@abc123"',
            '"flan-tasks @ git+https://example.com/flan.git@abc123"',
        ),
        (
            {"url": "https://example.com/flan.whl", "archive_info": {}},
            '"flan-tasks[hf] @ https://example.com/flan.whl"',
            '"flan-tasks @ https://example.com/flan.whl"',
        ),
    ],
)
def test_the_command_fits_the_installation(site, origin, command, for_click):
    hf, click, _ = commands(site, origin=origin)
    assert hf.endswith(f" {command}")
    assert click.startswith("This needs click, which is not installed: ")
    assert click.endswith(f" {for_click}")


def test_a_wheel_and_a_folder_are_named_by_their_path(site, tmp_path):
    wheel = tmp_path / "with blank" / "flan_tasks-0.1.0.whl"
    wheel.parent.mkdir()
    wheel.write_bytes(b"")
    hf, *_ = commands(site, origin={"url": wheel.as_uri(), "archive_info": {}})
    assert hf.endswith(f' "flan-tasks[hf] @ {wheel.as_uri()}"')
    hf, *_ = commands(site, origin={"url": wheel.parent.as_uri(), "dir_info": {}})
    assert hf.endswith(f' "{wheel.parent}[hf]"')


def test_a_copy_without_metadata_names_the_libraries(site):
    hf, click, scipy = commands(site, metadata=False)
    assert hf.endswith(' "datasets" "huggingface_hub" "tokenizers"')
    assert click.endswith(' "click"')
    # Nobody there knows of extras.
    assert scipy.startswith("This needs scipy, which is not installed: ")
    assert scipy.endswith(' "scipy"')


def test_where_the_package_cannot_be_named_a_missing_library_brings_its_extra(site):
    gone = {"url": "file:///no/such/flan_tasks-0.1.0.whl", "archive_info": {}}
    *_, scipy = commands(site, origin=gone)
    assert scipy.startswith('This needs scipy, of the extra "eval", which is not installed: ')
    assert scipy.endswith(' "scikit-learn>=1.5" "scipy>=1.13"')


def test_a_checkout_is_installed_as_one():
    assert extras.install_command("hf").endswith(f' -e "{ROOT}[hf]"')
    assert extras.install_command("train", "eval").endswith(f' -e "{ROOT}[train,eval]"')
    assert extras.install_command().endswith(f' -e "{ROOT}"')


def test_an_import_that_fails_is_raised_as_asked():
    with pytest.raises(SourceUnavailableError, match="^Reading needs datasets, of the extra"):
        with extras.needed_for("Reading", error=SourceUnavailableError):
            raise ModuleNotFoundError("No module named 'datasets.x'", name="datasets.x")
    with pytest.raises(MissingLibraryError) as refusal:
        with extras.needed_for("Reading"):
            raise ModuleNotFoundError(name="rich")
    assert isinstance(refusal.value, FlanTasksError) and isinstance(refusal.value, ImportError)


def test_an_import_of_no_library_of_ours_stays_as_it_is():
    with pytest.raises(ModuleNotFoundError, match="my_own"):
        with extras.needed_for("Reading"):
            importlib.import_module("my_own")


def test_a_library_that_is_there_and_broken_is_told_apart():
    error = ImportError("cannot import name 'x' from 'numpy'", name="numpy")
    told = extras.explain(error, "Building")
    assert "numpy, which is installed and cannot be imported (cannot import name 'x'" in str(told)


def test_a_folder_of_a_librarys_name_is_none(tmp_path):
    (tmp_path / "gin").mkdir()
    code = (
        "import sys; sys.modules.pop('gin', None)\n"
        f"sys.path[:] = [{str(tmp_path)!r}, {str(ROOT)!r}]\n"
        "from flan_tasks.core import extras\n"
        "try:\n    from gin import config_parser\n"
        "except ImportError as error:\n    print(extras.explain(error, 'This'))"
    )
    # Python finds its own library where it is built in or frozen, or by what was imported before.
    before = "import importlib.metadata, importlib.util, re, shlex, urllib.parse, logging, typing\n"
    done = subprocess.run(
        [sys.executable, "-c", before + code], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith('This needs gin-config, of the extra "train", which is not inst')


def test_require_asks_without_importing():
    extras.require("numpy", what="Building")
    with pytest.raises(BuildError, match="Building needs apache-beam, of the extra"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "apache_beam", None)
            extras.require("apache_beam", what="Building", error=BuildError)


def without(monkeypatch, *modules):
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


def test_all_that_is_missing_is_named_at_once(monkeypatch):
    without(monkeypatch, "jax", "flax", "orbax", "sklearn")
    with pytest.raises(MissingLibraryError) as refusal:
        extras.require("numpy", "jax", "sklearn", "flax", "orbax", what="Training")
    said, _, command = str(refusal.value).partition(": ")
    assert said == (
        'Training needs jax, flax and orbax-checkpoint, of the extra "train", and scikit-learn, '
        'of the extra "eval", which are not installed'
    )
    assert command.endswith(f' -e "{ROOT}[train,eval]"')


def test_an_extra_is_not_named_beside_one_that_brings_it(monkeypatch):
    without(monkeypatch, "array_record", "tensorflow")
    with pytest.raises(MissingLibraryError) as refusal:
        extras.require("array_record", "tensorflow", what="Writing")
    assert 'array_record, of the extra "arrayrecord", and tensorflow, of the' in str(refusal.value)
    assert str(refusal.value).endswith(f' -e "{ROOT}[arrayrecord]"')
