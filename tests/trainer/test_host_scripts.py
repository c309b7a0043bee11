"""The scripts for several hosts in docs/training.md: what they ask for is what we read."""

import os
import re
import shlex
import shutil
import subprocess

import pytest
from conftest import ROOT

from flan_tasks.specs.gin_files import load
from flan_tasks.trainer.main import parse

PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
SECTION = PAGE.split("### Several hosts\n")[1].split("\n## ")[0]


def script(language):
    """The block of that language."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", SECTION, re.S | re.M)
    return text


def trained(words, monkeypatch):
    """What `flan train` reads of the words behind it."""
    monkeypatch.chdir(ROOT)
    options = parse(words[words.index("train") + 1 :])
    return load(options.files, options.bindings).run


@pytest.mark.parametrize("code", [0, 1, 143])
def test_a_job_of_slurm_is_queued_again_where_it_was_stopped(code, tmp_path, monkeypatch):
    (tmp_path / "job.sh").write_text(script("bash"))
    stands_in = {
        "srun": f'printf "%s\\n" "$@" >words; exit {code}',
        "scontrol": 'echo "$@" >queued',
    }
    for name, does in stands_in.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    where = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "1723"}
    bash = shutil.which("bash")
    ended = subprocess.run([bash, "job.sh"], cwd=tmp_path, env=where, timeout=60, check=False)
    assert ended.returncode == code
    queued = tmp_path / "queued"
    assert queued.is_file() == (code == 143)
    if code == 143:
        assert queued.read_text() == "requeue 1723\n"
    run = trained((tmp_path / "words").read_text().splitlines(), monkeypatch)
    assert run.hosts.coordinator_address == "auto"


def test_a_job_of_kubernetes_has_as_many_processes_as_pods(monkeypatch):
    yaml = pytest.importorskip("yaml")
    service, job = yaml.safe_load_all(script("yaml"))
    spec = job["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"] == ["/bin/sh", "-c"]
    (command,) = container["args"]
    words = shlex.split(command.replace("$JOB_COMPLETION_INDEX", "3"))
    assert words[:3] == ["exec", "flan", "train"]
    hosts = trained(words, monkeypatch).hosts
    assert hosts.num_processes == spec["completions"] == spec["parallelism"]
    assert hosts.process_id == 3
    # The name of pod 0 behind the service's.
    name = job["metadata"]["name"]
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": name}
    assert hosts.coordinator_address == f"{name}-0.{pod['subdomain']}:8476"
