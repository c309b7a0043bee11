"""One flipped bit in a file of a store or a build, and what is made of it.

  python -m benchmarks.faults.bit_flips_builds --work DIR [--flips 160] [--seed 0]

Each flip is made in a copy. A store with a flipped bit is built from: the rows must be those of the
source and the store mended. A build is opened, read whole, reported, compared with itself and
verified, each on its own: every use must refuse it, or what it reads must be what was built. Prints
a table and ends with 1 where a flip gave other data without a word.
"""

import argparse
import contextlib
import io
import logging
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

import flan_tasks
from flan_tasks.core.errors import FlanTasksError
from flan_tasks.core.mixture import Mixture
from flan_tasks.datasets import catalog
from flan_tasks.engine.manifest_file import read_manifest
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.engine.verification import verify
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.reports.compare import compare, side_of_build
from flan_tasks.reports.make import read_build, reporter
from flan_tasks.reports.stored import READERS, all_rows
from flan_tasks.reports.terminal import print_report
from flan_tasks.specs.formats import FORMATS
from flan_tasks.store.store import Store
from flan_tasks.vocabulary import open_vocabulary

# What became of a flip.
REFUSED, MENDED, HARMLESS, SILENT, BROKEN = (
    "refused",
    "made anew",
    "harmless",
    "silent",
    "traceback",
)
_MIXTURE = Mixture(name="flips", include=("rte", "bool_q", "anli_r1"))


def main() -> int:
    """Runs the campaign and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="Folder to work in.")
    parser.add_argument("--flips", type=int, default=160, help="Flipped bits, all together.")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # each mended file says so
    draw = random.Random(arguments.seed)
    work = arguments.work / "bit_flips_builds"
    shutil.rmtree(work, ignore_errors=True)
    tables: dict[str, dict[str, Counter[str]]] = {}
    started = time.process_time()
    share = arguments.flips // (len(FORMATS) + 1)
    tables["store"] = _flip_store(work, share, draw)
    for form in FORMATS:
        tables[form] = _flip_build(work, form, share, draw)
    _print(tables, time.process_time() - started)
    bad = sum(
        counts[one]
        for uses in tables.values()
        for counts in uses.values()
        for one in (SILENT, BROKEN)
    )
    return 1 if bad else 0


def _build(folder: Path, store: Path, form: str) -> None:
    grouped = form == "seqio-cache"
    vocabulary = open_vocabulary("bytes")
    prepared = prepare(_MIXTURE, catalog(), source=SourceChoice("samples"), store=Store(store))
    plan = make_plan(prepared, seed=0, grouped=grouped)
    settings = BuildSettings(
        format=form,
        split="train",
        style="inputs-targets",
        lengths={"inputs": 1024, "targets": 256},
        vocabulary=vocabulary,
        num_shards=None if grouped else 2,
    )
    report = reporter(plan, vocabulary)
    build(prepared, plan, settings, folder, report=report)


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _flip(root: Path, draw: random.Random, number: int) -> Path:
    """Flips a bit of one of the files below a folder; each file has its turn."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.stat().st_size)
    path = files[number % len(files)]
    data = bytearray(path.read_bytes())
    bit = draw.randrange(len(data) * 8)
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    return path


def _flip_store(work: Path, flips: int, draw: random.Random) -> dict[str, Counter[str]]:
    _build(work / "whole", work / "store", "jsonl")
    whole, stored = _contents(work / "whole"), _contents(work / "store")
    counts: Counter[str] = Counter()
    for number in range(flips):
        for name in ("flipped-store", "flipped"):
            shutil.rmtree(work / name, ignore_errors=True)
        shutil.copytree(work / "store", work / "flipped-store")
        _flip(work / "flipped-store", draw, number)
        try:
            _build(work / "flipped", work / "flipped-store", "jsonl")
        except FlanTasksError:
            counts[REFUSED] += 1
        except Exception as error:  # noqa: BLE001 - what is counted
            counts[BROKEN] += 1
            print(f"store: {error!r}", file=sys.stderr)
        else:
            if _contents(work / "flipped") != whole:
                counts[SILENT] += 1
            else:
                counts[MENDED if _contents(work / "flipped-store") == stored else HARMLESS] += 1
    return {"build from it": counts}


def _flip_build(work: Path, form: str, flips: int, draw: random.Random) -> dict[str, Counter[str]]:
    whole = work / f"whole-{form}"
    _build(whole, work / "store", form)
    uses = _uses(form)
    expected = {name: use(whole) for name, use in uses.items()}
    counts: dict[str, Counter[str]] = {name: Counter() for name in uses}
    for number in range(flips):
        folder = work / "flipped-build" / whole.name
        shutil.rmtree(folder.parent, ignore_errors=True)
        shutil.copytree(whole, folder)
        path = _flip(folder, draw, number)
        for name, use in uses.items():
            try:
                found = use(folder)
            except FlanTasksError:
                counts[name][REFUSED] += 1
            except Exception as error:  # noqa: BLE001 - what is counted
                counts[name][BROKEN] += 1
                print(f"{form}, {path.name}, {name}: {error!r}", file=sys.stderr)
            else:
                # A use that does not look at the file gives what it gave before.
                same = found == expected[name] and name != "verify"
                counts[name][HARMLESS if same else SILENT] += 1
    return counts


def _uses(form: str) -> dict[str, Callable[[Path], object]]:
    def rows(folder: Path) -> object:
        return [sorted(row.items()) for row in all_rows(folder, read_manifest(folder))]

    def packed(folder: Path) -> object:
        reader = flan_tasks.open(folder)
        batches = reader.batch(0, len(reader), shuffle=False)
        examples = [reader.unpack(row) for row in range(len(reader))]
        return (
            [(name, array.tobytes()) for name, array in batches.items()],
            [(e.task, e.plan_row, e.inputs.tobytes()) for row in examples for e in row],
        )

    def report(folder: Path) -> object:
        out = io.StringIO()
        manifest, sample = read_build(folder, vocabulary="bytes")
        print_report(manifest, sample, console=Console(file=out, width=200))
        return out.getvalue()

    def diff(folder: Path) -> object:
        found = compare(side_of_build(folder), side_of_build(folder))
        return found.is_empty, found.rows and found.rows.same

    found: dict[str, Callable[[Path], object]] = {}
    if form == "arrays":
        found["open and read all"] = packed
    elif form in READERS:
        found["read all"] = rows
    return found | {"report": report, "diff": diff, "verify": verify}


def _print(tables: dict[str, dict[str, Counter[str]]], seconds: float) -> None:
    outcomes = (REFUSED, MENDED, HARMLESS, SILENT, BROKEN)
    print(f"| flipped in | then | flips | {' | '.join(outcomes)} |")
    print("|---" * (3 + len(outcomes)) + "|")
    for what, uses in tables.items():
        for use, counts in uses.items():
            numbers = " | ".join(str(counts[one]) for one in outcomes)
            print(f"| {what} | {use} | {counts.total()} | {numbers} |")
    print(f"\n{seconds:.0f} CPU-seconds")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
