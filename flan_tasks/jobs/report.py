"""The page that shows a build, written anew."""

from collections.abc import Callable
from pathlib import Path

from flan_tasks.core.address import Address, path_or_address
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.engine.directory import write_text
from flan_tasks.engine.local_copy import local_folder
from flan_tasks.reports.make import report_of
from flan_tasks.specs.report_spec import ReportSpec


def report(spec: ReportSpec, *, told: Callable[[str], None] | None = None) -> Path:
    """Writes the page of a build, and returns where it is.

    Args:
      spec: which build, and how much of it.
      told: called with a line on what the page goes without, where there is something.

    Raises:
      BuildError: the folder is no build.
      ConfigError: the file lies in it.
    """
    where = path_or_address(spec.folder)
    name = where.name if isinstance(where, Address) else where.resolve().name
    path = Path(spec.out) if spec.out else Path(f"{name}-report.html")
    folder = local_folder(where)
    if folder.resolve() in path.resolve().parents:
        what = f"{path} lies in the build, whose files are those of its manifest"
        raise ConfigError("ReportSpec", [("out", f"{what}; name another place")])
    page = report_of(folder, examples=spec.examples, vocabulary=spec.vocab, told=told)
    write_text(path, page)
    return path
