"""Where the end token is read: asked for, in the files beside, by its name; or refused."""

import json
import re

import pytest

from flan_tasks.core.errors import VocabularyError
from flan_tasks.vocabulary import named_with, open_recorded, open_vocabulary

pytest.importorskip("tokenizers")

from toy_tokenizers import LLAMA_3, QWEN, byte_level, shape, written  # noqa: E402

START, END, CHAT = QWEN[0], "<|endoftext|>", "<|im_end|>"


@pytest.fixture(scope="module")
def made():
    return byte_level(*QWEN)


def opened(folder, made, eos=None, **beside):
    return open_vocabulary(named_with(str(written(folder, made, **beside)), eos=eos))


@pytest.mark.parametrize(
    ("beside", "token", "origin"),
    [
        ({"tokenizer_config": {"eos_token": CHAT}}, CHAT, "tokenizer_config.json"),
        ({"tokenizer_config": {"eos_token": {"content": CHAT}}}, CHAT, "tokenizer_config.json"),
        ({"special_tokens_map": {"eos_token": CHAT}}, CHAT, "special_tokens_map.json"),
        ({"generation_config": {"eos_token_id": CHAT}}, CHAT, "generation_config.json"),
        ({"generation_config": {"eos_token_id": [CHAT]}}, CHAT, "generation_config.json"),
        ({"config": {"eos_token_id": END}}, END, "config.json"),
        ({"config": {"text_config": {"eos_token_id": CHAT}}}, CHAT, "config.json"),
        # Silent files: the next one is asked.
        (
            {"tokenizer_config": {"eos_token": None}, "config": {"eos_token_id": END}},
            END,
            "config.json",
        ),
        # Several numbers are no answer, but none against one either.
        (
            {
                "generation_config": {"eos_token_id": [CHAT, END]},
                "config": {"eos_token_id": CHAT},
            },
            CHAT,
            "config.json",
        ),
    ],
)
def test_files_beside_are_asked_in_order(tmp_path, made, beside, token, origin):
    def numbers(value):
        if isinstance(value, dict):
            return {name: numbers(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [made.token_to_id(one) for one in value]
        return value if value is None else made.token_to_id(value)

    by_number = {
        n: numbers(v) if "config" in n and "tok" not in n else v for n, v in beside.items()
    }
    vocabulary = opened(tmp_path, made, **by_number)
    assert (vocabulary.eos_token, vocabulary.end_from) == (token, origin)
    assert vocabulary.notes == ()


def test_contradictions_are_said_and_the_first_file_is_taken(tmp_path, made):
    vocabulary = opened(
        tmp_path,
        made,
        tokenizer_config={"eos_token": CHAT},
        generation_config={"eos_token_id": made.token_to_id(END)},
        special_tokens_map={"eos_token": "<gone>"},
    )
    assert vocabulary.eos_token == CHAT
    gone, other = vocabulary.notes
    assert gone == "special_tokens_map.json names '<gone>', which tokenizer.json does not hold"
    assert re.fullmatch(
        r"generation_config\.json ends texts with <\|endoftext\|> \(\d+\), tokenizer_config\.json "
        r"with <\|im_end\|> \(\d+\), which is taken; --eos chooses",
        other,
    )


def test_what_is_asked_for_goes_before_the_files(tmp_path, made):
    config = {"tokenizer_config": {"eos_token": CHAT}}
    assert opened(tmp_path, made, eos=START, **config).eos_token == START
    number = str(made.token_to_id("<|im_start|>"))
    assert opened(tmp_path, made, eos=number, **config).eos_token == "<|im_start|>"


@pytest.mark.parametrize(
    ("eos", "message"),
    [
        ("</s>", r"has no such token; it has <\|endoftext\|> \(\d+\), <\|im_end\|>"),
        ("99999", "no token of that number; its numbers end at"),
    ],
)
def test_an_end_that_is_no_token_is_refused(tmp_path, made, eos, message):
    with pytest.raises(VocabularyError, match=message):
        opened(tmp_path, made, eos=eos)


@pytest.mark.parametrize(
    ("special", "message"),
    [
        (QWEN, r"cannot be told: it has <\|endoftext\|> \(\d+\), <\|im_end\|> \(\d+\)"),
        (LLAMA_3, r"it has <\|end_of_text\|> \(\d+\), <\|eot_id\|> \(\d+\)"),
        (("<fin>",), r"none of </s>, .*; it has <fin> \(\d+\)"),
        ((), r"none of </s>"),
    ],
)
def test_where_nothing_tells_the_candidates_are_listed(tmp_path, special, message):
    folder = written(tmp_path, byte_level(*special))
    with pytest.raises(VocabularyError, match=message) as refused:
        open_vocabulary(str(folder))
    assert "name it with --eos TOKEN" in str(refused.value)


def test_several_numbers_alone_are_refused(tmp_path, made):
    both = [made.token_to_id(CHAT), made.token_to_id(END)]
    with pytest.raises(
        VocabularyError, match=r"generation_config\.json names <\|im_end\|> \(\d+\)"
    ):
        opened(tmp_path, made, generation_config={"eos_token_id": both})


def test_files_beside_a_file_of_another_name_are_not_its_own(tmp_path, made):
    folder = written(tmp_path, made, tokenizer_config={"eos_token": CHAT})
    (folder / "tokenizer.json").rename(folder / "mine.json")
    with pytest.raises(VocabularyError, match="cannot be told"):
        open_vocabulary(str(folder / "mine.json"))


@pytest.mark.parametrize("text", ["{", "[1]", "\ud800"])
def test_a_damaged_file_beside_is_named(tmp_path, made, text):
    folder = written(tmp_path, made)
    (folder / "tokenizer_config.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(VocabularyError, match=r"tokenizer_config\.json"):
        open_vocabulary(str(folder))


def test_a_recorded_end_goes_with_the_file(tmp_path, made):
    chosen = opened(tmp_path, made, eos=CHAT)
    path = str(tmp_path / "tokenizer.json")
    with pytest.raises(VocabularyError, match="cannot be told"):
        open_vocabulary(path)
    assert open_recorded(path, chosen.name).name == chosen.name
    other = shape("gpt2", tmp_path / "other")
    assert open_recorded(str(other), "sha256:00,eos=99999").eos_token == END


def test_a_name_that_contradicts_what_is_asked_is_refused():
    assert named_with("a.json", eos="</s>", control_tokens="text") == "a.json,control=text,eos=</s>"
    assert named_with("a.json,eos=</s>", eos="</s>") == "a.json,eos=</s>"
    with pytest.raises(VocabularyError, match="says otherwise than '<s>'"):
        named_with("a.json,eos=</s>", eos="<s>")
    with pytest.raises(VocabularyError, match="text or special, not as 'both'"):
        open_vocabulary("a.json,control=both")


def test_folders_are_read_as_transformers_would(tmp_path, made):
    byt5 = tmp_path / "byt5"
    byt5.mkdir()
    (byt5 / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "ByT5Tokenizer"}))
    assert open_vocabulary(str(byt5)).name == "bytes"
    old = tmp_path / "old"
    old.mkdir()
    (old / "vocab.json").write_text("{}")
    with pytest.raises(VocabularyError, match=r"save_pretrained\(DIR\) writes tokenizer.json"):
        open_vocabulary(str(old))
    with pytest.raises(VocabularyError, match="bytes end with 1"):
        open_vocabulary("bytes,eos=7")
    with pytest.raises(VocabularyError, match="only with a tokenizer.json"):
        open_vocabulary("bytes,control=special")
