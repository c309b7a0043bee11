"""Finds the data folders: templates, mixtures, suites, gin files, studies and sample rows."""

from pathlib import Path

from flan_tasks.core.errors import FlanTasksError

_PACKAGE = Path(__file__).resolve().parent.parent


def folder(name: str) -> Path:
    """Returns the folder `templates`, `mixtures`, `suites`, `gin`, `experiments` or `samples`.

    In a wheel they lie inside the package (`resources/`), in a checkout beside setup.py.

    Raises:
      FlanTasksError: the installation lacks it.
    """
    places = [_PACKAGE / name] if name == "samples" else []
    places += [_PACKAGE / "resources" / name, _PACKAGE.parent / name]
    for place in places:
        # A folder of that name beside an installed package could be anyone's; ours has no Python.
        if place.is_dir() and not (place / "__init__.py").exists():
            return place
    looked = ", ".join(str(place) for place in places)
    raise FlanTasksError(
        f"the {name} folder is missing; looked for {looked}. Reinstall flan-tasks."
    )
