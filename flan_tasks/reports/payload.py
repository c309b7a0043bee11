"""What the page is given: the numbers of a build and its sampled examples, as compact JSON."""

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from flan_tasks.core.naming import MEMBER_MARK
from flan_tasks.engine.folded import folded_names
from flan_tasks.engine.run_local import CARD, REPORT, TEMPLATES
from flan_tasks.plan.fitting import fitting_lines
from flan_tasks.reports.length_tables import histograms
from flan_tasks.reports.long_texts import treatment
from flan_tasks.reports.sample import Sample

# Above this many characters the examples are packed by gzip. Below they stay readable in the file,
# and the bytes of a report do not hang on the version of zlib.
PLAIN_LIMIT = 8_000_000
# First code of an id in a string of ids: behind ", \\ and <, which JSON or HTML would change.
FIRST_CODE = 0x5D
_SURROGATES = 0xD800
_NUM_SURROGATES = 0x800
_LEFT_OUT = (
    *("files", "shards", "recipe", "sha256", "left_out", "tasks", "missing", "too_small"),
    "task_warnings",
)
# What the page shows of a task: there may be thousands.
_OF_TASKS = (
    *("name", "dataset", "cluster", "rate", "available", "requested", "realized", "repeated"),
    *("never_seen", "rows_read", "skipped", "templates", "template_counts", "texts"),
    *("source", "license", "citation"),
)
_OF_SOURCES = ("source", "name", "version", "revision")
# Files about the data, which are written after it and while a report is made.
_BESIDE = (CARD, REPORT, TEMPLATES)


def summary(
    manifest: Mapping[str, Any],
    sample: Sample,
    *,
    templates: Mapping[str, Sequence[Mapping[str, str]]],
) -> dict[str, Any]:
    """Returns what the page shows before any example.

    Args:
      manifest: of the build.
      sample: its examples; the histograms are of them.
      templates: task -> its templates, each with `id`, `kind`, `inputs` and `targets`.
    """
    kept = {name: value for name, value in manifest.items() if name not in _LEFT_OUT}
    files = [entry for entry in manifest["files"] if entry["path"] not in _BESIDE]
    wordings, places = _unique(tuple(map(_wording, some)) for some in templates.values())
    return {
        **kept,
        "tasks": columns_of([_shown(task) for task in manifest["tasks"]]),
        "missing": _missing(manifest["missing"]),
        "num_missing": len(manifest["missing"]),
        "without_split": folded_names(manifest["without_split"]),
        "too_small": _missing(manifest.get("too_small", {})),
        "num_files": len(files),
        "bytes": sum(entry["bytes"] for entry in files),
        "long": treatment(manifest),
        "num_left_out": len(manifest.get("left_out", ())),
        "fitting": fitting_lines(manifest),
        "wordings": [[dict(template) for template in some] for some in wordings],
        "wording_of": dict(zip(templates, places, strict=True)),
        "sampled": len(sample.examples),
        "notes": list(sample.notes),
        "histograms": histograms(manifest, sample),
    }


def examples(sample: Sample, task_names: Sequence[str]) -> dict[str, Any]:
    """Returns the examples column by column; equal values stand once and are numbered."""
    shown = sample.examples
    numbers = {name: number for number, name in enumerate(task_names)}
    templates, template = _unique((e.template, e.kind) for e in shown)
    options, option = _unique(e.options for e in shown)
    found: dict[str, Any] = {
        "row": [e.row for e in shown],
        "task": [numbers[e.task] for e in shown],
        "templates": templates,
        "template": template,
        "key": [e.key for e in shown],
        "option_lists": options,
        "options": option,
        "inputs": [e.inputs for e in shown],
        "targets": [e.targets for e in shown],
        "packed": [[number, span.start, len(span)] for number, span in sample.rows],
    }
    if sample.vocabulary is not None:
        ids = [e.input_ids for e in shown] + [e.target_ids for e in shown]
        joined = np.concatenate([part for part in ids if part is not None] or [np.zeros(0, int)])
        used, counts = np.unique(joined, return_counts=True)
        # Frequent ids first: they get the codes that take one byte.
        used = used[np.lexsort((used, -counts))]
        rank = np.zeros(sample.vocabulary.size, np.int64)
        rank[used] = np.arange(len(used))
        found |= {
            "first_code": FIRST_CODE,
            "ids": used.tolist(),
            "pieces": sample.vocabulary.pieces(used.tolist()),
            "eos": sample.vocabulary.eos_id,
            "unknown": sample.vocabulary.unk_id,
            "input_ids": [_codes(rank, e.input_ids) for e in shown],
            "target_ids": [_codes(rank, e.target_ids) for e in shown],
        }
    return found


def columns_of(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns entries column by column, which takes little space where they are much alike.

    A value is a shape and numbers: the shape has, for each number, its place among those of the
    value. `shapes` are the distinct ones of a column with `sizes`, how many numbers each needs,
    `shape` is which of them each entry has, left out where there is one, and `numbers` are those
    of all entries behind each other. `data.js` reads it.
    """
    keys = dict.fromkeys(key for entry in entries for key in entry)
    columns = {}
    for key in keys:
        numbers: list[float] = []
        texts, sizes = [], []
        for entry in entries:
            own: list[float] = []
            texts.append(json.dumps(_shape(entry.get(key), own)))
            sizes.append(len(own))
            numbers += own
        shapes, places = _unique(zip(texts, sizes, strict=True))
        columns[key] = {
            "shapes": [json.loads(text) for text, _ in shapes],
            "sizes": [size for _, size in shapes],
            "shape": places if len(shapes) > 1 else [],
            "numbers": numbers,
        }
    return {"count": len(entries), "columns": columns}


def _shape(value: Any, numbers: list[float]) -> Any:
    """Returns a value with a place for each number, which it puts there."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        numbers.append(value)
        return len(numbers) - 1
    if isinstance(value, Mapping):
        return {key: _shape(item, numbers) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shape(item, numbers) for item in value]
    return value


def _shown(task: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: task.get(key) for key in _OF_TASKS}
    source = {key: task["source"][key] for key in _OF_SOURCES if key in task["source"]}
    return shown | {"source": source}


def _missing(missing: Mapping[str, str]) -> list[tuple[str, str]]:
    """Returns (datasets, why their rows are missing); members of a family together."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, reason in missing.items():
        family, mark, _ = name.partition(MEMBER_MARK)
        groups.setdefault((family + mark, reason if mark else ""), []).append(name)
    return [(", ".join(folded_names(names)), missing[names[0]]) for names in groups.values()]


def script_text(value: Any) -> str:
    """Returns JSON that may stand in a script element, whatever texts it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # Neither "</script" nor "<!--" can appear without it.
    return text.replace("<", "\\u003c")


def packed_script_text(value: Any) -> tuple[str, str]:
    """Returns (type, text) of a script element for a value of any size."""
    text = script_text(value)
    if len(text) <= PLAIN_LIMIT:
        return "application/json", text
    # Level 6 takes a third of the time of 9 and gives a file 2 % larger.
    data = gzip.compress(text.encode(), compresslevel=6, mtime=0)
    return "application/gzip+base64", base64.b64encode(data).decode("ascii")


def _codes(rank: np.ndarray, ids: np.ndarray | None) -> str:
    if ids is None:
        return ""
    codes = rank[ids] + FIRST_CODE
    codes = np.where(codes >= _SURROGATES, codes + _NUM_SURROGATES, codes)
    return codes.astype("<u4").tobytes().decode("utf-32-le")


def _unique(values: Iterable[Any]) -> tuple[list[Any], list[int]]:
    found: dict[Any, int] = {}
    places = [found.setdefault(value, len(found)) for value in values]
    return list(found), places


def _wording(template: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, template[name]) for name in ("id", "kind", "inputs", "targets"))
