"""Settings of an evaluation: what decided its answers, and how two of them differ."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.parsing import parse_json


def read_settings(path: Path) -> dict[str, Any]:
    """Reads a file of settings.

    Raises:
      EvaluationError: it cannot be read.
    """
    try:
        stored = parse_json(path.read_text(encoding="utf-8"))
        if not isinstance(stored, dict):
            raise ValueError("it is no JSON object")
    except (OSError, ValueError) as error:
        raise EvaluationError(
            f"{path} cannot be read: {error}; restore it from a copy, or give another --out"
        ) from error
    return stored


def setting_differences(stored: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns a line for each setting that differs, in words.

    Where the files of a model are the same, it does not matter where they lie.
    """
    before, after = compared(stored), compared(now)
    lines = []
    for name in sorted({*before, *after}):
        was, is_now = before.get(name), after.get(name)
        if was == is_now:
            continue
        if name == "files" and None not in (was, is_now):
            stored_model, model_now = stored.get("model"), now.get("model")
            lines.append(
                f"  the model: the files in {model_now} are others now"
                if stored_model == model_now
                else f"  the model: {stored_model} there, {model_now} now, whose files differ"
            )
        elif name == "predictions" and None not in (was, is_now):
            lines.append(
                f"  the predictions: {stored.get('predictions_file', 'a file')} there, "
                f"{now.get('predictions_file', 'a file')} now, whose content differs"
            )
        elif name in ("files", "predictions"):
            whose = "a model" if name == "files" else "a file of predictions"
            stored_model = "there" if is_now is None else "now"
            lines.append(f"  who answers: {whose} {stored_model} alone")
        elif isinstance(was, dict) and isinstance(is_now, dict):
            lines += [
                f"  {name}, {part}: {was.get(part)!r} there, {is_now.get(part)!r} now"
                for part in sorted({*was, *is_now})
                if was.get(part) != is_now.get(part)
            ]
        else:
            lines.append(f"  {name}: {was!r} there, {is_now!r} now")
    return lines


def compared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that decide answers: places of files do not, where their content is known."""
    places = {"model"} if "files" in settings else set()
    places |= {"predictions_file"}
    return {name: value for name, value in settings.items() if name not in places}
