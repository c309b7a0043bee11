"""Tasks that fit no other cluster: conversations about a text, words, grammar, equations, spelling.

The normalizers fold a conversation and its history into one text, drop marks that only crawlers and
annotation tools left behind, and give label numbers names that people use. The three text repair
datasets read one corpus in separate blocks, so that no two of them train on the same line.
"""

import re
import unicodedata

from flan_tasks.core.dataset import FLAN_2021, Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.repairs.blanks import one_line, tidy
from flan_tasks.repairs.marks import joined_marks
from flan_tasks.repairs.tokenizing import detokenize
from flan_tasks.repairs.wikipedia import without_cut_outs, without_page_marks

# Turns shown before the question asked. Questions seldom point further back than two (Reddy et al.
# 2019, section 4), and with all turns the conversation would outgrow the story.
HISTORY_TURNS = 5


def _coqa(row: Row) -> Normalized:
    """Asks the next question of a conversation about a story; keeps the last turns before it."""
    story = tidy(row["story"])
    found: list[Example | Skip] = []
    history: list[str] = []
    for question, answer in zip(row["questions"], row["answers"]["input_text"], strict=True):
        question, answer = one_line(question), one_line(answer)
        if not question or not answer:
            found.append(Skip("no question or no answer"))
            continue
        asked = f"Q: {question}"
        found.append(
            Example(
                fields={
                    "story": story,
                    "conversation": "\n".join([*history[-HISTORY_TURNS:], asked]),
                    "question": question,
                },
                answer=answer,
            )
        )
        history.append(f"{asked}\nA: {answer}")
    return tuple(found)


COQA = Dataset(
    name="coqa",
    collection=FLAN_2021,
    source=Tfds("coqa:1.0.0"),
    splits=Splits.validation_from_train(100, test="test"),
    schema={"story": str, "questions": list, "answers": dict},
    fields=("story", "conversation", "question"),
    keep={"conversation": "end"},
    normalize=_coqa,
    metrics=("coqa",),
    size={"train": 7199, "test": 500},
    license="by domain: CC-BY-SA-4.0, Apache-2.0, MSR-LA, RACE's own terms",
    citation="Reddy et al. 2019, CoQA: A Conversational Question Answering Challenge",
)


# The source's answer for questions its text leaves open; also the last word of every context.
_QUAC_MARK = "CANNOTANSWER"
NOT_SAID = "the text does not say"
# Spans were marked with the mouse, so some begin or end with a mark of the sentence beside them.
_STRAY_START = re.compile(r'^(?:[.,;:)\]"”]+\s+)+')
_STRAY_END = re.compile(r'(?:\s*[,;:]|\s+[(\["“–-]+|\s*\($)+$')


def _quac(row: Row) -> Normalized:
    """Asks a student's question about an article; drops markers, stray marks and one-word turns."""
    question = one_line(row["question"])
    # The rows come without the turns before them, and nobody can answer a mere "Why?".
    if len(question.split()) < 2:
        return Skip("question of one word, its conversation not given")
    context = _encyclopedia(re.sub(rf"\s*\b{_QUAC_MARK}\b\s*$", "", row["context"]))
    background = _encyclopedia(row["background"])
    answers = [_quac_answer(text) for text in (row["orig_answer"]["text"], *row["answers"]["text"])]
    if not answers[0]:
        return Skip("no answer")
    return Example(
        fields={
            "title": one_line(row["title"]),
            "section": one_line(row["section_title"]),
            "article": "\n\n".join(part for part in (background, context) if part),
            "question": joined_marks(question),
        },
        answer=answers[0],
        references=tuple(dict.fromkeys(text for text in answers if text)),
        # One for each annotator: how far they agree is part of the metric.
        extra={"annotators": [text for text in answers[1:] if text]},
    )


def _quac_answer(text: str) -> str:
    if text.strip() == _QUAC_MARK:
        return NOT_SAID
    return _STRAY_END.sub("", _STRAY_START.sub("", _encyclopedia(one_line(text))))


def _encyclopedia(text: str) -> str:
    return joined_marks(without_cut_outs(without_page_marks(text)))


QUAC = Dataset(
    name="quac",
    collection=FLAN_2021,
    source=Tfds("quac:1.0.0"),
    splits=Splits.validation_from_train(200),
    schema={
        "title": str,
        "section_title": str,
        "background": str,
        "context": str,
        "question": str,
        "orig_answer": dict,
        "answers": dict,
    },
    fields=("title", "section", "article", "question"),
    normalize=_quac,
    metrics=("quac",),
    size={"train": 83568, "validation": 7354},
    license="CC-BY-SA-4.0",
    citation="Choi et al. 2018, QuAC: Question Answering in Context",
    overlaps=("qrecc",),
)


def _wic(row: Row) -> Normalized:
    """Asks whether a word has one meaning or two in a pair of sentences."""
    if row["label"] < 0:
        return Skip("no gold label")
    return Example(
        fields={
            "word": one_line(row["word"]),
            "sentence1": one_line(row["sentence1"]),
            "sentence2": one_line(row["sentence2"]),
        },
        options=WIC.options,
        answer=WIC.options[row["label"]],
    )


WIC = Dataset(
    name="wic",
    collection=FLAN_2021,
    source=Tfds("super_glue/wic:1.0.2"),
    splits=Splits.validation_from_train(200),
    schema={"word": str, "sentence1": str, "sentence2": str, "label": int},
    labels={"label": ("False", "True")},
    fields=("word", "sentence1", "sentence2"),
    keep="whole",
    options=("different meanings", "the same meaning"),
    normalize=_wic,
    metrics=("accuracy",),
    size={"train": 5428, "validation": 638, "test": 1400},
    license="CC-BY-NC-4.0",
    citation="Pilehvar and Camacho-Collados 2019, WiC: the Word-in-Context Dataset",
)


_TREC_CLASSES = {
    "DESC": "an explanation or definition",
    "ENTY": "a thing, event or term",
    "ABBR": "an abbreviation or its full form",
    "HUM": "a person or group",
    "NUM": "a number, date or amount",
    "LOC": "a place",
}
# The corpus opens single quotation marks with a backtick and parts "it ." from the mark after it.
_TREC_REPAIRS = (
    (re.compile(r"(?<!`)` ?(?=\w)"), "'"),
    (re.compile(r"\s+(?=[.,?!]\"(?:\s|$))"), ""),
)
# A tagger's output got into a few questions.
_TAG = re.compile(r"\bNN(?:S|P|PS)?\b")


def _mended(text: str, repairs: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, replacement in repairs:
        text = pattern.sub(replacement, text)
    return text


def _trec(row: Row) -> Normalized:
    """Asks what kind of answer a question wants; undoes tokenizing, drops questions with tags."""
    if row["label-coarse"] < 0:
        return Skip("no gold label")
    if _TAG.search(row["text"]):
        return Skip("tags among the words")
    return Example(
        fields={"question": detokenize(_mended(row["text"], _TREC_REPAIRS))},
        options=TREC.options,
        answer=_TREC_CLASSES[TREC.labels["label-coarse"][row["label-coarse"]]],
    )


TREC = Dataset(
    name="trec",
    collection=FLAN_2021,
    source=Tfds("trec:1.0.0"),
    splits=Splits.validation_from_train(200, test="test"),
    schema={"text": str, "label-coarse": int},
    labels={"label-coarse": tuple(_TREC_CLASSES)},
    fields=("question",),
    options=tuple(_TREC_CLASSES.values()),
    normalize=_trec,
    metrics=("accuracy",),
    size={"train": 5452, "test": 500},
    license="not stated by the source",
    citation="Li and Roth 2002, Learning Question Classifiers",
)


# Typesetting that strayed into a few sentences. Nothing more is mended: it could mend the grammar.
_COLA_REPAIRS = (
    (re.compile(r"``\s*|\s*''"), '"'),
    (re.compile(r"^[.,]\s+"), ""),
    (re.compile(r"\s+([.?!])$"), r"\1"),
)


def _cola(row: Row) -> Normalized:
    """Asks whether a sentence is grammatical English; mends typeset quotation marks."""
    if row["label"] < 0:
        return Skip("no gold label")
    return Example(
        fields={"sentence": _mended(one_line(row["sentence"]), _COLA_REPAIRS)},
        options=COLA.options,
        answer=COLA.options[row["label"]],
    )


COLA = Dataset(
    name="cola",
    collection=FLAN_2021,
    source=Tfds("glue/cola:2.0.0"),
    splits=Splits.validation_from_train(200),
    schema={"sentence": str, "label": int},
    labels={"label": ("unacceptable", "acceptable")},
    fields=("sentence",),
    keep="whole",
    options=("unacceptable", "acceptable"),
    normalize=_cola,
    metrics=("matthews", "accuracy"),
    size={"train": 8551, "validation": 1043, "test": 1063},
    license="not stated by the source (sentences quoted from linguistics publications)",
    citation="Warstadt et al. 2019, Neural Network Acceptability Judgments",
)


# Some releases hold the text of Python bytes: b'Solve 2*x = 4 for x.\n', the line end spelled out.
_BYTES = re.compile(r"^b(['\"])(.*)\1$", re.DOTALL)
_EQUATION = re.compile(r"Solve (?P<equation>.+=.+) for (?P<variable>[A-Za-z])\.")


def _math_dataset(row: Row) -> Normalized:
    """Asks for the solution of a linear equation; takes the equation out of its sentence."""
    found = _EQUATION.fullmatch(one_line(_plain(row["question"])))
    answer = one_line(_plain(row["answer"]))
    if found is None:
        return Skip("no equation")
    if not answer:
        return Skip("no answer")
    return Example(
        fields={"equation": found["equation"], "variable": found["variable"]}, answer=answer
    )


def _plain(text: str) -> str:
    return _BYTES.sub(r"\2", text.strip()).replace("\\n", "\n")


MATH_DATASET = Dataset(
    name="math_dataset",
    collection=FLAN_2021,
    source=Tfds("math_dataset/algebra__linear_1d:1.0.0"),
    splits=Splits.validation_from_train(200, test="test"),
    schema={"question": str, "answer": str},
    fields=("equation", "variable"),
    keep="whole",
    normalize=_math_dataset,
    metrics=("accuracy",),
    size={"train": 1999998, "test": 10000},
    license="Apache-2.0",
    citation="Saxton et al. 2019, Analysing Mathematical Reasoning Abilities of Neural Models",
)


_PARA_CRAWL = Tfds("para_crawl/enda:1.2.0")
_PARA_CRAWL_ROWS = {"train": 2414895}
_PARA_CRAWL_CITATION = "Bañón et al. 2020, ParaCrawl: Web-Scale Acquisition of Parallel Corpora"
_ADDRESS = re.compile(r"://|\bwww\.|\w@\w")
# Marks by category, yet none that a reader could put back: they have a meaning of their own.
_SIGNS = frozenset("%‰&@#*/\\§¶†‡•_[]{}")
_APOSTROPHES_AND_HYPHENS = frozenset("'’‐‑-")
_IN_NUMBERS = frozenset(".,:·")
_BEFORE_NUMBERS = frozenset("-.")


def _fix_punct(row: Row) -> Normalized:
    """Asks to put punctuation back; keeps every letter, and lines with web addresses out."""
    text = one_line(row["en"])
    if _ADDRESS.search(text):
        return Skip("a web address")
    bare = without_punctuation(text)
    if not any(letter.isalpha() for letter in bare):
        return Skip("no words")
    if bare == text:
        return Skip("no punctuation")
    return Example(fields={"unpunctuated": bare}, answer=text)


def without_punctuation(text: str) -> str:
    """Removes what Unicode calls punctuation, in every script, where a reader could put it back.

    Apostrophes and hyphens inside a word, marks inside a number, a minus sign and the points of
    an abbreviation are spelling and stay, as do signs such as % and &. A mark that alone parts two
    words leaves a blank.
    """
    kept = (
        letter
        if not unicodedata.category(letter).startswith("P")
        or letter in _SIGNS
        or _is_spelling(text, number)
        else " "
        for number, letter in enumerate(text)
    )
    return one_line("".join(kept))


def _is_spelling(text: str, number: int) -> bool:
    mark, before, after = (
        text[number],
        text[max(0, number - 2) : number],
        text[number + 1 : number + 2],
    )
    if mark in _BEFORE_NUMBERS and after.isdigit() and not before[-1:].strip():
        return True
    if mark == "." and before[:1] == "." and before[1:].isalpha():
        return True  # the last point of "a.m."
    if not _in_word(before[-1:]) or not _in_word(after):
        return False
    if mark in _APOSTROPHES_AND_HYPHENS or mark == ".":
        return True
    return mark in _IN_NUMBERS and before[-1].isdigit() and after.isdigit()


def _in_word(letter: str) -> bool:
    return letter != "" and unicodedata.category(letter)[0] in "LMN"


FIX_PUNCT = Dataset(
    name="fix_punct",
    collection=FLAN_2021,
    source=_PARA_CRAWL,
    splits=Splits.carved(validation=200, test=3000, block=(1, 3)),
    schema={"en": str},
    fields=("unpunctuated",),
    keep="whole",
    normalize=_fix_punct,
    metrics=("edit_distance",),
    size=_PARA_CRAWL_ROWS,
    license="CC0-1.0",
    citation=_PARA_CRAWL_CITATION,
    samples="para_crawl",
    overlaps=("true_case", "word_segment"),
)


def _true_case(row: Row) -> Normalized:
    """Asks to put capital letters back into lower-cased text; drops lines that have none."""
    text = one_line(row["en"])
    lower = text.lower()
    if lower == text:
        return Skip("no capital letters")
    return Example(fields={"lower": lower}, answer=text)


TRUE_CASE = Dataset(
    name="true_case",
    source=_PARA_CRAWL,
    splits=Splits.carved(validation=200, test=3000, block=(0, 3)),
    schema={"en": str},
    fields=("lower",),
    keep="whole",
    normalize=_true_case,
    metrics=("edit_distance",),
    size=_PARA_CRAWL_ROWS,
    license="CC0-1.0",
    citation=_PARA_CRAWL_CITATION,
    samples="para_crawl",
    overlaps=("fix_punct", "word_segment"),
    collection="flan2022",
)


def _word_segment(row: Row) -> Normalized:
    """Asks to put the spaces back between words; drops lines of one word."""
    words = row["en"].split()
    if len(words) < 2:
        return Skip("one word")
    return Example(fields={"joined": "".join(words)}, answer=" ".join(words))


WORD_SEGMENT = Dataset(
    name="word_segment",
    source=_PARA_CRAWL,
    splits=Splits.carved(validation=200, test=3000, block=(2, 3)),
    schema={"en": str},
    fields=("joined",),
    keep="whole",
    normalize=_word_segment,
    metrics=("edit_distance",),
    size=_PARA_CRAWL_ROWS,
    license="CC0-1.0",
    citation=_PARA_CRAWL_CITATION,
    samples="para_crawl",
    overlaps=("fix_punct", "true_case"),
    collection="flan2022",
)
