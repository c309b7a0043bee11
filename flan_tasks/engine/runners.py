"""Who builds, from what was asked for."""

import shlex

from flan_tasks.core.field_checks import ConfigError
from flan_tasks.engine.run_local import local_runner
from flan_tasks.engine.runner import Runner
from flan_tasks.specs.runner_spec import BEAM, DASK, RunnerSpec


def runner_of(spec: RunnerSpec) -> Runner:
    """Returns who builds.

    Raises:
      ConfigError: the options of Beam are no words.
      DeclarationError: what runs it is not installed.
    """
    waits = {} if spec.worker_timeout is None else {"patience": spec.worker_timeout}
    if spec.runner == DASK:
        from flan_tasks.engine.run_dask import Dask

        assert spec.scheduler is not None
        return Dask(spec.scheduler, **waits)
    if spec.runner == BEAM:
        from flan_tasks.engine.run_beam import Beam

        try:
            words = shlex.split(spec.beam_args or "")
        except ValueError as error:
            raise ConfigError(
                "RunnerSpec", [("beam_args", f"{spec.beam_args!r}: {error}")]
            ) from error
        return Beam(words, **waits)
    return local_runner(spec.workers)
