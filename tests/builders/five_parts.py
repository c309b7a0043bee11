"""The mixture of five parts that docs/mixtures.md shows."""

import re
import textwrap
from pathlib import Path

from conftest import ROOT


def five_parts(folder: Path) -> Path:
    """Writes it to a file in a folder."""
    page = (ROOT / "docs" / "mixtures.md").read_text(encoding="utf-8")
    pattern = r'^    description = "Five parts.*?(?=^\S)'
    (text,) = re.findall(pattern, page, re.DOTALL | re.MULTILINE)
    path = folder / "five.toml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path
