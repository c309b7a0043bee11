"""A step of an experiment: a job with its specification, as JSON and as a command."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flan_tasks.core.spec import JobSpec
from flan_tasks.jobs.models import load_run
from flan_tasks.specs.build_spec import BuildSpec
from flan_tasks.specs.config import TrainSpec
from flan_tasks.specs.eval_config import EvalSpec

_JOBS: Mapping[str, type[JobSpec]] = {job.verb: job for job in (BuildSpec, TrainSpec, EvalSpec)}


@dataclass(frozen=True)
class Step:
    """A job of an experiment and what it is told."""

    spec: JobSpec
    """A `BuildSpec`, a `TrainSpec` or an `EvalSpec`."""
    command: str
    """The command that does the same."""
    out: str = ""
    """The directory of a build; the other jobs have theirs in their specification."""
    gin_text: str = ""
    """The gin text of a training run, which is kept with its checkpoints."""

    @property
    def name(self) -> str:
        """The command without `flan`: build, train or eval."""
        return self.spec.verb

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON holds them; `from_json` reads them."""
        return {"name": self.name, **vars(self), "spec": self.spec.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Step":
        """Returns the step of what `to_json` returned.

        Raises:
          UnknownNameError: its specification has a field that is none.
          ConfigError: as when the specification is made.
        """
        spec = _JOBS[values["name"]].from_json(values["spec"])
        return cls(spec, values["command"], values["out"], values["gin_text"])


def build_step(spec: BuildSpec, out: Path) -> Step:
    """Returns the step that builds into a directory."""
    # That of the class: a build's own says what makes the same bytes, and not where things lie.
    command = f"{JobSpec.command(spec)} --out {shlex.quote(str(out))}"
    return Step(spec, command, out=str(out))


def training_step(
    gin_files: Sequence[str],
    macros: Mapping[str, Any],
    bindings: Sequence[tuple[str, str]] = (),
) -> Step:
    """Returns the step that trains as gin files with values for their macros say.

    Args:
      gin_files: the files.
      macros: values for their macros.
      bindings: (name, value) as the command line has them, over those before.

    Raises:
      GinError: a gin file, or a macro, is wrong.
      ConfigError: a value has the wrong type or range.
    """
    words = ["flan", "train", *(w for name in gin_files for w in ("--gin_file", name))]
    words += [f"--gin.{name}={value}" for name, value in (*macros.items(), *bindings)]
    loaded = load_run(gin_files, macros, bindings)
    return Step(loaded.run, shlex.join(words), gin_text=loaded.operative)


def evaluation_step(spec: EvalSpec) -> Step:
    """Returns the step that scores."""
    return Step(spec, spec.command())
