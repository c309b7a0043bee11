"""Answers made elsewhere: prompts as JSON lines to be answered, and the lines that come back."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from flan_tasks.core.counting import are, counted
from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.field_types import shown
from flan_tasks.core.parsing import parse_json
from flan_tasks.evaluation.records import (
    GENERATE,
    RANK,
    Asked,
    Prompt,
    Record,
    Unit,
    form_of,
    kept_text,
)

# (dataset, template, split) -> key of an example -> its line.
Lines = dict[tuple[str, str, str], dict[str, Mapping[str, Any]]]
_WANTED = (
    "Each line needs dataset, template, split and key, as --write-prompts writes them, and "
    "prediction, a text, or scores, a number for each option"
)


class FileAnswers:
    """Answers from a file.

    Args:
      path: JSON lines, as `read_answers` reads them.

    Raises:
      EvaluationError: lines are malformed or come twice.
    """

    # Whoever made the answers knew the length of the prompts.
    budget = None

    def __init__(self, path: Path) -> None:
        self._lines = read_answers(path)
        # Where it lies is for messages; its content decides.
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.settings = {"predictions": digest, "predictions_file": str(path.absolute())}

    def has(self, unit: Unit) -> bool:
        """Whether there are answers to a unit, of the kind its method wants."""
        lines = self._lines.get((unit.dataset, unit.template, unit.split), {})
        first = next(iter(lines.values()), None)
        return first is not None and bool(first.get("scores")) == (unit.method == RANK)

    def why_not(self, units: Sequence[Unit]) -> str:
        """Says why there is no answer to any of the units of one dataset, and what to do."""
        dataset = units[0].dataset
        of_dataset = {
            key: lines for key, lines in self._lines.items() if key[0] == dataset and lines
        }
        if not of_dataset:
            others = ", ".join(sorted({name for name, _, _ in self._lines})) or "nothing"
            return f"the predictions have no line of it; they have {others}"
        splits = {split for _, _, split in of_dataset}
        requested = {unit.split for unit in units}
        if not splits & requested:
            return (
                f"its predictions are of {' and '.join(sorted(splits))}, and "
                f"{' and '.join(sorted(requested))} was asked for; give --split {min(splits)}"
            )
        templates = {template for _, template, _ in of_dataset}
        requested_templates = {unit.template for unit in units}
        if not templates & requested_templates:
            return (
                f"its predictions are of template {', '.join(sorted(templates))}, and "
                f"{', '.join(sorted(requested_templates))} was asked for; see --templates"
            )
        if any(unit.method == RANK for unit in units):
            return (
                "its predictions are texts, and ranking wants `scores`, a number for each option; "
                "--method generate scores texts"
            )
        return "its predictions are scores of options, and no texts; --method rank scores them"

    def answer(self, stream: Iterable[Asked]) -> Iterator[tuple[Asked, Record]]:
        """Yields the answers to prompts, a unit at a time.

        Raises:
          EvaluationError: a prompt has no line, a line no prompt, or scores do not fit.
        """
        for unit, group in groupby(stream, key=lambda asked: asked.unit):
            of_unit = list(group)
            if all(asked.done for asked in of_unit):
                continue
            lines = self._lines[unit.dataset, unit.template, unit.split]
            records = answered(unit, [asked.prompt for asked in of_unit], lines)
            yield from zip(of_unit, records, strict=True)


def prompt_line(unit: Unit, prompt: Prompt) -> str:
    """Returns a prompt as one line of JSON, to be answered elsewhere.

    Whoever answers adds `prediction`, or `scores` of the options, and keeps the names.
    """
    line = {
        "dataset": unit.dataset,
        "template": unit.template,
        "split": unit.split,
        "method": unit.method,
        "key": prompt.gold.key,
        "prompt": prompt.inputs,
        "options": list(prompt.gold.targets),
        **form_of(prompt),
    }
    return json.dumps(line, ensure_ascii=False)


def read_answers(
    path: Path,
) -> dict[tuple[str, str, str], dict[str, Mapping[str, Any]]]:
    """Reads predictions made elsewhere: (dataset, template, split) -> key -> line.

    Each line has `dataset`, `template`, `split`, `key`, and either `prediction`, a text, or
    `scores`, a number for each option, with `tokens` where their lengths are known (and
    `equal_options`, as our own files have it, where some have the same ids). A `prompt` that a
    line has must be the one that is asked.

    Raises:
      EvaluationError: lines are malformed or come twice; the first of them are listed.
    """
    answers: dict[tuple[str, str, str], dict[str, Mapping[str, Any]]] = {}
    problems = []
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise EvaluationError(f"{path}: cannot be read: {why}") from error
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        problem, line = _line(text)
        if not problem:
            unit = (line["dataset"], line["template"], line["split"])
            if line["key"] in answers.setdefault(unit, {}):
                problem = f"{', '.join(unit)}, key {line['key']} stands there twice"
            answers[unit][line["key"]] = line
        if problem:
            problems.append(f"{path}:{number}: {problem}")
    if problems:
        more = [f"... and {len(problems) - 5} more"] if len(problems) > 5 else []
        raise EvaluationError("\n".join([*problems[:5], *more, _WANTED]))
    return answers


def answered(
    unit: Unit, prompts: Sequence[Prompt], lines: Mapping[str, Mapping[str, Any]]
) -> list[Record]:
    """Returns the records that predictions made elsewhere mean for some prompts.

    Raises:
      EvaluationError: a prompt has no line, a line no prompt, or scores do not fit the options.
    """
    missing = [prompt.gold.key for prompt in prompts if prompt.gold.key not in lines]
    if missing:
        raise EvaluationError(
            f"{unit}: no prediction for {len(missing)} of {counted(len(prompts), 'example')}, the "
            f"first is {missing[0]}; the predictions are of {_some(lines)}. Write the prompts that "
            "are wanted with --write-prompts"
        )
    extra = set(lines) - {prompt.gold.key for prompt in prompts}
    if extra:
        raise EvaluationError(
            f"{unit}: {counted(len(extra), 'prediction')} {are(len(extra))} of no example that is "
            f"scored, such as {min(extra)}; was another split, number of examples or source used?"
        )
    _check_prompts(unit, prompts, lines)
    records = []
    for prompt in prompts:
        line = lines[prompt.gold.key]
        if unit.method == GENERATE:
            records.append(Record(prompt, kept_text(prompt, line["prediction"])))
            continue
        sums, tokens = (tuple(line.get(name) or ()) for name in ("scores", "tokens"))
        count = len(prompt.gold.options)
        if len(sums) != count or len(tokens) not in (0, count):
            raise EvaluationError(
                f"{unit}, key {prompt.gold.key}: {counted(len(sums), 'score')} and "
                f"{counted(len(tokens), 'token')} for {count} options"
            )
        equal = tuple(line.get("equal_options") or ())
        if equal and not (len(equal) == count and {*equal} <= {*range(count)}):
            raise EvaluationError(
                f"{unit}, key {prompt.gold.key}: equal_options is {list(equal)}; wanted for each "
                f"of {count} options the number of the first with its ids"
            )
        records.append(Record(prompt, "", sums, tokens, equal=equal))
    return records


def _check_prompts(
    unit: Unit, prompts: Sequence[Prompt], lines: Mapping[str, Mapping[str, Any]]
) -> None:
    """Compares the prompts that lines say they answer with those that are asked, blanks aside."""
    other = [
        prompt
        for prompt in prompts
        if isinstance(answered_to := lines[prompt.gold.key].get("prompt"), str)
        and answered_to.split() != prompt.inputs.split()
    ]
    if not other:
        return
    text, answered = other[0].inputs, lines[other[0].gold.key]["prompt"]
    place = next(
        (i for i, (a, b) in enumerate(zip(text, answered, strict=False)) if a != b),
        min(len(text), len(answered)),
    )
    start = max(0, place - 20)
    raise EvaluationError(
        f"{unit}: answers to other prompts: {len(other)} of {counted(len(prompts), 'prediction')}. "
        f"Of {other[0].gold.key} is asked ...{shown(text[start : start + 60])}, and its line has "
        f"...{shown(answered[start : start + 60])}. Were shots, options, seed, source or templates "
        "others? Give the same here, or have the prompts of --write-prompts answered"
    )


def _line(text: str) -> tuple[str, dict[str, Any]]:
    try:
        line = parse_json(text)
    except ValueError as error:
        return f"not JSON: {error}", {}
    if not isinstance(line, dict):
        return "not a JSON object", {}
    missing = [
        name
        for name in ("dataset", "template", "split", "key")
        if not isinstance(line.get(name), str)
    ]
    if missing:
        return f"no text under {', '.join(missing)}; {_names(line)}", {}
    scores = line.get("scores")
    if scores:
        if not (isinstance(scores, list) and all(_is_number(score) for score in scores)):
            return "scores are no list of numbers", line
        for name, least in (("tokens", 1), ("equal_options", 0)):
            values = line.get(name)
            if values is not None and not _are_counts(values, least):
                return f"{name} are no list of whole numbers of {least} or more", line
        return "", line
    if not isinstance(line.get("prediction"), str):
        if "prediction" in line:
            return f"prediction is no text: {json.dumps(line['prediction'])[:40]}", {}
        return f"neither scores nor a prediction; {_names(line)}", {}
    return "", line


def _some(keys: Collection[str]) -> str:
    """The first keys of some lines, and how many more there are."""
    more = f" and {len(keys) - 3:,} more" if len(keys) > 3 else ""
    return ", ".join(islice(keys, 3)) + more


def _are_counts(values: Any, least: int) -> bool:
    return isinstance(values, list) and all(
        type(value) is int and value >= least for value in values
    )


def _names(line: Mapping[str, Any]) -> str:
    return f"the line has {', '.join(map(repr, line)) or 'nothing'}"


def _is_number(value: Any) -> bool:
    # Not a number is no score: it compares with nothing.
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
