"""The command as a shell starts it."""

import sys

import pytest

from flan_tasks.cli import start


@pytest.fixture
def flan(monkeypatch, capsys):
    """Runs `flan WORDS` in this process, checks its exit code, returns what it printed."""

    def run(*words, code=0):
        monkeypatch.setattr(sys, "argv", ["flan", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            start.main()
        printed = capsys.readouterr()
        assert caught.value.code == code, printed.err + printed.out
        return printed

    return run
