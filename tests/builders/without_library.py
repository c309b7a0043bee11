"""Runs commands and imports with libraries hidden, each in a process of its own; for tests.

Usage: without_library.py CASES.json RESULTS.json; a case is [library or list of them, words of flan
or one line of Python], a result [exit code, what it printed to stderr].
"""

import json
import os
import subprocess
import sys
import tempfile


class Without:
    """A finder of modules that does not see some libraries, as where they are not installed."""

    def __init__(self, finder, *libraries):
        self._finder = finder
        self._libraries = libraries
        self._inside = tuple(f"{library}." for library in libraries)

    def __getattr__(self, name):
        return getattr(self._finder, name)

    def find_spec(self, name, path=None, target=None):
        if name in self._libraries or name.startswith(self._inside):
            return None
        return self._finder.find_spec(name, path, target)


def results_of(cases, folder, environment):
    """Runs cases in a folder, which gets two files, and returns their results."""
    (folder / "cases.json").write_text(json.dumps(cases))
    done = subprocess.run(
        [sys.executable, __file__, "cases.json", "results.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=900,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "results.json").read_text())


def child(hidden, what, log):
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    libraries = [hidden] if isinstance(hidden, str) else hidden
    sys.meta_path[:] = [Without(finder, *libraries) for finder in sys.meta_path]
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
    for hidden, what in json.load(open(sys.argv[1])):
        with tempfile.TemporaryFile() as log:
            if not (pid := os.fork()):
                child(hidden, what, log.fileno())
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            log.seek(0)
            results.append([code, log.read().decode(errors="replace")])
    json.dump(results, open(sys.argv[2], "w"))
