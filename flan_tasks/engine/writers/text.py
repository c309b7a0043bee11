"""Columns of the text formats, in the styles trainers read."""

from flan_tasks.engine.styles import (
    BY_STYLE,
    OPTION_STYLE,
    Turns,
    about_columns,
    options_text,
)
from flan_tasks.plan.built_row import BuiltRow


def columns(
    row: BuiltRow, *, style: str, split: str, option_styles: bool = False
) -> dict[str, object]:
    """Returns a row's columns; texts are never trimmed.

    Args:
      row: the row.
      style: one of `formats.STYLES`.
      split: train, validation or test.
      option_styles: whether it names the style in which its options are listed.
    """
    about = {
        **row.about,
        "split": split,
        "options": options_text(row.choices),
        OPTION_STYLE: row.option_style,
    }
    names = about_columns(parts=bool(row.part), option_styles=option_styles)
    columns = BY_STYLE[style]
    if isinstance(columns, Turns) and row.messages:
        texts = columns.write_messages(row.messages)
    elif isinstance(columns, Turns) and row.turns:
        texts = columns.write_turns((*row.turns, row.targets))
    else:
        texts = columns.write(row.inputs, row.targets)
    return {
        **texts,
        **{name: about[name] for name in names},
    }
