"""What the page is given: the numbers of a build and its sampled examples."""

from collections.abc import Mapping, Sequence
from typing import Any

from flan_tasks.chat.facts import chat_lines
from flan_tasks.chat.kept import KEPT
from flan_tasks.core.naming import MEMBER_MARK
from flan_tasks.engine.folded import folded_names
from flan_tasks.engine.license_table import LICENSE_HEADS, license_rows, use_note
from flan_tasks.engine.option_counts import style_note, style_table
from flan_tasks.engine.run_local import CARD, REPORT, TEMPLATES
from flan_tasks.plan.fitting import fitting_lines
from flan_tasks.reports.length_tables import histograms
from flan_tasks.reports.long_texts import treatment
from flan_tasks.reports.packed_data import columns_of, id_columns, unique
from flan_tasks.reports.sample import Sample

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
    files = [
        entry
        for entry in manifest["files"]
        if entry["path"] not in _BESIDE and not entry["path"].startswith(f"{KEPT}/")
    ]
    wordings, places = unique(tuple(map(_wording, some)) for some in templates.values())
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
        "fitting": [*fitting_lines(manifest), *chat_lines(manifest)],
        "wordings": [[dict(template) for template in some] for some in wordings],
        "wording_of": dict(zip(templates, places, strict=True)),
        # By part, as on the card; nothing of a mixture without parts.
        "licenses": [list(LICENSE_HEADS), *license_rows(manifest)] if "parts" in manifest else [],
        "license_note": use_note(manifest),
        "option_styles": style_table(manifest),
        "style_note": style_note(manifest),
        "sampled": len(sample.examples),
        "notes": list(sample.notes),
        "histograms": histograms(manifest, sample),
    }


def examples(sample: Sample, task_names: Sequence[str]) -> dict[str, Any]:
    """Returns the examples column by column; equal values stand once and are numbered."""
    shown = sample.examples
    numbers = {name: number for number, name in enumerate(task_names)}
    templates, template = unique((e.template, e.kind) for e in shown)
    options, option = unique(e.options for e in shown)
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
        ids = {
            "input_ids": [e.input_ids for e in shown],
            "target_ids": [e.target_ids for e in shown],
        }
        found |= id_columns(sample.vocabulary, ids)
    return found


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


def _wording(template: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, template[name]) for name in ("id", "kind", "inputs", "targets"))
