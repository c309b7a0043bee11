"""Conversations of a user's own through every format: turn by turn, or said that they are not."""

import json

import pytest
from own_chats import ROWS, messages

import flan_tasks as ft

# What is left of each: up to its last answer.
KEPT = [turns[:-1] if turns[-1][0] == "user" else turns for turns in ROWS]


def rows_of(folder):
    return [
        json.loads(line)
        for path in sorted((folder / "data").iterdir())
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def build(module, out, **settings):
    settings = {"report": False, "modules": (module,), "kinds": ("forward",), **settings}
    return ft.build("my_chats", out, **settings)


@pytest.mark.parametrize("style", ["messages", "sharegpt"])
def test_styles_of_conversations_have_all_turns_with_their_roles(own_chats, tmp_path, style):
    built = build(own_chats(), tmp_path / "a", style=style)
    assert not built.warnings
    column, role, content = (
        ("messages", "role", "content")
        if style == "messages"
        else ("conversations", "from", "value")
    )
    names = {"user": "human", "assistant": "gpt"} if style == "sharegpt" else {}
    told = [
        [(turn[role], turn[content]) for turn in row[column]] for row in rows_of(tmp_path / "a")
    ]
    wanted = [[(names.get(who, who), text) for who, text in turns] for turns in KEPT]
    assert len(told) >= 3 and all(turns in wanted for turns in told)


def test_parquet_has_them_too(own_chats, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    build(own_chats(), tmp_path / "a", style="messages", format="parquet")
    (path,) = (tmp_path / "a" / "data").iterdir()
    told = [row["messages"] for row in parquet.read_table(path).to_pylist()]
    assert len(told) >= 3 and all(turns in [messages(one) for one in KEPT] for turns in told)


@pytest.mark.parametrize(
    "settings", [{"format": "jsonl"}, {"format": "arrays", "vocab": "bytes", "arch": "decoder"}]
)
def test_what_cannot_carry_turns_says_so(own_chats, tmp_path, settings):
    built = build(own_chats(), tmp_path / "a", **settings)
    assert "has the last answer alone" in built.warnings[-1] and "--chat" in built.warnings[-1]


def test_a_chat_template_writes_all_turns_and_refuses_some_rows(own_chats, tmp_path):
    pytest.importorskip("tokenizers")
    from chat_by_hand import shape

    settings = {"format": "arrays", "arch": "decoder", "lengths": {"inputs": 900, "targets": 90}}
    module = own_chats()
    built = build(module, tmp_path / "a", chat=str(shape("chatml")), **settings)
    about = built.manifest["chat"]
    answers = about["roles"]["assistant"]["turns"]
    assert answers == about["stop_tokens"] > built.examples and not about["refused"]
    refused = build(module, tmp_path / "b", chat=str(shape("mistral")), **settings)
    about = refused.manifest["chat"]
    gone = sum(about["refused"].values())
    assert gone and refused.examples == built.examples - gone
    assert set(about["refused"]) == {"turns must alternate between user and assistant"}
    assert len(refused.manifest["left_out"]) == gone
    ft.verify(tmp_path / "b")


def test_the_other_form_and_rows_with_tools(own_chats, tmp_path):
    form = {"user": "human", "assistant": "gpt", "system": "system"}
    rows = [{"messages": [{"from": form[who], "value": text} for who, text in t]} for t in ROWS]
    build(own_chats(rows), tmp_path / "a", style="messages")
    told = [row["messages"] for row in rows_of(tmp_path / "a")]
    assert all(turns in [messages(one) for one in KEPT] for turns in told)
    tools = [{"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "4"}]}] * 4
    with pytest.raises(ft.RowError, match='turn 2 is of role "tool": turns of tools'):
        build(own_chats(tools), tmp_path / "b")


def test_a_build_of_refused_rows_alone_says_why(own_chats, tmp_path):
    pytest.importorskip("tokenizers")
    from chat_by_hand import shape

    twice = [{"messages": messages(ROWS[4])}] * 6
    settings = {"format": "arrays", "arch": "decoder", "chat": str(shape("mistral"))}
    with pytest.raises(ft.BuildError, match="turns must alternate"):
        build(own_chats(twice), tmp_path / "a", **settings)
