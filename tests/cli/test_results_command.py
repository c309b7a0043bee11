"""`flan results`, and the page that `flan eval` ends with."""

import json

import pytest
from click.testing import CliRunner
from constructed_results import block, scored
from without_model import right, wrong

import flan_tasks as ft
from flan_tasks.cli.eval import command as eval_command
from flan_tasks.cli.results import command
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.specs.results_spec import ResultsSpec


def flan_results(*words):
    return CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def predictions(tmp_path):
    """Answers made elsewhere to RTE's embedded rows, all right."""
    path = tmp_path / "prompts.jsonl"
    words = ["rte", "--source", "samples", "--write-prompts", str(path)]
    CliRunner().invoke(eval_command, words, catch_exceptions=False)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    out = tmp_path / "answers.jsonl"
    named = ("dataset", "template", "split", "key")
    answers = [
        {**{name: one[name] for name in named}, "scores": [-1.0, -3.0], "tokens": [1, 2]}
        for one in lines
    ]
    out.write_text("".join(json.dumps(one) + "\n" for one in answers), encoding="utf-8")
    return out


def test_an_evaluation_ends_with_where_its_page_lies(predictions, tmp_path):
    out = tmp_path / "scores"
    words = ["rte", "--source", "samples", "--predictions", str(predictions), "--out", str(out)]
    shown = CliRunner().invoke(eval_command, words, catch_exceptions=False)
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[-1] == f"{out / 'results.html'} shows them in a browser"
    page = (out / "results.html").read_bytes()
    # The numbers of the page are those that were printed.
    (printed,) = (line.split() for line in shown.stdout.splitlines() if line.startswith("rte"))
    summary = block(page.decode(), "summary")
    columns, (line,) = summary["evaluations"][0]["table"]
    assert line == printed and "mean" in columns
    assert "--vocab FILE shows those of one" in summary["tokens"]

    # A page of other numbers would stay beside these.
    again = CliRunner().invoke(eval_command, [*words, "--no-results"], catch_exceptions=False)
    assert again.stdout.splitlines()[-1].startswith("results in ")
    assert not (out / "results.html").exists()
    assert ft.results(out) == out / "results.html"
    assert (out / "results.html").read_bytes() == page


def test_tokens_are_shown_by_a_vocabulary_that_is_asked_for(tmp_path):
    folder = scored(tmp_path / "scores", "rte", rule=right)
    assert flan_results(folder, "--vocab", "bytes").exit_code == 0
    answers = block((folder / "results.html").read_text(encoding="utf-8"), "answers")
    for prompt, text in zip(answers["prompt"], answers["inputs"], strict=True):
        assert len(answers["input_ids"][prompt]) == len(text.encode()) + 1
    for (places, _), number in zip(answers["ranked_lists"], range(99), strict=False):
        options = answers["option_lists"][number]["options"]
        assert [len(answers["option_ids"][p]) for p in places] == [len(o) + 1 for o in options]


def test_two_evaluations_are_named_and_compared(tmp_path, monkeypatch):
    folders = [
        scored(tmp_path / name, "rte", rule=rule) for name, rule in (("a", wrong), ("b", right))
    ]
    monkeypatch.chdir(tmp_path)
    shown = flan_results(*folders)
    assert shown.stdout.startswith("a-b-results.html (") and shown.exit_code == 0
    out = tmp_path / "page.html"
    assert flan_results(*folders, "--name", "x/y", "--name", "<b>", "--out", out).exit_code == 0
    text = out.read_text(encoding="utf-8")
    assert "<title>x/y | &lt;b&gt; · flan_tasks results</title>" in text
    summary = block(text, "summary")
    assert [one["name"] for one in summary["evaluations"]] == ["x/y", "<b>"]
    assert "change" in [name for name, _ in summary["sections"]][1]


def test_a_command_says_the_same_as_its_specification():
    spec = ResultsSpec(folders=("a b", "c,d"), answers=7, names=("x", "y"), common=True)
    line = spec.command()
    assert line == "flan results 'a b' c,d --answers 7 --name x --name y --common"
    assert ResultsSpec.from_json(spec.to_json()) == spec


def test_what_does_not_go_together_is_said():
    with pytest.raises(ConfigError, match="names has 1 for 2 folders; give one for each"):
        ResultsSpec(folders=("a", "b"), names=("x",))
    with pytest.raises(ConfigError, match="folders is empty"):
        ResultsSpec(folders=())
    shown = flan_results("a", "--name", "x", "--name", "y")
    assert shown.exit_code == 2 and "--name has 2 for 1 folder" in shown.output
