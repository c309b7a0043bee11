"""From a row and a subtask of P3 to an example: its input and target, and the allowed answers."""

from collections.abc import Mapping
from typing import Any

from flan_tasks.core.example import Example, Skip
from flan_tasks.promptsource.folder import PromptFolder
from flan_tasks.promptsource.index import Subtask
from flan_tasks.promptsource.rendering import Draws, Prompt, Renderer

# Columns that data sets call otherwise than the templates that were written for them.
_RENAMED = {"wiki_hop/original": {"query": "question"}}

NO_TARGET = Skip("the template prints no target for this row")
NO_INPUT = Skip("the template prints no input for this row")
SEVERAL_TARGETS = Skip("the template prints more than an input and a target for this row")
OTHER_TARGET = Skip("the target is none of the allowed answers")
ONE_CHOICE = Skip("there are fewer than two allowed answers")


class SubtaskPrompts:
    """Makes examples of subtasks with the templates of a user's copy of promptsource.

    Args:
      folder: the copy.
      seed: what the random filters of templates are seeded by.
      cut: characters that printed expressions are cut to; None for none, as in P3.
    """

    def __init__(self, folder: PromptFolder, *, seed: int = 0, cut: int | None = None) -> None:
        self._folder = folder
        self._seed = seed
        self._cut = cut
        self._renderers: dict[tuple[str, str], Renderer] = {}

    def example(
        self, row: Mapping[str, Any], subtask: Subtask, *, key: str, epoch: int = 0
    ) -> Example | Skip:
        """Returns the example of a row, or why there is none.

        Args:
          row: in the columns of the data set on the Hugging Face hub.
          subtask: what asks.
          key: the example's key; with the epoch, it decides what random filters draw.
          epoch: how often the row was used before.

        Raises:
          SourceUnavailableError: the copy has no such template file.
          UnknownNameError: the file has no such template.
          TemplateError: the template is malformed, or does what templates may not.
          RowError: the template fails on the row.
        """
        return prompted_example(
            renamed(row, subtask.title),
            self.renderer(subtask),
            Draws(self._seed, subtask.title, subtask.id, key, epoch),
        )

    def renderer(self, subtask: Subtask) -> Renderer:
        """Returns the compiled template of a subtask.

        Raises:
          SourceUnavailableError, UnknownNameError, TemplateError: see `example`.
        """
        key = (subtask.title, subtask.id)
        if key not in self._renderers:
            template = self._folder.file(subtask.dataset, subtask.subset)[subtask.id]
            where = str(self._folder.file_path(subtask.dataset, subtask.subset))
            self._renderers[key] = Renderer(template, where=where, cut=self._cut)
        return self._renderers[key]


def renamed(row: Mapping[str, Any], title: str) -> Mapping[str, Any]:
    """Returns a row of a data set with the columns that its templates were written for."""
    names = _RENAMED.get(title, {})
    columns = {new: row[old] for old, new in names.items() if old in row and new not in row}
    return {**row, **columns} if columns else row


def prompted_example(row: Mapping[str, Any], renderer: Renderer, draws: Draws) -> Example | Skip:
    """Renders a row with any template of promptsource.

    Rows that print less or more than an input and a target are skipped, as in P3; so are those
    whose target is none of the allowed answers.

    Raises:
      TemplateError: the template does what templates may not.
      RowError: the template fails on the row.
    """
    prompt = renderer.render(row, draws)
    if isinstance(prompt, Skip):
        return prompt
    if len(prompt.parts) != 2:
        return NO_TARGET if len(prompt.parts) < 2 else SEVERAL_TARGETS
    inputs, target = prompt.parts
    if not inputs:
        return NO_INPUT
    if not target:
        return NO_TARGET
    options, answer = _options(prompt), target
    if prompt.answer_choices is not None:
        answer = _one_line(target)
        if len(options) < 2:
            return ONE_CHOICE
        if answer not in options:
            return OTHER_TARGET
    return Example(
        fields={"inputs": inputs, "targets": target},
        answer=answer,
        options=options,
        key=draws.key,
    )


def _options(prompt: Prompt) -> tuple[str, ...]:
    """The allowed answers, each one line and none twice, in the order of the template."""
    lines = map(_one_line, prompt.answer_choices or ())
    return tuple(dict.fromkeys(filter(None, lines)))


def _one_line(text: str) -> str:
    return " ".join(filter(None, (line.strip() for line in text.splitlines())))
