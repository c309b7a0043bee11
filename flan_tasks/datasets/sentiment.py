"""Sentiment: does a text speak well or badly of its subject?

Answers are the words "negative" and "positive" in all sets. The normalizers turn the sources'
markup and escapes into the text as it was typed. Reviews and tweets bring their opening words as a
field of their own, so that a prompt can ask for a text of one kind that begins in one way.
"""

import html
import re

from flan_tasks.core.dataset import FLAN_2021, Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Alternative, HuggingFace, Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.repairs.blanks import tidy
from flan_tasks.repairs.marks import paired_quotes
from flan_tasks.repairs.tokenizing import detokenize

_OPTIONS = ("negative", "positive")
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
# What the source's tweets have in place of characters that were lost before it was published.
_LOST = "ï¿½"
_LOST_APOSTROPHE = re.compile(rf"(?<=[a-z]){_LOST}(?=(?:s|t|m|d|re|ve|ll)\b)", re.IGNORECASE)
# Commas and dashes left at the ends of a phrase that was cut out of a sentence.
_CUT_ENDS = re.compile(r"^(?:[,;:]|--?)\s+|\s*(?:[,;:]|\s--?)$")


def _opening(text: str) -> str:
    """The first words: eight of them, or a third of a short text."""
    words = text.split()
    return " ".join(words[: max(1, min(8, len(words) // 3))])


def _whole_text(text: str, label: int) -> Normalized:
    if label < 0:
        return Skip("no gold label")
    if not text:
        return Skip("no text")
    return Example(
        fields={"text": text, "opening": _opening(text)},
        options=_OPTIONS,
        answer=_OPTIONS[label],
    )


def _imdb_reviews(row: Row) -> Normalized:
    """Asks whether a movie review is positive or negative; turns <br /> into line ends."""
    text = html.unescape(_LINE_BREAK.sub("\n", row["text"]))
    return _whole_text(paired_quotes(tidy(text)), row["label"])


IMDB_REVIEWS = Dataset(
    name="imdb_reviews",
    collection=FLAN_2021,
    source=Tfds("imdb_reviews/plain_text:1.0.0"),
    splits=Splits.validation_from_train(200, test="test"),
    schema={"text": str, "label": int},
    labels={"label": ("neg", "pos")},
    fields=("text", "opening"),
    options=_OPTIONS,
    normalize=_imdb_reviews,
    metrics=("accuracy",),
    size={"train": 25000, "test": 25000, "unsupervised": 50000},
    license="not stated by the source",
    citation="Maas et al. 2011, Learning Word Vectors for Sentiment Analysis",
    alternatives=(Alternative(HuggingFace("stanfordnlp/imdb", "plain_text")),),
)


def _sentiment140(row: Row) -> Normalized:
    """Asks whether a tweet is positive or negative; drops neutral ones, mends lost characters."""
    if row["polarity"] == 2:
        return Skip("neutral")
    if row["polarity"] not in (0, 4):
        return Skip("no gold label")
    text = _LOST_APOSTROPHE.sub("'", row["text"]).replace(_LOST, "")
    return _whole_text(tidy(html.unescape(text)), row["polarity"] // 4)


SENTIMENT140 = Dataset(
    name="sentiment140",
    collection=FLAN_2021,
    source=Tfds("sentiment140:1.0.0"),
    splits=Splits.validation_from_train(200, test="test"),
    schema={"text": str, "polarity": int},
    fields=("text", "opening"),
    options=_OPTIONS,
    normalize=_sentiment140,
    metrics=("accuracy",),
    size={"train": 1600000, "test": 498},
    license="not stated by the source",
    citation="Go et al. 2009, Twitter Sentiment Classification using Distant Supervision",
)


def _sst2(row: Row) -> Normalized:
    """Asks whether words from a film review are positive or negative; undoes their tokenizing."""
    if row["label"] < 0:
        return Skip("no gold label")
    sentence = _CUT_ENDS.sub("", detokenize(row["sentence"]))
    if not any(letter.isalnum() for letter in sentence):
        return Skip("no text")
    return Example(fields={"sentence": sentence}, options=_OPTIONS, answer=_OPTIONS[row["label"]])


SST2 = Dataset(
    name="sst2",
    collection=FLAN_2021,
    source=Tfds("glue/sst2:2.0.0"),
    splits=Splits.validation_from_train(200),
    schema={"sentence": str, "label": int},
    labels={"label": ("negative", "positive")},
    fields=("sentence",),
    options=_OPTIONS,
    normalize=_sst2,
    metrics=("accuracy",),
    size={"train": 67349, "validation": 872, "test": 1821},
    license="not stated by the source",
    citation=(
        "Socher et al. 2013, Recursive Deep Models for Semantic Compositionality Over a Sentiment "
        "Treebank; Wang et al. 2019, GLUE"
    ),
    alternatives=(Alternative(HuggingFace("nyu-mll/glue", "sst2")),),
)


def _yelp_polarity_reviews(row: Row) -> Normalized:
    r"""Asks whether a review of a business is positive or negative; undoes \n and \"" escapes."""
    text = re.sub(r'\\""|\\"|""', '"', row["text"].replace("\\n", "\n"))
    return _whole_text(tidy(text), row["label"])


YELP_POLARITY_REVIEWS = Dataset(
    name="yelp_polarity_reviews",
    collection=FLAN_2021,
    source=Tfds("yelp_polarity_reviews:0.2.0"),
    splits=Splits.validation_from_train(200, test="test"),
    schema={"text": str, "label": int},
    # The source's own names: "1" was given to reviews with few stars, "2" to those with many.
    labels={"label": ("1", "2")},
    fields=("text", "opening"),
    options=_OPTIONS,
    normalize=_yelp_polarity_reviews,
    metrics=("accuracy",),
    size={"train": 560000, "test": 38000},
    license="Yelp Dataset terms of use",
    citation="Zhang et al. 2015, Character-level Convolutional Networks for Text Classification",
    alternatives=(Alternative(HuggingFace("fancyzhx/yelp_polarity", "plain_text")),),
)
