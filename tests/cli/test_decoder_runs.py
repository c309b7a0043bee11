"""A folder of transformers with a decoder: as a gin file, trained, scored, and given back."""

import dataclasses
import json

import pytest
from toy_models import CONFIGS, quickly_compiled, random_params
from toy_tokenizers import QWEN, byte_level

from flan_tasks.models.hf import export_hf, read_config
from flan_tasks.models.model import Model
from flan_tasks.specs.gin_files import load
from flan_tasks.vocabulary import open_vocabulary


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    """A folder in the shape of Qwen 3, with a tokenizer in its shape."""
    words, out = tmp_path_factory.mktemp("words"), tmp_path_factory.mktemp("qwen") / "tiny"
    byte_level(*QWEN).save(str(words / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>"}
    about |= {"pad_token": "<|endoftext|>", "add_bos_token": False}
    (words / "tokenizer_config.json").write_text(json.dumps(about))
    (words / "chat_template.jinja").write_text("{{ messages[0].content }}")
    vocabulary = open_vocabulary(str(words))
    config = dataclasses.replace(
        CONFIGS["rope-causal"],
        vocabulary_size=vocabulary.size,
        head_rows=450,
        layers=2,
        query_key_norms=True,
        start_token=-1,
        max_positions=4096,
    )
    model = Model(config)
    return export_hf(model, random_params(model), out, vocabulary=vocabulary)


def bound(qwen, flan, tmp_path, **macros):
    """The gin file that is printed for a folder, and the run it makes."""
    path = tmp_path / "model.gin"
    path.write_text(flan("gin-from-hf", qwen).out)
    needed = {"BUILD_DIR": "b", "MODEL_DIR": "m", "TRAIN_STEPS": 2} | macros
    bindings = [("INITIAL_CHECKPOINT_PATH", str(qwen)), *needed.items()]
    files = (str(path), "runs/finetune.gin")
    return path, load(files, [(name, str(value)) for name, value in bindings]).run


def test_the_printed_gin_file_makes_the_folders_model(qwen, flan, tmp_path):
    _, run = bound(qwen, flan, tmp_path, DTYPE="float32", DROPOUT_RATE="0.0")
    assert run.model == read_config(qwen)
    assert run.model.start_token == -1 and run.model.outputs == 450


def test_a_folder_of_another_family_ends_in_one_line(qwen, flan, tmp_path):
    settings = json.loads((qwen / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(settings | {"model_type": "phi3"}))
    printed = flan("gin-from-hf", tmp_path, code=1)
    assert printed.out == "" and printed.err.count("\n") == 1
    assert 'describes a "phi3"; models of type "t5" and "mt5" are read' in printed.err


@pytest.mark.slow
def test_a_decoder_is_trained_scored_and_given_back(qwen, flan, tmp_path):
    model, _ = bound(qwen, flan, tmp_path)
    build, run, scores = tmp_path / "build", tmp_path / "run", tmp_path / "scores"
    flan(
        *("build", "rte", "--source", "samples", "--format", "arrays", "--arch", "decoder"),
        *("--vocab", qwen, "--lengths", "inputs=160,targets=16", "--examples", 40, "--out", build),
    )
    with quickly_compiled():
        flan(
            *("train", f"--gin_file={model}", "--gin_file=runs/finetune.gin"),
            *(f"--gin.BUILD_DIR={build}", f"--gin.MODEL_DIR={run}", "--gin.TRAIN_STEPS=2"),
            *(f"--gin.INITIAL_CHECKPOINT_PATH={qwen}", "--gin.BATCH_SIZE=8"),
            *("--gin.TASK_FEATURE_LENGTHS=None", "--gin.DTYPE=float32", "--gin.DROPOUT_RATE=0"),
        )
        for place in (qwen, run):
            vocab = ("--vocab", qwen) if place == run else ()
            flan(
                *("eval", "rte", "--source", "samples", "--model", place, *vocab),
                *("--out", scores / place.name, "--examples", 2, "--method", "rank"),
            )
            assert list((scores / place.name).glob("scores.json"))
    flan("export", run, "--vocab", qwen, "--out", tmp_path / "out")
    assert read_config(tmp_path / "out") == read_config(qwen)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (tmp_path / "out" / name).read_bytes() == (qwen / name).read_bytes()
