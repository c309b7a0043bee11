"""Where this machine keeps what lies at addresses."""

import os
from pathlib import Path

from flan_tasks.core.home import under_home

ENVIRONMENT = "FLAN_TASKS_CACHE"


def cache_folder() -> Path:
    """Where copies of what lies at addresses are kept, and builds for addresses are written first.

    Raises:
      FlanTasksError: it would lie in the home folder, and none is known.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = os.environ.get(ENVIRONMENT) or Path(cache) / "flan_tasks" / "addresses"
    return under_home(folder, setting=ENVIRONMENT)
