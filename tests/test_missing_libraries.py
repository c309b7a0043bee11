"""A library that is not installed is told in one line, with what installs it, never a traceback."""

import json
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from prepared_trees import write_rte
from test_imports import THEIRS
from without_library import results_of

from flan_tasks.core import extras

BUILDERS = ROOT / "tests" / "builders"
SAMPLES = ("--source", "samples")
BUILD = ("build", "rte", *SAMPLES, "--out", "out")
TREE = ("build", "rte", "--data-dir", "tfds=trees", "--out", "out")
NEW = ("--gin.INITIAL_CHECKPOINT_PATH=None", "--gin.TRAIN_STEPS=2", "--gin.MODEL_DIR=run")
TRAIN = ("train", "--gin_file", "models/t5_1_1_tiny.gin", "--gin_file", "runs/finetune.gin")
DRY = (*TRAIN, *NEW, "--gin.BUILD_DIR=arrays", "--dry_run")
FROM_HF = ("eval", "rte", *SAMPLES, "--model", "hf", "--vocab", "bytes", "--out", "scores")

PROMPT = (
    "from flan_tasks.promptsource import files, rendering\n"
    "rendering.Renderer(files.PromptTemplate(id='a', name='b', jinja='c'), where='f')"
)


def metric(name, dataset):
    """Metrics of a dataset, computed where its tasks for lm-evaluation-harness are written."""
    return (name, ("export-lm-eval", dataset, *SAMPLES, "--out", f"out-{name}"))


# (library, what asks for it: words of flan, or Python).
QUICK = (
    ("click", ("list",)),
    ("numpy", BUILD),
    ("rich", ("report", "arrays", "--text")),
    ("ftfy", ("build", "xsum", *SAMPLES, "--out", "out")),
    ("sentencepiece", (*BUILD, "--vocab", "some.model", "--format", "arrays")),
    ("tokenizers", (*BUILD, "--vocab", "tokenizer.json", "--format", "arrays")),
    ("apache_beam", (*BUILD, "--runner", "beam")),
    ("distributed", (*BUILD, "--runner", "dask", "--scheduler", "tcp://localhost:8786")),
    ("s3fs", (*BUILD[:-1], "s3://bucket/folder")),
    ("gcsfs", (*BUILD[:-1], "gs://bucket/folder")),
    ("tensorflow", (*BUILD, "--vocab", "bytes", "--format", "tfrecord")),
    ("seqio", "import flan_tasks.registration"),
    ("jax", DRY),
)
SLOW = (
    ("numpy", "import flan_tasks; flan_tasks.open('arrays')"),
    ("pyarrow", BUILD),
    ("pyarrow", ("show", "rte", "--source", "files", "--data-dir", "parquet")),
    ("google_crc32c", TREE),
    ("google.protobuf", (*BUILD, "--vocab", "some.model", "--format", "arrays")),
    ("huggingface_hub", (*BUILD, "--vocab", "t5", "--format", "arrays")),
    ("datasets", ("build", "glue_mrpc", "--source", "hf", "--out", "out")),
    ("array_record", (*BUILD, "--vocab", "bytes", "--format", "arrayrecord")),
    ("tensorflow", (*BUILD, "--vocab", "bytes", "--format", "packed-tfrecord")),
    ("tensorflow", (*BUILD, "--vocab", "bytes", "--format", "seqio-cache")),
    ("tensorflow_datasets", ("build", "rte", "--out", "out")),
    ("seqio", "import flan_tasks; flan_tasks.task('rte')"),
    ("seqio", "import flan_tasks; flan_tasks.mixture('nli')"),
    ("flax", DRY),
    ("orbax", DRY),
    ("gin", DRY),
    ("jax", "import flan_tasks.models.model"),
    ("jax", FROM_HF),
    ("jax", ("infer", "p.jsonl", "--model", "run", "--vocab", "bytes", "--out", "a.jsonl")),
    ("jax", ("export", "run", "--out", "out")),
    metric("sacrebleu", "wmt14_enfr_from_english"),
    metric("nltk", "word_segment"),
    metric("regex", "xsum"),
    metric("rouge_score", "samsum"),
    metric("sklearn", "cola"),
    metric("scipy", "stsb"),
    ("safetensors", FROM_HF),
    ("absl", ("build", "rte", "--out", "out")),
    ("tensorflow", ("build", "rte", "--out", "out")),
    ("importlib_resources", ("build", "rte", "--out", "out")),
    ("tensorflow_text", "import flan_tasks.registration"),
    ("tensorflow", "import flan_tasks.registration"),
    ("seqio", (*DRY, "--gin.MIXTURE_OR_TASK_NAME=flan:rte", "--gin.BUILD_DIR=None")),
    ("tensorflow", ("diff", "tfrecord", "tfrecord-too")),
    ("array_record", ("diff", "arrayrecord", "tfrecord")),
    ("yaml", "from flan_tasks.promptsource import files; files.parse_prompt_file('', where='f')"),
    ("jinja2", PROMPT),
)
# What is missing without a word that ends a run; tests/trainer/test_feedback.py has it.
NOTED = {"tensorboardX"}
# What TFDS imports for some builders; tests/raw_rows/test_walk.py has it.
OF_TFDS = {"bs4", "lxml"}
SMALL_T5 = {
    "model_type": "t5",
    "vocab_size": 384,
    "d_model": 64,
    "d_kv": 32,
    "d_ff": 128,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_heads": 2,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the cases read: a build, a vocabulary of each kind, a Hugging Face folder, rows."""
    made = tmp_path_factory.mktemp("cases")
    build(made, "arrays", "arrays")
    for name in ("some.model", "p.jsonl"):
        (made / name).write_text("{}\n")
    model = {"type": "BPE", "vocab": {"</s>": 0}, "merges": []}
    (made / "tokenizer.json").write_text(json.dumps({"model": model, "added_tokens": []}))
    (made / "run").mkdir()
    (made / "hf").mkdir()
    (made / "hf" / "config.json").write_text(json.dumps(SMALL_T5))
    (made / "hf" / "model.safetensors").write_bytes(b"\0" * 16)
    write_rte(made / "trees")
    (made / "parquet" / "rte").mkdir(parents=True)
    (made / "parquet" / "rte" / "train.parquet").write_bytes(b"PAR1")
    return made


def build(folder, form, name, *words):
    subprocess.run(
        [
            *(sys.executable, "-m", "flan_tasks", "build", "rte", *SAMPLES, "--vocab", "bytes"),
            *("--format", form, "--out", name, *words),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "FLAN_TASKS_STORE": str(folder / "store")},
    )


def run(cases, folder):
    environment = {name: value for name, value in os.environ.items() if name != "FLAN_TASKS_VOCAB"}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "FLAN_TASKS_STORE": str(folder / "fresh-store"),
        "TFDS_DATA_DIR": str(folder / "none"),
        "HF_HUB_OFFLINE": "1",
        "JAX_PLATFORMS": "cpu",
    }
    return results_of(cases, folder, environment)


def complaint(library, what, code, printed):
    """Says what is wrong with how a case ended; empty where nothing is."""
    distribution, extra = extras.LIBRARIES[library]
    lines = printed.strip().splitlines() or [""]
    if isinstance(what, str):
        # Python shows where an error comes from; its last line is ours.
        fine = code == 99 and "MissingLibraryError: " in lines[-1]
    else:
        fine = code == 1 and "Traceback" not in printed
    ending = rf'\[{extra}\]"' if extra else '"'
    command = rf'needs {distribution}\b.*\bpip install -e "{re.escape(str(ROOT))}{ending}'
    if fine and any(re.search(command, line) for line in lines):
        return ""
    return f"without {library}, {what}: exit code {code}, {printed}"


def complaints(cases, folder):
    ended = zip(cases, run(cases, folder), strict=True)
    return [told for case, result in ended if (told := complaint(*case, *result))]


def test_every_library_has_a_case():
    named = {library.split(".")[0] for library, _ in QUICK + SLOW} | NOTED | OF_TFDS
    imported = {library for _, library in THEIRS if library not in sys.stdlib_module_names}
    imported -= set(extras.OTHERS)  # tests/row_views has them
    assert imported <= set(extras.LIBRARIES)
    assert {library.split(".")[0] for library in extras.LIBRARIES} - {"jaxlib"} == named
    assert imported <= named


def test_a_missing_library_is_one_line(folder):
    assert not (told := complaints(QUICK, folder)), "\n".join(told)


@pytest.mark.slow
def test_every_library_that_is_missing_is_one_line(folder):
    build(folder, "tfrecord", "tfrecord")
    build(folder, "tfrecord", "tfrecord-too", "--seed", "1")
    build(folder, "arrayrecord", "arrayrecord", "--seed", "2")
    assert not (told := complaints(SLOW, folder)), "\n".join(told)
