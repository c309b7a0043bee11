"""Text of anyone's, where it is shown: it reads as it is and acts nowhere."""

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from flan_tasks.core.escaping import (
    for_code_block,
    for_line,
    for_markdown,
    for_terminal,
    for_yaml,
)

# With what GitHub and the hub add to CommonMark, and HTML let through as they do.
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
ANY = st.text(st.characters() | st.sampled_from("<>[]()!`*_~|#-+=.:&;\\\n\r\t\x1b\u2028\u202e$"))
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](https://example.org/track.png)",
    "`code` and ``more``",
    "# heading",
    "- item\n- item",
    "1. one",
    "> quoted",
    "---",
    "===",
    "a | b",
    "&lt;b&gt; &#106;avascript:",
    "*a* **b** _c_ ~~d~~",
    "[ref]: https://example.org",
    "<!-- comment",
    "a\\",
    "\\<b>",
)


def kinds(tokens):
    for token in tokens:
        yield token.type
        yield from kinds(token.children or ())


def shown_text(tokens):
    """What a reader sees of inline Markdown."""
    pieces = [
        token.content if token.type in ("text", "text_special") else shown_text(token.children)
        for token in tokens
        if token.type in ("text", "text_special") or token.children
    ]
    return "".join(pieces)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_is_a_paragraph_that_reads_as_the_text(text):
    tokens = MARKDOWN.parse(for_markdown(text))
    assert set(kinds(tokens)) <= {
        *("paragraph_open", "inline", "text", "text_special", "paragraph_close")
    }
    assert shown_text(tokens) == " ".join(text.split())


@given(ANY)
def test_no_text_is_markup_in_a_paragraph_or_a_table(text):
    allowed = {"paragraph_open", "inline", "text", "text_special", "paragraph_close"}
    assert set(kinds(MARKDOWN.parse(for_markdown(text)))) <= allowed
    table = MARKDOWN.parse(f"| a | b |\n|---|---|\n| {for_markdown(text)} | end |\n")
    assert [token.content for token in table if token.type == "inline"][-1] == "end"
    assert sum(token.type == "td_open" for token in table) == 2


def test_no_run_of_marks_is_markup():
    allowed = {"paragraph_open", "inline", "text", "text_special", "paragraph_close"}
    for length in range(1, 6):
        for letters in itertools.product("_0 .*", repeat=length):
            text = "".join(letters)
            assert set(kinds(MARKDOWN.parse(for_markdown(text)))) <= allowed, text


@pytest.mark.parametrize("text", ["Tom and A. Roe 2016, A_b: x (2nd ed.)", "CC-BY-4.0", "a & b"])
def test_plain_text_stays_as_it_is(text):
    assert for_markdown(text) == text


@given(ANY)
def test_yaml_gives_the_text_back(text):
    yaml = pytest.importorskip("yaml")
    quoted = for_yaml(text)
    assert yaml.safe_load(f"- {quoted}\n- end") == [text, "end"]
    assert len(quoted.splitlines()) == 1


@given(ANY)
def test_a_terminal_gets_no_control_character(text):
    shown = for_terminal(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in shown if c not in "\n\t")
    assert not set("\u2028\u2029\u202e\u2066") & set(shown)
    shown.encode()
    assert len(for_line(text).splitlines()) <= 1


def test_what_is_changed_can_be_read():
    assert for_terminal("a\x1b[31m\x9b\u202e\r\ud800") == "a\\x1b[31m\\x9b\\u202e\\x0d\\ud800"
    # Joiners make letters and emoji what they are.
    family = "\U0001f468\u200d\U0001f469 \u0645\u06cc\u200c\u0634\u0648\u062f"
    assert for_terminal(family) == family


@given(ANY)
def test_nothing_ends_a_code_block(text):
    tokens = MARKDOWN.parse(f"by\n\n{for_code_block(text)}\n\nafter")
    blocks = [token.type for token in tokens if token.type in ("code_block", "inline")]
    assert blocks in (["inline", "code_block", "inline"], ["inline", "inline"])
