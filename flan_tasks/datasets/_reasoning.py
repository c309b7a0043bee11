"""What normalizers of written reasoning share: the published files, and texts made whole."""

import re
from collections.abc import Mapping

from flan_tasks.core.dataset import Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Files
from flan_tasks.repairs.blanks import one_line, tidy
from flan_tasks.repairs.marks import joined_marks

COLUMNS = ("question", "answer", "chain")
SCHEMA = dict.fromkeys(COLUMNS, str)
HEADER = "Options:"
# "- (A) DNA", "(C) 1120", "- bedroom".
_LETTERED = re.compile(r"(?:-\s*)?\(([A-Z])\)\s*(\S.*)")
_LISTED = re.compile(r"-\s+(\S.*)")
YES_OR_NO = ("yes", "no")
COLLECTION = "Longpre et al. 2023, The Flan Collection"


def published(name: str) -> Files:
    """Returns the file of one set as the Flan Collection published it."""
    return Files(
        {"train": f"{name}_train.tsv"},
        quotes=False,
        columns=COLUMNS,
        manual=(
            f"Fetch flan/v2/cot_data/{name}_train.tsv from https://github.com/google-research/FLAN "
            "and name its folder with --data-dir"
        ),
    )


def unfolded(text: str) -> str:
    return text.replace("\\n", "\n")


def taken_apart(question: str) -> tuple[str, list[tuple[str, str]]]:
    """Returns a question without its options, and these as pairs of letter and text.

    Options without letters have their text twice. Where a line below the header is no option there
    are none: what belongs to which could only be guessed.
    """
    stem, _, below = unfolded(question).partition(f"\n{HEADER}\n")
    options = []
    for line in (line.strip() for line in below.split("\n")):
        if lettered := _LETTERED.fullmatch(line):
            options.append((lettered[1], one_line(lettered[2])))
        elif listed := _LISTED.fullmatch(line):
            options.append((one_line(listed[1]), one_line(listed[1])))
        elif line:
            return joined_marks(tidy(stem)), []
    return joined_marks(tidy(stem)), options


def reasoned(
    *,
    fields: Mapping[str, str],
    rationale: str,
    answer: str,
    options: tuple[str, ...] = (),
    references: tuple[str, ...] = (),
) -> Normalized:
    if "" in fields.values():
        return Skip("no question")
    if not rationale:
        return Skip("no reasoning")
    if not answer:
        return Skip("no answer")
    # "Plants." and "plants" are one answer when it is written.
    if len({" ".join(option.casefold().split()).rstrip(".") for option in options}) < len(options):
        return Skip("two equal options")
    if rationale.endswith(":"):
        return Skip("reasoning that breaks off")
    return Example(
        fields={**fields, "rationale": rationale},
        options=options,
        answer=answer,
        references=references,
    )


def whole_sentences(text: str) -> str:
    """Reasoning with a full stop behind each of its lines, so that something can follow it."""
    lines = (line for line in joined_marks(tidy(unfolded(text))).split("\n") if line)
    return "\n".join(
        f"{line}." if line[-1].isalnum() or line[-1] in ")%" else line for line in lines
    )


def as_published(question: str, options: Mapping[str, str], answer: str, chain: str) -> Row:
    """Returns a row as the Flan Collection has it, from the parts of another source."""
    listed = "".join(f"\n({letter}) {one_line(text)}" for letter, text in options.items())
    question = one_line(question) + (f"\n{HEADER}{listed}" if listed else "")
    return {"question": question, "answer": answer, "chain": chain}
