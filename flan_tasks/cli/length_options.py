"""The lengths of prompts and targets, as commands take them."""

from typing import Any

import click

AUTO = "auto"
_SIDES = ("inputs", "targets")


class Lengths(click.ParamType):
    """`inputs=1024,targets=256`, or one of them."""

    name = "lengths"

    def __init__(self, *, of_builds: bool = False) -> None:
        """`of_builds`: whether the row of a decoder may be named, and `auto` says all."""
        self._names = (*_SIDES, "row") if of_builds else _SIDES
        more = "[,row=NUMBER], or auto" if of_builds else ""
        self._usage = f"inputs=NUMBER,targets=NUMBER{more}"
        self._auto = of_builds

    def convert(self, value: Any, param: Any, ctx: Any) -> dict[str, int] | str:
        if isinstance(value, dict) or (self._auto and value == AUTO):
            return value
        lengths: dict[str, int] = {}
        for piece in value.split(","):
            name, _, number = (part.strip() for part in piece.partition("="))
            is_number = number.isdecimal() and number.isascii()
            if name not in self._names or not is_number:
                self.fail(f"{piece!r}: wanted {self._usage}", param, ctx)
            if name in lengths:
                self.fail(f"{value!r} has {name} twice", param, ctx)
            lengths[name] = int(number)
        return lengths
