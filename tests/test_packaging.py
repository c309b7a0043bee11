"""What a wheel holds, and that an installed package finds its data."""

import os
import subprocess
import sys
import zipfile

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow


def run(*words, **env):
    found = subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | env,
        cwd=env.pop("cwd", None),
    )
    assert found.returncode == 0, found.stderr[-3000:]
    return found.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    # From a copy of what git has: a checkout may hold build leftovers.
    source = folder / "source"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True)
    run("-m", "build", "--wheel", "--outdir", folder, source)
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_holds_every_data_file(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        f"flan_tasks/resources/{path.relative_to(ROOT)}"
        for folder in ("templates", "mixtures", "gin")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    } | {str(path.relative_to(ROOT)) for path in (ROOT / "flan_tasks/samples").rglob("*.jsonl")}
    for folder in ("page", "vendor"):
        wanted |= {
            f"flan_tasks/report/{folder}/{p.name}"
            for p in (ROOT / "flan_tasks/report" / folder).iterdir()
        }
    assert wanted <= names
    assert not [name for name in names if name.startswith(("tests/", "gin/", "templates/"))]


def test_an_installed_wheel_works_away_from_the_checkout(wheel, tmp_path):
    target = tmp_path / "site"
    run("-m", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel)
    env = {"PYTHONPATH": str(target), "FLAN_TASKS_STORE": str(tmp_path / "store")}
    printed = subprocess.run(
        [
            sys.executable,
            "-m",
            "flan_tasks.cli.main",
            "build",
            "rte",
            "--source",
            "samples",
            "--out",
            str(tmp_path / "out"),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | env,
        timeout=300,
    )
    assert printed.returncode == 0, printed.stderr
    assert "Realized" in printed.stdout
    where = run("-c", "import flan_tasks; print(flan_tasks.__file__)", cwd=tmp_path, **env)
    assert where.startswith(str(target))
