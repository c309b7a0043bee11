"""Writes small `arrays` builds by hand, each array spelled out from the examples."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from flan_tasks.engine.manifest_file import seal
from flan_tasks.reader import PackedExample

LENGTHS = {"inputs": 12, "targets": 8}
TASKS = ("birds", "fish", "newts")


def make_rows(count: int, *, seed: int = 0) -> list[list[PackedExample]]:
    """Rows of one to three examples that fit LENGTHS; ids from 3, EOS 1."""
    random = np.random.default_rng(seed)
    rows, plan_row = [], 0
    for _ in range(count):
        row = []
        for _ in range(random.integers(1, 4)):
            ids = [
                np.append(random.integers(3, 259, random.integers(0, most)), 1).astype(np.int32)
                for most in (4, 2)
            ]
            row.append(PackedExample(*ids, int(random.integers(len(TASKS))), plan_row))
            plan_row += 1
        rows.append(row)
    return rows


def write_build(
    folder: Path,
    rows: list[list[PackedExample]],
    *,
    arch: str = "encoder-decoder",
    shards: int = 2,
    changes: Mapping[str, object] | None = None,
) -> Path:
    """Writes a complete build; `changes` replace entries of its manifest, which is sealed again."""
    folder.mkdir(parents=True, exist_ok=True)
    edges = [len(rows) * i // shards for i in range(shards + 1)]
    listed, files = [], []
    for number in range(shards):
        here = rows[edges[number] : edges[number + 1]]
        name = f"train-{number:05d}-of-{shards:05d}"
        paths = []
        for array, values in shard_arrays(here, arch).items():
            path = folder / f"{name}.{array}.npy"
            np.save(path, values)
            paths.append(path.name)
            files.append(file_entry(path))
        examples = sum(map(len, here))
        listed.append({"name": name, "rows": len(here), "examples": examples, "paths": paths})
    manifest = {
        "format": "arrays",
        "arch": arch,
        "lengths": LENGTHS,
        "vocabulary": "bytes",
        "vocabulary_size": 259,
        "eos_id": 1,
        "pad_id": 0,
        "split": "train",
        "seed": 0,
        "style": "inputs-targets",
        "mixture": {"name": "m", "description": "By hand."},
        "missing": {},
        "command": "none",
        "digest": "0" * 64,
        "examples": sum(map(len, rows)),
        "rows": len(rows),
        "tasks": [
            task_entry(name, sum(e.task == number for row in rows for e in row))
            for number, name in enumerate(TASKS)
        ],
        "shards": listed,
        "files": files,
    }
    write_manifest(folder, manifest | dict(changes or {}))
    return folder


def write_manifest(folder: Path, manifest: Mapping[str, object]) -> None:
    """Writes a manifest with the hash that it carries of itself."""
    (folder / "manifest.json").write_text(
        json.dumps({**manifest, "sha256": seal(manifest)}), encoding="utf-8"
    )


def seal_again(folder: Path, **changes: object) -> None:
    """Makes a build whose files were changed one that its manifest describes, with `changes`."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8")) | changes
    if "files" not in changes:
        manifest["files"] = [file_entry(folder / e["path"], e["path"]) for e in manifest["files"]]
    write_manifest(folder, manifest)


def file_entry(path: Path, name: str = "") -> dict[str, object]:
    """What a manifest says of a file."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return {"path": name or path.name, "bytes": len(data), "sha256": digest}


def task_entry(name: str, examples: int) -> dict[str, object]:
    """What a manifest says of a task."""
    return {
        "task": f"flan:{name}",
        "name": name,
        "dataset": name,
        "cluster": "animals",
        "rate": float(examples),
        "share": 1 / len(TASKS),
        "available": examples,
        "requested": examples,
        "repeated": 0,
        "never_seen": 0,
        "skipped": {},
        "templates": 1,
        "template_counts": {"plain": examples},
        "num_shots": {},
        "realized": examples,
        "store_key": "0" * 64,
        "source": {"source": "files"},
        "languages": ["en"],
        "license": "CC0-1.0",
        "citation": "Nobody",
    }


def shard_arrays(rows: list[list[PackedExample]], arch: str) -> dict[str, np.ndarray]:
    """The arrays of one shard."""
    examples = [example for row in rows for example in row]
    about = {
        "offsets": np.cumsum([0, *map(len, rows)], dtype=np.int64),
        "examples": np.asarray([e.plan_row for e in examples], np.int64),
        "tasks": np.asarray([e.task for e in examples], np.int16),
    }
    if arch == "encoder-decoder":
        found = {}
        for part, length in LENGTHS.items():
            found[part] = _filled([[getattr(e, part) for e in row] for row in rows], length)
            found[f"{part}_segment_ids"] = _filled(
                [_segments([getattr(e, part) for e in row]) for row in rows], length, np.uint8
            )
        return found | about
    length = sum(LENGTHS.values())
    joined = [[np.append(e.inputs, e.targets) for e in row] for row in rows]
    masks = [[np.repeat([0, 1], [len(e.inputs), len(e.targets)]) for e in row] for row in rows]
    return {
        "tokens": _filled(joined, length),
        "segment_ids": _filled([_segments(row) for row in joined], length, np.uint8),
        "loss_mask": _filled(masks, length, np.uint8),
    } | about


def _segments(parts: list[np.ndarray]) -> list[np.ndarray]:
    return [np.full(len(part), number) for number, part in enumerate(parts, start=1)]


def _filled(rows: list[list[np.ndarray]], length: int, dtype: type = np.uint16) -> np.ndarray:
    found = np.zeros((len(rows), length), dtype)
    for row, parts in zip(found, rows, strict=True):
        values = np.concatenate(parts)
        row[: len(values)] = values
    return found
