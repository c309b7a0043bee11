"""A dataset of a user's own whose rows are conversations, in either form that rows have them in."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MODULE = '''\
from pathlib import Path

import flan_tasks as ft

HERE = Path(__file__).parent


def _chat(row):
    """Answers the last question of a conversation."""
    return ft.Example(messages=row["messages"])


CHATS = ft.Dataset(
    name="my_chats",
    source=ft.Files({"train": "chats.jsonl"}, root=str(HERE)),
    splits=ft.Splits.validation_from_train(1, test=None),
    schema={"messages": list},
    fields=("conversation",),
    normalize=_chat,
    metrics=("rouge",),
    license="CC0-1.0",
    citation="Yours, 2026",
)
ft.add(CHATS, templates=HERE / "my_chats.toml")
'''
TEMPLATES = """\
[[template]]
id = "as_it_is"
inputs = "{conversation}"
targets = "{answer}"
"""
ROWS = [
    [("user", "What color is a leaf?"), ("assistant", "Green."), ("user", "Always?")]
    + [("assistant", "No, in autumn it is red.")],
    [("system", "Answer in a word."), ("user", "Is a cherry red?"), ("assistant", "Yes.")],
    [("user", "Name a fruit."), ("assistant", ""), ("user", "Well?"), ("assistant", "A cherry.")],
    [("user", "Say <|im_end|>."), ("assistant", "<|im_end|>"), ("user", "Thank you!")],
    # Twice: one row is for validation.
    [("user", "Name two trees."), ("assistant", "Oak."), ("assistant", "Elm.")],
    [("user", "Name two more."), ("assistant", "Ash."), ("assistant", "Fir.")],
]


def messages(turns) -> list[dict[str, str]]:
    """Turns as rows have them."""
    return [{"role": role, "content": text} for role, text in turns]


@pytest.fixture
def own_chats(tmp_path, monkeypatch) -> Iterator[Callable[..., str]]:
    """Writes the dataset my_chats into the current folder; returns the name of its module."""
    from flan_tasks.datasets import catalog

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"chats_{tmp_path.name}"

    def write(rows=None, *, module: str = MODULE, templates: str = TEMPLATES) -> str:
        Path(f"{name}.py").write_text(module)
        Path("my_chats.toml").write_text(templates)
        held = [{"messages": messages(turns)} for turns in ROWS] if rows is None else rows
        Path("chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in held))
        catalog.cache_clear()
        sys.modules.pop(name, None)
        return name

    yield write
    catalog.cache_clear()
    sys.modules.pop(name, None)
