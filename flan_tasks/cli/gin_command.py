"""Commands that take their options, or a gin file with T5X's names instead."""

from typing import Any

import click

_GIN = "--gin"


class GinCommand(click.Command):
    """A command whose arguments are gin's where any of them begins with `--gin`.

    `gin_function`, set by `with_gin`, gets them then, as a tuple of texts.
    """

    gin_function: Any = None

    def with_gin(self, function: Any) -> Any:
        """Makes a function the one that gin's arguments are for."""
        self.gin_function = function
        return function

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leaves gin's arguments as they are."""
        if not any(one.startswith(_GIN) for one in args):
            return super().parse_args(ctx, args)
        ctx.meta["flan_tasks.gin"] = tuple(args)
        return []

    def invoke(self, ctx: click.Context) -> Any:
        """Calls what the arguments are for."""
        arguments = ctx.meta.get("flan_tasks.gin")
        if arguments is None:
            return super().invoke(ctx)
        return self.gin_function(arguments)
