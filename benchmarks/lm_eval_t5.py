"""An exported T5 in lm-evaluation-harness beside `flan eval`, option by option.

Needs torch, transformers and lm_eval (with accelerate) in the environment that runs it, and a
`flan` command from this one or another: `python benchmarks/lm_eval_t5.py --flan .venv/bin/flan`.
Models are small and random, on bytes; each is exported by `flan export`, then scored by both on
the same tasks, and its head is looked at after `tie_weights()`, saving and loading.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TQDM_DISABLE": "1"}

import lm_eval
import torch
import transformers
from lm_eval.tasks import TaskManager
from transformers import T5Config, T5ForConditionalGeneration

DATASETS = ("rte", "copa")
UNTIED = {"tie_word_embeddings": False}
MODELS = {
    "T5 1.1, a head of its own": {"feed_forward_proj": "gated-gelu", **UNTIED},
    "T5 1.0, tied and scaled": {"feed_forward_proj": "relu"},
}


def write_model(folder: Path, settings: dict) -> None:
    """A random T5 on bytes, as transformers writes it."""
    torch.manual_seed(0)
    shape = {"vocab_size": 384, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_heads": 4}
    config = T5Config(**shape, num_layers=2, decoder_start_token_id=0, **settings)
    model = T5ForConditionalGeneration(config)
    if "tie_word_embeddings" in settings:
        model.lm_head.weight = torch.nn.Parameter(torch.randn(384, 32) / 6)
    model.save_pretrained(folder)
    tokenizer = {"tokenizer_class": "ByT5Tokenizer", "extra_ids": 0}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))


def by_flan(folder: Path) -> dict[tuple[str, ...], list[float]]:
    """(dataset, template, key) -> scores of the options, of `flan eval`'s predictions."""
    scores = {}
    for path in sorted((folder / "predictions").rglob("*.rank.jsonl")):
        for line in path.read_text().splitlines():
            one = json.loads(line)
            scores[one["dataset"], one["template"], one["key"]] = one["scores"]
    return scores


def by_harness(model: Path, tasks: Path, **arguments: object) -> dict[tuple[str, ...], list[float]]:
    """The same by lm-evaluation-harness, of the tasks that `flan export-lm-eval` wrote."""
    results = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(model), "dtype": "float32", **arguments},
        tasks=[f"flan_{name}_rank" for name in DATASETS],
        task_manager=TaskManager(include_path=str(tasks), include_defaults=False),
        device="cpu",
        batch_size=8,
        log_samples=True,
        bootstrap_iters=0,
    )
    scores = {}
    for task, samples in results["samples"].items():
        dataset = next(name for name in DATASETS if task.startswith(f"flan_{name}_"))
        template = task.removeprefix(f"flan_{dataset}_").removesuffix("_rank")
        for sample in samples:
            values = [float(response[0]) for response in sample["filtered_resps"]]
            scores[dataset, template, sample["doc"]["key"]] = values
    return scores


def compare(flan: dict, harness: dict) -> str:
    both = flan.keys() & harness.keys()
    pairs = [(a, b) for key in both for a, b in zip(flan[key], harness[key], strict=True)]
    largest = max(abs(a - b) for a, b in pairs)
    same = sum(flan[k].index(max(flan[k])) == harness[k].index(max(harness[k])) for k in both)
    return (
        f"{len(pairs)} options of {len(both)} of {len(flan)} prompts: largest difference "
        f"{largest:.1e}, the same option first {same} times"
    )


@torch.no_grad()
def logits(folder: Path, *, tie: bool, again: Path | None = None, **how: object) -> torch.Tensor:
    """Logits of one example; after `tie_weights()`, and saved and loaded, if asked for."""
    model = T5ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, **how)
    if tie:
        model.tie_weights()
    if again is not None:
        model.save_pretrained(again)
        model = T5ForConditionalGeneration.from_pretrained(again, dtype=torch.float32, **how)
    ids = torch.arange(3, 60)[None]
    return model.eval()(input_ids=ids, labels=ids[:, :9]).logits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flan", default="flan", help="the command")
    flan = parser.parse_args().flan
    transformers.logging.set_verbosity_error()
    print(
        f"lm_eval {lm_eval.__version__}, transformers {transformers.__version__}, "
        f"torch {torch.__version__}"
    )
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)

        def run(*words: object) -> None:
            done = subprocess.run([flan, *map(str, words)], capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"flan {words[0]} failed: {done.stderr[-2000:]}")

        for number, dataset in enumerate(DATASETS):
            tasks = work / "tasks" / str(number)
            words = ["--source", "samples", "--split", "validation", "--arch", "encoder-decoder"]
            run("export-lm-eval", dataset, "--out", tasks, *words)
        for number, (what, settings) in enumerate(MODELS.items()):
            theirs, ours = work / f"theirs-{number}", work / f"ours-{number}"
            write_model(theirs, settings)
            run("export", theirs, "--out", ours)
            words = ["--source", "samples", "--split", "validation", "--method", "rank"]
            run("eval", *DATASETS, "--model", ours, "--out", work / f"scores-{number}", *words)
            flan_scores = by_flan(work / f"scores-{number}")
            print(what)
            before = logits(theirs, tie=False)
            for how in ({}, UNTIED):
                loaded = "tie_word_embeddings=False" if how else "as it is"
                moved = [
                    float((logits(ours, tie=False, **how) - before).abs().max()),
                    float((logits(ours, tie=True, **how) - before).abs().max()),
                    float(
                        (logits(ours, tie=True, again=work / "again", **how) - before).abs().max()
                    ),
                ]
                print(
                    f"  loaded {loaded}: logits differ by {moved[0]:.1e}, after tie_weights() "
                    f"{moved[1]:.1e}, saved and loaded again {moved[2]:.1e}"
                )
                harness_scores = by_harness(ours, work / "tasks", **how)
                print(f"  lm_eval {loaded}: {compare(flan_scores, harness_scores)}")


if __name__ == "__main__":
    main()
