"""Runs exported tasks as lm-evaluation-harness does, without it and without this package: a helper.

Usage: run_export.py CASES.json RESULTS.json; a case is [folder, task -> key of an example -> its
answer: a text, or a score for each option], a result task -> {"prompts": ..., "until": ...,
"scores": ...}.

What is imported and called, and when, is what lm_eval 0.4.13 does (lm_eval/tasks/_yaml_loader.py):
modules are loaded by their path under that path as their name, and kept. In every second case it is
what older versions do: once for each function, under the bare name, and not kept.
"""

import importlib.util
import json
import sys
import types
from pathlib import Path

import yaml


class WithoutPackage:
    """A finder that stands before all others, as where the package is not installed."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "flan_tasks":
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)


class Rows:
    """What stands for `datasets.Dataset`, which takes seconds to import and to fill."""

    from_list = staticmethod(list)


def load_module(path, *, is_old):
    name = path.stem if is_old else str(path.with_suffix(""))
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not is_old:
        sys.modules[name] = module
    return module


def load_task(path, *, is_old):
    class Loader(yaml.SafeLoader):
        pass

    def function(loader, node):
        module, _, name = loader.construct_scalar(node).rpartition(".")
        return getattr(load_module(path.parent / f"{module}.py", is_old=is_old), name)

    Loader.add_constructor("!function", function)
    return yaml.load(path.read_bytes(), Loader)


def run(task, answers):
    until = task.get("generation_kwargs", {}).get("until", [])
    values, prompts = {}, {}
    for doc in task["custom_dataset"](**task["dataset_kwargs"])["test"]:
        ask = task["doc_to_text"]
        prompts[doc["key"]] = ask(doc) if callable(ask) else doc[ask]
        told = answers[doc["key"]]
        if task["output_type"] == "multiple_choice":
            assert len(doc[task["doc_to_choice"]]) == len(told)
            results = [(score, False) for score in told]
        else:
            for stop in until:
                told = told.split(stop)[0]
            results = [told]
        for name, value in task["process_results"](doc, results).items():
            values.setdefault(name, []).append(value)
    scores = {}
    for entry in task["metric_list"]:
        how, items = entry["aggregation"], values.pop(entry["metric"])
        scores[entry["metric"]] = how(items) if callable(how) else sum(items) / len(items)
    assert not values, f"{sorted(values)} are in no list"
    return {"prompts": prompts, "until": until, "scores": scores}


sys.modules["datasets"] = types.ModuleType("datasets")
sys.modules["datasets"].Dataset = Rows

if __name__ == "__main__":
    sys.meta_path.insert(0, WithoutPackage())
    results = []
    for number, (folder, answers) in enumerate(json.loads(Path(sys.argv[1]).read_text())):
        found = {}
        for name, of_task in answers.items():
            task = load_task(Path(folder) / f"{name}.yaml", is_old=number % 2)
            assert task["task"] == name
            found[name] = run(task, of_task)
        results.append(found)
    assert not any(name.partition(".")[0] == "flan_tasks" for name in sys.modules)
    Path(sys.argv[2]).write_text(json.dumps(results))
