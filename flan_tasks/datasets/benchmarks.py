"""Benchmarks that nothing is trained on: MMLU, BIG-Bench Hard, MGSM and TyDiQA, a family each.

`suites/*.toml` asks them as their papers do; the templates here are other wordings of the same
questions. Their rows are read from the user's copy of what their authors published, and have no
split to train on.
"""

from pathlib import Path

from flan_tasks.core.dataset import WHOLE, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.family import Family
from flan_tasks.core.member import Member
from flan_tasks.core.origin import Alternative, Files, HuggingFace, Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.repairs.blanks import one_line, tidy

_HERE = Path(__file__).parent
_LETTERS = ("A", "B", "C", "D")


def _mmlu(row: Row, member: Member) -> Normalized:
    """Asks a question of an exam and which of four answers is right."""
    choices = tuple(one_line(row[letter]) for letter in _LETTERS)
    if not row["question"].strip() or not all(choices):
        return Skip("no question or an empty choice")
    if row["answer"] not in _LETTERS:
        return Skip("no letter as its answer")
    if len(set(choices)) < len(choices):
        return Skip("two choices are equal")
    return Example(
        fields={"question": row["question"].strip()},
        answer=choices[_LETTERS.index(row["answer"])],
        options=choices,
    )


def _subject(record: Row, member: Member) -> dict[str, str]:
    return {"subject": member.source_name.replace("_", " ")}


MMLU = Family(
    name="mmlu",
    collection="benchmarks",
    source=Files(
        {"dev": "dev/*_dev.csv", "val": "val/*_val.csv", "test": "test/*_test.csv"},
        # Text all of them: some choices are numbers such as 0.10, or read "None".
        columns=("question", *_LETTERS, "answer"),
        beside={"chain_of_thought": "**/mmlu-cot.json"},
    ),
    index=_HERE / "mmlu.index.jsonl",
    splits=Splits(train=None, validation="val", test="test"),
    keeps_order=True,
    schema={"question": str, **dict.fromkeys(_LETTERS, str), "answer": str},
    normalize=_mmlu,
    fields=("question",),
    constants=("subject",),
    constants_of=_subject,
    options_per_example=True,
    keep={"subject": WHOLE},
    metrics=("accuracy",),
    license="MIT",
    citation="Hendrycks et al. 2021, Measuring Massive Multitask Language Understanding",
)


def _bbh(row: Row, member: Member) -> Normalized:
    """Does a task of BIG-Bench on which models were below people in 2022."""
    if not row["input"].strip() or not row["target"].strip():
        return Skip("no input or no target")
    return Example(fields={"input": row["input"].strip()}, answer=row["target"])


BBH = Family(
    name="bbh",
    collection="benchmarks",
    source=Files(
        {"test": "bbh/*.json"},
        rows="examples",
        beside={"prompt": "cot-prompts/{task}.txt"},
    ),
    index=_HERE / "bbh.index.jsonl",
    splits=Splits(train=None, test="test"),
    keeps_order=True,
    schema={"input": str, "target": str},
    normalize=_bbh,
    fields=("input",),
    # What is asked may stand anywhere in an input.
    keep=WHOLE,
    metrics=("accuracy",),
    license="MIT",
    citation="Suzgun et al. 2022, Challenging BIG-Bench Tasks and Whether Chain-of-Thought Can "
    "Solve Them",
)


def _mgsm(row: Row, member: Member) -> Normalized:
    """Asks a word problem of grade school mathematics in one of eleven languages."""
    if not row["question"].strip() or not row["answer"].strip():
        return Skip("no question or no answer")
    return Example(fields={"question": row["question"].strip()}, answer=row["answer"])


MGSM = Family(
    name="mgsm",
    collection="benchmarks",
    source=Files(
        {"test": "mgsm_*.tsv"},
        columns=("question", "answer"),
        # Quotation marks are those of the texts.
        quotes=False,
        beside={"exemplars": "exemplars.*"},
    ),
    index=_HERE / "mgsm.index.jsonl",
    splits=Splits(train=None, test="test"),
    keeps_order=True,
    schema={"question": str, "answer": str},
    normalize=_mgsm,
    fields=("question",),
    keep=WHOLE,
    metrics=("number_after_reasoning",),
    license="CC-BY-SA-4.0",
    citation="Shi et al. 2022, Language Models are Multilingual Chain-of-Thought Reasoners",
    overlaps=("gsm8k",),
)


def _tydiqa(row: Row, member: Member) -> Normalized:
    """Asks for the words of a passage that answer a question, in one of nine languages."""
    answers = tuple(
        dict.fromkeys(text for one in row["answers"]["text"] if (text := one_line(one)))
    )
    question, context = one_line(row["question"]), tidy(row["context"])
    if not question or not context:
        return Skip("no question or no passage")
    if not answers:
        return Skip("no answer")
    return Example(
        fields={"question": question, "context": context},
        answer=answers[0],
        references=answers,
        key=row["id"],
    )


def _language(record: Row, member: Member) -> dict[str, str]:
    return {"language": str(member.facts["language"])}


def _language_of_id(text: str) -> str:
    """The language of a row's id, which is `finnish-...`."""
    return text.partition("-")[0]


# The gold passages: its other tasks ask for a passage among those of a whole article.
TYDIQA = Family(
    name="tydiqa",
    collection="benchmarks",
    source=Tfds("tydi_qa/goldp:3.0.0", download_mib=121),
    task_column="id",
    task_of=_language_of_id,
    alternatives=(
        Alternative(
            HuggingFace("google-research-datasets/tydiqa", "secondary_task"), task_column="id"
        ),
    ),
    index=_HERE / "tydiqa.index.jsonl",
    splits=Splits(train=None, test="validation"),
    keeps_order=True,
    schema={"id": str, "context": str, "question": str, "answers": dict},
    normalize=_tydiqa,
    fields=("question", "context"),
    constants=("language",),
    constants_of=_language,
    keep={"question": WHOLE, "language": WHOLE},
    metrics=("squad",),
    license="Apache-2.0",
    citation="Clark et al. 2020, TyDi QA: A Benchmark for Information-Seeking Question Answering "
    "in Typologically Diverse Languages",
)
