"""What figures depend on beside the code: the machine, its Python, and the commit."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any


def about() -> dict[str, Any]:
    """Returns processor, cores, memory, system, Python and commit."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": output_of("git", "rev-parse", "--short", "HEAD"),
    }


def output_of(*command: str) -> str:
    """Returns what a command prints; what it could print, if it fails."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
