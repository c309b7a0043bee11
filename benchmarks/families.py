"""A made-up family of 1,613 tasks, and what starting from it costs.

    python -m benchmarks.families --rows 2000000 --place /tmp/families

Writes the family's declaration, index and a filled store into `--place` (kept, and used again), and
prints one JSON line: seconds to list it, to start a build from the store, and to lint it; memory of
a worker; microseconds a rendered row, beside those of a plain dataset of as many rows; files of the
store. Each is run in a process of its own. Texts are made up and short (about 120 letters).
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

TASKS = 1613
DEFINITION = "Do with the words below what task {0} asks, and say nothing else. " * 4
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
        constants=("definition",), constants_of=_definition, metrics=("rouge",), license="CC0-1.0",
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
start = time.perf_counter()
import made_up_module
from flan_tasks.datasets import catalog
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import render_texts
from flan_tasks.store.store import Store
from pathlib import Path
imported = time.perf_counter()
name = sys.argv[1]
mixture = catalog().mixture(f"all_{name}")
ready = prepare(mixture, catalog(), source=SourceChoice(), store=Store(Path("store")))
plan = make_plan(ready, seed=0)
started = time.perf_counter()
step, rows = 8192, 0
render_texts(plan, plan.rows(0, step))
before = time.perf_counter()
while rows < min(len(plan), 20 * step) and time.perf_counter() - before < 60:
    stop = min(len(plan), rows + step)
    render_texts(plan, plan.rows(rows, stop))
    rows = stop
seconds = time.perf_counter() - before
print(json.dumps({
    "import_s": round(imported - start, 3), "start_s": round(started - imported, 3),
    "us_a_row": round(1e6 * seconds / rows, 2), "rendered": rows, "planned": len(plan),
    "tasks": len(plan.ingredients),
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
}))
"""


def write(place: Path, rows: int, tasks: int) -> None:
    """Writes declaration, index, templates and rows, unless they are there for as many."""
    about = place / "about.json"
    if about.exists() and json.loads(about.read_text()) == [rows, tasks]:
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
            for row in range(each):
                text = {"input": TEXT.format(row, number), "output": f"answer {row}"}
                out.write(json.dumps(record | text) + "\n")
    about.write_text(json.dumps([rows, tasks]))


def timed(words: list[str], place: Path) -> float:
    """Returns the seconds that a command takes."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=place, check=True, capture_output=True)
    return round(time.perf_counter() - start, 2)


def main() -> None:
    """Measures and prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--place", type=Path, required=True)
    options = parser.parse_args()
    place = options.place.resolve()
    write(place, options.rows, options.tasks)
    measured: dict[str, object] = {"rows": options.rows, "tasks": options.tasks}
    for name in ("made_up", "plain"):
        timed(["-c", MEASURE, name], place)  # fills the store
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, name],
            cwd=place,
            check=True,
            capture_output=True,
            text=True,
        )
        measured[name] = json.loads(done.stdout)
    flan = ["-m", "flan_tasks"]
    measured["list_s"] = timed([*flan, "list", "--module", "made_up_module"], place)
    measured["list_without_s"] = timed([*flan, "list"], place)
    measured["lint_s"] = timed([*flan, "lint", "made_up", "--module", "made_up_module"], place)
    measured["store_files"] = len(list((place / "store").glob("made_up-*")))
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
