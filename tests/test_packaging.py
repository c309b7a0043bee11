"""What a wheel holds, and that an installed package finds its data."""

import json
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
        for folder in ("templates", "mixtures", "suites", "gin", "experiments")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    } | {str(path.relative_to(ROOT)) for path in (ROOT / "flan_tasks/samples").rglob("*.jsonl")}
    for folder in ("page", "page_parts", "vendor"):
        wanted |= {
            f"flan_tasks/reports/{folder}/{p.name}"
            for p in (ROOT / "flan_tasks/reports" / folder).iterdir()
        }
    parts = (ROOT / "flan_tasks/results_page/parts").iterdir()
    wanted |= {str(path.relative_to(ROOT)) for path in parts}
    wanted.add("flan_tasks/datasets/niv2.index.jsonl")
    # Which the build writes, for `flan list`.
    wanted |= {f"flan_tasks/datasets/{name}.json" for name in ("published", "published_tasks")}
    wanted.add("flan_tasks/py.typed")  # else type checkers take the package for untyped
    assert wanted <= names
    assert not [name for name in names if name.startswith(("tests/", "gin/", "templates/"))]
    assert not [name for name in names if name.endswith(".pyc")]


def test_an_installed_wheel_works_away_from_the_checkout(wheel, tmp_path):
    target = tmp_path / "site"
    run("-m", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel)
    env = {"PYTHONPATH": str(target), "FLAN_TASKS_STORE": str(tmp_path / "store")}
    printed = subprocess.run(
        [
            sys.executable,
            "-m",
            "flan_tasks",
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
    lists = run("-m", "flan_tasks", "list", cwd=tmp_path, **env)
    assert lists == run("-m", "flan_tasks", "list", cwd=ROOT, PYTHONPATH=str(ROOT))
    where = run("-c", "import flan_tasks; print(flan_tasks.__file__)", cwd=tmp_path, **env)
    assert where.startswith(str(target))


def fresh(wheel, folder, extras=""):
    """Returns the interpreter of an environment with what the wheel asks for and nothing else."""
    python = folder / "env" / "bin" / "python"
    run("-m", "venv", folder / "env")
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", f"{wheel}{extras}"],
        capture_output=True,
        text=True,
        timeout=3000,
    )
    if "No matching distribution" in installed.stderr or "Connection" in installed.stderr:
        pytest.skip("pip reaches no index")
    assert installed.returncode == 0, installed.stderr[-3000:]
    return python


def test_a_light_installation_is_light_and_builds(wheel, tmp_path):
    python = fresh(wheel, tmp_path)
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    sizes = {
        path.name: sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
        for path in site.iterdir()
        if path.name not in ("pip", "setuptools", "pkg_resources")
    }
    # README says 280 MB; a new release of a library may take some more.
    assert sum(sizes.values()) < 400e6, sorted(sizes.items(), key=lambda one: -one[1])[:5]
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    env["FLAN_TASKS_STORE"] = str(tmp_path / "store")
    for form in ("jsonl", "parquet", "arrays"):
        words = ("build", "rte", "--source", "samples", "--vocab", "bytes", "--format", form)
        for command in ((*words, "--out", form), ("verify", form)):
            done = subprocess.run(
                [python.with_name("flan"), *command],
                capture_output=True,
                text=True,
                cwd=tmp_path,
                env=env,
            )
            assert done.returncode == 0, done.stderr


def test_what_pip_installs_is_all_that_downloads_need(wheel, tmp_path):
    """With the extra that reads TFDS (2 GB, minutes)."""
    python = fresh(wheel, tmp_path, "[tfds]")
    walked = subprocess.run(
        [python, ROOT / "tests" / "raw_rows" / "walk.py", tmp_path / "walk.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        | {"TFDS_DATA_DIR": str(tmp_path / "data")},
    )
    assert walked.returncode == 0, walked.stderr[-3000:]
    outcomes = json.loads((tmp_path / "walk.json").read_text())
    assert len(outcomes["walked"]) > 70
    assert [said for said in outcomes["walked"].values() if "not installed" in said] == []
    for module in ("bs4", "lxml", "importlib_resources"):
        subprocess.run([python, "-c", f"import {module}"], check=True)
