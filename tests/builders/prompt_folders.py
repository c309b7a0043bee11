"""Templates and rows of ours in the form of promptsource's, and where published ones are."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def prompt_folder() -> Path:
    """Two template files of ours, laid out as promptsource's are."""
    return Path(__file__).parents[1] / "fixtures" / "promptsource" / "templates"


@pytest.fixture(scope="session")
def real_p3() -> Path:
    """Published templates, rows in the columns of the hub, and prompts rendered elsewhere."""
    from conftest import REAL

    folder = REAL / "flan22" / "p3"
    if not folder.is_dir():
        pytest.skip("promptsource's templates are not here (FLAN_TASKS_TEST_DATA names a folder)")
    return folder
