"""Template files of promptsource, read as data."""

import pytest

from flan_tasks.core.errors import SourceUnavailableError, TemplateError, UnknownNameError
from flan_tasks.promptsource.files import parse_prompt_file, read_prompt_file
from flan_tasks.promptsource.folder import PromptFolder

ONE = """\
dataset: tea
templates:
  a: !Template
    id: a
    name: plain
    jinja: '{{x}} ||| y'
"""


def test_a_file_is_read_with_its_metadata(prompt_folder):
    file = read_prompt_file(prompt_folder / "tea_shop" / "templates.yaml")
    assert (file.title, len(file.templates)) == ("tea_shop", 2)
    pot, note = file.templates
    assert pot.name == "what goes into the pot?"
    assert (pot.original_task, pot.choices_in_prompt, pot.metrics) == (True, True, ("Accuracy",))
    # Null fields and the key that older versions wrote.
    assert (note.answer_choices, note.choices_in_prompt, note.metrics) == (None, None, ())
    assert file["note"] is file[note.id] is note


def test_metadata_may_be_missing():
    assert parse_prompt_file(ONE, where="f")["plain"].metrics == ()


def test_a_name_that_two_templates_have_is_asked_for_by_id():
    other = ONE.split("templates:\n")[1].replace("a: !T", "b: !T").replace("id: a", "id: b")
    file = parse_prompt_file(ONE + other, where="f")
    assert file["b"].id == "b"
    with pytest.raises(TemplateError, match="2 templates are called 'plain'.*a, b"):
        file["plain"]


def test_an_unknown_template_names_the_nearest():
    with pytest.raises(UnknownNameError, match='template of tea "plane". Did you mean plain'):
        parse_prompt_file(ONE, where="f")["plane"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "f, line 2: "),
        ("- a", "f: wanted a mapping"),
        ("", "f: wanted a mapping"),
        ("dataset: x\ntemplates: []", "templates must be a mapping"),
        ("dataset: 3\ntemplates: {}", "dataset must be the name of a data set, not 3"),
        ("dataset: x\nsubset: 1\ntemplates: {}", "subset must be text, not 1"),
        ("dataset: x\ncolor: red\ntemplates: {}", "unknown key 'color'"),
        ("dataset: x\ndataset: y\ntemplates: {}", "dataset stands there twice"),
        ("dataset: x\ntemplates: {a: {id: a}}", "template 'a': it has no tag !Template"),
        (ONE + "    color: red\n", "template 'plain': unknown key 'color'"),
        (ONE.replace("name: plain", "name: 3"), "template 'a': name must be text, not 3"),
        (ONE.replace("name: plain", "x: y"), "name must be text, not None"),
        (ONE + "    answer_choices: 3\n", "answer_choices"),
        (ONE + "    metadata: 3\n", "metadata must be a mapping, not 3"),
        (ONE + "    metadata: {color: red}\n", "unknown key 'color' of metadata"),
        (ONE + "    metadata: {metrics: Accuracy}\n", "metrics must be a list of texts"),
        (ONE + "    metadata: {original_task: maybe}\n", "original_task"),
        (ONE + "    reference: 3\n", "reference"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("!Other {}", "could not determine a constructor for the tag '!Other'"),
        ("[" * 5000, "f"),
    ],
)
def test_a_malformed_file_is_named_with_its_problem(text, problem):
    with pytest.raises(TemplateError, match=f"(?s)^(?=f).*({problem})"):
        parse_prompt_file(text, where="f")


def test_all_problems_of_a_file_are_named_together():
    text = ONE + "    color: red\n  b: !Template {id: b, name: two, jinja: 3}\n"
    with pytest.raises(TemplateError, match="'plain': unknown key .*'two': jinja must be text"):
        parse_prompt_file(text, where="f")


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "templates.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TemplateError, match="templates.yaml: cannot be read as UTF-8"):
        read_prompt_file(tmp_path / "templates.yaml")


def test_a_copy_is_found_from_each_of_its_folders(prompt_folder):
    for path in (prompt_folder, prompt_folder.parent):
        folder = PromptFolder(path)
        assert folder.titles() == ("bird_notes/short", "tea_shop")
        assert folder.file("bird_notes", "short").title == "bird_notes/short"
        assert folder.file("tea_shop") is folder.file("tea_shop")


def test_what_a_copy_lacks_says_where_it_comes_from(prompt_folder, tmp_path):
    with pytest.raises(SourceUnavailableError, match="no qasc/templates.yaml. .*git clone"):
        PromptFolder(prompt_folder).file("qasc")
    with pytest.raises(SourceUnavailableError, match="has no templates.yaml. .*git clone"):
        PromptFolder(tmp_path)
    with pytest.raises(SourceUnavailableError, match="no folder .*Apache-2.0"):
        PromptFolder(tmp_path / "nothing")
