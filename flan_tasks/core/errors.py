"""The errors raised on purpose; each message says what, where and what would be right."""

from collections.abc import Iterable
from typing import TypeVar

E = TypeVar("E", bound=BaseException)


class FlanTasksError(Exception):
    """The family of all errors raised on purpose; `exit_code` is what the command line returns.

    What a message is about stands beside it, so that nobody takes the message apart.
    """

    exit_code = 1

    def __init__(
        self,
        *args: object,
        dataset: str = "",
        where: str = "",
        problems: Iterable[tuple[str, str]] = (),
    ) -> None:
        """
        Args:
          *args: the message.
          dataset: the one dataset it is about, which then stands before the message.
          where: the file, line, row or option that is wrong, of several the first; as the message
            has it.
          problems: of several things that are wrong, each as (name, what is wrong with it).
        """
        super().__init__(*args)
        self.dataset = dataset
        self.where = where
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return f"{self.dataset}: {self.reason}" if self.dataset else self.reason

    @property
    def reason(self) -> str:
        """The message without the dataset that it is about."""
        return super().__str__()


class DeclarationError(FlanTasksError):
    """A dataset, split rule or mixture was declared in a way that cannot work."""


class TemplateError(FlanTasksError):
    """A template file is malformed, or a template does not fit its dataset."""


class UnknownNameError(FlanTasksError):
    """A name that is none of ours; the message lists the nearest ones."""

    exit_code = 2


class SourceUnavailableError(FlanTasksError):
    """Raw rows are not available now; the message says why and what to do about it."""


class TooFewRowsError(SourceUnavailableError):
    """A source is available and has too few rows for a split; nothing has to be provided."""


class RowError(FlanTasksError):
    """Raw rows that cannot be used; names dataset, split and row of each, and what is wrong."""

    # So many are looked for, and named.
    most = 10

    def __init__(self, *rows: str, where: str = "") -> None:
        super().__init__(*rows, where=where)
        # One text for each row.
        self.rows = rows

    @property
    def reason(self) -> str:
        """All rows, one a line."""
        if len(self.rows) == 1:
            return self.rows[0]
        lines = [f"{len(self.rows)} rows cannot be used:", *self.rows[: self.most]]
        if (more := len(self.rows) - self.most) > 0:
            lines.append(f"and {more} more")
        if self.is_full:
            lines.append(
                "reading, which is not in the order of the rows, stopped there: there may be others"
            )
        return "\n  ".join(lines)

    @property
    def is_full(self) -> bool:
        """Whether there are as many as are looked for."""
        return len(self.rows) >= self.most


class EvaluationError(FlanTasksError):
    """Predictions and examples do not fit together, or there is nothing to score."""


class VocabularyError(FlanTasksError):
    """A vocabulary is missing, or is not what its name says."""


class ChatTemplateError(VocabularyError):
    """A chat template is missing, refuses a conversation, or what it renders fails a proof."""


class BuildError(FlanTasksError):
    """A build directory cannot be written, continued, read or verified."""


class MissingLibraryError(FlanTasksError, ImportError):
    """A library is not installed, or cannot be imported; the message has what installs it."""


class ModelError(FlanTasksError):
    """A model cannot be made as configured, or weights do not fit it."""


def with_notes(error: E, *others: BaseException) -> E:
    """Returns an error with the notes of those that it was made of, each once."""
    notes = (note for other in others for note in getattr(other, "__notes__", ()))
    for note in dict.fromkeys(notes):
        error.add_note(note)
    return error


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Returns the error for an unknown `kind` of name, with its three nearest neighbors."""
    import difflib  # here, as every command imports this module

    known = sorted({*known})  # a name may be a dataset's and a mixture's
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    # Names are in lower case.
    near = near or difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4)
    if near:
        hint = f"Did you mean {', '.join(near)}?"
    else:
        hint = f"Known: {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}"
    return UnknownNameError(f'unknown {kind} "{name}". {hint}')
