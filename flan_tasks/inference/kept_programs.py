"""Compiled programs kept on disk, so that the next run of the same shapes compiles none.

JAX keeps them under a hash of the program, its options and its own version. What is compiled for
one kind of processor may not run on another that shares the folder, so each kind has its own.
"""

import hashlib
import os
import platform
from pathlib import Path
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache

from flan_tasks.core.errors import FlanTasksError
from flan_tasks.core.home import under_home

ENVIRONMENT = "FLAN_TASKS_PROGRAMS"
# Its value for none.
OFF = "off"
# What compiles faster is not worth a file.
_SECONDS = 0.1


def keep_programs() -> Path | None:
    """Has JAX keep what it compiles from now on; returns where, or None where it cannot.

    FLAN_TASKS_PROGRAMS names a folder, or is `off`; by default `flan_tasks/programs` in the user's
    folder for caches. A folder that JAX was told by others stays as it is.
    """
    config: Any = jax.config
    if config.jax_compilation_cache_dir:
        return Path(config.jax_compilation_cache_dir)
    folder = _folder()
    if folder is None:
        return None
    config.update("jax_compilation_cache_dir", str(folder))
    config.update("jax_persistent_cache_min_compile_time_secs", _SECONDS)
    # JAX looks for the folder at its first program alone, which may have been compiled before.
    compilation_cache.reset_cache()
    return folder


def _folder() -> Path | None:
    named = os.environ.get(ENVIRONMENT)
    if named == OFF:
        return None
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        root = under_home(named or Path(cache) / "flan_tasks" / "programs", setting=ENVIRONMENT)
        folder = root.absolute() / _processor()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, FlanTasksError):
        # A run without them is slower, and not wrong.
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def _processor() -> str:
    """A name for the kind of processor: what it is and what it can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    kinds = ("model name", "flags", "Features", "CPU part")
    facts = sorted({line for line in lines if line.startswith(kinds)})
    facts.append(platform.processor())
    digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]
    return f"{platform.machine() or 'unknown'}-{digest}"
