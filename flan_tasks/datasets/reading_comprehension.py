"""Reading comprehension: what does a text say in answer to a question?

The answer is yes or no (BoolQ, MultiRC), a stretch of the text (SQuAD), something to be counted or
worked out (DROP), or one of four options with no text to lean on (OpenBookQA, without its gold
fact). Normalizers repair marks of tokenizing and of Wikipedia's markup, and write questions the
way people do. SQuAD 1 and 2 share most of their training questions, so each keeps a half.
"""

import html
import re

from flan_tasks.core.choice import hash_text
from flan_tasks.core.dataset import FLAN_2021, Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.datasets._needs_options import asks_among_options
from flan_tasks.repairs.blanks import one_line, tidy
from flan_tasks.repairs.marks import joined_marks
from flan_tasks.repairs.news import without_dateline
from flan_tasks.repairs.tokenizing import detokenize, with_apostrophes
from flan_tasks.repairs.wikipedia import without_cut_outs, without_page_marks

UNANSWERABLE = "unanswerable"

_ENTITY = re.compile(r"&#?\w{2,8};")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_SENTENCE_NUMBER = re.compile(r"\bSent \d+\s?:\s*")
_WIKI_MACRO = re.compile(r"\{\s*\{[^{}]*\}\s*\}")
_TOKENIZED = re.compile(r"\w [.,?!](?:\s|$)")
_SPLIT_MARKS = re.compile(r"``|\w n't\b")
_PERIOD_AT_END = re.compile(r"(?<=\w\w)\.$")
_LONE_I = re.compile(r"\bi\b(?!\.\w)")
_DATE = re.compile(r"(\d*)-([A-Z][a-z]+)-(\d{1,2})")

_ASKING = r"(?:who|whom|whose|what|when|where|why|which|how)"
_AUXILIARY = (
    r"(?:is|are|was|were|do|does|did|can|could|will|would|may|might|must|should|has|have|had)"
)
_ASKS_ANYWHERE = re.compile(rf"\b{_ASKING}\b|^{_AUXILIARY}\b", re.IGNORECASE)
_ASKS_FIRST = re.compile(
    rf"(?:(?:in|on|at|for|from|to|by|of|with) )?{_ASKING}\b|{_AUXILIARY}\b", re.IGNORECASE
)
_ASKS_AT_ONCE = re.compile(rf"{_ASKING} {_AUXILIARY}\b", re.IGNORECASE)
_ASKS_FIRST_WORD = re.compile(r"^(?:who|whose|what|where|why|which|how)\b", re.IGNORECASE)
_COMMANDS = re.compile(r"(?:name|list|give|describe|explain|identify|state|true or)\b", re.I)
_OPEN_END = re.compile(
    r"\b(?:of|to|in|at|on|upon|by|from|for|with|as|into|like|than|be|is|are|was|were|has|have"
    r"|a|an|the|and|or|that|if|when|because|called)$",
    re.IGNORECASE,
)


def _bool_q(row: Row) -> Normalized:
    """Asks a yes/no question of a text; writes it with capital and mark, repairs quotes."""
    question = one_line(row["question"]).rstrip(" ?")
    if not question or not row["passage"].strip():
        return Skip("no question or no passage")
    return Example(
        fields={
            "title": one_line(row["title"]),
            "passage": _wikipedia(row["passage"]),
            "question": _capital(_LONE_I.sub("I", question)) + "?",
        },
        options=BOOL_Q.options,
        answer="yes" if row["answer"] else "no",
    )


BOOL_Q = Dataset(
    name="bool_q",
    collection=FLAN_2021,
    source=Tfds("bool_q:1.0.0"),
    splits=Splits.validation_from_train(200),
    schema={"title": str, "passage": str, "question": str, "answer": bool},
    fields=("title", "passage", "question"),
    options=("yes", "no"),
    normalize=_bool_q,
    metrics=("accuracy",),
    size={"train": 9427, "validation": 3270},
    license="CC-BY-SA-3.0",
    citation=(
        "Clark et al. 2019, BoolQ: Exploring the Surprising Difficulty of Natural Yes/No Questions"
    ),
)


def _drop(row: Row) -> Normalized:
    """Asks to count, compare or look up in a text; writes dates out, drops rows with no answer."""
    found = (_drop_answer(text) for text in (row["answer"], *row["validated_answers"]))
    answers = tuple(dict.fromkeys(answer for answer in found if answer))
    if not answers:
        return Skip("no answer")
    return Example(
        fields={"passage": _wikipedia(row["passage"]), "question": _question(row["question"])},
        answer=answers[0],
        references=answers,
        extra={"id": row["query_id"]},
    )


DROP = Dataset(
    name="drop",
    collection=FLAN_2021,
    source=Tfds("drop:2.0.0"),
    splits=Splits.validation_from_train(200, test="dev"),
    schema={
        "query_id": str,
        "passage": str,
        "question": str,
        "answer": str,
        "validated_answers": list,
    },
    fields=("passage", "question"),
    normalize=_drop,
    metrics=("drop",),
    size={"train": 77409, "dev": 9536},
    license="CC-BY-SA-4.0",
    citation=(
        "Dua et al. 2019, DROP: A Reading Comprehension Benchmark Requiring Discrete Reasoning "
        "Over Paragraphs"
    ),
)


def _multirc(row: Row) -> Normalized:
    """Asks whether an answer to a question on a text is right; drops sentence numbers, "(CNN)"."""
    if row["label"] < 0:
        return Skip("no gold label")
    name = MULTIRC.labels["label"][row["label"]]
    response = _untagged(row["answer"])
    if not response:
        return Skip("no answer to judge")
    return Example(
        fields={
            "paragraph": _without_agency(_untagged(row["paragraph"])),
            "question": _question(_untagged(row["question"])),
            "response": response,
        },
        options=MULTIRC.options,
        answer={"True": "yes", "False": "no"}[name],
        extra={part: row["idx"][part] for part in ("paragraph", "question", "answer")},
    )


MULTIRC = Dataset(
    name="multirc",
    collection=FLAN_2021,
    source=Tfds("super_glue/multirc:1.0.2"),
    splits=Splits.validation_from_train(200),
    schema={"paragraph": str, "question": str, "answer": str, "label": int, "idx": dict},
    labels={"label": ("False", "True")},
    fields=("paragraph", "question", "response"),
    keep={"response": "whole"},
    options=("yes", "no"),
    normalize=_multirc,
    metrics=("multirc", "accuracy"),
    size={"train": 27243, "validation": 4848, "test": 9693},
    license="not stated by the source (research use)",
    citation=(
        "Khashabi et al. 2018, Looking Beyond the Surface: A Challenge Set for Reading "
        "Comprehension over Multiple Sentences; Wang et al. 2019, SuperGLUE"
    ),
)


def _openbookqa(row: Row) -> Normalized:
    """Asks for the option that fits an elementary science stem; marks stems left unfinished."""
    if row["answerKey"] < 0:
        return Skip("no gold label")
    letters = OPENBOOKQA.labels["answerKey"]
    options = tuple(_typed(row["question"][f"choice_{letter}"]) for letter in letters)
    if not all(option.endswith(".") for option in options):
        # Where one option alone has a period, it is nine times in ten a wrong one.
        options = tuple(_PERIOD_AT_END.sub("", option) for option in options)
    stem = _typed(row["question"]["stem"])
    if not stem or "" in options:
        return Skip("no question or an empty option")
    if len(set(options)) != len(options):
        return Skip("two equal options")
    return Example(
        fields={"question": _stem(stem)}, options=options, answer=options[row["answerKey"]]
    )


OPENBOOKQA = Dataset(
    name="openbookqa",
    collection=FLAN_2021,
    source=Tfds("openbookqa:0.1.0"),
    splits=Splits.given(),
    schema={"question": dict, "answerKey": int},
    labels={"answerKey": ("A", "B", "C", "D")},
    fields=("question",),
    options_per_example=True,
    needs_options=asks_among_options,
    normalize=_openbookqa,
    metrics=("accuracy",),
    size={"train": 4957, "validation": 500, "test": 500},
    license="Apache-2.0",
    citation=(
        "Mihaylov et al. 2018, Can a Suit of Armor Conduct Electricity? A New Dataset for Open "
        "Book Question Answering"
    ),
)

_SQUAD = {"id": str, "title": str, "context": str, "question": str, "answers": dict}


def _squad_v1(row: Row) -> Normalized:
    """Asks for the words of a text that answer a question; drops notes of Wikipedia's editors."""
    answers = _squad_answers(row)
    if not answers:
        return Skip("no answer")
    return _squad(row, answers, is_answerable=True)


def _keep_even(example: Example, source_split: str) -> Skip | None:
    if source_split == "train" and not _is_first_half(example.extra["id"]):
        return Skip("left to squad_v2")
    return None


SQUAD_V1 = Dataset(
    name="squad_v1",
    collection=FLAN_2021,
    source=Tfds("squad/v1.1:3.0.0"),
    splits=Splits.validation_from_train(200),
    schema=_SQUAD,
    fields=("title", "context", "question"),
    normalize=_squad_v1,
    select=_keep_even,
    metrics=("squad",),
    size={"train": 87599, "validation": 10570},
    license="CC-BY-SA-4.0",
    citation=("Rajpurkar et al. 2016, SQuAD: 100,000+ Questions for Machine Comprehension of Text"),
    part_of="squad",
    templates="squad_v1",
    overlaps=("qnli", "squad_v2"),
)


def _squad_v2(row: Row) -> Normalized:
    """Asks for the words of a text that answer a question, or to say that it leaves it open."""
    if row["is_impossible"]:
        return _squad(row, (UNANSWERABLE,), is_answerable=False)
    answers = _squad_answers(row)
    if not answers:
        return Skip("no answer")
    return _squad(row, answers, is_answerable=True)


def _keep_odd(example: Example, source_split: str) -> Skip | None:
    answerable = example.extra["is_answerable"]
    if source_split == "train" and answerable and _is_first_half(example.extra["id"]):
        return Skip("left to squad_v1")
    return None


SQUAD_V2 = Dataset(
    name="squad_v2",
    collection=FLAN_2021,
    source=Tfds("squad/v2.0:3.0.0"),
    splits=Splits.validation_from_train(200),
    schema={**_SQUAD, "is_impossible": bool},
    fields=("title", "context", "question"),
    normalize=_squad_v2,
    select=_keep_odd,
    metrics=("squad_v2",),
    size={"train": 130319, "validation": 11873},
    license="CC-BY-SA-4.0",
    citation=("Rajpurkar et al. 2018, Know What You Don't Know: Unanswerable Questions for SQuAD"),
    part_of="squad",
    templates="squad_v2",
    overlaps=("qnli", "squad_v1"),
)


def _squad(row: Row, answers: tuple[str, ...], *, is_answerable: bool) -> Example | Skip:
    question = _question(row["question"])
    if not question:
        return Skip("no question")
    return Example(
        fields={
            "title": one_line(row["title"].replace("_", " ")),
            "context": _wikipedia(row["context"]),
            "question": question,
        },
        answer=answers[0],
        references=answers,
        extra={"id": row["id"], "is_answerable": is_answerable},
        key=row["id"],
    )


def _squad_answers(row: Row) -> tuple[str, ...]:
    found = (_wikipedia(text) for text in row["answers"]["text"])
    return tuple(dict.fromkeys(text for text in found if text))


def _is_first_half(source_id: str) -> bool:
    # Both versions name a question they share by the same id, so the halves cannot meet.
    return hash_text(source_id) % 2 == 0


def _wikipedia(text: str) -> str:
    """Cleans text of Wikipedia as these sources have it; an answer stays a part of its passage."""
    text = without_cut_outs(without_page_marks(_entities(tidy(text))))
    return joined_marks(one_line(text.replace("``", '"').replace("''", '"')))


def _untagged(text: str) -> str:
    text = _WIKI_MACRO.sub(" ", _SENTENCE_NUMBER.sub("", _TAG.sub(" ", _entities(text))))
    text = one_line(text)
    # One stray blank is no reason to set quotation marks anew, which nested ones do not survive.
    if len(_TOKENIZED.findall(text)) > 2 or _SPLIT_MARKS.search(text):
        return detokenize(text)
    return joined_marks(text)


def _without_agency(text: str) -> str:
    # A place before the agency stays: it may be what is asked for.
    return without_dateline(text) if text.startswith("(") else text


def _entities(text: str) -> str:
    return _ENTITY.sub(lambda match: html.unescape(match.group()), text)


def _drop_answer(text: str) -> str:
    text = _wikipedia(text)
    date = _DATE.fullmatch(text)
    if not date:
        return text
    # The source joins year, month and day by hyphens and leaves what is missing empty.
    year, month, day = date.groups()
    return " ".join(part for part in (day, month, year) if part)


def _question(text: str) -> str:
    """Gives a question its capital and its mark where they are missing; leaves commands alone."""
    text = _ASKS_FIRST_WORD.sub(_capital_word, joined_marks(one_line(text)))
    bare = text.rstrip(" /.")
    if not text or text.rstrip("\"')")[-1:] in "?!:" or _COMMANDS.match(text):
        return text
    if _ASKS_FIRST.match(text) or (text[-1] != "." and _ASKS_ANYWHERE.search(text)):
        return _capital(bare) + "?"
    return text


def _typed(text: str) -> str:
    return joined_marks(with_apostrophes(one_line(text)))


def _stem(text: str) -> str:
    """Ends a stem so that one sees whether it is a question or waits to be finished."""
    text = _capital(text)
    if text[-1] in ".?!:_":
        return text
    asks = _ASKS_AT_ONCE.match(text) or (
        _ASKS_FIRST_WORD.match(text) and not _OPEN_END.search(text)
    )
    return f"{text}?" if asks else f"{text} ..."


def _capital_word(match: re.Match[str]) -> str:
    word = match.group()
    return word if word.isupper() else word.capitalize()


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
