"""Tasks for lm-evaluation-harness: files without it, and the real package where it is at hand.

FLAN_TASKS_LM_EVAL_PYTHON names an interpreter that has lm_eval, torch and transformers.
"""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from flan_tasks.build.exemplars import Budget
from flan_tasks.build.lm_eval import Export, export
from flan_tasks.build.prepare import SourceChoice
from flan_tasks.build.vocabulary import open_vocabulary
from flan_tasks.core.errors import BuildError, DeclarationError
from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.harness import (
    aggregate,
    number_name,
    process_generation,
    process_rank,
)


def written(folder, *names, **changes):
    settings = Export(**changes)
    datasets = [catalog()[name] for name in names]
    return export(datasets, catalog(), folder, settings, source=SourceChoice("samples"))


def rows(folder, file):
    return [json.loads(line) for line in (folder / file).read_text().splitlines()]


def test_each_template_is_a_task_by_generation_and_by_rank(tmp_path):
    out = tmp_path / "out"
    names = written(out, "rte")
    ids = [template.id for template in catalog().templates("rte").of_kind("forward")]
    assert names == [f"flan_rte_{i}" for i in ids] + [f"flan_rte_{i}_rank" for i in ids]
    for name in (*names, "flan_rte", "flan_rte_rank"):
        assert (out / f"{name}.yaml").exists()
    found = rows(out, f"rte/{ids[0]}.jsonl")
    assert [row["options"][row["label"]] for row in found] == [row["targets"] for row in found]


def test_generation_tasks_have_no_rank(tmp_path):
    assert not any(name.endswith("_rank") for name in written(tmp_path / "out", "squad_v1"))


def test_prompts_are_those_of_the_variation(tmp_path):
    ids = catalog().templates("rte").ids
    variation = Variation(shots=2, options=False, templates=(f"rte.{ids[0]}",))
    budget = Budget(open_vocabulary("bytes"), 4000)
    written(tmp_path / "out", "rte", variation=variation, budget=budget, limit=2)
    assert [path.name for path in (tmp_path / "out" / "rte").iterdir()] == [f"{ids[0]}.jsonl"]
    found = rows(tmp_path / "out", f"rte/{ids[0]}.jsonl")
    assert len(found) == 2
    for row in found:
        assert row["num_shots"] == 2 and row["inputs"].count("\n#####\n") == 2
        assert "OPTIONS:" not in row["inputs"]


def test_the_same_is_written_again_and_nothing_is_overwritten(tmp_path):
    for name in ("one", "two"):
        written(tmp_path / name, "cb", limit=3)
    for path in sorted((tmp_path / "one").rglob("*.*")):
        assert (
            path.read_bytes()
            == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
        )
    with pytest.raises(BuildError, match="is not empty"):
        written(tmp_path / "one", "cb")
    with pytest.raises(DeclarationError, match="none of wsc273 has a train split"):
        written(tmp_path / "three", "wsc273", split="train")


def test_scores_are_those_of_our_metrics(tmp_path):
    written(tmp_path / "out", "cb", limit=4)
    template = catalog().templates("cb").of_kind("forward")[0].id
    docs = rows(tmp_path / "out", f"cb/{template}.jsonl")
    doc = docs[0]
    right = process_generation(doc, [f" {doc['targets']}\n"])
    assert right["accuracy"] == 100
    assert right["macro_f1"] == (doc["gold"], doc["targets"])
    assert process_generation(doc, ["perhaps"])["accuracy"] == 0
    macro = aggregate("macro_f1", "macro_f1")
    assert macro([(one["gold"], one["targets"]) for one in docs]) > 60
    scores = [(-4.0, False), (-3.0, False), (-9.0, False)]
    ranked = process_rank({**doc, "options": ["a much longer one", "b", "c"]}, scores)
    assert ranked["macro_f1"][1] == "b" and ranked["macro_f1_norm"][1] == "a much longer one"


def test_tasks_for_encoder_decoders_score_the_end_and_nothing_before_the_option(tmp_path):
    template = catalog().templates("cb").of_kind("forward")[0].id
    texts = {}
    for arch in ("decoder", "encoder-decoder"):
        written(tmp_path / arch, "cb", limit=2, arch=arch)
        texts[arch] = (tmp_path / arch / f"flan_cb_{template}_rank.yaml").read_text().splitlines()
        assert ("</s>" in (tmp_path / arch / "README.md").read_text()) == (arch != "decoder")
    assert {'target_delimiter: "\\n"', "doc_to_choice: options"} <= set(texts["decoder"])
    assert {'target_delimiter: ""', "doc_to_choice: choices"} <= set(texts["encoder-decoder"])
    for doc in rows(tmp_path / "encoder-decoder", f"cb/{template}.jsonl"):
        assert doc["choices"] == [f"{option}</s>" for option in doc["options"]]
    with pytest.raises(DeclarationError, match='arch is "t5"; wanted encoder-decoder or decoder'):
        written(tmp_path / "other", "cb", arch="t5")


@pytest.mark.parametrize(
    ("name", "number", "shown"),
    [
        ("accuracy", "accuracy", "accuracy"),
        ("squad", "em", "squad_em"),
        ("rouge", "rouge1", "rouge1"),
        ("drop", "f1", "drop_f1"),
        ("macro_f1", "macro_f1", "macro_f1"),
    ],
)
def test_numbers_are_listed_under_their_metric(name, number, shown):
    assert number_name(name, number) == shown
    assert number_name(name, number, is_norm=True) == f"{shown}_norm"


SCRIPT = """
import json, sys
import torch
from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

folder, place, names = sys.argv[1], sys.argv[2], sys.argv[3].split(",")
letters = sorted(pre_tokenizers.ByteLevel.alphabet())
vocabulary = {letter: i for i, letter in enumerate([*letters, "<eos>"])}
inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
inner.decoder = decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=inner, eos_token="<eos>", pad_token="<eos>", bos_token="<eos>"
)
torch.manual_seed(0)
end = len(vocabulary) - 1
config = GPT2Config(vocab_size=end + 1, n_positions=2048, n_embd=16, n_layer=1, n_head=2,
                    initializer_range=0.5, eos_token_id=end, bos_token_id=end)
model = GPT2LMHeadModel(config).eval()
model.save_pretrained(place)
tokenizer.save_pretrained(place)
found = simple_evaluate(
    model="hf", model_args={"pretrained": place, "dtype": "float32"}, tasks=names,
    task_manager=TaskManager(include_path=folder), device="cpu", batch_size=4,
    log_samples=True, bootstrap_iters=0,
)

def score(text, option):
    head = tokenizer.encode(text)
    ids = torch.tensor([head + tokenizer.encode(option)])
    with torch.no_grad():
        likely = model(ids[:, :-1]).logits[0].float().log_softmax(-1)
    told = ids[0, 1:]
    return float(likely[torch.arange(len(told)), told][len(head) - 1:].sum())

differences = []
for name, samples in found["samples"].items():
    for sample in samples if name.endswith("_rank") else []:
        doc = sample["doc"]
        for option, told in zip(doc["options"], sample["filtered_resps"]):
            differences.append(abs(score(doc["inputs"], "\\n" + option) - float(told[0])))
print("RESULT", json.dumps({
    "results": {name: {k: v for k, v in one.items() if isinstance(v, (int, float))}
                for name, one in found["results"].items()},
    "compared": len(differences), "difference": max(differences),
    "said": {name: [[s["doc"]["gold"], s["filtered_resps"]] for s in samples]
             for name, samples in found["samples"].items()},
}))
"""


@pytest.mark.slow
def test_the_real_package_runs_them_on_a_tiny_model(tmp_path):
    python = os.environ.get("FLAN_TASKS_LM_EVAL_PYTHON")
    if not python and importlib.util.find_spec("lm_eval") is None:
        pytest.skip("lm_eval is not at hand (FLAN_TASKS_LM_EVAL_PYTHON names a Python with it)")
    templates = [catalog().templates(n).of_kind("forward")[0].id for n in ("cb", "squad_v1")]
    variation = Variation(templates=(f"cb.{templates[0]}", f"squad_v1.{templates[1]}"))
    out = tmp_path / "out"
    names = written(out, "cb", "squad_v1", variation=variation, limit=4, answer_length=4)
    assert len(names) == 3
    tasks = ["flan_cb", "flan_cb_rank", "flan_squad_v1"]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [
            python or sys.executable,
            "-c",
            SCRIPT,
            str(out),
            str(tmp_path / "model"),
            ",".join(tasks),
        ],
        env={**os.environ, **offline},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.split("RESULT ")[1])
    assert found["compared"] == 12 and found["difference"] < 1e-4
    for task in names:
        said = found["said"][task]
        if task.endswith("_rank"):
            continue
        pairs = [(gold, answer[0].strip()) for gold, answer in said]
        metric, number = ("squad", "f1") if "squad" in task else ("accuracy", "accuracy")
        told = found["results"][task][f"{number_name(metric, number)},none"]
        assert told == pytest.approx(aggregate(metric, number)(pairs))
    (rank,) = [name for name in names if name.endswith("_rank")]
    assert {"accuracy,none", "macro_f1,none", "macro_f1_norm,none"} <= set(found["results"][rank])


def test_an_export_cut_off_leaves_nothing_and_can_be_made_again(tmp_path, monkeypatch):
    from flan_tasks.build import lm_eval

    def stops(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lm_eval, "_readme", stops)
        with pytest.raises(KeyboardInterrupt):
            written(tmp_path / "out", "rte", limit=2)
    assert list(tmp_path.glob("*out*")) == []
    assert written(tmp_path / "out", "rte", limit=2)
