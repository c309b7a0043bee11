"""Signals end a program in one line, wherever they find it."""

import signal
import sys

import pytest
from conftest import ROOT
from processes import start

PROGRAM = """
import atexit, os, signal, sys
from flan_tasks.core import interrupts


def run():
{body}


sys.exit(interrupts.program(run, describe="toy: {{}}".format))
"""
LOST = """
class Late:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)
Late()
while True:
    signal.pause()"""
SWALLOWED = """
interrupts._PATIENCE = 0.2
try:
    signal.raise_signal(signal.SIGHUP)
except BaseException:
    pass
while True:
    signal.pause()"""
TWICE = """
try:
    signal.raise_signal(signal.SIGINT)
finally:
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    print("cleaned up")"""
LATER = """
interrupts.SAME = -1
try:
    signal.raise_signal(signal.SIGINT)
finally:
    signal.raise_signal(signal.SIGINT)
    print("never")"""
TURNED = """
try:
    signal.raise_signal(signal.SIGQUIT)
except BaseException as error:
    raise ImportError("as a library in C turns it into an error of its own") from error"""
IGNORED = """
signal.raise_signal(signal.SIGHUP)
return 5"""
VERY_LAST = """
class Late:
    def __del__(self, kill=os.kill, number=os.getpid(), signal=signal.SIGQUIT):
        kill(number, signal)  # when modules are taken apart
global late
late = Late()
return 3"""
LAST = """
atexit.register(signal.raise_signal, signal.SIGTERM)
print("done")
return 3"""


def ran(body, *, ignored=()):
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ignored}
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    try:
        process = start(sys.executable, "-c", PROGRAM.format(body=indented), cwd=ROOT, keep=ignored)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    printed, said = process.communicate(timeout=300)
    return process.returncode, printed, said


@pytest.mark.parametrize(
    ("body", "code", "printed", "said"),
    [
        (LOST, 143, "", "\ntoy: stopped by SIGTERM\n"),
        (SWALLOWED, 129, "", "\ntoy: stopped by SIGHUP\n"),
        (TWICE, 130, "cleaned up\n", "\ntoy: interrupted\n"),
        (LATER, 130, "", "\ntoy: interrupted\n"),
        (TURNED, 131, "", "\ntoy: stopped by SIGQUIT\n"),
        (LAST, 3, "done\n", ""),
        (VERY_LAST, 3, "", ""),
        ("raise KeyboardInterrupt", 130, "", "\ntoy: interrupted\n"),
        ("return 4", 4, "", ""),
    ],
)
def test_a_signal_ends_a_program_in_one_line(body, code, printed, said):
    assert ran(body) == (code, printed, said)


def test_what_a_shell_had_ignored_stays_ignored():
    assert ran(IGNORED, ignored=[signal.SIGHUP]) == (5, "", "")


def test_an_error_without_a_signal_is_raised_as_it_is():
    code, _, said = ran("raise ZeroDivisionError")
    assert code == 1 and said.rstrip().endswith("ZeroDivisionError")
