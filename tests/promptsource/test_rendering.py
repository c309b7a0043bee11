"""Prompts of rows: draws, separators, allowed answers, and cut texts."""

import collections

import pytest

from flan_tasks.core.errors import RowError, TemplateError
from flan_tasks.core.example import Skip
from flan_tasks.promptsource.files import PromptTemplate
from flan_tasks.promptsource.folder import PromptFolder
from flan_tasks.promptsource.rendering import NOTHING_PRINTED, NOTHING_TO_CHOOSE, Draws, Renderer

TEA = {
    "guest": "Mina",
    "order": "Something Green.",
    "choices": {"text": ["sencha", "oolong", "rooibos"], "label": ["A", "B", "C"]},
    "label": 0,
    "notes": ["hot", "with lemon", "two cups"],
}


def draws(key="train:0", epoch=0, seed=0, template="t"):
    return Draws(seed, "tea_shop", template, key, epoch)


def renderer(jinja, *, cut=None, **given):
    return Renderer(PromptTemplate(id="t", name="n", jinja=jinja, **given), where="f", cut=cut)


def test_allowed_answers_are_rendered_first_and_used(prompt_folder):
    template = PromptFolder(prompt_folder).file("tea_shop")["what goes into the pot?"]
    prompt = Renderer(template, where="f").render(TEA, draws())
    assert prompt.parts == (
        "Mina asks for something green. What goes into the pot?\n- sencha\n- oolong\n- rooibos",
        "sencha",
    )
    assert prompt.answer_choices == ("sencha", "oolong", "rooibos")


def test_lists_of_the_template_and_zip_work(prompt_folder):
    file = PromptFolder(prompt_folder).file("bird_notes", "short")
    prompt = Renderer(file["seen or heard"], where="f").render(
        {"text": "a wren sang", "label": 1}, draws()
    )
    assert prompt.parts == ("A Wren Sang\nWas the bird seen or heard?", "heard")
    row = {"first": ["wren", "owl", "wren"], "second": ["wren", "owl", "tit"], "verdict": "seen"}
    prompt = Renderer(file["two lists"], where="f").render(row, draws())
    assert prompt.parts == ("The two lists agree 2 times. Most often: wren", "seen")


def test_a_row_for_which_nothing_is_printed_is_skipped(prompt_folder):
    note = Renderer(PromptFolder(prompt_folder).file("tea_shop")["note"], where="f")
    assert note.render(TEA | {"notes": []}, draws()) is NOTHING_PRINTED
    assert renderer("{{ notes|choice }} ||| x").render({"notes": []}, draws()) is NOTHING_TO_CHOOSE


def test_draws_depend_on_seed_key_epoch_and_template_alone(prompt_folder):
    note = Renderer(PromptFolder(prompt_folder).file("tea_shop")["note"], where="f")
    first = [note.render(TEA, draws(f"train:{n}")) for n in range(30)]
    # In another order, and with other rows between.
    assert [note.render(TEA, draws(f"train:{n}")) for n in reversed(range(30))] == first[::-1]
    for other in ({"epoch": 1}, {"seed": 1}, {"template": "u"}):
        assert [note.render(TEA, draws(f"train:{n}", **other)) for n in range(30)] != first
    assert len({prompt.parts for prompt in first}) == 9


def test_a_draw_is_uniform_and_known():
    one = renderer("{{ [0, 1, 2]|choice }}{{ [0, 1, 2]|random }} ||| x")
    texts = [one.render({}, draws(f"train:{n}")).parts[0] for n in range(900)]
    counts = collections.Counter(texts)
    assert len(counts) == 9 and min(counts.values()) > 70
    # A change here changes the data of everyone.
    assert texts[:8] == ["01", "20", "10", "20", "00", "22", "21", "12"]


def test_separators_in_a_row_are_no_separators():
    one = renderer("{{ text }} ||| {{ answer_choices[0] }}", answer_choices="{{ text }}|||b")
    prompt = one.render({"text": "a ||| b"}, draws())
    assert prompt.parts == ("a ||| b", "a ||| b")
    assert prompt.answer_choices == ("a ||| b", "b")


@pytest.mark.parametrize(
    ("jinja", "parts"),
    [
        ("{% if x %}a ||| b{% else %}c ||| d{% endif %}", ("a", "b")),
        ("a ||| b ||| c", ("a", "b", "c")),
        ("a", ("a",)),
        (" \n a\n ||| \n b ", ("a", "b")),
        ("||| b", ("", "b")),
    ],
)
def test_parts_are_those_that_are_printed(jinja, parts):
    assert renderer(jinja).render({"x": 1}, draws()).parts == parts


def test_a_column_called_answer_choices_is_an_error():
    with pytest.raises(RowError, match="f: template 'n': the row has a column answer_choices"):
        renderer("a ||| b").render({"answer_choices": []}, draws())


def test_a_hyphen_in_a_column_is_an_underscore_in_a_template():
    assert renderer("{{ is_it }} ||| b").render({"is-it": "yes"}, draws()).parts[0] == "yes"


def test_a_column_that_is_no_plain_value_is_named():
    with pytest.raises(RowError, match='column "x" holds a object'):
        renderer("{{ x }}").render({"x": [object()]}, draws())


def test_an_error_names_the_template_the_example_and_the_columns():
    with pytest.raises(RowError) as caught:
        renderer("{{ question.split(' ') }} ||| x").render({"query": "a b"}, draws("train:7"))
    assert str(caught.value) == (
        "f: template 'n', example train:7: it fails with UndefinedError: 'question' is undefined. "
        "The row has query"
    )


def test_a_malformed_template_is_named_with_its_line():
    with pytest.raises(TemplateError, match="f: template 'n', line 2 of its Jinja: "):
        renderer("a\n{% if %}")


LONG = {"a": "word " * 900, "b": "w" * 2053}


def test_texts_are_whole_unless_they_are_to_be_cut():
    jinja = "{{ a }}|{{ b -}} \n!{{ 'x' ~ a }} ||| y"
    assert renderer(jinja).render(LONG, draws()).parts[0].startswith("word " * 900 + "|")
    first, rest = renderer(jinja, cut=2048).render(LONG, draws()).parts[0].split("|")
    # As Jinja cuts: at a blank, with five characters of leeway; the last operand alone.
    assert first == ("word " * 409).strip() + "..."
    assert rest == LONG["b"] + "!x" + first


def test_skips_are_counted_by_their_reason():
    assert isinstance(NOTHING_PRINTED, Skip) and "prints nothing" in NOTHING_PRINTED.reason
