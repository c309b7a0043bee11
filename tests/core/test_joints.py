"""Tests of the marks between exemplars, on text and on ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.joints import (
    ANSWER_MARK,
    SEPARATOR,
    first_answer,
    is_joined,
    join_exemplars,
)
from flan_tasks.core.render import Rendered
from flan_tasks.vocabulary import open_vocabulary

EXEMPLARS = [Rendered("Is it red?\nOPTIONS:\n- yes\n- no", "yes"), Rendered("Blue?", "no")]
JOINED = """\
Is it red?
OPTIONS:
- yes
- no
=>
yes

#####

Blue?
=>
no

#####

Green?
=>"""
TEXTS = st.text().filter(lambda text: SEPARATOR not in text)


def test_a_query_and_its_answer_look_like_an_exemplar():
    prompt = join_exemplars(EXEMPLARS, "Green?")
    assert prompt == JOINED
    query, answer = prompt.rpartition(f"{SEPARATOR}\n\n")[2], "yes"
    assert (
        f"{query}\n{answer}"
        == join_exemplars([Rendered("Green?", "yes")], "")[: len(query) + 1 + len(answer)]
    )


@given(TEXTS)
def test_a_prompt_without_exemplars_stays_what_it_is(text):
    assert join_exemplars([], text) == text
    assert not is_joined(text)


@given(st.lists(st.builds(Rendered, TEXTS, TEXTS), min_size=1, max_size=4), TEXTS)
def test_prompts_part_where_they_were_joined(exemplars, query):
    prompt = join_exemplars(exemplars, query)
    assert is_joined(prompt)
    pieces = prompt.split(f"\n\n{SEPARATOR}\n\n")
    assert pieces[-1] == f"{query}\n{ANSWER_MARK}"
    assert pieces[:-1] == [f"{one.inputs}\n{ANSWER_MARK}\n{one.targets}" for one in exemplars]


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        " yes ",
        "yes\n\n#####\n\nIs it old?\n=>\nno",
        "yes ##### Is it old? => no",
        "yes#####",
    ],
)
def test_an_answer_ends_where_another_exemplar_begins(text):
    assert first_answer(text) == "yes"


def byte_level_bpe(folder):
    """A byte-level BPE with few merges, as GPT-2's is made."""
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.ByteLevelBPETokenizer()
    texts = ["Is it red? yes or no", "a\n\n## b =>", "# head\n\n\n### head", JOINED] * 3
    model.train_from_iterator(texts, vocab_size=330, special_tokens=["<|endoftext|>"])
    path = folder / "tokenizer.json"
    model.save(str(path))
    return f"{path},eos=<|endoftext|>"


@pytest.fixture(params=["bytes", "t5", "bpe"])
def vocabulary(request, tmp_path):
    if request.param == "t5":
        return open_vocabulary(str(request.getfixturevalue("t5_model")))
    return open_vocabulary("bytes" if request.param == "bytes" else byte_level_bpe(tmp_path))


def test_joints_survive_every_kind_of_vocabulary(vocabulary):
    (ids,) = vocabulary.encode([JOINED])
    assert (ids == vocabulary.unk_id).sum() == 0
    seen = vocabulary.decode(ids.tolist())
    assert seen.count(SEPARATOR) == 2 and seen.count(ANSWER_MARK) == 3
    # Where answers begin and end is told by the ids alone, whatever became of line ends.
    query = seen.split(SEPARATOR)[-1]
    assert query.split() == ["Green?", ANSWER_MARK]


def test_the_stop_string_is_found_in_what_a_model_writes(vocabulary):
    (ids,) = vocabulary.encode([f"yes\n\n{SEPARATOR}\n\nBlue?\n{ANSWER_MARK}\nno"])
    assert first_answer(vocabulary.decode(ids.tolist())) == "yes"


def test_line_ends_alone_are_no_joint_for_t5(t5_model):
    joined, lines = open_vocabulary(str(t5_model)).encode(
        ["Blue?\nno\n\n\nGreen?", "Blue? no Green?"]
    )
    assert joined.tolist() == lines.tolist()  # why marks are needed
