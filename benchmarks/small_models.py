"""Small models of both kinds, trained on embedded rows by our commands, for us and the harness.

A T5 1.1 (`models/t5_1_1_tiny.gin`) and a causal decoder of the same size, which
lm-evaluation-harness opens as a Llama.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from benchmarks.llama_folder import write_llama
from flan_tasks.inference.open_model import open_model
from flan_tasks.models.hf_files import write_tokenizer

T5, DECODER = "t5", "decoder"
GIN = {T5: "models/t5_1_1_tiny.gin", DECODER: "models/decoder_mini.gin"}
# What makes a decoder a Llama, and as small as the T5.
CHANGES = {
    T5: {},
    DECODER: {
        "embed": 128,
        "layers": 2,
        "heads": 2,
        "kv_heads": 1,
        "mlp": 384,
        "inputs_attention": "causal",
        "tied_head": False,
    },
}
ARCHITECTURES = {T5: "encoder-decoder", DECODER: "decoder"}
# Of a demonstration: train_t5x.sh says why.
RECIPE = {"LEARNING_RATE": 1e-2, "DROPOUT_RATE": 0, "CHECKPOINT_KEEP_INITIAL": True}
TRAINED_ON = {"inputs": 512, "targets": 64}


@dataclass(frozen=True)
class Trained:
    """A model, before or after training."""

    kind: str
    """T5 or DECODER."""
    state: str
    """random or trained."""
    checkpoint: Path
    """Where it is for us."""
    exported: Path
    """Where it is for the harness."""

    @property
    def name(self) -> str:
        """As the table has it."""
        return f"{self.kind}, {self.state}"


@dataclass(frozen=True)
class Seconds:
    """What something took."""

    wall: float
    """Seconds."""
    cpu: float
    """Processor seconds."""


def flan(*words: object) -> Seconds:
    """Runs a command of ours, and returns what it took with starting and compiling."""
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "flan_tasks", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"flan {words[0]} failed: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Seconds(time.perf_counter() - wall, cpu)


def models(kind: str, mixture: str, room: Path, *, vocab: str, steps: int) -> Iterator[Trained]:
    """Trains a model on embedded rows, in a folder; what it began with comes first."""
    build, run = room / f"{kind}_build", room / f"{kind}_run"
    lengths = ",".join(f"{side}={length}" for side, length in TRAINED_ON.items())
    flan(
        *("build", mixture, "--source", "samples", "--allow-missing", "--no-report"),
        *("--format", "arrays", "--arch", ARCHITECTURES[kind], "--lengths", lengths),
        *("--vocab", vocab, "--out", build),
    )
    size = json.loads((build / "manifest.json").read_text(encoding="utf-8"))["vocabulary_size"]
    macros = {
        **RECIPE,
        "BUILD_DIR": build,
        "MODEL_DIR": run,
        "TRAIN_STEPS": steps,
        "BATCH_SIZE": 8,
        "VOCABULARY_SIZE": size,
        "INITIAL_CHECKPOINT_PATH": None,
        "TENSORBOARD": False,
        "TASK_FEATURE_LENGTHS": TRAINED_ON,
    }
    macros |= {f"model_config.ModelConfig.{name}": to for name, to in CHANGES[kind].items()}
    flan(
        *("train", "--gin_file", GIN[kind], "--gin_file", "runs/finetune.gin"),
        *(f"--gin.{name}={to}" for name, to in macros.items()),
    )
    for state, step in (("random", 0), ("trained", steps)):
        checkpoint = run / f"checkpoint_{step}"
        exported = room / f"{kind}_{state}_exported"
        export(kind, checkpoint, exported, vocab)
        yield Trained(kind, state, checkpoint, exported)


def export(kind: str, checkpoint: Path, folder: Path, vocab: str) -> None:
    """Writes a model for the harness, which then writes no id that pads the vocabulary."""
    opened = open_model(checkpoint, vocab=vocab)
    if kind == T5:
        flan("export", checkpoint, "--vocab", vocab, "--out", folder)
    else:
        params = jax.tree.map(np.asarray, opened.params)
        write_llama(folder, opened.model.config, params)
        write_tokenizer(folder, vocabulary=opened.vocabulary)
    vocabulary = opened.vocabulary
    beyond = range(vocabulary.size, opened.model.config.padded_vocabulary)
    ends = {"eos_token_id": vocabulary.eos_id, "pad_token_id": vocabulary.pad_id}
    path = folder / "generation_config.json"
    written = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    settings = {**ends, **written, "suppress_tokens": [*beyond]}
    path.write_text(json.dumps(settings), encoding="utf-8")
