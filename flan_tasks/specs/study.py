"""A study: one question, what is varied to answer it, and by how many seeds, as a TOML file."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from flan_tasks.core.errors import DeclarationError, unknown_name
from flan_tasks.core.field_checks import MAX_SEED
from flan_tasks.core.parsing import parse_toml, place_of_fault
from flan_tasks.core.resources import folder
from flan_tasks.core.spec import Spec

FILE = ".toml"
# What a level may set: a table is laid over the study's own, anything else takes its place.
_OF_LEVELS = (
    *("mixture", "wordings", "build", "gin_files", "train", "evaluate", "eval"),
    *("tuned", "pretrain"),
)
# What a study says of its pretraining.
_OF_PRETRAINING = ("mixture", "build", "gin_files", "train")
# What a study says itself of each job.
TAKEN: Mapping[str, tuple[str, ...]] = {
    "build": ("mixture", "seed", "format", "store"),
    "train": ("BUILD_DIR", "MODEL_DIR", "RANDOM_SEED", "DATA_SEED"),
    "eval": ("mixture_or_task_name", "checkpoint_path", "output_dir", "results", "store"),
}
# Of a build with wordings drawn, what chooses templates otherwise.
_CHOOSE_TEMPLATES = ("templates", "num_templates", "instructions", "kinds")
INITIAL = "INITIAL_CHECKPOINT_PATH"
# Of the build and the training of what all runs begin from, and what tables call them.
PRETRAIN_SEED = 0
PRETRAIN = "pretrain"
_LEVEL = re.compile(r"[A-Za-z0-9_.]{1,40}")
# Nobody waits for more, and a mistyped list of levels is found before it is multiplied out.
_MOST_RUNS = 10_000


@dataclass(frozen=True, kw_only=True)
class Study(Spec):
    """What is varied, and what is built, trained and scored for each combination and seed.

    Raises:
      ConfigError: a value has the wrong type or range, or two do not go together.
    """

    name: str
    """What it is called: the name of its file."""
    question: str
    """What it is to answer, in a sentence."""
    mixture: str | Mapping[str, Any]
    """What is trained on: a name or a file, or the content of a mixture file as a table."""
    wordings: int | None = None
    """Train on so many forward templates of each dataset, drawn anew by each seed; fewer are
    among those of more. None means all templates that the build draws from."""
    build: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a `BuildSpec`, such as lengths and examples."""
    gin_files: tuple[str, ...]
    """Gin files of `flan train`: the model, then the recipe."""
    train: Mapping[str, Any] = field(default_factory=dict)
    """Values for their macros."""
    pretrain: Mapping[str, Any] = field(default_factory=dict)
    """What every run begins from, built and trained once: mixture, build, gin_files (by default
    those of the study) and train, as the study's own, and none of them laid over these. Left out:
    random weights, or INITIAL_CHECKPOINT_PATH of `train`."""
    tuned: bool = True
    """Whether there is training at all: without, what it would begin from is scored."""
    evaluate: tuple[str, ...]
    """Datasets, clusters or mixtures (what they hold out) to score."""
    eval: Mapping[str, Any] = field(default_factory=dict)
    """Fields of an `EvalSpec`, such as split and num_examples."""
    factors: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    """What is varied: factor -> level -> what the study says differently at that level."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of build, training and the draw of wordings; examples that are scored are the same."""
    margin: float = 10.0
    """Points above the most frequent answer that a dataset must reach at every level that is tuned
    and scores it, to count."""
    compare: tuple[str, ...] = ()
    """Combinations of levels, as FACTOR_LEVEL, from which changes are taken; left out, the first
    one."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values are out of range, or do not go together."""
        problems = super().problems()
        problems += [
            (name, "is empty")
            for name in ("question", "mixture", "gin_files", "evaluate", "seeds")
            if not getattr(self, name)
        ]
        if self.wordings is not None and self.wordings < 1:
            problems.append(("wordings", f"is {self.wordings}; want 1 or more"))
        if len(set(self.seeds)) < len(self.seeds):
            problems.append(("seeds", f"has a seed twice: {list(self.seeds)}"))
        problems += [
            ("seeds", f"has {seed}; want 0 to {MAX_SEED:,}")
            for seed in self.seeds
            if not 0 <= seed <= MAX_SEED
        ]
        for part, names in TAKEN.items():
            problems += [
                (part, said_by_study(name)) for name in names if name in getattr(self, part)
            ]
        if self.pretrain:
            problems += self._wrong_pretraining()
        if self.wordings is not None:
            problems += [
                ("build", f"has {name}, and wordings draws the templates; give one of them")
                for name in _CHOOSE_TEMPLATES
                if name in self.build
            ]
        return problems + self._wrong_factors()

    def _wrong_pretraining(self) -> list[tuple[str, str]]:
        problems = [
            ("pretrain", str(unknown_name("key", key, _OF_PRETRAINING)))
            for key in self.pretrain
            if key not in _OF_PRETRAINING
        ]
        if not self.pretrain.get("mixture"):
            problems.append(("pretrain", "has no mixture; say which texts"))
        for part in ("build", "train"):
            value = self.pretrain.get(part, {})
            if not isinstance(value, Mapping):
                problems.append(("pretrain", f"has {part} {value!r}; want a table"))
                continue
            problems += [
                ("pretrain", f"{part} {said_by_study(name)}")
                for name in TAKEN[part]
                if name in value
            ]
        if INITIAL in self.train:
            problems.append(("train", f"has {INITIAL}, and pretrain says it; give one of them"))
        return problems

    @property
    def pretraining(self) -> "Study | None":
        """The pretraining, as a study that scores nothing; None where there is none.

        Raises:
          ConfigError: what it says cannot be.
        """
        if not self.pretrain:
            return None
        gin_files = self.pretrain.get("gin_files", self.gin_files)
        said: dict[str, Any] = {
            "build": {},
            "train": {},
            **self.pretrain,
            "gin_files": tuple(gin_files),
        }
        # Under one name, so that studies with the same have one.
        own: dict[str, Any] = {
            "name": PRETRAIN,
            "pretrain": {},
            "wordings": None,
            "factors": {},
            "tuned": True,
        }
        return replace(self, **own, **said)

    def _wrong_factors(self) -> list[tuple[str, str]]:
        problems = []
        count = len(self.seeds)
        for factor, levels in self.factors.items():
            count *= max(len(levels), 1)
            if not levels:
                problems.append(("factors", f"{factor} has no level"))
            for name in (factor, *levels):
                if not _LEVEL.fullmatch(name):
                    what = f"{name!r} is no name here; want letters, digits, dots, underscores"
                    problems.append(("factors", what))
            problems += [
                ("factors", f"{factor}, level {level}: {unknown_name('key', key, _OF_LEVELS)}")
                for level, values in levels.items()
                for key in values
                if key not in _OF_LEVELS
            ]
        if count > _MOST_RUNS:
            problems.append(("factors", f"make {count:,} runs; want at most {_MOST_RUNS:,}"))
        return problems

    @property
    def arms(self) -> "tuple[Arm, ...]":
        """Each combination of levels, in the order of the file.

        Raises:
          ConfigError: what a combination says cannot be.
        """
        found = []
        for combination in itertools.product(*self.factors.values()):
            levels = dict(zip(self.factors, combination, strict=True))
            said = replace(self, factors={})
            for factor, level in levels.items():
                said = replace(said, **_laid_over(said, self.factors[factor][level]))
            found.append(Arm(levels, said))
        return tuple(found)


@dataclass(frozen=True)
class Arm:
    """One combination of levels, which every seed is run with."""

    levels: Mapping[str, str]
    """Factor -> level; empty where nothing is varied."""
    study: Study
    """What the study says of it: without factors, its levels laid over."""

    @property
    def name(self) -> str:
        """How tables and folders call it."""
        return "-".join(f"{factor}_{level}" for factor, level in self.levels.items()) or "all"


def _laid_over(study: Study, level: Mapping[str, Any]) -> dict[str, Any]:
    changed = {}
    for name, value in level.items():
        own = getattr(study, name)
        are_tables = isinstance(own, Mapping) and isinstance(value, Mapping)
        changed[name] = {**own, **value} if are_tables else value
    return changed


def _joined(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(values)
    for name, value in over.items():
        there = found.get(name)
        if isinstance(there, Mapping) and isinstance(value, Mapping):
            value = _joined(there, value)
        found[name] = value
    return found


def said_by_study(name: str) -> str:
    """Returns what is wrong with a field or macro that a study gives values of its own."""
    return f"has {name}, which the study sets itself; leave it out"


def published_studies() -> dict[str, Path]:
    """Returns name -> file of the studies that are ours.

    Raises:
      FlanTasksError: the installation lacks them.
    """
    return {path.stem: path for path in sorted(folder("experiments").glob(f"*{FILE}"))}


def read_study(path: Path, changes: Sequence[str] = ()) -> Study:
    """Reads the file of a study, which is named after it.

    Args:
      path: the file.
      changes: TOML that is laid over it, such as "train.TRAIN_STEPS = 500"; tables are joined, and
        anything else takes the place of what was there.

    Raises:
      DeclarationError: it cannot be read, or with what is wrong with it.
    """
    try:
        values = parse_toml(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise DeclarationError(f"{path}: {what}", where=str(path)) from error
    except ValueError as error:
        where = place_of_fault(str(path), error)
        raise DeclarationError(f"{path}: not valid TOML: {error}", where=where) from error
    for change in changes:
        try:
            values = _joined(values, parse_toml(change))
        except ValueError as error:
            what = f"{change!r} is no TOML ({error}); write KEY = VALUE, texts in quotes"
            raise DeclarationError(f"--set: {what}") from error
    # Of a number, so many: 0, 1, 2 ...
    count = values.get("seeds")
    if isinstance(count, int) and not isinstance(count, bool):
        values["seeds"] = list(range(min(max(count, 0), _MOST_RUNS)))
    known = [part.name for part in fields(Study) if part.name != "name"]
    for key in values:
        if key not in known:
            raise DeclarationError(f"{path}: {unknown_name('key', key, known)}", where=str(path))
    try:
        study = Study.from_json({"name": path.stem, **values})
        _ = study.arms
    except DeclarationError as error:
        raise DeclarationError(f"{path}: {error}", where=str(path)) from error
    return study
