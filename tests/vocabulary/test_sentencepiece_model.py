"""SentencePiece models whose end, padding and unknown ids are others than T5's."""

import json

import pytest
from toy_tokenizers import sentencepiece_model

from flan_tasks.core.errors import VocabularyError
from flan_tasks.vocabulary import open_vocabulary

# unk, bos, eos, pad as published.
T5 = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
LLAMA_2 = {"unk_id": 0, "bos_id": 1, "eos_id": 2, "pad_id": -1, "model_type": "bpe"}
GEMMA = {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3, "eos_piece": "<eos>"}
TURN = {"user_defined_symbols": ["<start_of_turn>", "\n\n"]}
TEXTS = ["", "a cherry is red", " two  blanks ", "naïve façade 語", "{b}"]


@pytest.mark.parametrize(
    ("settings", "pad", "begin"), [(T5, 0, None), (LLAMA_2, 0, 1), ({**GEMMA, **TURN}, 0, 2)]
)
def test_ids_are_the_models_and_seqios(tmp_path, settings, pad, begin):
    seqio = pytest.importorskip("seqio")
    path = sentencepiece_model(tmp_path / "tokenizer.model", **settings)
    vocabulary = open_vocabulary(str(path))
    assert (vocabulary.eos_id, vocabulary.unk_id) == (settings["eos_id"], settings["unk_id"])
    assert (vocabulary.pad_id, vocabulary.bos_id) == (pad, begin)
    theirs = seqio.SentencePieceVocabulary(str(path), extra_ids=100)
    texts = [*TEXTS, "red </s> <s> <eos> <unk> <extra_id_0> <start_of_turn>"]
    for text, ids in zip(texts, vocabulary.encode(texts), strict=True):
        assert ids.tolist() == list(theirs.encode(text)), text
    assert vocabulary.eos_id == theirs.eos_id


def test_control_symbols_are_text_and_user_defined_pieces_ids_and_both_are_counted(tmp_path):
    path = sentencepiece_model(tmp_path / "tokenizer.model", **{**T5, **TURN})
    vocabulary = open_vocabulary(str(path))
    texts = ["red", "red </s>", "<start_of_turn> red <extra_id_3>\n\n", "<pad></s>"]
    assert vocabulary.control_in(texts).tolist() == [0, 1, 2, 2]
    ids = [set(one.tolist()) for one in vocabulary.encode(texts)]
    assert vocabulary.eos_id not in ids[1]
    assert {vocabulary.controls[t] for t in ("<start_of_turn>", "<extra_id_3>")} <= ids[2]


def test_unknown_characters_are_counted(tmp_path):
    vocabulary = open_vocabulary(str(sentencepiece_model(tmp_path / "m.model", **T5)))
    flat = vocabulary.encode_flat(["red", "語 語", "red 語"], 3)
    assert flat.unknown.tolist() == [0, 2, 1]
    assert flat.only_unknown.tolist() == [False, True, False]


def test_a_model_without_end_takes_the_files_or_what_is_asked(tmp_path):
    path = sentencepiece_model(tmp_path / "tokenizer.model", **{**T5, "eos_id": -1, "bos_id": 1})
    with pytest.raises(VocabularyError, match=r"cannot be told.*--eos TOKEN"):
        open_vocabulary(str(path))
    asked = open_vocabulary(f"{path},eos=<s>")
    assert asked.eos_id == 1 and asked.name.endswith(",eos=1")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<pad>"}))
    assert open_vocabulary(f"{path},control=text").eos_id == 0
    seqio_task = pytest.importorskip("flan_tasks.seqio.task")
    with pytest.raises(VocabularyError, match="SeqIO ends texts with the model's own token"):
        seqio_task.seqio_vocabulary(f"{path},eos=<s>")


def test_files_that_say_otherwise_are_reported_and_the_model_is_believed(tmp_path):
    path = sentencepiece_model(tmp_path / "tokenizer.model", **LLAMA_2)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<s>"}))
    vocabulary = open_vocabulary(str(tmp_path))
    assert vocabulary.eos_id == 2 and "," not in vocabulary.name
    (note,) = vocabulary.notes
    assert note.startswith("tokenizer_config.json ends texts with <s> (1); taken is </s> (2)")
    assert path == vocabulary.path


def test_t5_with_another_end_is_still_t5(t5_model):
    vocabulary = open_vocabulary(f"{t5_model},eos=<extra_id_0>".replace("<", "▁<"))
    assert vocabulary.name == "t5,eos=32099"
    assert open_vocabulary(str(t5_model.parent)).name == "t5"
