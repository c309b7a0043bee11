"""Compares P3 prompts rendered here with those that promptsource rendered elsewhere.

  python benchmarks/p3_oracle.py FOLDER

FOLDER has `templates/` (promptsource's files), `rows/<data set>[/<subset>]/<split>.jsonl` (rows in
the columns of the Hugging Face hub) and `rendered/<data set>[-<subset>].jsonl`: split, row number,
template, `inputs_pretokenized` and `targets_pretokenized`, and under `check` what its maker found:
`exact`, `choice` and `random` (a filter draws), `truncated` (texts over 2,048 characters were cut).

A prompt whose template draws is equal where some draws give it; up to 4,096 are tried. Printed is a
line for each data set: prompts whose row is there and how many of them are equal, by class; how
many rows are absent; and examples of all rows that are skipped, by reason.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flan_tasks.core.example import Skip
from flan_tasks.promptsource.examples import SubtaskPrompts
from flan_tasks.promptsource.folder import PromptFolder
from flan_tasks.promptsource.index import Subtask, subtasks
from flan_tasks.promptsource.rendering import PROMPTSOURCE_CUT, Draws, Prompt

MOST_DRAWS = 4096
CLASSES = ("exact", "choice", "random", "truncated")


class Scripted(Draws):
    """Draws that follow a script, and note how many items each of them had."""

    def follow(self, script: tuple[int, ...]) -> None:
        object.__setattr__(self, "script", script)
        object.__setattr__(self, "bounds", [])

    def number(self, position: int, bound: int) -> int:
        self.bounds.append(bound)
        return self.script[position] if position < len(self.script) else 0


@dataclass
class Compared:
    """The prompts of one data set."""

    title: str
    equal: Counter[str] = field(default_factory=Counter)
    different: list[tuple[str, str]] = field(default_factory=list)
    """Class and what is compared, for each prompt that no draws give."""
    absent: Counter[str] = field(default_factory=Counter)
    """Prompts whose row is not there, by class."""
    rendered: int = 0
    """Examples made of all rows by all subtasks."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Rows that gave none, by reason."""


def compare(folder: Path, *, titles: tuple[str, ...] = (), rows: int = 0) -> Iterator[Compared]:
    """Compares each data set.

    Args:
      folder: see above.
      titles: the data sets; by default all that were rendered.
      rows: rows of each split that are made examples of by every subtask, to count skips.
    """
    source = PromptFolder(folder / "templates")
    uncut, cut = SubtaskPrompts(source), SubtaskPrompts(source, cut=PROMPTSOURCE_CUT)
    by_title: dict[str, list[Subtask]] = {}
    for one in subtasks():
        by_title.setdefault(one.title, []).append(one)
    for title, members in by_title.items():
        path = folder / "rendered" / f"{title.replace('/', '-')}.jsonl"
        if not path.exists() or (titles and title not in titles):
            continue
        compared = Compared(title)
        table = _Rows(folder / "rows" / title)
        by_name = {one.name: one for one in members}
        for entry in _lines(path):
            _compare(compared, entry, table, by_name[entry["subtask"]], cut)
        for split in table.splits() if rows else ():
            for number, row in enumerate(table[split][:rows]):
                for one in members:
                    example = uncut.example(row, one, key=f"{split}:{number}")
                    if isinstance(example, Skip):
                        compared.skipped[example.reason] += 1
                    else:
                        compared.rendered += 1
        yield compared


def _compare(
    compared: Compared, entry: dict[str, Any], table: "_Rows", one: Subtask, cut: SubtaskPrompts
) -> None:
    check = entry.get("check", "unchecked")
    rows = table[entry["split"]]
    if entry["row"] >= len(rows):
        compared.absent[check] += 1
        return
    published = (entry["inputs_pretokenized"], entry["targets_pretokenized"])
    renderer = cut.renderer(one)
    for prompt in _all_prompts(renderer, rows[entry["row"]], one):
        if isinstance(prompt, Prompt) and prompt.parts == published:
            compared.equal[check] += 1
            return
    compared.different.append((check, f"{one.name}, {entry['split']}:{entry['row']}"))


def _all_prompts(renderer: Any, row: dict[str, Any], one: Subtask) -> Iterator[Prompt | Skip]:
    """The prompts of a row under every draw of its template's filters."""
    scripts: list[tuple[int, ...]] = [()]
    draws = Scripted(0, one.title, one.id, "row")
    for _ in range(MOST_DRAWS):
        if not scripts:
            return
        script = scripts.pop()
        draws.follow(script)
        yield renderer.render(row, draws)
        # What the draws after the script, which took the first item, could have been as well.
        for position in range(len(script), len(draws.bounds)):
            zeros = (0,) * (position - len(script))
            scripts += [(*script, *zeros, item) for item in range(1, draws.bounds[position])]


class _Rows(dict[str, list[dict[str, Any]]]):
    """Split -> rows of one data set, read when asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, split: str) -> list[dict[str, Any]]:
        path = self._folder / f"{split}.jsonl"
        self[split] = list(_lines(path)) if path.exists() else []
        return self[split]

    def splits(self) -> list[str]:
        return sorted(path.stem for path in self._folder.glob("*.jsonl"))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=20, help="Rows a split that examples are made")
    arguments = parser.parse_args()
    total, absent, made, skipped = Counter(), Counter(), 0, Counter()
    print(f"{'data set':24}" + "".join(f"{name:>12}" for name in CLASSES) + "   examples, skipped")
    for one in compare(arguments.folder, rows=arguments.rows):
        different = Counter(check for check, _ in one.different)
        cells = [f"{one.equal[check]}/{one.equal[check] + different[check]}" for check in CLASSES]
        reasons = "; ".join(f"{count} {reason}" for reason, count in one.skipped.items())
        print(
            f"{one.title:24}" + "".join(f"{cell:>12}" for cell in cells) + f"   {one.rendered}"
            f"{', ' + reasons if reasons else ''}; {sum(one.absent.values())} without a row"
        )
        for check, what in one.different:
            print(f"    {check} differs: {what}")
        total += one.equal
        absent += one.absent
        made += one.rendered
        skipped += one.skipped
    print(f"equal: {dict(total)}")
    print(f"row not there: {dict(absent)}")
    print(f"examples: {made}; skipped: {dict(skipped)}")


if __name__ == "__main__":
    main()
