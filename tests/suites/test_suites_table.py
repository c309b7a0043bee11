"""The table of `benchmarks.suites`: what it counts as the same, of answers that are constructed."""

import json

import pytest
from conftest import ROOT

NAME, TASK = "mmlu@lm_eval", "anatomy"
WRITTEN, FILE = "bbh@lm_eval_direct", "snarks"


@pytest.fixture(autouse=True)
def _from_root(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def evaluation(folder, name, task, method, lines, score):
    """Writes what `flan eval` would leave of a task."""
    dataset = f"{name.partition('@')[0]}:{task}"
    path = folder / "predictions" / dataset / f"{name}.test.{method}.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    way = "sum" if method == "rank" else "generated"
    template = {"template": name, "way": way, "scores": {"accuracy": score}}
    scores = {"datasets": [{"dataset": dataset, "templates": [template]}]}
    (folder / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    return folder


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_options_are_the_same_by_prompt_texts_and_the_chosen_one(tmp_path):
    from benchmarks.suites import Seconds, table_line
    from benchmarks.suites_in_lm_eval import Compared

    def ours(number, scores):
        options = [" A", " B"]
        return {"key": f"test:{number}", "prompt": "Q", "options": options, "scores": scores}

    def theirs(answers, prompt="Q", second=" B"):
        return {"arguments": [[prompt, " A"], [prompt, second]], "answers": answers}

    lines = [ours(0, [-1.0, -2.0]), ours(3, [-1.0, -2.0]), ours(4, [-1.0, -2.0])]
    rows = {
        "0": theirs([-1.0, -2.25]),
        "3": theirs([-2.0, -1.5], prompt="Q "),
        "4": theirs([-1.0, -2.0], second=" b"),
    }
    folder = evaluation(tmp_path, NAME, TASK, "rank", lines, 50.0)
    both = Compared(folder, {"mmlu_anatomy": {"rows": rows, "results": {"acc,none": 0.25}}})
    line = table_line("t5, random", NAME, both, Seconds(1.0, 2.0), {"wall": 3.0, "cpu": 4.0})
    expected = ["t5, random", f"`{NAME}`", "3", "1 of 3", "1.0e+00", "2 of 3", "50.0", "25.0"]
    assert cells(line) == [*expected, "1.0", "3.0", "2.0", "4.0"]


def test_texts_are_the_same_up_to_where_they_stop(tmp_path):
    from benchmarks.suites import Seconds, table_line
    from benchmarks.suites_in_lm_eval import Compared

    def ours(number, text):
        line = {"key": f"test:{number}", "prompt": "Q", "options": [], "stops": ["\n"]}
        return {**line, "prediction": text}

    def theirs(text, stop="\n"):
        return {"arguments": [["Q", [stop]]], "answers": [text]}

    lines = [ours(0, "(A)\nQ"), ours(1, "(A)"), ours(2, "(A)")]
    rows = {"0": theirs("(A)"), "1": theirs("(A) "), "2": theirs("(A)", stop="Q")}
    folder = evaluation(tmp_path, WRITTEN, FILE, "generate", lines, 100.0)
    results = {"exact_match,none": 1.0}
    both = Compared(folder, {"bbh_fewshot_snarks": {"rows": rows, "results": results}})
    line = table_line("decoder", WRITTEN, both, Seconds(1.0, 2.0), {"wall": 3.0, "cpu": 4.0})
    assert cells(line)[2:8] == ["3", "2 of 3", "", "2 of 3", "100.0", "100.0"]
