"""The folder of an evaluation: a file of answers for each finished unit, with its digest.

A file is written aside and renamed when it is whole, so a run that was stopped goes on with the
next one. Everything scores need stands in the lines: a table can be made again without the model.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.whole import sweep, write_text
from flan_tasks.evaluation.records import PREDICTIONS, Prompt, Record, Unit
from flan_tasks.evaluation.settings import compared, read_settings, setting_differences

SETTINGS = "settings.json"
# Behind the template of a unit that asks for options without their question.
ALONE = "+unconditional"
# In the settings of a folder whose every file of answers has a digest.
_DIGESTS = "digests"
# Written when all is answered.
_SCORES = "scores.json"


class Answers:
    """The folder of one run: its settings, and a file of answers for each finished unit.

    Beside each file lies its digest, `<file>.sha256`, in the form of `sha256sum`; it also names the
    settings, so that a file of another evaluation is not taken for one of this. The settings are
    written with the first finished unit: a try that fails before leaves the folder free.

    Args:
      folder: new, empty, or of a run with the same settings.
      settings: everything that decides the answers; JSON-able.

    Raises:
      EvaluationError: the folder holds something else; the differences are listed.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self._settings = json.loads(json.dumps(settings))
        # Files that were read and, made before there were digests, have none.
        self.unchecked: set[str] = set()
        self._digests = True
        path = folder / SETTINGS
        for place in (folder, *folder.glob(f"{PREDICTIONS}/*")):
            sweep(place)
        if path.exists():
            self._go_on(path)
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise EvaluationError(
                f"{folder} is not empty and holds no {SETTINGS} of an evaluation; give a new or "
                "empty directory"
            )

    def _go_on(self, path: Path) -> None:
        stored = read_settings(path)
        self._digests = bool(stored.pop(_DIGESTS, False))
        lines = setting_differences(stored, self._settings)
        if not lines:
            # Where the model lies may have changed; what it is has not.
            self._settings = stored
            return
        files = sorted((self.folder / PREDICTIONS).glob("*/*.jsonl"))
        taken = "predictions" in stored and "predictions" in self._settings
        if files and not (taken and not (self.folder / _SCORES).exists()):
            raise EvaluationError(
                "\n".join([f"{self.folder} holds an evaluation with other settings:", *lines])
                + "\nGive the same to go on with it, or another --out."
            )
        # Of a try that failed, with predictions that have since been mended: taken anew.
        for file in files:
            file.unlink()
            _digest_file(file).unlink(missing_ok=True)
        path.unlink()
        self._digests = True

    @classmethod
    def of_folder(cls, folder: Path) -> "Answers":
        """Opens the answers of an evaluation under the settings they were given under.

        Raises:
          EvaluationError: there is no evaluation, or its settings cannot be read.
        """
        path = folder / SETTINGS
        if not path.is_file():
            raise EvaluationError(
                f"{folder} holds no {SETTINGS} of an evaluation; wanted the --out of a `flan eval`"
            )
        settings = read_settings(path)
        settings.pop(_DIGESTS, None)
        return cls(folder, settings)

    @property
    def settings(self) -> dict[str, Any]:
        """What decided the answers."""
        return dict(self._settings)

    @property
    def units(self) -> list[Unit]:
        """The finished units, by name, without those that ask for options alone."""
        units = []
        for path in (self.folder / PREDICTIONS).glob("*/*.jsonl"):
            template, split, method = path.name.removesuffix(".jsonl").rsplit(".", 2)
            units.append(Unit(path.parent.name, template, split, method))
        return sorted(unit for unit in units if not unit.template.endswith(ALONE))

    def has(self, unit: Unit) -> bool:
        """Whether a unit is finished."""
        return os.path.lexists(self.folder / unit.path)

    def write(self, unit: Unit, records: Iterable[Record]) -> None:
        """Writes a finished unit.

        Raises:
          EvaluationError: it cannot be written.
        """
        path_of_settings = self.folder / SETTINGS
        if not path_of_settings.exists():
            recorded = {**self._settings, _DIGESTS: True}
            write_kept(path_of_settings, json.dumps(recorded, indent=2, sort_keys=True) + "\n")
        path = self.folder / unit.path
        text = "".join(record.to_json(unit) + "\n" for record in records)
        # First the digest: a kill in between leaves no answers that nothing vouches for.
        write_kept(_digest_file(path), self._digest(path, text.encode()))
        write_kept(path, text)

    def _digest(self, path: Path, content: bytes) -> str:
        settings = json.dumps(compared(self._settings), sort_keys=True).encode()
        return (
            f"{hashlib.sha256(content).hexdigest()}  {path.name}\n"
            f"# answers under settings {hashlib.sha256(settings).hexdigest()}\n"
        )

    def read(self, unit: Unit, prompts: Sequence[Prompt]) -> list[Record]:
        """Returns the answers of a finished unit, which must be to these prompts.

        Raises:
          EvaluationError: the file was changed into something else, or the prompts were.
        """
        records = self.kept(unit)
        if [_identity(record.prompt) for record in records] != [_identity(one) for one in prompts]:
            raise EvaluationError(
                f"{self.folder / unit.path} holds answers to other prompts: the template or the "
                "rows changed since; remove it to have the unit answered again, or give another "
                "--out"
            )
        return records

    def kept(self, unit: Unit) -> list[Record]:
        """Returns the answers of a finished unit, whatever its prompts.

        Raises:
          EvaluationError: the file was changed into something else.
        """
        path = self.folder / unit.path
        try:
            content = path.read_bytes()
            self._check(path, content)
            lines = [line for line in content.decode("utf-8").split("\n") if line]
            return [Record.from_json(line, unit) for line in lines]
        except OSError as error:
            raise EvaluationError(_again(path, f"cannot be read: {error.strerror}")) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"holds no answers of an evaluation ({type(error).__name__}: {error})"
            raise EvaluationError(_again(path, why)) from error

    def _check(self, path: Path, content: bytes) -> None:
        """Compares a file with its digest."""
        digest_file, expected = _digest_file(path), self._digest(path, content)
        try:
            stated = digest_file.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError as error:
            if self._digests:
                why = f"has no digest beside it, {digest_file.name}"
                raise EvaluationError(_again(path, why)) from error
            self.unchecked.add(str(path))
            return
        if stated == expected:
            return
        if stated.split(" ")[0] != expected.split(" ")[0]:
            why = f"or its digest {digest_file.name} was changed after it was written"
        else:
            why = "was not written by this evaluation: its digest is of another unit or settings"
        raise EvaluationError(_again(path, why))


def _digest_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _again(path: Path, why: str) -> str:
    return f"{path} {why}. Restore it from a copy, or remove it to have the unit answered again"


def _identity(prompt: Prompt) -> tuple[str, str, str]:
    return prompt.gold.key, prompt.inputs, prompt.gold.answer


def write_kept(path: Path, text: str) -> None:
    """Writes a file of an evaluation so that it is there whole or not at all.

    Raises:
      EvaluationError: it cannot be written.
    """
    try:
        write_text(path, text)
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be written: {error.strerror or error}. What is complete is kept; fix "
            "that, and the same command goes on"
        ) from error
