"""Struct-to-text: say in words what some data say: a few concepts, a record, a list of facts.

Normalizers make the data readable, one fact to a line: names of relations become words (from
`birthPlace`, `BIRTH_PLACE` or `birth_place`), underscores become blanks, quotation marks around
values and bracket tags such as [TABLECONTEXT] go. Texts lose double blanks, blanks before marks and
HTML entities.
"""

import html
import re
from collections.abc import Iterable

from flan_tasks.core.dataset import FLAN_2021, Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.repairs.blanks import one_line
from flan_tasks.repairs.tokenizing import detokenize

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_DOTTED = re.compile(r"(?:[A-Za-z]\.){2,}")
# Words of relations written in capitals throughout that stay so.
_ACRONYMS = frozenset(
    "ATP CFL EISSN HDI IATA ICAO ID ISBN ISSN LCCN MLB NASA NBA NCAA NCBI NFL NHL OCLC TV UEFA UK"
    " US USA UTC WTA".split()
)
_TAG = re.compile(r"\[TABLECONTEXT\]\s*")
_TITLE_TAG = "[TITLE]"
_RECORD_RELATION = re.compile(
    r"(.+?) (eatType|priceRange|customer rating|familyFriendly|food|area|near) (.+)"
)
# A number in quotation marks before its unit: "4020.0"(minutes).
_QUOTED_NUMBER = re.compile(r'^"([^"]+)"\s*\(([^()]+)\)$')
# A kind or unit in brackets: (comicsCharacter), (kilometrePerSeconds).
_JOINED_NOTE = re.compile(r"\(([a-z]+[A-Z][A-Za-z]*)\)")
# DBpedia has one relation under two names, "associatedBand/associatedMusicalArtist".
_NAMES_OF_TWO = re.compile(r"(?i)associated_?band[/_]associated_?musical_?artist")
_ATTRIBUTE = re.compile(r"([^\[\],][^\[\]]*)\[([^\[\]]*)\]")


def _common_gen(row: Row) -> Normalized:
    """Asks for a sentence about an everyday scene with given words; undoes tokenizing."""
    texts = _texts(row)
    words = [one_line(word.replace("_", " ")) for word in row["concepts"]]
    words = [word for word in words if word]
    if not texts:
        return Skip("no gold text")
    if not words:
        return Skip("no data")
    return Example(
        fields={"concepts": ", ".join(words), "concept_lines": "\n".join(words)},
        answer=texts[0],
        references=texts,
    )


COMMON_GEN = Dataset(
    name="common_gen",
    collection=FLAN_2021,
    source=Tfds("gem/common_gen:1.1.0"),
    splits=Splits.validation_from_train(200),
    schema={"concepts": list, "target": str, "references": list},
    fields=("concepts", "concept_lines"),
    keep="whole",
    normalize=_common_gen,
    metrics=("rouge",),
    size={"train": 67389, "validation": 993, "test": 1497},
    license="MIT",
    citation=(
        "Lin et al. 2020, CommonGen: A Constrained Text Generation Challenge for Generative "
        "Commonsense Reasoning; Gehrmann et al. 2021, The GEM Benchmark"
    ),
)


def _dart(row: Row) -> Normalized:
    """Asks to put facts of a table or knowledge base into words; drops tags, splits names."""
    texts = _texts(row)
    facts = [_dart_fact(text) for text in row["tripleset"]]
    facts = [fact for fact in facts if fact]
    if not texts:
        return Skip("no gold text")
    if not facts:
        return Skip("no data")
    return Example(
        fields={"facts": "\n".join(facts), "facts_inline": "; ".join(facts)},
        answer=texts[0],
        references=texts,
    )


DART = Dataset(
    name="dart",
    collection=FLAN_2021,
    source=Tfds("gem/dart:1.1.0"),
    splits=Splits.validation_from_train(200),
    schema={"tripleset": list, "target": str, "references": list},
    fields=("facts", "facts_inline"),
    keep="whole",
    normalize=_dart,
    metrics=("rouge",),
    size={"train": 62659, "validation": 2768, "test": 5097},
    license="MIT",
    citation=(
        "Nan et al. 2021, DART: Open-Domain Structured Data Record to Text Generation; "
        "Gehrmann et al. 2021, The GEM Benchmark"
    ),
    # DART was put together from these two, tables of Wikipedia and WikiSQL.
    overlaps=("e2e_nlg", "web_nlg_en"),
)


def _e2e_nlg(row: Row) -> Normalized:
    """Asks for a description of a restaurant from its attributes; undoes the bracket notation."""
    texts = _texts(row)
    found = _ATTRIBUTE.findall(row["meaning_representation"])
    attributes = [(_relation(one_line(name.lstrip(", "))), _value(value)) for name, value in found]
    if not texts:
        return Skip("no gold text")
    if not attributes:
        return Skip("no data")
    pairs = [f"{name}: {value}" for name, value in attributes]
    return Example(
        fields={"attributes": "\n".join(pairs), "attributes_inline": "; ".join(pairs)},
        answer=texts[0],
        references=texts,
    )


E2E_NLG = Dataset(
    name="e2e_nlg",
    collection=FLAN_2021,
    source=Tfds("gem/e2e_nlg:1.1.0"),
    splits=Splits.validation_from_train(200),
    schema={"meaning_representation": str, "target": str, "references": list},
    fields=("attributes", "attributes_inline"),
    keep="whole",
    normalize=_e2e_nlg,
    metrics=("rouge",),
    size={"train": 33525, "validation": 4299, "test": 4693},
    license="CC-BY-SA-4.0",
    citation=(
        "Novikova et al. 2017, The E2E Dataset: New Challenges For End-to-End Generation; "
        "Dušek et al. 2019, Semantic Noise Matters for Neural Natural Language Generation; "
        "Gehrmann et al. 2021, The GEM Benchmark"
    ),
    overlaps=("dart",),
)


def _web_nlg_en(row: Row) -> Normalized:
    """Asks to put facts from an encyclopedia into words; makes names and relations readable."""
    texts = _texts(row)
    facts = [_web_nlg_fact(text) for text in row["input"] if text.strip()]
    if not texts:
        return Skip("no gold text")
    if not facts:
        return Skip("no data")
    return Example(
        fields={
            "facts": "\n".join(" | ".join(parts) for parts in facts),
            "facts_inline": "; ".join(" – ".join(parts) for parts in facts),
        },
        answer=texts[0],
        references=texts,
    )


WEB_NLG_EN = Dataset(
    name="web_nlg_en",
    collection=FLAN_2021,
    source=Tfds("gem/web_nlg_en:1.1.0"),
    splits=Splits.validation_from_train(200),
    schema={"input": list, "target": str, "references": list},
    fields=("facts", "facts_inline"),
    keep="whole",
    normalize=_web_nlg_en,
    metrics=("rouge",),
    size={"train": 35426, "validation": 1667, "test": 1779},
    license="CC-BY-NC-SA-4.0",
    citation=(
        "Gardent et al. 2017, Creating Training Corpora for NLG Micro-Planners; Castro Ferreira et "
        "al. 2020, The 2020 Bilingual, Bi-Directional WebNLG+ Shared Task; Gehrmann et al. 2021, "
        "The GEM Benchmark"
    ),
    overlaps=("dart",),
)


def _texts(row: Row) -> tuple[str, ...]:
    """The row's target and references, repaired, without repetitions."""
    texts: Iterable[str] = (row["target"], *row["references"])
    cleaned = (detokenize(html.unescape(text)) for text in texts)
    return tuple(dict.fromkeys(text for text in cleaned if text))


def _web_nlg_fact(text: str) -> tuple[str, ...]:
    first, *rest = text.split(" | ")
    if len(rest) < 2:
        return tuple(_value(part) for part in (first, *rest))
    return _value(first), _relation(rest[0]), _value(" | ".join(rest[1:]))


def _dart_fact(text: str) -> str:
    """One fact as `subject | relation | value`; what is said of a whole table has no subject.

    The source joins the three parts by blanks. Its relations are one word in capitals, or one of a
    few names of restaurant attributes.
    """
    text = one_line(text)
    has_subject = not _TAG.match(text)
    words = _TAG.sub("", text).replace(_TITLE_TAG, "TITLE").split()
    at = _relation_at(words, start=1 if has_subject else 0)
    if at is None:
        match = _RECORD_RELATION.fullmatch(" ".join(words))
        parts = match.groups() if match else (" ".join(words), "", "")
    else:
        parts = (" ".join(words[:at]), words[at], " ".join(words[at + 1 :]))
    subject, relation, value = parts
    shown = (_dart_value(subject), _relation(relation), _dart_value(value))
    return " | ".join(part for part in shown if part)


def _relation_at(words: list[str], *, start: int) -> int | None:
    """Where the relation stands: joined capitals, else the longest word in capitals."""
    places = range(start, len(words) - 1)
    capitals = [i for i in places if _num_capitals(words[i]) >= 2]
    joined = [i for i in capitals if "_" in words[i]]
    if joined:
        return joined[0]
    if _RECORD_RELATION.fullmatch(" ".join(words)):
        return None
    # A single letter or # heads some columns; it counts where nothing else is found.
    short = [i for i in places if words[i] == "#" or _num_capitals(words[i]) == 1]
    named = [i for i in capitals if not _DOTTED.fullmatch(words[i])]
    for found in (named, capitals, short):
        if found:
            return max(found, key=lambda i: _num_capitals(words[i]))
    return None


def _num_capitals(word: str) -> int:
    """How many capitals a word has that is in capitals throughout; 0 for other words."""
    if any(letter.islower() for letter in word) or not word[0].isalpha():
        return 0
    return sum(letter.isupper() for letter in word)


def _relation(name: str) -> str:
    """A relation's name in words: `birthPlace`, `BIRTH_PLACE` or `birth_place` to `birth place`."""
    name = _NAMES_OF_TWO.sub("associated band or musical artist", one_line(name))
    is_shouted = not any(letter.islower() for letter in name)
    is_one_name = " " not in name
    words = []
    for word in name.replace("_", " ").split():
        parts = [word] if is_shouted else _CAMEL.split(word)
        for part in parts:
            bare = part.strip("().,")
            keeps = (bare in _ACRONYMS if is_shouted else part.isupper() and len(bare) > 1) or (
                _DOTTED.fullmatch(part)
            )
            changes = is_shouted or is_one_name or len(parts) > 1
            words.append(part if keeps or not changes else part.lower())
    return " ".join(words)


def _value(text: str) -> str:
    """A subject or value: no underscores, no quotation marks around it."""
    return _dart_value(text.replace("_", " "))


def _dart_value(text: str) -> str:
    text = _QUOTED_NUMBER.sub(r"\1 (\2)", one_line(html.unescape(text)))
    inner = text[1:-1]
    if inner and text[0] == text[-1] == '"' and '"' not in inner.replace('\\"', ""):
        text = inner.strip()
    text = text.replace('\\"', '"')
    return _JOINED_NOTE.sub(lambda match: f"({_relation(match.group(1))})", text)
