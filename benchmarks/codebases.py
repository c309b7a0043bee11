"""Counts what an engineer meets in a code base, from its files; docs/compared.md has the table.

    python -m pip download --no-deps -d wheels lm_eval==0.4.13 inspect_ai==0.3.285 grain==0.2.18
    python -m benchmarks.codebases wheels/*.whl

Nothing of them is installed or imported. Tests and generated code are not counted.
"""

import argparse
import ast
import email
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Package -> the modules that make its command line, and an option whose name is no common word.
ABOUT: Mapping[str, tuple[str, str]] = {
    "flan_tasks": (r"flan_tasks/cli/", "drop_overlaps"),
    "lm_eval": (r"lm_eval/(_cli/|__main__)", "fewshot_as_multiturn"),
    "inspect_ai": (r"inspect_ai/_cli/", "sample_shuffle"),
    "grain": (r"grain/_cli/", "drop_remainder"),
}
# Tests, generated code, and the folders of tasks that lm_eval brings, which are data in Python.
_NOT_COUNTED = re.compile(
    r"(^|/)(tests?|testing)/|_test\.py$|(^|/)test_|_pb2\.py$|^lm_eval/tasks/.+/"
)
_SCREEN = 40
_TITLE = re.compile(r"^#+ |^=+$|^-{4,}$", re.M)


@dataclass(frozen=True)
class CodeBase:
    """What was counted of one package."""

    name: str
    """Its name and version."""
    modules: int
    """Python modules."""
    lines: int
    """Lines in them, blank ones and comments too."""
    largest: tuple[str, int]
    """The longest module, and its lines."""
    median: int
    """Lines of the module in the middle."""
    cli: int
    """Lines of the command line's modules."""
    functions: int
    """Functions and methods."""
    annotated: int
    """Of these, those whose parameters and result all have a type."""
    has_types: bool
    """Whether it says to type checkers that its types are to be used (py.typed)."""
    option: str
    """The option that was looked for."""
    option_lines: int
    """Lines of code that name it."""
    option_files: int
    """Modules that name it."""
    readme: tuple[int, int, int]
    """Lines of its README, lines before its first code, and words on its first screen."""


def count(name: str, files: Mapping[str, str], *, readme: str, has_types: bool) -> CodeBase:
    """Returns the counts of a package.

    Args:
      name: with the version, such as `grain 0.2.18`.
      files: path -> text of every Python file.
      readme: Markdown.
      has_types: whether it has a py.typed.
    """
    package = name.split()[0]
    cli, option = ABOUT[package]
    counted = {p: text for p, text in files.items() if not _NOT_COUNTED.search(p)}
    sizes = sorted((len(text.splitlines()), path) for path, text in counted.items())
    functions = [f for text in counted.values() for f in _functions(ast.parse(text))]
    named = {p: len(_naming(text, option)) for p, text in counted.items()}
    return CodeBase(
        name=name,
        modules=len(sizes),
        lines=sum(size for size, _ in sizes),
        largest=(sizes[-1][1], sizes[-1][0]),
        median=sizes[len(sizes) // 2][0],
        cli=sum(size for size, path in sizes if re.match(cli, path)),
        functions=len(functions),
        annotated=sum(map(_is_annotated, functions)),
        has_types=has_types,
        option=option,
        option_lines=sum(named.values()),
        option_files=sum(lines > 0 for lines in named.values()),
        readme=_first_screen(readme),
    )


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _is_annotated(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    typed = [one for one in named if one is not None and one.arg not in ("self", "cls")]
    # A constructor returns nothing, which mypy takes as said where it has parameters with types.
    returns = function.returns is not None or (function.name == "__init__" and bool(typed))
    return returns and all(one.annotation is not None for one in typed)


def _naming(text: str, option: str) -> list[str]:
    """The lines of code that name an option, in either spelling; comments do not count."""
    pattern = re.compile(rf"\b{option}\b|--{option.replace('_', '-')}\b")
    return [line for line in text.splitlines() if pattern.search(line.split("#")[0])]


def _first_screen(readme: str) -> tuple[int, int, int]:
    lines = readme.strip().splitlines()
    code = next(
        (n for n, line in enumerate(lines) if line.startswith(("```", "    ", "$ "))), len(lines)
    )
    screen = "\n".join(lines[:_SCREEN])
    words = re.sub(r"<[^>]*>|\]\([^)]*\)|!?\[|```\w*", " ", _TITLE.sub("", screen)).split()
    return len(lines), code, len(words)


def of_wheel(path: Path) -> CodeBase:
    """Returns the counts of a wheel, whose metadata has the README."""
    with zipfile.ZipFile(path) as wheel:
        (metadata,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        about = email.message_from_bytes(wheel.read(metadata))
        package = path.name.split("-")[0]
        names = [n for n in wheel.namelist() if n.startswith(f"{package}/")]
        files = {n: wheel.read(n).decode("utf-8") for n in names if n.endswith(".py")}
        payload = about.get_payload(decode=True)
        readme = payload.decode("utf-8") if isinstance(payload, bytes) else ""
        return count(
            f"{package} {about['Version']}",
            files,
            readme=readme,
            has_types=any(n.endswith("py.typed") for n in names),
        )


def of_checkout() -> CodeBase:
    """Returns our own counts."""
    from flan_tasks.core.version import VERSION

    package = ROOT / "flan_tasks"
    return count(
        f"flan_tasks {VERSION}",
        {p.relative_to(ROOT).as_posix(): p.read_text("utf-8") for p in package.rglob("*.py")},
        readme=(ROOT / "README.md").read_text(encoding="utf-8"),
        has_types=(package / "py.typed").exists(),
    )


def table(found: list[CodeBase]) -> str:
    """Returns the counts as Markdown, a column for each code base."""
    rows: dict[str, list[str]] = {
        "modules, lines": [f"{one.modules:,}, {one.lines:,}" for one in found],
        "median / largest module": [f"{one.median:,} / {one.largest[1]:,}" for one in found],
        "the largest is": [f"`{one.largest[0]}`" for one in found],
        "lines of the command line": [f"{one.cli:,}" for one in found],
        "functions wholly annotated": [
            f"{one.annotated / one.functions:.0%} of {one.functions:,}" for one in found
        ],
        "`py.typed`": ["yes" if one.has_types else "no" for one in found],
        "an option is named in": [
            f"{one.option_lines} lines of {one.option_files} modules (`{one.option}`)"
            for one in found
        ],
        "README, lines": [f"{one.readme[0]:,}" for one in found],
        "lines before its first code": [f"{one.readme[1]}" for one in found],
        f"words in its first {_SCREEN} lines": [f"{one.readme[2]}" for one in found],
    }
    head = [f"| | {' | '.join(one.name for one in found)} |", "|---" * (len(found) + 1) + "|"]
    return "\n".join(
        [*head, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())]
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheels", nargs="*", type=Path)
    print(table([of_checkout(), *map(of_wheel, parser.parse_args().wheels)]))


if __name__ == "__main__":
    main()
