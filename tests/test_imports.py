"""Which room may call which, and what importing costs."""

import ast
import subprocess
import sys

import pytest
from conftest import ROOT

PACKAGE = ROOT / "flan_tasks"
# Lower rooms first; a module may import from its own room and from rooms before it.
ROOMS = (
    "core",
    "repairs",
    "promptsource",
    "datasets",
    "specs",
    "storage",
    "raw_rows",
    "drafts",
    "metrics",
    "vocabulary",
    "chat",
    "store",
    "decontamination",
    "plan",
    "packing",
    "engine",
    "row_views",
    "reports",
    "reader",
    "evaluation",
    "suites",
    "models",
    "checkpoints",
    "inference",
    "trainer",
    "results_page",
    "jobs",
    "experiments",
    "seqio",
    "api",
    "registration",
    "cli",
    "__main__",
)
# The public names of the package are found when they are asked for; its own import needs core.
PUBLIC = "flan_tasks"
ONLY_CORE = (
    *("repairs", "promptsource", "datasets", "specs", "storage", "raw_rows", "metrics"),
    "vocabulary",
)
# Libraries of these rooms beside the standard one.
ALLOWED = {"flan_tasks.repairs.characters": ("ftfy",)}


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def modules() -> dict[str, ast.Module]:
    """Every module of ours, read."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            path.read_text(encoding="utf-8")
        )
        for path in sorted(PACKAGE.rglob("*.py"))
    }


MODULES = modules()


def imports():
    """Who imports what, late imports and those for type checkers among them."""
    for name, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from ((name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name} imports relatively"
                # `from flan_tasks.core import extras` names a module.
                inside = [f"{node.module}.{alias.name}" for alias in node.names]
                yield from ((name, one if one in MODULES else node.module) for one in inside)


OURS = sorted({(a, b) for a, b in imports() if b.split(".")[0] == "flan_tasks"})
THEIRS = sorted({(a, b.split(".")[0]) for a, b in imports() if b.split(".")[0] != "flan_tasks"})


@pytest.mark.parametrize(
    ("importer", "imported"), [(a, b) for a, b in OURS if a != PUBLIC and room(a) != room(b)]
)
def test_no_arrow_points_back(importer, imported):
    assert imported != PUBLIC, f"{importer} imports the public names, which are made of it"
    above, below = room(importer), room(imported)
    assert ROOMS.index(below) < ROOMS.index(above), f"{importer} imports {imported}"
    if above in ONLY_CORE:
        below_declarations = ("core", "repairs", "promptsource")
        allowed = below_declarations if above == "datasets" else ("core",)
        assert below in allowed, f"{importer} imports {imported}; it needs core alone"


def test_no_module_is_imported_by_what_it_imports():
    wanted = {name: {b for a, b in OURS if a == name} for name in MODULES if name != PUBLIC}
    while free := [name for name, below in wanted.items() if not below & wanted.keys()]:
        for name in free:
            del wanted[name]
    # What is left lies on a circle, or above one.
    assert not wanted, sorted(wanted)


@pytest.mark.parametrize(
    ("importer", "library"),
    [(a, b) for a, b in THEIRS if room(a) in ("core", "repairs", "datasets")],
)
def test_core_and_declarations_use_the_standard_library_alone(importer, library):
    allowed = library in sys.stdlib_module_names or library in ALLOWED.get(importer, ())
    assert allowed, f"{importer} imports {library}"


@pytest.mark.parametrize(
    ("importer", "library"),
    [(a, b) for a, b in THEIRS if b in ("tensorflow", "tensorflow_datasets", "seqio")],
)
def test_tensorflow_is_imported_in_its_places_only(importer, library):
    allowed = (
        "flan_tasks.raw_rows.tfds",
        "flan_tasks.engine.writers.tfrecord",
        "flan_tasks.reports.stored",
        "flan_tasks.seqio.stream",
        "flan_tasks.seqio.task",
        "flan_tasks.seqio.planned_mixture",
        "flan_tasks.registration",
        "flan_tasks.seqio.calls",  # for type checkers
        "flan_tasks.trainer.seqio_data",
    )
    assert importer in allowed, f"{importer} imports {library}"


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize(
    "code",
    [
        "import flan_tasks",
        "import flan_tasks; flan_tasks.datasets.names(); flan_tasks.templates('rte')",
        "import sys; sys.argv = ['flan', 'list']; from flan_tasks.cli.main import cli\n"
        "cli.main(['list'], standalone_mode=False)",
        "from flan_tasks.cli.main import cli; cli.main(['build', '--help'], standalone_mode=False)",
    ],
)
def test_light_calls_load_nothing_heavy(code):
    heavy = (
        "('tensorflow', 'jax', 'seqio', 'tensorflow_datasets', 'numpy', 'pyarrow', 'datasets',"
        " 'sentencepiece', 'sklearn', 'ftfy')"
    )
    printed = run(f"{code}\nimport sys\nprint('LOADED', [n for n in {heavy} if n in sys.modules])")
    assert printed.splitlines()[-1] == "LOADED []"


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("import flan_tasks", {"core", "core.version"}),
        (
            "import sys; sys.argv = ['flan', '--help']; from flan_tasks.cli.start import main\n"
            "try: main()\nexcept SystemExit: pass",
            {
                *("cli", "cli.main", "cli.start", "core", "core.endings", "core.errors"),
                *("core.escaping", "core.extras", "core.interrupts", "core.version"),
            },
        ),
    ],
)
def test_what_begins_every_command_loads_little_of_ours(code, ours):
    printed = run(
        f"{code}\nimport sys\nprint([n[11:] for n in sys.modules if n.startswith('flan_tasks.')])"
    )
    assert set(ast.literal_eval(printed.splitlines()[-1])) == ours


def test_declaring_loads_no_settings_of_builds_and_reads_no_source():
    code = """
import linecache, sys
import flan_tasks as ft
ft.add, ft.Dataset, ft.Family, ft.Mixture, ft.TemplateSet
print([n for n in sys.modules if n.startswith("flan_tasks.specs")])
print([n for n in linecache.cache if n.endswith("core/family.py")])
print("source:" in ft.Family.__doc__)
print([n for n in linecache.cache if n.endswith("core/family.py")] != [])
"""
    assert run(code).splitlines() == ["[]", "[]", "True", "True"]


@pytest.mark.parametrize("words", [["--help"], ["list"], ["list", "--mixtures"]])
def test_quick_commands_load_no_slow_part_of_the_standard_library(words):
    # What the interpreter loads itself, as the finder of an editable installation, is not counted.
    code = f"""
import sys
before = set(sys.modules)
sys.argv = ["flan", *{words}]
from flan_tasks.cli.start import main
try:
    main()
except SystemExit:
    pass
slow = ("importlib.metadata", "email.message", "socket", "difflib", "random", "sysconfig",
        "traceback", "concurrent.futures", "asyncio", "multiprocessing", "unittest")
print([name for name in slow if name in set(sys.modules) - before])
"""
    assert run(code).splitlines()[-1] == "[]"


def test_importing_opens_no_file_of_data_and_no_socket():
    code = """
import sys
seen = []
def look(event, args):
    if event.startswith("socket."):
        seen.append(event)
    if event == "open" and str(args[0]).endswith((".toml", ".jsonl", ".arrow")):
        seen.append(str(args[0]))
sys.addaudithook(look)
import flan_tasks
print(seen)
"""
    assert run(code).strip() == "[]"


def test_the_reader_needs_numpy_alone():
    heavy = "('tensorflow', 'jax', 'seqio', 'pyarrow', 'datasets', 'sentencepiece', 'sklearn')"
    code = f"import flan_tasks.reader, sys; print([n for n in {heavy} if n in sys.modules])"
    assert run(code).strip() == "[]"


def test_packing_from_a_filled_store_needs_no_pandas():
    code = """
import sys
from flan_tasks.packing.packed_rows import packed_shard
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.vocabulary import open_vocabulary
from flan_tasks.datasets import catalog
found = prepare(catalog().mixture("rte"), catalog(), source=SourceChoice("samples"))
plan = make_plan(found, seed=0)
lengths = {"inputs": 1024, "targets": 256}
packed_shard(plan, 0, len(plan), vocabulary=open_vocabulary("bytes"), lengths=lengths,
             arch="encoder-decoder")
print([n for n in ("pandas", "tensorflow", "datasets") if n in sys.modules])
"""
    run(code)  # fills the store
    assert run(code).splitlines()[-1] == "[]"
