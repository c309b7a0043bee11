"""What stands in the files of an export for lm-evaluation-harness beside its rows."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.escaping import for_code_block, for_markdown
from flan_tasks.core.version import VERSION
from flan_tasks.metrics.libraries import libraries
from flan_tasks.specs.formats import DECODER, ENCODER_DECODER

# The module beside the tasks, which they name their functions by, and the package of metrics that
# it opens.
MODULE, PACKAGE = "flan_export", "flan_scores"
# Between prompt and answer, as between an exemplar's; an encoder's inputs end with the prompt.
_DELIMITERS = {DECODER: "\n", ENCODER_DECODER: ""}
# Of prompts, texts or scores: raised when tasks of before would give other numbers.
_VERSION = 2
# The harness loads this file by its path, under a name that is no package, and an old one once for
# each function: so it opens the package beside it itself, under a name that neither another export
# nor another content of this folder has.
_MODULE_TEXT = '''\
"""Rows and scores of the tasks beside this file, written by `flan export-lm-eval`."""

import hashlib
import importlib.util
import sys
from pathlib import Path

_CODE = Path(__file__).resolve().parent / "{package}"


def _scores():
    digest = hashlib.sha256(str(_CODE).encode())
    for path in sorted(_CODE.rglob("*.py")):
        digest.update(path.read_bytes())
    name = "{package}_" + digest.hexdigest()[:16]
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, _CODE / "__init__.py", submodule_search_locations=[str(_CODE)]
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return importlib.import_module(name + ".evaluation.harness")


_harness = _scores()
line_to_answer = _harness.line_to_answer
process_generation = _harness.process_generation
process_rank = _harness.process_rank


def load(file, **_):
    """Reads the rows of a task."""
    return _harness.read_rows(Path(__file__).resolve().parent / file)

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


def module_text(scored: Collection[tuple[str, str]]) -> str:
    """Returns the Python file that the harness calls.

    Args:
      scored: (metric, number) that are computed over all examples of a task together.
    """
    text = _MODULE_TEXT.format(package=PACKAGE)
    lines = [f'{function(*one)} = _harness.aggregate("{one[0]}", "{one[1]}")' for one in scored]
    return (text + "\n".join(["", *sorted(lines)])).rstrip("\n") + "\n"


def function(metric: str, number: str) -> str:
    """What the module calls the function that scores all examples of a task together."""
    return f"{metric}__{number}"


def task_text(
    task: str,
    file: str,
    metrics: Sequence[Mapping[str, Any]],
    *,
    arch: str,
    is_rank: bool,
    until: Sequence[str] = (),
    answer_length: int = 0,
) -> str:
    """Returns the YAML of a task.

    Args:
      task: its name.
      file: its rows, as a path in the export.
      metrics: the entries of each number.
      arch: what kind of model reads it.
      is_rank: whether options are ranked; else an answer is written.
      until: where that ends, beside the model's own end.
      answer_length: its most tokens.
    """
    # JSON is YAML; only references to functions are not.
    choices = "choices" if arch == ENCODER_DECODER else "options"
    leads = arch == DECODER and not is_rank
    lines = [
        f"task: {json.dumps(task)}",
        f"custom_dataset: !function {MODULE}.load",
        f"dataset_kwargs: {json.dumps({'file': file})}",
        "test_split: test",
        f"output_type: {'multiple_choice' if is_rank else 'generate_until'}",
        f"doc_to_text: {f'!function {MODULE}.line_to_answer' if leads else 'inputs'}",
        f"doc_to_target: {'label' if is_rank else 'targets'}",
        *([f"doc_to_choice: {choices}"] if is_rank else []),
        f"target_delimiter: {json.dumps('' if leads else _DELIMITERS[arch])}",
        "num_fewshot: 0",
        f"process_results: !function {MODULE}.process_{'rank' if is_rank else 'generation'}",
    ]
    if not is_rank:
        generation = {"until": list(until), "do_sample": False, "max_gen_toks": answer_length}
        lines.append(f"generation_kwargs: {json.dumps(generation)}")
    lines.append("metric_list:")
    for entry in metrics:
        how = entry["aggregation"]
        how = f"!function {MODULE}.{how[1:]}" if how.startswith("!") else how
        lines += [
            f"  - metric: {json.dumps(entry['metric'])}",
            f"    aggregation: {how}",
            f"    higher_is_better: {json.dumps(entry['higher_is_better'])}",
        ]
    lines.append(_metadata())
    return "\n".join(lines) + "\n"


def group_text(
    group: str, tasks: Sequence[str], metrics: Sequence[Mapping[str, Any]], *, alias: str = ""
) -> str:
    """Returns the YAML of a group of tasks, whose numbers are averaged.

    Args:
      group: its name, by which it is asked.
      tasks: names of what it is of.
      metrics: what is averaged.
      alias: what it is called in results; "" is its name.
    """
    lines = [f"group: {group}"]
    lines += [f"group_alias: {json.dumps(alias)}"] if alias else []
    lines += ["task:", *(f"  - {task}" for task in tasks)]
    lines.append("aggregate_metric_list:")
    for entry in metrics:
        lines += [
            f"  - metric: {json.dumps(entry['metric'])}",
            "    aggregation: mean",
            "    weight_by_size: false",
        ]
    lines.append(_metadata())
    return "\n".join(lines) + "\n"


def _metadata() -> str:
    return f"metadata: {json.dumps({'version': _VERSION, 'flan_tasks': VERSION})}"


def readme(
    datasets: Sequence[Dataset],
    example: str,
    command: str,
    arch: str,
    needed: Collection[tuple[str, str]],
    unwritten: Mapping[str, str],
    left_out: Sequence[str] = (),
) -> str:
    """Returns what a reader of the folder must know.

    Args:
      datasets: whose tasks they are.
      example: name of a task or group.
      command: what wrote them; "" where that is not known.
      arch: what kind of model reads them.
      needed: (metric, language) of all tasks.
      unwritten: dataset -> why it has no tasks by generation.
      left_out: what has no prompt that fits, one line each.
    """
    installed = libraries(needed)
    pip = " ".join(f'"{one}"' if "[" in one else one for one in installed)
    lines = [
        "# Tasks for lm-evaluation-harness",
        "",
        f"Written by flan_tasks {VERSION}"
        + (f" with\n\n{for_code_block(command)}\n" if command else ".\n"),
        "Run them with",
        "",
        "    lm_eval run --model hf --model_args pretrained=MODEL --include_path DIR \\",
        f"      --tasks {example}",
        "",
        f"The folder stands alone: its metrics are the code in `{PACKAGE}/` (Apache-2.0), and "
        "flan_tasks need not be installed. "
        + (
            "These metrics need\n\n"
            f"    pip install {pip}\n\n"
            "most of which comes with the harness. What is missing is named in one line before a "
            "model is asked anything."
            if installed
            else "These metrics need nothing beside the harness."
        ),
        "",
        *(_FOR_T5 if arch == ENCODER_DECODER else _FOR_DECODERS),
        "",
        "Prompts are whole: exemplars stand in them, and the harness adds none. Metrics go from 0 "
        "to 100.",
        *(
            line
            for name, why in unwritten.items()
            for line in ("", f"{name} has no tasks by generation: {for_markdown(why)}.")
        ),
        *(line for reason in left_out for line in ("", f"{for_markdown(reason)}.")),
        "",
        "| dataset | license |",
        "|---|---|",
        *(f"| {d.name} | {for_markdown(d.license)} |" for d in datasets),
    ]
    return "\n".join(lines) + "\n"
