"""What the page of a build is told."""

from dataclasses import dataclass

from flan_tasks.core.spec import JobSpec, option


@dataclass(frozen=True, kw_only=True)
class ReportSpec(JobSpec):
    """What `ft.report` and `flan report` are told: a build, and how much of it is shown.

    Raises:
      ConfigError: a value has the wrong type or range.
    """

    verb = "report"

    folder: str = option(argument=True, is_path=True)
    """The directory of a build, or its address."""
    out: str | None = option(None, is_file=True)
    """File to write; by default the folder's name and -report.html, here."""
    examples: int = option(2000, least=1)
    """Examples to sample evenly from the whole build; tasks with few of them get more."""
    vocab: str | None = option(None)
    """Vocabulary to show tokens by; by default that of the build, if this machine has it: the file
    of FLAN_TASKS_VOCAB, or T5's in the cache of the hub; nothing is fetched for it."""
