"""Texts for prompts of a file, as T5X's infer writes them: each line comes back with an answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flan_tasks.core.choice import hash_text
from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.joints import first_answer, is_joined
from flan_tasks.core.parsing import parse_json
from flan_tasks.evaluation.answers import write_kept
from flan_tasks.evaluation.records import GENERATE, Asked, Prompt, Unit
from flan_tasks.inference.kept_programs import keep_programs
from flan_tasks.inference.model_answers import ModelAnswers
from flan_tasks.inference.opening import open_asked
from flan_tasks.metrics.gold import Gold
from flan_tasks.specs.eval_config import InferSpec

_TEXT = ("prompt", "inputs", "inputs_pretokenized")


def infer(
    run: InferSpec,
    *,
    log: Callable[[str], None] | None = None,
    watch: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> int:
    """Writes an answer to every prompt; returns how many. The file appears whole or not at all.

    Args:
      run: what is answered, by which model.
      log: called for every program that is compiled.
      watch: called with how many prompts are answered, of how many.
      say: called with one line if a checkpoint has no checksums, or can be read in two ways.

    Raises:
      EvaluationError: the input cannot be read, or a line has no prompt.
      FlanTasksError: the model is not available.
    """
    lines = read_prompts(Path(run.input_path))
    keep_programs()
    answerer = ModelAnswers(
        open_asked(run, Path(run.checkpoint_path), say=say),
        lengths=run.task_feature_lengths,
        decoding=run.decoding,
        batch_tokens=run.batch_tokens,
        batch_size=run.batch_size,
        log=log,
    )
    # Seeds of samples come from what is asked, not from its place in the file.
    unit = Unit("", "", "", GENERATE)
    stream = (Asked(unit, place, _prompt(text)) for place, (text, _) in enumerate(lines))
    texts: dict[int, str] = {}
    for query, record in answerer.answer(stream):
        joined = query.prompt.num_shots > 0
        texts[query.place] = first_answer(record.text) if joined else record.text
        if watch:
            watch(len(texts), len(lines))
    answered = [
        json.dumps({**line, "prediction": texts[place]}, ensure_ascii=False)
        for place, (_, line) in enumerate(lines)
    ]
    write_kept(Path(run.output_path), "".join(line + "\n" for line in answered))
    return len(answered)


def _prompt(text: str) -> Prompt:
    """A prompt of a line: how many exemplars stand before it is not known, but whether some do.

    Nor is it known whether its answer has thoughts: where a template writes them apart, a model may
    have some.
    """
    gold = Gold("", ("",), key=f"{hash_text(text):016x}")
    return Prompt(text, gold, num_shots=int(is_joined(text)), reasons=True)


def read_prompts(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Returns each prompt with the line it came from; `.jsonl` is JSON lines, else plain text.

    Raises:
      EvaluationError: the file cannot be read, or a line has no prompt.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise EvaluationError(f"{path}: cannot be read: {why}") from error
    prompts = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if path.suffix != ".jsonl":
            prompts.append((line, {"prompt": line}))
            continue
        try:
            record = parse_json(line)
            text = next(record[name] for name in _TEXT if isinstance(record.get(name), str))
        except (ValueError, AttributeError, StopIteration) as error:
            names = (
                f"; it has {', '.join(map(repr, record))}"
                if isinstance(error, StopIteration)
                else ""
            )
            raise EvaluationError(
                f"{path}:{number}: wanted a JSON object with a text under {' or '.join(_TEXT)}"
                f"{names}"
            ) from None
        prompts.append((text, record))
    return prompts
