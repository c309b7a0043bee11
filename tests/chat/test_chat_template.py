"""Where a template is looked for, what it can do, and what it is not let do."""

import datetime
import json
import shutil

import pytest

pytest.importorskip("tokenizers")
pytest.importorskip("jinja2")

from chat_by_hand import shape  # noqa: E402

from flan_tasks.chat.files import read_chat_files  # noqa: E402
from flan_tasks.chat.template import ChatTemplate  # noqa: E402
from flan_tasks.core.errors import ChatTemplateError  # noqa: E402
from flan_tasks.core.messages import Message  # noqa: E402

TURNS = [Message("user", "A leaf?"), Message("assistant", "<é> Green.\n", "It is spring.")]


def render(text: str, **more) -> str:
    date = datetime.date(2024, 7, 26)
    return ChatTemplate(text, {"eos_token": "</s>"}, date=date, where="it").render(TURNS, **more)


def test_blocks_are_trimmed_loops_end_and_json_is_not_escaped():
    text = """\
{% for turn in messages %}
  {% if loop.index == 2 %}
    {% break %}
  {% endif %}
{{ turn | tojson }}
{% endfor %}
{{ strftime_now("%d %B %Y") }}{{ eos_token }}{{ bos_token }}
"""
    found = render(text)
    assert found == '{"role": "user", "content": "A leaf?"}\n26 July 2024</s>'
    assert render("{{ messages[1].content | tojson }}") == '"<é> Green.\\n"'


def test_thoughts_reach_a_template_as_reasoning_content():
    assert render("{{ messages[1].reasoning_content }}") == "It is spring."
    assert render("{{ enable_thinking is defined }}") == "False"
    assert render("{{ enable_thinking }}", thinks=False) == "False"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ raise_exception('only cherries') }}", "refuses the conversation: only cherries"),
        ("{{ messages.append(1) }}", "is not safely callable|refuses"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{% for %}", "it is no template"),
    ],
)
def test_what_fails_in_a_template_is_told_in_its_words(text, reason):
    with pytest.raises(ChatTemplateError, match=reason):
        render(text)


@pytest.mark.parametrize(
    ("beside", "origin"),
    [
        ({}, "chat_template.jinja"),
        ({"chat_template.jinja": None, "chat_template.json": {"chat_template": "b"}}, "json"),
        ({"chat_template.jinja": None, "tokenizer_config.json": {"chat_template": "a"}}, "config"),
    ],
)
def test_the_template_is_found_where_transformers_looks(tmp_path, beside, origin):
    assert origin in read_chat_files(changed(tmp_path, beside)).origin


@pytest.mark.parametrize(
    ("beside", "reason"),
    [
        ({"chat_template.jinja": None}, "has no chat template.*a base model has none"),
        (
            {
                "chat_template.jinja": None,
                "tokenizer_config.json": {"chat_template": [{"name": "rag", "template": "x"}]},
            },
            'none called "default": rag',
        ),
        ({"tokenizer_config.json": "{"}, "tokenizer_config.json cannot be read"),
        ({"tokenizer_config.json": []}, "wanted a JSON object"),
    ],
)
def test_a_folder_without_a_template_or_with_a_damaged_file_is_refused(tmp_path, beside, reason):
    with pytest.raises(ChatTemplateError, match=reason):
        read_chat_files(changed(tmp_path, beside))


def test_of_several_templates_the_default_is_taken(tmp_path):
    several = [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "yes"}]
    beside = {"chat_template.jinja": None, "tokenizer_config.json": {"chat_template": several}}
    assert read_chat_files(changed(tmp_path, beside)).template == "yes"


def test_a_path_that_is_no_folder_says_how_to_make_one(tmp_path):
    with pytest.raises(ChatTemplateError, match="is no folder; want one with tokenizer.json"):
        read_chat_files(tmp_path / "none")


def changed(folder, beside: dict):
    """A copy of a shape with other files; None takes one away."""
    made = shutil.copytree(shape("chatml"), folder / "made")
    for name, held in beside.items():
        if held is None:
            (made / name).unlink()
        else:
            (made / name).write_text(held if isinstance(held, str) else json.dumps(held))
    return made
