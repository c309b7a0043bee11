"""1.6 million training examples against evaluation sets of MMLU's and BBH's size, by each rule.

    python -m benchmarks.contamination --place /tmp/contamination
    python -m benchmarks.contamination --place /tmp/contamination --examples 100000 --preset tulu

Training examples lie in files of the store in `--place` (made once, and used again); each rule is
run in a process of its own. Prints one JSON line: examples, items, mean words of both, and for each
rule seconds, CPU seconds, peak memory (with it what was read of the memory-mapped file, whose size
stands beside it and which the system takes back when it needs it), and how many of the planted
examples were found and how many others.

Texts are made up: words are drawn with the frequencies of those in the embedded rows, one of twenty
being a word of its own that evaluation sets do not have; lengths are log-normal; one text of ten
is not ASCII. Training prompts are the halves of two of 100,000 such texts. A planted example
holds a whole evaluation text of 20 words or more between other words.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.example import Example
from flan_tasks.core.origin import Files
from flan_tasks.core.splits import Splits
from flan_tasks.datasets import catalog
from flan_tasks.decontamination.compared import FileTexts, Part
from flan_tasks.decontamination.example_words import Texts
from flan_tasks.decontamination.matches import Checker
from flan_tasks.decontamination.word_ids import words
from flan_tasks.specs.contamination_presets import PRESETS
from flan_tasks.store.arrow_rows import store_schema
from flan_tasks.store.table import StoredExamples, Table

# Name -> how many examples, mean words of a text, texts of each.
SETS = {"mmlu": (14_042, 35, 5), "bbh": (6_511, 70, 1), "held_out": (40_000, 60, 2)}
PLANTED = 2_000
RARE = 0.05
_BATCH = 20_000
# Texts that are drawn word by word; prompts are halves of two of them.
_DRAWN = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--place", type=Path, required=True)
    parser.add_argument("--examples", type=int, default=1_600_000)
    parser.add_argument("--words", type=int, default=100, help="mean words of a training prompt")
    parser.add_argument("--preset", choices=PRESETS, action="append")
    parser.add_argument("--step", choices=("make", *PRESETS))
    args = parser.parse_args()
    if args.step == "make":
        make(args.place, args.examples, args.words)
    elif args.step:
        print(json.dumps(compare(args.place, args.examples, args.step)))
    else:
        steps = ["make", *(args.preset or PRESETS)]
        made, *results = (run(args, step) for step in steps)
        items = sum(count for count, _, _ in SETS.values())
        line = {"examples": args.examples, "items": items, "words": args.words}
        print(json.dumps(line | dict(zip(steps[1:], map(json.loads, results), strict=True))))


def run(args: argparse.Namespace, step: str) -> str:
    """Runs a step in a process of its own and returns what it printed."""
    command = [sys.executable, "-m", "benchmarks.contamination", "--place", str(args.place)]
    command += ["--examples", str(args.examples), "--words", str(args.words), "--step", step]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _row(row: Mapping[str, Any]) -> Example:
    """Answers a made-up prompt."""
    return Example(fields={"prompt": row["prompt"]}, answer=row["answer"])


def made_up() -> Dataset:
    """Returns the declaration of the training examples."""
    return Dataset(
        name="made_up",
        source=Files({"train": "train.jsonl"}),
        splits=Splits(train="train"),
        schema={"prompt": str, "answer": str},
        normalize=_row,
        fields=("prompt",),
        metrics=("rouge",),
        license="CC0-1.0",
        citation="Made up, 2026",
    )


class Speaker:
    """Draws texts of words as frequent as in the embedded rows."""

    def __init__(self, seed: int, rare: float) -> None:
        counts: Counter[str] = Counter()
        for dataset in catalog().datasets:
            path = catalog().samples(dataset.name)
            if path is not None and path.suffix == ".jsonl":
                spoken = words(path.read_text(encoding="utf-8"))
                counts.update(word for word in spoken if word.isascii())
        self._words = np.asarray(sorted(counts), object)
        shares = np.asarray([counts[word] for word in self._words], float)
        self._steps = np.cumsum(shares / shares.sum())
        self._random = np.random.default_rng(seed)
        self._rare = rare

    def texts(self, count: int, mean: int) -> list[str]:
        """Returns texts whose lengths are log-normal with that mean."""
        spread = 0.8
        middle = np.log(mean) - spread**2 / 2
        sizes = np.clip(self._random.lognormal(middle, spread, count), 3, 4000).astype(int)
        drawn = np.searchsorted(self._steps, self._random.random(int(sizes.sum())), side="right")
        spoken = self._words[np.minimum(drawn, len(self._words) - 1)]
        rare = np.flatnonzero(self._random.random(len(spoken)) < self._rare)
        spoken[rare] = [f"w{n}" for n in self._random.integers(0, 1 << 40, len(rare)).tolist()]
        ends = np.cumsum(sizes)
        return [
            " ".join(spoken[end - size : end]) + ("\u2019" if end % 10 == 0 else ".")
            for end, size in zip(ends.tolist(), sizes.tolist(), strict=True)
        ]


def evaluation() -> list[FileTexts]:
    """Returns the evaluation sets."""
    sets = []
    for seed, (name, (count, mean, texts)) in enumerate(SETS.items()):
        speaker = Speaker(seed, rare=0.0)
        columns = [speaker.texts(count, mean)]
        columns += [speaker.texts(count, 4) for _ in range(texts - 1)]
        rows = [Texts((first,), tuple(rest)) for first, *rest in zip(*columns, strict=True)]
        sets.append(FileTexts(name, rows, range(count), "test"))
    return sets


def planted(examples: int) -> np.ndarray:
    """Returns the numbers of the examples that hold an evaluation text."""
    count = min(PLANTED, examples // 10)
    return np.sort(np.random.default_rng(7).choice(examples, count, replace=False))


def mixed(texts: Sequence[str], count: int, random: np.random.Generator) -> list[str]:
    """Returns texts of two halves each."""
    pairs = random.integers(0, len(texts), (count, 2)).tolist()
    return [texts[a][: len(texts[a]) // 2] + texts[b][len(texts[b]) // 2 :] for a, b in pairs]


def make(place: Path, examples: int, mean: int) -> None:
    """Writes the training examples as the store would."""
    path = place / f"{examples}-{mean}.arrow"
    if path.exists():
        return
    place.mkdir(parents=True, exist_ok=True)
    speaker, random = Speaker(100, RARE), np.random.default_rng(8)
    long = [t.whole[0] for s in evaluation() for t in s.rows if t.whole[0].count(" ") > 18]
    plants = set(planted(examples).tolist())
    drawn, answers = speaker.texts(_DRAWN, mean), speaker.texts(_BATCH, 5)
    schema = store_schema(made_up())
    aside = path.with_suffix(".tmp")
    with pa.OSFile(str(aside), "wb") as out, pa.ipc.new_file(out, schema) as writer:
        for start in range(0, examples, _BATCH):
            numbers = range(start, min(start + _BATCH, examples))
            prompts = mixed(drawn, len(numbers), random)
            for number in plants.intersection(numbers):
                text = long[int(random.integers(len(long)))]
                prompts[number - start] = f"Asked again: {text}! {prompts[number - start][:80]}"
            values = {
                "f_prompt": prompts,
                "answer": answers[: len(numbers)],
                "key": [f"train:{number}" for number in numbers],
                "key_hash": list(numbers),
            }
            usual = {pa.string(): "", pa.uint64(): 0}
            arrays = [
                pa.array(values.get(name) or [usual.get(kind, [])] * len(numbers), kind)
                for name, kind in zip(schema.names, schema.types, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
    aside.rename(path)


def compare(place: Path, examples: int, preset: str) -> dict[str, float]:
    """Compares by one rule and returns what it took."""
    (path,) = place.glob(f"{examples}-*.arrow")
    sets = evaluation()
    stored = StoredExamples(Table(path), "", {}, examples, examples, {})
    wall, cpu = time.perf_counter(), time.process_time()
    checker = Checker(catalog(), sets, preset)
    ready = time.process_time() - cpu
    matching = checker.matching(Part(made_up(), "train", stored))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    plants = planted(examples)
    found = len(np.intersect1d(matching, plants))
    return {
        "seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "cpu_seconds_for_items": round(ready, 1),
        "mapped_mb": path.stat().st_size >> 20,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "planted": len(plants),
        "found": found,
        "others_found": len(matching) - found,
    }


if __name__ == "__main__":
    main()
