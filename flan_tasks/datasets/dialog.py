"""Conversations: what is said next, by who answers?

WikiDialog turns passages of Wikipedia into conversations, QReCC collects people's questions on a
topic and the answers to them. Every answer is an example, with all turns before it as its history
and the question it answers last. The turns stand in the field `conversation`, one a line, and in
`extra["turns"]`, for styles that write them each with its role. No turn is left out here: where a
prompt is too long, its oldest lines give way, which a build counts.

The Flan Collection (Longpre et al. 2023) cuts its conversations elsewhere: of QReCC it takes only
the history, of rows from the seventh turn on, and a turn of it by chance as the answer.
"""

from collections.abc import Sequence

from flan_tasks.core.dataset import Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Alternative, HuggingFace, Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.repairs.blanks import one_line
from flan_tasks.repairs.marks import joined_marks
from flan_tasks.repairs.wikipedia import without_page_marks

ASKS, ANSWERS = "A", "B"


def _said(text: str) -> str:
    return joined_marks(one_line(without_page_marks(text)))


def _lines(turns: Sequence[str]) -> str:
    """The turns one a line, each behind the letter of who says it; the first one asks."""
    who = (ASKS, ANSWERS)
    return "\n".join(f"{who[place % 2]}: {turn}" for place, turn in enumerate(turns))


def _wiki_dialog(row: Row) -> Normalized:
    """Asks the next answer about a Wikipedia article, a sentence of it; drops the greeting."""
    title = one_line(row["title"])
    # The first utterance is always the same words: what the other side can answer questions about.
    turns = [_said(text) for text in row["utterances"][1:]]
    authors = row["author_num"][1:]
    if not title:
        return Skip("no title")
    if len(authors) != len(turns) or any(
        a == b for a, b in zip(authors, authors[1:], strict=False)
    ):
        return Skip("speakers who do not take turns")
    if len(turns) < 2 or "" in turns:
        return Skip("a turn without words" if "" in turns else "no answer")
    return tuple(
        Example(
            fields={
                "title": title,
                "conversation": _lines(turns[:place]),
                "question": turns[place - 1],
            },
            answer=turns[place],
            extra={"turns": turns[:place]},
        )
        for place in range(1, len(turns), 2)
    )


WIKI_DIALOG = Dataset(
    name="wiki_dialog",
    source=Tfds("wiki_dialog/OQ:1.0.0"),
    splits=Splits.validation_from_train(200),
    schema={"title": str, "utterances": list, "author_num": list},
    fields=("title", "conversation", "question"),
    turns="conversation",
    keep={"title": "whole", "conversation": "end"},
    normalize=_wiki_dialog,
    metrics=("rouge",),
    size={"train": 11_264_129, "validation": 113_678},
    license="CC-BY-SA-3.0",
    citation=(
        "Dai et al. 2022, Dialog Inpainting: Turning Documents into Dialogs; Longpre et al. 2023, "
        "The Flan Collection"
    ),
    collection="flan2022",
)


def _qrecc(row: Row) -> Normalized:
    """Asks the answer to the last question of a conversation; skips questions without one."""
    history = [_said(text) for text in row["context"]]
    question, answer = _said(row["question"]), _said(row["answer"])
    if not answer:
        return Skip("no answer")
    if not question or "" in history:
        return Skip("a turn without words")
    if len(history) % 2:
        return Skip("speakers who do not take turns")
    turns = [*history, question]
    return Example(
        fields={
            "conversation": _lines(turns),
            "question": question,
            "rewrite": _said(row["question_rewrite"]) or question,
        },
        answer=answer,
        extra={"turns": turns},
    )


def _qrecc_from_original(row: Row) -> Row:
    return {
        "context": row["Context"],
        "question": row["Question"],
        "question_rewrite": row["Rewrite"],
        "answer": row["Answer"],
    }


QRECC = Dataset(
    name="qrecc",
    source=Tfds("q_re_cc:1.0.0"),
    splits=Splits.validation_from_train(200, test="test"),
    schema={"context": list, "question": str, "question_rewrite": str, "answer": str},
    fields=("conversation", "question", "rewrite"),
    turns="conversation",
    keep={"conversation": "end", "rewrite": "whole"},
    normalize=_qrecc,
    metrics=("rouge",),
    size={"train": 63_501, "test": 16_451},
    license="CC-BY-SA-3.0",
    citation=(
        "Anantha et al. 2021, Open-Domain Question Answering Goes Conversational via Question "
        "Rewriting; Longpre et al. 2023, The Flan Collection"
    ),
    # Its conversations go on from QuAC's, and from questions of Natural Questions.
    overlaps=("natural_questions", "quac"),
    alternatives=(Alternative(HuggingFace("svakulenk0/qrecc"), adapt=_qrecc_from_original),),
    collection="flan2022",
)
