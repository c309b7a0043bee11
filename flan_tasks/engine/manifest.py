"""The manifest: what a build is, without time, host, path or worker count."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from flan_tasks.chat.facts import add_chat, chat_facts
from flan_tasks.core.counting import counted
from flan_tasks.core.example import CONVERSATION
from flan_tasks.core.naming import TaskName
from flan_tasks.core.version import VERSION
from flan_tasks.decontamination.matches import describe
from flan_tasks.decontamination.rules import RUN
from flan_tasks.engine.option_counts import OPTION_STYLES, counts_by_task, counts_of_build
from flan_tasks.engine.part_table import part_table
from flan_tasks.engine.recipe import Recipe, digest_of, library_versions
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.engine.styles import BY_STYLE, Turns
from flan_tasks.engine.writers import WRITERS
from flan_tasks.engine.writers.writer import FACTS
from flan_tasks.plan.fitting import add_fitting
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.prepare import Ingredient, Prepared
from flan_tasks.specs.build_spec import BLOCKS, BuildSpec
from flan_tasks.specs.chat_choices import CHAT
from flan_tasks.specs.formats import PACKED_FORMATS, TEXT_FORMATS
from flan_tasks.vocabulary.text_counts import (
    TextWarning,
    add_counts,
    text_warnings,
    totals,
    warning_lines,
)

SCHEMA = 1


def task_table(prepared: Prepared, plan: Plan) -> list[dict[str, Any]]:
    """One entry a task: what is available, what is asked for, what is repeated or never seen.

    Those the plan draws from come first and in its order, so that their numbers are the plan's;
    tasks of which no example is left, every row being skipped, stand behind with their skips.
    """
    counts = {item.name: count for item, count in zip(plan.ingredients, plan.counts, strict=True)}
    rates = {item.name: item.rate for item in plan.ingredients}
    if plan.shares:  # parts have rates of their own: of the whole, exact rows are
        exact = plan.shares.exact
        rates = {i.name: float(exact.get(n, 0)) for n, i in enumerate(plan.ingredients)}
    total_rate = sum(rates.values()) or 1.0
    return [
        {
            "task": str(TaskName(item.dataset.name)),
            "name": item.name,
            "dataset": item.dataset.parent,
            "cluster": item.dataset.cluster,
            **_of_parts(item, prepared, plan),
            "rate": round(rates.get(item.name, item.rate), 6),
            "share": round(rates.get(item.name, item.rate) / total_rate, 6),
            "available": item.available,
            "requested": counts.get(item.name, 0),
            "repeated": max(0, counts.get(item.name, 0) - item.available),
            "never_seen": max(0, item.available - counts.get(item.name, 0)),
            "rows_read": item.examples.rows,
            "examples_read": len(item.examples),
            "skipped": dict(item.examples.skipped),
            "templates": len(item.templates),
            "store_key": item.examples.key,
            "source": item.examples.parts["source"],
            "languages": list(item.dataset.languages),
            "license": item.dataset.license,
            "citation": item.dataset.citation,
            # The field that holds a conversation; only where there is one.
            **({"turns": item.dataset.turns} if item.dataset.turns else {}),
        }
        for item in (
            *plan.ingredients,
            *(item for item in prepared.ingredients if item.name not in counts),
        )
    ]


def _of_parts(item: Ingredient, prepared: Prepared, plan: Plan) -> dict[str, Any]:
    """What is said of a task only where there are parts, or ceilings on repeats."""
    found: dict[str, Any] = {}
    if item.part:
        found |= {
            "collection": item.dataset.collection,
            "part": item.part,
            "prompt_type": item.prompt_type,
            "kinds": sorted({template.kind for template in item.templates}),
        }
    if item.name in prepared.mean_tokens:
        found["mean_tokens"] = dataclasses.asdict(prepared.mean_tokens[item.name])
    if plan.shares and any(plan.ingredients[n].name == item.name for n in plan.shares.full):
        found["at_ceiling"] = True
    return found


def size_notes(prepared: Prepared) -> list[str]:
    """Says where a source has other numbers of rows than the declaration, one line each."""
    notes: list[str] = []
    for item in prepared.ingredients:
        declared = item.dataset.declared_rows(prepared.split)
        if declared is not None and declared != item.examples.rows_at_hand:
            notes.append(
                f"{item.dataset.name}: {counted(item.examples.rows_at_hand, 'row')} available, "
                f"{declared:,} declared"
            )
    return list(dict.fromkeys(notes))  # a dataset may be in several parts


def make_manifest(
    prepared: Prepared,
    plan: Plan,
    settings: BuildSettings,
    *,
    spec: BuildSpec,
    recipe: Recipe,
    shards: Sequence[Mapping[str, Any]],
    others: Sequence[Mapping[str, Any]],
    kept: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns the manifest.

    Args:
      prepared: the mixture.
      plan: its rows.
      settings: how they were written.
      spec: what was built, every default in it.
      recipe: everything the bytes depend on.
      shards: what is known of each shard.
      others: path, size and digest of every other file.
      kept: what is known of all shards together that an earlier build had, with its entries of
        `shards` and `files`; these stand before the others.
    """
    grouped = WRITERS[settings.format].grouped
    entries = [*(kept["shards"] if kept else ()), *_entries(shards, grouped=grouped)]
    files = [*(kept["files"] if kept else ()), *(file for one in shards for file in one["files"])]
    shards = [*([kept] if kept else ()), *shards]
    realized: Counter[str] = Counter()
    templates: dict[str, Counter[str]] = {}
    for shard in shards:
        for name, counts in shard["templates"].items():
            realized[name] += sum(counts.values())
            templates.setdefault(name, Counter()).update(counts)
    shots: dict[str, Counter[str]] = {}
    for shard in shards:
        for name, counts in shard["num_shots"].items():
            # Of a shard built before an interruption the numbers come back from JSON as text.
            by_number = {str(number): rows for number, rows in counts.items()}
            shots.setdefault(name, Counter()).update(by_number)
    texts = add_counts(shards) if all("texts" in shard for shard in shards) else {}
    fitting = add_fitting(shards)
    styles = counts_by_task(shards)
    chats = add_chat(shards)
    tasks = [
        {
            **entry,
            # Part -> what became of its texts; only where there is a vocabulary.
            **({"texts": texts[entry["name"]]} if entry["name"] in texts else {}),
            "realized": realized[entry["name"]],
            **_of_realized(entry, realized[entry["name"]], fitting),
            "template_counts": dict(sorted(templates.get(entry["name"], Counter()).items())),
            # Exemplars in a prompt -> prompts that have so many.
            "num_shots": dict(sorted(shots.get(entry["name"], Counter()).items(), key=_by_number)),
            # Style -> prompts that list their options so; only where it is not the plain one.
            **({OPTION_STYLES: styles.get(entry["name"], {})} if plan.has_option_styles else {}),
            # What became of prompts that were too long; only where there were some.
            **({"fitting": fitting[entry["name"]]} if entry["name"] in fitting else {}),
            # Turns and tokens; only of conversations.
            **({CHAT: chats[entry["name"]]} if entry["name"] in chats else {}),
        }
        for entry in task_table(prepared, plan)
    ]
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "flan_tasks": VERSION,
        "libraries": library_versions(),
        "command": spec.command(),
        "digest": digest_of(recipe),
        "mixture": prepared.mixture.to_json(),
        "split": prepared.split,
        "seed": plan.seed,
        **({"order": BLOCKS} if plan.blocks else {}),
        "format": settings.format,
        "style": settings.style,
        "vocabulary": settings.vocabulary.name if settings.vocabulary else None,
        "lengths": dict(settings.lengths),
        # Rows of the plan, and those of them that are in no file, as their prompts do not fit.
        "planned": len(plan),
        "left_out": [row for shard in shards for row in shard.get("left_out", ())],
        "fits": settings.fits,
        # How spans are hidden; only where they are.
        **(
            {"objective": {"name": settings.objective, **settings.corruption.to_json()}}
            if settings.corruption
            else {}
        ),
        "examples": realized.total(),
        "rows": sum(shard["rows"] for shard in shards),
        "missing": dict(prepared.missing),
        "without_split": list(prepared.without_split),
        **({"too_small": dict(prepared.too_small)} if prepared.too_small else {}),
        "sizes": size_notes(prepared),
        "variation": dataclasses.asdict(prepared.variation),
        "decontaminated": _decontaminated(prepared),
        **_parts(prepared, plan, tasks),
        **({OPTION_STYLES: counts_of_build(tasks)} if plan.has_option_styles else {}),
        "tasks": tasks,
        "recipe": recipe,
    }
    if settings.vocabulary:
        found |= {
            "vocabulary_size": settings.vocabulary.size,
            "eos_id": settings.vocabulary.eos_id,
            "pad_id": settings.vocabulary.pad_id,
            "bos_id": settings.vocabulary.bos_id,
            "control_tokens": settings.vocabulary.control_tokens,
        }
        # A build begun before these were counted goes on without them.
        if all("texts" in shard for shard in shards):
            warnings = text_warnings(
                texts,
                realized,
                vocabulary=settings.vocabulary.name,
                control_tokens=settings.vocabulary.control_tokens,
                lengths=settings.text_lengths,
                trims=WRITERS[settings.format].trims,
                fits=settings.fits,
            )
            found |= {
                "unknown": totals(texts, "unknown"),
                "control_tokens_written": totals(texts, "control_tokens"),
                "warnings": warning_lines(warnings),
                **_of_each(warnings),
            }
        if settings.fits or settings.corruption:
            # Tokens of prompts as they are written; `tokens` counts them before they were fitted,
            # or texts before spans were hidden.
            written = sum(shard["written"]["inputs"]["tokens"] for shard in shards)
            found["written"] = {"inputs": written}
        for name in ("tokens", "over_length", "tokens_over"):
            found[name] = {
                part: sum(shard[name][part] for shard in shards) for part in ("inputs", "targets")
            }
    if lines := _turns_lost(plan, settings):
        found["warnings"] = [*found.get("warnings", ()), *lines]
    if settings.chat:
        found[CHAT] = chat_facts(settings.chat, chats)
    if settings.format in PACKED_FORMATS:
        found["arch"] = settings.arch
        found["packing"] = {
            name: sum(shard[name] for shard in shards) for name in ("rows", "bound", "simple_bound")
        }
    found |= {"shards": entries, "files": [*files, *others]}
    # Through JSON once, so that a manifest in hand equals one read back.
    return json.loads(json.dumps(found))


def _entries(shards: Sequence[Mapping[str, Any]], *, grouped: bool) -> Iterator[dict[str, Any]]:
    start = 0
    for shard in shards:
        entry = _shard_entry(shard)
        if grouped:
            left_out = shard["left_out"]
            facts = {name: value for name, value in shard.items() if name not in ("path", "files")}
            entry[FACTS] = {**facts, "left_out": [row - start for row in left_out]}
            start += shard["rows"] + len(left_out)
        yield entry


def _shard_entry(shard: Mapping[str, Any]) -> dict[str, Any]:
    names = ("rows", "examples", "tokens", "bound")
    return {
        "name": shard["path"],
        **{name: shard[name] for name in names if name in shard},
        "paths": [file["path"] for file in shard["files"]],
    }


def _parts(
    prepared: Prepared, plan: Plan, tasks: Sequence[Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """The parts with what was realized of them; nothing of a mixture without parts."""
    found = part_table(prepared, plan)
    for entry in found:
        path = entry["path"]
        entry["realized"] = sum(
            task["realized"] for task in tasks if f"{task['part']}/".startswith(f"{path}/")
        )
    return {"parts": found} if found else {}


def _of_each(warnings: Sequence[TextWarning]) -> dict[str, list[str]]:
    """The warnings of each task, where some stand together in those of the build."""
    lines = [one.line for one in warnings]
    return {"task_warnings": lines} if lines != warning_lines(warnings) else {}


def _of_realized(
    entry: Mapping[str, Any], realized: int, fitting: Mapping[str, Any]
) -> dict[str, int]:
    """What is repeated and never seen where rows of a task are left out."""
    if not fitting.get(entry["name"], {}).get("too_long"):
        return {}
    available = entry["available"]
    return {"repeated": max(0, realized - available), "never_seen": max(0, available - realized)}


def _turns_lost(plan: Plan, settings: BuildSettings) -> list[str]:
    """Says of which tasks the files have only the last answer of each conversation."""
    carries = isinstance(BY_STYLE[settings.style], Turns) and settings.format in TEXT_FORMATS
    if carries or settings.chat:
        return []
    names = [
        item.name
        for item in plan.ingredients
        if CONVERSATION in item.dataset.fields
        and len(item.examples)
        and item.examples.take(np.zeros(1, np.int64))[0].turns
    ]
    return [
        f"{name}: its examples are conversations, of which {settings.format} has the last answer "
        "alone, with the turns before it in the prompt; jsonl and parquet with style messages or "
        "sharegpt, and arrays with --chat, have them turn by turn"
        for name in names
    ]


def _by_number(item: tuple[str, int]) -> int:
    return int(item[0])


def _decontaminated(prepared: Prepared) -> dict[str, Any] | None:
    if not prepared.drop_against:
        return None
    reason = describe(prepared.drop_against, prepared.drop_preset)
    dropped = {item.name: item.examples.skipped for item in prepared.ingredients}
    return {
        "against": list(prepared.drop_against),
        "preset": prepared.drop_preset,
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
        # Evaluation sets that were not available, with their splits; only where some were not.
        **({"missing": sorted(prepared.not_compared)} if prepared.not_compared else {}),
    }


def template_texts(plan: Plan) -> str:
    """Returns templates.json: for each task the templates its rows are drawn from, word for word.

    With them a build says what its prompts were made of, when the collection has long moved on.
    """
    found = {
        item.name: [template.texts for template in item.templates] for item in plan.ingredients
    }
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"
