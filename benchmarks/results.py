"""Two evaluations of many answers, and what scoring, comparing and showing them costs.

    python -m benchmarks.results --place /tmp/results --answers 200000

Declares 62 datasets of one's own in `--place`: half of them with three options that are ranked,
half answered in words, ten templates each. Two models are made up: their answers follow from a hash
of model and example, right in four and in six of ten, and reach `flan eval` by `--predictions`.
Then `flan results` shows one and both of them, and `flan compare` compares them, each in a process
of its own. Prints one JSON line: answers of each evaluation, and for each command seconds by the
clock and of processors, peak memory, and the size of the page.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DATASETS = 62
# One word a template.
TEMPLATES = "question note task line words page letter list story talk".split()
OPTIONS = ("north", "south", "west")
WORDS = "the river runs past a mill and under two bridges before it meets the sea at noon".split()
# Model -> how many of ten answers are right.
MODELS = {"before": 4, "after": 6}

MODULE = '''
from pathlib import Path
import flan_tasks as ft
HERE = Path(__file__).parent

def _example(row):
    """Does what a text asks."""
    return ft.Example(fields={"text": row["text"]}, answer=row["answer"])

def _ranked(row):
    """Does what a text asks."""
    return ft.Example(fields={"text": row["text"]}, answer=row["answer"], options=OPTIONS)

for number in range(DATASETS):
    ranked = number % 2 == 0
    ft.add(
        ft.Dataset(
            name=f"made_up_{number:02d}", normalize=_ranked if ranked else _example,
            fields=("text",), source=ft.Files(
                {"test": f"rows_{number:02d}.jsonl"}, root=str(HERE)
            ),
            splits=ft.Splits.test_only(), schema={"text": str, "answer": str},
            options=OPTIONS if ranked else (), metrics=("accuracy",) if ranked else ("squad",),
            license="CC0-1.0", citation="Made up, 2026", version=1,
        ),
        templates=HERE / ("ranked.toml" if ranked else "written.toml"),
        cluster=f"kind_{number % 12}",
    )
'''
# Runs a command and says how much memory it took.
MEASURED = """
import resource, sys
from flan_tasks.cli.start import main
sys.argv[0] = "flan"
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def write(place: Path, answers: int) -> None:
    """Writes the declarations, their templates and rows.

    Args:
      place: the folder.
      answers: of one model, to all templates.
    """
    place.mkdir(parents=True, exist_ok=True)
    constants = f"DATASETS, OPTIONS = {DATASETS}, {OPTIONS}\n"
    (place / "made_up_results.py").write_text(constants + MODULE)
    for name, options in (("ranked", "\n\n{options}"), ("written", "")):
        templates = [
            f'[[template]]\nid = "{word}"\ntargets = "{{answer}}"\n'
            f"inputs = '''\n{word.title()}: {{text}}{options}'''\n"
            for word in TEMPLATES
        ]
        text = "# Does what a text asks.\n" + "\n".join(templates)
        (place / f"{name}.toml").write_text(text)
    for number in range(DATASETS):
        with (place / f"rows_{number:02d}.jsonl").open("w") as file:
            for row in range(max(1, answers // DATASETS // len(TEMPLATES))):
                drawn = draw(f"{number} {row}")
                text = " ".join(WORDS[(drawn >> k) % len(WORDS)] for k in range(60))
                answer = OPTIONS[drawn % 3] if number % 2 == 0 else WORDS[drawn % len(WORDS)]
                text = f"Number {row} of {number}: {text}."
                file.write(json.dumps({"text": text, "answer": answer}) + "\n")


def draw(text: str) -> int:
    """Returns a number that a text decides."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest())


def answered(prompts: Path, model: str, right: dict[tuple[str, str], str]) -> Iterator[str]:
    """Yields what a made-up model says to each prompt, as `--predictions` takes it.

    Args:
      prompts: what `--write-prompts` wrote.
      model: its name.
      right: dataset and key -> the answer.
    """
    for line in prompts.open(encoding="utf-8"):
        prompt = json.loads(line)
        where = {name: prompt[name] for name in ("dataset", "template", "split", "key")}
        drawn = draw(f"{model} {prompt['dataset']} {prompt['key']} {prompt['template'][:3]}")
        is_right = drawn % 10 < MODELS[model]
        answer = right[prompt["dataset"], prompt["key"]]
        if options := prompt["options"]:
            noise = [-(1 + (drawn >> (8 * k)) % 100 / 20) for k in range(len(options))]
            best = options.index(answer) if is_right else (options.index(answer) + 1) % len(options)
            noise[best] = -0.5
            said: dict[str, Any] = {"scores": noise, "tokens": [1] * len(options)}
        else:
            said = {"prediction": answer if is_right else WORDS[drawn % 5]}
        yield json.dumps(where | said) + "\n"


def measured(place: Path, words: list[str]) -> dict[str, float]:
    """Returns the seconds and the memory that a command of `flan` takes."""
    environment = {**os.environ, "FLAN_TASKS_STORE": str(place / "store")}
    path = [str(place), str(Path(__file__).parent.parent), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(part for part in path if part)
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *words],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"flan {' '.join(words)[:200]} ended with {done.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "s": round(time.perf_counter() - start, 2),
        "cpu_s": round(cpu, 2),
        "peak_mb": int(done.stdout.split()[-1]),
    }


def main() -> None:
    """Measures and prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--place", type=Path, required=True)
    parser.add_argument("--answers", type=int, default=200_000, help="of each model")
    options = parser.parse_args()
    place = options.place.resolve()
    if place.exists():
        shutil.rmtree(place)
    write(place, options.answers)
    names = [f"made_up_{number:02d}" for number in range(DATASETS)]
    shared = [*names, "--module", "made_up_results", "--vocab", "bytes"]
    measured(place, ["eval", *shared, "--write-prompts", "prompts.jsonl"])
    right = {}
    for number, name in enumerate(names):
        for row, line in enumerate((place / f"rows_{number:02d}.jsonl").open()):
            right[name, f"test:{row}"] = json.loads(line)["answer"]
    found: dict[str, Any] = {"answers": sum(1 for _ in (place / "prompts.jsonl").open())}
    for model in MODELS:
        with (place / f"{model}.jsonl").open("w") as file:
            file.writelines(answered(place / "prompts.jsonl", model, right))
        words = ["eval", *shared, "--predictions", f"{model}.jsonl", "--out", model]
        found[f"eval_{model}"] = measured(place, [*words, "--no-results"])
    module = ["--module", "made_up_results"]
    for name, models in (("one", ["before"]), ("two", list(MODELS))):
        words = ["results", *models, *module, "--out", f"{name}.html", "--vocab", "bytes"]
        found[f"results_of_{name}"] = measured(place, words)
        found[f"results_of_{name}"]["page_mb"] = round(
            (place / f"{name}.html").stat().st_size / 1e6, 1
        )
    found["compare"] = measured(place, ["compare", *MODELS, *module])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
