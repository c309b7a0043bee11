"""Closed-book question answering: what does the reader know without a text to look it up in?

ARC asks school science with a few options, Natural Questions what people type into a search
engine, TriviaQA what is asked in quizzes; the last two accept many answers. Normalizers repair
stray blanks and marks: search queries get the question mark they lack, and quotation marks doubled
by a spreadsheet are made single. Answers keep the capitals they are written with.
"""

import re
from collections.abc import Iterable

from flan_tasks.core.dataset import FLAN_2021, Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.datasets._needs_options import asks_among_options
from flan_tasks.repairs.blanks import one_line
from flan_tasks.repairs.formulas import plain_formulas
from flan_tasks.repairs.marks import joined_marks
from flan_tasks.repairs.wikipedia import without_page_marks

_NON_JOINER = "\u200c"
_END = re.compile(r"[\s.?]+$")
_HIDDEN = "<unk>"

_KEYS = ("A", "B", "C", "D", "E")
_ARC_SCHEMA = {"question": str, "choices": dict, "answerKey": int}
_ARC_LICENSE = "CC-BY-SA-4.0"
_ARC_CITATION = (
    "Clark et al. 2018, Think you have Solved Question Answering? Try ARC, the AI2 Reasoning "
    "Challenge"
)


def _arc(row: Row) -> Normalized:
    """Asks a school science question with three to five options; drops stray blanks."""
    if row["answerKey"] not in row["choices"]["label"]:
        return Skip("no gold label")
    options = tuple(_science(text) for text in row["choices"]["text"])
    if len(set(options)) != len(options):
        return Skip("two equal options")
    if "" in options:
        return Skip("an empty option")
    return Example(
        fields={"question": _science(row["question"])},
        options=options,
        answer=options[row["choices"]["label"].index(row["answerKey"])],
    )


def _science(text: str) -> str:
    return plain_formulas(joined_marks(one_line(text)))


ARC_EASY = Dataset(
    name="arc_easy",
    collection=FLAN_2021,
    part_of="arc",
    source=Tfds("ai2_arc/ARC-Easy:1.0.0"),
    splits=Splits.given(),
    schema=_ARC_SCHEMA,
    labels={"answerKey": _KEYS},
    fields=("question",),
    options_per_example=True,
    needs_options=asks_among_options,
    normalize=_arc,
    metrics=("accuracy",),
    size={"train": 2251, "validation": 570, "test": 2376},
    license=_ARC_LICENSE,
    citation=_ARC_CITATION,
    overlaps=("unified_qa_science",),
)

ARC_CHALLENGE = Dataset(
    name="arc_challenge",
    collection=FLAN_2021,
    part_of="arc",
    source=Tfds("ai2_arc/ARC-Challenge:1.0.0"),
    splits=Splits.given(),
    schema=_ARC_SCHEMA,
    labels={"answerKey": _KEYS},
    fields=("question",),
    options_per_example=True,
    needs_options=asks_among_options,
    normalize=_arc,
    metrics=("accuracy",),
    size={"train": 1119, "validation": 299, "test": 1172},
    license=_ARC_LICENSE,
    citation=_ARC_CITATION,
    overlaps=("unified_qa_science",),
)


def _natural_questions(row: Row) -> Normalized:
    """Asks what someone typed into a search engine; adds the question mark where it is missing."""
    answers = _distinct(map(without_page_marks, row["answer"]))
    if not answers:
        return Skip("no answer")
    question = _END.sub("", _visible(row["question"]))
    if not question:
        return Skip("no question")
    return Example(fields={"question": f"{question}?"}, answer=answers[0], references=answers)


NATURAL_QUESTIONS = Dataset(
    name="natural_questions",
    collection=FLAN_2021,
    source=Tfds("natural_questions_open:1.0.0"),
    splits=Splits.validation_from_train(200),
    schema={"question": str, "answer": list},
    fields=("question",),
    normalize=_natural_questions,
    metrics=("natural_questions",),
    size={"train": 87925, "validation": 3610},
    license="CC-BY-SA-3.0",
    overlaps=("qed", "qrecc"),
    citation=(
        "Kwiatkowski et al. 2019, Natural Questions: A Benchmark for Question Answering Research; "
        "Lee et al. 2019, Latent Retrieval for Weakly Supervised Open Domain Question Answering"
    ),
)


def _trivia_qa(row: Row) -> Normalized:
    """Asks a quiz question; makes doubled quotation marks single, takes all aliases as right."""
    value = _visible(row["answer"]["value"])
    if value in ("", _HIDDEN):
        return Skip("no gold answer")
    question = _visible(row["question"].replace('""', '"'))
    if not question:
        return Skip("no question")
    return Example(
        fields={"question": question},
        answer=value,
        references=_distinct((value, *row["answer"]["aliases"])),
        extra={"question_id": row["question_id"]},
    )


TRIVIA_QA = Dataset(
    name="trivia_qa",
    collection=FLAN_2021,
    source=Tfds("trivia_qa/rc:1.1.0"),
    splits=Splits.validation_from_train(200),
    schema={"question": str, "question_id": str, "answer": dict},
    fields=("question",),
    normalize=_trivia_qa,
    metrics=("trivia_qa",),
    size={"train": 138384, "validation": 18669, "test": 17210},
    license="not stated by the source for the texts (code: Apache-2.0)",
    citation=(
        "Joshi et al. 2017, TriviaQA: A Large Scale Distantly Supervised Challenge Dataset for "
        "Reading Comprehension"
    ),
)


def _visible(text: str) -> str:
    return one_line(text.replace(_NON_JOINER, ""))


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts without blank ones and repetitions, in their order."""
    return tuple(dict.fromkeys(text for text in map(_visible, texts) if text))


# "(A) the larynx (B) the liver", capital or not.
_LETTER = re.compile(r"(?:^|\s)\(([A-Ea-e])\)\s+")


def _unified_qa_science(row: Row) -> Normalized:
    """Asks middle school science; takes the options out of its text, drops stray blanks."""
    question, mark, listed = row["input"].replace("\\n", "\n").partition("\n")
    before, *parts = _LETTER.split(listed)
    letters, texts = parts[::2], tuple(_science(text) for text in parts[1::2])
    if (
        not mark
        or before.strip()
        or [one.upper() for one in letters] != list("ABCDE"[: len(texts)])
    ):
        return Skip("options that cannot be told apart")
    if len(texts) < 2 or len(set(map(_same, texts))) != len(texts):
        return Skip("two equal options" if len(texts) > 1 else "options that cannot be told apart")
    gold = _same(_science(row["output"]))
    right = [text for text in texts if _same(text) == gold]
    if not right:
        return Skip("an answer that is no option")
    return Example(fields={"question": _science(question)}, options=texts, answer=right[0])


def _same(text: str) -> str:
    """Folds what two spellings of one option differ in."""
    return text.casefold().rstrip(". ")


UNIFIED_QA_SCIENCE = Dataset(
    name="unified_qa_science",
    source=Tfds("unified_qa/ai2_science_middle:1.0.0"),
    splits=Splits.given(),
    schema={"input": str, "output": str},
    fields=("question",),
    options_per_example=True,
    needs_options=asks_among_options,
    normalize=_unified_qa_science,
    metrics=("accuracy",),
    size={"train": 605, "validation": 125, "test": 679},
    license="not stated by the source (AI2 Science Questions: CC-BY-SA-4.0)",
    citation=(
        "Khashabi et al. 2020, UnifiedQA: Crossing Format Boundaries with a Single QA System; "
        "AI2 Science Questions"
    ),
    # ARC was drawn from the same questions, among others.
    overlaps=("arc_challenge", "arc_easy"),
    collection="flan2022",
)
