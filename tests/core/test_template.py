from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.errors import TemplateError
from flan_tasks.core.template import Template, drop_options_line, parse_text
from flan_tasks.core.template_files import parse_template_set, read_template_set


def test_parse_text_splits_at_fields():
    pieces = parse_text("A {b} and {{c}}.")
    assert pieces == ((False, "A "), (True, "b"), (False, " and {c}."))


@given(st.text("ab{} \n"))
def test_parse_text_keeps_every_letter_of_escaped_text(text):
    escaped = text.replace("{", "{{").replace("}", "}}")
    assert "".join(piece for _, piece in parse_text(escaped)) == text


@pytest.mark.parametrize("text", ["{", "a } b", "{A}", "{a b}", "{}", "{a!r}", "{a.b}", "{a[0]}"])
def test_parse_text_refuses_what_is_no_field(text):
    with pytest.raises(ValueError, match="is no field"):
        parse_text(text)


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("Q?\n\n{options}", "Q?"),
        ("A\n{options}\nAnswer:", "A\nAnswer:"),
        ("A\n\n{options}\n\nAnswer:", "A\n\nAnswer:"),
        ("{options}\n\nQ?", "Q?"),
        ("no list", "no list"),
    ],
)
def test_drop_options_line_takes_the_blank_line_with_it(text, dropped):
    assert drop_options_line(text) == dropped


def template(id_="x", extra=""):
    return (
        f"[[template]]\nid = \"{id_}\"\ninputs = '''\nQ {{a}}'''\ntargets = '{{answer}}'\n{extra}"
    )


def test_parse_template_set_reads_comment_and_templates():
    found = parse_template_set("# What it\n# asks.\n\n" + template(), path="t.toml")
    assert (found.comment, found.ids, found["x"].inputs) == ("What it asks.", ("x",), "Q {a}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (template() + template(), 't.toml: 2 templates have the id "x"; ids must be unique'),
        ("[[template]]\nid = 'x'\ninputs = 'Q'", "t.toml: template 'x': no \"targets\""),
        ("[[template]]\nid = 'x'\ninputs = 'Q'\ntargets = ''", "no targets text"),
        (template(extra="kind = 'backward'"), 'kind "backward" must be one of'),
        (template(extra="weight = 3"), 'unknown key "weight"'),
        (template("rank"), 'id "rank" is taken'),
        (template("7"), 'id "7" must be lower-case'),
        ("[[template]\n", "not valid TOML"),
        ("", r"no \[\[template\]\]"),
        ("[[template]]\nid = 'x'\ninputs = 'Q {a'\ntargets = 'b'", "inputs: '{' near"),
        ("[example]\na = 3\n" + template(), '"a" must be text'),
        ("template = [1]", "template 1: is 1; wanted a table"),
        ("template = 1", r"no \[\[template\]\]"),
        ("example = 3\n" + template(), r"\[example\]: is 3; wanted one table"),
        ("[[example]]\na = '1'\n" + template(), r"\[example\]: is several tables; wanted one"),
        ("[example]\nanswer = {}\n" + template(), '"answer" must be text'),
        ("x = " + "[" * 5000, "not valid TOML: it is nested too deeply"),
        ("x = " + "9" * 5000, "not valid TOML"),
        (template("x" * 300), "id has 300 characters; 100 are allowed"),
        ("[[template]]\nid = 'x'\ninputs = \"a\\u0000\"\ntargets = 'b'", "inputs holds a NUL"),
    ],
)
def test_parse_template_set_names_what_is_wrong(text, message):
    with pytest.raises(TemplateError, match=message):
        parse_template_set(text, path="t.toml")


def test_parse_template_set_lists_all_problems_of_a_file():
    text = template(extra="kind = 'a'\n") + template("y", extra="kind = 'b'")
    with pytest.raises(TemplateError) as caught:
        parse_template_set(text, path="t.toml")
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("changes", [{"id": 3}, {"inputs": None}, {"targets": ["x"]}, {"kind": 1}])
def test_template_refuses_what_is_no_text(changes):
    with pytest.raises(TemplateError, match="want str"):
        Template(**{"id": "x", "inputs": "a", "targets": "b", **changes})


def test_a_path_that_no_file_can_have_is_named():
    with pytest.raises(TemplateError, match="cannot be read"):
        read_template_set(Path("a\0b.toml"))
    with pytest.raises(TemplateError, match=r"x\\udcff.toml: cannot be read"):
        read_template_set(Path("x\udcff.toml"))


def test_read_template_set_names_a_missing_file(tmp_path):
    with pytest.raises(TemplateError, match="none.toml: cannot be read: No such file"):
        read_template_set(tmp_path / "none.toml")


def test_template_without_options_takes_its_own_wording():
    made = Template(
        id="x", inputs="Pick.\n\n{options}", targets="{answer}", inputs_without_options="Say."
    )
    assert made.pieces["inputs", False] == ((False, "Say."),)


def test_a_byte_order_mark_before_templates_is_no_text(tmp_path):
    (tmp_path / "t.toml").write_text("# What it asks.\n\n" + template(), encoding="utf-8-sig")
    found = read_template_set(tmp_path / "t.toml")
    assert found.comment == "What it asks." and found.ids == ("x",)
