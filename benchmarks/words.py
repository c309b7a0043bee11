"""Texts to ids, each distinct word encoded once, beside the same library given whole texts.

    python -m benchmarks.words --vocab tokenizer.json --set real --data-dir TFDS_TREE --work DIR
    python -m benchmarks.words --vocab tokenizer.json --niv2 FOLDER --work DIR

The texts are prompts and targets of a set of rows (`benchmarks/build/rowsets.py`; `samples` needs
no data), or definitions with inputs, and outputs, of a folder of Natural Instructions' tasks. Ways:

  bare    the library's batch encoding of finished texts, in lists of 2,048, on one thread
  cold    ours, texts to flat ids closed by EOS, beginning with an empty table of words
  warm    the same again
  built cold, built warm
          a whole build: rows of the filled store to packed arrays, written and hashed

Each is a process of its own and they take turns (`--turns`); the clock begins after the vocabulary
is opened. Printed are texts and tokens per CPU-second, as medians with the least and the most, what
they are of bare, the most memory, and how many texts have other ids by words than whole. With
`--gpt2 FOLDER --family llama3` the vocabulary is made of GPT-2's published pieces (`encoder.json`,
`vocab.bpe`), split as that family splits.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.build.measure import Clock, peak_megabytes, print_result, run_alone
from benchmarks.build.rowsets import SETS, row_set, write_all
from flan_tasks.vocabulary import VocabularyName

BUILDERS = Path(__file__).parent.parent / "tests" / "builders"
TEXTS, BUILDS = ("bare", "cold", "warm"), ("built cold", "built warm")
_BATCH = 2_048


def niv2_texts(folder: Path) -> list[str]:
    """Returns the texts of a folder of Natural Instructions' tasks."""
    texts = []
    for path in sorted(folder.glob("*.json")):
        task = json.loads(path.read_text(encoding="utf-8"))
        definition = "".join(task["Definition"])
        for instance in task["Instances"]:
            texts += [f"{definition}\n\n{instance['input']}\n\nOutput:", *instance["output"]]
    return texts


def texts_file(args: argparse.Namespace) -> Path:
    """Where the texts lie, one column."""
    if args.niv2:
        return args.work / "niv2.parquet"
    return row_set(args).folder / "texts.parquet"


def write_texts(args: argparse.Namespace) -> dict[str, Any]:
    """Writes the texts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if args.niv2:
        pq.write_table(pa.table({"text": niv2_texts(args.niv2)}), texts_file(args))
        return {}
    return write_all(row_set(args))


def in_lists(texts: list[str]) -> list[list[str]]:
    """Texts as they are given to a library."""
    return [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]


def bare(vocab: str, texts: list[str]) -> tuple[Clock, int]:
    """Encodes with the library alone, and returns the clock and the number of tokens."""
    file = VocabularyName.parse(vocab).file
    if file.endswith(".json"):
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(file)
        tokenizer.encode("loads the model")
        clock, tokens = Clock(), 0
        for part in in_lists(texts):
            for found in tokenizer.encode_batch_fast(part, add_special_tokens=False):
                tokens += len(found.ids)
        return clock, tokens
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_file=file)
    clock, tokens = Clock(), 0
    for part in in_lists(texts):
        tokens += sum(map(len, processor.encode(part, num_threads=1)))
    return clock, tokens


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Goes one way, in this process."""
    import pyarrow.parquet as pq

    from flan_tasks.vocabulary import open_vocabulary

    texts = pq.read_table(texts_file(args)).column("text").to_pylist()
    if args.way == "bare":
        clock, tokens = bare(args.vocab, texts)
    else:
        vocabulary = open_vocabulary(args.vocab)
        vocabulary.encode(["loads the model"])
        if args.way.endswith("warm"):
            vocabulary.encode_flat(texts)
        if args.way in BUILDS:
            return built(args)
        clock = Clock()
        tokens = int((vocabulary.encode_flat(texts).whole - 1).sum())
    spent = clock.spent()
    return {
        "texts": len(texts),
        "tokens": tokens,
        "cpu": spent.cpu,
        "wall": spent.wall,
        "peak_mb": peak_megabytes(),
    }


def built(args: argparse.Namespace) -> dict[str, Any]:
    """Builds packed arrays of the rows."""
    from benchmarks.build.throughput import build

    rows = row_set(args)
    found = build(rows)
    # Tokens are counted as bare counts them: without the two that close a row's texts.
    count = rows.about["rows"]
    tokens = rows.about["tokens"] - 2 * count
    return {**found, "texts": 2 * count, "tokens": tokens}


def differences(args: argparse.Namespace) -> dict[str, Any]:
    """Counts texts whose ids by words are not those of whole texts."""
    import pyarrow.parquet as pq

    from flan_tasks.vocabulary import open_vocabulary

    vocabulary = open_vocabulary(args.vocab)
    texts = pq.read_table(texts_file(args)).column("text").to_pylist()
    different = 0
    for part in in_lists(texts):
        ids = vocabulary.encode(part)
        # So few at a time are encoded as they are.
        whole = [one for n in range(0, len(part), 8) for one in vocabulary.encode(part[n : n + 8])]
        different += sum(not np.array_equal(a, b) for a, b in zip(ids, whole, strict=True))
    table = vocabulary._word_table
    return {
        "texts": len(texts),
        "different": different,
        "by_words": table is not None,
        "words": 0 if table is None else len(table),
    }


def gpt2_vocabulary(args: argparse.Namespace) -> str:
    """Writes a tokenizer.json of GPT-2's pieces that splits as a family does."""
    sys.path.append(str(BUILDERS))
    from split_tokenizers import of_gpt2, write

    # Without added tokens of a few letters, which only tests want.
    held = of_gpt2(args.family, args.gpt2)
    special = [token for token in held["added_tokens"] if token["special"]]
    ends = [token for token in special if token["content"] == "<|endoftext|>"]
    path = args.work / args.family / "tokenizer.json"
    return str(write(path, {**held, "added_tokens": ends}))


def table_of(runs: dict[str, list[dict[str, Any]]]) -> str:
    """Writes the runs of each way as a table."""
    lines = [
        "| way | texts per CPU-second | of bare | tokens per CPU-second | peak memory | turns |",
        "| --- | --- | --- | --- | --- | --- |",
    ]

    def rates(way: str, what: str) -> list[float]:
        return sorted(run[what] / run["cpu"] for run in runs[way])

    for way, found in runs.items():
        texts, tokens = rates(way, "texts"), rates(way, "tokens")
        ratio = median(texts) / median(rates("bare", "texts"))
        peak = median(run["peak_mb"] for run in found)
        lines.append(
            f"| {way} | {median(texts):,.0f} ({texts[0]:,.0f}–{texts[-1]:,.0f}) | {ratio:.2f} × "
            f"| {median(tokens) / 1e6:.2f} M | {peak:,.0f} MB | {len(found)} |"
        )
    return "\n".join(lines)


def run(args: argparse.Namespace) -> None:
    """Measures all ways in turn, and prints what was found."""
    args.work.mkdir(parents=True, exist_ok=True)
    if args.gpt2:
        args.vocab = gpt2_vocabulary(args)
    words = [sys.executable, "-m", "benchmarks.words", "--vocab", args.vocab]
    words += ["--work", str(args.work), "--set", args.set]
    for name in ("data_dir", "rows", "niv2"):
        if getattr(args, name) is not None:
            words += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    alone = {"TOKENIZERS_PARALLELISM": "false"}

    def found(way: str) -> dict[str, Any]:
        result = run_alone([*words, "--way", way], timeout=1800, environment=alone)
        if "failed" in result:
            raise SystemExit(f"{way}: {result['failed']}")
        return result

    # Always anew: how many tokens a set has is of this vocabulary.
    found("texts")
    ways = TEXTS if args.niv2 else TEXTS + BUILDS
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for _ in range(args.turns):
        for way in ways:
            runs[way].append(found(way))
    assert len({run["tokens"] for way in runs.values() for run in way}) == 1
    equal = found("differences")
    tokens = runs["bare"][0]["tokens"]
    print(f"{equal['texts']:,} texts, {tokens:,} tokens, load {os.getloadavg()[0]:.1f}")
    print(table_of(runs))
    print(f"\n{equal['different']:,} of {equal['texts']:,} texts differ", end="; ")
    print(f"{equal['words']:,} words in the table" if equal["by_words"] else "none by words")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vocab")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "words")
    parser.add_argument("--set", choices=SETS, default="samples")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--niv2", type=Path, help="folder of Natural Instructions' tasks")
    parser.add_argument("--gpt2", type=Path, help="folder of GPT-2's encoder.json and vocab.bpe")
    parser.add_argument("--family", default="llama3")
    parser.add_argument("--turns", type=int, default=3)
    steps = {"texts": write_texts, "differences": differences}
    parser.add_argument("--way", choices=(*steps, *TEXTS, *BUILDS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not (args.vocab or args.gpt2):
        parser.error("--vocab or --gpt2 says what to encode with")
    if args.way:
        print_result(**steps.get(args.way, measure)(args))
    run(args)


if __name__ == "__main__":
    main()
