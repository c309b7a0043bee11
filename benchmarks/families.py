"""A made-up family of 1,613 tasks, and what starting from it costs.

    python -m benchmarks.families --rows 20000000 --place /tmp/families

Writes the family's declaration, index and a filled store into `--place` (kept, and used again: 3 GB
for 20 million rows, and 8.5 GB for the plain dataset), and prints one JSON line: seconds to list
it, to start a build from the store, and to lint it; memory of a worker; microseconds a rendered
row, beside those of a plain dataset of as many rows, in pieces that alternate; files of the store;
with SeqIO, seconds to register all names and until the first packed batch of all these rows, and of
a task of SeqIO's own beside them. Each is run in a process of its own. Texts are made up and short
(about 120 letters). The store is filled many rows at a time (`benchmarks/made_up_store.py`);
`--read` reads and normalizes each, as a build
does.

Processor seconds stand beside those of the clock, for a machine that is busy. Of the memory,
`anon_mb` is the process's own; `peak_mb` counts pages of the store as well, which are mapped, and
which the system takes back where memory is short.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

TASKS = 1613
ROOT = Path(__file__).parent.parent
DEFINITION = "Do with the words below what task {0} asks, and say nothing else. " * 4
# The number of the row, and of its task.
TEXT = "row {} of task {}, with some words that nobody needs to read, and a few more of them"

MODULE = '''
from pathlib import Path
import flan_tasks as ft
HERE = Path(__file__).parent

def _instance(row, member):
    """Does what the definition of a task asks."""
    return ft.Example(fields={"text": row["input"]}, answer=row["output"])

def _row(row):
    """Does what the definition of a task asks."""
    return ft.Example(
        fields={"text": row["input"], "definition": row["definition"]}, answer=row["output"]
    )

def _definition(record, member):
    return {"definition": record["definition"]}

ft.add(
    ft.Family(
        name="made_up", source=ft.Files({"rows": "rows.jsonl"}, root=str(HERE)), task_column="task",
        index=HERE / "index.jsonl", splits=ft.Splits(train="rows"),
        schema={"input": str, "output": str}, normalize=_instance, fields=("text",),
        constants=("definition",), constants_of=_definition, keeps_order=True,
        metrics=("rouge",), license="CC0-1.0",
        citation="Made up, 2026", version=1,
    ),
    templates=HERE / "templates.toml",
)
ft.add(
    ft.Dataset(
        name="plain", source=ft.Files({"rows": "rows.jsonl"}, root=str(HERE)),
        splits=ft.Splits(train="rows"), schema={"input": str, "output": str, "definition": str},
        normalize=_row, fields=("text", "definition"), metrics=("rouge",), license="CC0-1.0",
        citation="Made up, 2026", version=1,
    ),
    templates=HERE / "templates.toml",
)
for name in ("made_up", "plain"):
    ft.add(ft.Mixture(name=f"all_{name}", include=(name,), cap=10**9, limit=10**9))
'''

MEASURE = """
import json, resource, sys, time
start, start_cpu = time.perf_counter(), time.process_time()
import made_up_module
from flan_tasks.datasets import catalog
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import render_texts
from flan_tasks.store.store import Store
from pathlib import Path
imported, imported_cpu = time.perf_counter(), time.process_time()
name = sys.argv[1]
mixture = catalog().mixture(f"all_{name}")
ready = prepare(mixture, catalog(), source=SourceChoice(), store=Store(Path("store")))
plan = make_plan(ready, seed=0)
render_texts(plan, plan.rows(0, 1))
started, started_cpu = time.perf_counter(), time.process_time()
step, rows = 8192, 0
render_texts(plan, plan.rows(0, min(len(plan), step)))
before, before_cpu = time.perf_counter(), time.process_time()
while rows < min(len(plan), 20 * step) and time.perf_counter() - before < 60:
    stop = min(len(plan), rows + step)
    render_texts(plan, plan.rows(rows, stop))
    rows = stop
seconds, cpu = time.perf_counter() - before, time.process_time() - before_cpu
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "import_s": round(imported - start, 3), "import_cpu_s": round(imported_cpu - start_cpu, 3),
    "start_s": round(started - imported, 3), "start_cpu_s": round(started_cpu - imported_cpu, 3),
    "us_a_row": round(1e6 * seconds / rows, 2), "cpu_us_a_row": round(1e6 * cpu / rows, 2),
    "rendered": rows, "planned": len(plan),
    "tasks": len(plan.ingredients), "anon_mb": int(status["RssAnon"].split()[0]) // 1024,
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
}))
"""


PAIRED = """
import json, statistics, time
import made_up_module
from flan_tasks.datasets import catalog
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import render_texts
from flan_tasks.store.store import Store
from pathlib import Path
plans = {}
for name in ("made_up", "plain"):
    mixture = catalog().mixture(f"all_{name}")
    ready = prepare(mixture, catalog(), source=SourceChoice(), store=Store(Path("store")))
    plans[name] = make_plan(ready, seed=0)
rows = min(8192, *map(len, plans.values()))
def spent(name, number):
    plan = plans[name]
    start = number * rows % (len(plan) - rows + 1)
    clock, cpu = time.perf_counter(), time.process_time()
    render_texts(plan, plan.rows(start, start + rows))
    return 1e6 * (time.perf_counter() - clock) / rows, 1e6 * (time.process_time() - cpu) / rows
for name in plans:
    spent(name, 0)
pairs = []
for number in range(1, 41):
    order = list(plans) if number % 2 else list(plans)[::-1]
    times = {name: spent(name, number) for name in order}
    pairs.append([times["made_up"], times["plain"]])
measured = {"pairs": len(pairs), "rows": rows}
for place, unit in enumerate(("us", "cpu_us")):
    family, plain = ([pair[side][place] for pair in pairs] for side in (0, 1))
    measured[f"made_up_{unit}_a_row"] = round(statistics.median(family), 2)
    measured[f"plain_{unit}_a_row"] = round(statistics.median(plain), 2)
    more = [a - b for a, b in zip(family, plain)]
    measured[f"{unit}_a_row_more"] = round(statistics.median(more), 2)
print(json.dumps(measured))
"""


SEQIO = """
import json, os, sys, time
import numpy, pyarrow, seqio
clock, cpu = time.perf_counter(), time.process_time()
def spent():
    return round(time.perf_counter() - clock, 2), round(time.process_time() - cpu, 2)
measured = {}
if sys.argv[1] == "register":
    import flan_tasks.registration
    measured["register_s"], measured["register_cpu_s"] = spent()
else:
    if sys.argv[1] == "bare":
        import tensorflow
        def rows(split, shuffle_files=False, seed=None):
            texts = {"inputs": [f"some words, {n}" for n in range(2000)], "targets": ["yes"] * 2000}
            return tensorflow.data.Dataset.from_tensor_slices(texts)
        feature = seqio.Feature(seqio.ByteVocabulary())
        steps = [seqio.preprocessors.tokenize, seqio.preprocessors.append_eos]
        seqio.TaskRegistry.add(
            "bare", source=seqio.FunctionDataSource(rows, splits=("train",)), preprocessors=steps,
            output_features={"inputs": feature, "targets": feature},
        )
    else:
        import made_up_module
        import flan_tasks as ft
        ft.configure(vocab="bytes")
        os.environ["FLAN_TASKS_STORE"] = "store"
        import flan_tasks.registration
    clock, cpu = time.perf_counter(), time.process_time()
    mixture = seqio.get_mixture_or_task(sys.argv[1])
    lengths = {"inputs": 1024, "targets": 256}
    converter = seqio.EncDecFeatureConverter(pack=True)
    packed = seqio.get_dataset(mixture, lengths, converter, shuffle=True, seed=0, num_epochs=None)
    next(iter(packed.batch(32)))
    measured["first_packed_s"], measured["first_packed_cpu_s"] = spent()
    measured["tasks"] = len(getattr(mixture, "tasks", [mixture]))
print(json.dumps(measured))
"""


def write(place: Path, rows: int, tasks: int, *, whole: bool = False) -> None:
    """Writes declaration, index, templates and rows, unless they are there for as many.

    Args:
      place: the folder.
      rows: of all tasks.
      tasks: how many there are.
      whole: whether all rows are written; else the first of each task, which make the store's key.
    """
    about = place / "about.json"
    if about.exists() and json.loads(about.read_text()) == [rows, tasks, whole]:
        return
    place.mkdir(parents=True, exist_ok=True)
    (place / "made_up_module.py").write_text(MODULE)
    words = "input question row item text case words query line entry".split()
    templates = [
        f'[[template]]\nid = "{word}"\ntargets = "{{answer}}"\n'
        f"inputs = '''\n{{definition}}\n\n{word.title()}: {{text}}'''\n"
        for word in words
    ]
    (place / "templates.toml").write_text("# Does what a definition asks.\n" + "\n".join(templates))
    names = [f"task{number:04d}_made_up_of_words" for number in range(tasks)]
    each = rows // tasks
    with (place / "index.jsonl").open("w") as index, (place / "rows.jsonl").open("w") as out:
        for number, name in enumerate(names):
            line = {"source_name": name, "cluster": f"kind_{number % 76}", "size": {"rows": each}}
            index.write(json.dumps(line) + "\n")
            record = {"task": name, "definition": DEFINITION.format(number)}
            for row in range(each if whole else 1):
                text = {"input": TEXT.format(row, number), "output": f"answer {row}"}
                out.write(json.dumps(record | text) + "\n")
    about.write_text(json.dumps([rows, tasks, whole]))


def timed(name: str, words: list[str], place: Path) -> dict[str, float]:
    """Returns the seconds that a command takes, by the clock and of processors."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    run(words, place)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {f"{name}_s": round(wall, 2), f"{name}_cpu_s": round(cpu, 2)}


def run(words: list[str], place: Path) -> str:
    """Runs Python with the place and the benchmarks in its path, and returns what it printed."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    done = subprocess.run(
        [sys.executable, *words],
        cwd=place,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(words)[:200]} ended with {done.returncode}")
    return done.stdout


def main() -> None:
    """Measures and prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--place", type=Path, required=True)
    parser.add_argument("--read", action="store_true", help="read and normalize every row")
    parser.add_argument("--without-plain", action="store_true", help="measure the family alone")
    parser.add_argument("--seqio", action="store_true", help="measure the mixture in SeqIO too")
    options = parser.parse_args()
    place = options.place.resolve()
    write(place, options.rows, options.tasks, whole=options.read)
    measured: dict[str, object] = {"rows": options.rows, "tasks": options.tasks}
    names = ["made_up"] if options.without_plain else ["made_up", "plain"]
    for name in names:
        if not options.read:
            sizes = [str(options.rows), str(options.tasks)]
            filled = ["-m", "benchmarks.made_up_store", name, *sizes]
            measured |= timed(f"fill_{name}", filled, place)
        run(["-c", MEASURE, name], place)  # fills the store, and notes that its files are intact
        measured[name] = json.loads(run(["-c", MEASURE, name], place))
    if not options.without_plain:
        measured["paired"] = json.loads(run(["-c", PAIRED], place))
    if options.seqio:
        for name in ("register", "flan:mix.all_made_up", "bare"):
            words = ["-W", "ignore", "-c", SEQIO, name]
            measured[name] = json.loads(run(words, place).splitlines()[-1])
    flan = ["-m", "flan_tasks"]
    module = ["--module", "made_up_module"]
    measured |= timed("list", [*flan, "list", *module], place)
    measured |= timed("list_without", [*flan, "list"], place)
    measured |= timed("lint", [*flan, "lint", "made_up", *module], place)
    measured["store_files"] = len(list((place / "store").glob("made_up-*")))
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
