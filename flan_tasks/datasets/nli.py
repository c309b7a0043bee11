"""Natural language inference: does a text follow from another?

All answers speak of what follows, not of what is true. Three-way sets ask whether a statement is
true if the text is, so that "no" means ruled out and never merely unproven. Label numbers are the
source's own and differ from set to set, so every dataset states the names behind its numbers in
`labels`. Normalizers undo tokenizing and drop the leavings of web pages.
"""

import html
import re

from flan_tasks.core.dataset import FLAN_2021, Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.repairs.blanks import tidy
from flan_tasks.repairs.marks import joined_marks
from flan_tasks.repairs.tokenizing import detokenize
from flan_tasks.repairs.wikipedia import without_cut_outs, without_page_marks

_PAIR = {"premise": str, "hypothesis": str, "label": int}
_CANNOT_TELL = "it is impossible to say"
_THREE_WAY = ("yes", _CANNOT_TELL, "no")
# Source label name -> answer. Every source numbers its labels in an order of its own.
_ANSWERS = {
    "entailment": "yes",
    "neutral": _CANNOT_TELL,
    "contradiction": "no",
    "not_entailment": "no",
    "e": "yes",
    "n": _CANNOT_TELL,
    "c": "no",
}


def _judged(
    row: Row, *, fields: dict[str, str], labels: tuple[str, ...], options: tuple[str, ...]
) -> Normalized:
    if row["label"] < 0:
        return Skip("no gold label")
    if not all(fields.values()):
        return Skip("empty text")
    return Example(fields=fields, options=options, answer=_ANSWERS[labels[row["label"]]])


def _plain(text: str) -> str:
    """One sentence or paragraph as people type it: a few rows of most sets are tokenized."""
    return detokenize(html.unescape(text))


def _pair(row: Row, *, labels: tuple[str, ...], options: tuple[str, ...]) -> Normalized:
    fields = {name: _plain(row[name]) for name in ("premise", "hypothesis")}
    return _judged(row, fields=fields, labels=labels, options=options)


# What the pages that ANLI's passages were taken from leave behind.
_MARKUP = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"<br ?/?>", "\n"),
        (r",?\s*\{'1': [^{}]*\}", ""),
        (r"\[(?:header|title|step|substeps)\]", " "),
        (r"(?<=\d) , (?=\d{3}\b)", ","),
    )
)


def _passage(text: str) -> str:
    """Text of a web page: without markup, and without what cut-out pronunciations leave."""
    text = html.unescape(text)
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    text = without_cut_outs(without_page_marks(text))
    return tidy("\n".join(detokenize(line) for line in tidy(text).split("\n")))


# Entailment, neutral, contradiction.
_ANLI_LABELS = ("e", "n", "c")


def _anli(row: Row) -> Normalized:
    """Asks if a claim written to mislead is right by a passage; drops markup, undoes tokenizing."""
    fields = {name: _passage(row[name]) for name in ("context", "hypothesis")}
    return _judged(row, fields=fields, labels=_ANLI_LABELS, options=_THREE_WAY)


def _anli_round(number: int, *, train: int, held_out: int) -> Dataset:
    return Dataset(
        name=f"anli_r{number}",
        collection=FLAN_2021,
        part_of="anli",
        source=Tfds(f"anli/r{number}:0.1.0", download_mib=18),
        splits=Splits.given(),
        schema={"context": str, "hypothesis": str, "label": int},
        labels={"label": _ANLI_LABELS},
        fields=("context", "hypothesis"),
        keep={"hypothesis": "whole"},
        options=_THREE_WAY,
        normalize=_anli,
        metrics=("accuracy",),
        size={"train": train, "validation": held_out, "test": held_out},
        license="CC-BY-NC-4.0",
        citation="Nie et al. 2020, Adversarial NLI: A New Benchmark for Natural Language "
        "Understanding",
    )


ANLI_R1 = _anli_round(1, train=16_946, held_out=1000)
ANLI_R2 = _anli_round(2, train=45_460, held_out=1000)
ANLI_R3 = _anli_round(3, train=100_459, held_out=1200)

# Who speaks next: "A: Is it? B: No." is written on one line.
_TURN = re.compile(r" ([AB]: )")
_CB_LABELS = ("entailment", "contradiction", "neutral")


def _cb(row: Row) -> Normalized:
    """Asks if the writer or last speaker holds a clause true; parts turns, undoes tokenizing."""
    premise = _TURN.sub(r"\n\1", _plain(row["premise"]))
    fields = {"premise": premise, "hypothesis": _plain(row["hypothesis"])}
    return _judged(row, fields=fields, labels=_CB_LABELS, options=_THREE_WAY)


CB = Dataset(
    name="cb",
    collection=FLAN_2021,
    source=Tfds("super_glue/cb:1.0.2", download_mib=1),
    splits=Splits.validation_from_train(50),
    schema=_PAIR,
    labels={"label": _CB_LABELS},
    fields=("premise", "hypothesis"),
    keep={"premise": "end", "hypothesis": "whole"},
    options=_THREE_WAY,
    normalize=_cb,
    metrics=("accuracy", "macro_f1"),
    size={"train": 250, "validation": 56, "test": 250},
    license="not stated by the source (research use)",
    citation="de Marneffe, Simons and Tonhauser 2019, The CommitmentBank; Wang et al. 2019, "
    "SuperGLUE",
)

_MNLI_LABELS = ("entailment", "neutral", "contradiction")


def _mnli(row: Row) -> Normalized:
    """Asks what a text of one of ten genres, spoken or written, says of a statement."""
    return _pair(row, labels=_MNLI_LABELS, options=_THREE_WAY)


def _mnli_part(name: str, *, splits: Splits) -> Dataset:
    return Dataset(
        name=name,
        collection=FLAN_2021,
        part_of="mnli",
        source=Tfds("glue/mnli:2.0.0", download_mib=299),
        splits=splits,
        schema=_PAIR,
        labels={"label": _MNLI_LABELS},
        fields=("premise", "hypothesis"),
        keep={"hypothesis": "whole"},
        options=_THREE_WAY,
        normalize=_mnli,
        metrics=("accuracy",),
        size={"train": 392_702, "validation_matched": 9815, "validation_mismatched": 9832},
        license="OANC and others, by genre (research use)",
        citation="Williams, Nangia and Bowman 2018, A Broad-Coverage Challenge Corpus for Sentence "
        "Understanding through Inference",
    )


# One training task with two evaluation splits: the mismatched part has no training rows of its own.
MNLI_MATCHED = _mnli_part(
    "mnli_matched", splits=Splits.validation_from_train(200, test="validation_matched")
)
MNLI_MISMATCHED = _mnli_part("mnli_mismatched", splits=Splits.test_only("validation_mismatched"))

_TWO_LABELS = ("entailment", "not_entailment")


def _qnli(row: Row) -> Normalized:
    """Asks whether a sentence of an article holds the answer to a question."""
    # Sentences are as Wikipedia has them; what stands between blanks there may be code.
    sentence = without_cut_outs(without_page_marks(row["sentence"]))
    fields = {"question": _plain(row["question"]), "sentence": joined_marks(sentence)}
    return _judged(row, fields=fields, labels=_TWO_LABELS, options=QNLI.options)


QNLI = Dataset(
    name="qnli",
    collection=FLAN_2021,
    source=Tfds("glue/qnli:2.0.0", download_mib=11),
    splits=Splits.validation_from_train(200),
    schema={"question": str, "sentence": str, "label": int},
    labels={"label": _TWO_LABELS},
    fields=("question", "sentence"),
    keep="whole",
    options=("yes", "no"),
    normalize=_qnli,
    metrics=("accuracy",),
    size={"train": 104_743, "validation": 5463, "test": 5463},
    license="CC-BY-SA-4.0",
    citation="Wang et al. 2019, GLUE; Rajpurkar et al. 2016, SQuAD",
    # Its sentences and questions are SQuAD's.
    overlaps=("squad_v1", "squad_v2"),
)


def _rte(row: Row) -> Normalized:
    """Asks whether a statement follows from a short news text."""
    return _pair(row, labels=_TWO_LABELS, options=RTE.options)


RTE = Dataset(
    name="rte",
    collection=FLAN_2021,
    source=Tfds("super_glue/rte:1.0.2", download_mib=1),
    splits=Splits.validation_from_train(200),
    schema=_PAIR,
    labels={"label": _TWO_LABELS},
    fields=("premise", "hypothesis"),
    keep={"hypothesis": "whole"},
    options=("yes", "no"),
    normalize=_rte,
    metrics=("accuracy",),
    size={"train": 2490, "validation": 277, "test": 3000},
    license="not stated by the source (research use)",
    citation="Dagan, Glickman and Magnini 2006, The PASCAL Recognising Textual Entailment "
    "Challenge; Wang et al. 2019, SuperGLUE",
)

_SNLI_LABELS = ("entailment", "neutral", "contradiction")


def _snli(row: Row) -> Normalized:
    """Asks what the caption of a photograph says of a description of the same scene."""
    return _pair(row, labels=_SNLI_LABELS, options=_THREE_WAY)


SNLI = Dataset(
    name="snli",
    collection=FLAN_2021,
    source=Tfds("snli:1.1.0", download_mib=91),
    splits=Splits.given(),
    schema=_PAIR,
    labels={"label": _SNLI_LABELS},
    fields=("premise", "hypothesis"),
    keep={"hypothesis": "whole"},
    options=_THREE_WAY,
    normalize=_snli,
    metrics=("accuracy",),
    size={"train": 550_152, "validation": 10_000, "test": 10_000},
    license="CC-BY-SA-4.0",
    citation="Bowman et al. 2015, A Large Annotated Corpus for Learning Natural Language Inference",
    overlaps=("esnli",),
)

_WNLI_LABELS = ("not_entailment", "entailment")


def _wnli(row: Row) -> Normalized:
    """Asks whether a sentence follows that names what a pronoun in the first may stand for."""
    fields = {name: _plain(row[name]) for name in ("sentence1", "sentence2")}
    return _judged(row, fields=fields, labels=_WNLI_LABELS, options=WNLI.options)


WNLI = Dataset(
    name="wnli",
    collection=FLAN_2021,
    source=Tfds("glue/wnli:2.0.0", download_mib=1),
    splits=Splits.validation_from_train(30),
    schema={"sentence1": str, "sentence2": str, "label": int},
    labels={"label": _WNLI_LABELS},
    fields=("sentence1", "sentence2"),
    keep="whole",
    options=("yes", "no"),
    normalize=_wnli,
    metrics=("accuracy",),
    size={"train": 635, "validation": 71, "test": 146},
    license="CC-BY-4.0",
    citation="Levesque, Davis and Morgenstern 2012, The Winograd Schema Challenge; Wang et al. "
    "2019, GLUE",
    # Made from the sentences of the Winograd schemas.
    overlaps=("wsc273", "wsc"),
)
