"""Workers that end, or stand still, at any moment: the build says so, and the next one goes on."""

import os
import resource
import subprocess
import sys
from dataclasses import dataclass

import pytest
from conftest import make_catalog
from processes import HOLDER, children

from flan_tasks.core.errors import BuildError
from flan_tasks.core.mixture import Mixture
from flan_tasks.engine import workers
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.vocabulary import BytesVocabulary


class Large(BytesVocabulary):
    """Makes the work large, and nothing else: 30 MB would fill any pipe or socket."""

    def __init__(self) -> None:
        self.ballast = bytes(30_000_000)


@pytest.fixture
def run(tmp_path):
    prepared = prepare(
        Mixture(name="m"),
        make_catalog(tmp_path, {"birds": 34, "fish": 24}),
        source=SourceChoice(),
    )

    def go(name, *, vocabulary=None, workers=2, **options):
        settings = BuildSettings(
            format="jsonl",
            split="train",
            style="inputs-targets",
            lengths={"inputs": 64, "targets": 16},
            vocabulary=vocabulary or BytesVocabulary(),
            num_shards=5,
        )
        plan, out = make_plan(prepared, seed=0), tmp_path / name
        return build(prepared, plan, settings, out, workers=workers, **options)

    return go


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def goes_on(run, tmp_path):
    """Looks at what a failed build left and finishes it."""

    def check():
        out = tmp_path / "out"
        assert not list(out.rglob("*.tmp")) and not (out / "manifest.json").exists()
        assert not [words for words in children(os.getpid()).values() if "worker_pro" in words]
        run("whole", workers=1)
        run("out", workers=1)
        assert files(out) == files(tmp_path / "whole")

    return check


@dataclass(frozen=True)
class Death:
    """Where a worker ends, how, and what is said of it."""

    # As `fixtures/holder` has it.
    at: str
    how: str
    said: str

    def __str__(self) -> str:
        return f"{self.at.replace(' ', ':')}-{self.how}"


DEATHS = (
    Death("start", "SIGKILL", "was starting to build .* died: signal 9 .*memory runs out"),
    Death("import flan_tasks.plan.plan", "exit", "was starting to build .* died: exit code 7"),
    Death("mmap.__new__", "SIGSEGV", r"was starting to build .* died: signal 11 \(SIGSEGV\)"),
    Death("open 00005.jsonl.tmp", "SIGKILL", "was building data/train-.*-of-00005.jsonl died"),
    Death("os.rename 00005.jsonl.tmp", "SIGABRT", r"was building .* died: signal 6 \(SIGABRT\)"),
)


@pytest.mark.parametrize("death", DEATHS, ids=str)
def test_a_worker_that_dies_at_any_moment_ends_the_build(
    run, goes_on, monkeypatch, tmp_path, death
):
    with monkeypatch.context() as patched:
        patched.setenv("PYTHONPATH", str(HOLDER))
        patched.setenv("HOLD_AT", death.at)
        patched.setenv("HOLD_WHO", "worker")
        patched.setenv("HOLD_HOW", death.how)
        with pytest.raises(BuildError, match=death.said):
            run("out", vocabulary=Large())
    goes_on()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise MemoryError", "died: exit code 1"),
        # A message that breaks off, by its own account of 256 bytes.
        ("os.write(options['pipe'], b'\\0\\0\\1\\0abc'); os._exit(0)", "died: exit code 0"),
        ("os.close(options['pipe']); signal.pause()", "closed its line and is still there"),
        ("os.kill(os.getpid(), signal.SIGRTMIN + 1)", r"died: signal 3\d \(unnamed\)"),
    ],
)
def test_odd_ends_of_a_worker_are_said(run, goes_on, monkeypatch, code, said):
    code = f"import json, os, signal, sys\noptions = json.loads(sys.argv[1])\n{code}"
    with monkeypatch.context() as patched:
        patched.setattr(workers, "_CODE", code)
        patched.setattr(workers, "_GRACE", 0.5 if "pause" in code else 60)
        with pytest.raises(BuildError, match=said) as caught:
            run("out")
    if "MemoryError" in code:
        assert caught.value.__notes__[-1] == "it printed: MemoryError"
    goes_on()


def test_a_worker_that_never_reads_does_not_hold_up_its_end(run, goes_on, monkeypatch):
    # Stopped before it is up; 30 MB wait for it. Whoever watches wants to end, as Ctrl-C would.
    with monkeypatch.context() as patched:
        patched.setenv("PYTHONPATH", str(HOLDER))
        patched.setenv("HOLD_AT", "start")
        patched.setenv("HOLD_WHO", "worker")
        patched.setenv("HOLD_HOW", "SIGSTOP")
        states = []

        def watch(status):
            states.append(status)
            if any(status.running.values()):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run("out", vocabulary=Large(), watch=watch)
    goes_on()


@pytest.mark.slow
def test_many_workers_are_handed_large_work(run, tmp_path):
    run("one", workers=1)
    run("many", vocabulary=Large(), workers=5)
    assert files(tmp_path / "many") == files(tmp_path / "one")


def test_no_descriptor_left_is_said_with_what_helps(run, goes_on):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 40, hard))

    def watch(status):
        try:
            while True:  # what is left is taken
                spare.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            for descriptor in (spare.pop() for _ in range(5)):
                os.close(descriptor)

    try:
        with pytest.raises(BuildError, match="Too many open files.*fewer --workers.*ulimit"):
            run("out", watch=watch)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in spare:
            os.close(descriptor)
    goes_on()


def test_a_system_that_starts_no_process_is_said_with_what_helps(run, goes_on, monkeypatch):
    def popen(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as patched:
        patched.setattr(workers.subprocess, "Popen", popen)
        with pytest.raises(BuildError, match="cannot be started: Resource temporarily.*ulimit"):
            run("out")
    goes_on()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("MemoryError()", "cannot be built: out of memory.*fewer --workers"),
        ("OSError(24, 'Too many open files')", "cannot be .*Too many open files"),
    ],
)
def test_errors_of_the_system_inside_a_worker_are_messages(
    run, goes_on, monkeypatch, tmp_path, error, said
):
    (tmp_path / "ailing.py").write_text(
        "from flan_tasks.vocabulary import BytesVocabulary\n"
        "class Ailing(BytesVocabulary):\n"
        "    def encode(self, texts):\n"
        f"        raise {error}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "ailing", raising=False)
    import ailing

    with pytest.raises(BuildError, match=said):
        run("out", vocabulary=ailing.Ailing())
    goes_on()


def test_neither_shared_memory_nor_a_temporary_folder_is_needed(run, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", "/proc/nowhere")
    monkeypatch.setattr("tempfile.tempdir", "/proc/nowhere")
    opened = []
    sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
    run("out")
    assert not [name for name in opened if name.startswith(("/dev/shm", "/tmp/pymp", "/proc/now"))]


@pytest.mark.skipif(sys.platform != "linux", reason="told by Linux alone")
def test_a_worker_whose_parent_ended_before_it_began_ends_at_once():
    code = (
        "import os\n"
        "from flan_tasks.engine.worker_process import main\n"
        # Neither descriptor is one: it ends before it reads anything.
        "main(0, 0, [], parent=os.getpid())"
    )
    ended = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, b"", b"")
