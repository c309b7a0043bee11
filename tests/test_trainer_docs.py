"""The pages of docs/trainers, run as they stand on builds of the embedded rows."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from conftest import ROOT

BLOCK = re.compile(r"<!-- tested: (\S+) -->\n```\w+\n(.*?)```", re.S)


def blocks(page):
    return BLOCK.findall((ROOT / "docs" / "trainers" / page).read_text(encoding="utf-8"))


def run(words, folder):
    found = subprocess.run(
        words,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "WANDB_MODE": "disabled"},
    )
    assert found.returncode == 0, found.stderr[-3000:]
    return found.stdout


def build(page, folder):
    for line in dict(blocks(page))["build"].strip().splitlines():
        words = shlex.split(line)
        assert words[0] == "flan"
        run([sys.executable, "-m", "flan_tasks", *words[1:]], folder)


def read(page, folder):
    return [
        run([sys.executable, "-c", code], folder) for name, code in blocks(page) if name == "read"
    ]


def test_every_page_has_what_is_run_here():
    pages = {path.name for path in (ROOT / "docs" / "trainers").glob("*.md")}
    assert pages == {
        *("axolotl.md", "datasets.md", "grain.md", "llama_factory.md", "seqio.md", "torch.md"),
        "trl.md",
    }
    assert all(dict(blocks(page)).get("build") for page in pages)


def test_datasets_page(tmp_path):
    pytest.importorskip("datasets")
    build("datasets.md", tmp_path)
    (printed,) = read("datasets.md", tmp_path)
    kept, total = re.search(r"(\d+) of (\d+) rows", printed).groups()
    assert 0 < int(kept) < int(total)


def configs(page):
    yaml = pytest.importorskip("yaml")
    return [yaml.safe_load(text) for name, text in blocks(page) if name == "config"]


def test_llama_factory_page(tmp_path):
    build("llama_factory.md", tmp_path)
    (config,) = configs("llama_factory.md")
    folder = tmp_path / config["dataset_dir"]
    entry = json.loads((folder / "dataset_info.json").read_text())[config["dataset"]]
    files = list((folder / entry["file_name"]).iterdir())
    assert files and {path.suffix for path in files} == {".jsonl"}
    # What the entry says and the loader takes is looked at in engine/test_opened_elsewhere.py.
    row = json.loads(files[0].read_text().split("\n")[0])
    assert {row[column] == "" for column in entry["columns"].values()} == {True, False}
    assert row["instruction"] and row["output"] and row["input"] == ""


def test_axolotl_page(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    build("axolotl.md", tmp_path)
    for config in configs("axolotl.md"):
        (entry,) = config["datasets"]
        path = str(tmp_path / entry["path"])
        found = datasets.load_dataset(path, split=entry["split"], cache_dir=str(tmp_path / "cache"))
        assert len(found) == 133
        if entry["type"] == "alpaca":
            assert {"instruction", "input", "output"} < set(found.column_names)
            continue
        keys = entry["message_property_mappings"]
        for row in found:
            turns = row[entry["field_messages"]]
            # Names of roles that axolotl takes for user and assistant.
            assert [turn[keys["role"]] for turn in turns] in (
                ["user", "assistant"],
                ["human", "gpt"],
            )
            assert all(turn[keys["content"]] for turn in turns)


@pytest.mark.slow
def test_grain_page(tmp_path):
    pytest.importorskip("grain")
    pytest.importorskip("array_record")
    build("grain.md", tmp_path)
    packed, single = read("grain.md", tmp_path)
    assert packed.strip() == "(4, 1024)"
    assert single.split(maxsplit=1)[0] == "133" and single.strip().endswith("1]")


@pytest.mark.slow
def test_seqio_page(tmp_path):
    build("seqio.md", tmp_path)
    assert read("seqio.md", tmp_path)[0].strip().endswith("(1024,)")


@pytest.mark.slow
def test_torch_page(tmp_path):
    pytest.importorskip("torch")
    build("torch.md", tmp_path)
    # The loss of a model that knows nothing, over 259 ids: log(259).
    assert "5.55" in read("torch.md", tmp_path)[0]


CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message.role == 'user' %}<user>{{ message.content }}<end>"
    "{% else %}<assistant>{% generation %}{{ message.content }}<eos>{% endgeneration %}{% endif %}"
    "{% endfor %}"
)


@pytest.fixture
def tiny(tmp_path):
    """A causal model of two layers, and a tokenizer trained on the project's own words."""
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("trl")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<eos>", "<user>", "<assistant>", "<end>"]
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [path.read_text() for path in sorted((ROOT / "templates" / "nli").glob("*.toml"))]
    tokenizer.train_from_iterator(texts, trainer)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<eos>",
        pad_token="<pad>",
        chat_template=CHAT_TEMPLATE,
    )
    config = transformers.LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=1280,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
        bos_token_id=None,
    )
    folder = tmp_path / "tiny"
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


# What TRL trains on, one list of ids for each example, in the order of the data.
TRAINED = """
import json
found = []
for row in trainer.train_dataset:
    batch = trainer.data_collator([row])
    labels = batch["labels"][0]
    found.append(labels[labels != -100].tolist())
print("TRAINED", json.dumps(found), trainer.state.global_step)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pairs", "chats"])
def test_trl_page_trains_on_the_tokens_our_builds_train(tiny, tmp_path, name):
    import numpy as np

    build("trl.md", tmp_path)
    code = dict(blocks("trl.md"))[name].replace("Qwen/Qwen3-0.6B", str(tiny))
    code = code.replace("max_length=1280", "max_length=1280, use_cpu=True, report_to='none'")
    printed = run([sys.executable, "-c", code + TRAINED], tmp_path)
    (line,) = [line for line in printed.splitlines() if line.startswith("TRAINED")]
    found, steps = line.removeprefix("TRAINED ").rsplit(" ", 1)
    assert steps == "3"
    words = (
        f"build nli --source samples --format arrays --arch decoder --vocab {tiny}/tokenizer.json"
    )
    run(
        [sys.executable, "-m", "flan_tasks", *shlex.split(words), "--out", "ours"],
        tmp_path,
    )
    ours = {}
    for shard in json.loads((tmp_path / "ours" / "manifest.json").read_text())["shards"]:
        arrays = {
            part: np.load(tmp_path / "ours" / f"{shard['name']}.{part}.npy")
            for part in ("tokens", "segment_ids", "loss_mask", "offsets", "examples")
        }
        for row in range(shard["rows"]):
            first, stop = arrays["offsets"][row : row + 2]
            for segment, example in enumerate(arrays["examples"][first:stop], start=1):
                here = (arrays["segment_ids"][row] == segment) & (arrays["loss_mask"][row] == 1)
                ours[int(example)] = arrays["tokens"][row][here].tolist()
    assert json.loads(found) == [ours[k] for k in range(len(ours))]
