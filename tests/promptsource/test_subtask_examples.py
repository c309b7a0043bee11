"""Examples of subtasks: input, target and allowed answers."""

import pytest

from flan_tasks.core.example import Skip
from flan_tasks.promptsource import examples
from flan_tasks.promptsource.examples import SubtaskPrompts, prompted_example
from flan_tasks.promptsource.files import PromptTemplate
from flan_tasks.promptsource.folder import PromptFolder
from flan_tasks.promptsource.index import Subtask, subtask
from flan_tasks.promptsource.rendering import Draws, Renderer


def example(jinja, choices=None, row=()):
    template = PromptTemplate(id="t", name="n", jinja=jinja, answer_choices=choices)
    return prompted_example(dict(row), Renderer(template, where="f"), Draws(0, "d", "t", "train:0"))


def test_an_example_has_the_prompt_the_target_and_the_options():
    one = example("a or b?\n ||| {{ answer_choices[1] }}", "a ||| b")
    assert dict(one.fields) == {"inputs": "a or b?", "targets": "b"}
    assert (one.options, one.answer, one.key) == (("a", "b"), "b", "train:0")


def test_without_allowed_answers_there_are_no_options():
    one = example("Name a bird. ||| {{ bird }}", row={"bird": "wren"}.items())
    assert (one.options, one.answer) == ((), "wren")


@pytest.mark.parametrize(
    ("jinja", "choices", "skip"),
    [
        ("a", None, examples.NO_TARGET),
        ("a |||", None, examples.NO_TARGET),
        ("||| b", None, examples.NO_INPUT),
        ("a ||| b ||| c", None, examples.SEVERAL_TARGETS),
        ("a ||| c", "a ||| b", examples.OTHER_TARGET),
        ("a ||| b", "b", examples.ONE_CHOICE),
        ("a ||| b", "b ||| ||| b", examples.ONE_CHOICE),
    ],
)
def test_a_row_that_gives_no_example_is_skipped_with_its_reason(jinja, choices, skip):
    assert example(jinja, choices) is skip


def test_an_answer_that_stands_there_twice_is_one_option():
    assert example("a ||| b", "b ||| c ||| b").options == ("b", "c")


def test_an_answer_of_several_lines_is_one_line_among_the_options():
    one = example("a ||| {{ x[0] }}", "{{ x|join('|||') }}", row={"x": ["p\nq", "r"]}.items())
    assert (one.options, one.answer) == (("p q", "r"), "p q")
    assert one.fields["targets"] == "p\nq"


POT = Subtask(
    name="tea_shop_what_goes_into_the_pot_",
    dataset="tea_shop",
    subset="",
    template="what goes into the pot?",
    id="00000000-0000-4000-8000-000000000001",
    original_task=True,
    choices_in_prompt=True,
    metrics=("Accuracy",),
    has_choices=True,
    anli_round=0,
    kind="multiple_choice",
    ranked=False,
    in_t0_sf=False,
    rows={"train": 1},
)
ROW = {"guest": "Mina", "order": "Tea", "choices": {"text": ["hot", "cold"]}, "label": 1}


def test_a_subtask_is_rendered_with_the_template_of_its_id(prompt_folder):
    prompts = SubtaskPrompts(PromptFolder(prompt_folder))
    one = prompts.example(ROW, POT, key="train:3")
    assert one.fields["inputs"] == "Mina asks for tea. What goes into the pot?\n- hot\n- cold"
    assert (one.answer, one.key) == ("cold", "train:3")
    assert prompts.renderer(POT) is prompts.renderer(POT)


def test_a_prompt_is_what_an_identity_template_renders(prompt_folder):
    from flan_tasks.core.render import render
    from flan_tasks.core.template import Template

    one = SubtaskPrompts(PromptFolder(prompt_folder)).example(ROW, POT, key="train:3")
    identity = Template(id="as_published", inputs="{inputs}", targets="{answer}")
    pair = render(identity, one)
    assert (pair.inputs, pair.targets) == (one.fields["inputs"], one.fields["targets"])


@pytest.mark.slow
def test_every_published_template_prepares(real_p3):
    folder = PromptFolder(real_p3 / "templates")
    for title in folder.titles():
        dataset, _, subset = title.partition("/")
        for template in folder.file(dataset, subset).templates:
            Renderer(template, where=title)


def test_wiki_hop_is_read_with_either_name_of_its_question(real_p3):
    one = subtask("wiki_hop_original_choose_best_object_affirmative_1")
    prompts = SubtaskPrompts(PromptFolder(real_p3 / "templates"))
    row = {"supports": ["Owls fly."], "candidates": ["air", "sea"], "answer": "air"}
    made = [
        prompts.example(row | {name: "lives_in owl"}, one, key="train:0")
        for name in ("query", "question")
    ]
    assert made[0] == made[1] and not isinstance(made[0], Skip)
