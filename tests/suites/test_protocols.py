"""Prompts of protocols, word for word; each trap of the published files is a test."""

import csv
import hashlib
import json
from pathlib import Path

import pytest
from conftest import REAL
from suite_runs import suite_text

from flan_tasks.core.errors import DeclarationError, RowError, SourceUnavailableError
from flan_tasks.datasets import catalog
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.source_choice import SourceChoice
from flan_tasks.suites.asking import SuitesAsked, opened_suites
from flan_tasks.suites.exemplars import digest
from flan_tasks.suites.library import open_suite, parse_suite
from flan_tasks.suites.tasks import chosen_question, suite_tasks
from flan_tasks.suites.wording import filled
from flan_tasks.vocabulary import open_vocabulary

SUITES = REAL / "suites"
real = pytest.mark.skipif(
    not SUITES.is_dir(), reason="the real rows are not here (FLAN_TASKS_TEST_DATA names a folder)"
)


def tasks_of(name, folder=None):
    suite, protocol = open_suite(name)
    source = SourceChoice("samples")
    if folder:
        source = SourceChoice("declared", Path(f"{suite.name}={folder}"))
    tasks, missing = suite_tasks(suite, protocol, catalog(), source=source)
    return {task.name.partition(":")[2] or task.name: task for task in tasks}, missing


def prompts_of(task, budget=None, examples=None):
    return chosen_question(task, examples, seed=0).prompts(seed=0, budget=budget)


def mmlu_folder(folder, *, tests, dev=5):
    """A folder of MMLU's files with one subject, written as Python's csv does."""
    for split, rows in (
        ("dev", [(f"q{n}?", *"wxyz", "ABCDA"[n]) for n in range(dev)]),
        ("val", []),
        ("test", tests),
    ):
        (folder / split).mkdir(parents=True)
        with (folder / split / f"high_school_physics_{split}.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    return folder


def test_hendrycks_prompt_has_a_doubled_blank_and_ends_without_one(tmp_path):
    folder = mmlu_folder(tmp_path, tests=[("Why? ", "a", "b", "c", "d", "C")], dev=2)
    prompt = prompts_of(tasks_of("mmlu", folder)[0]["high_school_physics"])[0]
    assert prompt.inputs == (
        "The following are multiple choice questions (with answers) about  high school physics.\n\n"
        "q0?\nA. w\nB. x\nC. y\nD. z\nAnswer: A\n\n"
        "q1?\nA. w\nB. x\nC. y\nD. z\nAnswer: B\n\n"
        "Why? \nA. a\nB. b\nC. c\nD. d\nAnswer:"
    )
    assert prompt.gold.options == ("A", "B", "C", "D") and prompt.gold.answer == "C"
    assert not prompt.scores_end and prompt.num_shots == 2
    of_harness = prompts_of(tasks_of("mmlu@lm_eval", folder)[0]["high_school_physics"])[0]
    assert of_harness.inputs == prompt.inputs.replace("  ", " ").replace("Why? ", "Why?")


def test_text_that_looks_like_a_number_or_nothing_stays_text(tmp_path):
    row = ("Which?\nOf these", "0.10", "None", "NA", " 1e5", "B")
    folder = mmlu_folder(tmp_path, tests=[row])
    prompt = prompts_of(tasks_of("mmlu", folder)[0]["high_school_physics"])[0]
    assert prompt.inputs.endswith("Which?\nOf these\nA. 0.10\nB. None\nC. NA\nD.  1e5\nAnswer:")


def test_two_equal_choices_are_asked_all_the_same(tmp_path):
    folder = mmlu_folder(tmp_path, tests=[("Which?", "same", "same", "c", "d", "B")])
    assert prompts_of(tasks_of("mmlu", folder)[0]["high_school_physics"])[0].gold.answer == "B"


def test_exemplars_are_dropped_one_by_one_from_the_last(tmp_path):
    long = "long " * 30
    rows = [("Why?", "a", "b", "c", "d", "C"), (long, "a", "b", "c", "d", "A")]
    task = tasks_of("mmlu", mmlu_folder(tmp_path, tests=rows))[0]["high_school_physics"]
    whole = prompts_of(task)
    vocabulary = open_vocabulary("bytes")
    sizes = [len(prompt.inputs.encode()) + 1 for prompt in whole]
    assert [p.num_shots for p in prompts_of(task, Budget(vocabulary, max(sizes)))] == [5, 5]
    short = prompts_of(task, Budget(vocabulary, max(sizes) - 1))
    assert [prompt.num_shots for prompt in short] == [5, 4]
    # The fifth is gone, not the first.
    assert "q3?" in short[1].inputs and "q4?" not in short[1].inputs
    assert short[1].inputs.endswith("Answer:")
    # What has no room without any is left out, and never cut.
    tight = prompts_of(task, Budget(vocabulary, 150))
    assert len(tight) == 1 and tight[0].gold.key == "test:0"


def test_an_answer_that_is_no_option_names_its_row(tmp_path):
    folder = mmlu_folder(tmp_path, tests=[("Why?", "a", "b", "c", "d", "E")])
    with pytest.raises(RowError, match="high_school_physics, row 0: what is right is 'E'"):
        prompts_of(tasks_of("mmlu", folder)[0]["high_school_physics"])


def test_bbh_cuts_the_canary_and_keeps_targets_that_are_texts():
    tasks, missing = tasks_of("bbh")
    assert len(tasks) == 7 and len(missing) == 20
    for task in tasks.values():
        for prompt in prompts_of(task):
            assert "canary" not in prompt.inputs and not prompt.inputs.startswith("-")
            assert prompt.inputs.endswith("\nA: Let's think step by step.")
            assert prompt.inputs.count("\n\nQ: ") == 4
    golds = [prompt.gold.answer for prompt in prompts_of(tasks["movie_recommendation"])]
    assert golds == ["(A)", "Dwarfs, Inc", "(B)"]


def test_bbh_direct_has_the_answers_of_the_same_exemplars():
    prompt = prompts_of(tasks_of("bbh@suzgun_direct")[0]["word_sorting"])[0]
    assert prompt.inputs == (
        "Sort a list of words.\n\n"
        "Q: Sort the following words alphabetically: List: pear fig apple\nA: apple fig pear\n\n"
        "Q: Sort the following words alphabetically: List: cat ant bee\nA: ant bee cat\n\n"
        "Q: Sort the following words alphabetically: List: moon mail milk\nA: mail milk moon\n\n"
        "Q: Sort the following words alphabetically: List: zoo yak ape\nA:"
    )


def test_mgsm_asks_in_the_language_of_the_problem():
    tasks, _ = tasks_of("mgsm")
    ends = {name: prompts_of(task)[0].inputs.split("\n\n")[-1] for name, task in tasks.items()}
    assert ends["en"].startswith("Question: Mia bakes")
    assert ends["en"].endswith("\nStep-by-Step Answer:")
    assert ends["fr"].startswith("Question : Mia") and ends["fr"].endswith("étape par étape :")
    assert ends["ja"].startswith("問題：ミア") and ends["ja"].endswith("\nステップごとの答え：")


def test_tydiqa_asks_in_the_language_of_the_question():
    tasks, missing = tasks_of("tydiqa")
    assert not missing and len(tasks) == 9
    ends = {"bengali": ("প্রশ্ন:", "উত্তর:"), "telugu": ("ప్రశ్న:", "సమాధానం:")}
    for language, (question, answer) in ends.items():
        inputs = prompts_of(tasks[language])[0].inputs
        assert f"\n\n{question} " in inputs and inputs.endswith(f"\n\n{answer}")
    first = prompts_of(tasks["finnish"])[0]
    assert first.inputs.startswith("Konteksti: Ruisleipä leivotaan")
    assert first.inputs.endswith("\n\nKysymys: Millä ruisleivän taikina nostatetaan?\n\nVastaus:")
    assert (first.gold.answer, first.stops) == ("hapanjuurella", ("\n",))
    assert first.gold.language == "fi"
    several = prompts_of(tasks["english"])[0].gold
    assert several.references == ("fibres of dead wood", "dead wood")
    assert several.answer == "fibres of dead wood"


def test_tydiqa_has_the_strings_of_the_harness():
    lm_eval = pytest.importorskip("lm_eval")
    yaml = pytest.importorskip("yaml")
    protocol = open_suite("tydiqa@lm_eval")[1]
    folder = Path(lm_eval.__file__).parent / "tasks" / "tydiqa"
    for member in catalog().families["tydiqa"].members.values():
        text = (folder / f"tydiqa_goldp_{member.languages[0]}.yaml").read_text(encoding="utf-8")
        theirs = yaml.safe_load(text.replace("!function", ""))["doc_to_text"]
        columns = {"context": "{{context}}", "question": "{{question}}"}
        assert filled(protocol.question, {**protocol.words[member.name], **columns}) == theirs
    common = yaml.safe_load((folder / "_tydiqa_goldp_common_yaml").read_text(encoding="utf-8"))
    assert protocol.stops == tuple(common["generation_kwargs"]["until"]) and not protocol.shots


def test_tydiqa_has_one_exemplar_of_its_language():
    tasks, _ = tasks_of("tydiqa@open_instruct_first")
    prompt = prompts_of(tasks["english"])[1]
    assert prompt.inputs == (
        "Answer the following question based on the information in the given passage.\n\n"
        "Passage: Halden Bay Lighthouse stands at the mouth of the river Orla. It was built in "
        "1874 of local granite and is 31 metres high. Since 1989 its lamp has been lit by "
        "electricity from the mainland.\nQuestion: How tall is Halden Bay Lighthouse?\n"
        "Answer: 31 metres\n\n"
        "Passage: In the card game Kvint each player is dealt five cards. Whoever says "
        '"last card" {sic} first must show the hand; if it holds a pair, 10% of the points go '
        "to the others.\nQuestion: How many cards does each player get in Kvint?\nAnswer:"
    )
    # As SQuAD's script has it, whatever the language.
    assert {prompts_of(task)[0].gold.language for task in tasks.values()} == {"en"}
    assert prompts_of(tasks["korean"])[0].inputs.count("문단:") == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('number = "em"', 'number "em" must be one of exact_match'),
        ('metric = "squad"\nnumber = "f2"', 'number "f2" must be one of em, f1'),
    ],
)
def test_a_number_that_a_metric_has_not_is_refused(text, problem):
    whole = SQUADS.replace("# more", text)
    with pytest.raises(DeclarationError, match=problem):
        parse_suite(whole, name="own", path="own.toml")


SQUADS = suite_text(
    """
question = "{label} {q}"
answer = "{answer}"
references = "right.text"
words.own = { label = "Asked:" }
# more
""",
    rows="rows.jsonl",
)


def test_any_of_several_right_answers_is_right(tmp_path):
    rows = [{"q": "a?", "right": {"text": ["one", "a one", "one"]}}]
    (tmp_path / "rows.jsonl").write_text(json.dumps(rows[0]) + "\n")
    suite = parse_suite(SQUADS, name="own", path="own.toml", beside=str(tmp_path))
    (task,), _ = suite_tasks(suite, suite.protocols[0], catalog(), source=SourceChoice("samples"))
    (prompt,) = prompts_of(task)
    assert prompt.inputs == "Asked: a?" and prompt.gold.references == ("one", "a one")
    (tmp_path / "rows.jsonl").write_text(json.dumps({"q": "a?", "right": {"text": []}}) + "\n")
    with pytest.raises(RowError, match=r"own, row 0: right.text has no right answer"):
        suite_tasks(suite, suite.protocols[0], catalog(), source=SourceChoice("samples"))


def test_gsm8k_exemplars_are_the_first_rows_of_train_with_their_marks():
    prompt = prompts_of(tasks_of("gsm8k")[0]["gsm8k"])[0]
    first = prompt.inputs.split("\n\n")[0]
    assert first.startswith("Question: A ferry") and "<<9+6=15>>" in first
    assert first.endswith("cars.\n#### 360") and prompt.num_shots == 5


def test_published_exemplars_that_are_missing_are_named(tmp_path):
    (tmp_path / "bbh").mkdir()
    rows = {"canary": "x", "examples": [{"input": "a is", "target": "b"}]}
    (tmp_path / "bbh" / "word_sorting.json").write_text(json.dumps(rows))
    _, missing = tasks_of("bbh", tmp_path)
    assert "its published exemplars are missing" in missing["bbh:word_sorting"]
    (tmp_path / "cot-prompts").mkdir()
    (tmp_path / "cot-prompts" / "word_sorting.txt").write_text("Sort.\n\nQ: q\nA: answer is z.")
    tasks, _ = tasks_of("bbh", tmp_path)
    assert prompts_of(tasks["word_sorting"])[0].inputs.startswith("Sort.\n\nQ: q\nA: answer is z.")


def test_without_rows_a_suite_says_where_they_are_from():
    asked = SuitesAsked(suites=(open_suite("mmlu"),))
    with pytest.raises(SourceUnavailableError) as caught:
        opened_suites(asked, catalog())
    said = str(caught.value)
    assert "https://github.com/hendrycks/test" in said and "--data-dir mmlu=DIR" in said
    assert "dev/SUBJECT_dev.csv" in said and "57 of 57" in said and len(said.splitlines()) < 12


OWN = """
description = "Sums."
home = "here"
layout = "test.csv"
files = { test = "test.csv", train = "train.jsonl" }

[protocols.two]
source = "this file"
method = "generate"
shots = 2
exemplars = { split = "train" }
exemplar = "{a} + {b} = {c}\\n"
question = "{a} + {b} ="
answer = "{c}"

[[averages]]
name = "micro"
over = "examples"
"""


def test_a_suite_of_ones_own_is_one_file_with_rows_beside_it(tmp_path):
    (tmp_path / "test.csv").write_text("a,b,c\n01,2,3\n")
    lines = [json.dumps({"a": n, "b": 1.5, "c": str(n)}) for n in range(3)]
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    suite = parse_suite(OWN, name="sums", path="sums.toml", beside=str(tmp_path))
    tasks, _ = suite_tasks(suite, suite.protocols[0], catalog(), source=SourceChoice())
    assert [prompt.inputs for prompt in prompts_of(tasks[0])] == [
        "0 + 1.5 = 0\n1 + 1.5 = 1\n01 + 2 ="
    ]
    bad = parse_suite(OWN.replace('"{c}"', '"{sum}"'), name="sums", path="", beside=str(tmp_path))
    with pytest.raises(DeclarationError, match="rows of sums have no sum .*they have .*a, b, c"):
        suite_tasks(bad, bad.protocols[0], catalog(), source=SourceChoice())


@real
@pytest.mark.parametrize("name", ["mmlu", "mmlu@flan_cot", "bbh", "mgsm"])
def test_real_exemplars_are_the_published_ones(name):
    suite, protocol = open_suite(name)
    tasks, missing = tasks_of(name, SUITES / suite.name)
    assert not missing
    found = digest([(task.about["task"], task.solved) for task in tasks.values()])
    assert found == protocol.exemplars.sha256


@real
def test_real_prompts_of_bbh_are_the_published_files_behind_their_canary():
    tasks, _ = tasks_of("bbh", SUITES / "bbh")
    assert len(tasks) == 27
    for name, task in tasks.items():
        text = (SUITES / "bbh" / "cot-prompts" / f"{name}.txt").read_text(encoding="utf-8")
        published = text.split("-----\n", 1)[1]
        prompt = prompts_of(task)[0]
        query = task.rows[0]["input"]
        assert prompt.inputs == f"{published}\n\nQ: {query}\nA: Let's think step by step."
        assert prompt.num_shots == 3


@real
def test_real_prompts_of_mmlu_cot_are_the_published_ones_damage_included():
    text = (SUITES / "mmlu" / "cot" / "mmlu-cot.json").read_text(encoding="utf-8")
    published = json.loads(text)
    tasks, _ = tasks_of("mmlu@flan_cot", SUITES / "mmlu")
    counts = {}
    for name, task in tasks.items():
        prompt = prompts_of(task)[0]
        assert prompt.inputs.startswith(f"{published[name]}\n\nQ: "), name
        counts[prompt.num_shots] = counts.get(prompt.num_shots, 0) + 1
    assert counts == {5: 54, 4: 3}


@real
def test_real_rows_of_mmlu_and_mgsm_are_what_a_plain_reading_gives():
    tasks, _ = tasks_of("mmlu", SUITES / "mmlu")
    texts, plain = [], []
    for name, task in tasks.items():
        texts += [list(row.values()) for row in task.rows]
        with (SUITES / "mmlu" / "test" / f"{name}_test.csv").open(
            newline="", encoding="utf-8"
        ) as f:
            plain += list(csv.reader(f))
    assert hashlib.sha256(repr(texts).encode()).hexdigest() == (
        hashlib.sha256(repr(plain).encode()).hexdigest()
    )
    for name, task in tasks_of("mgsm", SUITES / "mgsm")[0].items():
        lines = (SUITES / "mgsm" / f"mgsm_{name}.tsv").read_text(encoding="utf-8").split("\n")
        assert [f"{r['question']}\t{r['answer']}" for r in task.rows] == [x for x in lines if x]
        assert len(task.solved.exemplars) == 8
