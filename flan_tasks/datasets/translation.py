"""Translation: say in one language all that a text says in another.

Every corpus is two datasets, one for each direction: both are trained on, each is evaluated by
itself. They share a template file, whose fields name the languages, and the embedded rows; each
trains on its own half of the corpus, so that no answer of one is a question of the other.

Much of the text was crawled, so the normalizer undoes what crawling and tokenizing left: HTML
character references, invisible characters, letters in Windows-1252, blanks before commas and
periods. Romanian comes with two spellings of the same two letters, and leaves with one.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flan_tasks.core.dataset import FLAN_2021, Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Alternative, HuggingFace, Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.repairs.blanks import tidy

_LANGUAGES = {
    "cs": "Czech",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "ro": "Romanian",
    "ru": "Russian",
    "tr": "Turkish",
}
_DIRECTIONS = ("from_english", "into_english")

# An equal pair of this many words was not translated; a shorter one may be a name or a number.
_MIN_WORDS_OF_COPY = 5

# With its semicolon: "&para" alone may be a part of an address.
_CHARACTER_REFERENCE = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")
_BLANK_BEFORE_MARK = re.compile(r",?[^\S\n]+([.,])(?=\s|$)")
# Romanian has a comma below these letters; older fonts and files give them a cedilla.
_CEDILLA = str.maketrans("ŞşŢţ", "ȘșȚț")


def _clean(text: str, *, language: str) -> str:
    text = _CHARACTER_REFERENCE.sub(lambda found: html.unescape(found.group()), text)
    text = unicodedata.normalize("NFC", tidy(text))
    if language == "ro":
        text = text.translate(_CEDILLA)
    return _BLANK_BEFORE_MARK.sub(r"\1", text)


def _translation(row: Row, *, source: str, target: str) -> Normalized:
    given = _clean(row[source], language=source)
    wanted = _clean(row[target], language=target)
    if not given or not wanted:
        return Skip("an empty side")
    if given == wanted and len(given.split()) >= _MIN_WORDS_OF_COPY:
        return Skip("not translated")
    return Example(
        fields={
            "source": given,
            "source_language": _LANGUAGES[source],
            "target_language": _LANGUAGES[target],
        },
        answer=wanted,
    )


def _normalizer(source: str, target: str) -> Callable[[Row], Normalized]:
    def normalize(row: Row) -> Normalized:
        return _translation(row, source=source, target=target)

    normalize.__doc__ = (
        f"Asks for the {_LANGUAGES[target]} of a text in {_LANGUAGES[source]}; "
        "drops pairs with an empty side or the same text twice."
    )
    return normalize


def _from_hub(row: dict[str, Any]) -> dict[str, Any]:
    return {code: text or "" for code, text in row["translation"].items()}


# Years share their news texts and training corpora, which have one English side for all languages.
_WMT = (
    "wmt14_enfr",
    "wmt16_csen",
    "wmt16_deen",
    "wmt16_fien",
    "wmt16_roen",
    "wmt16_ruen",
    "wmt16_tren",
)


def _both_directions(
    parent: str,
    code: str,
    *,
    source: Tfds,
    splits: Splits,
    size: Mapping[str, int],
    license: str,
    citation: str,
    alternatives: tuple[Alternative, ...] = (),
) -> tuple[Dataset, Dataset]:
    """Declares a corpus of English and the language `code`, from English and into English."""
    near = _WMT if parent in _WMT else (parent,)
    family = [f"{name}_{direction}" for name in near for direction in _DIRECTIONS]

    def declare(direction: str) -> Dataset:
        name = f"{parent}_{direction}"
        pair = ("en", code) if direction == "from_english" else (code, "en")
        return Dataset(
            name=name,
            collection=FLAN_2021,
            part_of=parent,
            source=source,
            splits=replace(splits, block=(_DIRECTIONS.index(direction), len(_DIRECTIONS))),
            schema={"en": str, code: str},
            fields=("source", "source_language", "target_language"),
            keep="whole",
            normalize=_normalizer(*pair),
            languages=pair,
            answer_language=pair[1],
            metrics=("bleu",),
            size=size,
            license=license,
            citation=citation,
            overlaps=tuple(other for other in family if other != name),
            alternatives=alternatives,
            samples=parent,
        )

    return declare("from_english"), declare("into_english")


def _wmt16(
    code: str,
    *,
    train: int | None,
    validation: int,
    test: int,
    manual: str = "",
    manual_files: tuple[str, ...] = (),
) -> tuple[Dataset, Dataset]:
    size = {"validation": validation, "test": test}
    return _both_directions(
        f"wmt16_{code}en",
        code,
        source=Tfds(f"wmt16_translate/{code}-en:1.0.0", manual=manual, manual_files=manual_files),
        splits=Splits.given(),
        size=size if train is None else {"train": train, **size},
        license="free for research, as the organizers state",
        citation="Bojar et al. 2016, Findings of the 2016 Conference on Machine Translation",
        alternatives=(
            # Its train splits lack what must be fetched by hand: CzEng and the Yandex corpus.
            Alternative(
                HuggingFace(
                    "wmt/wmt16", f"{code}-en", revision="75bb1cfaae2aa014f64bc171de536538aa9aac19"
                ),
                adapt=_from_hub,
            ),
        ),
    )


PARA_CRAWL_ENES_FROM_ENGLISH, PARA_CRAWL_ENES_INTO_ENGLISH = _both_directions(
    "para_crawl_enes",
    "es",
    source=Tfds("para_crawl/enes:1.2.0", download_mib=1863),
    splits=Splits.carved(validation=200, test=1000),
    size={"train": 38_971_348},
    license="CC0-1.0",
    citation="ParaCrawl 2018, Web-Scale Parallel Corpora for Official European Languages",
)

WMT14_ENFR_FROM_ENGLISH, WMT14_ENFR_INTO_ENGLISH = _both_directions(
    "wmt14_enfr",
    "fr",
    source=Tfds("wmt14_translate/fr-en:1.0.0"),
    splits=Splits.given(),
    size={"train": 40_836_715, "validation": 3000, "test": 3003},
    license="free for research, as the organizers state",
    citation=(
        "Bojar et al. 2014, Findings of the 2014 Workshop on Statistical Machine Translation"
    ),
    alternatives=(
        Alternative(
            HuggingFace("wmt/wmt14", "fr-en", revision="63fc93617978079cf15dd6113093df5bc0a04a82"),
            adapt=_from_hub,
        ),
    ),
)

WMT16_CSEN_FROM_ENGLISH, WMT16_CSEN_INTO_ENGLISH = _wmt16(
    "cs",
    train=None,
    validation=2656,
    test=2999,
    manual=(
        "czeng16pre.deduped-ignoring-sections.txt.gz (CzEng 1.6pre, free after registration at "
        "http://ufal.mff.cuni.cz/czeng/czeng16pre) into TFDS's manual folder"
    ),
    manual_files=("czeng16pre.deduped-ignoring-sections.txt.gz",),
)

WMT16_DEEN_FROM_ENGLISH, WMT16_DEEN_INTO_ENGLISH = _wmt16(
    "de", train=4_548_885, validation=2169, test=2999
)

# The test split holds the same English texts twice, each time with another translator's Finnish.
WMT16_FIEN_FROM_ENGLISH, WMT16_FIEN_INTO_ENGLISH = _wmt16(
    "fi", train=2_073_394, validation=1370, test=6000
)

WMT16_ROEN_FROM_ENGLISH, WMT16_ROEN_INTO_ENGLISH = _wmt16(
    "ro", train=610_320, validation=1999, test=1999
)

WMT16_RUEN_FROM_ENGLISH, WMT16_RUEN_INTO_ENGLISH = _wmt16(
    "ru",
    train=2_516_162,
    validation=2818,
    test=2998,
    manual=(
        "1mcorpus.zip (Yandex corpus, https://translate.yandex.ru/corpus?lang=en) "
        "into TFDS's manual folder"
    ),
    manual_files=("1mcorpus.zip",),
)

WMT16_TREN_FROM_ENGLISH, WMT16_TREN_INTO_ENGLISH = _wmt16(
    "tr", train=205_756, validation=1001, test=3000
)
