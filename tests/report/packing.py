"""A packed build as its readers know it, written row after row without any cleverness."""

import json

import numpy as np

from flan_tasks.build.rows import rendered_rows
from flan_tasks.build.shard import tokenize


def write_packed(folder, manifest, plan, vocabulary, *, arch="encoder-decoder", shards=2):
    """Turns the manifest of a text build of `plan` into one of packed arrays beside its files."""
    folder.mkdir(parents=True, exist_ok=True)
    lengths = dict(manifest["lengths"])
    rows = [row for chunk in rendered_rows(plan, 0, len(plan)) for row in chunk]
    numbers = {item.dataset.name: n for n, item in enumerate(plan.ingredients)}
    found, about = [], []
    for number, item in enumerate(tokenize(rows, vocabulary)):
        ids = [
            np.append(part[: lengths[name] - 1], vocabulary.eos_id)
            for name, part in (("inputs", item.inputs), ("targets", item.targets))
        ]
        last = found[-1] if found else None
        full = last is None or any(
            sum(len(e[side]) for e in last) + len(ids[side]) > lengths[name]
            for side, name in enumerate(("inputs", "targets"))
        )
        if full:
            found.append([])
            about.append([])
        found[-1].append(ids)
        about[-1].append((number, numbers[item.row.dataset.name]))
    cuts = np.linspace(0, len(found), shards + 1).astype(int)
    entries = []
    for shard in range(shards):
        name = f"train-{shard:05d}-of-{shards:05d}"
        some = found[cuts[shard] : cuts[shard + 1]]
        named = [pair for row in about[cuts[shard] : cuts[shard + 1]] for pair in row]
        arrays = _arrays(some, lengths, arch)
        arrays["offsets"] = np.cumsum([0, *(len(row) for row in some)], dtype=np.int64)
        arrays["examples"] = np.array([pair[0] for pair in named], np.int64)
        arrays["tasks"] = np.array([pair[1] for pair in named], np.int16)
        for part, array in arrays.items():
            np.save(folder / f"{name}.{part}.npy", array)
        entries.append({"name": name, "rows": len(some), "examples": len(named)})
    made = {
        **manifest,
        "format": "arrays",
        "arch": arch,
        "rows": len(found),
        "shards": entries,
        "vocabulary": vocabulary.name,
        "lengths": lengths,
    }
    (folder / "manifest.json").write_text(json.dumps(made))
    return made


def _arrays(rows, lengths, arch):
    if arch == "decoder":
        length = lengths["row"] = lengths["inputs"] + lengths["targets"]
        tokens, segments, mask = (np.zeros((len(rows), length), np.uint16) for _ in range(3))
        for r, row in enumerate(rows):
            start = 0
            for s, ids in enumerate(row, start=1):
                for side in (0, 1):
                    stop = start + len(ids[side])
                    tokens[r, start:stop], segments[r, start:stop] = ids[side], s
                    mask[r, start:stop], start = side, stop
        return {
            "tokens": tokens,
            "segment_ids": segments.astype(np.uint8),
            "loss_mask": mask.astype(np.uint8),
        }
    found = {}
    for side, name in enumerate(("inputs", "targets")):
        ids = np.zeros((len(rows), lengths[name]), np.uint16)
        segments = np.zeros((len(rows), lengths[name]), np.uint8)
        for r, row in enumerate(rows):
            start = 0
            for s, example in enumerate(row, start=1):
                stop = start + len(example[side])
                ids[r, start:stop], segments[r, start:stop] = example[side], s
                start = stop
        found |= {name: ids, f"{name}_segment_ids": segments}
    return found
