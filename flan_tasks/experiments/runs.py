"""The runs of a study: each combination of levels with each seed, as steps with specifications.

A run is known by the hash of what its steps are told, places left out: what is done is found again
wherever it lies, and whatever else the study has become.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from flan_tasks.core.choice import hash_text, permute
from flan_tasks.core.configuration import resolve
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.errors import unknown_name
from flan_tasks.core.field_checks import ConfigError, refuse
from flan_tasks.core.mixture import Mixture, parse_mixture
from flan_tasks.core.template import FORWARD
from flan_tasks.datasets import catalog
from flan_tasks.engine.from_spec import declared_mixture
from flan_tasks.experiments.steps import Step, build_step, evaluation_step, training_step
from flan_tasks.specs.build_spec import LENGTHS, BuildSpec
from flan_tasks.specs.config import TrainSpec
from flan_tasks.specs.eval_config import EvalSpec
from flan_tasks.specs.study import (
    INITIAL,
    PRETRAIN,
    PRETRAIN_SEED,
    TAKEN,
    Arm,
    Study,
    said_by_study,
)

_DRAWN = hash_text("wordings of a study")
# Folders of the runs in that of a study, and of what they begin from.
RUNS, PRETRAINED = "runs", "pretrained"
# Letters of a hash that names of folders have.
_LETTERS = 10


@dataclass(frozen=True)
class Run:
    """One combination of levels with one seed: what is done, and where what comes of it lies."""

    arm: str
    """Name of the combination."""
    levels: Mapping[str, str]
    """Factor -> level."""
    seed: int
    """Seed of the build, training and the draw of wordings."""
    digest: str
    """Hash of what the steps are told, places left out."""
    home: Path
    """Folder of the run."""
    steps: tuple[Step, ...]
    """A build, a training run and an evaluation; of a pretraining the first two, and of a level
    that is not tuned the last alone."""
    wordings: Mapping[str, Sequence[str]]
    """Dataset -> ids of the templates it is trained on, in the order they were drawn; empty where
    none were."""
    mixture_text: str
    """The file of a mixture that the study says as a table, which is written beside the build; ""
    where it names one."""
    begins_from: "Run | None" = None
    """The pretraining whose parameters it begins from."""

    @property
    def is_scored(self) -> bool:
        """Whether it ends with scores; a pretraining does not."""
        return any(isinstance(step.spec, EvalSpec) for step in self.steps)

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.arm}-seed_{self.seed}"

    @property
    def mixture_file(self) -> Path:
        """Where the mixture is written, if it is."""
        return Path(str(self.steps[0].spec.to_json()["mixture"]))


def plan_runs(
    study: Study,
    folder: Path,
    bindings: Sequence[tuple[str, str]] = (),
    *,
    pretrained: Path | None = None,
) -> list[Run]:
    """Returns all runs of a study, those first that say most beside what is done before them.

    What others begin from comes before all of them. Then seed by seed, since arms are compared
    within a seed; of each seed the two ends of the levels first, then what lies in the middle of
    what is done, and so on. What is not tuned has no seed, and is one run, of the first.

    Args:
      study: what is varied.
      folder: where the results of the study lie.
      bindings: (name, value) for the gin files, as the command line has them, over the study's.
      pretrained: where what runs begin from lies, for several studies; None is in the folder.

    Raises:
      UnknownNameError: a name or a field is none.
      ConfigError: a job cannot be told what the study says.
      GinError: a gin file of the training, or a macro, is wrong.
    """
    taken = [("train", said_by_study(name)) for name, _ in bindings if name in TAKEN["train"]]
    refuse(study, taken)
    arms = study.arms
    names = [arm.name for arm in arms]
    unknown = [name for name in study.compare if name not in names]
    refuse(study, [("compare", str(unknown_name("level", name, names))) for name in unknown])
    order = ends_first(len(arms))
    first: dict[str, Run] = {}
    begins_from = []
    for arm in arms:
        before = _pretraining(arm.study, pretrained or folder / PRETRAINED, bindings)
        begins_from.append(first.setdefault(before.digest, before) if before else None)
    runs = [
        _run(arms[place], seed, folder, bindings, begins_from[place])
        for seed in study.seeds
        for place in order
        if arms[place].study.tuned or seed == study.seeds[0]
    ]
    return [*first.values(), *runs]


def ends_first(count: int) -> list[int]:
    """Returns 0 to count - 1: the ends, then the middle of the widest gap, again and again."""
    order = [0, count - 1][: min(count, 2)]
    while len(order) < count:
        done = sorted(order)
        gaps = [(low - high, low, high) for low, high in zip(done, done[1:], strict=False)]
        _, low, high = min(gaps)
        order.append((low + high) // 2)
    return order


def drawn_wordings(
    datasets: Iterable[Dataset], count: int, *, seed: int
) -> dict[str, tuple[str, ...]]:
    """Returns dataset -> ids of so many of its forward templates, drawn by the seed.

    Those of a smaller count are the first of those of a larger one.

    Raises:
      ConfigError: a dataset has fewer.
    """
    found: dict[str, tuple[str, ...]] = {}
    problems = []
    for dataset in datasets:
        ids = [one.id for one in catalog().templates(dataset.name).of_kind(FORWARD)]
        if count > len(ids):
            what = f"is {count}; {dataset.name} has {len(ids)} forward templates"
            problems.append(("wordings", what))
            continue
        hashed = hash_text(dataset.name)
        places = (permute(k, len(ids), seed, _DRAWN, hashed) for k in range(count))
        found[dataset.name] = tuple(ids[place] for place in places)
    if problems:
        raise ConfigError("Study", problems)
    return found


def _pretraining(study: Study, folder: Path, bindings: Sequence[tuple[str, str]]) -> Run | None:
    """The build and the training that runs of a level begin from; None where there are none."""
    pretraining = study.pretraining
    if pretraining is None:
        return None
    mixture, text = _mixture(pretraining)
    steps_in = partial(
        _steps, pretraining, seed=PRETRAIN_SEED, is_table=bool(text), bindings=bindings
    )
    digest = _digest(steps_in(Path("run"))[:2], mixture)
    home = folder / f"{mixture.name}-{digest[:_LETTERS]}"
    steps = steps_in(home)[:2]
    return Run(PRETRAIN, {}, PRETRAIN_SEED, digest, home, steps, {}, text)


def _run(
    arm: Arm,
    seed: int,
    folder: Path,
    bindings: Sequence[tuple[str, str]],
    begins_from: Run | None,
) -> Run:
    study = arm.study
    mixture, text = _mixture(study)
    wordings: dict[str, tuple[str, ...]] = {}
    if study.wordings is not None:
        wordings = drawn_wordings(catalog().members(mixture), study.wordings, seed=seed)
    steps_in = partial(
        _steps, study, seed=seed, wordings=wordings, is_table=bool(text), bindings=bindings
    )
    initial, known = None, None
    if begins_from is not None:
        initial, known = str(begins_from.home / "model"), f"{PRETRAIN} {begins_from.digest}"
        _refuse_initial(study, bindings)
    # Under one name for all homes, so that the hash says nothing of it.
    digest = _digest(steps_in(Path("run"), initial=known), mixture)
    home = folder / RUNS / f"{arm.name}-seed_{seed}-{digest[:_LETTERS]}"
    steps = steps_in(home, initial=initial)
    if not study.tuned:
        text = ""
    return Run(arm.name, arm.levels, seed, digest, home, steps, wordings, text, begins_from)


def _refuse_initial(study: Study, bindings: Sequence[tuple[str, str]]) -> None:
    if any(name == INITIAL for name, _ in bindings):
        refuse(study, [("pretrain", f"says what runs begin from; leave --gin.{INITIAL} out")])


def _mixture(study: Study) -> tuple[Mixture, str]:
    """Returns the mixture that is meant, and its file where the study says it as a table."""
    if not isinstance(study.mixture, Mapping):
        declared, _ = declared_mixture(BuildSpec(mixture=study.mixture), catalog())
        return declared, ""
    lines = [f"{json.dumps(name)} = {_toml(value)}" for name, value in study.mixture.items()]
    text = "\n".join([f"# The mixture of the study {study.name}.", *lines, ""])
    table = parse_mixture(text, name=study.name, path=f"mixture of {study.name}")
    declared, _ = declared_mixture(BuildSpec(mixture=table), catalog())
    return declared, text


def _toml(value: Any) -> str:
    """A value that was read from TOML, as TOML in one line."""
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(name)} = {_toml(one)}" for name, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


def _steps(
    study: Study,
    home: Path,
    *,
    seed: int,
    wordings: Mapping[str, Sequence[str]] = {},
    is_table: bool,
    bindings: Sequence[tuple[str, str]],
    initial: str | None = None,
) -> tuple[Step, ...]:
    """The steps of a run in a folder, which begins from `initial` where that is said."""
    chosen = resolve()
    place = str(chosen.data_dir) if chosen.data_dir else None
    rows = {"source": chosen.source, "data_dir": place}
    rows |= {name: study.build[name] for name in ("source", "modules") if name in study.build}
    mixture = str(home / f"{study.name}.toml") if is_table else study.mixture
    drawn = {"templates": [f"{name}.{one}" for name, ids in wordings.items() for one in ids]}
    own = {"mixture": mixture, "seed": seed, "format": "arrays", **(drawn if wordings else {})}
    build = BuildSpec.from_json({"vocab": "t5", **rows, **study.build, **own})
    if not isinstance(build.lengths, Mapping | None):
        raise ConfigError("Study", [("build", "has lengths auto; give inputs and targets")])
    lengths = {**LENGTHS, **(build.lengths or {})}
    training = training_step(
        study.gin_files,
        {
            "TASK_FEATURE_LENGTHS": {name: lengths[name] for name in LENGTHS},
            **study.train,
            "BUILD_DIR": str(home / "build"),
            "MODEL_DIR": str(home / "model"),
            "RANDOM_SEED": seed,
            "DATA_SEED": seed,
            **({INITIAL: initial} if initial else {}),
        },
        bindings,
    )
    model, by_default = str(home / "model"), {}
    if not study.tuned:
        assert isinstance(training.spec, TrainSpec)
        start = training.spec.checkpoint.initial_checkpoint_path
        if start is None:
            what = f"is false, and runs begin from nothing; give pretrain, or {INITIAL} in train"
            raise ConfigError("Study", [("tuned", what)])
        # Else it would be asked with the lengths of another build.
        by_default = {"task_feature_lengths": {name: lengths[name] for name in LENGTHS}}
        model = start
    evaluation = EvalSpec.from_json(
        {
            **rows,
            **by_default,
            **study.eval,
            "mixture_or_task_name": ",".join(study.evaluate),
            "checkpoint_path": model,
            "output_dir": str(home / "scores"),
            "results": False,
        }
    )
    asked = evaluation_step(evaluation)
    return (build_step(build, home / "build"), training, asked) if study.tuned else (asked,)


def _digest(steps: Sequence[Step], mixture: Mixture) -> str:
    """A hash of what steps are told, which is the same wherever rows and results lie."""
    said: dict[str, Any] = {"mixture": mixture.to_json()} if len(steps) > 1 else {}
    for step in steps:
        spec = step.spec
        if isinstance(spec, BuildSpec):
            said["build"] = spec.record()
        else:
            told = spec.to_json()
            if isinstance(spec, EvalSpec):
                for name in ("data_dir", "store"):
                    del told[name]
            said[step.name] = told
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
