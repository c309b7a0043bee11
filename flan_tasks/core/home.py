"""The user's home folder, for paths that begin with `~`."""

import os
from pathlib import Path

from flan_tasks.core.errors import FlanTasksError


def under_home(path: str | os.PathLike[str], *, setting: str) -> Path:
    """Returns a path with `~` replaced by the home folder.

    HOME set to nothing counts as not set, where the standard library takes it for the root.

    Args:
      path: a path.
      setting: the environment variable that names another place; for the error.

    Raises:
      FlanTasksError: no home folder is known.
    """
    text = os.fspath(path)
    if text != "~" and not text.startswith("~/"):
        return Path(text).expanduser() if text.startswith("~") else Path(text)
    home = os.environ.get("HOME") or _home_of_user()
    if not home:
        raise FlanTasksError(
            f"there is no home folder for {text}: HOME is not set, and the system knows none for "
            f"user {os.getuid()}. Set HOME, or {setting} to a folder"
        )
    return Path(home) / text[2:]


def _home_of_user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""
