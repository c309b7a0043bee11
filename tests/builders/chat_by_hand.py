"""Conversations written by hand in the shapes of tests/fixtures/chat, as a second implementation.

Each shape is a list of pieces, told apart by who writes them; texts between control tokens are
turned into ids alone. Nothing here reads a template.
"""

import random
from pathlib import Path

from conftest import ROOT

FOLDER = ROOT / "tests" / "fixtures" / "chat"
SHAPES = ("chatml", "tagged", "qwen3", "llama3", "mistral", "gemma")
# (text or control token, whether it is a token, whether a model writes it)
Piece = tuple[str, bool, bool]
WORDS = (
    *("red", "green", " cherry", "Leaf", "\n", "\n\n", "  ", "桜桃", "вишня", "🍒", "أحمر", "ก็แดง"),
    *(
        "<b>",
        "{{ x }}",
        "{% if %}",
        "assistant",
        "user\n",
        "<think",
        "a\u0301",
        "\u200b",
        "\t",
        "0",
    ),
    *("<|im_end|>", "<|im_start|>assistant\n", "</s>", "[/INST]", "<end_of_turn>", "<|eot_id|>"),
    *("<think>", "</think>", "<bos>", "<|endoftext|>"),
)


def shape(name: str) -> Path:
    """The folder of a shape."""
    return FOLDER / name


def conversation(dice: random.Random, name: str) -> list[tuple[str, str]]:
    """Returns a conversation that the shape takes: (role, text), odd ones among them."""
    alternate = name == "mistral"
    turns: list[tuple[str, str]] = []
    systems = 0 if name == "gemma" else dice.choice((0, 0, 1, 1 if alternate else 2))
    turns += [("system", text_of(dice)) for _ in range(systems)]
    for number in range(dice.randint(1, 6)):
        role = ("user", "assistant")[number % 2]
        if not alternate and dice.random() < 0.15:
            role = dice.choice(("user", "assistant"))
        turns.append((role, text_of(dice)))
    if all(role != "assistant" for role, _ in turns):
        if turns[-1][0] != "user":
            turns.append(("user", text_of(dice)))
        turns.append(("assistant", text_of(dice)))
    return turns


def text_of(dice: random.Random) -> str:
    """Returns a text of a turn, at times an empty one."""
    text = "".join(dice.choice(WORDS) for _ in range(dice.choice((0, 1, 3, 8))))
    # As examples have them: no line ends before the first letter, no blanks behind the last.
    return text.strip()


def pieces(name: str, turns: list[tuple[str, str]]) -> list[Piece]:
    """Returns what a conversation is written as."""
    return _WRITTEN[name](turns)


def ids_and_mask(vocabulary, written: list[Piece]) -> tuple[list[int], list[int]]:
    """Returns ids of pieces, and 1 for those that a model writes."""
    ids: list[int] = []
    mask: list[int] = []
    text, by_model = "", []

    def close() -> None:
        nonlocal text
        if text:
            found = vocabulary.encode([text])[0].tolist()
            ids.extend(found)
            # Of a text between two tokens, all or its end is the model's.
            whole = [own for own, _ in by_model]
            before = "".join(one for own, one in by_model if not own)
            count = len(vocabulary.encode([before])[0]) if not all(whole) else 0
            trained = len(found) - count if any(whole) else 0
            mask.extend([0] * (len(found) - trained) + [1] * trained)
        text = ""
        by_model.clear()

    for one, is_token, own in written:
        if is_token:
            close()
            ids.append(vocabulary.controls[one])
            mask.append(int(own))
        elif one:
            text += one
            by_model.append((own, one))
    close()
    return ids, mask


def _im(turns, *, default="", think=False):
    found: list[Piece] = []
    if default and turns[0][0] != "system":
        turns = [("system", default), *turns]
    last_question = max((n for n, (role, _) in enumerate(turns) if role == "user"), default=-1)
    for number, (role, text) in enumerate(turns):
        own = role == "assistant"
        found += [("<|im_start|>", True, False), (f"{role}\n", False, False)]
        if think and own and number == len(turns) - 1 and number > last_question:
            found += [("<think>", True, False), ("\n\n", False, False)]
            found += [("</think>", True, False), ("\n\n", False, False)]
        found += [(text, False, own), ("<|im_end|>", True, own), ("\n", False, False)]
    return found


def _headed(turns):
    found: list[Piece] = [("<|begin_of_text|>", True, False)]
    told = ""
    if turns[0][0] == "system":
        told, turns = turns[0][1], turns[1:]
    today = ("system", f"Today is the 26 Jul 2024.\n\n{told}")
    for role, text in (today, *turns):
        own = role == "assistant"
        found += [("<|start_header_id|>", True, False), (role, False, False)]
        found += [("<|end_header_id|>", True, False), ("\n\n", False, False)]
        found += [(text, False, own), ("<|eot_id|>", True, own)]
    return found


def _inst(turns):
    found: list[Piece] = [("<s>", True, False)]
    told = ""
    if turns[0][0] == "system":
        told, turns = f"{turns[0][1]}\n\n", turns[1:]
    for number, (role, text) in enumerate(turns):
        if role == "user":
            asked = f" {told if number == 0 else ''}{text}"
            found += [("[INST]", True, False), (asked, False, False), ("[/INST]", True, False)]
        else:
            found += [(f" {text}", False, True), ("</s>", True, True)]
    return found


def _turns(turns):
    found: list[Piece] = [("<bos>", True, False)]
    for role, text in turns:
        own = role == "assistant"
        found += [("<start_of_turn>", True, False)]
        found += [("model\n" if own else f"{role}\n", False, False)]
        found += [(text, False, own), ("<end_of_turn>", True, own), ("\n", False, False)]
    return found


_WRITTEN = {
    "chatml": lambda turns: _im(turns, default="You are a gardener who likes to help."),
    "tagged": _im,
    "qwen3": lambda turns: _im(turns, think=True),
    "llama3": _headed,
    "mistral": _inst,
    "gemma": _turns,
}
