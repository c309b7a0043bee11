"""The header of a dataset card, in YAML: what the hub shows and `datasets.load_dataset` reads.

What declarations and sources bring is quoted here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flan_tasks.core.escaping import for_yaml
from flan_tasks.engine.option_counts import has_option_styles
from flan_tasks.engine.styles import BY_STYLE, Turns, about_columns
from flan_tasks.specs.formats import DATA, TEXT_FORMATS

# Licenses the hub knows by name, of those that occur.
_HUB_LICENSES = (
    "afl-3.0 apache-2.0 bsd-3-clause c-uda cc cc-by-2.0 cc-by-3.0 cc-by-4.0 cc-by-nc-3.0 "
    "cc-by-nc-4.0 cc-by-nc-nd-4.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-sa-3.0 cc-by-sa-4.0 "
    "cc0-1.0 cdla-permissive-2.0 gpl-3.0 mit odbl odc-by pddl"
).split()
# Cluster -> what the hub calls such tasks, besides text-generation, which all of them are.
_CATEGORIES = {
    "closed_book_qa": "question-answering",
    "commonsense": "multiple-choice",
    "coreference": "text-classification",
    "nli": "text-classification",
    "paraphrase": "text-classification",
    "reading_comprehension": "question-answering",
    "reading_with_commonsense": "question-answering",
    "sentiment": "text-classification",
    "struct_to_text": "table-to-text",
    "summarization": "summarization",
    "translation": "translation",
}
# Values that YAML reads as the text they are; all others are quoted: Norwegian is "no".
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9.-]*|\d*[A-Z]<n<\d*[A-Z]|n[<>]\d[A-Z]")
_YAML_WORDS = ("no", "on", "off", "yes", "y", "n", "true", "false", "null")


def size_category(examples: int) -> str:
    """The hub's name for a number of examples, such as `10K<n<100K`."""
    names = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
    if examples < 1000:
        return "n<1K"
    for power, (low, high) in enumerate(zip(names, names[1:], strict=False), start=4):
        if examples < 10**power:
            return f"{low}<n<{high}"
    return "n>1T"


def card_header(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yields the lines of the header, and a blank one behind it."""
    tasks = manifest["tasks"]
    yield "---"
    yield f"pretty_name: {for_yaml('flan_tasks ' + manifest['mixture']['name'])}"
    yield from _yaml_list("language", {code for task in tasks for code in task["languages"]})
    yield from _yaml_list("license", _licenses(manifest), last="other")
    found = {_CATEGORIES[t["cluster"]] for t in tasks if t["cluster"] in _CATEGORIES}
    yield from _yaml_list("task_categories", {"text-generation", *found})
    use = "pretraining" if "objective" in manifest else "instruction-tuning"
    yield from _yaml_list("tags", ("flan", use))
    yield from _yaml_list("size_categories", (size_category(manifest["examples"]),))
    if manifest["format"] in TEXT_FORMATS:
        ending = manifest["format"]
        yield from (
            "configs:",
            "- config_name: default",
            # `datasets` caches what it has read by the text of a config, and by neither the files
            # nor their times: without the digest a build gives the rows of another that lay in a
            # folder of its name before.
            f"  description: flan_tasks build {manifest['digest']}",
            "  data_files:",
            f"  - split: {manifest['split']}",
            f"    path: {DATA}/{manifest['split']}-*.{ending}",
            "dataset_info:",
            # Stated, so that no reader guesses them from the values that are there.
            "  features:",
            *_features(manifest),
        )
    yield "---"
    yield ""


def _features(manifest: Mapping[str, Any]) -> Iterator[str]:
    columns = BY_STYLE[manifest["style"]]
    texts: tuple[str, ...] = ()
    if isinstance(columns, Turns):
        yield f"  - name: {columns.column}"
        yield "    list:"
        for name in (columns.role, columns.content):
            yield f"    - name: {name}"
            yield "      dtype: string"
    else:
        texts = columns.texts
    about = about_columns(parts="parts" in manifest, option_styles=has_option_styles(manifest))
    for name, kind in {**dict.fromkeys(texts, "string"), **about}.items():
        yield f"  - name: {name}"
        yield f"    dtype: {kind}"


def _licenses(manifest: Mapping[str, Any]) -> set[str]:
    stated = {task["license"].casefold() for task in manifest["tasks"]}
    known = stated & set(_HUB_LICENSES)
    return known if known == stated else known | {"other"}


def _yaml_list(key: str, values: Any, *, last: str = "") -> Iterator[str]:
    yield f"{key}:"
    for value in sorted(values, key=lambda value: (value == last, value)):
        plain = _PLAIN.fullmatch(value) and value not in _YAML_WORDS
        yield f"- {value if plain else for_yaml(value)}"
