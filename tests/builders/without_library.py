"""Runs commands and imports with libraries hidden, each in a process of its own; for tests.

Usage: without_library.py CASES.json RESULTS.json; a case is [library, words of flan or one line of
Python], a result [exit code, what it printed to stderr].
"""

import json
import os
import sys
import tempfile


class Without:
    """A finder of modules that does not see one library, as where it is not installed."""

    def __init__(self, finder, library):
        self._finder = finder
        self._library = library

    def __getattr__(self, name):
        return getattr(self._finder, name)

    def find_spec(self, name, path=None, target=None):
        if name == self._library or name.startswith(f"{self._library}."):
            return None
        return self._finder.find_spec(name, path, target)


def child(library, what, log):
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.meta_path[:] = [Without(finder, library) for finder in sys.meta_path]
    try:
        if isinstance(what, str):
            exec(what, {"__name__": "__main__"})
        else:
            sys.argv = ["flan", *what]
            from flan_tasks.cli.start import main

            main()
        code = 0
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 99
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    results = []
    for library, what in json.load(open(sys.argv[1])):
        with tempfile.TemporaryFile() as log:
            if not (pid := os.fork()):
                child(library, what, log.fileno())
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            log.seek(0)
            results.append([code, log.read().decode(errors="replace")])
    json.dump(results, open(sys.argv[2], "w"))
