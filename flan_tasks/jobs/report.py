"""The page that shows a build, written anew."""

from pathlib import Path

from flan_tasks.core.field_checks import ConfigError
from flan_tasks.engine.directory import write_text
from flan_tasks.reports.make import report_of

# Examples of a page, if nothing else is said.
EXAMPLES = 2000


def report(
    folder: Path, out: Path | None = None, *, examples: int = EXAMPLES, vocab: str | None = None
) -> Path:
    """Writes the page of a build, and returns where it is.

    Args:
      folder: the build.
      out: the file; None is the folder's name and -report.html, in the current directory.
      examples: how many are sampled evenly from the whole build; tasks with few get more.
      vocab: vocabulary to show tokens by; None is that of the build.

    Raises:
      BuildError: the folder is no build.
      ConfigError: the file lies in it.
    """
    path = out or Path(f"{folder.resolve().name}-report.html")
    if folder.resolve() in path.resolve().parents:
        what = f"{path} lies in the build, whose files are those of its manifest"
        raise ConfigError("report", [("out", f"{what}; name another place")])
    page = report_of(folder, examples=examples, vocabulary=vocab)
    write_text(path, page)
    return path
