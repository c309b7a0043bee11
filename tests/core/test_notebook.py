"""What a notebook shows: every text escaped, nothing that acts or is fetched."""

import re
from html.parser import HTMLParser

import flan_tasks as ft
from flan_tasks.core import notebook
from flan_tasks.core.template import TemplateSet

HOSTILE = (
    """<script>alert(1)</script><img src=x onerror="alert('2')"> & {{x}} "'> \x1b[31m\u202e $x$"""
)
ALLOWED = {
    *("div", "strong", "table", "thead", "tbody", "tr", "th", "td", "pre", "em"),
}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, list]] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def check(html: str) -> str:
    """Checks that some HTML is well formed and does nothing; returns its text."""
    parser = _Tags()
    parser.feed(html)
    parser.close()
    assert not parser.open
    assert {tag for tag, _ in parser.tags} <= ALLOWED
    for _, attributes in parser.tags:
        assert {name for name, _ in attributes} <= {"class", "style"}
        assert not any("url" in str(value) for _, value in attributes)
    assert not re.search("[\x00-\x08\x1b\u202e]", html)
    return parser.text


def shows(text: str, html: str) -> bool:
    return text in check(html)


SEEN = HOSTILE.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")


def test_hostile_texts_are_shown_as_they_are():
    facts = notebook.facts([(HOSTILE, HOSTILE)])
    table = notebook.table([HOSTILE], [[HOSTILE]])
    for html in (facts, table, notebook.page(HOSTILE, facts)):
        assert shows(SEEN, html)


def test_a_long_text_says_how_much_of_it_is_left():
    found = check(notebook.text("a" * (notebook.LONGEST + 1_234)))
    assert found == "a" * notebook.LONGEST + "… 1,234 more characters"


def test_a_mixture_shows_what_it_declares():
    declared = ft.Mixture(name="mine", description=HOSTILE, include=("rte", "copa"), cap=7)
    found = check(declared._repr_html_())
    for text in ("mine", SEEN, "rte, copa", "cap", "7"):
        assert text in found
    assert "temperature" not in found  # a default


def test_a_template_shows_its_texts_and_their_fields():
    template = ft.Template(id="one", inputs=f"{{question}} {HOSTILE}", targets="{answer}")
    html = template._repr_html_()
    found = check(html)
    assert "{question}" in found and SEEN.replace("{{x}}", "{x}") in found
    assert "<strong>{question}</strong>" in html and "<strong>{x}</strong>" not in html
    whole = TemplateSet(HOSTILE, (template,), comment=HOSTILE)._repr_html_()
    assert "one" in check(whole) and SEEN in check(whole)


def test_published_templates_and_mixtures_are_shown():
    from flan_tasks.datasets import catalog

    assert "{premise}" in check(ft.templates("rte")._repr_html_())
    assert "without.nli" in check(catalog().mixture("without.nli")._repr_html_())


def test_rows_are_shown_with_their_prompts(own):
    import importlib

    _, module = own([{"haiku": HOSTILE, "season": "spring"} for _ in range(9)])
    importlib.import_module(module)
    view = ft.rows("haiku")
    for html in (view._repr_html_(), view[2:5]._repr_html_()):
        found = check(html)
        assert SEEN in found and "haiku" in found
    assert "0" in check(view[2:2]._repr_html_())
