"""Exported tasks give the scores of `flan eval` on the same answers, without this package.

Every metric in English, and those that look at words, letters or labels in languages whose words
are cut in other ways; without exemplars and behind two; by decoders and encoder-decoders.

FLAN_TASKS_LM_EVAL_PYTHON names an interpreter that has lm_eval, and not this package.
"""

import json
import os
import subprocess
import sys
from typing import NamedTuple

import pytest
from conftest import ROOT, toy_dataset

from flan_tasks.build.evaluate import Evaluation, evaluate, questions
from flan_tasks.build.exemplars import Budget
from flan_tasks.build.formats import DECODER, ENCODER_DECODER
from flan_tasks.build.lm_eval import Export, export
from flan_tasks.build.prepare import SourceChoice
from flan_tasks.build.store import Store, default_store
from flan_tasks.build.vocabulary import open_vocabulary
from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import METRIC_NAMES
from flan_tasks.core.example import Example
from flan_tasks.core.origin import Files
from flan_tasks.core.splits import Splits
from flan_tasks.core.variation import Variation
from flan_tasks.evaluation.elsewhere import FileAnswers
from flan_tasks.evaluation.harness import number_name, numbers_of
from flan_tasks.evaluation.records import GENERATE, RANK, Answers, Prompt

TEXTS = {
    "en": ("The cat watches the rain.", "The cat sees snow at noon.", "An old man fishes."),
    "zh": ("小猫看雨到天黑，第1天。", "小猫看雪到天黑，第2天。", "老人在河边钓鱼。"),
    "ja": ("猫は窓辺で雨を見ていた。", "犬は庭で雪を見ていた。", "少年が川へ走る。"),
    "ko": ("고양이가 창가에서 비를 본다.", "개가 마당에서 눈을 본다.", "소년은 강가로 뛰었다."),
    "th": ("แมวนั่งดูฝนจนมืด", "หมานั่งดูนกในสวน", "ชายชราตกปลาริมน้ำ"),
    "hi": ("बिल्ली खिड़की पर बारिश देखती है।", "चिड़िया पेड़ पर गाती रहती है।", "राम नदी के किनारे गया।"),
}
LABELS = {
    "en": ("yes", "no"),
    "zh": ("是", "否"),
    "ja": ("はい", "いいえ"),
    "ko": ("예", "아니요"),
    "th": ("ใช่", "ไม่ใช่"),
    "hi": ("हाँ", "नहीं"),
}
OF_OPTIONS = {"accuracy", "macro_f1", "f1", "matthews", "multirc"}
# One of each way to look at a text; tests/evaluation/test_languages.py has all metrics of words.
OUTSIDE_ENGLISH = ("accuracy", "bleu", "multilabel", "rouge", "squad")
# English by all four, as they differ in prompts and stops; the other languages by two.
KINDS = (("decoder", 2), ("encoder-decoder", 0), ("decoder", 0), ("encoder-decoder", 2))
TEMPLATES = """\
# A toy.

[example]
question = "What is it?"
answer = "A cat."

[[template]]
id = "right"
inputs = '''
{question}'''
targets = "{answer}"

[[template]]
id = "wrong"
inputs = '''
Now say: {question}'''
targets = "{answer}"
"""
COUNT = 6


def toy_rows(metric, language, split):
    texts, labels = TEXTS[language], LABELS[language]
    for n in range(COUNT):
        pair = texts[n % 3], texts[(n + 1) % 3]
        extra = {}
        if metric in OF_OPTIONS:
            # Not one after the other: neighbors are asked of one question.
            answer, extra = labels[n % 3 % 2], {"paragraph": "p", "question": n // 2}
        elif metric in ("pearson", "spearman"):
            answer, extra = f"{n}.0", {"score": n + 0.25}
        elif metric == "drop":
            answer = (f"{n} men", "the second half", "3.50")[n % 3]
        elif metric == "multilabel":
            listed = [label for place, label in enumerate((*labels, "3")) if n >> place & 1]
            answer = ", ".join(listed) or "none"
        elif metric == "squad_v2" and n == 2:
            answer = "unanswerable"
        else:
            answer = pair[0] if n < 3 else " ".join(pair)
        if metric == "quac":
            extra = {"annotators": [answer, answer, pair[0]]}
        several = n == 4 and metric in ("squad", "trivia_qa", "record", "rouge", "bleu")
        yield {
            "question": f"{split} {n}: {pair[1][:4]}?",
            "answer": answer,
            "references": [answer, pair[1]] if several else [answer],
            "options": list(labels) if metric in OF_OPTIONS else [],
            "extra": extra,
        }


def toy_normalize(row):
    """Asks something."""
    return Example(
        fields={"question": row["question"]},
        answer=row["answer"],
        references=tuple(row["references"]),
        options=tuple(row["options"]),
        extra=row["extra"],
    )


def toy_catalog(folder):
    templates = folder / "toys.toml"
    templates.write_text(TEMPLATES, encoding="utf-8")
    known = Catalog()
    for language in TEXTS:
        for metric in sorted(METRIC_NAMES) if language == "en" else OUTSIDE_ENGLISH:
            name = f"{language}_{metric}"
            place = folder / name
            place.mkdir()
            for split in ("train", "test"):
                lines = [
                    json.dumps(row, ensure_ascii=False) for row in toy_rows(metric, language, split)
                ]
                (place / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
            dataset = toy_dataset(
                name,
                source=Files({"train": "train.jsonl", "test": "test.jsonl"}, root=str(place)),
                splits=Splits.given(validation=None),
                schema={
                    "question": str,
                    "answer": str,
                    "references": list,
                    "options": list,
                    "extra": dict,
                },
                labels={},
                fields=("question",),
                options=LABELS[language] if metric in OF_OPTIONS else (),
                normalize=toy_normalize,
                metrics=(metric,),
                languages=(language,),
            )
            known.add(dataset, cluster="toys", templates=templates)
    return known


def told(prompts, *, is_right, shots):
    """Key -> what a model writes, right or half of it wrong; behind exemplars it goes on."""
    keys = [prompt.gold.key for prompt in prompts]
    texts = [prompt.gold.answer for prompt in prompts]
    if not is_right:
        texts = [texts[n - 1] if n % 2 else text for n, text in enumerate(texts)]
        texts[4] = texts[4][: len(texts[4]) // 2] or "."
    more = "\n\n#####\n\nAnd so on\n=>\nno" if shots else ""
    return {key: f" {text}{more}" for key, text in zip(keys, texts, strict=True)}


def preferred(prompts, *, is_right, shots):
    """Key -> a score for each option: the highest for the right one, or often for another."""
    scores = {}
    for n, prompt in enumerate(prompts):
        best = prompt.gold.options.index(prompt.gold.answer)
        best = best if is_right or n % 3 else 1 - best
        scores[prompt.gold.key] = [-1.0 if place == best else -2.5 for place in (0, 1)]
    return scores


class Scored(NamedTuple):
    """A task as `flan eval` scores it."""

    # Name of its metric.
    metric: str
    # What was asked.
    prompts: list[Prompt]
    # Key -> what was answered.
    answers: dict
    # Number -> score.
    scores: dict


def by_flan_eval(known, folder, *, method, shots):
    """Returns name of a task -> how `flan eval --predictions` scores it."""
    asked = Evaluation(
        datasets=tuple(d for d in known.datasets if method == GENERATE or d.is_classification),
        splits=("test",),
        method=method,
        source=SourceChoice(),
        variation=Variation(shots=shots),
    )
    store = Store(default_store())
    units, lines = {}, []
    for dataset in asked.datasets:
        for question in questions(asked, dataset, known, store=store):
            unit = question.unit
            prompts = question.prompts(seed=0, budget=None)
            assert {prompt.num_shots for prompt in prompts} == {shots}
            answer, written = (preferred, "scores") if method == RANK else (told, "prediction")
            answers = answer(prompts, is_right=unit.template == "right", shots=shots)
            units[unit.dataset, unit.template] = prompts, answers
            names = {"dataset": unit.dataset, "template": unit.template, "split": unit.split}
            lines += [json.dumps({**names, "key": key, written: a}) for key, a in answers.items()]
    folder.mkdir()
    path = folder / "answers.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    answerer = FileAnswers(path)
    settings = {**answerer.settings, **asked.settings}
    outcome = evaluate(asked, known, Answers(folder / "out", settings), answerer, store=store)
    ending = "_rank" if method == RANK else ""
    return {
        f"flan_{one.dataset}_{score.template}{ending}": Scored(
            *known[one.dataset].metrics, *units[one.dataset, score.template], score.scores
        )
        for one in outcome.scores
        for score in one.templates
    }


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """(arch, shots) -> name of a task -> (as `flan eval` scores it, what the export said)."""
    folder = tmp_path_factory.mktemp("scores")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLAN_TASKS_STORE", str(folder / "store"))
        known = toy_catalog(folder)
        ours = {
            shots: by_flan_eval(known, folder / f"rank_{shots}", method=RANK, shots=shots)
            | by_flan_eval(known, folder / f"generate_{shots}", method=GENERATE, shots=shots)
            for shots in (0, 2)
        }
        cases = []
        for arch, shots in KINDS:
            out = folder / f"{arch}_{shots}"
            settings = Export(
                variation=Variation(shots=shots),
                budget=Budget(open_vocabulary("bytes"), 10_000) if shots else None,
                arch=arch,
            )
            is_english = (arch, shots) in KINDS[2:]
            datasets = [d for d in known.datasets if not is_english or d.languages == ("en",)]
            names = export(datasets, known, out, settings, source=SourceChoice())
            cases.append([str(out), {name: ours[shots][name].answers for name in names}])
    (folder / "cases.json").write_text(json.dumps(cases))
    results = run(sys.executable, "run_export.py", folder)
    return folder, {
        (arch, shots): {name: (ours[shots][name], one) for name, one in found.items()}
        for (arch, shots), found in zip(KINDS, results, strict=True)
    }


def run(python, script, folder):
    """Runs what was exported by one of the helpers."""
    done = subprocess.run(
        [python, str(ROOT / "tests" / script), "cases.json", "results.json"],
        cwd=folder,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "results.json").read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_flan_eval_on_the_same_answers(compared, kind):
    _, tasks = compared
    assert len(tasks[kind]) > 2 * len(METRIC_NAMES)
    for name, (ours, theirs) in tasks[kind].items():
        numbers = numbers_of([ours.metric], [prompt.gold for prompt in ours.prompts])
        shown = {number_name(metric, one): ours.scores[one] for metric, one, _ in numbers}
        found = {number: theirs["scores"][number] for number in shown}
        assert found == {number: pytest.approx(value) for number, value in shown.items()}, name
        best = 0 if ours.metric == "edit_distance" else 100
        if "_right" in name:
            assert list(found.values()) == pytest.approx([best] * len(found)), name
        else:
            assert set(found.values()) != {best}, name
        normalized = {f"{number}_norm" for number in found if name.endswith("_rank")}
        assert set(theirs["scores"]) == {*found, *normalized}


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_and_stops_are_those_that_answers_need(compared, kind):
    arch, shots = kind
    _, tasks = compared
    for name, (ours, theirs) in tasks[kind].items():
        is_rank = name.endswith("_rank")
        line = "\n" if arch == DECODER and not is_rank else ""
        assert theirs["prompts"] == {one.gold.key: one.inputs + line for one in ours.prompts}
        if shots:
            assert all(text.endswith(f"\n=>{line}") for text in theirs["prompts"].values())
        if is_rank:
            assert theirs["until"] == []
        elif shots:
            assert theirs["until"] == ["#####"]
        else:
            assert theirs["until"] == ([] if arch == ENCODER_DECODER else ["\n\n"])


@pytest.mark.slow
def test_the_real_package_says_the_same(compared):
    python = os.environ.get("FLAN_TASKS_LM_EVAL_PYTHON")
    if not python:
        pytest.skip("FLAN_TASKS_LM_EVAL_PYTHON names no Python with lm_eval and sacrebleu[ja,ko]")
    folder, tasks = compared
    for kind, found in zip(KINDS, run(python, "run_lm_eval.py", folder), strict=True):
        assert set(found) == set(tasks[kind])
        for name, (_, theirs) in tasks[kind].items():
            scores = found[name].pop("scores")
            assert scores == {n: pytest.approx(value) for n, value in theirs["scores"].items()}
            assert found[name] == {part: theirs[part] for part in ("prompts", "until")}
