"""What is fuzzed: for each target a function that makes one case by a draw and runs it."""

import json
import math
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.faults.mutation import mutated, mutated_bytes, mutated_json

# Makes a case by a draw; returns "read" or "skipped", or raises.
Case = Callable[[random.Random], str]


def row_case(name: str) -> Case:
    """A row of a dataset through its normalizer, into the store's columns and a template."""
    from flan_tasks.core.example import Example
    from flan_tasks.core.render import render
    from flan_tasks.core.row_examples import normalize_row, selected
    from flan_tasks.datasets import catalog
    from flan_tasks.raw_rows.samples import SamplesSource
    from flan_tasks.store.arrow_rows import Reading, store_schema

    dataset, templates = catalog()[name], catalog().templates(name).templates
    source = SamplesSource(name, catalog().samples(name))
    rows = [(s, row) for s, n in source.splits().items() for row in source.rows(s, range(n))]

    def case(draw: random.Random) -> str:
        split, row = draw.choice(rows)
        for _ in range(draw.choice([1, 1, 2])):
            row = mutated(row, draw)
        items = normalize_row(dataset, row, source_split=split, number=7)
        items = tuple(selected(dataset, item, source_split=split) for item in items)
        examples = [item for item in items if isinstance(item, Example)]
        list(Reading(None).batches(iter([(7, items)]), store_schema(dataset)))
        for example in examples[:3]:
            filled = render(draw.choice(templates), example)
            (filled.inputs + filled.targets).encode()
        return "read" if examples else "skipped"

    return case


def template_case(folder: Path) -> Case:
    """A template file."""
    from flan_tasks.core.resources import folder as data
    from flan_tasks.core.template_files import read_template_set

    texts = [path.read_bytes() for path in sorted(data("templates").rglob("*.toml"))]

    def case(draw: random.Random) -> str:
        path = folder / "t.toml"
        path.write_bytes(mutated_bytes(draw.choice(texts), draw))
        for template in read_template_set(path):
            assert template.forms
        return "read"

    return case


def mixture_case(folder: Path) -> Case:
    """A mixture file, to its members and their shares."""
    from flan_tasks.core.mixture import read_mixture
    from flan_tasks.core.resources import folder as data
    from flan_tasks.jobs.shares import shares

    texts = [path.read_bytes() for path in sorted(data("mixtures").glob("*.toml"))]
    texts.append(
        b'description = "d"\ninclude = ["rte", "cb"]\nscheme = "rates"\n'
        b"rates = {rte = 2.5, cb = 1}\ncap = 10\nlimit = 100\nhold_out = ['qa']\n"
    )
    texts.append(
        b"include = ['nli']\nscheme = 'temperature'\ntemperature = 2.0\nkinds=['forward']\n"
    )

    def case(draw: random.Random) -> str:
        path = folder / "m.toml"
        path.write_bytes(mutated_bytes(draw.choice(texts), draw))
        found = shares(read_mixture(path))
        assert all(math.isfinite(one.rate) for one in found.datasets)
        return "read"

    return case


def _rows_of(path: Path, form: str) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = [{"text": f"row {i} — é", "label": i, "score": i / 2, "tags": ["a"]} for i in range(4)]
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif form == "csv":
        lines = [f'"row, {i} — é",{i},{i / 2},"[""a""]"\n' for i in range(4)]
        path.write_text("text,label,score,tags\n" + "".join(lines))
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, compression="snappy")


def file_case(folder: Path, form: str) -> Case:
    """A file of rows, to its last row."""
    from flan_tasks.raw_rows.files import FilesSource, find_files

    path = folder / f"train.{form}"
    _rows_of(path, form)
    data = path.read_bytes()
    schema = {"text": str, "label": int, "score": float, "tags": list}

    def case(draw: random.Random) -> str:
        path.write_bytes(mutated_bytes(data, draw))
        source = FilesSource("own", find_files(folder), schema=schema)
        # Numbers in the file may promise more rows than anyone waits for.
        count = min(sum(source.splits().values()), 50)
        list(source.rows("train", range(count)))
        source.identity("train")
        return "read"

    return case


def predictions_case(folder: Path) -> Case:
    """A file of predictions that another program wrote."""
    from flan_tasks.evaluation.elsewhere import read_answers

    line = {"dataset": "rte", "template": "follows", "split": "test", "key": "validation:0"}
    line |= {"prediction": "yes", "scores": [-1.5, -2.5], "tokens": [1, 2]}
    data = "".join(json.dumps(line | {"key": f"validation:{i}"}) + "\n" for i in range(4)).encode()

    def case(draw: random.Random) -> str:
        path = folder / "p.jsonl"
        first, _, rest = data.partition(b"\n")
        path.write_bytes(mutated_json(first, draw) + b"\n" + rest)
        read_answers(path)
        return "read"

    return case


def manifest_case(folder: Path) -> Case:
    """The manifest of a build that is verified."""
    from flan_tasks.datasets import catalog
    from flan_tasks.engine.run_local import build
    from flan_tasks.engine.shard import BuildSettings
    from flan_tasks.engine.verification import verify
    from flan_tasks.plan.plan import make_plan
    from flan_tasks.plan.prepare import SourceChoice, prepare
    from flan_tasks.store.store import Store

    out = folder / "build"
    found = prepare(
        catalog().mixture("rte"),
        catalog(),
        source=SourceChoice("samples"),
        store=Store(folder / "store"),
    )
    settings = BuildSettings(
        format="jsonl", split="train", style="inputs-targets", lengths={"inputs": 64, "targets": 8}
    )
    build(found, make_plan(found, seed=0), settings, out)
    path = out / "manifest.json"
    data = path.read_bytes()

    def case(draw: random.Random) -> str:
        path.write_bytes(mutated_json(data, draw))
        verify(out)
        return "read"

    return case


def tokenizer_case(folder: Path) -> Case:
    """A `tokenizer.json`, to the ids of a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    from flan_tasks.vocabulary import open_vocabulary

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<pad>", "</s>", "<unk>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(["a heron stands in the water"] * 9, trainer)
    path = folder / "tokenizer.json"
    made.save(str(path))
    data = path.read_bytes()
    return partial(_vocabulary_case, path, data, mutated_json, open_vocabulary)


def sentencepiece_case(folder: Path) -> Case:
    """A SentencePiece model, to the ids of a text."""
    import sentencepiece

    from flan_tasks.vocabulary import open_vocabulary

    words = ["a heron stands in the water", "two otters swim", "no bird is to be seen today"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(words * 20),
        model_prefix=str(folder / "spiece"),
        vocab_size=40,
        minloglevel=5,
        hard_vocab_limit=False,
    )
    path = folder / "spiece.model"
    return partial(_vocabulary_case, path, path.read_bytes(), mutated_bytes, open_vocabulary)


def _vocabulary_case(
    path: Path,
    data: bytes,
    change: Callable[[bytes, random.Random], bytes],
    open_vocabulary: Callable[[str], Any],
    draw: random.Random,
) -> str:
    # Under a name of its own, as a vocabulary that was opened is kept.
    path = path.with_name(f"{draw.getrandbits(64):x}-{path.name}")
    path.write_bytes(change(data, draw))
    vocabulary = open_vocabulary(str(path))
    (ids,) = vocabulary.encode(["a heron — two otters"])
    vocabulary.pieces(ids.tolist())
    return "read"


def gin_case(folder: Path) -> Case:
    """A gin file after ours."""
    from flan_tasks.core.resources import folder as data
    from flan_tasks.specs.gin_files import load

    bindings = [("BUILD_DIR", "b"), ("MODEL_DIR", "m"), ("TRAIN_STEPS", "5")]
    bindings.append(("INITIAL_CHECKPOINT_PATH", "None"))
    text = (data("gin") / "runs" / "finetune.gin").read_bytes()

    def case(draw: random.Random) -> str:
        path = folder / "own.gin"
        path.write_bytes(mutated_bytes(text, draw))
        load(["models/t5_1_1_mini.gin", str(path)], bindings)
        return "read"

    return case


FILES: dict[str, Callable[[Path], Case]] = {
    "template": template_case,
    "mixture": mixture_case,
    **{form: partial(file_case, form=form) for form in ("jsonl", "csv", "parquet")},
    "predictions": predictions_case,
    "manifest": manifest_case,
    "tokenizer": tokenizer_case,
    "sentencepiece": sentencepiece_case,
    "gin": gin_case,
}


def case_of(target: str, folder: Path) -> Case:
    """Prepares a target: a kind of file, or the name of a dataset."""
    return FILES[target](folder) if target in FILES else row_case(target)
