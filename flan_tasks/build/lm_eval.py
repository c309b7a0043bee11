"""Evaluation tasks as files of lm-evaluation-harness: one YAML a task, one JSONL its rows.

Rows are rendered here, template by template, exemplars included, so that the harness adds nothing
to the prompts; scores are computed by our metrics, which it calls by name.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from flan_tasks.build.exemplars import Budget
from flan_tasks.build.formats import ARCHS, DECODER, ENCODER_DECODER
from flan_tasks.build.plan import Draw
from flan_tasks.build.prepare import Ingredient, SourceChoice, prepare
from flan_tasks.build.prompts import check_evaluated
from flan_tasks.build.rows import CHUNK, BuiltRow, render_task
from flan_tasks.build.shard import write_error
from flan_tasks.build.store import Store
from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import BuildError, DeclarationError
from flan_tasks.core.escaping import for_code_block, for_markdown
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.variation import PLAIN, Variation
from flan_tasks.core.whole import folder_aside, write_text
from flan_tasks.evaluation.gold import Gold
from flan_tasks.evaluation.harness import number_name, numbers_of
from flan_tasks.evaluation.metrics import LOWER_IS_BETTER

# The module beside the tasks: its place is what their rows are found by.
MODULE = "flan_export"
# Between prompt and answer, as between an exemplar's; an encoder's inputs end with the prompt.
_DELIMITERS = {DECODER: "\n", ENCODER_DECODER: ""}
# How T5's tokenizers write the end of an answer, which the harness does not add. `flan eval` scores
# it, as a model that was trained to end its answers tells an option from one it begins.
_END = "</s>"
_MODULE_TEXT = '''\
"""Rows and scores of the tasks beside this file, written by `flan export-lm-eval`."""

from pathlib import Path

from flan_tasks.evaluation.harness import aggregate, process_generation, process_rank, read_rows

__all__ = ["load", "process_generation", "process_rank"]


def load(file, **_):
    """Reads the rows of a task."""
    return read_rows(Path(__file__).parent / file)

'''

_FOR_DECODERS = (
    "They are for decoder-only models: a line end stands between prompt and answer, and the end of "
    "an answer is not scored. For T5 write them with --arch encoder-decoder.",
)
_FOR_T5 = (
    "They are for T5 and its kin: nothing stands between prompt and answer, and the end of an "
    "option, </s>, is scored with it, as `flan eval` does.",
    "",
    "The harness calls tie_weights(), and transformers 5 then overwrites a head that is not the "
    "embedding (T5 1.1, Flan-T5). A model that `flan export` wrote keeps its head with",
    "",
    "    --model_args pretrained=MODEL,tie_word_embeddings=False",
    "",
    "A tied model (T5 1.0) is run without that argument. Models of others need copies of their "
    "embedding in the files for it: encoder.embed_tokens.weight and decoder.embed_tokens.weight. "
    "Without them that argument gives an encoder and a decoder with random embeddings; "
    "`flan export MODEL --out DIR` writes them.",
)


@dataclass(frozen=True)
class Export:
    """What is exported and how.

    Raises:
      DeclarationError: other kinds of templates than forward are asked for, or there is no such
        `arch`.
    """

    # train, validation or test.
    split: str = "test"
    # How prompts are made of the examples.
    variation: Variation = PLAIN
    # At most so many examples of each dataset, the first; None is all.
    limit: int | None = None
    # Number that exemplars and option orders depend on.
    seed: int = 0
    # What exemplars must fit into.
    budget: Budget | None = None
    # Longest answer that is generated, in tokens of the model's own vocabulary.
    answer_length: int = 256
    # What kind of model reads the tasks, one of `formats.ARCHS`.
    arch: str = DECODER

    def __post_init__(self) -> None:
        check_evaluated(self.variation)
        if self.arch not in ARCHS:
            raise DeclarationError(f'arch is "{self.arch}"; wanted {" or ".join(ARCHS)}')


def export(
    datasets: Sequence[Dataset],
    catalog: Catalog,
    folder: Path,
    settings: Export,
    *,
    source: SourceChoice,
    store: Store | None = None,
    command: str = "",
    progress: Callable[[str], None] | None = None,
) -> list[str]:
    """Writes the evaluation tasks of datasets and returns their names.

    Each template gives a task for generation, `flan_rte_hence`; for classification another for
    rank classification, `flan_rte_hence_rank`; and each dataset groups of these, `flan_rte` and
    `flan_rte_rank`. The folder appears whole or not at all.

    Args:
      datasets: whose tasks; those without the split are left out.
      catalog: where they are declared.
      folder: new or empty.
      settings: what is exported and how.
      source: where rows come from.
      store: where examples are kept; the default store if None.
      command: noted beside the tasks.
      progress: told what is being written.

    Raises:
      BuildError: the folder is not empty, or cannot be written.
      DeclarationError: no dataset has the split.
      SourceUnavailableError: rows cannot be had.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BuildError(f"{folder} is not empty, or a file; name a new or empty folder")
    present = [dataset for dataset in datasets if settings.split in dataset.splits.names]
    if not present:
        names = ", ".join(dataset.name for dataset in datasets)
        raise DeclarationError(f"none of {names} has a {settings.split} split")
    written: list[str] = []
    scored: set[tuple[str, str]] = set()
    try:
        with folder_aside(folder) as aside:
            for dataset in present:
                if progress:
                    progress(f"writing {dataset.name}")
                item = _ingredient(dataset, catalog, settings, source, store)
                written += _write_dataset(item, aside, settings, scored)
            lines = [
                f'{_function(*one)} = aggregate("{one[0]}", "{one[1]}")' for one in sorted(scored)
            ]
            module = _MODULE_TEXT + "".join(f"\n{line}" for line in lines)
            write_text(aside / f"{MODULE}.py", module.rstrip("\n") + "\n")
            write_text(aside / "README.md", _readme(present, command, settings.arch))
    except OSError as error:
        raise write_error(error, folder) from error
    return written


def _ingredient(
    dataset: Dataset,
    catalog: Catalog,
    settings: Export,
    source: SourceChoice,
    store: Store | None,
) -> Ingredient:
    alone = Mixture(name=dataset.name, include=(dataset.name,))
    (item,) = prepare(
        alone,
        catalog,
        source=source,
        split=settings.split,
        store=store,
        variation=settings.variation.for_dataset(dataset.name, catalog.templates(dataset.name).ids),
    ).ingredients
    if settings.limit is None:
        return item
    return replace(item, available=min(item.available, settings.limit))


def _write_dataset(
    item: Ingredient, folder: Path, settings: Export, scored: set[tuple[str, str]]
) -> list[str]:
    name = item.dataset.name
    (folder / name).mkdir()
    tasks: dict[bool, list[str]] = {False: [], True: []}
    lists: dict[bool, list[dict[str, Any]]] = {}
    for number, template in enumerate(item.templates):
        rows = list(_rows(item, number, settings))
        golds = [row.gold for row in rows]
        numbers = numbers_of(item.dataset.metrics, golds)
        scored |= {(metric, one) for metric, one, is_mean in numbers if not is_mean}
        file = f"{name}/{template.id}.jsonl"
        pairs = zip(rows, golds, strict=True)
        docs = [_doc(*pair, numbers) for pair in pairs]
        if settings.arch == ENCODER_DECODER:
            docs = [doc | {"choices": [text + _END for text in doc["options"]]} for doc in docs]
        lines = [json.dumps(doc, ensure_ascii=False) for doc in docs]
        write_text(folder / file, "\n".join(lines) + "\n")
        for is_rank in (False, True) if item.dataset.is_classification else (False,):
            task = f"flan_{name}_{template.id}" + ("_rank" if is_rank else "")
            lists[is_rank] = list(_metric_list(numbers, is_rank=is_rank))
            text = _task_text(task, file, lists[is_rank], settings, is_rank=is_rank)
            write_text(folder / f"{task}.yaml", text)
            tasks[is_rank].append(task)
    for is_rank, names in tasks.items():
        if names:
            group = f"flan_{name}" + ("_rank" if is_rank else "")
            write_text(folder / f"{group}.yaml", _group_text(group, names, lists[is_rank]))
    return [task for names in tasks.values() for task in names]


def _rows(item: Ingredient, template: int, settings: Export) -> Iterator[BuiltRow]:
    for start in range(0, item.available, CHUNK):
        example = np.arange(start, min(start + CHUNK, item.available), dtype=np.int64)
        zero = np.zeros(len(example), np.int64)
        draw = Draw(example, zero, zero + template)
        yield from render_task(item, draw, seed=settings.seed, budget=settings.budget)


def _doc(row: BuiltRow, gold: Gold, numbers: Sequence[tuple[str, str, bool]]) -> dict[str, Any]:
    options = list(row.example.options)
    return {
        "inputs": row.inputs,
        "targets": row.targets,
        "options": options,
        "label": options.index(row.targets) if row.targets in options else -1,
        "key": row.example.key,
        "num_shots": row.num_shots,
        "gold": gold.to_json(),
        "numbers": json.dumps(numbers),
    }


def _metric_list(
    numbers: Sequence[tuple[str, str, bool]], *, is_rank: bool
) -> Iterator[dict[str, Any]]:
    for is_norm in (False, True) if is_rank else (False,):
        for metric, number, is_mean in numbers:
            yield {
                "metric": number_name(metric, number, is_norm=is_norm),
                "aggregation": "mean" if is_mean else f"!{_function(metric, number)}",
                "higher_is_better": metric not in LOWER_IS_BETTER,
            }


def _function(metric: str, number: str) -> str:
    return f"{metric}__{number}"


def _task_text(
    task: str, file: str, metrics: Sequence[Mapping[str, Any]], settings: Export, *, is_rank: bool
) -> str:
    # JSON is YAML; only references to functions are not.
    choices = "choices" if settings.arch == ENCODER_DECODER else "options"
    lines = [
        f"task: {json.dumps(task)}",
        f"custom_dataset: !function {MODULE}.load",
        f"dataset_kwargs: {json.dumps({'file': file})}",
        "test_split: test",
        f"output_type: {'multiple_choice' if is_rank else 'generate_until'}",
        "doc_to_text: inputs",
        f"doc_to_target: {'label' if is_rank else 'targets'}",
        *([f"doc_to_choice: {choices}"] if is_rank else []),
        f"target_delimiter: {json.dumps(_DELIMITERS[settings.arch])}",
        "num_fewshot: 0",
        f"process_results: !function {MODULE}.process_{'rank' if is_rank else 'generation'}",
    ]
    if not is_rank:
        known = {"until": [], "do_sample": False, "max_gen_toks": settings.answer_length}
        lines.append(f"generation_kwargs: {json.dumps(known)}")
    lines.append("metric_list:")
    for entry in metrics:
        how = entry["aggregation"]
        how = f"!function {MODULE}.{how[1:]}" if how.startswith("!") else how
        lines += [
            f"  - metric: {json.dumps(entry['metric'])}",
            f"    aggregation: {how}",
            f"    higher_is_better: {json.dumps(entry['higher_is_better'])}",
        ]
    lines.append(f"metadata: {json.dumps({'version': 1})}")
    return "\n".join(lines) + "\n"


def _group_text(group: str, tasks: Sequence[str], metrics: Sequence[Mapping[str, Any]]) -> str:
    lines = [f"group: {group}", "task:", *(f"  - {task}" for task in tasks)]
    lines.append("aggregate_metric_list:")
    for entry in metrics:
        lines += [
            f"  - metric: {json.dumps(entry['metric'])}",
            "    aggregation: mean",
            "    weight_by_size: false",
        ]
    lines.append(f"metadata: {json.dumps({'version': 1})}")
    return "\n".join(lines) + "\n"


def _readme(datasets: Sequence[Dataset], command: str, arch: str) -> str:
    lines = [
        "# Tasks for lm-evaluation-harness",
        "",
        "Written by flan_tasks" + (f" with\n\n{for_code_block(command)}\n" if command else "."),
        "",
        "With flan_tasks installed beside the harness:",
        "",
        "    lm_eval run --model hf --model_args pretrained=MODEL --include_path DIR \\",
        f"      --tasks flan_{datasets[0].name}",
        "",
        *(_FOR_T5 if arch == ENCODER_DECODER else _FOR_DECODERS),
        "",
        "Prompts are whole: exemplars stand in them, and the harness adds none. Metrics go from 0 "
        "to 100.",
        "",
        "| dataset | licence |",
        "|---|---|",
        *(f"| {d.name} | {for_markdown(d.license)} |" for d in datasets),
    ]
    return "\n".join(lines) + "\n"
