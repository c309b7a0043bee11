"""The documentation site: its pages, and the strict build of all of them."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
import yaml
from api_pages import GROUPS, RESULTS, api_pages, missing_names
from command_page import command_page
from conftest import ROOT
from dataset_pages import dataset_pages, fenced
from gin_page import gin_page
from moved_pages import MOVED, moved_page, moved_pages

import flan_tasks
from flan_tasks.cli.main import COMMANDS
from flan_tasks.core.dataset import FLAN_2021
from flan_tasks.datasets import catalog

DOCS = ROOT / "docs"
MADE = {"example.md", "reference/commands.md", "reference/gin.md"}


def flat(nav):
    """Returns the pages of a navigation."""
    if isinstance(nav, str):
        return [nav]
    values = nav.values() if isinstance(nav, dict) else nav
    return [page for value in values for page in flat(value)]


NAV = flat(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])


def test_the_navigation_has_every_page_once():
    written = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    notebooks = {f"notebooks/{path.stem}.md" for path in DOCS.glob("notebooks/*.ipynb")}
    moved = {place for place in moved_pages() if place.endswith(".md")}
    made = MADE | notebooks | moved | api_pages().keys() | dataset_pages().keys()
    assert not written & made
    assert set(NAV) == written | made
    assert len(NAV) == len(set(NAV))


def test_every_public_name_is_in_the_reference_once():
    assert missing_names() == []
    listed = [name for _, _, names in GROUPS.values() for name in names]
    assert len(listed) == len(set(listed)) == len(flan_tasks.__all__) - 1
    pages = api_pages()
    for group, (_, _, names) in GROUPS.items():
        for name in names:
            assert f"heading: ft.{name}\n" in pages[f"reference/{group}.md"]


def test_results_of_the_reference_are_there():
    for path in RESULTS:
        module, _, name = path.rpartition(".")
        found = importlib.util.find_spec(module)
        assert re.search(rf"^class {name}\b", open(found.origin).read(), re.M), path


def test_every_dataset_has_a_prompt_of_its_own():
    pages = dataset_pages()
    assert len({d.parent for d in catalog().datasets if d.collection == FLAN_2021}) == 62
    for dataset in catalog().datasets:
        _, section = pages[f"prompts/{dataset.cluster}.md"].split(f"\n## {dataset.name}\n")
        blocks = re.findall(r"\n(`{3,})text\n(.*?)\n\1\n", section.split("\n## ")[0] + "\n", re.S)
        assert len(blocks) == 2 and all(text.strip() for _, text in blocks), dataset.name


def test_no_text_ends_its_block():
    text = "```\n<script>alert(1)</script>\n````\n::: os\x1b[31m"
    block = fenced(text)
    fence = block.split("text\n")[0]
    assert fence == "`````" and block.endswith("\n" + fence)
    assert block.count(fence) == 2 and "\x1b" not in block


def test_every_command_and_option_is_on_its_page():
    page = command_page()
    for name in COMMANDS:
        assert f"\n## flan {name}\n" in page and f"](#flan-{name})" in page
    for option in ("--allow-missing", "--lengths", "--write-prompts", "--against", "--gin_file"):
        assert option in page
    # A cell of a table is one line, with two columns.
    for line in page.splitlines():
        if line.startswith("| `"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 3, line


# In a process of its own: click keeps the help option that a command has at first, and tests that
# call commands without their group leave them one without -h.
_PAGE_MADE = """
from click.testing import CliRunner
from command_page import command_page
from flan_tasks.cli.main import cli
command_page()
for name in ("build", "eval"):
    assert CliRunner().invoke(cli, [name, "-h"]).exit_code == 0, name
"""


def test_commands_keep_their_options_when_the_page_is_made():
    given = {**os.environ, "PYTHONPATH": str(ROOT / "website")}
    subprocess.run([sys.executable, "-c", _PAGE_MADE], check=True, env=given, cwd=ROOT)


def test_every_gin_file_is_on_its_page():
    page = gin_page()
    for path in (ROOT / "gin").rglob("*.gin"):
        assert f"\n## {path.relative_to(ROOT / 'gin').as_posix()}\n" in page
    assert "| `BATCH_SIZE` | `64` |" in page


@pytest.mark.parametrize(
    ("folder", "to", "link", "moved"),
    [
        ("", "index.md", "docs/building.md#names", "building.md#names"),
        ("", "index.md", "docs/trainers/", "trainers/seqio.md"),
        ("", "index.md", "CHANGELOG.md", "changelog.md"),
        ("docs", "", "../README.md#install", "index.md#install"),
        ("docs", "", "trainers/trl.md", "trainers/trl.md"),
        ("docs/trainers", "", "../seqio.md", "../seqio.md"),
        ("docs/trainers", "", "../../CONTRIBUTING.md", "../contributing.md"),
        ("docs", "", "https://example.org/docs/x.md", "https://example.org/docs/x.md"),
        ("docs", "", "#here", "#here"),
    ],
)
def test_links_lead_to_the_same_places(folder, to, link, moved):
    assert moved_page(f"a [b]({link}) c", folder=folder, to=to) == f"a [b]({moved}) c"


def test_code_is_not_taken_for_links():
    text = "`[a](../b.md)`\n\n```python\nx[0](../y.md)\n```\n"
    assert moved_page(text, folder="docs") == text


def test_a_link_to_what_is_no_page_is_refused():
    with pytest.raises(LookupError, match="setup.py"):
        moved_page("[a](../setup.py)", folder="docs")
    assert all((ROOT / name).exists() for name in MOVED)


def test_the_workflow_the_page_and_the_test_build_it_alike():
    workflow = yaml.safe_load((ROOT / ".github/workflows/docs.yml").read_text(encoding="utf-8"))
    commands = [step["run"] for step in workflow["jobs"]["build"]["steps"] if "run" in step]
    assert commands == ['python -m pip install -e ".[docs]"', "python -m mkdocs build"]
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert '\npip install -e ".[docs]"\npython -m mkdocs build ' in page
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert settings["strict"] is True and settings["theme"]["font"] is False
    assert set(settings["validation"].values()) == {"warn"}


class Read(HTMLParser):
    """The ids, links and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.loads, self.texts = set(), set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        held = dict(attrs)
        self.ids.add(held.get("id"))
        if tag in ("script", "img", "iframe", "link") and held.get("rel") != "canonical":
            self.loads.add(held.get("src") or held.get("href"))

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.slow
def test_the_site_is_built_strictly_and_has_what_it_promises(tmp_path):
    for library in ("mkdocs", "material", "mkdocstrings", "datasets"):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f'{library} is not installed: pip install -e ".[docs]"')
    site = tmp_path / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]
    pages = {page: site / page.replace("README.md", "index.md") for page in NAV}
    read = {
        page: Read(path.with_suffix(".html").read_text(encoding="utf-8"))
        for page, path in pages.items()
    }
    # Nothing is asked of another host.
    for page, one in read.items():
        assert not [url for url in one.loads if url and "//" in url], page
    for group, (_, _, names) in GROUPS.items():
        shown = "".join(read[f"reference/{group}.md"].texts)
        assert [name for name in names if f"ft.{name}" not in shown] == []
    fields = " ".join("".join(read["reference/specifications.md"].texts).split())
    assert "Rows to build; by default one pass of the capped mixture." in fields
    prompts = "".join(read["prompts/nli.md"].texts)
    assert "rte" in prompts and "yes" in prompts
    # The report stands by itself, as it does in a build.
    report = (site / "example" / "report.html").read_text(encoding="utf-8")
    summary = report.split('<script id="summary" type="application/json">')[1].split("<")[0]
    assert json.loads(summary)["mixture"]["name"] == "nli"
    assert "example/report.html" in read["example.md"].loads
    notebook = "".join(read["notebooks/first_steps.md"].texts)
    assert "Rows of a build" in notebook and "features: ['messages'" in notebook
