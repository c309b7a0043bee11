"""Toy datasets in six languages, one for each metric, and what `flan eval` says of answers to them.

Every metric in English, and those that look at words, letters or labels in languages whose words
are cut in other ways. Their two templates are answered rightly and wrongly.
"""

import json
from typing import NamedTuple

from conftest import toy_dataset

from flan_tasks.core.catalog import Catalog
from flan_tasks.core.dataset import METRIC_NAMES
from flan_tasks.core.example import Example
from flan_tasks.core.origin import Files
from flan_tasks.core.splits import Splits
from flan_tasks.core.variation import Variation
from flan_tasks.evaluation.answers import Answers
from flan_tasks.evaluation.elsewhere import FileAnswers
from flan_tasks.evaluation.loop import evaluate
from flan_tasks.evaluation.records import GENERATE, RANK, Prompt
from flan_tasks.evaluation.units import Evaluation, questions
from flan_tasks.plan.prepare import SourceChoice
from flan_tasks.store.store import Store, default_store

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
OF_OPTIONS = {"accuracy", "macro_f1", "f1", "matthews", "multirc", "option_after_reasoning"}
# One of each way to look at a text; tests/metrics/test_languages.py has all metrics of words.
OUTSIDE_ENGLISH = ("accuracy", "bleu", "multilabel", "rouge", "squad")
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
CLUSTER = "toys"


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
        elif metric == "number_after_reasoning":
            answer = str(7 * n)
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
    """A catalog of the datasets, whose rows and templates (toys.toml) are written to a folder."""
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
            known.add(dataset, cluster=CLUSTER, templates=templates)
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


def by_flan_eval(known, folder, *, method, shots, datasets=None):
    """Returns name of an exported task -> how `flan eval --predictions` scores its answers.

    Asked are some datasets, or all; by rank those that have options.
    """
    datasets = known.datasets if datasets is None else datasets
    asked = Evaluation(
        datasets=tuple(d for d in datasets if method == GENERATE or d.is_classification),
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
