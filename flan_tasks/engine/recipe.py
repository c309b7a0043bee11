"""The recipe: all that the bytes of a build depend on, by part, so that a change can be named."""

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flan_tasks.core.dataset import START
from flan_tasks.core.option_styles import PLAIN_STYLE, VARIED, contents, option_styles
from flan_tasks.core.version import VERSION
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.prepare import Ingredient, Prepared
from flan_tasks.specs.build_spec import NEWER, BuildSpec

Recipe = Mapping[str, Any]
# Key of what a build was grown from.
GROWN_FROM = "grown_from"

# Libraries whose version can change the bytes of a build.
_LIBRARIES = (
    "array_record",
    "pyarrow",
    "sentencepiece",
    "tensorflow",
    "tensorflow-datasets",
    "tokenizers",
)
# Where files lie and what columns hold. It is part of the recipe, as what an older version began or
# finished under another layout is another build.
_LAYOUT = "shards in data/, options as text"
# Field of a specification -> what it is called where it is no option of that name.
_SAID = {"mixture": "what is built", "modules": "--module", "report": "report.html"}
# Differences listed before the rest is only counted.
_SHOWN = 12


def make_recipe(
    prepared: Prepared,
    plan: Plan,
    spec: BuildSpec,
    *,
    grown_from: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Returns everything the bytes of a build depend on but the versions of libraries.

    Args:
      prepared: the mixture.
      plan: its rows.
      spec: what was built, every default in it.
      grown_from: stages of the build that it grew from, oldest first.
    """
    counts = {item.name: count for item, count in zip(plan.ingredients, plan.counts, strict=True)}
    found = {
        "flan_tasks": VERSION,
        "layout": _LAYOUT,
        "spec": spec.record(),
        "mixture": prepared.mixture.to_json(),
        "missing": sorted(prepared.missing),
        "without_split": list(prepared.without_split),
        # Only where there are some, so that other builds are what they were.
        **({"too_small": sorted(prepared.too_small)} if prepared.too_small else {}),
        "tasks": {
            item.name: _task(item, rows=counts.get(item.name, 0)) for item in prepared.ingredients
        },
        # Whose rows it begins with; they are those of the tasks above, in these numbers.
        **({GROWN_FROM: list(grown_from)} if grown_from else {}),
    }
    # Through JSON once, so that a recipe in hand equals one read back.
    return json.loads(json.dumps(found))


def _task(item: Ingredient, *, rows: int) -> dict[str, Any]:
    dataset = item.dataset
    declared = [dataset.cluster, dataset.parent, dataset.license, dataset.citation, dataset.metrics]
    return {
        "rows": rows,
        "available": item.available,
        "rate": item.rate,
        "declaration": _short(declared),
        # Only where it says something, so that other builds are what they were.
        **({} if dataset.keep == START else {"keep": _short(dataset.keep)}),
        "store": {part: _short(value) for part, value in item.examples.parts.items()},
        "templates": {t.id: _short([t.kind, t.inputs, t.targets]) for t in item.templates},
        **({"option_styles": _short(_styles(item))} if item.is_styled else {}),
    }


def _styles(item: Ingredient) -> list[Any]:
    """What the lists of options of a task depend on beside the templates' texts."""
    style = item.variation.option_style
    names = option_styles() if style == VARIED else (style, PLAIN_STYLE)
    by_text = [t.id for t in item.templates if not t.is_answered_by_label]
    return [contents(names), item.variation.option_targets, by_text]


def digest_of(recipe: Recipe) -> str:
    """Returns the SHA-256 of a recipe."""
    # In the order it has: that of tasks and templates counts, since rows are drawn by number.
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()


def library_versions() -> dict[str, str]:
    """Returns the versions of the libraries that take part in writing."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def differences(there: Recipe, now: Recipe) -> list[str]:
    """Says in what two recipes differ, one line each; at most a dozen, then their number."""
    lines = list(_differences(there, now)) or ["the order of tasks"]
    if len(lines) > _SHOWN:
        lines[_SHOWN:] = [f"... and {len(lines) - _SHOWN} more"]
    return lines


def _differences(there: Recipe, now: Recipe) -> Iterator[str]:
    yield from _changed("flan_tasks", there.get("flan_tasks"), now.get("flan_tasks"))
    yield from _changed("layout", there.get("layout"), now.get("layout"))
    if "spec" not in there:
        yield "how it was asked for: a command, as releases up to 0.1.0 kept it; now its options"
    else:
        old, new = ({**NEWER, **one["spec"]} for one in (there, now))
        for name in {**old, **new}:
            option = _SAID.get(name) or f"--{name.replace('_', '-')}"
            changed = list(_changed(option, old.get(name), new.get(name)))
            if not changed and (name in old) != (name in new):
                # Of another release, which has it and says nothing by it.
                changed = [f"{option}: {'there' if name in old else 'now'} alone"]
            yield from changed
    mixtures = there.get("mixture", {}), now.get("mixture", {})
    for name in {**mixtures[0], **mixtures[1]}:
        yield from _changed(f"mixture, {name}", mixtures[0].get(name), mixtures[1].get(name))
    for name in ("missing", "without_split", "too_small"):
        yield from _changed(name.replace("_", " "), there.get(name, []), now.get(name, []))
    grown = [[one["digest"][:12] for one in r.get(GROWN_FROM, ())] for r in (there, now)]
    yield from _changed("--grow-from, the builds", *grown)
    tasks = there.get("tasks", {}), now.get("tasks", {})
    for name in {**tasks[0], **tasks[1]}:
        if name not in tasks[1]:
            yield f"{name}: there, not now"
        elif name not in tasks[0]:
            yield f"{name}: now, not there"
        else:
            yield from (f"{name}: {line}" for line in _task_changes(tasks[0][name], tasks[1][name]))


def _task_changes(there: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    lines = []
    parts = [part for part, value in now["store"].items() if there["store"].get(part) != value]
    if parts:
        lines.append(f"its examples, by their {', '.join(parts)}")
    if there["declaration"] != now["declaration"]:
        lines.append("cluster, part_of, license, citation or metrics")
    if there.get("keep") != now.get("keep"):
        lines.append("what it keeps of long fields")
    old, new = there["templates"], now["templates"]
    both = [name for name in new if name in old]
    for verb, names in (
        ("reworded", [name for name in both if old[name] != new[name]]),
        ("added", [name for name in new if name not in old]),
        ("gone", [name for name in old if name not in new]),
    ):
        if names:
            lines.append(f"template {', '.join(names)} {verb}")
    if not lines and list(old) != list(new):
        lines.append("the order of its templates")
    if not lines:  # what follows from other changes is not listed again
        for name in ("available", "rows", "rate"):
            lines += _changed(name, there[name], now[name])
    return lines


def _changed(what: str, there: object, now: object) -> list[str]:
    if there == now:
        return []
    return [f"{what}: {_shown(there)}, now {_shown(now)}"]


def _shown(value: object) -> str:
    if value is None or value == [] or value == "":
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Mapping):
        return ",".join(f"{key}={item}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _short(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
