"""Damages files of a checkpoint, one at a time, and looks whether resuming and opening notice.

    python -m benchmarks.faults.bit_flips_checkpoints --flips 100

Every file of a checkpoint gets one-bit flips in turn, and each of the other damages once. What is
not refused must give the parameters, optimizer state and record that were saved, to the bit.
"""

import argparse
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.faults import toy
from flan_tasks.checkpoints.checkpoint import Checkpoints, read_record, warm_start
from flan_tasks.models import partition
from flan_tasks.models.model import Model
from flan_tasks.specs.config import TrainingError
from flan_tasks.specs.gin_files import load
from flan_tasks.trainer.train import optimizer_of, place

STEPS = 18
Opened = tuple[Any, dict]


def main() -> int:
    """Runs the campaign; returns 1 if any damage went unnoticed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--flips", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("faults_checkpoints"))
    options = parser.parse_args()
    if options.folder.exists():
        shutil.rmtree(options.folder)
    folder = options.folder.absolute()
    toy.prepare(folder)
    arguments = toy.arguments(folder, "run", STEPS)
    trained = toy.flan(folder, arguments)
    said = trained.communicate()[1]
    if trained.returncode:
        print(said, file=sys.stderr)
        return 1
    routes = ways_to_open(folder / "run", arguments)
    checkpoint = folder / "run" / f"checkpoint_{STEPS}"
    sound = {name: route() for name, route in routes.items()}
    counts: Counter[tuple[str, str, str]] = Counter()
    unnoticed = []
    draw = random.Random(options.seed)
    for kind, path, undo in damages(checkpoint, draw, options.flips):
        for name, route in routes.items():
            verdict = judge(route, sound[name], path.relative_to(checkpoint).as_posix())
            counts[kind, name, verdict] += 1
            if verdict not in ("refused, the file named", "harmless: not read"):
                unnoticed.append(f"{kind} in {path.relative_to(checkpoint)}, {name}: {verdict}")
        undo()
    print(report(counts, unnoticed))
    return bool(unnoticed)


def ways_to_open(run_folder: Path, arguments: list[str]) -> dict[str, Callable[[], Opened]]:
    """Resuming, and what `flan eval`, `infer`, `export` and a warm start open."""
    files = [word.partition("=")[2] for word in arguments if word.startswith("--gin_file")]
    bindings = [
        tuple(word.removeprefix("--gin.").split("=", 1))
        for word in arguments
        if word.startswith("--gin.")
    ]
    run = load(files, bindings).run
    model = Model(run.model)
    mesh = partition.make_mesh(run.mesh, None)
    where = place(run, model, optimizer_of(run, model), mesh)

    def resume() -> Opened:
        checkpoints = Checkpoints(run_folder, run.checkpoint)
        try:
            record = checkpoints.record(STEPS)
            return checkpoints.restore(STEPS, where.params, where.state), record
        finally:
            checkpoints.close()

    def open_parameters() -> Opened:
        path = run_folder / f"checkpoint_{STEPS}"
        record = read_record(path)
        return warm_start(path, model, where.params), record

    return {"resume": resume, "eval, infer, export, warm start": open_parameters}


def damages(
    checkpoint: Path, draw: random.Random, flips: int
) -> Iterator[tuple[str, Path, Callable[[], None]]]:
    """Yields each damage once it is done, with what undoes it."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    filled = [path for path in files if path.stat().st_size]
    for number in range(flips):
        path = filled[number % len(filled)]
        content = path.read_bytes()
        flipped = bytearray(content)
        flipped[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        yield "one bit flipped", path, lambda path=path, content=content: path.write_bytes(content)
    for path in filled:
        content = path.read_bytes()

        def undo(path: Path = path, content: bytes = content) -> None:
            if path.is_dir():
                path.rmdir()
            path.write_bytes(content)

        path.write_bytes(content[: len(content) // 2])
        yield "truncated", path, undo
        path.write_bytes(b"")
        yield "emptied", path, undo
        path.unlink()
        yield "removed", path, undo
        path.unlink()
        path.mkdir()
        yield "a folder in its place", path, undo
        other = filled[(filled.index(path) + 1) % len(filled)]
        if other.read_bytes() != content:
            path.write_bytes(other.read_bytes())
            yield "the content of another file", path, undo


def judge(route: Callable[[], Opened], sound: Opened, name: str) -> str:
    """Says what opening a damaged checkpoint gave."""
    try:
        opened = route()
    except TrainingError as error:
        part = name.split("/")[0]
        named = name in str(error) or f"{part}/ is missing" in str(error)
        return "refused, the file named" if named else f"refused, another named: {error}"
    except Exception as error:  # what must not happen is counted, whatever it is
        return f"a traceback: {type(error).__name__}: {error}"
    ours, theirs = jax.tree.leaves(opened[0]), jax.tree.leaves(sound[0])
    same = len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))
    return "harmless: not read" if same and opened[1] == sound[1] else "OTHER VALUES, no message"


def report(counts: Counter[tuple[str, str, str]], unnoticed: list[str]) -> str:
    """The table of the campaign."""
    rows = [f"| {' | '.join(key)} | {count} |" for key, count in sorted(counts.items())]
    return "\n".join(
        ["| damage | opened by | outcome | times |", "|---|---|---|---|", *rows, *unnoticed]
    )


if __name__ == "__main__":
    sys.exit(main())
