"""A finished build of awkward texts, and a browser to look at its report with."""

import json
import os
import shutil
from pathlib import Path

import pytest

from flan_tasks.core.mixture import Mixture
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.reports.make import reporter
from flan_tasks.vocabulary import open_vocabulary

# Texts that end an element, open one, turn the direction of reading, or take several code units.
AWKWARD = (
    "<script>window.caught = 1</script>",
    "</script><img src=x onerror='window.caught = 2'>",
    "</textarea><b>bold</b> <!-- & &amp; %%SUMMARY%%",
    "right \u202eto left\u202c and \u05e9\u05dc\u05d5\u05dd",
    "a heron \U0001f9a9 and a family \U0001f468\u200d\U0001f469\u200d\U0001f467",
    'quotes " and \\ and \u2028 and {braces}',
)


@pytest.fixture
def awkward_mixture(tmp_path):
    """A mixture of two toy datasets, one of which holds AWKWARD."""
    from conftest import make_catalog

    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    rows = [json.dumps({"animal": text, "bird": 1}) for text in AWKWARD]
    path = tmp_path / "fish" / "train.jsonl"
    path.write_text("\n".join(rows) + "\n" + path.read_text())
    return prepare(Mixture(name="m"), catalog, source=SourceChoice())


@pytest.fixture
def make_build(awkward_mixture, tmp_path):
    """Builds the mixture with a report, and returns its directory."""

    def make(
        form="jsonl", *, style="inputs-targets", vocab="bytes", arch="encoder-decoder", seed=0
    ):
        folder = tmp_path / (f"out-{form}-{style}-{arch}" + (f"-{seed}" if seed else ""))
        vocabulary = open_vocabulary(vocab) if vocab else None
        settings = BuildSettings(
            format=form,
            split="train",
            style=style,
            lengths={"inputs": 160, "targets": 64},
            vocabulary=vocabulary,
            num_shards=None if form == "seqio-cache" else 2,
            arch=arch,
        )
        plan = make_plan(awkward_mixture, seed=seed, grouped=form == "seqio-cache")
        build(
            awkward_mixture,
            plan,
            settings,
            folder,
            report=reporter(plan, vocabulary),
        )
        return folder

    return make


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium here (CHROMIUM names its program)")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


class Screen:
    """A page and everything it said or asked for."""

    def __init__(self, browser, **settings):
        self.page = browser.new_context(**settings).new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, path: Path, place: str = "") -> None:
        self.page.goto(f"file://{path}{place}")
        self.page.wait_for_selector("html[data-ready]")

    def status(self) -> str:
        return self.page.inner_text("[role=status]")


@pytest.fixture
def screen(browser):
    """Opens pages; at the end nothing was said, and nothing but the file was asked for."""
    opened = []

    def make(**settings):
        opened.append(Screen(browser, **settings))
        return opened[-1]

    yield make
    for one in opened:
        assert one.said == []
        assert all(url.startswith(("file://", "data:")) for url in one.asked), one.asked
        assert len({url.split("#")[0] for url in one.asked if url.startswith("file:")}) <= 1
        one.page.context.close()
