"""Paraphrase: do two texts say the same thing?

Three sets ask for yes or no, one for a score. The normalizers undo the tokenizing of news and
encyclopedia sentences and the quoting of a spreadsheet in Quora's questions.
"""

import math

from flan_tasks.core.dataset import FLAN_2021, Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Alternative, HuggingFace, Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.repairs.blanks import one_line
from flan_tasks.repairs.marks import joined_marks, paired_quotes
from flan_tasks.repairs.tokenizing import detokenize
from flan_tasks.repairs.wikipedia import without_cut_outs

_SENTENCES = {"sentence1": str, "sentence2": str, "label": int}
# In the order of the sources' labels: 0 is "different" in all of them.
_OPTIONS = ("no", "yes")


def _sentence_pair(row: Row) -> Normalized:
    one, two = detokenize(row["sentence1"]), detokenize(row["sentence2"])
    if row["label"] < 0:
        return Skip("no gold label")
    if not (one and two):
        return Skip("an empty sentence")
    return Example(
        fields={"sentence1": one, "sentence2": two},
        options=_OPTIONS,
        answer=_OPTIONS[row["label"]],
    )


def _glue_mrpc(row: Row) -> Normalized:
    """Asks whether two news sentences mean the same; undoes their tokenizing."""
    return _sentence_pair(row)


GLUE_MRPC = Dataset(
    name="glue_mrpc",
    collection=FLAN_2021,
    source=Tfds("glue/mrpc:2.0.0"),
    splits=Splits.validation_from_train(200),
    schema=_SENTENCES,
    labels={"label": ("not_equivalent", "equivalent")},
    fields=("sentence1", "sentence2"),
    keep="whole",
    options=_OPTIONS,
    normalize=_glue_mrpc,
    metrics=("accuracy", "f1"),
    size={"train": 3668, "validation": 408, "test": 1725},
    license="Microsoft Research license (research use)",
    citation=(
        "Dolan and Brockett 2005, Automatically Constructing a Corpus of Sentential Paraphrases; "
        "Wang et al. 2019, GLUE"
    ),
    overlaps=("stsb",),
    alternatives=(Alternative(HuggingFace("nyu-mll/glue", "mrpc")),),
)


def _plain_question(text: str) -> str:
    # Rows with quotation marks keep those of the CSV file they were exported to.
    if len(text) > 1 and text[0] == text[-1] == '"' and '""' in text:
        text = text[1:-1]
    return paired_quotes(joined_marks(one_line(text.replace('""', '"'))))


def _glue_qqp(row: Row) -> Normalized:
    """Asks whether two questions seek the same answer; turns doubled quotation marks into one."""
    one, two = _plain_question(row["question1"]), _plain_question(row["question2"])
    if row["label"] < 0:
        return Skip("no gold label")
    if not (one and two):
        return Skip("an empty question")
    return Example(
        fields={"question1": one, "question2": two},
        options=_OPTIONS,
        answer=_OPTIONS[row["label"]],
    )


GLUE_QQP = Dataset(
    name="glue_qqp",
    collection=FLAN_2021,
    source=Tfds("glue/qqp:2.0.0"),
    splits=Splits.validation_from_train(200),
    schema={"question1": str, "question2": str, "label": int},
    labels={"label": ("not_duplicate", "duplicate")},
    fields=("question1", "question2"),
    keep="whole",
    options=_OPTIONS,
    normalize=_glue_qqp,
    metrics=("accuracy", "f1"),
    size={"train": 363846, "validation": 40430, "test": 390965},
    license="Quora's terms of service (non-commercial use)",
    citation=(
        "Iyer et al. 2017, First Quora Dataset Release: Question Pairs; Wang et al. 2019, GLUE"
    ),
    alternatives=(Alternative(HuggingFace("nyu-mll/glue", "qqp")),),
)


def _paws_wiki(row: Row) -> Normalized:
    """Asks whether two sentences of nearly equal words mean the same; undoes their tokenizing."""
    sentences = {name: detokenize(row[name]) for name in ("sentence1", "sentence2")}
    whole = {name: without_cut_outs(text) for name, text in sentences.items()}
    return _sentence_pair({**row, **whole})


PAWS_WIKI = Dataset(
    name="paws_wiki",
    collection=FLAN_2021,
    source=Tfds("paws_wiki/labeled_final_tokenized:1.1.0"),
    splits=Splits.given(),
    schema=_SENTENCES,
    labels={"label": ("different_meaning", "paraphrase")},
    fields=("sentence1", "sentence2"),
    keep="whole",
    options=_OPTIONS,
    normalize=_paws_wiki,
    metrics=("accuracy",),
    size={"train": 49401, "validation": 8000, "test": 8000},
    license="free to use for any purpose, with attribution to Google",
    citation="Zhang et al. 2019, PAWS: Paraphrase Adversaries from Word Scrambling",
    alternatives=(Alternative(HuggingFace("google-research-datasets/paws", "labeled_final")),),
)


def _stsb(row: Row) -> Normalized:
    """Asks how alike in meaning two sentences are, from 0 to 5; rounds the gold score half up."""
    one, two = detokenize(row["sentence1"]), detokenize(row["sentence2"])
    if row["label"] < 0:
        return Skip("no gold label")
    if not (one and two):
        return Skip("an empty sentence")
    # The source keeps single precision: 2.8 arrives as 2.799999952316284.
    score = round(row["label"], 3)
    return Example(
        fields={"sentence1": one, "sentence2": two},
        options=STSB.options,
        answer=str(math.floor(score + 0.5)),
        extra={"score": score},
    )


STSB = Dataset(
    name="stsb",
    collection=FLAN_2021,
    source=Tfds("glue/stsb:2.0.0"),
    splits=Splits.validation_from_train(100),
    schema={"sentence1": str, "sentence2": str, "label": float},
    fields=("sentence1", "sentence2"),
    keep="whole",
    options=("0", "1", "2", "3", "4", "5"),
    normalize=_stsb,
    metrics=("pearson", "spearman"),
    size={"train": 5749, "validation": 1500, "test": 1379},
    license="by part of the corpus, mostly CC-BY-SA-4.0, some for research only",
    citation=(
        "Cer et al. 2017, SemEval-2017 Task 1: Semantic Textual Similarity; Wang et al. 2019, GLUE"
    ),
    # A part of it (MSRpar) is sentence pairs of MRPC with other judgments.
    overlaps=("glue_mrpc",),
    alternatives=(Alternative(HuggingFace("nyu-mll/glue", "stsb")),),
)
