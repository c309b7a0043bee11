import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.errors import TemplateError
from flan_tasks.core.example import Example
from flan_tasks.core.render import render
from flan_tasks.core.template import Template

TEMPLATE = Template(id="x", inputs="Say {a}.\n\n{options}", targets="{answer}")


def test_render_lists_options():
    example = Example(fields={"a": "it"}, answer="no", options=("yes", "no"))
    filled = render(TEMPLATE, example)
    assert filled.inputs == "Say it.\n\nOPTIONS:\n- yes\n- no"
    assert filled.targets == "no"


def test_render_without_options_leaves_no_blank_line():
    example = Example(fields={"a": "it"}, answer="no", options=("yes", "no"))
    assert render(TEMPLATE, example, options=False).inputs == "Say it."


@given(st.text(min_size=1).filter(lambda text: text.strip()))
def test_render_puts_text_in_as_it_is(text):
    if any("\ud800" <= c <= "\udfff" for c in text):
        return
    template = Template(id="x", inputs="<{a}>", targets="{answer}")
    example = Example(fields={"a": text}, answer="{a} {{b}} {options}")
    filled = render(template, example)
    assert filled.inputs == f"<{example.fields['a']}>"
    assert filled.targets == "{a} {{b}} {options}"


def test_render_names_a_field_the_example_lacks():
    with pytest.raises(TemplateError, match=r'"x" uses \{a\}; example k has b'):
        render(TEMPLATE, Example(fields={"b": "it"}, answer="no", key="k"))
