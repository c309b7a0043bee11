"""Suites on the command line: listed, asked, refused in words; and the one that the docs write."""

import json
import re

import pytest
from conftest import ROOT

SAMPLES = ("--source", "samples", "--allow-missing")


@pytest.fixture
def flan(flan):
    def both(*words, code=0):
        printed = flan(*words, code=code)
        return printed.out + printed.err

    return both


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_suites_are_listed_with_their_protocols_and_where_they_are_from(flan):
    printed = flan("list", "--suites")
    assert all(name in printed for name in ("bbh", "gsm8k", "mgsm", "mmlu", "hendrycks"))
    about = flan("list", "--suites", "bbh")
    assert "github.com/suzgunmirac" in about and "cot-prompts/TASK.txt" in about
    found = json.loads(flan("list", "--suites", "mmlu@flan", "--json"))
    assert found["suites"][0]["rows"] == 14042
    flan("list", "--suites", "--mixtures", code=2)
    helm = flan("list", "--suites", "helm")
    assert "not here: NarrativeQA" in helm and "--allow-missing" in helm
    whole = flan("list", "--suites", "flan2022_heldout")
    assert "part BBH direct: bbh@suzgun_direct" in whole and "TyDiQA" in whole


def test_prompts_answered_elsewhere_are_scored(flan, tmp_path):
    asked = tmp_path / "asked.jsonl"
    printed = flan("eval", "mmlu,bbh@suzgun_direct", *SAMPLES, "--write-prompts", asked)
    assert "not evaluated: mmlu:abstract_algebra" in printed and "51 more of mmlu" in printed
    lines = lines_of(asked)
    assert {line["template"] for line in lines} == {"mmlu@hendrycks", "bbh@suzgun_direct"}
    for line in lines:
        if line["method"] == "rank":
            assert line["scores_end"] is False
            line["scores"] = [-1, -2, -2, -2]
        else:
            assert line["stops"] == ["\n\nQ:"]
            line["prediction"] = "yes"
    told = tmp_path / "told.jsonl"
    told.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    words = ("--predictions", told, "--out", tmp_path / "out", "--wide")
    printed = flan("eval", "mmlu", "bbh@suzgun_direct", *SAMPLES, *words)
    assert "mmlu@hendrycks: evaluate_flan.py" in printed and "mmlu:anatomy" in printed
    assert "not the published suite" in printed and "google/flan-t5" not in printed
    content = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in content["suites"]] == ["mmlu@hendrycks", "bbh@suzgun_direct"]
    micro = content["suites"][0]["averages"][0]
    assert (micro["num_examples"], micro["chance"]) == (9, 25)
    assert (tmp_path / "out" / "scores.csv").read_text().count("mmlu@hendrycks") == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mmlu", "--shots", "3"), "a protocol says how its prompts are made"),
        (("mmlu", "--split", "validation"), "its split is test; leave out --split"),
        (("mmlu", "--method", "generate"), "its method is rank; leave out --method"),
        (("mmlu@hendricks",), "Did you mean hendrycks"),
        (("gone.toml",), "gone.toml: cannot be read"),
        (("mmlu",), "--data-dir mmlu=DIR"),
        (("glue", "--source", "files", "--data-dir", "."), "https://gluebenchmark.com"),
        (("flan2022_heldout",), "--data-dir mmlu=DIR"),
        (("flan2021@nlp",), "protocol of flan2021"),
    ],
)
def test_what_contradicts_a_protocol_is_refused(flan, tmp_path, words, said):
    code = 2 if words[0] in ("mmlu@hendricks", "flan2021@nlp") else 1
    printed = flan("eval", *words, "--write-prompts", tmp_path / "prompts.jsonl", code=code)
    assert said in printed and "Traceback" not in printed
    assert not (tmp_path / "prompts.jsonl").exists()


def test_datasets_of_the_same_name_are_still_asked_by_our_wordings(flan, tmp_path):
    for name in ("mmlu:anatomy", "flan:gsm8k"):
        path = tmp_path / "prompts.jsonl"
        flan("eval", name, *SAMPLES, "--split", "test", "--write-prompts", path)
        assert len({line["template"] for line in lines_of(path)}) == 10, name


def test_the_suite_that_the_docs_write_is_asked(flan, tmp_path):
    text = (ROOT / "docs" / "suites.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "sums.toml").write_text(block, encoding="utf-8")
    for split, start_at in (("train", 1), ("test", 5)):
        rows = [{"a": n, "b": n, "sum": 2 * n} for n in range(start_at, start_at + 3)]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{split}.jsonl").write_text(text, encoding="utf-8")
    asked = tmp_path / "asked.jsonl"
    flan("eval", tmp_path / "sums.toml", "--write-prompts", asked)
    lines = lines_of(asked)
    assert lines[0]["prompt"] == "1 + 1 = 2\n2 + 2 = 4\n5 + 5 ="
    for line in lines:
        line["prediction"] = "10, I think\n12 + 12 = 24"
    asked.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    flan("eval", tmp_path / "sums.toml", "--predictions", asked, "--out", tmp_path / "out")
    content = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))
    assert content["suites"][0]["averages"][0]["value"] == pytest.approx(100 / 3)
