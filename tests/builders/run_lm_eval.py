"""Runs exported tasks in lm-evaluation-harness with a model that answers as told: a helper.

Usage: run_lm_eval.py CASES.json RESULTS.json, both as those of run_export.py. It needs lm_eval, and
runs where this package is not.
"""

import importlib.util
import json
import sys
from pathlib import Path

from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager


class Told(LM):
    """Writes the answer that was given for an example, up to where the task stops it."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers
        self.prompts, self.until = {}, {}

    def _answer(self, request):
        context, key = request.args[0], request.doc["key"]
        self.prompts.setdefault(request.task_name, {})[key] = context
        return self.answers[request.task_name][key]

    def generate_until(self, requests, disable_tqdm=False):
        texts = []
        for request in requests:
            text = self._answer(request)
            self.until[request.task_name] = request.args[1]["until"]
            for stop in request.args[1]["until"]:
                text = text.split(stop)[0]
            texts.append(text)
        return texts

    def loglikelihood(self, requests, disable_tqdm=False):
        for request in requests:
            choice = request.doc.get("choices", request.doc["options"])[request.idx]
            line = "" if "choices" in request.doc else "\n"
            assert request.args[1] == line + choice, request.args
        return [(self._answer(request)[request.idx], False) for request in requests]

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        raise NotImplementedError


if __name__ == "__main__":
    sys.path[:] = [place for place in sys.path if place]
    assert importlib.util.find_spec("flan_tasks") is None, "flan_tasks is installed here"
    results = []
    for folder, answers in json.loads(Path(sys.argv[1]).read_text()):
        model = Told(answers)
        manager = TaskManager(include_path=folder, include_defaults=False)
        tasks = simple_evaluate(
            model, tasks=list(answers), task_manager=manager, bootstrap_iters=0
        )["results"]
        results.append(
            {
                name: {
                    "prompts": model.prompts[name],
                    "until": model.until.get(name, []),
                    "scores": {
                        number.removesuffix(",none"): value
                        for number, value in tasks[name].items()
                        if number.endswith(",none") and "_stderr" not in number
                    },
                }
                for name in answers
            }
        )
    Path(sys.argv[2]).write_text(json.dumps(results))
