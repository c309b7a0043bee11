"""The rows that are measured with: plans over filled stores, and the same rows for others.

    python -m benchmarks.build.rowsets --set prose --rows 20000 --work DIR --vocab spiece.model

fills the store and writes what the other ways read (nothing of it is rendered or tokenized but the
texts that bare sentencepiece gets). Sets: `real` (the mixture all from a TFDS tree), `samples` (the
same from the embedded rows), `prose` (ten tasks of made-up texts, see `prose.py`).
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.build.measure import print_result
from benchmarks.build.prose import prose_catalog, write_prose
from flan_tasks.core.example import Example
from flan_tasks.core.render import format_options
from flan_tasks.core.template import OPTIONS
from flan_tasks.datasets import catalog
from flan_tasks.plan.plan import Plan, Rows, make_plan
from flan_tasks.plan.prepare import Prepared, SourceChoice, prepare
from flan_tasks.plan.rows import render_texts
from flan_tasks.store.store import Store
from flan_tasks.vocabulary import open_vocabulary

SETS = ("real", "samples", "prose")
LENGTHS = {"inputs": 1024, "targets": 256}
PARTS = ("inputs", "targets")
_BLOCK = 4096
# Distinct rows of prose: the fewest that will do, as each is made and stored first. Larger plans go
# on with further passes.
_PROSE_ROWS = (20_000, 80_000)


@dataclass(frozen=True)
class RowSet:
    """Which rows, and where what belongs to them is."""

    # One of `SETS`.
    name: str
    # Rows of the plan; None is one pass of the capped mixture.
    rows: int | None
    # Folder for the store and for what the other ways read.
    work: Path
    # The vocabulary, as `open_vocabulary` takes it.
    vocab: str
    # The TFDS tree of `real`.
    data_dir: Path | None = None

    @property
    def folder(self) -> Path:
        """Where the files of this set are."""
        return self.work / f"{self.name}-{self.rows or 'pass'}"

    @property
    def about(self) -> dict:
        """What `write_all` found about it."""
        return json.loads((self.folder / "about.json").read_text(encoding="utf-8"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that name a row set."""
    parser.add_argument("--set", choices=SETS, default="prose")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--vocab", required=True)
    parser.add_argument("--data-dir", type=Path)


def row_set(args: argparse.Namespace) -> RowSet:
    """Returns the row set that the options name."""
    return RowSet(args.set, args.rows, args.work, args.vocab, args.data_dir)


def open_prepared(rows: RowSet, split: str = "train") -> Prepared:
    """Returns the mixture of a set, from the store where that is filled."""
    store = Store(rows.work / "store")
    if rows.name == "prose":
        distinct = next((n for n in _PROSE_ROWS if n >= (rows.rows or 0)), _PROSE_ROWS[-1])
        folder = rows.work / f"prose-of-{distinct}"
        if not (folder / "prose.toml").exists():
            source = "real" if rows.data_dir else "samples"
            base = RowSet(source, None, rows.work, rows.vocab, rows.data_dir)
            write_prose(folder, open_plan(base), rows=distinct)
        known = prose_catalog(folder)
        return prepare(known.mixture("prose"), known, source=SourceChoice(), store=store)
    real = rows.name == "real"
    choice = SourceChoice("tfds", rows.data_dir) if real else SourceChoice("samples")
    known = catalog()
    return prepare(
        known.mixture("all"), known, source=choice, split=split, store=store, allow_missing=True
    )


def open_plan(rows: RowSet) -> Plan:
    """Returns the plan of a set."""
    return make_plan(open_prepared(rows), seed=0, num_examples=rows.rows)


def packed_settings(rows: RowSet, **more: Any) -> Any:
    """Returns the settings by which a set is built into packed arrays."""
    from flan_tasks.engine.shard import BuildSettings

    return BuildSettings(
        format="arrays",
        split="train",
        style="inputs-targets",
        lengths=LENGTHS,
        vocabulary=open_vocabulary(rows.vocab),
        **more,
    )


def blocks(plan: Plan) -> Iterator[Rows]:
    """Yields all rows of a plan, a block at a time."""
    for start in range(0, len(plan), _BLOCK):
        yield plan.rows(start, min(start + _BLOCK, len(plan)))


def field_texts(example: Example) -> dict[str, str]:
    """Returns the texts a template may use, by name."""
    texts = {**example.fields, "answer": example.answer}
    if example.options:
        texts[OPTIONS] = format_options(example.options)
    return texts


def task_rows(plan: Plan) -> Iterator[tuple[int, list[Example], list[int]]]:
    """Yields (task, its examples, their templates) of all rows of a plan, task by task."""
    found = list(blocks(plan))
    task, example, template = (
        np.concatenate([getattr(rows, name) for rows in found])
        for name in ("task", "example", "template")
    )
    for number, item in enumerate(plan.ingredients):
        here = np.flatnonzero(task == number)
        yield number, item.examples.take(example[here]), template[here].tolist()


def write_all(rows: RowSet) -> dict:
    """Writes texts, normalized fields and templates of a set, and returns what is in it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    plan = open_plan(rows)
    (rows.folder / "fields").mkdir(parents=True, exist_ok=True)
    vocabulary = open_vocabulary(rows.vocab)
    whole: list[np.ndarray] = []
    cut: list[np.ndarray] = []
    texts: list[str] = []
    for block in blocks(plan):
        found = render_texts(plan, block)
        sides = (found.inputs, found.targets)
        encoded = [
            vocabulary.encode_flat(side, LENGTHS[part])
            for part, side in zip(PARTS, sides, strict=True)
        ]
        whole.append(np.stack([side.whole for side in encoded], axis=1))
        cut.append(np.stack([side.lengths for side in encoded], axis=1))
        texts += [*sides[0], *sides[1]]
    pq.write_table(pa.table({"text": texts}), rows.folder / "texts.parquet")
    templates: dict[str, list[list[str]]] = {}
    for number, examples, chosen in task_rows(plan):
        item = plan.ingredients[number]
        if not examples:
            continue
        columns: dict[str, list] = {"template": chosen}
        for name in field_texts(examples[0]):
            columns[name] = [field_texts(example)[name] for example in examples]
        pq.write_table(pa.table(columns), rows.folder / "fields" / f"{item.dataset.name}.parquet")
        templates[item.dataset.name] = [
            [_format_string(template.pieces[part, True]) for part in PARTS]
            for template in item.templates
        ]
    (rows.folder / "templates.json").write_text(json.dumps(templates), encoding="utf-8")
    return _write_about(rows, plan, np.concatenate(whole), np.concatenate(cut), texts)


def _write_about(
    rows: RowSet, plan: Plan, whole: np.ndarray, cut: np.ndarray, texts: list[str]
) -> dict:
    seen = [np.stack((b.task, b.example), axis=1) for b in blocks(plan)]
    about = {
        "set": rows.name,
        "rows": len(plan),
        "distinct_rows": len(np.unique(np.concatenate(seen), axis=0)),
        "distinct_texts": len(set(texts)),
        "tasks": sum(1 for count in plan.counts if count),
        # What has to be encoded, EOS included: the same for every way.
        "tokens": int(whole.sum()),
        "tokens_kept": int(cut.sum()),
        "mean_inputs": float(whole[:, 0].mean()),
        "mean_targets": float(whole[:, 1].mean()),
        "bytes": sum(len(text.encode()) for text in texts),
    }
    (rows.folder / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return about


def _format_string(pieces) -> str:
    return "".join(
        f"{{{text}}}" if is_field else text.replace("{", "{{").replace("}", "}}")
        for is_field, text in pieces
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    print_result(**write_all(row_set(parser.parse_args())))


if __name__ == "__main__":
    main()
