"""Asks the task files of lm-evaluation-harness as they are shipped, on rows it is given: a helper.

Usage: run_suites_in_lm_eval.py ASKED.json ANSWERS.json. It needs lm_eval, torch and transformers,
and runs where this package is not.

ASKED has `rows`, path -> name -> split -> rows of a dataset of the hub; `tasks`, name -> how its
file is changed; and `runs`, each with `examples`, task -> numbers of the rows that are asked, and
who answers: `scripted`, task -> number -> answer, or `model`, a folder, of a `kind`, that writes so
many `tokens` and reads `batch` prompts at once (4). ANSWERS has the `tasks` of each run, and the
`seconds` that who answers took, of which making prompts and scoring are no part.
"""

import importlib.util
import json
import re
import sys
import time
from pathlib import Path

import datasets
import lm_eval
import torch
from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import postprocess_generated_text
from lm_eval.tasks import TaskManager

# Folders whose task files are asked, and tokens that a model writes.
FOLDERS = ("mmlu", "bbh", "gsm8k")
START, END = 0, 1


class Scripted(LM):
    """Gives the scripted answer to a row of a task, up to where the task stops it."""

    def __init__(self, answers, examples):
        super().__init__()
        self.answers, self.examples = answers, examples

    def generate_until(self, requests, disable_tqdm=False):
        return [
            postprocess_generated_text(self._answer(request), request.args[1]["until"], None)
            for request in requests
        ]

    def loglikelihood(self, requests, disable_tqdm=False):
        return [(self._answer(request)[request.idx], False) for request in requests]

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        raise NotImplementedError

    def _answer(self, request):
        # A request says which of the rows that are asked it is.
        number = self.examples[request.task_name][request.doc_id]
        return self.answers[request.task_name][str(number)]


class BetweenStartAndEnd(HFLM):
    """A causal decoder that reads a prompt between its start and its end token."""

    def _encode_pair(self, context, continuation):
        return self._prompt(context), self.tokenizer.encode(continuation, add_special_tokens=False)

    def tok_batch_encode(self, strings, padding_side="left", left_truncate_len=None, **_):
        rows = [self._prompt(text) for text in strings]
        longest = max(map(len, rows))
        ids = [[START] * (longest - len(row)) + row for row in rows]
        seen = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
        return torch.tensor(ids), torch.tensor(seen)

    def _prompt(self, text):
        return [START, *self.tokenizer.encode(text, add_special_tokens=False), END]


def opened(run):
    """Whoever answers a run, and what else its generation needs."""
    if "scripted" in run:
        return Scripted(run["scripted"], run["examples"]), {}
    settings = {"pretrained": run["model"], "device": "cpu", "dtype": "float32"}
    settings |= {"max_length": 8192, "batch_size": run.get("batch", 4)}
    if run["kind"] == "decoder":
        return BetweenStartAndEnd(**settings), {"max_gen_toks": run["tokens"]}
    # Of an encoder-decoder it counts the prompt among what is written, unless told the whole.
    return HFLM(**settings, tie_word_embeddings=False), {"max_length": run["tokens"] + 1}


def timed(model):
    """Has a model count the seconds in which it answers, and returns them."""
    taken = {"wall": 0.0, "cpu": 0.0}

    def counting(method):
        def answer(requests, **how):
            wall, cpu = time.perf_counter(), time.process_time()
            given = method(requests, **how)
            taken["wall"] += time.perf_counter() - wall
            taken["cpu"] += time.process_time() - cpu
            return given

        return answer

    model.loglikelihood = counting(model.loglikelihood)
    model.generate_until = counting(model.generate_until)
    return taken


def answers(samples):
    """What was asked and answered: number of a row -> of a filter."""
    by_number = {}
    for sample in samples:
        arguments = [
            [prompt, beside if isinstance(beside, str) else beside["until"]]
            for prompt, beside in sample["arguments"]
        ]
        responses = [one[0] for one in sample["resps"]]
        values = by_number.setdefault(sample["doc_id"], {"arguments": arguments, "scores": {}})
        values["answers"] = [one if isinstance(one, str) else float(one[0]) for one in responses]
        metric = "acc" if "acc" in sample else "exact_match"
        values["scores"][sample["filter"]] = float(sample[metric])
    return by_number


def write_tasks(changes, folder):
    """Writes a file for each task that takes the shipped one as it is, but for some changes."""
    shipped = {}
    for place in FOLDERS:
        for path in (Path(lm_eval.__path__[0]) / "tasks" / place).rglob("*.yaml"):
            if name := re.search(r'^"?task"?: "?(\w+)"?$', path.read_text("utf-8"), re.MULTILINE):
                shipped[name[1]] = path
    folder.mkdir()
    for name, changed in changes.items():
        content = {"include": str(shipped[name]), "task": name, **changed}
        (folder / f"{name}.yaml").write_text(json.dumps(content), encoding="utf-8")


def main():
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    rows = asked["rows"]

    def load_dataset(path, name=None, **_):
        splits = rows[path][name or ""]
        return {split: datasets.Dataset.from_list(of_split) for split, of_split in splits.items()}

    datasets.load_dataset = load_dataset
    write_tasks(asked["tasks"], Path("tasks"))
    manager = TaskManager(include_path="tasks", include_defaults=False)
    results = []
    for run in asked["runs"]:
        model, how = opened(run)
        seconds = timed(model)
        done = simple_evaluate(
            model,
            tasks=list(run["examples"]),
            samples=run["examples"],
            gen_kwargs=how or None,
            task_manager=manager,
            log_samples=True,
            bootstrap_iters=0,
        )
        tasks = {
            name: {
                "rows": answers(samples),
                "results": {
                    number: value
                    for number, value in done["results"][name].items()
                    if isinstance(value, float) and "stderr" not in number
                },
            }
            for name, samples in done["samples"].items()
        }
        results.append({"tasks": tasks, "seconds": seconds})
    Path(sys.argv[2]).write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    sys.path[:] = [folder for folder in sys.path if folder]
    assert importlib.util.find_spec("flan_tasks") is None, "flan_tasks is installed here"
    main()
