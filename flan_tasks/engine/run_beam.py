"""Builds shards with Apache Beam: the same function, mapped by whatever runner Beam is given.

Every worker must see the build directory and the store under the same paths, as on one machine or
on a file system they share.
"""

import functools
from collections.abc import Callable, Generator, Sequence
from typing import Any

from flan_tasks.core import extras
from flan_tasks.core.errors import BuildError, DeclarationError, FlanTasksError
from flan_tasks.engine.directory import Progress
from flan_tasks.engine.work import Running, Work
from flan_tasks.engine.writers.writer import Shard

# What Beam's DirectRunner is in Beam 2.77 once it has failed to download another one first.
DEFAULT_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


class Beam:
    """Builds shards in a pipeline with any Beam options; a `MapShards`.

    Raises:
      DeclarationError: Beam is not installed.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        with extras.needed_for("Building with Beam", error=DeclarationError):
            from apache_beam.options.pipeline_options import PipelineOptions

        if not any(a == "--runner" or a.startswith("--runner=") for a in arguments):
            arguments = [f"--runner={DEFAULT_RUNNER}", *arguments]
        self._options = PipelineOptions(list(arguments))

    def __call__(
        self, work: Work, shards: Sequence[Shard], watch: Callable[[Running], None], lock_fd: int
    ) -> Generator[dict[str, Any], None, None]:
        if not shards:
            return
        import apache_beam as beam

        build = functools.partial(_build_and_note, work.to_bytes())
        try:
            with beam.Pipeline(options=self._options) as pipeline:
                _ = (
                    pipeline
                    | "shards" >> beam.Create(list(shards))
                    # Else a runner may give all of them to one worker.
                    | "spread" >> beam.Reshuffle()
                    | "build" >> beam.Map(build)
                )
        except FlanTasksError:
            raise
        except Exception as error:  # noqa: BLE001 - each runner wraps what a worker raised its own way
            raise _plain(error) from error
        # What the workers noted, and not what they returned: it says as well that their files are
        # here, and whole.
        state = Progress(work.folder)
        for shard in shards:
            facts = state.done(work.folder, shard.path)
            if facts is None:
                raise BuildError(
                    f"Beam built {shard.path}, and it is not in {work.folder}: its workers must "
                    "see that folder under the same path"
                )
            yield facts


def _build_and_note(data: bytes, shard: Shard) -> None:
    work = _work(data)
    # A runner may try a shard again that it has built before.
    state = Progress(work.folder)
    if state.done(work.folder, shard.path) is None:
        state.note(work.build(shard, lambda rows: None))


@functools.lru_cache(maxsize=1)
def _work(data: bytes) -> Work:
    return Work.from_bytes(data)


def _plain(error: Exception) -> BuildError:
    lines = str(error).strip().splitlines()
    ours = [line for line in lines if line.startswith("flan_tasks.core.errors.")]
    message = ours[-1].partition(": ")[2] if ours else (lines or [type(error).__name__])[-1]
    return BuildError(
        f"the Beam pipeline failed: {message}. What is complete is kept; run the same command again"
    )
