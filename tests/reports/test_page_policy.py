"""The page's own content policy: it names what may run by hash, and nothing else may."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from conftest import ROOT
from constructed_results import scored
from report_builds import AWKWARD

import flan_tasks as ft
from flan_tasks.reports.make import report_of


class Page(HTMLParser):
    """The policy of a page, its scripts and styles, and every attribute."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.policy: dict[str, set[str]] = {}
        self.scripts: list[tuple[str, str]] = []
        self.styles: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self._open = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        held = dict(attrs)
        self.attributes += [(tag, name) for name in held]
        if held.get("http-equiv") == "Content-Security-Policy":
            for part in held["content"].split(";"):
                name, *values = part.split()
                self.policy[name] = set(values)
        self._open = (tag, held.get("type", "")) if tag in ("script", "style") else None

    def handle_data(self, data):
        if self._open and self._open[0] == "script":
            self.scripts.append((self._open[1], data))
        elif self._open:
            self.styles.append(data)

    def handle_endtag(self, tag):
        self._open = None


def _awkward(unit, gold):
    return AWKWARD[1] if unit.method == "generate" else gold.answer


def named(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@pytest.fixture(params=["report", "results"])
def page(request, make_build, tmp_path):
    if request.param == "report":
        path = make_build() / "report.html"
    else:
        path = ft.results(scored(tmp_path / "scores", "rte", "gigaword", rule=_awkward))
    return Page(path.read_text(encoding="utf-8"))


def test_only_the_pages_own_scripts_and_style_may_run(page):
    code = [text for kind, text in page.scripts if kind == ""]
    assert len(code) == 2 and len(page.styles) == 1
    assert page.policy["script-src"] == {named(text) for text in code}
    assert page.policy["style-src"] == {named(text) for text in page.styles}
    assert page.policy["default-src"] == page.policy["base-uri"] == {"'none'"}
    assert page.policy["form-action"] == {"'none'"}


def test_nothing_of_the_page_needs_what_the_policy_refuses(page):
    assert not [name for _, name in page.attributes if name == "style" or name.startswith("on")]
    places = ("reports/page", "reports/page_parts", "results_page/parts")
    scripts = sorted(
        path for place in places for path in (ROOT / "flan_tasks" / place).glob("*.js")
    )
    assert len({path.parent for path in scripts}) == len(places)
    for path in scripts:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
        assert not re.search(r'setAttribute\("style"', text)


def test_data_stands_in_blocks_that_are_no_code(page):
    data = [text for kind, text in page.scripts if kind == "application/json"]
    assert len(data) in (2, 3) and all(json.loads(text) for text in data)
    assert not any("<" in text for text in data) and "onerror" in data[-1]


def test_the_same_build_has_the_same_page(make_build):
    folder = make_build()
    assert report_of(folder, vocabulary="bytes") == report_of(folder, vocabulary="bytes")


def test_a_report_in_a_terminal_shows_texts_as_they_are(make_build):
    import io

    from rich.console import Console

    from flan_tasks.reports.make import read_build
    from flan_tasks.reports.terminal import print_report

    manifest, sample = read_build(make_build())
    hostile = "[bold]x[/bold] [link=https://example.org]y[/link] \x1b[31mred \x9b \u202e"
    tasks = [{**t, "license": hostile, "skipped": {hostile: 3}} for t in manifest["tasks"]]
    changes = {
        "tasks": tasks,
        "missing": {"mice": hostile},
        "command": hostile,
        "vocabulary": "[red]v",
    }
    for is_terminal in (False, True):
        out = io.StringIO()
        console = Console(file=out, force_terminal=is_terminal, width=300, color_system=None)
        print_report(manifest | changes, sample, console=console)
        text = out.getvalue()
        assert text.count("[bold]x[/bold] [link=https://example.org]y[/link]") == 4
        assert "\\x1b[31mred \\x9b \\u202e" in text and "\x1b[31m" not in text
        assert not set("\x9b\u202e") & set(text) and "([red]v)" in text
