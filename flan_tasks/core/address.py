"""Addresses: folders in an object store, such as `s3://bucket/folder`, beside paths here.

An address says where, and never by which right: keys come from the environment, where the library
behind it looks for them, so that no manifest, log or message can hold one.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from flan_tasks.core.errors import DeclarationError

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.DOTALL)
# What pathlib makes of an address.
_LOST_SLASH = re.compile(r"[a-z][a-z0-9+.-]+:/[^/].*", re.DOTALL)


@dataclass(frozen=True)
class Address:
    """A folder or a file that fsspec opens, without a slash at its end.

    Raises:
      DeclarationError: the text is none, or holds credentials; these are not repeated.
    """

    text: str
    """Such as `s3://bucket/folder`."""

    def __post_init__(self) -> None:
        match = _ADDRESS.fullmatch(self.text)
        if match is None:
            raise DeclarationError(f"{self.text} is no address; want one as s3://bucket/folder")
        protocol, rest = match[1], match[2].rstrip("/")
        if "@" in rest.split("/")[0] or "?" in rest:
            raise DeclarationError(
                f"an address of {protocol}:// holds credentials or settings (what stands before @ "
                "or behind ?). Give the plain address, as s3://bucket/folder: credentials are "
                "found in the environment, by the library that opens it"
            )
        parts = rest.split("/")
        if not parts[0] or "." in parts[1:] or ".." in parts[1:] or "\0" in rest:
            raise DeclarationError(
                f"{self.text} is no address of a folder; want one as {protocol}://bucket/folder"
            )
        object.__setattr__(self, "text", f"{protocol}://{rest}")

    @property
    def protocol(self) -> str:
        """What stands before `://`."""
        return self.text.partition("://")[0]

    @property
    def name(self) -> str:
        """The last part."""
        return self.text.rpartition("/")[2]

    def __truediv__(self, name: str) -> "Address":
        return Address(f"{self.text}/{name}")

    def __str__(self) -> str:
        return self.text


def path_or_address(value: str | os.PathLike[str] | Address) -> Path | Address:
    """Returns a path of this machine, or an address where a text is one; `file://` is a path.

    Raises:
      DeclarationError: it is an address that holds credentials, or was one before it went through
        `pathlib`, which drops a slash.
    """
    if isinstance(value, Address):
        return value
    text = os.fspath(value)
    if match := _ADDRESS.fullmatch(text):
        return Path(match[2]) if match[1] == "file" else Address(text)
    if not isinstance(value, str) and _LOST_SLASH.fullmatch(text):
        protocol, _, rest = text.partition(":/")
        raise DeclarationError(
            f"{text} is a path that was an address: give it as a text, such as "
            f'"{protocol}://{rest}", and not as a Path'
        )
    return Path(text)
