"""How many prompts of a build list their options in which style, as its files and tables say it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from flan_tasks.core.counting import counted
from flan_tasks.engine.folded import added
from flan_tasks.engine.one_a_part import outermost

# In what is known of a shard: task -> style -> prompts; of a task in a manifest, and of the whole
# build, style -> prompts. It is there only where options are listed in another way than the plain
# one, and counts the prompts that list any.
OPTION_STYLES = "option_styles"


def counts_by_task(shards: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Returns task -> style -> prompts, of all shards; nothing where they do not count them."""
    if not shards or not all(OPTION_STYLES in shard for shard in shards):
        return {}
    counts = added([shard[OPTION_STYLES] for shard in shards])
    return {task: dict(sorted(of_task.items())) for task, of_task in counts.items()}


def counts_of_build(tasks: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Returns style -> prompts of all tasks of a manifest, by name."""
    counts: Counter[str] = Counter()
    for task in tasks:
        counts.update(task.get(OPTION_STYLES, {}))
    return dict(sorted(counts.items()))


def has_option_styles(manifest: Mapping[str, Any]) -> bool:
    """Whether rows of a build name the style in which their options are listed."""
    return OPTION_STYLES in manifest


def counts_by_part(manifest: Mapping[str, Any]) -> dict[str, Counter[str]]:
    """Returns outermost part -> style -> prompts; one part, "", of a mixture without parts."""
    parts: dict[str, Counter[str]] = {}
    for task in manifest["tasks"]:
        counts = parts.setdefault(outermost(task.get("part", "")), Counter())
        counts.update(task.get(OPTION_STYLES, {}))
    return parts


def style_table(manifest: Mapping[str, Any]) -> list[list[str]]:
    """Returns the cells of a table, its head first: styles, the most frequent first, by part.

    It is empty of a build that lists all options in the plain way.
    """
    if not manifest.get(OPTION_STYLES):
        return []
    parts = counts_by_part(manifest)
    total: Counter[str] = Counter(manifest[OPTION_STYLES])
    names = [name for name in parts if name]
    table = [["style", *names, "rows", "share"]]
    for style, rows in sorted(total.items(), key=lambda item: (-item[1], item[0])):
        counts = [f"{parts[name][style]:,}" for name in names]
        table.append([style, *counts, f"{rows:,}", f"{rows / total.total():.1%}"])
    every = [f"{parts[name].total():,}" for name in names]
    return [*table, ["all", *every, f"{total.total():,}", "100.0%"]]


def style_note(manifest: Mapping[str, Any]) -> str:
    """Says of how many rows the table of styles is; empty where there is none."""
    if not manifest.get(OPTION_STYLES):
        return ""
    listing = sum(manifest[OPTION_STYLES].values())
    return (
        f"{listing:,} of {counted(manifest['examples'], 'row')} list options in a style, which the "
        "column option_style of text formats and records names. The others have no options, leave "
        "them out, or hold them in the wording of their source."
    )
