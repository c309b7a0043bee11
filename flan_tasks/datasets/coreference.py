"""Coreference: whom or what does a word stand for?

Normalizers see to it that the word asked about can be found: a pronoun that occurs twice stands
between asterisks, in the text and in its own field; a blank is drawn as a line; the two expressions
that WSC compares always have asterisks in the text. Candidates are written as in the middle of a
sentence, and tokenizing is undone where a source has it.
"""

import re

from flan_tasks.core.dataset import FLAN_2021, Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Alternative, HuggingFace, Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.repairs.blanks import one_line
from flan_tasks.repairs.tokenizing import detokenize

_BLANK = "_____"
# "Joe Joe's uncle": some rows of WSC have the owner twice.
_SAID_TWICE = re.compile(r"\b(\w+) (?=\1 ?'s\b)")
_DETERMINERS = frozenset(
    "a all an any both each every her his its many most my no our several some that the their "
    "these this those two your".split()
)


def _mid_sentence(candidate: str) -> str:
    """Takes the capital from an article or other determiner that a candidate begins with."""
    candidate = one_line(candidate)
    word, blank, _ = candidate.partition(" ")
    if blank and word.lower() in _DETERMINERS:
        return candidate[0].lower() + candidate[1:]
    return candidate


def _unusable(options: tuple[str, ...]) -> Skip | None:
    if "" in options:
        return Skip("an empty option")
    return Skip("two equal options") if len(set(options)) < len(options) else None


def _whole(words: str) -> re.Pattern[str]:
    """A pattern for words that are not part of longer ones; blanks between them may be any."""
    return re.compile(
        r"(?<!\w)" + r"\s+".join(map(re.escape, words.split())) + r"(?!\w)", re.IGNORECASE
    )


def _starred(text: str, start: int, stop: int) -> str:
    return f"{text[:start]}*{text[start:stop]}*{text[stop:]}"


def _pronoun_fields(text: str, pronoun: str, start: int) -> dict[str, str]:
    """The text and its pronoun at `start`, with asterisks if the text has it more than once."""
    if len(_whole(pronoun).findall(text)) < 2:
        return {"sentence": text, "pronoun": pronoun}
    return {"sentence": _starred(text, start, start + len(pronoun)), "pronoun": f"*{pronoun}*"}


def _definite_pronoun_resolution(row: Row) -> Normalized:
    """Asks which of two candidates a pronoun stands for; marks a pronoun that occurs twice."""
    if row["label"] < 0:
        return Skip("no gold label")
    sentence, pronoun = one_line(row["sentence"]), one_line(row["pronoun"])
    options = tuple(_mid_sentence(candidate) for candidate in row["candidates"])
    if problem := _unusable(options):
        return problem
    # The source says which word, not which occurrence. Where two of them differ in meaning, its
    # labels are those of the first.
    found = _whole(pronoun).search(sentence) if pronoun else None
    if found is None:
        return Skip("the pronoun is not in the sentence")
    return Example(
        fields={
            **_pronoun_fields(sentence, pronoun, found.start()),
            "first": options[0],
            "second": options[1],
        },
        options=options,
        answer=options[row["label"]],
    )


DEFINITE_PRONOUN_RESOLUTION = Dataset(
    name="definite_pronoun_resolution",
    collection=FLAN_2021,
    source=Tfds("definite_pronoun_resolution:1.1.0", download_mib=1),
    splits=Splits.validation_from_train(200, test="test"),
    schema={"sentence": str, "pronoun": str, "candidates": list, "label": int},
    labels={"label": ("0", "1")},
    fields=("sentence", "pronoun", "first", "second"),
    keep="whole",
    options_per_example=True,
    normalize=_definite_pronoun_resolution,
    metrics=("accuracy",),
    size={"train": 1322, "test": 564},
    license="not stated by the source",
    citation=(
        "Rahman and Ng 2012, Resolving Complex Cases of Definite Pronouns: "
        "The Winograd Schema Challenge"
    ),
)


def _winogrande(row: Row) -> Normalized:
    """Asks what fills the blank in a sentence; draws the blank as a line, mends stray blanks."""
    if row["label"] < 0:
        return Skip("no gold label")
    if row["sentence"].count("_") != 1:
        return Skip("not exactly one blank")
    sentence = detokenize(row["sentence"])
    options = tuple(_cased_as_in(sentence, row[f"option{n}"]) for n in WINOGRANDE.labels["label"])
    if problem := _unusable(options):
        return problem
    return Example(
        fields={
            "sentence": sentence.replace("_", _BLANK),
            "first": options[0],
            "second": options[1],
        },
        options=options,
        answer=options[row["label"]],
    )


def _cased_as_in(sentence: str, option: str) -> str:
    """Takes a capital from an option that the sentence has, and has without a capital alone."""
    option = one_line(option)
    if not option:
        return option
    lower = option[:1].lower() + option[1:]
    in_sentence = {match.group(0) for match in _whole(option).finditer(sentence)}
    return lower if lower in in_sentence and option not in in_sentence else option


def _from_winogrande_hub(row: Row) -> Row:
    names = WINOGRANDE.labels["label"]
    label = names.index(row["answer"]) if row["answer"] in names else -1
    return {**{name: row[name] for name in ("sentence", "option1", "option2")}, "label": label}


WINOGRANDE = Dataset(
    name="winogrande",
    collection=FLAN_2021,
    source=Tfds("winogrande:1.2.0", download_mib=4),
    splits=Splits.validation_from_train(200, train="train_xl"),
    schema={"sentence": str, "option1": str, "option2": str, "label": int},
    labels={"label": ("1", "2")},
    fields=("sentence", "first", "second"),
    keep="whole",
    options_per_example=True,
    normalize=_winogrande,
    metrics=("accuracy",),
    size={"train_xl": 40398, "validation": 1267, "test": 1767},
    license="CC-BY-4.0",
    citation="Sakaguchi et al. 2020, WinoGrande: An Adversarial Winograd Schema Challenge at Scale",
    alternatives=(
        Alternative(
            HuggingFace("allenai/winogrande", "winogrande_xl"),
            adapt=_from_winogrande_hub,
            splits={"train_xl": "train"},
        ),
    ),
)


def _wsc273(row: Row) -> Normalized:
    """Asks which of two candidates a pronoun stands for; marks a pronoun that occurs twice."""
    if row["label"] < 0:
        return Skip("no gold label")
    options = tuple(_mid_sentence(row[f"option{number}_normalized"]) for number in (1, 2))
    if problem := _unusable(options):
        return problem
    start, stop = row["pronoun_start"], row["pronoun_end"]
    fields = _pronoun_fields(row["text"], row["text"][start:stop], start)
    return Example(
        fields={
            **{name: one_line(text) for name, text in fields.items()},
            "first": options[0],
            "second": options[1],
        },
        options=options,
        answer=options[row["label"]],
    )


WSC273 = Dataset(
    name="wsc273",
    collection=FLAN_2021,
    source=Tfds("wsc273:1.0.0", download_mib=1),
    splits=Splits.test_only(),
    schema={
        "text": str,
        "pronoun_start": int,
        "pronoun_end": int,
        "option1_normalized": str,
        "option2_normalized": str,
        "label": int,
    },
    fields=("sentence", "pronoun", "first", "second"),
    keep="whole",
    options_per_example=True,
    normalize=_wsc273,
    metrics=("accuracy",),
    size={"test": 273},
    license="CC-BY-4.0",
    citation="Levesque, Davis and Morgenstern 2012, The Winograd Schema Challenge",
    overlaps=("wnli", "wsc"),
)


def _wsc(row: Row) -> Normalized:
    """Asks whether two expressions mean the same one; marks both in the text, undoes tokenizing."""
    if row["label"] < 0:
        return Skip("no gold label")
    text = _SAID_TWICE.sub("", row["text"])
    first, second = (_place(text, row[f"span{n}_text"], row[f"span{n}_index"]) for n in (1, 2))
    if first is None or second is None:
        return Skip("a span is not in the text")
    (start1, stop1), (start2, stop2) = first, second
    if start1 < stop2 and start2 < stop1:
        return Skip("the spans overlap")
    marked = text
    for start, stop in sorted((first, second), reverse=True):
        marked = _starred(marked, start, stop)
    return Example(
        fields={
            "text": detokenize(marked),
            "first": detokenize(text[start1:stop1]),
            "second": detokenize(text[start2:stop2]),
        },
        options=WSC.options,
        answer={"True": "yes", "False": "no"}[WSC.labels["label"][row["label"]]],
    )


def _place(text: str, span: str, index: int) -> tuple[int, int] | None:
    """Where `span` stands: the occurrence nearest to word number `index` of the text."""
    span = span.strip(' ,;"')  # a few hold the mark that follows them
    words = [match.start() for match in re.finditer(r"\S+", text)]
    wanted = words[index] if index < len(words) else len(text)
    found = [match.span() for match in _whole(span).finditer(text)] if span else []
    return min(found, key=lambda place: abs(place[0] - wanted), default=None)


WSC = Dataset(
    name="wsc",
    # The rows of super_glue/wsc. There, one first span in six differs from the text in case or
    # marks; in this configuration nearly all are the text's own words.
    source=Tfds("super_glue/wsc.fixed:1.0.2", download_mib=1),
    splits=Splits.validation_from_train(50),
    schema={
        "text": str,
        "span1_text": str,
        "span1_index": int,
        "span2_text": str,
        "span2_index": int,
        "label": int,
    },
    labels={"label": ("False", "True")},
    fields=("text", "first", "second"),
    keep="whole",
    options=("yes", "no"),
    normalize=_wsc,
    metrics=("accuracy",),
    size={"train": 554, "validation": 104, "test": 146},
    license="CC-BY-4.0",
    citation=(
        "Levesque, Davis and Morgenstern 2012, The Winograd Schema Challenge; Wang et al. 2019, "
        "SuperGLUE"
    ),
    overlaps=("wnli", "wsc273"),
    alternatives=(Alternative(HuggingFace("aps/super_glue", "wsc.fixed")),),
    collection="flan2022",
)
