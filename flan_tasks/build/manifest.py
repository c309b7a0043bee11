"""The manifest and the dataset card: what a build is, without time, host, path or worker count."""

import dataclasses
import importlib.metadata
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import flan_tasks
from flan_tasks.build.contamination import describe
from flan_tasks.build.fingerprints import RUN, SHORTEST_TEXT
from flan_tasks.build.plan import Plan
from flan_tasks.build.prepare import Prepared
from flan_tasks.build.shard import BuildSettings
from flan_tasks.build.writers import WRITERS
from flan_tasks.core.naming import TaskName
from flan_tasks.core.variation import SHUFFLED

SCHEMA = 1
# What the card calls sources that have no name of their own.
_UNNAMED = {"samples": "rows written for flan_tasks", "files": "files of their user"}
# Libraries whose version can change the bytes of a build.
_LIBRARIES = (
    "array_record",
    "pyarrow",
    "sentencepiece",
    "tensorflow",
    "tensorflow-datasets",
    "tokenizers",
)


def task_table(prepared: Prepared, plan: Plan) -> list[dict[str, Any]]:
    """One entry a task: what is at hand, what is asked for, what is repeated or never seen.

    Those the plan draws from come first and in its order, so that their numbers are the plan's;
    tasks of which no example is left, every row being skipped, stand behind with their skips.
    """
    counts = {
        item.dataset.name: count for item, count in zip(plan.ingredients, plan.counts, strict=True)
    }
    total_rate = sum(item.rate for item in plan.ingredients) or 1.0
    return [
        {
            "task": str(TaskName(item.dataset.name)),
            "name": item.dataset.name,
            "dataset": item.dataset.parent,
            "cluster": item.dataset.cluster,
            "rate": round(item.rate, 6),
            "share": round(item.rate / total_rate, 6),
            "available": item.available,
            "requested": counts.get(item.dataset.name, 0),
            "repeated": max(0, counts.get(item.dataset.name, 0) - item.available),
            "never_seen": max(0, item.available - counts.get(item.dataset.name, 0)),
            "rows_read": item.examples.rows,
            "examples_read": len(item.examples),
            "skipped": dict(item.examples.skipped),
            "templates": len(item.templates),
            "store_key": item.examples.key,
            "source": item.examples.parts["source"],
            "license": item.dataset.license,
            "citation": item.dataset.citation,
        }
        for item in (
            *plan.ingredients,
            *(item for item in prepared.ingredients if item.dataset.name not in counts),
        )
    ]


def size_notes(prepared: Prepared) -> list[str]:
    """Says where a source has other numbers of rows than the declaration, one line each."""
    notes = []
    for item in prepared.ingredients:
        declared = item.dataset.declared_rows(prepared.split)
        if declared is not None and declared != item.examples.rows_at_hand:
            notes.append(
                f"{item.dataset.name}: {item.examples.rows_at_hand:,} rows at hand, "
                f"{declared:,} declared"
            )
    return notes


def make_manifest(
    prepared: Prepared,
    plan: Plan,
    settings: BuildSettings,
    *,
    digest: str,
    command: str,
    shards: Sequence[Mapping[str, Any]],
    others: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Returns the manifest.

    Args:
      prepared: the mixture.
      plan: its rows.
      settings: how they were written.
      digest: hash of everything the bytes depend on.
      command: the canonical command.
      shards: what is known of each shard.
      others: path, size and digest of every other file.
    """
    realized: Counter[str] = Counter()
    templates: dict[str, Counter[str]] = {}
    for shard in shards:
        for name, counts in shard["templates"].items():
            realized[name] += sum(counts.values())
            templates.setdefault(name, Counter()).update(counts)
    shots: dict[str, Counter[str]] = {}
    for shard in shards:
        for name, counts in shard["num_shots"].items():
            shots.setdefault(name, Counter()).update(counts)
    tasks = [
        {
            **entry,
            "realized": realized[entry["name"]],
            "template_counts": dict(sorted(templates.get(entry["name"], Counter()).items())),
            # Exemplars in a prompt -> prompts that have so many.
            "num_shots": dict(sorted(shots.get(entry["name"], Counter()).items(), key=_by_number)),
        }
        for entry in task_table(prepared, plan)
    ]
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "flan_tasks": flan_tasks.__version__,
        "libraries": _versions(),
        "command": command,
        "digest": digest,
        "mixture": dataclasses.asdict(prepared.mixture),
        "split": prepared.split,
        "seed": plan.seed,
        "format": settings.format,
        "style": settings.style,
        "vocabulary": settings.vocabulary.name if settings.vocabulary else None,
        "lengths": dict(settings.lengths),
        "examples": len(plan),
        "rows": sum(shard["rows"] for shard in shards),
        "missing": dict(prepared.missing),
        "without_split": list(prepared.without_split),
        "sizes": size_notes(prepared),
        "variation": dataclasses.asdict(prepared.variation),
        "decontaminated": _decontaminated(prepared),
        "tasks": tasks,
    }
    if settings.vocabulary:
        found |= {
            "vocabulary_size": settings.vocabulary.size,
            "eos_id": settings.vocabulary.eos_id,
            "pad_id": settings.vocabulary.pad_id,
        }
        for name in ("tokens", "over_length", "tokens_over"):
            found[name] = {
                part: sum(shard[name][part] for shard in shards) for part in ("inputs", "targets")
            }
    if WRITERS[settings.format].is_packed:
        found["arch"] = settings.arch
        found["packing"] = {
            name: sum(shard[name] for shard in shards) for name in ("rows", "bound", "simple_bound")
        }
    kept = ("rows", "examples", "tokens", "bound")
    found["shards"] = [
        {
            "name": shard["path"],
            **{name: shard[name] for name in kept if name in shard},
            "paths": [file["path"] for file in shard["files"]],
        }
        for shard in shards
    ]
    found["files"] = [*(file for shard in shards for file in shard["files"]), *others]
    # Through JSON once, so that a manifest in hand equals one read back.
    return json.loads(json.dumps(found))


def _by_number(item: tuple[str, int]) -> int:
    return int(item[0])


def _decontaminated(prepared: Prepared) -> dict[str, Any] | None:
    if not prepared.drop_against:
        return None
    reason = describe(prepared.drop_against)
    dropped = {item.dataset.name: item.examples.skipped for item in prepared.ingredients}
    return {
        "against": list(prepared.drop_against),
        "run": RUN,
        "evaluation": [
            {
                "name": part.dataset.name,
                "split": part.split,
                "examples": len(part.examples),
                "store_key": part.examples.key,
            }
            for part in prepared.compared_with
        ],
        "dropped": {name: counts[reason] for name, counts in dropped.items() if reason in counts},
    }


def canonical_command(
    name: str,
    *,
    source: str,
    num_examples: int,
    seed: int,
    settings: BuildSettings,
    filters: Sequence[str] = (),
) -> str:
    """The command that makes the same bytes, every default spelled out, without paths."""
    words = [f"flan build {name} --out DIR --source {source}"]
    if source in ("tfds", "files"):
        words.append("--data-dir DATA")
    words.append(f"--split {settings.split} --examples {num_examples} --seed {seed}")
    if settings.vocabulary:
        words.append(f"--vocab {settings.vocabulary.name}")
    words.append(f"--format {settings.format} --style {settings.style}")
    if WRITERS[settings.format].is_packed:
        words.append(f"--arch {settings.arch}")
    lengths = ",".join(f"{part}={length}" for part, length in settings.lengths.items())
    words.append(f"--lengths {lengths}")
    if settings.num_shards:
        words.append(f"--shards {settings.num_shards}")
    words += filters
    return " ".join(words)


def make_card(manifest: Mapping[str, Any]) -> str:
    """Returns the dataset card, README.md of the build."""
    mixture = manifest["mixture"]
    lines = [
        f"# {mixture['name']}: {manifest['examples']:,} instruction examples ({manifest['split']})",
        "",
        mixture["description"] or "A mixture made with flan_tasks.",
        "",
        f"Made with flan_tasks {manifest['flan_tasks']} by",
        "",
        f"    {manifest['command']}",
        "",
        "The same command on the same data gives the same bytes. `flan verify DIR` compares every "
        "file with `manifest.json`.",
        "",
    ]
    if manifest["missing"]:
        lines += [
            "## Missing",
            "",
            f"Datasets whose rows could not be had, {len(manifest['missing'])}; built without:",
            "",
            *(f"- {name}: {_cell(reason)}" for name, reason in manifest["missing"].items()),
            "",
        ]
    if manifest["without_split"]:
        lines += [
            f"Without a {manifest['split']} split by declaration: "
            f"{', '.join(manifest['without_split'])}.",
            "",
        ]
    if found := manifest["decontaminated"]:
        lines += [
            f"Left out: training examples that occur in the evaluation sets of "
            f"{', '.join(found['against'])}, {sum(found['dropped'].values()):,} of "
            f"{len(found['dropped'])} datasets (a whole example, a whole text of "
            f"{SHORTEST_TEXT} words or more, or {found['run']} words in a row; case and "
            "punctuation aside).",
            "",
        ]
    lines += _variation_lines(manifest)
    lines += [
        "## What is in it",
        "",
        "| task | cluster | rate | share | examples | at hand | repeated | never seen | skipped "
        "| licence |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for task in manifest["tasks"]:
        skipped = ", ".join(f"{n} {_cell(reason)}" for reason, n in task["skipped"].items()) or "0"
        lines.append(
            f"| {task['name']} | {task['cluster']} | {task['rate']:,.1f} | {task['share']:.2%} "
            f"| {task['realized']:,} | {task['available']:,} | {task['repeated']:,} "
            f"| {task['never_seen']:,} | {skipped} | {_cell(task['license'])} |"
        )
    if "over_length" in manifest:
        over, tokens = manifest["over_length"], manifest["tokens"]
        lines += [
            "",
            f"Tokens ({manifest['vocabulary']}): {tokens['inputs']:,} in inputs, "
            f"{tokens['targets']:,} in targets. Longer than {manifest['lengths']['inputs']} / "
            f"{manifest['lengths']['targets']} with EOS: {over['inputs']:,} inputs, "
            f"{over['targets']:,} targets.",
        ]
    if "packing" in manifest:
        packing = manifest["packing"]
        lines += [
            "",
            f"Packed for {manifest['arch']} models: {packing['rows']:,} rows; no packing needs "
            f"fewer than {packing['bound']:,}.",
        ]
    lines += ["", "## Sources", ""]
    for task in manifest["tasks"]:
        source = task["source"]
        name = source.get("name") or _UNNAMED[source["source"]]
        lines.append(f"- {task['name']}: {source['source']}, {name}. {task['citation']}")
    return "\n".join(lines) + "\n"


def _variation_lines(manifest: Mapping[str, Any]) -> list[str]:
    variation = manifest["variation"]
    found = []
    if not variation["options"]:
        found.append("Prompts do not show the options.")
    if variation["option_order"] == SHUFFLED:
        found.append("Options stand in an order drawn for each example and epoch.")
    if variation["templates"]:
        found.append(f"Templates: {', '.join(variation['templates'])}.")
    if variation["kinds"]:
        found.append(f"Kinds of template: {', '.join(variation['kinds'])}.")
    if variation["shots"]:
        counts: Counter[int] = Counter()
        for task in manifest["tasks"]:
            counts.update({int(number): rows for number, rows in task["num_shots"].items()})
        by_number = ", ".join(f"{number}: {rows:,}" for number, rows in sorted(counts.items()))
        found.append(
            f"Up to {variation['shots']} exemplars stand before each query, as many as fit into "
            f"{manifest['lengths']['inputs']} tokens. Prompts by number of exemplars: {by_number}."
        )
    return [*found, ""] if found else []


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
