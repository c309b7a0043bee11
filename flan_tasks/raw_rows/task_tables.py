"""Families whose tasks are CSV or TSV files, one for each task and split."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from flan_tasks.core.dataset import Row
from flan_tasks.core.member import Member
from flan_tasks.core.naming import member_name
from flan_tasks.raw_rows.tables import Table, open_table
from flan_tasks.raw_rows.task_file_places import texts_beside
from flan_tasks.raw_rows.task_files import TaskFiles


class TaskTables(TaskFiles):
    """A folder with a table for each task, whose columns the declaration names.

    A file is the task that stands for `*` in the last part of its pattern: `anatomy` where
    `test/*_test.csv` finds `test/anatomy_test.csv`. Cells are text, whatever they look like.
    """

    # Tables of the member that was read last: rows are asked for member by member.
    _opened: tuple[str, dict[Path, Table]] = ("", {})

    @property
    def _layout(self) -> Mapping[str, Any]:
        return {"columns": list(self._origin.columns)}

    def _count(self, member: Member, split: str) -> int:
        return len(self._table(member, split))

    def rows(self, member: Member, split: str, positions: range | Sequence[int]) -> Iterator[Row]:
        table = self._table(member, split)
        return (table.row(position) for position in positions)

    def record(self, member: Member, split: str) -> Row:
        return texts_beside(self._origin, member.source_name)

    def _table(self, member: Member, split: str) -> Table:
        path = self._files[split][member.name]
        if self._opened[0] != member.name:
            self._opened = member.name, {}
        tables = self._opened[1]
        if path not in tables:
            tables[path] = open_table(path, self._origin, self.family.schema)
        return tables[path]

    def _name(self, path: Path, split: str) -> str:
        before, mark, behind = PurePosixPath(self._origin.paths[split]).name.partition("*")
        name = path.name
        if mark and name.startswith(before) and name.endswith(behind):
            name = name[len(before) : len(name) - len(behind)]
        return member_name(name)
