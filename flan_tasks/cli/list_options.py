"""Options that need nothing of what is declared; `flan list` has no others, and starts at once."""

import click

from flan_tasks.core.user_code import import_module


def _import_modules(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> None:
    ctx.meta["flan_tasks.modules"] = names
    for name in names:
        import_module(name, "--module")


def modules() -> tuple[str, ...]:
    """The modules named by `--module` in the command that runs."""
    return click.get_current_context().meta.get("flan_tasks.modules", ())


module = click.option(
    "--module",
    "_modules",
    multiple=True,
    callback=_import_modules,
    expose_value=False,
    is_eager=True,
    metavar="NAME",
    help="Python module with datasets and mixtures of yours; may be given again.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
wide = click.option(
    "--wide", is_flag=True, help="Print a line for each row of a table, however long."
)
