"""The key of stored examples: everything that they depend on, by part, and its hash.

A normalizer states its version; code may move and be reworded without a row being read again.
`tests/datasets/test_versions.py` sees that one that gives other examples has another version. Of a
normalizer without, as of a dataset under work, the code itself is in the key.
"""

import functools
import hashlib
import importlib.metadata
import inspect
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType
from typing import Any

from flan_tasks.core.columns import type_name
from flan_tasks.core.dataset import Dataset
from flan_tasks.core.example import VERSION as EXAMPLE_VERSION
from flan_tasks.raw_rows.base import Source
from flan_tasks.repairs import VERSION as REPAIRS_VERSION

# Raised when the layout of the files changes, so that old ones are not read.
_LAYOUT = 2


def key_parts(dataset: Dataset, source: Source, split: str, *, limit: int | None) -> dict[str, Any]:
    """Returns everything a dataset's stored examples depend on, by name."""
    source_split = dataset.splits.source_split(split)
    source.num_rows(source_split)
    return {
        "layout": _LAYOUT,
        "source": dict(source.identity(source_split)),
        "split": [split, repr(dataset.splits), source.is_shuffled],
        "normalizer": dataset.version or _code_hash(dataset),
        # Embedded rows never go through these, so no version answers for them.
        "adapted": _adapted(dataset),
        # What an example makes of its texts, and the repairs that normalizers share.
        "texts": [EXAMPLE_VERSION, REPAIRS_VERSION, importlib.metadata.version("ftfy")],
        "schema": {name: type_name(kind) for name, kind in dataset.schema.items()},
        "fields": [list(dataset.fields), list(dataset.options), dataset.options_per_example],
        "limit": limit,
    }


def digest_of_parts(parts: Mapping[str, Any]) -> str:
    """Returns the key that parts make."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _adapted(dataset: Dataset) -> list[str]:
    texts = []
    for alternative in dataset.alternatives:
        if alternative.adapt is not None:
            try:
                text = inspect.getsource(alternative.adapt)
            except (OSError, TypeError):
                text = "".join(_function_text(alternative.adapt))
            texts.append(hashlib.sha256(text.encode()).hexdigest()[:16])
    return texts


def _code_hash(dataset: Dataset) -> str:
    adapts = (alternative.adapt for alternative in dataset.alternatives)
    return functions_hash((dataset.normalize, dataset.select, *adapts))


def functions_hash(functions: Iterable[Any]) -> str:
    """Returns a hash of the code of functions, whole modules, since each calls its neighbors."""
    found: list[str] = []
    for function in functions:
        found += _function_text(function) if function is not None else ["none"]
    return hashlib.sha256("\0".join(found).encode()).hexdigest()


def _function_text(function: Any) -> Iterator[str]:
    while isinstance(function, functools.partial):
        yield repr((function.args, sorted(function.keywords.items())))
        function = function.func
    yield getattr(function, "__qualname__", type(function).__qualname__)
    try:
        yield inspect.getsource(sys.modules[function.__module__])
    except (OSError, TypeError, KeyError):  # typed in by hand: the code object is all there is
        if code := getattr(function, "__code__", None):
            yield from _code_text(code)


def _code_text(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr(code.co_names)
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _code_text(value)
        else:  # a set of texts has another order in each process
            yield repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)
