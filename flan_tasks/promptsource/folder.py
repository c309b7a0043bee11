"""The user's copy of promptsource: where its template files are, and what to do without them."""

from pathlib import Path

from flan_tasks.core.errors import SourceUnavailableError
from flan_tasks.core.escaping import for_line
from flan_tasks.promptsource.files import PromptFile, read_prompt_file

_ORIGIN = (
    "The prompts are in promptsource (Apache-2.0), which is not part of this package: git clone "
    "https://github.com/bigscience-workshop/promptsource, or pip download --no-deps --no-binary "
    ":all: promptsource==0.2.3, and give its folder"
)
# Where the templates lie below a clone, an unpacked release, or the folder of the Python package.
_INSIDE = ("promptsource/templates", "templates", ".")
_FILE = "templates.yaml"


class PromptFolder:
    """The template files of one copy of promptsource.

    Args:
      path: a clone, an unpacked release, or the folder with the folders of data sets in it.

    Raises:
      SourceUnavailableError: there are no template files; the message says where they come from.
    """

    def __init__(self, path: Path) -> None:
        self.path = _templates(path)
        self._files: dict[str, PromptFile] = {}

    def file(self, dataset: str, subset: str = "") -> PromptFile:
        """Returns the templates of a data set, which are read once.

        Raises:
          SourceUnavailableError: the copy has no file of it.
          TemplateError: its file is malformed.
        """
        title = f"{dataset}/{subset}" if subset else dataset
        if title not in self._files:
            path = self.file_path(dataset, subset)
            if not path.is_file():
                raise SourceUnavailableError(
                    f"{for_line(self.path)} has no {for_line(title)}/{_FILE}. {_ORIGIN}"
                )
            self._files[title] = read_prompt_file(path)
        return self._files[title]

    def file_path(self, dataset: str, subset: str = "") -> Path:
        """Where the file of a data set is, or would be."""
        return self.path.joinpath(*dataset.split("/"), *filter(None, [subset]), _FILE)

    def titles(self) -> tuple[str, ...]:
        """The data sets that it has a file of, as folders name them."""
        found = (path.parent.relative_to(self.path) for path in self.path.rglob(_FILE))
        return tuple(sorted(folder.as_posix() for folder in found))


def _templates(path: Path) -> Path:
    for inside in _INSIDE:
        folder = path / inside
        if folder.is_dir() and next(folder.rglob(_FILE), None) is not None:
            return folder
    problem = f"{for_line(path)} has no {_FILE}" if path.is_dir() else f"no folder {for_line(path)}"
    raise SourceUnavailableError(f"{problem}. {_ORIGIN}")
