"""--vocab, --eos and --control-tokens, as they are called; unknown pieces as they are shown."""

import json

import pytest

pytest.importorskip("tokenizers")

from toy_tokenizers import sentencepiece_model, shape  # noqa: E402

SAMPLES = ("--source", "samples")


@pytest.fixture
def chat(tmp_path):
    return shape("qwen_chat", tmp_path / "chat")


def test_show_ends_texts_as_the_files_say_or_as_asked(flan, chat):
    words = ("show", "rte", "-n", "1", "--tokens", "--json", "--vocab", chat)
    found = flan(*words)
    end = json.loads(found.out)["prompts"][0]["target_ids"][-1]
    assert f"Texts end with <|im_end|> ({end}), from tokenizer_config.json." in found.err
    (prompt,) = json.loads(flan(*words, "--eos", "<|endoftext|>").out)["prompts"]
    assert prompt["target_ids"][-1] != end


def test_build_takes_end_and_control_tokens_and_recognizes_itself(flan, chat, tmp_path):
    words = ("build", "rte", *SAMPLES, "--vocab", chat, "--format", "arrays", "--json")
    first = json.loads(flan(*words, "--out", tmp_path / "a").out)
    asked = ("--eos", "<|endoftext|>", "--control-tokens", "special", "--out", tmp_path / "b")
    other = json.loads(flan(*words, *asked).out)
    assert other["eos_id"] != first["eos_id"]
    assert other["vocabulary"].endswith(f",control=special,eos={other['eos_id']}")
    assert json.loads(flan(*words, *asked).out)["was_there"]
    refused = flan(*words, "--out", tmp_path / "b", code=1).err
    assert "--vocab" in refused and ",control=special" in refused
    # The file alone is enough to read a build by what its manifest says.
    flan("report", tmp_path / "b", "--vocab", chat, "--out", tmp_path / "r.html")
    assert "are of vocabulary" in flan("report", tmp_path / "b", "--vocab", "bytes", code=1).err


def test_what_is_said_of_no_vocabulary_is_a_usage_error(flan, tmp_path):
    words = ("build", "rte", *SAMPLES, "--out", tmp_path / "a")
    assert "--eos is of a vocabulary" in flan(*words, "--eos", "</s>", code=2).err
    assert (
        "are for --tokens, --lengths and --shots"
        in flan("show", "rte", "--eos", "</s>", code=2).err
    )
    special = ("--vocab", "bytes", "--control-tokens", "special")
    assert "only with a tokenizer.json" in flan(*words, *special, code=1).err
    assert not (tmp_path / "a").exists()


def test_unknown_pieces_are_shown_and_warned_of(flan, tmp_path):
    settings = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    model = sentencepiece_model(tmp_path / "small.model", **settings)
    words = ("--tokens", "--vocab", model, "-n", "1")
    lines = flan("show", "wmt16_csen_from_english", *words).out
    assert "⟨unknown⟩" in lines and " unknown" in lines
    (prompt,) = json.loads(flan("show", "wmt16_csen_from_english", *words, "--json").out)["prompts"]
    ids = prompt["input_ids"][:-1] + prompt["target_ids"][:-1]
    assert prompt["unknown"] == ids.count(2) > 0
    out = tmp_path / "out"
    built = flan("build", "wmt16_csen_from_english", *SAMPLES, "--vocab", model, "--out", out)
    assert "Unknown pieces: " in built.out
    assert "Warning: wmt16_csen_from_english" in built.err and "does not know" in built.err
    told = flan("report", out, "--text").out
    assert "From text to ids" in told and "does not know" in told
