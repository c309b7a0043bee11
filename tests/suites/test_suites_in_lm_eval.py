"""Suites beside lm-evaluation-harness itself: the same prompts, and the same log-probabilities.

FLAN_TASKS_LM_EVAL_PYTHON names an interpreter that has lm_eval, torch and transformers.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import REAL

from flan_tasks.datasets import catalog
from flan_tasks.jobs.evaluate import evaluate
from flan_tasks.plan.source_choice import SourceChoice
from flan_tasks.specs.eval_config import EvalSpec
from flan_tasks.suites.library import open_suite
from flan_tasks.suites.tasks import chosen_question, suite_tasks

SUBJECTS = ("anatomy", "elementary_mathematics", "world_religions")
# Our protocol -> a folder of the harness, and how its files and tasks are called.
MMLU = {
    "mmlu@lm_eval": "mmlu/default",
    "mmlu@flan": "mmlu/flan_n_shot/generative",
    "mmlu@flan_rank": "mmlu/flan_n_shot/loglikelihood",
}
BBH = {"bbh@lm_eval": "bbh/cot_fewshot", "bbh@lm_eval_direct": "bbh/fewshot"}
SCRIPT = """
import json, sys
from pathlib import Path
import lm_eval, torch, yaml
from lm_eval.tasks import TaskManager
from transformers import T5Config, T5ForConditionalGeneration

class Loader(yaml.SafeLoader):
    pass

Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
out, asked = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
tasks = Path(lm_eval.__path__[0]) / "tasks"
for name, one in asked["tasks"].items():
    base = yaml.load((tasks / one["base"]).read_text(), Loader)
    include = tasks / Path(one["base"]).parent / base["include"]
    own = {**base, "include": str(include), "task": name, "dataset_path": "json",
           "dataset_name": None, "dataset_kwargs": {"data_files": one["files"]}, **one["more"]}
    own.pop("tag", None)
    (out / f"{name}.yaml").write_text(json.dumps(own))
torch.manual_seed(0)
config = T5Config(vocab_size=384, d_model=32, d_kv=8, d_ff=48, num_heads=4, num_layers=2,
                  decoder_start_token_id=0, feed_forward_proj="relu")
model = T5ForConditionalGeneration(config)
for parameter in model.parameters():
    torch.nn.init.normal_(parameter, std=0.4)
model.save_pretrained(asked["model"])
tokenizer = {"tokenizer_class": "ByT5Tokenizer", "extra_ids": 0}
(Path(asked["model"]) / "tokenizer_config.json").write_text(json.dumps(tokenizer))
found = lm_eval.simple_evaluate(
    model="hf", model_args={"pretrained": asked["model"], "dtype": "float32"},
    tasks=list(asked["tasks"]), task_manager=TaskManager(include_path=str(out)), device="cpu",
    batch_size=8, log_samples=True, bootstrap_iters=0, gen_kwargs={"max_gen_toks": 1},
)
said = {
    name: [
        {"arguments": [list(one)[:1] + [one[1] if isinstance(one[1], str) else one[1]["until"]]
                       for one in s["arguments"]],
         "answers": [a if isinstance(a, str) else float(a[0]) for a in s["filtered_resps"]]}
        for s in sorted(samples, key=lambda s: s["doc_id"])
    ]
    for name, samples in found["samples"].items()
}
published = {}
for folder in asked["published"]:
    for path in sorted((tasks / folder).glob("*.yaml")):
        values = yaml.load(path.read_text(), Loader)
        if "fewshot_config" in values:
            published[f"{folder}/{path.stem}"] = [
                values["description"], values["doc_to_text"], values["fewshot_config"]["samples"]]
Path(asked["out"]).write_text(json.dumps({"said": said, "published": published}))
"""


def rows_as_the_hub_has_them(task, folder):
    """Writes a subject's rows and exemplars in the columns of cais/mmlu."""
    files = {}
    for split, rows in (("test", task.rows), ("dev", task.solved.exemplars)):
        path = folder / f"{task.about['task']}_{split}.jsonl"
        lines = (
            {
                "question": row["question"],
                "choices": [row[letter] for letter in "ABCD"],
                "answer": "ABCD".index(row["answer"]),
            }
            for row in rows
        )
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        files[split] = str(path)
    return files


def asked_of(name, *, folder=None, tasks=None):
    suite, protocol = open_suite(name)
    place = SourceChoice("samples")
    if folder:
        place = SourceChoice("declared", Path(f"{suite.name}={folder}"))
    found, _ = suite_tasks(suite, protocol, catalog(), source=place)
    return {t.about["task"]: t for t in found if tasks is None or t.about["task"] in tasks}


def prompts_of(task, examples=None):
    return chosen_question(task, examples, seed=0).prompts(seed=0, budget=None)


@pytest.fixture(scope="module")
def harness(tmp_path_factory):
    """What the harness asks and answers, of our embedded MMLU and two tasks of the real BBH."""
    python = os.environ.get("FLAN_TASKS_LM_EVAL_PYTHON")
    if not python:
        pytest.skip("FLAN_TASKS_LM_EVAL_PYTHON names no Python with lm_eval")
    folder = tmp_path_factory.mktemp("harness")
    (folder / "tasks").mkdir()
    tasks = {}
    for name, base in MMLU.items():
        for subject, task in asked_of(name).items():
            files = rows_as_the_hub_has_them(task, folder)
            more = {"num_fewshot": 5}
            tasks[f"{name}/{subject}".replace("@", "_").replace("/", "__")] = {
                "base": f"{base}/mmlu_{subject}.yaml",
                "files": files,
                "more": more,
            }
    if (REAL / "suites").is_dir():
        for name, base in BBH.items():
            for one in ("boolean_expressions", "snarks"):
                text = (REAL / "suites" / "bbh" / "bbh" / f"{one}.json").read_text("utf-8")
                path = folder / f"{one}.jsonl"
                rows = json.loads(text)["examples"][:3]
                path.write_text("".join(json.dumps(row) + "\n" for row in rows))
                tasks[f"{name}/{one}".replace("@", "_").replace("/", "__")] = {
                    "base": f"{base}/{one}.yaml",
                    "files": {"test": str(path)},
                    "more": {},
                }
    asked = {
        "tasks": tasks,
        "model": str(folder / "model"),
        "out": str(folder / "said.json"),
        "published": list(BBH.values()),
    }
    (folder / "asked.json").write_text(json.dumps(asked))
    (folder / "script.py").write_text(SCRIPT)
    environment = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "PYTHONPATH": ""}
    environment |= {"HF_HOME": str(folder / "home"), "TQDM_DISABLE": "1"}
    done = subprocess.run(
        [python, "script.py", str(folder / "tasks"), "asked.json"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {**json.loads((folder / "said.json").read_text()), "model": folder / "model"}


def said_of(harness, name, task):
    return harness["said"][f"{name}/{task}".replace("@", "_").replace("/", "__")]


@pytest.mark.slow
@pytest.mark.parametrize("name", MMLU)
def test_prompts_of_mmlu_are_those_of_the_harness(harness, name):
    for subject, task in asked_of(name).items():
        theirs = said_of(harness, name, subject)
        ours = prompts_of(task)
        assert len(ours) == len(theirs) == 3
        for prompt, sample in zip(ours, theirs, strict=True):
            assert [prompt.inputs] == list({text for text, _ in sample["arguments"]})
            beside = [other for _, other in sample["arguments"]]
            if prompt.gold.options:
                assert list(prompt.gold.options) == beside
            else:
                assert list(prompt.stops) == beside[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mmlu@lm_eval", "mmlu@flan_rank"])
def test_log_probabilities_and_chosen_options_are_those_of_the_harness(harness, name, tmp_path):
    spec = EvalSpec(
        mixture_or_task_name=name,
        checkpoint_path=str(harness["model"]),
        output_dir=str(tmp_path / "out"),
        source="samples",
        allow_missing=True,
    )
    result = evaluate(spec)
    assert len(result.suites[0].tasks) == len(SUBJECTS)
    differences = []
    for subject in SUBJECTS:
        path = tmp_path / "out" / "predictions" / f"mmlu:{subject}" / f"{name}.test.rank.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line, sample in zip(lines, said_of(harness, name, subject), strict=True):
            pairs = list(zip(line["scores"], sample["answers"], strict=True))
            differences += [abs(ours - theirs) for ours, theirs in pairs]
            chosen = [max(range(4), key=scores.__getitem__) for scores in zip(*pairs, strict=True)]
            assert chosen[0] == chosen[1]
    assert len(differences) == 36 and max(differences) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", BBH)
def test_prompts_of_bbh_are_those_of_the_harness(harness, name):
    if not (REAL / "suites").is_dir():
        pytest.skip("the real rows are not here (FLAN_TASKS_TEST_DATA names a folder)")
    tasks = asked_of(name, folder=REAL / "suites" / "bbh")
    for one in ("boolean_expressions", "snarks"):
        ours = prompts_of(tasks[one])[:3]
        for prompt, sample in zip(ours, said_of(harness, name, one), strict=True):
            ((text, stops),) = sample["arguments"]
            assert prompt.inputs == text and list(prompt.stops) == stops
    for one, task in tasks.items():
        description, query, samples = harness["published"][f"{BBH[name]}/{one}"]
        assert task.about["description"] + "\n\n" == description, one
        parts = "question", "final" if name.endswith("direct") else "answer"
        ours = [[solved[part].strip() for part in parts] for solved in task.solved.exemplars]
        # Behind "A:" the published text has the first sentence that the harness puts in the query.
        theirs = [
            [s["input"].strip(), (query.split("A:")[1] + s["target"]).strip()] for s in samples
        ]
        assert ours == theirs, one
