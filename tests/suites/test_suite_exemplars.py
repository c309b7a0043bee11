"""Published exemplars, read as they are written down."""

import json

import pytest

from flan_tasks.core.errors import RowError
from flan_tasks.suites.exemplars import digest, solved_of_prompt, solved_of_text

PROMPT = (
    "Do it.\n\nMind the gap.\n\nQ: one\n-----\nis?\nA: Think.\nSo the answer is 1.\n\n"
    "Q: two is?\nA: So the answer is (B)."
)
CANARY = "NEVER TO BE TRAINED ON 26b5\n-----\n"
DIALOGS = {
    "de": {
        "10": {"q": "Frage: zehn?", "a": "Antwort: 10."},
        "2": {"q": "Frage: zwei?", "a": "Antwort: 2."},
    },
    "ja": {"1": {"q": "問題：一？", "a": "答え：1。"}},
    "fr": {"1": {"q": "Question : un ?", "a": "Réponse : 1."}},
}


def test_the_canary_line_is_no_part_of_a_prompt():
    with_canary, without = solved_of_prompt(CANARY + PROMPT), solved_of_prompt(PROMPT)
    assert with_canary == without
    assert without.about == {"description": "Do it.\n\nMind the gap."}
    first, second = without.exemplars
    # Dashes within an exemplar stay.
    assert first["exemplar"].startswith("Q: one\n-----\nis?\nA:")
    assert first["question"] == "one\n-----\nis?" and first["final"] == "1"
    assert second["answer"] == " So the answer is (B)." and second["final"] == "(B)"


def test_a_checkout_of_windows_gives_the_same_prompt():
    text = (CANARY + PROMPT).replace("\n", "\r\n")
    assert solved_of_prompt(text) == solved_of_prompt(PROMPT)


def test_a_canary_line_is_never_asked():
    with pytest.raises(RowError, match="hold a canary line"):
        solved_of_prompt("Description. canary GUID 26b5\n\n" + PROMPT)


def test_description_and_exemplars_are_the_whole_prompt():
    solved = solved_of_prompt(CANARY + PROMPT)
    pieces = [solved.about["description"], *(one["exemplar"] for one in solved.exemplars)]
    assert "\n\n".join(pieces) == PROMPT


def test_an_exemplar_that_lost_its_answer_is_taken_as_it_is():
    solved = solved_of_prompt("About.\n\nQ: lost its answer\n\nQ: whole?\nA: So the answer is 2.")
    assert [one["exemplar"] for one in solved.exemplars][0] == "Q: lost its answer"
    assert solved.exemplars[0]["answer"] == "" and solved.exemplars[1]["final"] == "2"


def test_prompts_of_many_tasks_stand_in_one_object():
    text = json.dumps({"one": PROMPT, "two": "Two."})
    assert solved_of_text(text, "prompts", task="one") == solved_of_prompt(PROMPT)
    assert solved_of_text(text, "prompts", task="two").exemplars == ()
    with pytest.raises(RowError, match="no text of the task three"):
        solved_of_text(text, "prompts", task="three")


@pytest.mark.parametrize("form", ["json", "json of values alone", "python"])
def test_questions_come_in_the_order_of_their_numbers_with_labels(form):
    table = json.dumps(DIALOGS, ensure_ascii=False)
    text = {
        "json": f'{{"OTHER": [1], "MGSM_EXEMPLARS": {table}}}',
        "json of values alone": table,
        "python": f"import os\nOTHER = [os.getcwd()]\nMGSM_EXEMPLARS = {table}\n",
    }[form]
    german = solved_of_text(text, "questions", task="de")
    assert [one["answer"] for one in german.exemplars] == ["Antwort: 2.", "Antwort: 10."]
    assert german.about == {"question_label": "Frage: ", "answer_label": "Antwort: "}
    assert solved_of_text(text, "questions", task="ja").about["question_label"] == "問題："
    assert solved_of_text(text, "questions", task="fr").about["answer_label"] == "Réponse : "


def test_a_file_of_python_is_never_run(tmp_path):
    mark = tmp_path / "ran"
    text = f"MGSM_EXEMPLARS = __import__('pathlib').Path({str(mark)!r}).touch()"
    with pytest.raises(RowError, match="cannot be read"):
        solved_of_text(text, "questions", task="de")
    assert not mark.exists()


@pytest.mark.parametrize(
    "text",
    ["{", "[1]", "MGSM_EXEMPLARS = 3", "x = (", '{"MGSM_EXEMPLARS": 3}', '{"de": [1]}', "(" * 9999]
    + ['{"de": {"1": {"q": "kein Zeichen", "a": "Antwort: 1"}}}', '{"de": {"1": {"q": 1}}}'],
)
def test_what_is_no_table_is_refused_in_a_line(text):
    with pytest.raises(RowError) as caught:
        solved_of_text(text, "questions", task="de")
    assert len(str(caught.value).splitlines()) == 1 and "de" in str(caught.value)


def test_the_digest_is_of_the_exemplars_alone():
    of_json = [(t, solved_of_text(json.dumps(DIALOGS), "questions", task=t)) for t in DIALOGS]
    assert digest(of_json) == digest(of_json[::-1])
    changed = json.loads(json.dumps(DIALOGS))
    changed["de"]["2"]["a"] += " "
    of_changed = [(t, solved_of_text(json.dumps(changed), "questions", task=t)) for t in changed]
    assert digest(of_changed) != digest(of_json)
