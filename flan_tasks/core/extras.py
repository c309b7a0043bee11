"""Libraries that are missing: what needs them, which extra brings them, and what installs them.

How this package was installed decides what works: a checkout is named by its folder, a wheel by
its file, and only what an index served is named by `flan-tasks`.
"""

import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flan_tasks.core.errors import FlanTasksError, MissingLibraryError

if TYPE_CHECKING:
    from importlib.metadata import Distribution

DISTRIBUTION = "flan-tasks"

# Module -> the distribution that has it, and the extra of ours that asks for it; "" where every
# installation does.
LIBRARIES: Mapping[str, tuple[str, str]] = {
    "absl": ("absl-py", "tfds"),
    "apache_beam": ("apache-beam", "beam"),
    "array_record": ("array_record", "arrayrecord"),
    "bs4": ("beautifulsoup4", "tfds"),
    "click": ("click", ""),
    "datasets": ("datasets", "hf"),
    "distributed": ("distributed", "dask"),
    "flax": ("flax", "train"),
    "ftfy": ("ftfy", ""),
    "gcsfs": ("gcsfs", "gcs"),
    "gin": ("gin-config", "train"),
    "google": ("protobuf", ""),
    "google.protobuf": ("protobuf", ""),
    "google_crc32c": ("google-crc32c", ""),
    "huggingface_hub": ("huggingface_hub", "hf"),
    "importlib_resources": ("importlib_resources", "tfds"),
    "jax": ("jax", "train"),
    "jaxlib": ("jax", "train"),
    "jinja2": ("jinja2", "p3"),
    "lxml": ("lxml", "tfds"),
    "nltk": ("nltk", "eval"),
    "numpy": ("numpy", ""),
    "orbax": ("orbax-checkpoint", "train"),
    "pyarrow": ("pyarrow", ""),
    "regex": ("regex", "eval"),
    "rich": ("rich", ""),
    "rouge_score": ("rouge-score", "eval"),
    "s3fs": ("s3fs", "s3"),
    "sacrebleu": ("sacrebleu", "eval"),
    "safetensors": ("safetensors", "train"),
    "scipy": ("scipy", "eval"),
    "sentencepiece": ("sentencepiece", ""),
    "seqio": ("seqio", "seqio"),
    "sklearn": ("scikit-learn", "eval"),
    "tensorboardX": ("tensorboardX", "train"),
    "tensorflow": ("tensorflow", "tfds"),
    "tensorflow_datasets": ("tensorflow-datasets", "tfds"),
    "tensorflow_text": ("tensorflow-text", "seqio"),
    "tokenizers": ("tokenizers", "hf"),
    "yaml": ("PyYAML", "p3"),
}
# Extra -> another that it brings whole.
INCLUDES: Mapping[str, str] = {"arrayrecord": "tfds", "seqio": "tfds"}

# Libraries that people bring along, and that no extra of ours asks for: module -> distribution.
OTHERS: Mapping[str, str] = {"fsspec": "fsspec", "pandas": "pandas", "torch": "torch"}


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
      FlanTasksError: of the type `error`; some are not, and all of these are named.
    """
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise error(str(_missing(what, *missing)))


def explain(error: ImportError, what: str = "This") -> Missing | None:
    """Says what is wrong where an import failed; None where no library of ours is concerned."""
    importer = _importer(error)
    name = error.name or ""
    top = name.split(".")[0]
    if top == "flan_tasks":
        return None
    if top in LIBRARIES and _is_folder(top):
        return _missing(what, top)
    if not isinstance(error, ModuleNotFoundError):
        broken = top if top in LIBRARIES else importer
        if broken not in LIBRARIES:
            return None
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        distribution, extra = LIBRARIES[broken]
        return Missing(
            f"{what} needs {distribution}, which is installed and cannot be imported ({reason}); "
            "for versions that fit",
            install_command(*filter(None, [extra])),
        )
    if top in LIBRARIES:
        return _missing(what, top)
    if top in OTHERS:
        problem = f"{what} needs {OTHERS[top]}, which is not installed"
        return Missing(problem, f"{_installer()} {_quoted(OTHERS[top])}")
    if importer in LIBRARIES:
        distribution, extra = LIBRARIES[importer]
        return Missing(
            f"{what} needs {distribution}, and that needs the Python module {name}, which is not "
            "installed",
            install_command(*filter(None, [extra])),
        )
    return None


def install_command(*extras: str) -> str:
    """Returns a command that installs what this package requires, with extras of it.

    It fits how the package was installed: from a checkout, a file, an address or an index.
    """
    return f"{_installer()} {_target(extras)}"


def _missing(what: str, *modules: str) -> Missing:
    by_extra: dict[str, list[str]] = {}
    for module in modules:
        distribution, extra = LIBRARIES[module]
        by_extra.setdefault(extra, []).append(distribution)
    # An export for lm-evaluation-harness stands alone: nobody there knows of extras.
    is_installed = _checkout() is not None or _metadata() is not None
    named = [
        _listed(distributions) + (f', of the extra "{extra}"' if extra and is_installed else "")
        for extra, distributions in by_extra.items()
    ]
    verb = "is" if len(modules) == 1 else "are"
    problem = f"{what} needs {', and '.join(named)}, which {verb} not installed"
    covered = {INCLUDES[extra] for extra in by_extra if extra in INCLUDES}
    extras = [extra for extra in by_extra if extra and extra not in covered]
    only = [LIBRARIES[module][0] for module in modules]
    return Missing(problem, f"{_installer()} {_target(extras, only=only)}")


def _is_folder(module: str) -> bool:
    """Whether a module is a folder without Python, such as `gin` where a checkout is."""
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is None


def _listed(names: Sequence[str]) -> str:
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def _target(extras: Sequence[str], *, only: Sequence[str] = ()) -> str:
    """What is to be installed, quoted for a shell; `only` is all that is known to be missing."""
    ending = f"[{','.join(extras)}]" if extras else ""
    checkout = _checkout()
    if checkout is not None:
        return f"-e {_quoted(f'{checkout}{ending}')}"
    origin = _direct_url()
    if origin is None:
        if _metadata() is not None:
            return _quoted(f"{DISTRIBUTION}{ending}")
        return _requirements(extras, only)
    from urllib.parse import unquote, urlsplit

    url, about = origin
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(unquote(parts.path))
        if not path.exists():  # a wheel that was removed after it was installed
            return _requirements(extras, only)
        if "dir_info" in about:
            return _quoted(f"{path}{ending}")
    vcs = about.get("vcs_info", {})
    if vcs:
        url = f"{vcs.get('vcs', 'git')}+{url}@{vcs.get('commit_id', 'HEAD')}"
    return _quoted(f"{DISTRIBUTION}{ending} @ {url}")


def _requirements(extras: Sequence[str], only: Sequence[str]) -> str:
    """The libraries themselves, for where the package cannot be named.

    Where what it requires is known, all of an extra are: who lacks one lacks the others.
    """
    metadata = _metadata()
    declared = [line for line in (metadata.requires or ()) if line] if metadata else []
    texts = []
    for line in declared:
        requirement, _, marker = line.partition(";")
        its_extra = re.search(r"""extra\s*==\s*['"](\w+)['"]""", marker)
        extra = its_extra.group(1) if its_extra else ""
        name = re.match(r"[\w.-]+", requirement)
        if extra:
            is_wanted = extra in extras
        else:
            is_wanted = name is not None and any(_same(name.group(), one) for one in only)
        if is_wanted or not (extra or extras or only):
            texts.append(requirement.strip())
    if not texts:
        of_extras = {d for d, extra in LIBRARIES.values() if extra in (extras or [""])}
        texts = list(only) or sorted(of_extras)
    return " ".join(_quoted(text) for text in dict.fromkeys(texts))


def _same(name: str, other: str) -> bool:
    def fold(text: str) -> str:
        return re.sub(r"[-_.]+", "-", text).lower()

    return fold(name) == fold(other)


def _checkout() -> Path | None:
    """The folder of the checkout that this code runs from, installed editable or not at all."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "setup.py").is_file() else None


def _metadata() -> "Distribution | None":
    # Here, as every command imports this module and few need it: it brings email and sockets.
    from importlib import metadata

    try:
        return metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return None


def _direct_url() -> tuple[str, dict[str, Any]] | None:
    """Where pip got the package from, as it noted (PEP 610); None for an index."""
    import json

    metadata = _metadata()
    text = metadata.read_text("direct_url.json") if metadata else None
    try:
        noted = json.loads(text or "")
        return str(noted["url"]), noted
    except (ValueError, KeyError, TypeError):
        return None


def _installer() -> str:
    """What installs into the environment that runs this, whatever `pip` on the path means."""
    import shutil

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
