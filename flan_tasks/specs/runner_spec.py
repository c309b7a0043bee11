"""Who builds: processes of this machine, or a cluster. No record of a build has it."""

from dataclasses import dataclass
from typing import Literal

from flan_tasks.core.spec import Spec, option

LOCAL, BEAM, DASK = "local", "beam", "dask"


@dataclass(frozen=True, kw_only=True)
class RunnerSpec(Spec):
    """Who reads rows and builds shards; nothing here changes a byte.

    Raises:
      ConfigError: values have the wrong type or range, or do not go together; all of them.
    """

    workers: int = option(1, least=1)
    """Local processes that read rows and build shards; all or 0: one for each core."""
    runner: Literal["local", "beam", "dask"] = option(LOCAL)
    """Who builds: local processes, Apache Beam, or the workers of a Dask scheduler."""
    scheduler: str | None = option(None, metavar="ADDRESS")
    """The Dask scheduler, as tcp://HOST:8786, or the file that its --scheduler-file wrote."""
    beam_args: str | None = option(None, metavar="OPTIONS")
    """Pipeline options for Beam, as "--runner=FlinkRunner --parallelism=64"."""
    worker_timeout: float | None = option(None, metavar="SECONDS")
    """How long a scheduler and its first worker are waited for; by default 60 with Dask, 600 with
    Beam."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values do not go together."""
        wrong = super().problems()
        if self.runner == DASK and not self.scheduler:
            wrong.append(("scheduler", "is missing; runner dask wants one, as tcp://HOST:8786"))
        if self.runner != DASK and self.scheduler is not None:
            wrong.append(("scheduler", "is for runner dask"))
        if self.runner != BEAM and self.beam_args is not None:
            wrong.append(("beam_args", "is for runner beam"))
        if self.runner == LOCAL and self.worker_timeout is not None:
            wrong.append(("worker_timeout", "is for the runners beam and dask"))
        if self.worker_timeout is not None and not self.worker_timeout > 0:
            wrong.append(("worker_timeout", f"is {self.worker_timeout}; want more than 0"))
        if self.runner == BEAM and self.workers != 1:
            wrong.append(
                (
                    "workers",
                    "is for runner local; with Beam say it in beam_args, as "
                    '"--direct_num_workers=2 --direct_running_mode=multi_processing"',
                )
            )
        if self.runner == DASK and self.workers != 1:
            wrong.append(("workers", "is for runner local; Dask's scheduler has its own"))
        return wrong
