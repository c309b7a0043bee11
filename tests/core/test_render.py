import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.errors import TemplateError
from flan_tasks.core.example import Example
from flan_tasks.core.render import format_options, render, render_columns
from flan_tasks.core.template import Template, drop_empty_fields

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


ALPACA = """\
Below is an instruction.

### Instruction:
{instruction}

### Input:
{input}

### Response:"""


@pytest.mark.parametrize(
    "text, empty, wanted",
    [
        (ALPACA, {"input"}, ALPACA.replace("### Input:\n{input}\n\n", "")),
        ("{history}\n\n{question}", {"history"}, "{question}"),
        ("{question}\n\n{hint}", {"hint"}, "{question}"),
        ("Title: {title}\n{text}", {"title"}, "{text}"),
        ("**Title:** {title}\nText:\n{text}", {"title"}, "Text:\n{text}"),
        ('Read:\n"{text}"\n\nSo?', {"text"}, "So?"),
        ("a\n{x}\nb", {"x"}, "a\nb"),
        ("Both:\n{x}\n{y}", {"x"}, "Both:\n{y}"),
        ("Both:\n{x}\n{y}", {"x", "y"}, "Both:\n{x}\n{y}"),
        ("a\n\n{x}\n\n{y}\n\nb", {"x", "y"}, "a\n\nb"),
        # Within wording it stays, for lint to tell.
        ("He said {x} and left.", {"x"}, "He said {x} and left."),
        ("{x}: {y}", {"y"}, "{x}: {y}"),
        ("{x}", {"x"}, "{x}"),
        ("Note:\n\n{x}\n\nSo?", {"x"}, "So?"),
        ("中文：{x}\nb", {"x"}, "b"),
        ("Note:{x}\nb", {"x"}, "b"),
        ("- {x}\n- {y}", {"x"}, "- {y}"),
        ("1. {x}\n2. {y}", {"y"}, "1. {x}"),
        # Longer wording may be what is asked.
        ("Now answer this question: {x}\nb", {"x"}, "Now answer this question: {x}\nb"),
        ("Is that so? Go by this: {x}\nb", {"x"}, "Is that so? Go by this: {x}\nb"),
        ("Is it true? Go by this:\n{x}", {"x"}, "Is it true? Go by this:"),
    ],
)
def test_lines_of_an_empty_field_and_its_label_go(text, empty, wanted):
    assert drop_empty_fields(text, empty) == wanted


def test_empty_fields_are_left_out_one_by_one_and_by_columns():
    templates = [
        Template(id="a", inputs="Note: {note}\n\n{text}\n\n{options}", targets="{answer}"),
        Template(id="b", inputs="{text}\n\n{note}", targets="{answer} {note}"),
    ]
    examples = [
        Example(fields={"note": note, "text": "t"}, answer="x", options=("x", "y"), key="k")
        for note in ("n", "")
    ]
    for shown in (True, False):
        alone = [render(t, e, options=shown) for t in templates for e in examples]
        columns = {
            "answer": ["x"] * 4,
            "note": ["n", "", "n", ""],
            "text": ["t"] * 4,
            "options": [format_options(("x", "y"))] * 4,
        }
        inputs, targets = render_columns(templates, [0, 0, 1, 1], columns, options=shown)
        assert inputs == [one.inputs for one in alone]
        assert targets == [one.targets for one in alone]
        assert inputs[3] == "t" and targets[3] == "x "
        assert inputs[1] == ("t\n\nOPTIONS:\n- x\n- y" if shown else "t")
