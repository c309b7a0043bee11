"""Answering prompts of many small units: each unit in batches of its own, or all together.

    python -m benchmarks.evaluation MODEL nli --lengths 512,64

The old way is what `flan eval` did: prompts of one unit, sorted by length, in batches that are
filled up with copies of the last, with lengths rounded up to five buckets. Both ways use the same
programs for a batch, each compiles its own, and their numbers are compared.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import jax

from flan_tasks.datasets import catalog
from flan_tasks.evaluation.loop import Evaluation, questions
from flan_tasks.evaluation.records import Asked, Record
from flan_tasks.inference.model_answers import ModelAnswers, OpenModel, open_model
from flan_tasks.inference.pool import Batch, Waiting, pooled
from flan_tasks.inference.programs import bucket
from flan_tasks.plan.prepare import SourceChoice
from flan_tasks.specs.eval_config import Decoding
from flan_tasks.store.store import Store, default_store

_OLD_INPUTS = (64, 128, 256, 512, 1024)


def unit_by_unit(groups: Iterator[Sequence[Waiting]], *, size: int, **_: int) -> Iterator[Batch]:
    """Yields the batches of the old way."""
    for group in groups:
        ordered = sorted(group, key=lambda one: len(one.item.ids))
        # One width of options for a unit.
        kind = max((one.kind for one in group if one.kind is not None), default=None)
        for begin in range(0, len(ordered), size):
            part = ordered[begin : begin + size]
            length = bucket(max(len(one.item.ids) for one in part), _OLD_INPUTS)
            yield Batch(kind, length, size, tuple(one.item for one in part))


class Counted:
    """Cuts prompts into batches and counts what a model reads of them."""

    def __init__(self, way) -> None:
        self.way = way
        self.rows = self.positions = self.batches = 0

    def __call__(self, groups: Iterator[Sequence[Waiting]], **how: int) -> Iterator[Batch]:
        for batch in self.way(groups, **how):
            self.batches += 1
            self.rows += batch.rows
            self.positions += batch.rows * batch.length
            yield batch


def measure(
    way, size: int, opened: OpenModel, asked: Sequence[Asked], lengths: dict[str, int]
) -> dict[tuple, Record]:
    """Answers everything one way, prints what it took, and returns the answers."""
    counted = Counted(way)
    answerer = ModelAnswers(
        opened, lengths=lengths, decoding=Decoding(), batch_size=size, batching=counted
    )
    cpu, wall = time.process_time(), time.perf_counter()
    records = {(one.unit, one.place): record for one, record in answerer.answer(asked)}
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    name = {unit_by_unit: "unit by unit", pooled: "together"}[way]
    print(
        f"| {name} | {size} | {counted.batches:,} | {counted.rows:,} | {counted.positions:,} "
        f"| {len(answerer.programs)} | {cpu:.1f} | {wall:.1f} |",
        flush=True,
    )
    return records


def main() -> None:
    """Measures the ways asked for and says how far their numbers are apart."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--lengths", default="512,64")
    parser.add_argument("--examples", type=int)
    parser.add_argument("--old", type=int, nargs="*", default=[32], help="batch sizes")
    parser.add_argument("--new", type=int, nargs="*", default=[8], help="batch sizes")
    given = parser.parse_args()
    inputs, targets = map(int, given.lengths.split(","))
    lengths = {"inputs": inputs, "targets": targets}
    evaluation = Evaluation(
        datasets=catalog().expand(given.names),
        source=SourceChoice("samples"),
        examples=given.examples,
    )
    opened = open_model(given.model)
    read = partial(questions, evaluation, store=Store(default_store()))
    asked = [
        Asked(question.unit, place, prompt)
        for dataset in evaluation.datasets
        for question in read(dataset=dataset, catalog=catalog())
        for place, prompt in enumerate(question.prompts(seed=0, budget=None))
    ]
    units = len({one.unit for one in asked})
    print(f"{len(asked):,} prompts in {units} units; {jax.default_backend()}")
    print("\n| way | of | batches | rows | positions | programs | CPU s | wall s |")
    print("|---|---|---|---|---|---|---|---|")
    ways = [(unit_by_unit, size) for size in given.old] + [(pooled, size) for size in given.new]
    results = [measure(way, size, opened, asked, lengths) for way, size in ways]
    first = results[0]
    sums = max(
        (
            abs(a - b)
            for other in results[1:]
            for key in first
            for a, b in zip(first[key].sums, other[key].sums, strict=True)
        ),
        default=0.0,
    )
    texts = sum(other[key].text != first[key].text for other in results[1:] for key in first)
    print(f"\nlargest difference of a sum of log-probabilities: {sums:.1e}; texts: {texts}")


if __name__ == "__main__":
    main()
