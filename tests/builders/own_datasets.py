"""A dataset of a user's own, in a folder: module, templates and rows, as `--module` takes them."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from flan_tasks.raw_rows.files import FilesSource

TEMPLATES = """\
[[template]]
id = "season_question"
inputs = '''
{haiku}

At what time of the year does this poem take place?

{options}'''
targets = "{answer}"

[[template]]
id = "write_one"
kind = "inverted"
inputs = '''
Write a haiku about {answer}.'''
targets = "{haiku}"
"""

MODULE = """\
from pathlib import Path

import flan_tasks as ft

HERE = Path(__file__).parent


def _haiku(row):
    \"\"\"Asks which season a haiku is set in.\"\"\"
    if not row["season"]:
        return ft.Skip("no season")
    return ft.Example(
        fields={{"haiku": row["haiku"]}}, options=OWN.options, answer=row["season"]
    )


OWN = ft.Dataset(
    name="haiku",
    source={source},
    splits={splits},
    schema={{"haiku": str, "season": str}},
    fields=("haiku",),
    options=("spring", "summer", "autumn", "winter"),
    normalize=_haiku,
    metrics=("accuracy",),
    license="CC0-1.0",
    citation="Yours, 2026",
)
ft.add(OWN, templates=HERE / "haiku.toml")
ft.add(ft.Mixture(name="my_mix", include=("haiku", "rte"), cap=1_000))
"""


def rows(count: int) -> list[dict]:
    seasons = ("spring", "summer", "autumn", "winter")
    return [{"haiku": f"Line {i} of a poem", "season": seasons[i % 4]} for i in range(count)]


@pytest.fixture
def own(tmp_path, monkeypatch) -> Iterator[Callable[..., tuple[str, str]]]:
    """Writes the dataset haiku into the current folder; returns the words that name its module."""
    from flan_tasks.datasets import catalog

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    names = []

    def write(
        data: Sequence[dict] | None,
        *,
        source: str = 'ft.Files({"train": "haiku.jsonl"}, root=str(HERE))',
        splits: str = "ft.Splits.validation_from_train(2, test=None)",
        templates: str = TEMPLATES,
    ) -> tuple[str, str]:
        name = f"own_{tmp_path.name}_{len(names)}"
        names.append(name)
        forget()
        Path(f"{name}.py").write_text(MODULE.format(source=source, splits=splits))
        Path("haiku.toml").write_text(templates)
        if data is not None:
            Path("haiku.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data))
        return "--module", name

    def forget() -> None:
        catalog.cache_clear()
        for name in names:
            sys.modules.pop(name, None)

    yield write
    forget()


@pytest.fixture
def rows_read(monkeypatch):
    """The rows that are read from files, as a list that grows."""
    read: list[dict] = []
    whole = FilesSource.rows

    def counted(self, split, positions):
        for row in whole(self, split, positions):
            read.append(row)
            yield row

    monkeypatch.setattr(FilesSource, "rows", counted)
    return read
