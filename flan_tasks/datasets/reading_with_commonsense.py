"""Reading with common sense: what does a text leave unsaid that a reader still knows?

Cosmos QA asks about causes, feelings and consequences in personal stories; ReCoRD takes a name out
of a sentence about a news article and wants it back. Normalizers undo the tokenizing that part of
Cosmos QA has, and make ReCoRD's passage readable: its highlights become sentences of a last
paragraph, publication stamps go, and the gap is a line of underscores.
"""

import re

from flan_tasks.core.dataset import FLAN_2021, Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.datasets._needs_options import answers_with_options
from flan_tasks.repairs.blanks import one_line
from flan_tasks.repairs.marks import joined_marks
from flan_tasks.repairs.news import without_byline, without_dateline
from flan_tasks.repairs.tokenizing import detokenize, with_apostrophes

_SPLIT_CLITIC = re.compile(r"(?<=\w)(?: ' ?|' )(re|ve|ll|m|d|s|t)\b(?! ')")
_HIGHLIGHT = re.compile(r"\s*@highlight\s*")
_STAMP = re.compile(
    r"\s*PUBLISHED:\s*\d\d?:\d\d \w+, \d\d? \w+ \d{4}\s*\|?"
    r"(?:\s*UPDATED:\s*\d\d?:\d\d \w+, \d\d? \w+ \d{4}\s*\|?)?\s*"
)
_SENTENCE_END = re.compile(r"[.!?…:;][\"'”’)\]]*$")
_NONE_OF_THE_ABOVE = re.compile(r"none of (?:the )?above(?: choices?)?\s*\.?", re.IGNORECASE)
_NONE = "None of these."
_PLACEHOLDER = "@placeholder"
_BLANK = "_____"


def _cosmos_qa(row: Row) -> Normalized:
    """Asks what a personal story leaves unsaid, with four options; undoes tokenizing."""
    if row["label"] < 0:
        return Skip("no gold label")
    options = tuple(_option(row[f"answer{number}"]) for number in range(4))
    if len(set(options)) != len(options):
        return Skip("two equal options")
    if "" in options:
        return Skip("an empty option")
    return Example(
        fields={"context": _prose(row["context"]), "question": _prose(row["question"])},
        options=options,
        answer=options[row["label"]],
    )


def _option(text: str) -> str:
    # "Above" is wrong wherever it is not the last of the four, as it seldom is.
    text = _prose(text)
    return _NONE if _NONE_OF_THE_ABOVE.fullmatch(text) else text


COSMOS_QA = Dataset(
    name="cosmos_qa",
    collection=FLAN_2021,
    source=Tfds("cosmos_qa:1.0.0"),
    splits=Splits.validation_from_train(200),
    schema={
        "context": str,
        "question": str,
        "answer0": str,
        "answer1": str,
        "answer2": str,
        "answer3": str,
        "label": int,
    },
    labels={"label": ("0", "1", "2", "3")},
    fields=("context", "question"),
    options_per_example=True,
    needs_options=answers_with_options,
    normalize=_cosmos_qa,
    metrics=("accuracy",),
    size={"train": 25262, "validation": 2985, "test": 6963},
    license="CC-BY-4.0",
    citation=(
        "Huang et al. 2019, Cosmos QA: Machine Reading Comprehension with Contextual Commonsense "
        "Reasoning"
    ),
)


def _record(row: Row) -> Normalized:
    """Asks which name of an article fills a gap; makes highlights sentences, drops stamps."""
    options = tuple(sorted({one_line(entity) for entity in row["entities"]} - {""}))
    answers = tuple(dict.fromkeys(one_line(answer) for answer in row["answers"]))
    if not answers:
        return Skip("no gold label")
    if len(options) < 2:
        return Skip("fewer than two entities")
    named = [answer for answer in answers if answer in options]
    if not named:
        return Skip("no answer among the entities")
    if _PLACEHOLDER not in row["query"]:
        return Skip("no gap in the sentence")
    passage = _article(row["passage"])
    if any(answer in row["passage"] and answer not in passage for answer in answers):
        passage = _article(row["passage"], has_head=True)
    # What stood before the article's first word alone is no name of the article.
    shown = [option for option in options if option in passage or option not in row["passage"]]
    options = tuple(shown) if len(shown) > 1 else options
    return Example(
        fields={
            "passage": passage,
            "query": one_line(row["query"]).replace(_PLACEHOLDER, _BLANK),
        },
        options=options,
        answer=named[0],
        references=answers,
        extra={"query": row["idx"]["query"]},
    )


RECORD = Dataset(
    name="record",
    collection=FLAN_2021,
    source=Tfds("super_glue/record:1.0.2"),
    splits=Splits.validation_from_train(200),
    schema={"passage": str, "query": str, "entities": list, "answers": list, "idx": dict},
    fields=("passage", "query"),
    options_per_example=True,
    normalize=_record,
    metrics=("record",),
    size={"train": 100730, "validation": 10000, "test": 10000},
    license="not stated by the source (research use)",
    citation=(
        "Zhang et al. 2018, ReCoRD: Bridging the Gap between Human and Machine Commonsense "
        "Reading Comprehension; Wang et al. 2019, SuperGLUE"
    ),
    overlaps=("cnn_dailymail",),
)


def _prose(text: str) -> str:
    """Undoes tokenizing; a part of the source has it throughout, the rest here and there."""
    text = with_apostrophes(_SPLIT_CLITIC.sub(r"'\1", one_line(text)))
    return joined_marks(detokenize(text))


def _article(passage: str, *, has_head: bool = False) -> str:
    """The article without publication stamps, its highlights as sentences of a last paragraph.

    The place and agency, or the author, that it begins with go too, unless it is to have its head.
    """
    text, *highlights = _HIGHLIGHT.split(passage.strip())
    first, *others = _STAMP.split(text)
    if not has_head:
        # A stamp ends the line of the author before it.
        first = without_dateline(without_byline(f"{first}\n" if others else first))
        others = [without_dateline(without_byline(part)) for part in others]
    paragraphs = [one_line(part) for part in (first, *others)]
    paragraphs.append(" ".join(_sentence(one_line(part)) for part in highlights if part.strip()))
    return "\n\n".join(part for part in paragraphs if part)


def _sentence(text: str) -> str:
    return text if _SENTENCE_END.search(text) else f"{text}."
