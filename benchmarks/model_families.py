"""Each family of models beside transformers: in, computed, written with, and out again.

`python -m benchmarks.model_families --torch-python PYTHON` prints the table of docs/models.md.
PYTHON has torch and transformers 5, which need not be where this package is. Models are tiny and
random, so that every switch of a family shows within a few tokens (tests/fixtures/decoders).
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np
from safetensors.numpy import load_file

from flan_tasks.inference.decode import generate
from flan_tasks.inference.programs import Programs
from flan_tasks.inference.prompt_ids import whole_prompt
from flan_tasks.models.hf import export_hf, import_hf, read_config
from flan_tasks.models.model import Model
from flan_tasks.specs.eval_config import Decoding
from flan_tasks.vocabulary import BytesVocabulary, Vocabulary, open_vocabulary

MAKE = Path(__file__).parent.parent / "tests" / "fixtures" / "decoders" / "make.py"
TITLES = {
    "t5-1.0": "T5 1.0",
    "t5-1.1": "T5 1.1",
    "flan-t5": "Flan-T5",
    "mt5": "mT5",
    "byt5": "ByT5",
    "ul2": "UL2, Flan-UL2",
    "llama2": "Llama 2, linear RoPE",
    "llama3": "Llama 3, llama3 RoPE",
    "mistral": "Mistral",
    "qwen2": "Qwen 2, 2.5",
    "qwen3": "Qwen 3",
    "gemma2": "Gemma 2",
    "gemma3": "Gemma 3, text",
}
IDS = [np.random.default_rng(n).integers(3, 100, size) for n, size in ((1, 22), (2, 9))]
END, NEW = 1, 8
# Rows of the batch, by the numbers of their texts: each alone, and both packed.
ROWS = [(0,), (1,), (1, 0)]


def batch_of(model: Model) -> dict[str, np.ndarray]:
    """The rows of texts; an encoder-decoder's targets are always the second."""
    starts = model.config.starts
    if model.config.architecture == "decoder":
        return _filled("decoder", [[[*starts, *IDS[n].tolist()] for n in row] for row in ROWS])
    decoded = [0, *IDS[1].tolist()[:-1]]
    return {
        **_filled("encoder", [[IDS[n].tolist() for n in row] for row in ROWS]),
        **_filled("decoder", [[decoded for _ in row] for row in ROWS]),
    }


def _filled(side: str, rows: list[list[list[int]]]) -> dict[str, np.ndarray]:
    batch = {n: np.zeros((len(rows), 40), np.int32) for n in ("tokens", "segments", "positions")}
    for row, texts in enumerate(rows):
        begin = 0
        for number, tokens in enumerate(texts, start=1):
            place = (row, slice(begin, begin + len(tokens)))
            batch["tokens"][place], batch["segments"][place] = tokens, number
            batch["positions"][place] = np.arange(len(tokens))
            begin += len(tokens)
    return {
        f"{side}_input_tokens": batch["tokens"],
        f"{side}_segment_ids": batch["segments"],
        f"{side}_positions": batch["positions"],
    }


def differences(model: Model, params: dict, stored: dict) -> tuple[float, float]:
    """Largest absolute difference of logits to those of transformers, of texts alone and packed."""
    batch = batch_of(model)
    logits = np.asarray(jax.jit(model.logits)(params, batch))
    segments = batch["decoder_segment_ids"]
    largest = [
        max(
            float(np.abs(logits[r][segments[r] == place + 1] - stored[f"logits_{number}"]).max())
            for place, number in enumerate(row)
        )
        for r, row in enumerate(ROWS)
    ]
    return max(largest[:2]), largest[2]


def written_alike(model: Model, params: dict, stored: dict) -> bool:
    """Whether the same tokens are written, with a cache.

    Of all rows of the head: those beyond a tokenizer's ids are not written by `flan infer`, and are
    by transformers.
    """
    config = dataclasses.replace(model.config, vocabulary_size=model.config.outputs)
    model = Model(config)
    answers = generate(
        model,
        params,
        [whole_prompt(model.config, ids) for ids in IDS],
        Decoding(max_tokens=NEW),
        eos_id=END,
        batch_size=2,
        programs=Programs(),
    )

    def whole(tokens: np.ndarray) -> list[int]:
        listed = tokens.tolist()
        return listed[: listed.index(END)] if END in listed else listed

    pairs = enumerate(answers)
    return all(answer.tokens.tolist() == whole(stored[f"written_{n}"]) for n, answer in pairs)


def exported(folder: Path, out: Path, words: Path) -> tuple[bool, dict[str, object]]:
    """Exports a folder; whether ours reads it bitwise, and what its tokenizer should give."""
    config = read_config(folder)
    model = Model(config)
    params = import_hf(model, folder)
    is_decoder = config.architecture == "decoder"
    vocabulary: Vocabulary = BytesVocabulary()
    if folder.name != "byt5":
        vocabulary = open_vocabulary(str(folder if is_decoder else words))
    dtype = "bfloat16" if is_decoder else "float32"
    export_hf(model, params, out, vocabulary=vocabulary, dtype=dtype)
    before, after = (load_file(one / "model.safetensors") for one in (folder, out))
    same = all(np.array_equal(tensor, after[name]) for name, tensor in before.items())
    again = import_hf(Model(read_config(out)), out)
    same &= jax.tree.all(jax.tree.map(np.array_equal, params, again))
    text = " ".join(f"w{number}" for number in IDS[0])
    ids = vocabulary.encode([text])[0].tolist()
    whole = [*config.starts, *ids] if is_decoder else [*ids, vocabulary.eos_id]
    return same, {"text": text, "ids": whole}


def run(python: str, *words: object) -> str:
    """Runs the other side; returns what it printed."""
    command = [python, str(MAKE), *map(str, words)]
    found = subprocess.run(command, capture_output=True, text=True)
    if found.returncode:
        sys.exit(f"{' '.join(command)} ended with {found.returncode}:\n{found.stderr[-2000:]}")
    return found.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--torch-python", required=True, help="a Python with torch and transformers"
    )
    python = parser.parse_args().torch_python
    # A third of the time to compile, and the models are tiny.
    jax.config.update("jax_disable_most_optimizations", True)
    with tempfile.TemporaryDirectory() as name:
        theirs, ours = Path(name) / "theirs", Path(name) / "ours"
        run(python, "--out", theirs, "--all")
        ours.mkdir()
        rows, expected = {}, {}
        for family in TITLES:
            model = Model(read_config(theirs / family))
            params = import_hf(model, theirs / family)
            stored = dict(np.load(theirs / family / "computed.npz"))
            same, expected[family] = exported(theirs / family, ours / family, theirs / "qwen3")
            alone, packed = differences(model, params, stored)
            rows[family] = {
                "alone": alone,
                "packed": packed,
                "written": written_alike(model, params, stored),
                "bitwise": same,
            }
            print(f"{family}: {rows[family]}", file=sys.stderr, flush=True)
        wanted = Path(name) / "expected.json"
        wanted.write_text(json.dumps(expected))
        found = json.loads(run(python, "--check", ours, "--against", theirs, "--expected", wanted))
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    print(f"{versions}, jax {jax.__version__}; float32, {jax.default_backend()}\n")
    print("| family | class | import | export | logits | packed | written | tokenizer |")
    print("|---|---|---|---|---|---|---|---|")
    for family, title in TITLES.items():
        row, other = rows[family], found["families"][family]
        bitwise = row["bitwise"] and other["bitwise"]
        print(
            f"| {title} | {other['class']} | yes | "
            f"{'bitwise' if bitwise else 'differs'}, logits {other['logits']:.0e} | "
            f"{row['alone']:.1e} | {row['packed']:.1e} | "
            f"{'equal' if row['written'] else 'differs'} | "
            f"{'equal' if other['tokenizer'] else 'differs'} |"
        )


if __name__ == "__main__":
    main()
