"""What a worker is handed: plan, settings and folder, small enough to send to any process."""

import copy
import pickle
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace
from mmap import mmap
from pathlib import Path
from typing import Any

from flan_tasks.core import extras
from flan_tasks.core.example import Example
from flan_tasks.engine.shard import BuildSettings, build_shard
from flan_tasks.engine.writers import WRITERS
from flan_tasks.engine.writers.writer import Shard
from flan_tasks.plan.plan import Plan, Rows
from flan_tasks.plan.prepare import Ingredient


@dataclass(frozen=True)
class Work:
    """Everything any shard of a build is made from."""

    plan: Plan
    """Its rows."""
    settings: BuildSettings
    """How they are written."""
    folder: Path
    """Where to."""

    runs_own_code = False

    @property
    def libraries(self) -> Collection[str]:
        """Distributions whose versions the bytes depend on."""
        modules = {"numpy", "pyarrow", *WRITERS[self.settings.format].modules}
        if self.settings.vocabulary:
            modules |= set(self.settings.vocabulary.modules)
        if self.settings.chat:
            modules |= {"jinja2"}
        return sorted(extras.LIBRARIES[module][0] for module in modules)

    def build(self, shard: Shard, tick: Callable[[int], None]) -> dict[str, Any]:
        """Writes one shard and returns what is known of it.

        Args:
          shard: which rows, and the name.
          tick: called with how many rows of the shard are done, each time more are drawn.

        Raises:
          BuildError: it cannot be written; nothing of it is left behind.
        """
        plan_fields = {f.name: getattr(self.plan, f.name) for f in fields(Plan)}
        plan = _WatchedPlan(**plan_fields, watch=lambda start: tick(start - shard.start))
        return build_shard(plan, shard, self.settings, self.folder)

    def to_bytes(self) -> bytes:
        """Returns it as bytes: declarations and the paths of the store, no example.

        Normalizers stay behind: they may be functions no other process can import, and a plan's
        rows are normalized already.
        """
        folder = self.folder.absolute()  # the current folder of a worker may be another
        return pickle.dumps(replace(self, plan=portable_plan(self.plan), folder=folder))

    @classmethod
    def from_bytes(cls, data: bytes | mmap) -> "Work":
        """Returns what `to_bytes` wrote."""
        return pickle.loads(data)


@dataclass(frozen=True)
class _WatchedPlan(Plan):
    """A plan that says when rows are drawn: the one sign of life from inside a shard."""

    watch: Callable[[int], None] = print
    """Called with the first row of each chunk, so that all rows before it are done."""

    def rows(self, start: int, stop: int) -> Rows:
        self.watch(start)
        return super().rows(start, stop)


def portable_plan(plan: Plan) -> Plan:
    """Returns a plan that any process can be sent, and draw and render the same rows from."""
    return replace(plan, ingredients=tuple(_portable(item) for item in plan.ingredients))


def _portable(item: Ingredient) -> Ingredient:
    # A copy without its checks, which take longer than sending it: there may be thousands.
    dataset = copy.copy(item.dataset)
    vars(dataset).update(normalize=_left_behind, select=None, needs_options=None, alternatives=())
    # A copy without what it has cached, which may be every example.
    return replace(item, dataset=dataset, examples=replace(item.examples, parts={}))


def _left_behind(row: dict[str, Any]) -> Example:
    """Stands for a normalizer where rows are normalized already."""
    raise AssertionError("a worker has no normalizer")
