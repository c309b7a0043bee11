"""The gin files of the package: what each sets, and how it is run."""

import re

from dataset_pages import fenced

from flan_tasks.core.resources import folder

_MACRO = re.compile(r"^([A-Z][A-Z0-9_]*) = (.+)$")


def gin_page() -> str:
    """Returns a page of every gin file with its head and its macros."""
    root = folder("gin")
    parts = [
        "# Gin files",
        "What `flan train`, `eval`, `infer` and `experiment` read, made from the files. Give one "
        "of `models/` and one of `runs/`; `--gin.NAME=VALUE` sets a macro. "
        "[Training](../training.md#gin) explains how they are read.",
    ]
    for path in sorted(root.rglob("*.gin")):
        text = path.read_text(encoding="utf-8")
        parts.append(f"## {path.relative_to(root).as_posix()}")
        if head := _head(text):
            parts.append(fenced(head))
        macros = [match.groups() for line in text.splitlines() if (match := _MACRO.match(line))]
        if macros:
            rows = [
                f"| `{name}` | `{value.replace('|', chr(92) + '|')}` |" for name, value in macros
            ]
            parts.append("| macro | value |\n|---|---|\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _head(text: str) -> str:
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" "))
    return "\n".join(lines).strip()
