"""Training a model, asking it, and handing it on."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flan_tasks.core import whole
from flan_tasks.core.errors import DeclarationError
from flan_tasks.specs.config import TrainSpec
from flan_tasks.specs.eval_config import InferSpec
from flan_tasks.specs.gin_files import Loaded, load

if TYPE_CHECKING:
    from flan_tasks.trainer.train import Result


def train(
    run: TrainSpec | None,
    *,
    gin_files: str | Sequence[str] = (),
    macros: Mapping[str, Any] = {},
    gin_text: str = "",
) -> "Result":
    """Trains what a run, or gin files with values for their macros, say.

    Args:
      run: the run; or else
      gin_files: gin files.
      macros: values for their macros.
      gin_text: of a run that gin files made: every value, which is kept with its checkpoints.

    Raises:
      DeclarationError: both are given, or none.
      GinError: a file, a name or a value is wrong.
      TrainingError: data and model do not fit, or training cannot go on.
    """
    if isinstance(gin_files, str):
        gin_files = [gin_files]
    if (run is None) == (not gin_files):
        raise DeclarationError("give a TrainSpec, or gin_files= and values for their macros")
    if run is None:
        loaded = load_run(gin_files, macros)
        run, gin_text = loaded.run, loaded.operative
    elif macros:
        raise DeclarationError(f"{', '.join(macros)}: values are for the macros of gin_files")
    assert isinstance(run, TrainSpec)
    from flan_tasks.trainer.train import train as train_run

    return train_run(run, gin_text=gin_text)


def load_run(
    gin_files: Sequence[str],
    macros: Mapping[str, Any],
    bindings: Sequence[tuple[str, str]] = (),
) -> Loaded:
    """Returns the training run that gin files with values for their macros make.

    Args:
      gin_files: the files.
      macros: values for their macros.
      bindings: (name, value) as the command line has them, over those before.

    Raises:
      GinError: a file, a name or a value is wrong.
    """
    # As Python writes them, so that a text of digits stays one.
    values = [(name, repr(_plain(value))) for name, value in macros.items()]
    return load(tuple(gin_files), [*values, *bindings])


def infer(
    run: InferSpec,
    *,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
    note: Callable[[str], None] | None = None,
) -> int:
    """Answers the prompts of a file; returns how many.

    Args:
      run: which model answers what.
      progress: told how many prompts are answered, of how many.
      say: told in one line what a user should know of the model's files.
      note: told what is being compiled.

    Raises:
      EvaluationError: the file cannot be read, or a line has no prompt.
      ModelError: the model cannot be opened.
    """
    from flan_tasks.inference.infer import infer as answer

    return answer(run, watch=progress, say=say, log=note)


def answers(
    run: InferSpec,
    prompts: Sequence[str],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Returns a model's answers to prompts, in their order; files of the run are not used."""
    with tempfile.TemporaryDirectory() as name:
        asked, answered = Path(name) / "prompts.jsonl", Path(name) / "answers.jsonl"
        lines = (json.dumps({"prompt": prompt}) + "\n" for prompt in prompts)
        whole.write_text(asked, "".join(lines))
        infer(replace(run, input_path=str(asked), output_path=str(answered)), progress=progress)
        # Not splitlines: texts may hold other characters that end a line.
        written = answered.read_text(encoding="utf-8").split("\n")
    return [json.loads(line)["prediction"] for line in written if line]


def export(model: Path, out: Path, *, vocab: str | None = None, dtype: str = "float32") -> Path:
    """Writes a trained model as a directory that transformers loads, and returns the directory.

    Raises:
      ModelError: the model cannot be opened, transformers has none such, or the directory is not
        empty.
    """
    from flan_tasks.inference.open_model import open_model
    from flan_tasks.models.hf import export_hf

    opened = open_model(model, vocab=vocab)
    return export_hf(opened.model, opened.params, out, vocabulary=opened.vocabulary, dtype=dtype)


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value
