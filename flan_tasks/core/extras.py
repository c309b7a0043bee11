"""Libraries that are missing: what needs them, which extra brings them, and what installs them.

How this package was installed decides what works: a checkout is named by its folder, a wheel by
its file, and only what an index served is named by `flan-tasks`.
"""

import importlib.metadata
import importlib.util
import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from flan_tasks.core.errors import FlanTasksError, MissingLibraryError

DISTRIBUTION = "flan-tasks"

# Module -> the distribution that has it, and the extra of ours that asks for it; "" where every
# installation does.
LIBRARIES: Mapping[str, tuple[str, str]] = {
    "absl": ("absl-py", ""),
    "apache_beam": ("apache-beam", "beam"),
    "array_record": ("array_record", "arrayrecord"),
    "bs4": ("beautifulsoup4", ""),
    "click": ("click", ""),
    "datasets": ("datasets", "hf"),
    "flax": ("flax", ""),
    "ftfy": ("ftfy", ""),
    "gin": ("gin-config", ""),
    "google": ("protobuf", ""),
    "google.protobuf": ("protobuf", ""),
    "huggingface_hub": ("huggingface_hub", "hf"),
    "importlib_resources": ("importlib_resources", ""),
    "jax": ("jax", ""),
    "jaxlib": ("jax", ""),
    "lxml": ("lxml", ""),
    "nltk": ("nltk", ""),
    "numpy": ("numpy", ""),
    "orbax": ("orbax-checkpoint", ""),
    "pyarrow": ("pyarrow", ""),
    "regex": ("regex", ""),
    "rich": ("rich", ""),
    "rouge_score": ("rouge-score", ""),
    "sacrebleu": ("sacrebleu", ""),
    "safetensors": ("safetensors", ""),
    "scipy": ("scipy", ""),
    "sentencepiece": ("sentencepiece", ""),
    "seqio": ("seqio", ""),
    "sklearn": ("scikit-learn", ""),
    "tensorboardX": ("tensorboardX", "train"),
    "tensorflow": ("tensorflow", ""),
    "tensorflow_datasets": ("tensorflow-datasets", ""),
    "tensorflow_text": ("tensorflow-text", ""),
    "tokenizers": ("tokenizers", "hf"),
}


class Missing(NamedTuple):
    """What is wrong with a library, and what installs it."""

    problem: str
    """What needs which library; holds no path of this machine."""
    command: str
    """A command for a shell."""

    def __str__(self) -> str:
        return f"{self.problem}: {self.command}"


@contextmanager
def needed_for(
    what: str, *, error: type[FlanTasksError] = MissingLibraryError, in_note: bool = False
) -> Iterator[None]:
    """Turns an import that fails inside into one line: what needs which library, what installs it.

    Args:
      what: what is being done, as the first words of a sentence ("Reading a tokenizer.json").
      error: what is raised.
      in_note: whether the command, which may hold a path, is a note of the error, whose message
        is kept in files.

    Raises:
      FlanTasksError: of the type `error`.
    """
    try:
        yield
    except ImportError as cause:
        missing = explain(cause, what)
        if missing is None:
            raise
        raised = error(missing.problem if in_note else str(missing))
        if in_note:
            raised.add_note(missing.command)
        raise raised from cause


def require(*modules: str, what: str, error: type[FlanTasksError] = MissingLibraryError) -> None:
    """Checks that libraries are installed, without the seconds that importing some takes.

    Raises:
      FlanTasksError: of the type `error`; one is not.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise error(str(_missing(what, module)))


def explain(error: ImportError, what: str = "This") -> Missing | None:
    """Says what is wrong where an import failed; None where no library of ours is concerned."""
    importer = _importer(error)
    name = error.name or ""
    top = name.split(".")[0]
    if top == "flan_tasks":
        return None
    if not isinstance(error, ModuleNotFoundError):
        broken = top if top in LIBRARIES else importer
        if broken not in LIBRARIES:
            return None
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        distribution, extra = LIBRARIES[broken]
        return Missing(
            f"{what} needs {distribution}, which is installed and cannot be imported ({reason}); "
            "for versions that fit",
            install_command(extra),
        )
    if top in LIBRARIES:
        return _missing(what, top)
    if importer in LIBRARIES:
        distribution, extra = LIBRARIES[importer]
        return Missing(
            f"{what} needs {distribution}, and that needs the Python module {name}, which is not "
            "installed",
            install_command(extra),
        )
    return None


def install_command(extra: str = "") -> str:
    """Returns a command that installs what this package requires, with an extra of it.

    It fits how the package was installed: from a checkout, a file, an address or an index.
    """
    return f"{_installer()} {_target(extra)}"


def _missing(what: str, module: str) -> Missing:
    distribution, extra = LIBRARIES[module]
    if extra:
        problem = f'{what} needs {distribution}, of the extra "{extra}", which is not installed'
        return Missing(problem, install_command(extra))
    problem = f"{what} needs {distribution}, which is not installed"
    return Missing(problem, f"{_installer()} {_target('', only=distribution)}")


def _target(extra: str, *, only: str = "") -> str:
    """What is to be installed, quoted for a shell; `only` is all that is known to be missing."""
    ending = f"[{extra}]" if extra else ""
    checkout = _checkout()
    if checkout is not None:
        return f"-e {_quoted(f'{checkout}{ending}')}"
    origin = _direct_url()
    if origin is None:
        if _metadata() is not None:
            return _quoted(f"{DISTRIBUTION}{ending}")
        return _requirements(extra, only)
    url, about = origin
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(unquote(parts.path))
        if not path.exists():  # a wheel that was removed after it was installed
            return _requirements(extra, only)
        if "dir_info" in about:
            return _quoted(f"{path}{ending}")
    vcs = about.get("vcs_info", {})
    if vcs:
        url = f"{vcs.get('vcs', 'git')}+{url}@{vcs.get('commit_id', 'HEAD')}"
    return _quoted(f"{DISTRIBUTION}{ending} @ {url}")


def _requirements(extra: str, only: str) -> str:
    """The libraries themselves, for where the package cannot be named."""
    metadata = _metadata()
    declared = [line for line in (metadata.requires or ()) if line] if metadata else []
    texts = []
    for line in declared:
        requirement, _, marker = line.partition(";")
        its_extra = re.search(r"""extra\s*==\s*['"](\w+)['"]""", marker)
        if (its_extra.group(1) if its_extra else "") != extra:
            continue
        name = re.match(r"[\w.-]+", requirement)
        if only and not (name and _same(name.group(), only)):
            continue
        texts.append(requirement.strip())
    if not texts:
        texts = [only] if only else sorted({d for d, e in LIBRARIES.values() if e == extra})
    return " ".join(_quoted(text) for text in texts)


def _same(name: str, other: str) -> bool:
    def fold(text: str) -> str:
        return re.sub(r"[-_.]+", "-", text).lower()

    return fold(name) == fold(other)


def _checkout() -> Path | None:
    """The folder of the checkout that this code runs from, installed editable or not at all."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "setup.py").is_file() else None


def _metadata() -> importlib.metadata.Distribution | None:
    try:
        return importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None


def _direct_url() -> tuple[str, dict[str, Any]] | None:
    """Where pip got the package from, as it noted (PEP 610); None for an index."""
    metadata = _metadata()
    text = metadata.read_text("direct_url.json") if metadata else None
    try:
        noted = json.loads(text or "")
        return str(noted["url"]), noted
    except (ValueError, KeyError, TypeError):
        return None


def _installer() -> str:
    """What installs into the environment that runs this, whatever `pip` on the path means."""
    python = shlex.quote(sys.executable or "python3")
    if importlib.util.find_spec("pip") is None:
        return f"uv pip install --python {python}"
    pip = shutil.which("pip")
    if pip is not None and Path(pip).parent == Path(sys.executable).parent:
        return "pip install"
    return f"{python} -m pip install"


def _importer(error: ImportError) -> str:
    """The top-level package whose code asked for what failed; "" where no frame is known."""
    name = ""
    trace = error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        # The machinery of imports itself, which stands between those who import and the error.
        if module.split(".")[0] not in ("importlib", "_frozen_importlib", "contextlib"):
            name = module.split(".")[0]
        trace = trace.tb_next
    return name


def _quoted(text: str) -> str:
    # Double quotes work in every shell; the other form only where a character needs it.
    return shlex.quote(text) if re.search(r'["$`\\!]', text) else f'"{text}"'
