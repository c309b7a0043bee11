"""Data as a page holds it: compact JSON that may stand in a script element, whatever its texts."""

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from flan_tasks.vocabulary import Vocabulary

# Above this many characters the examples are packed by gzip. Below they stay readable in the file,
# and the bytes of a report do not hang on the version of zlib.
PLAIN_LIMIT = 8_000_000
# First code of an id in a string of ids: behind ", \\ and <, which JSON or HTML would change.
FIRST_CODE = 0x5D
_SURROGATES = 0xD800
_NUM_SURROGATES = 0x800


def columns_of(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns entries column by column, which takes little space where they are much alike.

    A value is a shape and numbers: the shape has, for each number, its place among those of the
    value. `shapes` are the distinct ones of a column with `sizes`, how many numbers each needs,
    `shape` is which of them each entry has, left out where there is one, and `numbers` are those
    of all entries behind each other. `packed_data.js` reads it.
    """
    keys = dict.fromkeys(key for entry in entries for key in entry)
    columns = {}
    for key in keys:
        numbers: list[float] = []
        texts, sizes = [], []
        for entry in entries:
            own: list[float] = []
            texts.append(json.dumps(_shape(entry.get(key), own)))
            sizes.append(len(own))
            numbers += own
        shapes, places = unique(zip(texts, sizes, strict=True))
        columns[key] = {
            "shapes": [json.loads(text) for text, _ in shapes],
            "sizes": [size for _, size in shapes],
            "shape": places if len(shapes) > 1 else [],
            "numbers": numbers,
        }
    return {"count": len(entries), "columns": columns}


def _shape(value: Any, numbers: list[float]) -> Any:
    """Returns a value with a place for each number, which it puts there."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        numbers.append(value)
        return len(numbers) - 1
    if isinstance(value, Mapping):
        return {key: _shape(item, numbers) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shape(item, numbers) for item in value]
    return value


def script_text(value: Any) -> str:
    """Returns JSON that may stand in a script element, whatever texts it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # Neither "</script" nor "<!--" can appear without it.
    return text.replace("<", "\\u003c")


def packed_script_text(value: Any) -> tuple[str, str]:
    """Returns (type, text) of a script element for a value of any size."""
    text = script_text(value)
    if len(text) <= PLAIN_LIMIT:
        return "application/json", text
    # Level 6 takes a third of the time of 9 and gives a file 2 % larger.
    data = gzip.compress(text.encode(), compresslevel=6, mtime=0)
    return "application/gzip+base64", base64.b64encode(data).decode("ascii")


def id_columns(
    vocabulary: Vocabulary, columns: Mapping[str, Sequence[np.ndarray | None]]
) -> dict[str, Any]:
    """Returns lists of ids as strings of a letter each, and what the letters are.

    Args:
      vocabulary: whose ids.
      columns: name -> ids of each entry; None has none.
    """
    every = [ids for column in columns.values() for ids in column if ids is not None]
    joined = np.concatenate(every or [np.zeros(0, int)])
    used, counts = np.unique(joined, return_counts=True)
    # Frequent ids first: they get the codes that take one byte.
    used = used[np.lexsort((used, -counts))]
    rank = np.zeros(vocabulary.size, np.int64)
    rank[used] = np.arange(len(used))
    return {
        "first_code": FIRST_CODE,
        "ids": used.tolist(),
        "pieces": vocabulary.pieces(used.tolist()),
        "eos": vocabulary.eos_id,
        "unknown": vocabulary.unk_id,
        **{name: [_codes(rank, ids) for ids in column] for name, column in columns.items()},
    }


def _codes(rank: np.ndarray, ids: np.ndarray | None) -> str:
    if ids is None:
        return ""
    codes = rank[ids] + FIRST_CODE
    codes = np.where(codes >= _SURROGATES, codes + _NUM_SURROGATES, codes)
    return codes.astype("<u4").tobytes().decode("utf-32-le")


def unique(values: Iterable[Any]) -> tuple[list[Any], list[int]]:
    """Returns the values that differ, and which of them each is."""
    found: dict[Any, int] = {}
    places = [found.setdefault(value, len(found)) for value in values]
    return list(found), places
