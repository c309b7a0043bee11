"""From what is asked for to a view of the rows."""

from flan_tasks.core import extras
from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_types import quoted
from flan_tasks.core.user_code import import_module
from flan_tasks.datasets import catalog
from flan_tasks.specs.build_spec import BuildSpec

with extras.needed_for("Rows"):
    from flan_tasks.engine.from_spec import plan_spec, source_of
    from flan_tasks.raw_rows.tfds_apart import end_children
    from flan_tasks.row_views.planned import PlannedRows
    from flan_tasks.row_views.view import Origin, RowsView


def open_rows(spec: BuildSpec, *, limit: int | None) -> RowsView:
    """Returns a view of the rows that a build of the specification would write.

    Args:
      spec: what is asked for. Named lengths are fitted to, as in formats with ids; without, prompts
        of a text format stay whole.
      limit: the view has the first so many rows; None means all.

    Raises:
      DeclarationError: there is no such limit.
      ConfigError: its rows are no prompts.
      FlanTasksError: as `engine.from_spec.plan_spec`.
    """
    if limit is not None and type(limit) is not int:
        raise DeclarationError(f"limit {quoted(limit)}: wanted a whole number")
    if limit is not None and limit < 1:
        raise DeclarationError(f"limit {limit}: wanted 1 or more, or None for all")
    spec.check_shown()
    for name in spec.modules:
        import_module(name, "modules")
    try:
        planned = plan_spec(
            spec,
            catalog(),
            source=source_of(spec, apart=True),
            fit=None if spec.lengths is None else True,
        )
    finally:
        end_children()
    rows = PlannedRows(planned.plan, planned.settings, limit=limit)
    return RowsView(rows, Origin.of(planned.prepared))
