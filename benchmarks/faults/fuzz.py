"""Rows and files nobody meant: each is read, or refused by an error of ours.

Rows of every dataset, and files of every kind that is read, are mutated by a seed and given to what
reads them. A case ends well with a result or a FlanTasksError. Any other exception, more seconds or
more memory than a case may take, or a process that dies is a fault; it is printed with the number
that makes it again. Each target runs in a process of its own.

    python benchmarks/faults/fuzz.py                      # 100,000 cases
    python benchmarks/faults/fuzz.py --cases 2000 --only gin,parquet
    python benchmarks/faults/fuzz.py --only rte --first 417 --cases 1    # one of them again
"""

import argparse
import json
import math
import os
import random
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mutation import mutated, mutated_bytes, mutated_json

from flan_tasks.core.errors import FlanTasksError

SECONDS = 10
MEMORY = 2 << 30
# Shares of the cases: all datasets together, then each kind of file.
SHARES = {
    "rows": 0.78,
    "template": 0.03,
    "mixture": 0.03,
    "jsonl": 0.03,
    "csv": 0.03,
    "parquet": 0.03,
    "predictions": 0.02,
    "manifest": 0.02,
    "tokenizer": 0.01,
    "sentencepiece": 0.01,
    "gin": 0.01,
}
Case = Callable[[random.Random], str]


class Hang(BaseException):
    """A case took longer than it may; no handler of errors catches it."""


@dataclass(frozen=True)
class Outcome:
    """What the cases of one target came to."""

    # What was fuzzed.
    target: str
    # "read", "skipped", the name of an error of ours, or "FAULT ..." -> cases.
    counts: Counter[str]
    # (number of the case, what happened), the first few.
    faults: tuple[tuple[int, str], ...]
    # Highest memory of its process over that at its start, in MiB.
    memory: int
    # Slowest case, in seconds.
    slowest: float


def row_case(name: str) -> Case:
    """A row of a dataset through its normalizer, into the store's columns and a template."""
    from flan_tasks.build.store_rows import Reading, store_schema
    from flan_tasks.core.dataset import normalize_row, selected
    from flan_tasks.core.example import Example
    from flan_tasks.core.render import render
    from flan_tasks.datasets import catalog
    from flan_tasks.sources.samples import SamplesSource

    dataset, templates = catalog()[name], catalog().templates(name).templates
    source = SamplesSource(name, catalog().samples(name))
    rows = [(s, row) for s, n in source.splits().items() for row in source.rows(s, range(n))]

    def case(draw: random.Random) -> str:
        split, row = draw.choice(rows)
        for _ in range(draw.choice([1, 1, 2])):
            row = mutated(row, draw)
        items = normalize_row(dataset, row, source_split=split, number=7)
        items = tuple(selected(dataset, item, source_split=split) for item in items)
        examples = [item for item in items if isinstance(item, Example)]
        list(Reading(dataset, None).batches(iter([(7, items)]), store_schema(dataset)))
        for example in examples[:3]:
            filled = render(draw.choice(templates), example)
            (filled.inputs + filled.targets).encode()
        return "read" if examples else "skipped"

    return case


def template_case(folder: Path) -> Case:
    """A template file."""
    from flan_tasks.core.resources import folder as data
    from flan_tasks.core.template import read_template_set

    texts = [path.read_bytes() for path in sorted(data("templates").rglob("*.toml"))]

    def case(draw: random.Random) -> str:
        path = folder / "t.toml"
        path.write_bytes(mutated_bytes(draw.choice(texts), draw))
        for template in read_template_set(path):
            assert template.forms
        return "read"

    return case


def mixture_case(folder: Path) -> Case:
    """A mixture file, to its members and their shares."""
    from flan_tasks.cli.list import shares
    from flan_tasks.core.mixture import read_mixture
    from flan_tasks.core.resources import folder as data

    texts = [path.read_bytes() for path in sorted(data("mixtures").glob("*.toml"))]
    texts.append(
        b'description = "d"\ninclude = ["rte", "cb"]\nscheme = "rates"\n'
        b"rates = {rte = 2.5, cb = 1}\ncap = 10\nlimit = 100\nhold_out = ['qa']\n"
    )
    texts.append(
        b"include = ['nli']\nscheme = 'temperature'\ntemperature = 2.0\nkinds=['forward']\n"
    )

    def case(draw: random.Random) -> str:
        path = folder / "m.toml"
        path.write_bytes(mutated_bytes(draw.choice(texts), draw))
        found = shares(read_mixture(path))
        assert all(math.isfinite(one["rate"]) for one in found["datasets"])
        return "read"

    return case


def _rows_of(path: Path, form: str) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = [{"text": f"row {i} — é", "label": i, "score": i / 2, "tags": ["a"]} for i in range(4)]
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif form == "csv":
        lines = [f'"row, {i} — é",{i},{i / 2},"[""a""]"\n' for i in range(4)]
        path.write_text("text,label,score,tags\n" + "".join(lines))
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, compression="snappy")


def file_case(folder: Path, form: str) -> Case:
    """A file of rows, to its last row."""
    from flan_tasks.sources.files import FilesSource, find_files

    path = folder / f"train.{form}"
    _rows_of(path, form)
    data = path.read_bytes()
    schema = {"text": str, "label": int, "score": float, "tags": list}

    def case(draw: random.Random) -> str:
        path.write_bytes(mutated_bytes(data, draw))
        source = FilesSource("own", find_files(folder), schema=schema)
        # Numbers in the file may promise more rows than anyone waits for.
        count = min(sum(source.splits().values()), 50)
        list(source.rows("train", range(count)))
        source.identity("train")
        return "read"

    return case


def predictions_case(folder: Path) -> Case:
    """A file of predictions that another program wrote."""
    from flan_tasks.evaluation.elsewhere import read_answers

    line = {"dataset": "rte", "template": "follows", "split": "test", "key": "validation:0"}
    line |= {"prediction": "yes", "scores": [-1.5, -2.5], "tokens": [1, 2]}
    data = "".join(json.dumps(line | {"key": f"validation:{i}"}) + "\n" for i in range(4)).encode()

    def case(draw: random.Random) -> str:
        path = folder / "p.jsonl"
        first, _, rest = data.partition(b"\n")
        path.write_bytes(mutated_json(first, draw) + b"\n" + rest)
        read_answers(path)
        return "read"

    return case


def manifest_case(folder: Path) -> Case:
    """The manifest of a build that is verified."""
    from flan_tasks.build.directory import verify
    from flan_tasks.build.plan import make_plan
    from flan_tasks.build.prepare import SourceChoice, prepare
    from flan_tasks.build.run_local import build
    from flan_tasks.build.shard import BuildSettings
    from flan_tasks.build.store import Store
    from flan_tasks.datasets import catalog

    out = folder / "build"
    found = prepare(
        catalog().mixture("rte"),
        catalog(),
        source=SourceChoice("samples"),
        store=Store(folder / "store"),
    )
    settings = BuildSettings(
        format="jsonl", split="train", style="inputs-targets", lengths={"inputs": 64, "targets": 8}
    )
    build(found, make_plan(found, seed=0), settings, out, source="samples")
    path = out / "manifest.json"
    data = path.read_bytes()

    def case(draw: random.Random) -> str:
        path.write_bytes(mutated_json(data, draw))
        verify(out)
        return "read"

    return case


def tokenizer_case(folder: Path) -> Case:
    """A `tokenizer.json`, to the ids of a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    from flan_tasks.build.vocabulary import open_vocabulary

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<pad>", "</s>", "<unk>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(["a heron stands in the water"] * 9, trainer)
    path = folder / "tokenizer.json"
    made.save(str(path))
    data = path.read_bytes()
    return partial(_vocabulary_case, path, data, mutated_json, open_vocabulary)


def sentencepiece_case(folder: Path) -> Case:
    """A SentencePiece model, to the ids of a text."""
    import sentencepiece

    from flan_tasks.build.vocabulary import open_vocabulary

    words = ["a heron stands in the water", "two otters swim", "no bird is to be seen today"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(words * 20),
        model_prefix=str(folder / "spiece"),
        vocab_size=40,
        minloglevel=5,
        hard_vocab_limit=False,
    )
    path = folder / "spiece.model"
    return partial(_vocabulary_case, path, path.read_bytes(), mutated_bytes, open_vocabulary)


def _vocabulary_case(
    path: Path,
    data: bytes,
    change: Callable[[bytes, random.Random], bytes],
    open_vocabulary: Callable[[str], Any],
    draw: random.Random,
) -> str:
    path.write_bytes(change(data, draw))
    vocabulary = open_vocabulary(str(path))
    (ids,) = vocabulary.encode(["a heron — two otters"])
    vocabulary.pieces(ids.tolist())
    return "read"


def gin_case(folder: Path) -> Case:
    """A gin file after ours."""
    from flan_tasks.core.resources import folder as data
    from flan_tasks.trainer.gin_files import load

    bindings = [("BUILD_DIR", "b"), ("MODEL_DIR", "m"), ("TRAIN_STEPS", "5")]
    bindings.append(("INITIAL_CHECKPOINT_PATH", "None"))
    text = (data("gin") / "runs" / "finetune.gin").read_bytes()

    def case(draw: random.Random) -> str:
        path = folder / "own.gin"
        path.write_bytes(mutated_bytes(text, draw))
        load(["models/t5_1_1_mini.gin", str(path)], bindings)
        return "read"

    return case


FILES: dict[str, Callable[[Path], Case]] = {
    "template": template_case,
    "mixture": mixture_case,
    **{form: partial(file_case, form=form) for form in ("jsonl", "csv", "parquet")},
    "predictions": predictions_case,
    "manifest": manifest_case,
    "tokenizer": tokenizer_case,
    "sentencepiece": sentencepiece_case,
    "gin": gin_case,
}


def case_of(target: str, folder: Path) -> Case:
    """Prepares a target: a kind of file, or the name of a dataset."""
    return FILES[target](folder) if target in FILES else row_case(target)


def run_case(case: Case, target: str, seed: int, number: int) -> str:
    """Runs one case; returns what it came to, a fault with its traceback."""
    draw = random.Random(f"{seed} {target} {number}")
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return case(draw)
    except FlanTasksError as error:
        str(error).encode("utf-8", "backslashreplace")
        return type(error).__name__
    except Hang:
        return f"FAULT hang: over {SECONDS} s"
    except MemoryError:
        return f"FAULT memory: over {MEMORY >> 20} MiB"
    except BaseException as error:  # noqa: BLE001 - Rust's panics are no Exceptions
        return f"FAULT {type(error).__name__}\n{traceback.format_exc(limit=-6)}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _alarm(*_: Any) -> None:
    raise Hang


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _run_cases(target: str, seed: int, numbers: range, folder: Path, out: int) -> None:
    """What the process of a target does: a line of JSON before and after each case."""
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    os.dup2(sys.stderr.fileno(), 2)
    signal.signal(signal.SIGALRM, _alarm)
    case = case_of(target, folder)
    run_case(case, target, seed, -1)  # what is imported late is not of the first case
    start = _memory()
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
    for number in numbers:
        before = time.monotonic()
        found = run_case(case, target, seed, number)
        line = [number, found, time.monotonic() - before, _memory() - start]
        os.write(out, json.dumps(line).encode() + b"\n")


def fuzz(target: str, *, seed: int, numbers: range) -> Outcome:
    """Runs the cases of one target; where its process dies, the rest go on in another."""
    counts: Counter[str] = Counter()
    faults: list[tuple[int, str]] = []
    slowest, memory, following = 0.0, 0, numbers.start
    while following < numbers.stop:
        for number, found, seconds, grown in _lines(target, seed, range(following, numbers.stop)):
            kind, _, more = found.partition("\n")
            counts[kind] += 1
            if kind.startswith("FAULT") and len(faults) < 5:
                faults.append((number, f"{kind}\n{more}"))
            slowest, memory = max(slowest, seconds), max(memory, grown)
            following = number + 1
        if following < numbers.stop:
            counts["FAULT process died"] += 1
            faults.append((following, "FAULT process died"))
            following += 1
    return Outcome(target, counts, tuple(faults[:5]), memory, slowest)


def _lines(target: str, seed: int, numbers: range) -> Iterator[list[Any]]:
    read, write = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        child = os.fork()
        if child == 0:
            try:
                os.close(read)
                os.chdir(folder)
                _run_cases(target, seed, numbers, Path(folder), write)
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as lines:
            buffered = b""
            # A native call hears no alarm: silence of three times as long ends the process.
            while select.select([lines], [], [], 3 * SECONDS + 60)[0]:
                data = os.read(lines.fileno(), 1 << 16)
                if not data:
                    break
                *whole, buffered = (buffered + data).split(b"\n")
                yield from map(json.loads, whole)
            else:
                os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def shares(cases: int, only: list[str]) -> dict[str, int]:
    """How many cases each target gets."""
    from flan_tasks.datasets import names

    if only:
        return dict.fromkeys(only, max(1, cases // len(only)))
    rows = {name: max(1, round(cases * SHARES["rows"] / len(names()))) for name in names()}
    return rows | {name: max(1, round(cases * SHARES[name])) for name in FILES}


def print_outcomes(outcomes: list[Outcome]) -> None:
    """Prints a table: the datasets in one line, each kind of file in its own."""
    rows = [one for one in outcomes if one.target not in FILES]
    listed = [one for one in outcomes if one.target in FILES]
    if rows:
        counts = sum((one.counts for one in rows), Counter())
        faults = tuple(fault for one in rows for fault in one.faults)
        most, slowest = max(o.memory for o in rows), max(o.slowest for o in rows)
        listed.insert(0, Outcome(f"rows of {len(rows)} datasets", counts, faults, most, slowest))
    print("| target | cases | read | skipped | refused | faults | slowest, s | memory, MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for one in listed:
        total = sum(one.counts.values())
        faults = sum(n for kind, n in one.counts.items() if kind.startswith("FAULT"))
        read, skipped = one.counts["read"], one.counts["skipped"]
        numbers = (total, read, skipped, total - read - skipped - faults, faults)
        cells = " | ".join(f"{number:,}" for number in numbers)
        print(f"| {one.target} | {cells} | {one.slowest:.2f} | {one.memory} |")
    print(f"\n{sum(sum(o.counts.values()) for o in listed):,} cases")
    for one in outcomes:
        for number, what in one.faults:
            print(f"\n{one.target}, case {number}: {what}")


def main() -> int:
    """Runs the campaign; returns 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", default="", help="targets: kinds of files, datasets")
    chosen = parser.parse_args()
    only = [name for name in chosen.only.split(",") if name]
    row_case("rte")  # imports once what each process of a dataset needs
    outcomes = []
    for target, count in shares(chosen.cases, only).items():
        numbers = range(chosen.first, chosen.first + count)
        outcomes.append(fuzz(target, seed=chosen.seed, numbers=numbers))
        print(f"{target}: {dict(outcomes[-1].counts)}", file=sys.stderr, flush=True)
    print_outcomes(outcomes)
    return int(any(outcome.faults for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
