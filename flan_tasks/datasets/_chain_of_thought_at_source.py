"""Chain of thought that is read where it was first published: GSM8K, e-SNLI and QED."""

import re
from typing import Any

from flan_tasks.core.dataset import Dataset, Normalized, Row
from flan_tasks.core.example import Skip
from flan_tasks.core.origin import Alternative, HuggingFace, Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.datasets._reasoning import COLLECTION, published, reasoned, whole_sentences
from flan_tasks.repairs.blanks import one_line, tidy
from flan_tasks.repairs.marks import joined_marks

# The calculator's marks of the original: "48/2 = <<48/2=24>>24".
_CALCULATION = re.compile(r"<<[^<>]*>>")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def _gsm8k(row: Row) -> Normalized:
    """Asks a word problem of grade school mathematics; drops the marks of a calculator."""
    answer = one_line(row["short_answer"]).replace(",", "")
    if not _NUMBER.fullmatch(answer):
        return Skip("an answer that is no number")
    return reasoned(
        fields={"question": one_line(row["question"])},
        rationale=whole_sentences(_CALCULATION.sub("", row["annotation"])),
        answer=answer,
    )


def _gsm8k_as_published(row: dict[str, Any]) -> Row:
    return {
        "question": row["question"],
        "annotation": row["chain"],
        "short_answer": row["answer"],
    }


GSM8K = Dataset(
    name="gsm8k",
    source=Tfds("gsm8k:1.0.0"),
    splits=Splits.validation_from_train(200, test="test"),
    schema={"question": str, "annotation": str, "short_answer": str},
    fields=("question", "rationale"),
    rationale="rationale",
    keep="whole",
    normalize=_gsm8k,
    metrics=("number_after_reasoning",),
    size={"train": 7473, "test": 1319},
    license="MIT",
    citation=f"Cobbe et al. 2021, Training Verifiers to Solve Math Word Problems; {COLLECTION}",
    alternatives=(Alternative(published("gsm8k"), adapt=_gsm8k_as_published, tested=True),),
    collection="flan2022",
)


# As SNLI's here, in the order of the source's labels.
_FOLLOWS = ("yes", "it is impossible to say", "no")


def _esnli(row: Row) -> Normalized:
    """Asks whether a sentence holds of the scene another describes, and why."""
    if row["label"] < 0:
        return Skip("no gold label")
    reason = whole_sentences(joined_marks(one_line(row["explanation_1"])))
    return reasoned(
        fields={
            "premise": whole_sentences(joined_marks(one_line(row["premise"]))),
            "hypothesis": whole_sentences(joined_marks(one_line(row["hypothesis"]))),
        },
        rationale=reason[:1].upper() + reason[1:],
        answer=_FOLLOWS[row["label"]],
        options=_FOLLOWS,
    )


ESNLI = Dataset(
    name="esnli",
    source=Tfds("esnli:0.1.0"),
    splits=Splits.given(),
    schema={"premise": str, "hypothesis": str, "label": int, "explanation_1": str},
    labels={"label": ("entailment", "neutral", "contradiction")},
    fields=("premise", "hypothesis", "rationale"),
    rationale="rationale",
    keep="whole",
    options=_FOLLOWS,
    normalize=_esnli,
    metrics=("option_after_reasoning",),
    size={"train": 549_367, "validation": 9842, "test": 9824},
    license="CC-BY-SA-4.0 (SNLI); the explanations' is not stated by the source",
    citation=(
        "Camburu et al. 2018, e-SNLI: Natural Language Inference with Natural Language "
        f"Explanations; Bowman et al. 2015; {COLLECTION}"
    ),
    overlaps=("snli",),
    collection="flan2022",
)


def _qed(row: Row) -> Normalized:
    """Asks what a passage says, by the sentence that says it and whom its words mean."""
    annotation = row["annotation"]
    if annotation["explanation_type"] != "single_sentence":
        return Skip("not explained by one sentence")
    answers = tuple(
        dict.fromkeys(
            text for one in row["original_nq_answers"] if (text := one_line(one["string"]))
        )
    )
    sentence = one_line(annotation["selected_sentence"]["string"])
    if not answers or not sentence:
        return Skip("no answer" if sentence else "no reasoning")
    steps = [sentence if sentence[-1] in ".!?" else f"{sentence}."]
    for pair in annotation["referential_equalities"]:
        asked = one_line(pair["question_reference"]["string"])
        said = one_line(pair["sentence_reference"]["string"])
        if asked and said and asked.lower() != said.lower():
            steps.append(f'Here "{said}" is what the question calls "{asked}".')
    question = one_line(row["question"]).rstrip("? ")
    return reasoned(
        fields={
            "question": f"{question}?",
            "title": one_line(row["title_text"]),
            "passage": joined_marks(tidy(row["paragraph_text"])),
        },
        rationale=joined_marks(" ".join(steps)),
        answer=answers[0],
        references=answers,
    )


QED = Dataset(
    name="qed",
    source=HuggingFace("google-research-datasets/qed"),
    splits=Splits.validation_from_train(200),
    schema={
        "title_text": str,
        "question": str,
        "paragraph_text": str,
        "original_nq_answers": list,
        "annotation": dict,
    },
    fields=("question", "title", "passage", "rationale"),
    rationale="rationale",
    keep={"rationale": "whole", "title": "whole"},
    normalize=_qed,
    metrics=("text_after_reasoning",),
    size={"train": 7638, "validation": 1355},
    license="CC-BY-SA-3.0",
    citation=f"Lamm et al. 2021, QED: A Framework and Dataset for Explanations; {COLLECTION}",
    overlaps=("natural_questions",),
    collection="flan2022",
)
