"""Texts cut into words, and ids of byte-level tokenizers by way of them: those of whole texts."""

import json
import random
import sys
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import REAL
from hypothesis import given, settings
from hypothesis import strategies as st

from flan_tasks.vocabulary import TokenizersVocabulary, word_table
from flan_tasks.vocabulary.cuts import (
    AT_BLANKS,
    AT_BLANKS_AND_MARKS,
    AT_LINES,
    AT_LINES_AND_MARKS,
    AT_SPACES,
    BLANKS,
    cuts_of,
    separator_of,
)

tokenizers = pytest.importorskip("tokenizers")

from split_tokenizers import (  # noqa: E402 - needs the library
    FAMILIES,
    LLAMA_3,
    PLAIN,
    SPECIAL,
    byte_level,
    in_turn,
    of_gpt2,
    of_pairs,
    split,
    write,
)

# Blanks of all kinds, newlines, marks, digits, letters of many scripts, what composes, what is
# invisible, what looks like a part of a word, and tokens written out.
FRAGMENTS = [
    *("\t", "\n", "\n\n", "\r\n", "\r", "\x0b", "\x0c", "  ", "   ", "\n ", " \n", *BLANKS),
    *("\x00", "\x01", "\x1b", "\x1c", "\x1f", "\x7f", "\u200d", "\u2060", "\ufdd0", "\U000e0001"),
    *("a", "red", "Z", "GREEN", "y", "é", "e\u0301", "\u0301", "\u0327", "ſ", "\u212a", "ß", "ǅ"),
    *("я", "ж", "λ", "ا", "ש", "हि", "ก", "ქ", "አ", "日本", "ひ", "カ", "한", "ᄒ", "𐌰", "ª"),
    *("1", "22", "4567", "½", "٣", "Ⅷ", "²", "一"),
    *(
        ".",
        ",",
        "!",
        "/",
        "-",
        "'",
        "'s",
        "'LL",
        "’s",
        "$",
        "+",
        "=",
        "«",
        "…",
        "…!",
        "。",
        "😀",
        "€",
    ),
    *SPECIAL,
    *PLAIN,
]
LETTERS = "".join(sorted({c for f in FRAGMENTS for c in f if c not in BLANKS} | {" ", "\u3000"}))
# A space stands between any two about every other time.
texts_of_fragments = st.lists(st.sampled_from([" "] * 24 + FRAGMENTS), max_size=12).map("".join)


def opened(folder, held, **choices) -> TokenizersVocabulary:
    """A vocabulary of a tokenizer.json."""
    path = write(folder / "tokenizer.json", held)
    return TokenizersVocabulary(path, eos="<|endoftext|>", **choices)


@pytest.fixture(scope="module", params=FAMILIES)
def vocabularies(request, tmp_path_factory):
    """A family's tokenizer that merges whatever a piece holds, with tokens as text and special."""
    held = of_pairs(request.param, LETTERS)
    folder = tmp_path_factory.mktemp(request.param)
    return [opened(folder, held, control_tokens=way) for way in ("text", "special")]


def differences(vocabulary, texts) -> list[str]:
    """Texts whose ids by words are not those of the library for the whole text."""
    flat = vocabulary.encode_flat(texts)
    found = np.split(flat.ids, np.cumsum(flat.lengths)[:-1])
    # So few at a time are encoded as they are.
    alone = [ids for n in range(0, len(texts), 8) for ids in vocabulary.encode(texts[n : n + 8])]
    return [
        text
        for text, ids, whole in zip(texts, found, alone, strict=True)
        if ids[:-1].tolist() != whole.tolist()
    ]


def made_up(count: int, seed: int) -> list[str]:
    """Texts of fragments, by chance."""
    chance = random.Random(seed)
    pool = [" "] * 24 + FRAGMENTS
    return ["".join(chance.choices(pool, k=chance.randint(0, 14))) for _ in range(count)]


def words_of(cuts, text: str) -> list[str]:
    """A text, cut."""
    data = text.encode()
    edges = [0, *cuts.places(data).tolist(), len(data)]
    return [data[a:b].decode() for a, b in zip(edges, edges[1:], strict=False)]


def test_texts_are_cut_where_pieces_of_the_family_end():
    text = "A cherry  is\tred.\n\n- né \u3000b: 1\n/x\u2003 y"
    assert words_of(AT_SPACES, text) == [
        *("A", " cherry", "  is\tred.\n\n-", " né", " \u3000b:", " 1\n/x\u2003 y")
    ]
    assert words_of(AT_BLANKS, text) == [
        *("A", " cherry", "  is", "\tred.", "\n\n-", " né", " \u3000b:", " 1", "\n/x\u2003 y")
    ]
    assert words_of(AT_BLANKS_AND_MARKS, text) == [
        *("A", " cherry", "  is", "\tred", ".", "\n\n-", " né", " \u3000b", ":", " 1"),
        "\n/x\u2003 y",
    ]
    assert words_of(AT_LINES, text) == [
        *("A", " cherry", "  is", "\tred.\n\n", "-", " né", " \u3000b:", " 1", "\n/x\u2003 y")
    ]
    assert words_of(AT_LINES_AND_MARKS, text) == [
        *("A", " cherry", "  is", "\tred", ".\n\n", "-", " né", " \u3000b", ":", " 1"),
        "\n/x\u2003 y",
    ]


def test_every_blank_of_unicode_is_known():
    blanks = [c for c in map(chr, range(0x80, sys.maxunicode + 1)) if c.isspace()]
    spaces = [c for c in map(chr, range(0x80, 0x10000)) if unicodedata.category(c)[0] == "Z"]
    assert {*blanks, *spaces} <= set(BLANKS)
    texts = [f"{blank} x" for blank in BLANKS]
    assert [words_of(AT_LINES, text) for text in texts] == [[text] for text in texts]


@settings(max_examples=40)
@given(texts=st.lists(texts_of_fragments, min_size=16, max_size=40))
def test_ids_by_words_are_those_of_whole_texts(vocabularies, texts):
    for vocabulary in vocabularies:
        assert vocabulary._word_table is not None
        assert differences(vocabulary, texts) == []


def test_ids_of_many_texts_are_those_of_whole_texts(vocabularies):
    texts = made_up(1500, seed=0)
    for vocabulary in vocabularies:
        assert differences(vocabulary, texts) == []


def test_ids_show_a_cut_at_the_wrong_place(vocabularies, monkeypatch):
    """Were texts cut inside of pieces, these tests would fail."""
    wrong = word_table.WordTable(AT_LINES, vocabularies[0]._lists)
    wrong._cuts = type(AT_LINES)(((bytes(range(0x21, 0x7F)), b"./'sy"),))
    monkeypatch.setattr(
        TokenizersVocabulary, "_word_table", property(lambda vocabulary: wrong), raising=True
    )
    assert len(differences(vocabularies[0], made_up(300, seed=0))) > 10


@pytest.mark.parametrize("limit", [1, 2, 7, None])
def test_texts_are_cut_to_their_length_and_counted_whole(vocabularies, limit):
    vocabulary, texts = vocabularies[0], made_up(40, seed=1)
    alone = [vocabulary.encode([text])[0].tolist() for text in texts]
    flat = vocabulary.encode_flat(texts, limit)
    cut = [[*ids[: limit and limit - 1], vocabulary.eos_id] for ids in alone]
    assert flat.ids.tolist() == [number for ids in cut for number in ids]
    assert flat.lengths.tolist() == [len(ids) for ids in cut]
    assert flat.whole.tolist() == [len(ids) + 1 for ids in alone]
    assert vocabulary.sizes(texts) == [len(ids) for ids in alone]
    assert [ids.tolist() for ids in vocabulary.encode(texts)] == alone


@pytest.mark.parametrize(
    "bound", [{"_MOST_WORDS": 5}, {"_MOST_IDS": 9}, {"_LONGEST": 2}, {"_WINDOW": 11}]
)
def test_a_full_table_begins_anew_with_the_same_ids(tmp_path, monkeypatch, bound):
    vocabulary = opened(tmp_path, of_pairs("llama3", "ab "))
    for name, value in bound.items():
        monkeypatch.setattr(word_table, name, value)
    for seed in range(4):
        assert differences(vocabulary, made_up(60, seed)) == []
    if "_LONGEST" in bound:
        assert all(len(word) <= 2 for word in vocabulary._word_table._numbers)


def test_empty_texts_have_no_ids(vocabularies):
    texts = ["", "red", *[""] * 20, "a b"]
    assert differences(vocabularies[0], texts) == []
    flat = vocabularies[0].encode_flat([""] * 20)
    assert flat.ids.tolist() == [vocabularies[0].eos_id] * 20


def test_threads_share_a_table(tmp_path):
    vocabulary = opened(tmp_path, of_pairs("qwen2", "abé "))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda seed: differences(vocabulary, made_up(80, seed)), range(12)))
    assert found == [[]] * 12


def changed(**changes):
    """A tokenizer of the family of Llama 3 with something else in it."""
    return of_pairs("llama3", "ab ", **changes)


def with_token(**kind):
    """The same with one more added token."""
    held = changed()
    token = {**held["added_tokens"][0], "content": "<x>", "id": 999, **kind}
    return {**held, "added_tokens": [*held["added_tokens"], token]}


UNSURE = {
    "another expression": changed(pre_tokenizer=split(LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}+"))),
    "several expressions": changed(pre_tokenizer=split(r"\p{N}", LLAMA_3)),
    "an expression that is kept apart otherwise": changed(
        pre_tokenizer=split(LLAMA_3, behavior="MergedWithPrevious")
    ),
    "no bytes": changed(pre_tokenizer={"type": "Whitespace"}),
    "a split before GPT-2's": changed(
        pre_tokenizer=in_turn({"type": "Punctuation"}, byte_level(use_regex=True))
    ),
    "a blank before each piece": changed(
        pre_tokenizer=in_turn(
            split(LLAMA_3)["pretokenizers"][0], byte_level(use_regex=False, prefix=True)
        )
    ),
    "nothing that splits": changed(pre_tokenizer=None),
    "a normalizer": changed(normalizer={"type": "NFKC"}),
    "chance": changed(model={**changed()["model"], "dropout": 0.1}),
    "another model": changed(model={**changed()["model"], "type": "WordPiece"}),
    "a text twice": changed(
        post_processor={
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}] * 2,
        }
    ),
    "a token with a blank in it": with_token(content="a b"),
    "a token with a blank in it when composed": with_token(content="\u212a\n"),
    "a token that takes blanks before it": with_token(lstrip=True),
    "a token that takes blanks behind it": with_token(rstrip=True),
    "a token that is no part of a word": with_token(single_word=True),
}


@pytest.mark.parametrize("what", UNSURE)
def test_where_it_is_not_sure_whole_texts_are_encoded(what):
    assert cuts_of(changed()) == AT_LINES_AND_MARKS
    assert cuts_of(UNSURE[what]) is None


@pytest.mark.parametrize(
    "step",
    [
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
        {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]},
        {
            "type": "Sequence",
            "processors": [
                {
                    "type": "TemplateProcessing",
                    "single": [
                        {"SpecialToken": {"id": "<s>", "type_id": 0}},
                        {"Sequence": {"id": "A", "type_id": 0}},
                    ],
                }
            ],
        },
    ],
)
def test_what_is_put_around_texts_does_not_matter(step):
    assert cuts_of(changed(post_processor=step)) == AT_LINES_AND_MARKS


def test_marks_stay_with_words_where_a_token_holds_both():
    assert cuts_of(with_token(content="<x.1>")) == AT_LINES
    assert cuts_of(with_token(content="<|x|>")) == AT_LINES_AND_MARKS


def test_words_of_a_pickled_vocabulary_are_found_anew(tmp_path):
    import pickle

    vocabulary = opened(tmp_path, changed())
    texts = made_up(40, seed=2)
    before = vocabulary.encode_flat(texts)
    there = pickle.loads(pickle.dumps(vocabulary))
    assert there.encode_flat(texts).ids.tolist() == before.ids.tolist()
    assert len(there._word_table) == len(vocabulary._word_table) > 0


def test_words_are_kept_apart_by_a_token_only_where_no_other_reaches_over_it():
    def separator(*tokens):
        added = [{"content": token, "id": n, "normalized": False} for n, token in enumerate(tokens)]
        return separator_of({"added_tokens": added})

    assert separator("<s>", "</s>", "red") == ("<s>", 0)
    # It is the beginning of another; another ends with how it begins.
    assert separator("<s>", "<s>x", "[SEP]") == ("[SEP]", 2)
    assert separator("<s>", "red<", "[SEP]") == ("red<", 1)
    assert separator("<s>", "<s", "a<", "a") is separator() is None
    assert separator_of({"added_tokens": [{"content": "<s>", "id": 0, "normalized": True}]}) is None


def test_a_word_with_the_id_that_keeps_words_apart_is_encoded_alone(tmp_path):
    held = of_pairs("llama3", "ab ")
    # Written so, the token is none of a text's; a blank with "b" is the piece of this name.
    number = held["model"]["vocab"]["\u0120b"]
    held["added_tokens"][0] |= {"content": "\u0120b", "id": number, "special": False}
    vocabulary = TokenizersVocabulary(write(tmp_path / "tokenizer.json", held), eos="</s>")
    assert vocabulary._word_table._separator == ("\u0120b", number)
    texts = ["b ab cb a b bb", "ab", "\u0120b", *made_up(40, seed=3)]
    assert differences(vocabulary, texts) == []
    assert any(number in ids for ids in vocabulary.encode(texts[:2]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_ids_of_made_up_texts_by_the_ten_thousand(vocabularies, seed):
    texts = made_up(5_000, seed=100 + seed)
    for vocabulary in vocabularies:
        assert differences(vocabulary, texts) == []


def real_texts():
    """All texts of the real rows: prompts and targets of every split, and Natural Instructions."""
    from flan_tasks.datasets import catalog
    from flan_tasks.plan.plan import Plan
    from flan_tasks.plan.prepare import SourceChoice, prepare
    from flan_tasks.plan.rows import render_texts

    for split_name in ("train", "validation", "test"):
        prepared = prepare(
            catalog().mixture("all"),
            catalog(),
            source=SourceChoice("tfds", REAL / "tfds"),
            split=split_name,
            allow_missing=True,
        )
        items = tuple(item for item in prepared.ingredients if item.available and item.templates)
        plan = Plan(items, 0, tuple(item.available for item in items), grouped=True)
        for start in range(0, len(plan), 4096):
            rendered = render_texts(plan, plan.rows(start, min(start + 4096, len(plan))))
            yield f"rows, {split_name}", [*rendered.inputs, *rendered.targets]
    for path in sorted((REAL / "flan22" / "niv2" / "tasks").glob("*.json")):
        task = json.loads(path.read_text(encoding="utf-8"))
        definition = "".join(task["Definition"])
        texts = []
        for instance in task["Instances"]:
            texts += [f"{definition}\n\n{instance['input']}\n\nOutput:", *instance["output"]]
        yield "Natural Instructions", texts


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_ids_of_every_real_text_are_those_of_whole_texts(tmp_path, real_tree, family):
    folder = REAL / "vocab" / "gpt2"
    if not folder.is_dir():
        pytest.skip("no pieces of GPT-2")
    vocabulary = opened(tmp_path, of_gpt2(family, folder))
    counts = Counter()
    for source, texts in real_texts():
        assert differences(vocabulary, texts) == [], source
        counts[source] += len(texts)
    print(family, {source: f"{count:,} texts" for source, count in counts.items()})
