"""Rows, texts and files with something changed in them, by a seeded draw."""

import json
import math
import random
from typing import Any


def nest(depth: int) -> Any:
    """Lists in lists."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def odd_value(draw: random.Random) -> Any:
    """A value that few expect."""
    return draw.choice(
        [
            lambda: None,
            lambda: draw.choice([True, False]),
            lambda: draw.choice([0, -1, 1, 2, 3, 99, 2**31, 2**63, -(2**70), 10**400]),
            lambda: draw.choice([0.0, -0.0, 1.5, 1e308, math.nan, math.inf, -math.inf]),
            lambda: draw.choice(["", " ", "\n", "\0", "\ud800", "a\udc00b", "\u2028", "\x1b[31m"]),
            lambda: draw.choice(
                ["yes", "0", "{answer}", "%s", "- c\n- d", "OPTIONS:\n- a", "[0-5]"]
            ),
            lambda: draw.choice(["a", "\u0130", "\U0001f468\u200d\U0001f469", "é"]) * 3000,
            lambda: [],
            lambda: {},
            lambda: [odd_value(draw) for _ in range(draw.randrange(3))],
            lambda: {draw.choice(["a", "", "text"]): odd_value(draw)},
            lambda: nest(draw.choice([5, 50, 3000])),
            lambda: draw.choice([b"bytes", {1}, (1, 2), object(), 1j]),
        ]
    )()


def mutated(value: Any, draw: random.Random) -> Any:
    """The value with one place in it changed."""
    if draw.random() < 0.25 or not value:
        return odd_value(draw)
    if isinstance(value, dict):
        key = draw.choice(list(value))
        kind = draw.random()
        if kind < 0.1:
            return {name: item for name, item in value.items() if name != key}
        if kind < 0.15:
            return {**value, draw.choice(["extra", "", 7, None, "\ud800"]): odd_value(draw)}
        return {**value, key: mutated(value[key], draw)}
    if isinstance(value, list):
        place = draw.randrange(len(value))
        kind = draw.random()
        if kind < 0.15:
            return value[:place] + value[place + 1 :]
        if kind < 0.3:
            return value[:place] + [value[place]] * draw.choice([2, 3, 40]) + value[place:]
        return [*value[:place], mutated(value[place], draw), *value[place + 1 :]]
    if isinstance(value, str):
        return mutated_text(value, draw)
    return odd_value(draw)


def mutated_text(text: str, draw: random.Random) -> str:
    """The text cut, doubled, turned or with something in it."""
    place = draw.randrange(len(text) + 1)
    return draw.choice(
        [
            lambda: text[:place],
            lambda: text[place:],
            lambda: text + text,
            lambda: text[:place] + draw.choice(TOKENS).decode("utf-8", "replace") + text[place:],
            lambda: text[:place] + draw.choice(["\ud800", "\0", "\n", "\x85", "\t"]) + text[place:],
            lambda: text[::-1],
            lambda: text.upper(),
            # Ten million letters are enough: what is read in proportion takes its seconds.
            lambda: text * (200 if len(text) <= 50_000 else 1),
        ]
    )()


TOKENS = [
    *(b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc3", b"\r", b"\n", b"\n\n"),
    *(b"\t", b"\x1b[", b'"', b"'", b'"""', b"'''", b"{", b"}", b"{{", b"[", b"]", b"[[", b"("),
    *(b")", b",", b"=", b":", b"-", b"#", b"\\", b"\\u0000", b"\\ud800", b"\\U0010ffff"),
    *(b"nan", b"NaN", b"inf", b"-Infinity", b"1e999", b"-0.0", b"true", b"null", b"0x", b"1_0"),
    *(b"9" * 30, b"9" * 400, b"9" * 5000, b"{answer}", b"{options}", b"{nothing}", b"%s"),
    *(b"%NAME", b"@x()", b"include 'x'\n", b"import x\n", b"a.b.c = 1\n", b"x" * 70_000),
    *(b"[" * 3000, b"{" * 3000, b'{"a":' * 3000, b"(" * 3000),
]  # fmt: skip


def mutated_bytes(data: bytes, draw: random.Random) -> bytes:
    """The bytes after one to four changes."""
    for _ in range(draw.choice([1, 1, 1, 2, 4])):
        place = draw.randrange(len(data) + 1)
        end = min(len(data), place + draw.choice([1, 2, 4, 8, 40, 400]))
        kind = draw.randrange(7)
        if kind == 0 and data[place:]:
            flipped = data[place] ^ (1 << draw.randrange(8))
            data = data[:place] + bytes([flipped]) + data[place + 1 :]
        elif kind == 1:
            data = data[:place]
        elif kind == 2:
            data = data[:place] + data[end:]
        elif kind == 3:
            data = data[:place] + draw.choice(TOKENS) + data[place:]
        elif kind == 4:
            data = data[:place] + data[place:end] * draw.choice([2, 3, 50]) + data[end:]
        elif kind == 5:
            data = data[:place] + draw.randbytes(end - place) + data[end:]
        else:
            other = draw.randrange(len(data) + 1)
            data = data[:place] + data[other : other + end - place] + data[end:]
    return data


def mutated_json(data: bytes, draw: random.Random) -> bytes:
    """JSON with a value changed, which stays JSON, or with bytes changed, which hardly does."""
    if draw.random() < 0.5:
        return mutated_bytes(data, draw)
    value = mutated(json.loads(data), draw)
    try:
        return json.dumps(value, default=repr).encode()
    except (RecursionError, ValueError):
        return mutated_bytes(data, draw)
