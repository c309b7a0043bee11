"""Ids, ends and beginnings of tokenizer.json in published shapes, and control tokens in texts."""

import json
import pickle

import pytest

from flan_tasks.core.errors import VocabularyError
from flan_tasks.vocabulary import TokenizersVocabulary, open_vocabulary

tokenizers = pytest.importorskip("tokenizers")

from toy_tokenizers import (  # noqa: E402 - needs the library
    QWEN,
    SHAPES,
    byte_level,
    put_around,
    shape,
    unigram,
    written,
)

PLAIN = [
    "",
    "red",
    " lead",
    "a cherry  is red\nand\n\n  a leaf",
    "naïve façade 日本語 😀 {b}\t\tx",
    "x" * 50,
]
# What ends a text, comes before one, pads: the tokens each shape is published with.
ENDS = {
    "gpt2": ("<|endoftext|>", None, None),
    "phi2": ("<|endoftext|>", None, None),
    "llama2": ("</s>", "<s>", "<unk>"),
    "mistral": ("</s>", "<s>", "<unk>"),
    "llama3": ("<|end_of_text|>", "<|begin_of_text|>", "<|pad|>"),
    "llama3_instruct": ("<|eot_id|>", "<|begin_of_text|>", "<|pad|>"),
    "qwen": ("<|endoftext|>", None, "<|endoftext|>"),
    "qwen_chat": ("<|im_end|>", None, "<|endoftext|>"),
    "deepseek": (
        "<｜end▁of▁sentence｜>",
        "<｜begin▁of▁sentence｜>",
        "<｜end▁of▁sentence｜>",
    ),
    "gemma": ("<eos>", "<bos>", "<pad>"),
    "phi3": ("<|endoftext|>", "<s>", None),
    "t5": ("</s>", None, "<pad>"),
    "prefix_space": ("</s>", "<s>", "<pad>"),
}


@pytest.fixture(scope="module", params=list(SHAPES))
def shaped(request, tmp_path_factory):
    """A folder in each shape, and the library's own reading of it without what it puts around."""
    folder = shape(request.param, tmp_path_factory.mktemp("shapes") / request.param)
    library = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    library.no_truncation()
    library.no_padding()
    return request.param, folder, library


def plain_ids(library, texts):
    return [library.encode(text, add_special_tokens=False).ids for text in texts]


def test_end_beginning_and_padding_are_the_published_ones(shaped):
    name, folder, library = shaped
    vocabulary = open_vocabulary(str(folder))
    end, begin, pad = (token and library.token_to_id(token) for token in ENDS[name])
    assert (vocabulary.eos_id, vocabulary.bos_id) == (end, begin)
    assert vocabulary.pad_id == (pad or 0)
    assert vocabulary.size == library.get_vocab_size()
    assert vocabulary.notes == ()


def test_plain_texts_have_the_librarys_ids_nothing_cut_put_around_or_filled_up(shaped):
    _, folder, library = shaped
    vocabulary = open_vocabulary(str(folder / "tokenizer.json"))
    assert [ids.tolist() for ids in vocabulary.encode(PLAIN)] == plain_ids(library, PLAIN)
    flat = vocabulary.encode_flat(PLAIN, 1 << 20)
    assert (flat.ids[flat.lengths.cumsum() - 1] == vocabulary.eos_id).all()


def test_control_tokens_in_a_text_are_text_and_counted(shaped):
    _, folder, library = shaped
    vocabulary = open_vocabulary(str(folder))
    assert vocabulary.control_tokens == "text"
    names = [token for token in vocabulary.controls if token != "<unk>"]
    texts = [f"red {token} green{token}" for token in names]
    for text, ids in zip(texts, vocabulary.encode(texts), strict=True):
        assert not {*ids.tolist()} & {vocabulary.controls[name] for name in names}, text
        if vocabulary.unk_id is None:
            assert vocabulary.decode(ids) == text or vocabulary.decode(ids) == f" {text}"
    assert vocabulary.control_in([*texts, "red"]).tolist() == [2] * len(names) + [0]


def test_control_tokens_in_a_text_are_themselves_where_asked_for(shaped):
    _, folder, library = shaped
    vocabulary = open_vocabulary(f"{folder},control=special")
    texts = [f"red {token} green{token}" for token in vocabulary.controls]
    assert [ids.tolist() for ids in vocabulary.encode(texts)] == plain_ids(library, texts)
    end = vocabulary.eos_token
    assert vocabulary.encode([f"red{end}green"])[0].tolist().count(vocabulary.eos_id) == 1
    assert "control=special" in vocabulary.name
    assert vocabulary.name != open_vocabulary(str(folder)).name


def test_a_pickled_vocabulary_gives_the_same_ids(shaped):
    _, folder, _ = shaped
    vocabulary = open_vocabulary(str(folder))
    text = f"red {vocabulary.eos_token} green"
    there = pickle.loads(pickle.dumps(vocabulary))
    assert there.encode([text])[0].tolist() == vocabulary.encode([text])[0].tolist()
    assert there.name == vocabulary.name


def test_the_name_is_the_files_unless_another_end_is_chosen(tmp_path):
    alone = written(tmp_path / "alone", byte_level("<|endoftext|>", "<|pad|>"))
    plain = open_vocabulary(str(alone / "tokenizer.json"))
    assert plain.name.count(",") == 0 and plain.end_from == "its name"
    asked = open_vocabulary(f"{alone / 'tokenizer.json'},eos=<|pad|>")
    assert asked.name == f"{plain.name},eos={asked.eos_id}"
    by_number = open_vocabulary(f"{alone / 'tokenizer.json'},eos={asked.eos_id}")
    assert by_number.name == asked.name
    same = open_vocabulary(f"{alone / 'tokenizer.json'},eos=<|endoftext|>")
    assert same.name == plain.name


def test_unknown_pieces_are_counted_per_text_cut_or_whole(tmp_path):
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "b": 4}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    vocabulary = open_vocabulary(str(written(tmp_path, made)))
    texts = ["a b", "a x y", "x y z", "", "x a a a y", "</s>"]
    for limit in (1, 2, 3, 100):
        flat = vocabulary.encode_flat(texts, limit)
        assert flat.unknown.tolist() == [0, 2, 3, 0, 2, 0]
        assert flat.only_unknown.tolist() == [False, False, True, False, False, False]
    # A model of whole words holds "</s>" as a word of its own, and nothing says it is more.
    assert vocabulary.encode(["</s>"])[0].tolist() == [1]


def test_blanks_around_what_is_unknown_are_no_knowledge(tmp_path):
    vocabulary = open_vocabulary(str(written(tmp_path, unigram())))
    flat = vocabulary.encode_flat(["語 語", "red 語"], 100)
    assert flat.only_unknown.tolist() == [True, False]
    assert (flat.unknown > 0).all()


def test_a_tokenizer_that_loses_characters_says_so(tmp_path):
    made = tokenizers.Tokenizer(tokenizers.models.BPE({"a": 0, "b": 1, "</s>": 2}, []))
    vocabulary = open_vocabulary(str(written(tmp_path, made)))
    assert vocabulary.encode(["axb"])[0].tolist() == [0, 1]
    assert vocabulary.notes[0].endswith("characters it does not know are left out")


def test_a_file_for_transformers_closes_texts_and_puts_nothing_before(tmp_path):
    folder = written(tmp_path, put_around(byte_level("<s>", "</s>"), "<s>"))
    vocabulary = open_vocabulary(str(folder))
    assert isinstance(vocabulary, TokenizersVocabulary)
    theirs = tokenizers.Tokenizer.from_str(vocabulary.closing_json())
    for text in PLAIN:
        wanted = [*vocabulary.encode([text])[0].tolist(), vocabulary.eos_id]
        assert theirs.encode(text).ids == wanted


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ("[]", 'it has no "model"'),
        ('{"model": {}}', "is no tokenizer.json: KeyError"),
        ('{"model": {"type": "BPE", "vocab": 3, "merges": []}}', "is no tokenizer.json"),
        ("[" * 100_000, "is no tokenizer.json"),
    ],
)
def test_what_is_no_tokenizer_is_named(tmp_path, held, message):
    (tmp_path / "tokenizer.json").write_text(held, encoding="utf-8")
    with pytest.raises(VocabularyError, match=message):
        open_vocabulary(str(tmp_path))


def test_settings_taken_for_the_tokenizer_point_to_it(tmp_path):
    folder = shape("qwen", tmp_path)
    with pytest.raises(VocabularyError, match=r"tokenizer\.json may be the one"):
        open_vocabulary(str(folder / "tokenizer_config.json"))
    json.loads((folder / "tokenizer_config.json").read_text())


def test_control_tokens_for_which_the_model_beside_has_no_rows_are_text(tmp_path):
    # As Gemma 3's text models, whose tokenizer has a token for pictures behind all others.
    made = byte_level(*QWEN, "<image_soft_token>")
    path = tmp_path / "tokenizer.json"
    made.save(str(path))
    alone = TokenizersVocabulary(path, eos=QWEN[2])
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": alone.size - 1}))
    beside = TokenizersVocabulary(path, eos=QWEN[2])
    assert beside.size == alone.size - 1 and beside.eos_id == alone.eos_id
    text = "see <image_soft_token> <|im_start|>"
    assert max(beside.encode([text])[0]) < beside.size
    assert beside.encode([text])[0].tolist() == alone.encode([text])[0].tolist()
    assert "none for <image_soft_token>: in texts they are text" in beside.notes[0]
    special = TokenizersVocabulary(path, eos=QWEN[2], control_tokens="special")
    assert max(special.encode([text])[0]) < beside.size
    # Pieces of texts are not left out: the model is refused.
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": alone.size - 9}))
    assert TokenizersVocabulary(path, eos=QWEN[2]).size > alone.size - 9
