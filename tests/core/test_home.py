import os
from pathlib import Path

import pytest

from flan_tasks.core.errors import FlanTasksError
from flan_tasks.core.home import under_home


def test_a_path_under_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert under_home("~/.cache", setting="X") == Path("/home/me/.cache")
    assert under_home("~", setting="X") == Path("/home/me")
    assert under_home("/data/a~b", setting="X") == Path("/data/a~b")


@pytest.mark.parametrize("home", ["", None])
def test_no_home_is_not_the_root(monkeypatch, home):
    pwd = pytest.importorskip("pwd")
    if home is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", home)
    try:
        of_user = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        pytest.skip("this user is none that the system knows")
    assert under_home("~/.cache", setting="X") == Path(of_user) / ".cache"


def test_a_user_without_home_is_told_what_to_set(monkeypatch):
    pwd = pytest.importorskip("pwd")

    def unknown(number):
        raise KeyError(number)

    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(FlanTasksError, match="HOME is not set.*or FLAN_TASKS_STORE to a folder"):
        under_home("~/.cache", setting="FLAN_TASKS_STORE")
