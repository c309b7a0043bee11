"""Tasks for lm-evaluation-harness: files without it, and the real package where it is available.

FLAN_TASKS_LM_EVAL_PYTHON names an interpreter that has lm_eval, torch and transformers.
"""

import importlib.util
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import stdev

import pytest
from conftest import ROOT, TOY_TEMPLATES, toy_dataset

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.errors import BuildError, DeclarationError, SourceUnavailableError
from flan_tasks.core.example import Example
from flan_tasks.core.origin import Files
from flan_tasks.core.splits import Splits
from flan_tasks.core.variation import Variation
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.harness import (
    aggregate,
    number_name,
    process_generation,
    process_rank,
)
from flan_tasks.evaluation.lm_eval import Export, export
from flan_tasks.evaluation.standard_errors import standard_errors
from flan_tasks.metrics.by_name import metric
from flan_tasks.metrics.gold import Gold
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.prepare import SourceChoice
from flan_tasks.vocabulary import open_vocabulary


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
    assert not any(name.endswith("_rank") for name in written(tmp_path / "out", "squad_v1", "qasc"))


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
    # Options are told by their place: what is scored may be their labels.
    ranked = process_rank({**doc, "options": ["a much longer one", "b", "c"]}, scores)
    first, second, _ = json.loads(doc["gold"])["options"]
    assert ranked["macro_f1"][1] == second and ranked["macro_f1_norm"][1] == first


def test_answers_behind_exemplars_end_where_the_next_would_begin(tmp_path):
    variation = Variation(shots=2, templates=("follows_from_that",))
    budget = Budget(open_vocabulary("bytes"), 9_000)
    written(tmp_path / "out", "rte", variation=variation, budget=budget, limit=2)
    doc = rows(tmp_path / "out", "rte/follows_from_that.jsonl")[0]
    said = f"{doc['targets']}\n\n#####\n\nMore\n=>\nmaybe"
    assert process_generation(doc, [said])["accuracy"] == 100
    assert process_generation(doc | {"num_shots": 0}, [said])["accuracy"] == 0
    text = (tmp_path / "out" / "flan_rte_follows_from_that.yaml").read_text()
    assert '"until": ["#####"]' in text


def toys(folder, animals, **changes):
    """A catalog of one dataset of toys; asked for is the animal, unless `changes` say otherwise."""

    def normalize(row):
        """Asks for an animal."""
        return Example(fields={"animal": row["animal"][:1]}, answer=row["animal"])

    templates = TOY_TEMPLATES if changes.get("options") else TOY_TEMPLATES.replace("{options}", "")
    (folder / "birds.toml").write_text(templates, encoding="utf-8")
    for split in ("train", "test"):
        lines = [json.dumps({"animal": animal, "bird": 1}) + "\n" for animal in animals]
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    source = Files({"train": "train.jsonl", "test": "test.jsonl"}, root=str(folder))
    asked = {"options": (), "normalize": normalize, "splits": Splits.given(validation=None)}
    dataset = toy_dataset("birds", source=source, **(asked | changes))
    known = Catalog()
    known.add(dataset, cluster="animals", templates=folder / "birds.toml")
    return known


def exported(folder, known, **changes):
    settings = Export(**changes)
    return export(known.datasets, known, folder, settings, source=SourceChoice())


@pytest.mark.parametrize(
    ("animals", "arch", "until"),
    [
        (("a heron", "a cow"), "decoder", '["\\n\\n"]'),
        (("a heron", "a cow"), "encoder-decoder", "[]"),
        (("a heron", "a cow\n\nor two"), "decoder", "[]"),
    ],
)
def test_without_exemplars_decoders_stop_at_a_blank_line_that_no_answer_has(
    tmp_path, animals, arch, until
):
    exported(tmp_path / "out", toys(tmp_path, animals), arch=arch)
    text = (tmp_path / "out" / "flan_birds_bare.yaml").read_text()
    assert f'"until": {until}' in text
    leads = "!function flan_export.line_to_answer" if arch == "decoder" else "inputs"
    assert f"doc_to_text: {leads}\n" in text and 'target_delimiter: ""\n' in text


def test_options_that_fold_to_one_text_are_ranked_alone(tmp_path):
    def normalize(row):
        """Asks for a country or a pronoun."""
        return Example(fields={"animal": row["animal"]}, options=("US", "us"), answer="US")

    known = toys(tmp_path, ("a", "b"), options=("US", "us"), normalize=normalize)
    names = exported(tmp_path / "out", known)
    assert names == ["flan_birds_plain_rank", "flan_birds_bare_rank"]
    about = (tmp_path / "out" / "README.md").read_text()
    assert "birds has no tasks by generation: the options" in about
    assert "--tasks flan_birds_rank\n" in about


def test_one_answer_in_another_script_is_scored_as_among_all(tmp_path):
    answers = ("The motto is Liberty.", "知識は力なり", "The capital is Ostrow.")
    exported(tmp_path / "out", toys(tmp_path, answers, metrics=("rouge",)))
    docs = rows(tmp_path / "out", "birds/bare.jsonl")
    said = [doc["targets"] for doc in docs]
    values = [process_generation(doc, [doc["targets"]])["rougeL"] for doc in docs]
    golds = [Gold.from_json(doc["gold"]) for doc in docs]
    assert sum(values) / 3 == metric("rouge")(golds, said)["rougeL"]
    errors = standard_errors("rouge", golds, said)
    assert errors["rougeL"] == pytest.approx(stdev(values) / 3**0.5)


def test_some_of_the_examples_may_have_no_such_number(caplog):
    gold = Gold("a heron", ("a heron",)).to_json()
    assert math.isnan(aggregate("squad_v2", "no_answer_em")([(gold, "a heron")]))
    assert "squad_v2: no no_answer_em of 1 example" in caplog.text


def loaded(script, *arguments, cwd):
    """What a process prints that has no flan_tasks, and its exit code."""
    head = "import sys; sys.path.insert(0, sys.argv.pop(1)); import run_export\n"
    head += "from run_export import *; sys.meta_path.insert(0, WithoutPackage())\n"
    words = ["-c", head + script, str(ROOT / "tests" / "builders"), *map(str, arguments)]
    done = subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_exports_in_one_process_each_run_their_own_code(tmp_path):
    for name in ("a", "b"):
        written(tmp_path / name, "cb", limit=3)
    changed = tmp_path / "b" / "flan_scores" / "metrics" / "gold.py"
    changed.write_text(changed.read_text().replace("100 * sum", "200 * sum"))
    script = """
folders = [Path(folder) for folder in sys.argv[1:]]
for is_old in (False, True):
    for folder in folders:
        module = load_module(folder / "flan_export.py", is_old=is_old)
        (doc,) = [json.loads((folder / "cb" / "last_word.jsonl").read_text().split(chr(10))[0])]
        print(module.process_generation(doc, [doc["targets"]])["accuracy"])
"""
    code, out, error = loaded(script, tmp_path / "a", tmp_path / "b", cwd=tmp_path)
    assert (code, out.split()) == (0, ["100.0", "200.0"] * 2), error


@pytest.mark.parametrize(
    ("dataset", "library", "said"),
    [
        ("samsum", "rouge_score", "ROUGE needs rouge-score"),
        ("samsum", "regex", "Metric rouge needs regex"),
        ("cb", "sklearn", "F1 needs scikit-learn"),
    ],
)
def test_a_missing_library_is_one_line_when_the_rows_are_loaded(tmp_path, dataset, library, said):
    first = written(tmp_path / "out", dataset, limit=2)[0]
    script = """
from without_library import Without
sys.meta_path[:] = [Without(finder, sys.argv[1]) for finder in sys.meta_path]
task = load_task(Path(sys.argv[2]), is_old=False)
task["custom_dataset"](**task["dataset_kwargs"])
"""
    path = tmp_path / "out" / f"{first}.yaml"
    code, _, error = loaded(script, library, path, cwd=tmp_path)
    (line,) = error.splitlines()
    problem = f'flan_export: {said}, of the extra "eval", which is not installed: '
    assert code == 1 and line.startswith(problem) and "pip install" in line


def test_the_readme_says_what_the_metrics_need(tmp_path):
    written(tmp_path / "out", "cb", "samsum", limit=2)
    about = (tmp_path / "out" / "README.md").read_text()
    assert "flan_tasks need not be installed" in about
    assert "    pip install regex rouge-score scikit-learn\n" in about
    written(tmp_path / "plain", "rte", limit=2)
    assert (
        "These metrics need nothing beside the harness"
        in (tmp_path / "plain" / "README.md").read_text()
    )


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
        pytest.skip("lm_eval is not available (FLAN_TASKS_LM_EVAL_PYTHON names a Python with it)")
    templates = [catalog().templates(n).of_kind("forward")[0].id for n in ("cb", "squad_v1")]
    variation = Variation(templates=(f"cb.{templates[0]}", f"squad_v1.{templates[1]}"))
    out = tmp_path / "out"
    names = written(out, "cb", "squad_v1", variation=variation, limit=4, answer_length=4)
    assert len(names) == 3
    tasks = ["flan_cb", "flan_cb_rank", "flan_squad_v1"]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "PYTHONPATH": ""}
    words = ["-c", SCRIPT, str(out), str(tmp_path / "model"), ",".join(tasks)]
    done = subprocess.run(
        [python or sys.executable, *words],
        cwd=tmp_path,
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
    from flan_tasks.evaluation import lm_eval

    def stops(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lm_eval, "readme", stops)
        with pytest.raises(KeyboardInterrupt):
            written(tmp_path / "out", "rte", limit=2)
    assert list(tmp_path.glob("*out*")) == []
    assert written(tmp_path / "out", "rte", limit=2)


def test_rows_that_do_not_fit_are_counted_and_said(tmp_path):
    told = []
    budget = Budget(open_vocabulary("bytes"), 250)
    settings = Export(variation=Variation(shots=2), budget=budget)
    arguments = ([catalog()["rte"]], catalog(), tmp_path / "out", settings)
    names = export(*arguments, source=SourceChoice("samples"), warn=told.append)
    readme = (tmp_path / "out" / "README.md").read_text()
    lost = [line.split(";")[0] for line in told if "; it has no task:" in line]
    assert lost and not any(f"flan_{name.replace('.', '_')}" in names for name in lost)
    assert all(line.split(" as their")[0] in readme.replace("\\", "") for line in told)
    short = Export(variation=Variation(shots=2), budget=replace(budget, length=20))
    with pytest.raises(DeclarationError, match="no prompt is left of 20 tokens; give a longer"):
        export(*arguments[:2], tmp_path / "no", short, source=SourceChoice("samples"))


def test_datasets_without_rows_are_left_out_where_that_is_allowed(tmp_path):
    rows = tmp_path / "rows" / "rte"
    rows.mkdir(parents=True)
    for split in ("train", "validation", "test"):
        lines = [
            json.dumps({"premise": f"p {n}", "hypothesis": f"h {n}", "label": n % 2, "idx": n})
            for n in range(400)
        ]
        (rows / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    datasets = [catalog()[name] for name in ("cb", "rte")]
    source = SourceChoice("tfds", Path(f"{rows.parent}:rte={rows}"))
    with pytest.raises(SourceUnavailableError, match="cb"):
        export(datasets, catalog(), tmp_path / "none", Export(limit=2), source=source)
    assert not (tmp_path / "none").exists()
    lines: list[str] = []
    settings = Export(limit=2, allow_missing=True)
    names = export(
        datasets, catalog(), tmp_path / "out", settings, source=source, warn=lines.append
    )
    assert names and all(name.startswith("flan_rte_") for name in names)
    (line,) = lines
    assert line.startswith("cb: left out, as rows are not available: ")
    assert line in (tmp_path / "out" / "README.md").read_text()
    with pytest.raises(SourceUnavailableError, match="cb"):
        export(datasets[:1], catalog(), tmp_path / "alone", settings, source=source)
