"""Prompts as a model reads them: the text its ids decode to, at a length, for a person to read.

    python -m benchmarks.decoded_prompts --data-dir DATA --vocab spiece.model --shots 2

Every template of every dataset is filled with real rows, or embedded ones where there are no
others, made to fit, encoded and decoded. What a program can tell is checked for all of them: that
every piece of a template's wording stands there in its order, that no mark of exemplars is lost,
and that nothing is longer than the length. `--show N` prints N of them, spread over the datasets.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator

import numpy as np

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import SourceUnavailableError
from flan_tasks.core.joints import ANSWER_MARK, SEPARATOR
from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.fitting import fit_rows
from flan_tasks.plan.plan import Draw
from flan_tasks.plan.prepare import Ingredient, SourceChoice, prepare
from flan_tasks.plan.rows import render_task
from flan_tasks.vocabulary import Vocabulary, open_vocabulary


def opened(dataset: Dataset, data_dir: str, variation: Variation) -> tuple[Ingredient, str]:
    """Returns the examples of a dataset and where they are from: real rows where there are some."""
    split = "train" if dataset.is_trained_on else "test"
    places = (SourceChoice(kind, data_dir) for kind in ("tfds", "files"))
    for source in (*places, SourceChoice("samples")):
        try:
            found = prepare(
                catalog().mixture(dataset.name),
                catalog(),
                source=source,
                split=split,
                variation=variation,
            )
        except SourceUnavailableError:
            continue
        return found.ingredients[0], source.kind
    raise SystemExit(f"{dataset.name}: no rows")


def filled(item: Ingredient, rows: int, budget: Budget, seed: int) -> Iterator[BuiltRow | None]:
    """Yields rows of every template, made to fit."""
    count = min(item.available, rows)
    example = np.arange(count, dtype=np.int64) * item.available // count
    for number in range(len(item.templates)):
        draw = Draw(example, np.zeros_like(example), np.full_like(example, number))
        yield from fit_rows(render_task(item, draw, seed=seed, budget=budget), budget)


def lost_wording(row: BuiltRow, read: str, vocabulary: Vocabulary) -> list[str]:
    """Returns the pieces of a template's wording that a prompt does not have in their order."""
    query = read.rpartition(SEPARATOR)[2] if row.num_shots else read
    place, lost = 0, []
    empty = frozenset(name for name, text in row.example.fields.items() if not text)
    form = row.template.form("inputs", row.shows_options and bool(row.example.options), empty)
    for piece in re.split(r"(?<!%)%s", form.text):
        (ids,) = vocabulary.encode([piece.replace("%%", "%").strip()])
        wanted = vocabulary.decode(ids.tolist()).strip()
        at = query.find(wanted, place)
        if at < 0:
            lost.append(wanted)
        else:
            place = at + len(wanted)
    return lost


def main() -> None:
    """Checks all prompts, and prints some."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data-dir", required=True, help="as DIR:NAME=DIR, where there are several"
    )
    parser.add_argument("--only", nargs="*", default=[], help="datasets or clusters")
    parser.add_argument("--vocab", default="t5")
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--shots", type=int, default=0)
    parser.add_argument("--rows", type=int, default=20, help="of each template")
    parser.add_argument("--show", type=int, default=0)
    arguments = parser.parse_args()
    vocabulary = open_vocabulary(arguments.vocab)
    budget = Budget(vocabulary, arguments.length)
    variation = Variation(shots=arguments.shots)
    counts: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    kept: list[list[tuple[BuiltRow, str]]] = []
    chosen = catalog().expand(arguments.only) if arguments.only else catalog().datasets
    for dataset in chosen:
        if arguments.shots and not dataset.is_trained_on:
            continue
        item, source = opened(dataset, arguments.data_dir, variation)
        sources[source] += 1
        own: list[tuple[BuiltRow, str]] = []
        for row in filled(item, arguments.rows, budget, seed=0):
            if row is None:
                counts["left out"] += 1
                continue
            (ids,) = vocabulary.encode([row.inputs])
            read = vocabulary.decode(ids.tolist())
            counts["prompts"] += 1
            counts["shortened"] += bool(row.shortened)
            counts["with exemplars"] += bool(row.num_shots)
            counts["too long"] += len(ids) + 1 > arguments.length
            lost = lost_wording(row, read, vocabulary)
            counts["wording lost"] += bool(lost)
            joined = read.count(SEPARATOR) == row.num_shots and (
                not row.num_shots or read.rstrip().endswith(ANSWER_MARK)
            )
            counts["joint lost"] += not joined
            if lost or not joined:
                print(f"{dataset.name}.{row.template.id}: {lost or 'joints'}", file=sys.stderr)
            own.append((row, read))
        kept.append(own)
    print(f"datasets: {dict(sources)}")
    print(", ".join(f"{name} {counts[name]:,}" for name in _COUNTS))
    each = -(-arguments.show // max(len(kept), 1))
    for own in kept:
        for place in np.linspace(0, len(own) - 1, min(each, len(own))).astype(int):
            row, read = own[place]
            (ids,) = vocabulary.encode([row.targets])
            print(f"\n── {row.dataset.name} · {row.template.id} ({row.template.kind})", end=" ")
            print(f"· {row.num_shots} exemplars · shortened: {', '.join(row.shortened) or '-'}")
            print(f"{read}\n── target\n{vocabulary.decode(ids.tolist())}")


_COUNTS = (
    *("prompts", "with exemplars", "shortened", "left out", "too long"),
    *("wording lost", "joint lost"),
)


if __name__ == "__main__":
    main()
