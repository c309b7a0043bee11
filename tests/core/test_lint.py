import pytest
from conftest import TOY_TEMPLATES, toy_dataset

from flan_tasks.core.example import Example
from flan_tasks.core.lint import lint_across, lint_set
from flan_tasks.core.template import Template, TemplateSet
from flan_tasks.core.template_files import parse_template_set

OWL = Example(fields={"animal": "owl"}, answer="yes", options=("yes", "no"), key="train:0")


def findings(template: Template, *, example=OWL, dataset=None) -> list[str]:
    """What lint says of one template, the set's own findings left out."""
    found = lint_set(dataset or toy_dataset(), TemplateSet("t.toml", (template,)), [example])
    return [f.problem for f in found if f.template]


def test_lint_is_content_with_a_good_template():
    good = Template(id="x", inputs="Is a {animal} a bird?\n\n{options}", targets="{answer}")
    assert findings(good) == []


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        ("Is a {anmal} a bird?", "{answer}", r"uses {anmal}.*Did you mean {animal}\?"),
        ("Is a {animal} a bird: {answer}", "{answer}", "gives the answer away"),
        ("Is a {animal} a bird?", "{animal}", r"targets must hold {answer}"),
        ("Is a {animal} a bird?", "It is {answer}", "answer} alone"),
        ("Is it a bird?", "{answer}", "use no field"),
        ("Is a {animal} a bird? ", "{answer}", "begin or end with a blank"),
        ("Is a  {animal} a bird?", "{answer}", "two blanks in a row"),
        ("Is a {animal} a bird? \n\n{options}", "{answer}", "blank at the end of a line"),
        ("Is a {animal} a bird? {options}", "{answer}", "alone on its line"),
        ("Pick one of the options: {animal}", "{answer}", "speaks of a list"),
        ("Pick from the choices below: {animal}\n\n{options}", "{answer}", "refers to the list"),
        ("Is a {animal}?? a bird", "{answer}", "punctuation doubles up"),
        ("{animal}\n\n\nBird?", "{answer}", "two empty lines"),
    ],
)
def test_lint_finds_in_forward_templates(inputs, targets, message):
    found = findings(Template(id="x", inputs=inputs, targets=targets))
    assert any(__import__("re").search(message, problem) for problem in found), found


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        ("Name an animal.", "{animal}", r"must hold {answer}"),
        ("An animal, {answer}", "{answer}", "not the answer"),
        ("An animal like {animal}, {answer}", "{animal}", "asked for and stands in the prompt"),
        ("An animal, {answer}\n\n{options}", "{animal}", "though it gives the answer"),
    ],
)
def test_lint_finds_in_inverted_templates(inputs, targets, message):
    found = findings(Template(id="x", inputs=inputs, targets=targets, kind="inverted"))
    assert any(message in problem for problem in found), found


def test_lint_finds_quotes_around_an_empty_field():
    template = Template(id="x", inputs='Is "{animal}" a bird?', targets="{answer}")
    empty = Example(fields={"animal": ""}, answer="yes", options=("yes", "no"))
    assert any("empty field" in problem for problem in findings(template, example=empty))


def test_lint_finds_a_mark_that_doubles_only_when_filled():
    template = Template(id="x", inputs="Bird: {animal}?", targets="{answer}")
    asked = Example(fields={"animal": "an owl?"}, answer="yes", options=("yes", "no"))
    assert findings(template) == []
    assert any("an owl??" in problem for problem in findings(template, example=asked))


def test_lint_leaves_marks_of_the_data_alone():
    template = Template(id="x", inputs="Bird: {animal}", targets="{answer}")
    odd = Example(fields={"animal": "owl?? .. ,,"}, answer="yes", options=("yes", "no"))
    assert findings(template, example=odd) == []


def test_lint_counts_templates_and_options_and_asks_for_an_example():
    ours = toy_dataset(collection="flan2021")
    found = lint_set(ours, parse_template_set(TOY_TEMPLATES, path="t.toml"), [OWL])
    problems = "\n".join(f.problem for f in found)
    assert "2 forward templates; 10 are wanted" in problems
    assert "1 of 2 forward templates list {options}; most should" in problems


def test_lint_finds_one_wording_with_a_word_changed():
    texts = [
        f"Could you please tell me whether the {{animal}} that I saw is {word} bird of any kind?"
        for word in ("some", "a")
    ]
    pair = tuple(
        Template(id=f"t{i}", inputs=text, targets="{answer}") for i, text in enumerate(texts)
    )
    found = lint_set(toy_dataset(), TemplateSet("t.toml", pair), [OWL])
    assert any('"t0" and "t1" are' in f.problem for f in found)


def test_lint_finds_an_unused_field():
    dataset = toy_dataset(fields=("animal", "habitat"))
    template = Template(id="x", inputs="Is a {animal} a bird?", targets="{answer}")
    owl = Example(fields={"animal": "owl", "habitat": "barn"}, answer="yes", options=("yes", "no"))
    found = lint_set(dataset, TemplateSet("t.toml", (template,)), [owl])
    assert any('no template uses the field "habitat"' in f.problem for f in found)


def test_lint_checks_the_shown_example():
    text = TOY_TEMPLATES.replace('["yes", "no"]', '["no", "yes"]')
    found = lint_set(toy_dataset(), parse_template_set(text, path="t.toml"), [OWL])
    assert any("[example] options must be ['yes', 'no']" in f.problem for f in found)


def test_lint_across_finds_a_wording_of_another_file():
    def file(path, text):
        return TemplateSet(path, (Template(id="x", inputs=text, targets="{answer}"),))

    same = "Kindly read this through and then decide whether it is a bird: {animal}"
    other = "Kindly read this through and then decide whether it is a fish: {beast}"
    assert lint_across([file("a.toml", same), file("b.toml", "Bird or not? {animal}")]) == []
    (finding,) = lint_across([file("a.toml", same), file("b.toml", same)])
    assert "100% of its wording is that of a.toml" in finding.problem
    assert len(lint_across([file("a.toml", same), file("b.toml", other)])) <= 1


REASONED = toy_dataset(fields=("animal", "why"), rationale="why")
WHY = Example(
    fields={"animal": "owl", "why": "It has feathers."},
    answer="yes",
    options=("yes", "no"),
    key="train:0",
)


@pytest.mark.parametrize(
    ("inputs", "targets", "kind"),
    [
        ("Is a {animal} a bird?", "{why} The answer is {answer}", "forward"),
        ("Ask something that is answered with {answer}.", "{animal}: {why}", "inverted"),
        ("{animal}, as {why} The answer is {answer}. Why?", "{why}", "inverted"),
        ("{why}", "{animal}: {answer}", "inverted"),
    ],
)
def test_reasoning_may_be_given_and_asked_for(inputs, targets, kind):
    template = Template(id="x", inputs=inputs, targets=targets, kind=kind)
    found = findings(template, example=WHY, dataset=REASONED)
    assert found == (["{why} is asked for and stands in the prompt"] if "Why?" in inputs else [])


@pytest.mark.parametrize(
    ("inputs", "targets", "kind", "message"),
    [
        ("Is a {animal} a bird?", "{answer}", "forward", "give {why} first and end in {answer}"),
        ("Is a {animal} a bird?", "{answer}. {why}", "forward", "give {why} first"),
        ("Is a {animal} a bird?", "{why} So {answer}.", "forward", "end in {answer}"),
        ("{why} Is a {animal} a bird?", "{why} {answer}", "forward", "gives the answer away"),
        ("Name an animal.", "{animal}", "inverted", "must hold {answer}"),
        ("{why} {answer}", "{animal} {answer}", "inverted", "not the answer"),
        ("{why}", "{answer}", "inverted", "not the answer"),
    ],
)
def test_lint_finds_what_keeps_an_answer_from_being_read(inputs, targets, kind, message):
    template = Template(id="x", inputs=inputs, targets=targets, kind=kind)
    found = findings(template, example=WHY, dataset=REASONED)
    assert any(message in problem for problem in found), found


def test_options_of_a_row_say_what_is_asked_where_fields_do_without_them():
    options = toy_dataset(options=(), options_per_example=True)
    alone = Template(id="x", inputs="Which is it?\n\n{options}", targets="{answer}")
    assert any("use no field" in found for found in findings(alone, dataset=options))
    either = Template(
        id="x",
        inputs=alone.inputs,
        targets="{answer}",
        inputs_without_options="Is a {animal} a bird?",
    )
    assert findings(either, dataset=options) == []
