"""Handlers of signals that ask to stop, in this process and in processes of their own."""

import os
import signal
import subprocess
import sys

import pytest

from flan_tasks.core.interrupts import Stopped, handled


def stop(number, _):
    raise Stopped(number)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_raises_and_what_was_there_before_comes_back(name):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with pytest.raises(Stopped, match=f"stopped by {name}; what is complete is kept") as caught:
        with handled(stop):
            os.kill(os.getpid(), number)
    assert caught.value.number == number and signal.getsignal(number) == before
    # Code that carries on after any failure does not carry on after this.
    assert not isinstance(caught.value, Exception)


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
    try:
        with handled(stop):
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_ends_at_once_says_so_and_cleans_nothing_up():
    code = """
import signal
from flan_tasks.core import interrupts
try:
    interrupts.end_at_once(signal.SIGINT)
finally:
    print("cleaned up")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 130 and ran.stdout == ""
    assert ran.stderr.strip() == "SIGINT again: ended at once; what is complete is kept"
