"""Draws docs/images/show.svg, the picture of `flan show`: `python website/show_picture.py`.

It is what the commands print, in their colors. `tests/website/test_show_picture.py` sees that it
still is.
"""

import io
import os
import re
import tempfile
from pathlib import Path

from click.testing import CliRunner
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from flan_tasks.cli.main import cli

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "show.svg"
COMMANDS = (
    "flan show rte -n 1 --source samples",
    "flan show rte -n 1 --source samples --tokens --vocab bytes",
)
_WIDTH = 92
_BLACK, _RED, _GREEN, _SAND = (28, 28, 30), (230, 120, 110), (92, 203, 185), (214, 184, 120)
_BLUE, _PINK, _SKY, _WHITE = (120, 160, 230), (200, 140, 200), (110, 190, 220), (232, 229, 222)
_COLORS = [_BLACK, _RED, _GREEN, _SAND, _BLUE, _PINK, _SKY, _WHITE]
_THEME = TerminalTheme(_BLACK, _WHITE, _COLORS, _COLORS)
# Fonts of another host are not asked for.
_FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.S)


def printed(command: str) -> str:
    """Returns what a command prints on a terminal, colors included."""
    with tempfile.TemporaryDirectory() as store:
        environment = {**os.environ, "FLAN_TASKS_STORE": store}
        words = command.split()[1:]
        return CliRunner(env=environment).invoke(cli, words, color=True).stdout.rstrip()


def picture() -> str:
    """Returns the picture."""
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
    for number, command in enumerate(COMMANDS):
        if number:
            console.print()
        console.print(Text(f"$ {command}", style="bright_black"))
        console.print(Text.from_ansi(printed(command)), soft_wrap=False)
    return console.export_svg(
        title="flan show", theme=_THEME, code_format=_FORMAT, unique_id="flan-show"
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
