"""Commonsense: which of a few continuations, causes or solutions fits the world as people know it?

COPA asks for a cause or an effect, HellaSwag for the end of a text, PIQA for the way to do a thing,
Story Cloze for the last sentence of a story. Options stand in the order of their source, which
mixes them. Normalizers fold blanks, put words to COPA's direction, take HellaSwag's markup out and
give its half sentences the case and the joint they need.
"""

import re
from typing import Any

from flan_tasks.core.dataset import FLAN_2021, Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Alternative, HuggingFace, Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.repairs.blanks import one_line
from flan_tasks.repairs.marks import joined_marks, paired_quotes


def _choice(*, fields: dict[str, str], options: tuple[str, ...], right: int) -> Normalized:
    if right < 0:
        return Skip("no gold label")
    if "" in options:
        return Skip("an empty option")
    if len(set(options)) != len(options):
        return Skip("two equal options")
    if "" in fields.values():
        return Skip("empty text")
    return Example(fields=fields, options=options, answer=options[right])


_CONNECTIVES = {"cause": "because", "effect": "so"}


def _copa(row: Row) -> Normalized:
    """Asks which of two events is the cause, or the effect, of a third; folds blanks."""
    relation = row["question"]
    return _choice(
        fields={
            "premise": one_line(row["premise"]),
            "relation": relation,
            "connective": _CONNECTIVES[relation],
        },
        options=(one_line(row["choice1"]), one_line(row["choice2"])),
        right=row["label"],
    )


COPA = Dataset(
    name="copa",
    collection=FLAN_2021,
    source=Tfds("super_glue/copa:1.0.2", download_mib=1),
    splits=Splits.validation_from_train(50),
    schema={"premise": str, "choice1": str, "choice2": str, "question": str, "label": int},
    labels={"label": ("choice1", "choice2")},
    # `relation` says what an option is to the premise, "cause" or "effect"; `connective` joins the
    # premise to an option, "because" or "so".
    fields=("premise", "relation", "connective"),
    keep="whole",
    options_per_example=True,
    normalize=_copa,
    metrics=("accuracy",),
    size={"train": 400, "validation": 100, "test": 500},
    license="BSD-2-Clause",
    citation=(
        "Roemmele, Bejan and Gordon 2011, Choice of Plausible Alternatives: An Evaluation of "
        "Commonsense Causal Reasoning; Wang et al. 2019, SuperGLUE"
    ),
)

_MARKUP = re.compile(r"\[(header|title|step|substeps)\]")
# A few videos' texts open with a period: ". a woman stands".
_STRAY_START = re.compile(r"^\s*\.\s+([^\W\d_])")
_SENTENCE_END = re.compile(r"[.!?…:;,][\"'”’)\]]*$")
# The half sentence that an ending completes: it has no end of its own.
_HALF = re.compile(r"([.!?…][\"'”’)\]]*\s+)([^\W\d_A-Z])(?=[^.!?…]*$)")


def _hellaswag(row: Row) -> Normalized:
    """Asks how a text goes on; drops its markup, mends the case and joint of half sentences."""
    context = _STRAY_START.sub(lambda match: match[1].upper(), _paragraphs(row["context"]))
    context = _HALF.sub(lambda match: match[1] + match[2].upper(), context)
    endings = [_sentences(ending) for ending in row["endings"]]
    # ", she runs" and "'s a dog" are no options to be read alone: the word before goes with them.
    if any(ending[:1] in (",", "'", "’") for ending in endings) and " " in context:
        context, word = context.rsplit(maxsplit=1)
        endings = [_joined(word, ending) for ending in endings]
    return _choice(
        fields={"context": context, "topic": one_line(row["activity_label"])},
        options=tuple(endings),
        right=row["label"],
    )


HELLASWAG = Dataset(
    name="hellaswag",
    collection=FLAN_2021,
    source=Tfds("hellaswag:1.1.0", download_mib=68),
    splits=Splits.validation_from_train(200),
    schema={"context": str, "endings": list, "label": int, "activity_label": str},
    fields=("context", "topic"),
    keep={"context": "end"},
    options_per_example=True,
    normalize=_hellaswag,
    metrics=("accuracy",),
    size={"train": 39_905, "validation": 10_042, "test": 10_003},
    license="MIT",
    citation="Zellers et al. 2019, HellaSwag: Can a Machine Really Finish Your Sentence?",
)


def _paragraphs(text: str) -> str:
    """The text with its heading and each of its titled parts in a paragraph of its own."""
    head, *parts = _MARKUP.split(text)
    paragraphs = [_typed(head)]
    for kind, part in zip(parts[::2], parts[1::2], strict=True):
        part = _typed(part)
        if kind in ("header", "title") or not paragraphs[-1]:
            paragraphs.append(part)
        elif part:
            paragraphs[-1] = f"{_ended(paragraphs[-1])} {part}"
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _sentences(text: str) -> str:
    """The text in one line, where what stood apart as a heading becomes a sentence."""
    parts = [_typed(part) for part in _MARKUP.split(text)[::2]]
    *before, last = [part for part in parts if part] or [""]
    return " ".join([*(_ended(part) for part in before), last])


def _typed(text: str) -> str:
    return paired_quotes(joined_marks(one_line(text)))


def _ended(text: str) -> str:
    return text if _SENTENCE_END.search(text) else f"{text}."


def _joined(word: str, ending: str) -> str:
    return word + ending if ending[:1] in (",", "'", "’") else f"{word} {ending}"


def _piqa(row: Row) -> Normalized:
    """Asks which of two solutions serves a practical goal; folds blanks."""
    return _choice(
        fields={"goal": _unspaced(row["goal"])},
        options=(_unspaced(row["sol1"]), _unspaced(row["sol2"])),
        right=row["label"],
    )


PIQA = Dataset(
    name="piqa",
    collection=FLAN_2021,
    source=Tfds("piqa:1.0.0", download_mib=2),
    splits=Splits.validation_from_train(100),
    schema={"goal": str, "sol1": str, "sol2": str, "label": int},
    labels={"label": ("0", "1")},
    fields=("goal",),
    keep="whole",
    options_per_example=True,
    normalize=_piqa,
    metrics=("accuracy",),
    size={"train": 16_113, "validation": 1838},
    license="AFL-3.0",
    citation="Bisk et al. 2020, PIQA: Reasoning about Physical Commonsense in Natural Language",
)


def _unspaced(text: str) -> str:
    return joined_marks(one_line(text))


def _story_cloze(row: Row) -> Normalized:
    """Asks which of two last sentences fits a story of four; mends blanks, adds lost periods."""
    options = tuple(_whole(ending) for ending in row["endings"])
    return _choice(
        fields={"context": _whole(row["context"])}, options=options, right=row["label"] - 1
    )


def _whole(text: str) -> str:
    text = re.sub(r",$", ".", _unspaced(text))
    return f"{text}." if text[-1:].isalnum() else text


def _story_cloze_from_hub(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "context": " ".join(row[f"input_sentence_{number}"] for number in range(1, 5)),
        "endings": [row["sentence_quiz1"], row["sentence_quiz2"]],
        "label": row["answer_right_ending"],
    }


_STORY_CLOZE_MANUAL = (
    "Fill in the form at https://www.cs.rochester.edu/nlp/rocstories/ to get a link; put the "
    "validation and test files of 2016 in the manual folder as cloze_test_val__spring2016.csv and "
    "cloze_test_test__spring2016.csv"
)

STORY_CLOZE = Dataset(
    name="story_cloze",
    collection=FLAN_2021,
    source=Tfds(
        "story_cloze/2016:1.0.0",
        manual=_STORY_CLOZE_MANUAL,
        manual_files=("cloze_test_val__spring2016.csv", "cloze_test_test__spring2016.csv"),
    ),
    # The source's train stories have one ending only; its validation split has two, labeled.
    splits=Splits(train="validation", test="test", carve_validation=200),
    schema={"context": str, "endings": list, "label": int},
    fields=("context",),
    keep={"context": "end"},
    options_per_example=True,
    normalize=_story_cloze,
    metrics=("accuracy",),
    size={"validation": 1871, "test": 1871},
    license="not stated by the source (given out on request)",
    citation=(
        "Mostafazadeh et al. 2016, A Corpus and Cloze Evaluation for Deeper Understanding of "
        "Commonsense Stories"
    ),
    alternatives=(
        Alternative(
            HuggingFace("LSDSem/story_cloze", "2016", manual=_STORY_CLOZE_MANUAL),
            adapt=_story_cloze_from_hub,
        ),
    ),
)
