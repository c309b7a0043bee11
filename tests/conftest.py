"""What several tests need: toy declarations, a store of their own, the real rows if available."""

import os
import signal
import sys
from pathlib import Path

import hypothesis
import pytest

from flan_tasks.core import interrupts
from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Files
from flan_tasks.core.splits import Splits

# Whoever starts the tests in the background or under nohup has them ignore signals, and what they
# start would do so, too.
for number in interrupts.SIGNALS:
    if signal.getsignal(number) == signal.SIG_IGN:
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, default)

# Compiling is most of what tests with a model take, and of what the programs take that they start.
QUICK = "--xla_backend_optimization_level=0"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {QUICK}".strip()

# Eight virtual devices in every test process, whichever tests it runs: JAX reads the number when a
# test module imports it, and the programs that tests start must not have it.
os.environ["JAX_NUM_CPU_DEVICES"] = "8"

# No test depends on how fast the machine is.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

# Builds with a report and a browser to look at it with, datasets, prompts, commands.
pytest_plugins = [
    *("report_builds", "own_datasets", "own_chats", "prompt_folders", "commands", "addresses"),
    "object_stores",
]

ROOT = Path(__file__).parent.parent
# Real rows in TFDS's on-disk form and the T5 vocabulary; tests that want them are skipped without.
REAL = Path(os.environ.get("FLAN_TASKS_TEST_DATA", ROOT.parent / "shared" / "real"))


def pytest_collection_modifyitems(items):
    """The longest files first, which are the trainer's, so that two processes end together."""
    items.sort(key=lambda item: "trainer" not in item.path.parts)


def pytest_collection_finish():
    """All test modules are imported."""
    os.environ.pop("JAX_NUM_CPU_DEVICES", None)


TOY_TEMPLATES = """\
# Is the animal a bird? A toy.

[example]
animal = "heron"
options = ["yes", "no"]
answer = "yes"

[[template]]
id = "plain"
inputs = '''
Is a {animal} a bird?

{options}'''
targets = "{answer}"

[[template]]
id = "bare"
inputs = '''
Animal: {animal}
Bird:'''
targets = "{answer}"

[[template]]
id = "name_one"
kind = "inverted"
inputs = '''
Name an animal. Whether it is to be a bird: {answer}.'''
targets = "{animal}"
"""


def toy_normalize(row: dict) -> Example | Skip:
    """Asks whether an animal is a bird."""
    if row["bird"] < 0:
        return Skip("no gold label")
    return Example(
        fields={"animal": row["animal"]},
        options=("yes", "no"),
        answer=("no", "yes")[row["bird"]],
    )


def toy_dataset(name: str = "birds", **changes) -> Dataset:
    """A two-way dataset read from files; `changes` replace parts of its declaration."""
    declared = {
        "name": name,
        "source": Files({"train": "train.jsonl", "test": "test.jsonl"}),
        "splits": Splits.validation_from_train(4, test="test"),
        "schema": {"animal": str, "bird": int},
        "labels": {"bird": ("no", "yes")},
        "fields": ("animal",),
        "options": ("yes", "no"),
        "normalize": toy_normalize,
        "metrics": ("accuracy",),
        "license": "CC0-1.0",
        "citation": "Nobody 2026, Birds",
    }
    return Dataset(**(declared | changes))


def toy_rows(count: int) -> list[dict]:
    """Rows of the toy dataset."""
    return [{"animal": f"animal number {i}", "bird": i % 2} for i in range(count)]


def make_catalog(folder: Path, sizes: dict[str, int], **changes) -> Catalog:
    """A catalog of toy datasets with that many train rows each, and 6 test rows."""
    import json

    templates = folder / "birds.toml"
    templates.write_text(TOY_TEMPLATES, encoding="utf-8")
    catalog = Catalog()
    for name, size in sizes.items():
        for split, count in (("train", size), ("test", 6)):
            path = folder / name / f"{split}.jsonl"
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join(json.dumps(row) for row in toy_rows(count)) + "\n")
        source = Files({"train": "train.jsonl", "test": "test.jsonl"}, root=str(folder / name))
        catalog.add(
            toy_dataset(name, source=source, **changes), cluster="animals", templates=templates
        )
    return catalog


@pytest.fixture(scope="session", autouse=True)
def _store_of_modules(tmp_path_factory):
    """Nor do fixtures of modules, which are made before a test has its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLAN_TASKS_STORE", str(tmp_path_factory.mktemp("store")))
        yield


@pytest.fixture(autouse=True)
def _own_store(tmp_path, monkeypatch):
    """No test reads or writes the user's store."""
    monkeypatch.setenv("FLAN_TASKS_STORE", str(tmp_path / "store"))
    # Compiled programs are not kept: folders of tests do not last.
    monkeypatch.setenv("FLAN_TASKS_PROGRAMS", "off")


@pytest.fixture(autouse=True)
def _own_signals():
    """The command line handles signals to the end of its process; here that is a test's end."""
    numbers = (*interrupts.SIGNALS, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    hook = sys.unraisablehook
    yield
    sys.unraisablehook = hook
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def real_tree() -> Path:
    """The TFDS tree of real rows."""
    if not (REAL / "tfds").is_dir():
        pytest.skip("the real rows are not available (FLAN_TASKS_TEST_DATA names their folder)")
    return REAL / "tfds"


@pytest.fixture(scope="session")
def t5_model() -> Path:
    """The T5 SentencePiece model."""
    path = REAL / "vocab" / "t5" / "spiece.model"
    if not path.exists():
        pytest.skip("the T5 vocabulary is not available (FLAN_TASKS_TEST_DATA names its folder)")
    return path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Write golden files anew; read the diff."
    )
