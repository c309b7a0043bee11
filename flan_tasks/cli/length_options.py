"""The lengths of prompts and targets, as commands take them."""

from typing import Any

import click

from flan_tasks.cli import options

AUTO = "auto"


class Lengths(click.ParamType):
    """`inputs=1024,targets=256`, where what is not given keeps its default, or `auto`."""

    name = "lengths"

    def convert(self, value: Any, param: Any, ctx: Any) -> dict[str, int] | str:
        if isinstance(value, dict) or value == AUTO:
            return value
        found, named = dict(options.DEFAULT_LENGTHS), set()
        for piece in value.split(","):
            name, _, number = piece.partition("=")
            is_number = number.strip().isdecimal() and number.isascii()
            if name.strip() not in (*found, "row") or not is_number:
                self.fail(
                    f"{piece!r}: wanted inputs=NUMBER,targets=NUMBER[,row=NUMBER], or auto",
                    param,
                    ctx,
                )
            if name.strip() in named:
                self.fail(f"{value!r} has {name.strip()} twice", param, ctx)
            named.add(name.strip())
            found[name.strip()] = int(number)
        return found
