"""Natural Instructions: its index, its normalizer, and what tasks bring with them."""

import json

import pytest
from conftest import REAL

from flan_tasks.core.errors import RowError
from flan_tasks.core.example import Skip
from flan_tasks.core.row_examples import normalize_row
from flan_tasks.datasets.natural_instructions import NIV2

FILES = REAL / "flan22" / "niv2"
MMLU = [member for member in NIV2.members.values() if member.facts.get("mmlu")]


def normalized(row, name="task092_check_prime_classification"):
    (example,) = normalize_row(NIV2.task(name), row, source_split="train", number=7)
    return example


def test_the_index_has_every_task_of_the_release():
    assert len(NIV2.members) == 1613
    names = [member.source_name for member in NIV2.members.values()]
    # Five numbers are used twice, and ten names hold a dot: neither is a key.
    assert len({name.split("_")[0] for name in names}) == 1608
    assert sum("." in name for name in names) == 10
    assert NIV2.member("task1529_scitail1.1_classification").name == (
        "task1529_scitail1_1_classification"
    )
    sides = [member.facts["split"] for member in NIV2.members.values()]
    assert {side: sides.count(side) for side in set(sides)} == {
        "train": 756,
        "test": 119,
        "excluded": 738,
    }


def test_tasks_from_mmlu_are_in_no_mixture_that_names_the_family_or_a_cluster():
    assert len(MMLU) == 57
    assert not any(member.in_default_mixtures for member in MMLU)
    others = [member for member in NIV2.members.values() if member not in MMLU]
    assert all(member.in_default_mixtures for member in others)
    assert not any("mmmlu" in member.name for member in others)


def test_an_official_test_task_is_tested_on_its_first_hundred_instances():
    splits = NIV2.task("task1344_glue_entailment_classification").splits
    assert (splits.slice("test", 2480).start, splits.slice("test", 2480).stop) == (0, 100)
    assert splits.slice("train", 2480).start == 100
    # As many as there are, where there are fewer.
    short = NIV2.task("task760_msr_sqa_long_text_generation").splits
    assert short.names == ("test",)
    assert len(short.slice("test", 26)) == 26


def test_languages_of_answers_are_known_where_tasks_have_several():
    for member in NIV2.members.values():
        task = NIV2.task(member.name)
        outputs = member.facts["output_languages"]
        assert task.language_of_answers == outputs[0]


def test_the_first_output_that_says_something_is_the_answer_and_all_are_references():
    row = {"id": "task1-0", "input": " 7\n", "output": ["", " yes ", "Yes", "yes"]}
    example = normalized(row)
    assert (example.answer, example.references) == ("yes", ("yes", "Yes"))
    assert (example.fields, example.key) == ({"input": "7"}, "task1-0")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"input": " \n", "output": ["x"]}, "no input"),
        ({"input": "x", "output": ["", " "]}, "no output"),
        ({"input": "x", "output": []}, "no output"),
    ],
)
def test_rows_without_input_or_output_are_skipped_with_a_reason(row, reason):
    assert normalized(row) == Skip(reason)


def test_the_older_form_has_one_text_as_output_and_no_id():
    example = normalized({"input": "x", "output": "y"})
    assert (example.answer, example.key) == ("y", "train:7")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"input": "x"}, 'it has no "output"'),
        ({"input": "x", "output": ["y", 3]}, '"output" is 3'),
        ({"input": 3, "output": "y"}, 'column "input" is int 3'),
    ],
)
def test_a_damaged_row_is_told_with_its_task_and_number(row, told):
    with pytest.raises(RowError) as error:
        normalized(row)
    assert "niv2:task092_check_prime_classification, split train, row 7" in str(error.value)
    assert told in str(error.value)


def constants(record, name="task092_check_prime_classification"):
    return NIV2.constants_of(record, NIV2.member(name))


def test_constants_are_the_first_definition_and_two_examples():
    solved = [{"input": f"in {n}", "output": f"out {n}", "explanation": "so"} for n in range(3)]
    record = {"Definition": [" Do it.\n", "Or this."], "Positive Examples": solved}
    assert constants(record) == {
        "definition": "Do it.",
        "example_input": "in 0",
        "example_output": "out 0",
        "example_explanation": "so",
        "second_input": "in 1",
        "second_output": "out 1",
        "second_explanation": "so",
    }


def test_a_source_without_examples_leaves_them_empty_and_one_without_definition_is_skipped():
    row = {"id": "task1-0", "input": "a", "output": "b", "definition": "Do it."}
    texts = constants(row)
    assert texts == constants({"Definition": "Do it."})
    assert texts.pop("definition") == "Do it."
    assert len(texts) == 6 and not any(texts.values())
    assert constants({"Definition": [""]}) == Skip("its task has no definition")


def check_file(path):
    """Every row of a real file becomes an example or is skipped, and its facts agree."""
    task = json.loads(path.read_text(encoding="utf-8"))
    dataset, member = NIV2.task(path.stem), NIV2.member(path.stem)
    rows = task.pop("Instances")
    texts = constants(task, path.stem)
    assert all(texts.values())
    reasons: dict[str, int] = {}
    keys = set()
    for number, row in enumerate(rows):
        for item in normalize_row(dataset, row, source_split="train", number=number):
            if isinstance(item, Skip):
                reasons[item.reason] = reasons.get(item.reason, 0) + 1
                continue
            assert item.key not in keys
            keys.add(item.key)
            if NIV2.is_solved(item.fields, texts):
                reasons["solved"] = reasons.get("solved", 0) + 1
            assert item.references[0] == item.answer
    assert len(keys) + reasons.get("no output", 0) == len(rows)
    assert member.facts["category"] == task["Categories"][0]
    assert len(member.facts["input_languages"]) == len(task["Input_language"])
    return reasons


@pytest.mark.parametrize(
    "name",
    [
        "task020_mctaco_span_based_question",
        "task062_bigbench_repeat_copy_logic",
        "task092_check_prime_classification",
        "task288_gigaword_summarization",
        "task365_synthetic_remove_vowels",
        "task827_copa_commonsense_reasoning",
        "task1168_brown_coarse_pos_tagging",
        "task1370_newscomm_classification",
        "task1529_scitail1.1_classification",
        "task121_zest_text_modification",
        "task1649_opus_books_en-no_translation",
        "task1685_menyo20k_translation",
    ],
)
def test_rows_of_a_real_file_are_examples_or_skipped(name):
    path = FILES / "tasks" / f"{name}.json"
    if not path.is_file():
        pytest.skip("no real task files are available (FLAN_TASKS_TEST_DATA names their folder)")
    reasons = check_file(path)
    assert set(reasons) <= {"no output"}


def test_a_real_file_of_several_definitions_is_asked_with_the_first():
    path = FILES / "tasks" / "task288_gigaword_summarization.json"
    if not path.is_file():
        pytest.skip("the real task files are not available (see FLAN_TASKS_TEST_DATA)")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert len(record["Definition"]) == 2
    texts = NIV2.constants_of(record, NIV2.member("task288_gigaword_summarization"))
    assert texts["definition"] == record["Definition"][0]
    assert "headline" in texts["definition"]


@pytest.mark.slow
def test_rows_of_every_real_file_are_examples_or_skipped():
    paths = sorted((FILES / "tasks").glob("*.json"))
    if not paths:
        pytest.skip("no real task files are available (FLAN_TASKS_TEST_DATA names their folder)")
    assert len(paths) == 331
    reasons = [check_file(path) for path in paths]
    assert sum(found.get("no output", 0) for found in reasons) == 8
    assert sum(found.get("solved", 0) for found in reasons) == 3


def test_a_query_is_told_from_examples_of_its_task_whatever_its_blanks_and_case():
    texts = constants(
        {
            "Definition": "Do it.",
            "Positive Examples": [{"input": "The  cat\nsat.", "output": "yes"}],
        }
    )
    assert NIV2.is_solved({"input": " the cat sat."}, texts)
    assert not NIV2.is_solved({"input": "The dog sat."}, texts)


def test_rouge_l_is_the_best_of_all_references_as_the_source_computes_it():
    pytest.importorskip("rouge_score")
    from flan_tasks.metrics.by_name import METRICS
    from flan_tasks.metrics.gold import Gold

    assert NIV2.metrics == ("rouge",)
    example = normalized({"input": "x", "output": ["two cats sat down", "the dogs ran home"]})
    gold = Gold.of(example, answer=example.answer, language="en")
    scores = METRICS["rouge"]([gold], ["a dog ran home today"])
    # dog, ran, home of five words said and four wanted: 2 * 3 / 9; dogs and dog share a stem.
    assert scores["rougeL"] == pytest.approx(100 * 6 / 9)
