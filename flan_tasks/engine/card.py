"""The dataset card: README.md of a build, in the format of the Hugging Face hub.

What declarations and sources bring is text here, and escaped.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from flan_tasks.chat.facts import chat_lines
from flan_tasks.core.counting import counted
from flan_tasks.core.escaping import for_code_block, for_markdown
from flan_tasks.core.naming import MEMBER_MARK
from flan_tasks.core.variation import FULL, SHUFFLED
from flan_tasks.decontamination.matches import meaning
from flan_tasks.engine.card_header import card_header
from flan_tasks.engine.folded import folded, folded_names, folded_reasons
from flan_tasks.engine.license_table import LICENSE_HEADS, license_rows, use_note
from flan_tasks.engine.one_a_part import one_a_part
from flan_tasks.engine.option_counts import style_note, style_table
from flan_tasks.engine.option_lines import option_lines
from flan_tasks.engine.part_table import HEADS, part_notes, part_rows
from flan_tasks.engine.recipe import GROWN_FROM
from flan_tasks.engine.styles import BY_STYLE, Turns
from flan_tasks.engine.task_counts import COUNT_HEADS, count_rows
from flan_tasks.plan.fitting import fitting_lines, written_tokens
from flan_tasks.specs.build_spec import BLOCKS
from flan_tasks.specs.contamination_presets import FIELDS
from flan_tasks.specs.formats import TEXT_FORMATS
from flan_tasks.vocabulary.text_counts import TABLE, text_lines, text_table

# What the card calls sources that have no name of their own.
_UNNAMED = {"samples": "rows written for flan_tasks", "files": "files of the user"}


def make_card(manifest: Mapping[str, Any]) -> str:
    """Returns the dataset card of a build."""
    lines = [
        *card_header(manifest),
        *_opening(manifest),
        *_wanting(manifest),
        *_variation(manifest),
        *_parts(manifest),
        *_table(manifest),
        *_making(manifest),
        *_sources(manifest),
        *_limits(manifest),
    ]
    return "\n".join(lines) + "\n"


def _texts_line(style: str, talks: Sequence[str]) -> str:
    """Says which columns hold the texts; `talks`: datasets that are conversations."""
    columns = BY_STYLE[style]
    if isinstance(columns, Turns):
        line = (
            f"`{columns.column}` is a prompt (`{columns.role}` is {columns.user}) and its answer "
            f"({columns.assistant}), both in `{columns.content}`"
        )
        if not talks:
            return line
        return (
            f"{line}; or of forward prompts of {' and '.join(map(for_markdown, talks))} without "
            "exemplars, the conversation turn by turn with no wording around it, whose last turn "
            "is the answer"
        )
    empty = f", `{columns.empty}` empty," if columns.empty else ""
    return f"`{columns.prompt}` and `{columns.target}`{empty} are text"


def _opening(manifest: Mapping[str, Any]) -> Iterator[str]:
    mixture, tasks = manifest["mixture"], manifest["tasks"]
    parents = {task["dataset"] for task in tasks}
    hides = _hides_spans(manifest)
    kind = "pretraining example" if hides else "instruction example"
    examples = counted(manifest["examples"], kind)
    yield f"# {mixture['name']}: {examples} ({manifest['split']})"
    yield ""
    yield for_markdown(mixture["description"]) or "A mixture made with flan_tasks."
    yield ""
    for note in mixture.get("notes", ()):
        yield f"- {for_markdown(note)}"
    yield from [""] if mixture.get("notes") else []
    where = counted(len({task["cluster"] for task in tasks}), "cluster")
    if hides:
        yield from _span_lines(manifest, f"{_datasets_and_tasks(parents)} in {where}")
        return
    yield (
        f"Prompts and targets of {_datasets_and_tasks(parents)} in "
        f"{where}, worded by hand-written "
        "templates, as in FLAN ([Wei et al. 2022](https://arxiv.org/abs/2109.01652)). Each row "
        "names its dataset, template and source row."
    )
    yield ""
    if manifest["format"] in TEXT_FORMATS:
        talks = sorted({task["dataset"] for task in tasks if "turns" in task})
        yield "```python"
        yield "import datasets"
        yield ""
        yield f'rows = datasets.load_dataset("DIR", split="{manifest["split"]}")'
        yield "```"
        yield ""
        yield (
            f"{_texts_line(manifest['style'], talks)}, never trimmed; `task`, `dataset`, "
            "`cluster`, `template`, `kind` (forward, or inverted where the task is turned round), "
            "`num_shots` (exemplars in the prompt), `key` (where the row stands in its source), "
            "`split`, `options` (the allowed answers, one a line; nothing where any text may be "
            "one) and `license` say what it is."
        )
        yield ""


def _hides_spans(manifest: Mapping[str, Any]) -> bool:
    return "objective" in manifest


def _span_lines(manifest: Mapping[str, Any], sources: str) -> Iterator[str]:
    """Says what is learned of texts in which spans are hidden."""
    objective = manifest["objective"]
    yield (
        f"Texts of rows of {sources} with {objective['noise_density']:.0%} of their tokens hidden, "
        f"in spans of {objective['mean_span_length']} on average, as T5 is pretrained ([Raffel et "
        "al. 2020](https://arxiv.org/abs/1910.10683)): inputs have a sentinel in the place of each "
        "span, targets are each sentinel with its span. A text is the fields of a row that its "
        "dataset's first template asks with, one to a line: no wording, no options, and not the "
        "answer. One row makes one example; of longer texts the first "
        f"{objective['text_length']:,} tokens are taken."
    )
    yield ""
    if left_out := len(manifest["left_out"]):
        yield f"Rows left out, as their texts have fewer than two tokens: {left_out:,}."
        yield ""


def _wanting(manifest: Mapping[str, Any]) -> Iterator[str]:
    missing = manifest["missing"]
    if missing:
        yield "## Missing"
        yield ""
        yield f"Built without {_datasets_and_tasks(missing)}, whose rows were not available:"
        yield ""
        for names, reason in folded_reasons(missing):
            yield f"- {names}: {for_markdown(reason)}"
        yield ""
    if too_small := manifest.get("too_small"):
        yield "Left out, as their sources are too small for this split:"
        yield ""
        for names, reason in folded_reasons(too_small):
            yield f"- {names}: {for_markdown(reason)}"
        yield ""
    if manifest["without_split"]:
        names = ", ".join(folded_names(manifest["without_split"]))
        yield f"Without a {manifest['split']} split by declaration: {names}."
        yield ""
    if found := manifest["decontaminated"]:
        yield (
            f"Left out: training examples that occur in the evaluation sets of "
            f"{', '.join(found['against'])}, {sum(found['dropped'].values()):,} of "
            f"{counted(len(found['dropped']), 'dataset')} ({meaning(found.get('preset', FIELDS))}; "
            "case and punctuation aside)."
        )
        if missing := found.get("missing"):
            yield f"Not compared with, as not available: {', '.join(folded_names(missing))}."
        yield ""


def _variation(manifest: Mapping[str, Any]) -> Iterator[str]:
    if _hides_spans(manifest):
        return
    variation = manifest["variation"]
    found = []
    if not variation["options"]:
        found.append("Prompts do not show the options.")
    if variation["option_order"] == SHUFFLED:
        found.append("Options stand in an order drawn for each example and epoch.")
    found += option_lines(manifest)
    if variation["templates"]:
        names = ", ".join(variation["templates"])
        found.append(f"Templates: {for_markdown(names)}.")
    if variation["kinds"]:
        found.append(f"Kinds of template: {', '.join(variation['kinds'])}.")
    if variation["num_templates"]:
        first = counted(variation["num_templates"], "template")
        found.append(f"Of each dataset the first {first}.")
    if variation["instructions"] != FULL:
        found.append(f"Prompts have no instruction: {variation['instructions']}.")
    if variation["shots"]:
        counts: Counter[int] = Counter()
        for task in manifest["tasks"]:
            counts.update({int(number): rows for number, rows in task["num_shots"].items()})
        by_number = ", ".join(f"{number}: {rows:,}" for number, rows in sorted(counts.items()))
        shots = counted(variation["shots"], "exemplar stands", "exemplars stand")
        found.append(
            f"Up to {shots} before each query, as many as fit into "
            f"{manifest['lengths']['inputs']} tokens. Prompts by number of exemplars: {by_number}."
        )
    if found:
        yield " ".join(found)
        yield ""
    if table := style_table(manifest):
        yield for_markdown(style_note(manifest))
        yield ""
        yield from _grid(table[0], [[for_markdown(style), *counts] for style, *counts in table[1:]])


def _parts(manifest: Mapping[str, Any]) -> Iterator[str]:
    parts = manifest.get("parts")
    if not parts:
        return
    yield "## Parts"
    yield ""
    yield (
        "Shares are exact: every part has its share of the rows, rounded up or down. A row names "
        "its part in the column `part`, in `prompt_type` what its prompt is like, zs or fs "
        "(without or with exemplars), opt or noopt (options listed or not; those in a source's "
        "own wording stay), and in `collection` what its dataset was published in."
    )
    yield ""
    yield (
        "The column `available` counts an example once for each innermost part that may draw it; "
        "one that is drawn in two of them is no repeat."
    )
    yield ""
    for note in part_notes(manifest["mixture"], parts):
        yield for_markdown(note)
        yield ""
    yield from _grid(HEADS, part_rows(parts, paths=True))
    yield (
        "Counted as tasks (datasets, and members of families), with inverted ones as tasks of "
        "their own, and once for each prompt type; missing are those without rows, and those with "
        "too few for this split:"
    )
    yield ""
    yield from _grid(COUNT_HEADS, count_rows(manifest))
    yield "## Licenses"
    yield ""
    if note := use_note(manifest):
        yield f"{note} Other licenses name no such limit in the words shown; read them before use."
        yield ""
    licenses = license_rows(manifest)
    yield from _grid(
        LICENSE_HEADS, [[part, for_markdown(name), *rest] for part, name, *rest in licenses]
    )


def _grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for cells in rows:
        yield f"| {' | '.join(cells)} |"
    yield ""


def _table(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield "## What is in it"
    yield ""
    if manifest.get("parts"):
        yield "A task's rate is the number of rows that its shares give it, before it is rounded."
        yield ""
    heads = (
        "task, cluster, rate, share, examples, available, repeated, never seen, skipped, "
        "templates, license"
    ).split(", ")
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    tasks = folded(one_a_part(manifest["tasks"]))
    for task in tasks:
        skipped = (
            ", ".join(f"{n} {for_markdown(reason)}" for reason, n in task["skipped"].items()) or "0"
        )
        yield (
            f"| {task['name']} | {task['cluster']} | {task['rate']:,.1f} | {task['share']:.2%} "
            f"| {task['realized']:,} | {task['available']:,} | {task['repeated']:,} "
            f"| {task['never_seen']:,} | {skipped} | {task['templates']} "
            f"| {for_markdown(task['license'])} |"
        )
    yield ""
    if "over_length" in manifest:
        over, tokens, lengths = manifest["over_length"], manifest["tokens"], manifest["lengths"]
        yield (
            f"Tokens ({for_markdown(manifest['vocabulary'])}): {tokens['inputs']:,} in inputs"
            f"{written_tokens(manifest)}, "
            f"{tokens['targets']:,} in targets. Longer than {lengths['inputs']} / "
            f"{lengths['targets']} with EOS: {over['inputs']:,} inputs, {over['targets']:,} "
            "targets."
        )
        yield ""
        together = {**manifest, "tasks": tasks}
        for line in (*fitting_lines(together), *text_lines(manifest), *chat_lines(manifest)):
            yield for_markdown(line)
            yield ""
    if table := text_table({"tasks": tasks}):
        yield f"| {' | '.join(TABLE)} |"
        yield "|" + "---|" * len(TABLE)
        for cells in table:
            yield f"| {' | '.join(cells)} |"
        yield ""
    if warnings := manifest.get("warnings"):
        yield "Worth a look:"
        yield ""
        for line in warnings:
            yield f"- {for_markdown(line)}"
        yield ""
    if "packing" in manifest:
        packing = manifest["packing"]
        yield (
            f"Packed for {manifest['arch']} models: {counted(packing['rows'], 'row')}; no packing "
            f"needs fewer than {packing['bound']:,}."
        )
        yield ""


def _making(manifest: Mapping[str, Any]) -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in manifest["libraries"].items())
    yield "## How it was made"
    yield ""
    yield f"With flan_tasks {manifest['flan_tasks']} by"
    yield ""
    yield for_code_block(manifest["command"])
    yield ""
    order = ", order by blocks" if manifest.get("order") == BLOCKS else ""
    yield (
        f"Seed {manifest['seed']}{order}; digest of the plan `{manifest['digest']}`; {versions}. "
        "The same command on the same data gives the same bytes. `manifest.json` holds the SHA-256 "
        "of every file, `flan verify DIR` compares them, `templates.json` holds the templates word "
        "for word."
    )
    yield ""
    if stages := (manifest.get("recipe") or {}).get(GROWN_FROM):
        rows = sum(sum(stage["rows"].values()) for stage in stages)
        yield (
            f"It grew from the build with the digest `{stages[-1]['digest']}`: the first {rows:,} "
            "rows of its plan are those of that build, in their order and files, with the rates "
            f"that its mixture had then; the {manifest['planned'] - rows:,} behind them were added "
            "so that the whole has the rates above. Read it in another order than that of its "
            "files, so that what was added does not come last."
        )
        yield ""


def _sources(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield "## Sources"
    yield ""
    lines: dict[str, str] = {}
    for task in one_a_part(manifest["tasks"]):
        source = task["source"]
        name = source.get("name")
        version = source.get("version") or source.get("revision") or ""
        origin = f"{source['source']}, {name}" if name else _UNNAMED[source["source"]]
        origin += f", {version}" if version else ""
        lines[task["name"]] = (
            f"{for_markdown(origin)}. {for_markdown(task['citation'])}. "
            f"License: {for_markdown(task['license'])}."
        )
    for names, line in folded_reasons(lines):
        yield f"- {names}: {line}"
    yield ""


def _limits(manifest: Mapping[str, Any]) -> Iterator[str]:
    tasks = manifest["tasks"]
    yield "## Known limits"
    yield ""
    yield (
        "- Every dataset keeps the license of its source; the whole may be used as far as all of "
        "them allow. The column `license` lets rows be left out by it."
    )
    yield (
        "- Labels and texts are those of the sources, with their errors and biases; rows that "
        "cannot be used are left out and counted above, and nothing else is corrected."
    )
    if {"en"} == {code for task in tasks for code in task["languages"]}:
        yield "- Prompts and targets are in English."
    else:
        yield "- The wording of all prompts is English, whatever the languages of the texts."
    if any(task["source"]["source"] == "samples" for task in tasks):
        yield (
            "- The rows are samples written for flan_tasks in the schema of each source, a dozen "
            "or two a dataset: good for trying things out, not for training."
        )
    if over := {} if _hides_spans(manifest) else manifest.get("over_length"):
        if sum(over.values()):
            yield (
                "- Some texts are longer than the lengths of the build; formats with ids shorten "
                "the longest field of such a prompt and cut targets at their end, text formats "
                "keep both whole."
            )
    if sizes := manifest["sizes"]:
        yield (
            f"- For {counted(len(sizes), 'task')} the source had another number of rows than is "
            "declared; `manifest.json` lists them under `sizes`."
        )


def _datasets_and_tasks(names: Collection[str]) -> str:
    """Counts names, those of members of families apart."""
    members = sum(MEMBER_MARK in name for name in names)
    tasks = counted(members, "task of a family", "tasks of families")
    if members == len(names):
        return tasks
    datasets = counted(len(names) - members, "dataset")
    return f"{datasets} and {tasks}" if members else datasets
