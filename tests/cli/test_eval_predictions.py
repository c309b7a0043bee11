"""Answers made elsewhere: what does not fit is said in words, and locks nothing."""

import json

import pytest

TEST = ("--source", "samples", "--split", "test")


@pytest.fixture
def lines(flan, tmp_path) -> list[dict]:
    """Lines of an answer to every prompt of RTE's test split."""
    flan("eval", "rte", *TEST, "--write-prompts", tmp_path / "prompts.jsonl")
    text = (tmp_path / "prompts.jsonl").read_text()
    return [{**json.loads(line), "prediction": "yes"} for line in text.splitlines()]


def written(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return ("--predictions", path)


def test_texts_where_scores_are_asked_for_name_the_method(flan, lines, tmp_path):
    words = ("eval", "rte", *TEST, *written(tmp_path / "p.jsonl", lines))
    assert "--method generate scores texts" in flan(*words, "--out", tmp_path / "o", code=1).err
    # And the folder takes the answers then.
    flan(*words, "--out", tmp_path / "o", "--method", "generate")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("rte", "--split", "validation"), "are of test, and validation was asked for; give"),
        (("cb", "--split", "validation"), "have no line of it; they have rte"),
        (("rte", "--split", "test", "--templates", "hence"), "are of template bare_labels, and"),
    ],
)
def test_answers_to_something_else_say_to_what(flan, lines, tmp_path, words, message):
    lines = [line for line in lines if line["template"] == "bare_labels"]
    given = written(tmp_path / "p.jsonl", lines)
    options = ("--source", "samples", "--method", "generate", "--out", tmp_path / "o")
    assert message in flan("eval", *words, *given, *options, code=1).err


def test_answers_to_other_prompts_are_named_with_the_place(flan, lines, tmp_path):
    given = written(tmp_path / "p.jsonl", lines)
    words = ("eval", "rte", *TEST, *given, "--method", "generate")
    printed = flan(*words, "--options", "off", "--out", tmp_path / "o", code=1).err
    assert "rte, template text_then_question, test, by generate: answers to other" in printed
    assert "other prompts: 6 of 6 predictions" in printed and "OPTIONS:" in printed
    assert "--write-prompts" in printed
    flan(*words, "--out", tmp_path / "o")


def test_blanks_of_a_prompt_and_lines_without_one_do_not_matter(flan, lines, tmp_path):
    for number, line in enumerate(lines):
        if number % 2:
            del line["prompt"]
        else:
            line["prompt"] = line["prompt"].replace("\n", "\r\n") + " "
    given = written(tmp_path / "p.jsonl", lines)
    flan("eval", "rte", *TEST, *given, "--method", "generate", "--out", tmp_path / "o")


@pytest.mark.parametrize("kind", ["mixtral", "qwen3_moe", "gpt2"])
def test_a_model_that_is_not_read_is_pointed_to_where_it_is_scored(flan, tmp_path, kind):
    numpy = pytest.importorskip("numpy")
    save_file = pytest.importorskip("safetensors.numpy").save_file
    config = {"model_type": kind, "vocab_size": 8, "hidden_size": 4}
    (tmp_path / "config.json").write_text(json.dumps(config))
    weights = {"model.embed_tokens.weight": numpy.zeros((8, 4), "float32")}
    save_file(weights, tmp_path / "model.safetensors")
    words = ("eval", "rte", "--source", "samples", "--model", tmp_path, "--out", tmp_path / "o")
    printed = flan(*words, code=1).err
    assert kind in printed and "flan export-lm-eval NAME" in printed
    assert "--write-prompts FILE" in printed


def test_a_protocol_reads_what_was_written_with_its_blanks(flan, tmp_path):
    words = ("eval", "mmlu@flan", "--source", "samples", "--allow-missing")
    flan(*words, "--write-prompts", tmp_path / "prompts.jsonl")
    lines = [json.loads(text) for text in (tmp_path / "prompts.jsonl").read_text().splitlines()]
    values = {}
    # A line end is among the stops, and a blank before the letter makes another answer.
    for name, prediction in {"plain": "(A)", "line_end": "\n(A)", "blank": " (A)"}.items():
        given = [{**line, "prediction": prediction} for line in lines]
        out = tmp_path / name
        flan(*words, *written(tmp_path / f"{name}.jsonl", given), "--out", out)
        values[name] = json.loads((out / "scores.json").read_text())["suites"][0]["averages"][0]
        kept = next((out / "predictions").glob("*/*.jsonl")).read_text().splitlines()
        assert {json.loads(text)["prediction"] for text in kept} == {prediction}
    assert values["plain"]["value"] > 0
    assert values["line_end"]["value"] == values["blank"]["value"] == 0
