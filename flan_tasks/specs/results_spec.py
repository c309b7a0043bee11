"""What the page of evaluations and training runs is told."""

from dataclasses import dataclass

from flan_tasks.core.counting import counted
from flan_tasks.core.spec import JobSpec, option

# Answers that are shown where nobody says how many.
ANSWERS = 10_000


@dataclass(frozen=True, kw_only=True)
class ResultsSpec(JobSpec):
    """What `ft.results` and `flan results` are told: evaluations and runs, and what is shown.

    Raises:
      ConfigError: a value has the wrong type or range, or two do not go together.
    """

    verb = "results"

    folders: tuple[str, ...] = option(argument=True, several=True, is_path=True)
    """A directory of `flan eval`, or two, of which the first is the model before; and directories
    of training runs."""
    out: str | None = option(None, is_file=True)
    """File to write; by default results.html in the folder, or for several here."""
    answers: int = option(ANSWERS, least=1)
    """Answers to show, spread evenly over datasets, templates and splits, those that changed
    first."""
    names: tuple[str, ...] = option((), said="name", metavar="NAME")
    """What to call the folders; give one for each."""
    held_out: tuple[str, ...] = option((), metavar="NAME")
    """Of two evaluations: a dataset, cluster, or mixture (its held-out side) that was not trained
    on."""
    trained_on: tuple[str, ...] = option((), metavar="NAME")
    """A dataset, cluster, mixture or build that was; what is neither shows what was forgotten."""
    common: bool = option(False)
    """Compare what both have, where they are not the same."""
    vocab: str | None = option(None)
    """Vocabulary to show tokens by; by default that of the first evaluation."""
    modules: tuple[str, ...] = option((), said="module", metavar="NAME")
    """Python module with datasets and mixtures of yours; may be given again."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values do not go together."""
        wrong = super().problems()
        if not self.folders:
            wrong.append(("folders", "is empty; give a directory of an evaluation or a run"))
        if self.names and len(self.names) != len(self.folders):
            folders = counted(len(self.folders), "folder")
            wrong.append(("names", f"has {len(self.names)} for {folders}; give one for each"))
        return wrong
