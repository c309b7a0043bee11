"""What sources' tools left in texts: rows of each dataset that hold a kind of leftover.

    python benchmarks/leftovers.py --data-dir TREE
    python benchmarks/leftovers.py --data-dir TREE --texts texts.jsonl

Reads the rows of a prepared TFDS tree, runs each dataset's normalizer on them, and searches the
examples' texts. Counts are upper bounds: a pattern also meets text that is meant so, such as a
reference in brackets or a word before a colon. `--texts` writes the texts, to be compared with
those of another version. The last kind, "answer not in its text", is for datasets whose answers are
cut out of a text.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import ftfy

from flan_tasks.core.dataset import Dataset, Row
from flan_tasks.core.example import Example
from flan_tasks.datasets import catalog
from flan_tasks.raw_rows import State, open_source

# Field of the text that an answer is cut out of.
EXTRACTIVE = {"squad_v1": "context", "squad_v2": "context", "quac": "article", "record": "passage"}

_TOPIC = re.compile(r"(?i)(?:world|sports?|business|sci/tech|science|tech(?:nology)?)(?: news)? ?:")


def _holds(pattern: str, *, flags: int = 0) -> Callable[[str], bool]:
    compiled = re.compile(pattern, flags)
    return lambda text: compiled.search(text) is not None


KINDS: Mapping[str, Callable[[str], bool]] = {
    "control or invisible characters": _holds(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2060\ufeff]"
    ),
    "lost characters": _holds("\ufffd|ï¿½"),
    "broken encoding": lambda text: not text.isascii() and ftfy.fix_encoding(text) != text,
    "character references": _holds(r"&(?:#\d+|#x[0-9a-f]+|amp|quot|lt|gt|nbsp|apos);| #39;"),
    "tags": _holds(r"</?(?:ref|br|nowiki|p|b|i|a|sup|sub|small|blockquote)\b[^<>]*>", flags=re.I),
    "notes of Wikipedia": _holds(
        r"[\[(](?:\w+ )?(?:citation|clarification|quotation|verification|page|year)s? needed[^\])]*"
        r"[\])]|\[(?:update|when|who|which|by whom|according to whom|note \d+|nb \d+|[a-z]|\d+)"
        r"\??\]|\( ?listen\)|\.:\d+[–-]?\d*|\((?: ?[;,])+ |\( \)"
    ),
    "mark of quotation alone": _holds(r'(?:^|\s)"(?=[.,;:!?]*(?:\s|$))'),
    "blank before a mark": _holds(r"[\w)\"'] +[,;.?!](?=[\s\"')\]]|$)"),
    "word cut at its apostrophe": _holds(
        r"\b(?:do|does|did|ca|could|wo|would|should|is|are|was|were|has|have|had|ai) (?:nt|n't)\b"
        r"|\w 's\b|\w '(?:re|ve|ll|m|d)\b",
        flags=re.I,
    ),
    "double hyphen between dates": _holds(r"(?:\d{3,4}|\d\)?) -- (?:\w+ )?\d"),
    "LaTeX": _holds(r"\\(?:mathrm|text|[dt]?frac|circ|times|rm|Box|Delta)\b|\^\{|_\{"),
    "names of agencies and authors": _holds(
        r"^(?:[A-Z][\w,. ]{2,40})?\((?:CNN[^()]{0,30}|AP|Reuters|AFP|\w+\.com)\)|\(\w+\.com\)$"
        r"|^By [A-Z]\w+ [A-Z].{0,60}\n"
    ),
    "words twice": _holds(r"\b((?:\w+ )?\w{5,} \w+) \1\b"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="a prepared TFDS tree")
    parser.add_argument("--texts", type=Path, help="a file for the texts, one row a line")
    args = parser.parse_args()
    lines = []
    table: dict[str, Counter[str]] = {}
    for dataset in catalog().datasets:
        examples = list(normalized(dataset, rows(dataset, args.data_dir)))
        if examples:
            table[dataset.name] = counts(dataset, examples)
            lines += [line(dataset, example) for example in examples]
    print_table(table)
    if args.texts:
        args.texts.write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")


def rows(dataset: Dataset, data_dir: Path) -> Iterator[Row]:
    """Yields the rows of all splits that the tree has, as the source gives them."""
    source = open_source(dataset, kind="tfds", data_dir=data_dir, samples=None)
    if source.status().state is not State.AVAILABLE:
        return
    for split, number in source.splits().items():
        yield from source.rows(split, range(number))


def normalized(dataset: Dataset, rows: Iterable[Row]) -> Iterator[Example]:
    """Yields the examples of rows, without what is skipped."""
    for row in rows:
        result = dataset.normalize(row)
        for item in result if isinstance(result, list | tuple) else (result,):
            if isinstance(item, Example):
                yield item


def counts(dataset: Dataset, examples: Iterable[Example]) -> Counter[str]:
    """Returns how many examples hold each kind of leftover, and under "rows" how many there are."""
    number: Counter[str] = Counter()
    for example in examples:
        number["rows"] += 1
        texts = set(texts_of(example))
        number.update(kind for kind, is_in in KINDS.items() if any(map(is_in, texts)))
        number.update(special(dataset, example))
    return number


def special(dataset: Dataset, example: Example) -> Iterator[str]:
    """Yields kinds that are a matter of an example's parts to each other."""
    fields = example.fields
    if dataset.name == "ag_news" and _TOPIC.match(fields["title"]):
        yield "answer given away"
    if dataset.name == "aeslc":
        headers = re.findall(r"(?i)\b(?:subject|^re|^fw): *(.*)", fields["email"])
        if any(text.casefold().startswith(example.answer.casefold()) for text in headers):
            yield "answer given away"
    if name := EXTRACTIVE.get(dataset.name):
        is_open = example.answer in ("unanswerable", "the text does not say")
        if not is_open and example.answer not in fields[name]:
            yield "answer not in its text"


def texts_of(example: Example) -> Iterator[str]:
    yield from example.fields.values()
    yield example.answer
    yield from example.options
    yield from example.references


def line(dataset: Dataset, example: Example) -> str:
    parts = {
        "dataset": dataset.name,
        **example.fields,
        "answer": example.answer,
        "options": example.options,
        "references": example.references,
    }
    return json.dumps(parts, ensure_ascii=False)


def print_table(table: Mapping[str, Counter[str]]) -> None:
    """Prints every kind with the datasets that have it, the share of their rows and the number."""
    for kind in (*KINDS, "answer given away", "answer not in its text"):
        shares = {
            name: f"{number[kind]}/{number['rows']}"
            for name, number in table.items()
            if number[kind]
        }
        print(f"{kind}: {', '.join(f'{name} {share}' for name, share in shares.items()) or 'none'}")


if __name__ == "__main__":
    main()
