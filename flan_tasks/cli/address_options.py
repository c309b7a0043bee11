"""Types of options and arguments: a path of this machine, or an address in an object store."""

from pathlib import Path
from typing import Any

import click

from flan_tasks.core.address import Address, path_or_address
from flan_tasks.core.errors import DeclarationError


class PathOrAddress(click.Path):
    """A path, or an address such as `s3://bucket/folder`."""

    def __init__(self, *, file_okay: bool = True, dir_okay: bool = True) -> None:
        super().__init__(path_type=Path, file_okay=file_okay, dir_okay=dir_okay)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the path, or the address.

        Raises:
          UsageError: an address is none, or holds credentials.
        """
        try:
            place = path_or_address(value)
        except DeclarationError as error:
            raise click.BadParameter(str(error), ctx, param) from error
        return place if isinstance(place, Address) else super().convert(place, param, ctx)


class SpecPath(PathOrAddress):
    """What a field of a specification names: a path, or an address as the text that it is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the path, or the text of the address.

        Raises:
          UsageError: an address is none, or holds credentials.
        """
        place = super().convert(value, param, ctx)
        return str(place) if isinstance(place, Address) else place
