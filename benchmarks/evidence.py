"""Keeps what runs of a study came to under docs/evidence/, and makes the page's tables of it.

    python -m benchmarks.evidence keep wordings --out OUT    # OUT is that of `flan experiment`
    python -m benchmarks.evidence write                      # tables and pictures of the page

Kept of each run is `result.json`, with what its build and its training say of themselves, and
`scores.json`; paths of the machine are replaced by OUT and DATA. What the page's tables say is
computed from these files alone, and a test computes them again.
"""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.build.lines import markdown
from flan_tasks.core.counting import duration
from flan_tasks.experiments.picture import draw
from flan_tasks.experiments.results import Results, legend, results_of, tables
from flan_tasks.specs.study import published_studies, read_study

ROOT = Path(__file__).parents[1]
PAGE, KEPT = ROOT / "docs" / "evidence.md", ROOT / "docs" / "evidence"
MACHINE, PICTURE = "machine.json", "results.svg"
_RESULT, _SCORES = ".result.json", ".scores.json"
_LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy", "sentencepiece")


def keep(study: str, out: Path, folder: Path, *, commit: str | None = None) -> list[str]:
    """Copies what the finished runs of a study came to; returns their names.

    Args:
      study: its name.
      out: the folder of `flan experiment`.
      folder: where they are kept.
      commit: of the code that ran them; None is that of this checkout.

    Raises:
      SystemExit: no run is finished.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for path in sorted((out / "runs").glob("*/result.json")):
        home = path.parent
        result = json.loads(path.read_text(encoding="utf-8"))
        manifest = json.loads((home / "build" / "manifest.json").read_text(encoding="utf-8"))
        rows = [
            json.loads(line)
            for line in (home / "model" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        last = [row for row in rows if row["kind"] == "train"][-1]
        result["commands"] = [_placeless(one, out) for one in result["commands"]]
        facts = ("digest", "sha256", "examples", "rows", "tokens")
        result["build"] = {name: manifest[name] for name in facts}
        result["training"] = {name: last[name] for name in ("step", "loss", "accuracy")}
        name = f"{result['arm']}-seed_{result['seed']}"
        _write(folder / f"{name}{_RESULT}", result)
        scores = json.loads((home / "scores" / "scores.json").read_text(encoding="utf-8"))
        _write(folder / f"{name}{_SCORES}", _without_places(scores, out), indent=None)
        names.append(name)
    if not names:
        raise SystemExit(f"{out}: no run of {study} is finished")
    versions = {name: metadata.version(name) for name in _LIBRARIES}
    about = {**machine.about(), "versions": versions}
    _write(folder / MACHINE, {**about, "commit": commit} if commit else about)
    return names


def found_of(folder: Path) -> list[dict[str, Any]]:
    """Returns what was kept of each run."""
    paths = sorted(folder.glob(f"*{_RESULT}"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def kept_results(study: str, folder: Path) -> Results:
    """Returns what the kept runs of a study come to.

    Raises:
      ValueError: none is kept.
    """
    results = results_of(read_study(published_studies()[study]), found_of(folder))
    if results is None:
        raise ValueError(f"{folder}: no run of {study} is kept")
    return results


def write(page: Path, kept: Path) -> None:
    """Puts every table in its place in the page, and the picture of each study in its folder.

    Raises:
      ValueError: the page has a place for a table that does not exist.
    """
    text = page.read_text(encoding="utf-8")
    page.write_text(with_tables(text, kept), encoding="utf-8")
    for folder in studies(kept):
        (folder / PICTURE).write_text(draw(kept_results(folder.name, folder)), encoding="utf-8")


def studies(kept: Path) -> list[Path]:
    """Returns the folders of the studies that are kept."""
    return sorted(path for path in kept.iterdir() if path.is_dir())


def with_tables(text: str, kept: Path) -> str:
    """Returns a page with its tables made anew.

    Raises:
      ValueError: the page has a place for a table that does not exist.
    """

    def put(match: re.Match) -> str:
        study, _, what = match.group(1).partition(" ")
        if what not in _TABLES or not (kept / study).is_dir():
            raise ValueError(f'no table "{match.group(1)}"; want a study and {", ".join(_TABLES)}')
        table = _TABLES[what](study, kept / study)
        return f"<!-- table {match.group(1)} -->\n\n{table}\n\n<!-- end -->"

    return re.sub(r"<!-- table ([\w ]+) -->.*?<!-- end -->", put, text, flags=re.DOTALL)


def _results_table(study: str, folder: Path) -> str:
    results = kept_results(study, folder)
    parts = []
    for caption, columns, rows in tables(results):
        parts += [f"{caption[0].upper()}{caption[1:]}:", markdown(columns, rows)]
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in legend(results))])


def _runs_table(study: str, folder: Path) -> str:
    del study
    return markdown(
        ["run", "hash of its build", "rows", "last loss", "build", "train", "eval"],
        [
            [
                f"{one['arm']}, seed {one['seed']}",
                f"`{one['build']['sha256'][:16]}`",
                f"{one['build']['rows']:,}",
                f"{one['training']['loss']:.4f}",
                *(duration(one["seconds"][step]) for step in ("build", "train", "eval")),
            ]
            for one in sorted(found_of(folder), key=lambda one: (one["seed"], one["arm"]))
        ],
    )


def _machine_table(study: str, folder: Path) -> str:
    del study
    about = json.loads((folder / MACHINE).read_text(encoding="utf-8"))
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        f"{about['cores']} cores of {about['cpu']}, {about['memory_gb']} GB, {about['system']}, "
        f"Python {about['python']}, {versions}, commit {about['commit']}."
    )


_TABLES = {"results": _results_table, "runs": _runs_table, "machine": _machine_table}


def _placeless(text: str, out: Path) -> str:
    """A command without what is of this machine alone."""
    text = text.replace(str(out), "OUT")
    # What is left is rows or a vocabulary, by an absolute path.
    return re.sub(r"(?<![\w.])/[^\s,]*", "DATA", text)


def _without_places(value: Any, out: Path) -> Any:
    """JSON in which no text is a path of this machine."""
    if isinstance(value, Mapping):
        return {name: _without_places(one, out) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_places(one, out) for one in value]
    if isinstance(value, str) and value.startswith("/"):
        return _placeless(value, out)
    return value


def _write(path: Path, value: Any, *, indent: int | None = 1) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Keeps, or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    keeps = commands.add_parser("keep", help="copy what runs of a study came to")
    keeps.add_argument("study", choices=sorted(published_studies()))
    keeps.add_argument("--out", required=True, type=Path, help="the folder of flan experiment")
    keeps.add_argument("--commit", help="of the code that ran them; by default of this checkout")
    commands.add_parser("write", help="make the page's tables and pictures anew")
    args = parser.parse_args(arguments)
    if args.command == "keep":
        names = keep(args.study, args.out, KEPT / args.study, commit=args.commit)
        print(f"kept {len(names)} runs: {', '.join(names)}")
    write(PAGE, KEPT)


if __name__ == "__main__":
    main()
