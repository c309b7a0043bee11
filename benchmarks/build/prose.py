"""A larger set of distinct rows: ten tasks of made-up texts with realistic lengths.

Texts are sentences of the rows at hand (or of the embedded ones) put together anew: 20 to 400
words, log-uniform, with a question of 5 to 20 words and an answer of 1 to 40. Real words in real
order keep the tokenizer at its real speed, which random letters would not.
"""

import json
import math
import random
import re
from collections.abc import Iterable
from pathlib import Path

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import Dataset, Row
from flan_tasks.core.example import Example
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.origin import Files
from flan_tasks.core.splits import Splits
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.rows import render_texts

NUM_TASKS = 10
_BLOCK = 8192
_TEMPLATES = (
    ("plain", "{text}\n\nQuestion: {question}\nAnswer:"),
    ("question_first", "{question}\n\nThe text to answer from:\n\n{text}"),
    ("read", "Read this and answer.\n\n{text}\n\n{question}"),
    ("from_above", "{text}\n\nFrom what stands above: {question}"),
    ("labels", "Text: {text}\nAsked: {question}\nReply:"),
    ("quoted", 'Somebody asks "{question}" after reading this:\n\n{text}\n\nWhat is the reply?'),
    ("what_follows", "What follows holds the answer to: {question}\n\n{text}"),
    ("exam", "Exam. Use the passage.\n\nPassage: {text}\n\n1. {question}"),
    ("helpful", "Help me with this passage.\n\n{text}\n\nI would like to know: {question}"),
    ("short", "{text}\n{question}"),
)


def _prose(row: Row) -> Example:
    """Asks a question about a text, both put together from other sentences."""
    fields = {"text": row["text"], "question": row["question"]}
    return Example(fields=fields, answer=row["answer"])


def prose_catalog(folder: Path) -> Catalog:
    """Returns the ten tasks; their rows are in `folder` once `write_prose` put them there."""
    templates = folder / "prose.toml"
    catalog = Catalog()
    for number in range(NUM_TASKS):
        name = f"prose_{number}"
        dataset = Dataset(
            name=name,
            source=Files({"train": "train.jsonl"}, root=str(folder / name)),
            splits=Splits(),
            schema={"text": str, "question": str, "answer": str},
            normalize=_prose,
            fields=("text", "question"),
            metrics=("rouge",),
            license="as the rows it is made of",
            citation="made for benchmarks",
        )
        catalog.add(dataset, cluster="prose", templates=templates)
    # Equal shares of all rows, none capped.
    catalog.add_mixture(Mixture(name="prose", include=("prose",), scheme="equal", limit=10**9))
    return catalog


def write_prose(folder: Path, plan: Plan, *, rows: int) -> None:
    """Writes so many rows, evenly for the ten tasks, of the sentences in all texts of a plan."""
    sentences = sorted(set(_sentences(plan)))
    draw = random.Random(0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prose.toml").write_text(_template_file(), encoding="utf-8")
    seen: set[str] = set()
    for number in range(NUM_TASKS):
        path = folder / f"prose_{number}" / "train.jsonl"
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            for _ in range(-(-rows // NUM_TASKS)):
                text = _words(sentences, draw, 20, 400)
                while text in seen:
                    text = _words(sentences, draw, 20, 400)
                seen.add(text)
                row = {
                    "text": text,
                    "question": _words(sentences, draw, 5, 20) + "?",
                    "answer": _words(sentences, draw, 1, 40),
                }
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _sentences(plan: Plan) -> Iterable[str]:
    for start in range(0, len(plan), _BLOCK):
        found = render_texts(plan, plan.rows(start, min(start + _BLOCK, len(plan))))
        for side in (found.inputs, found.targets):
            for text in side:
                for sentence in re.split(r"(?<=[.!?])\s+|\n+", text):
                    # What is no sentence of prose: menus of options, numbers, other scripts.
                    if sentence.isascii() and 4 <= len(sentence.split()) <= 60:
                        yield sentence


def _words(sentences: list[str], draw: random.Random, least: int, most: int) -> str:
    count = round(math.exp(draw.uniform(math.log(least), math.log(most))))
    found: list[str] = []
    while len(found) < count:
        found += draw.choice(sentences).split()
    return " ".join(found[:count])


def _template_file() -> str:
    example = '[example]\ntext = "A text."\nquestion = "What?"\nanswer = "This."\n'
    blocks = [
        f"[[template]]\nid = \"{name}\"\ninputs = '''\n{inputs}'''\ntargets = \"{{answer}}\"\n"
        for name, inputs in _TEMPLATES
    ]
    return "\n".join(["# A question about a text.\n", example, *blocks])
