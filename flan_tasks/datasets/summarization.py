"""Summarization: say what a text says, in less.

The cluster's texts are e-mails, news, chats, reviews and instructions, and what is wanted ranges
from a subject line to several paragraphs; each template file says which. One set, of news by
topic, asks for a class instead.

The normalizers take off what is no part of a text (datelines, bylines, time stamps, transfer
codes, tags), undo tokenizing, and make line ends and blanks even. They never shorten a text: what
fits is decided where the examples are read. A summary is left as its editor wrote it, apart from
marks that are an artifact of how the corpus was made.
"""

import html
import re

from flan_tasks.core.dataset import FLAN_2021, Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Alternative, HuggingFace, Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.datasets._summarization_feeds_and_opinions import (  # noqa: F401, E501 - collected by the catalog
    AG_NEWS,
    OPINION_ABSTRACTS_IDEBATE,
    OPINION_ABSTRACTS_ROTTEN_TOMATOES,
    WIKI_LINGUA_ENGLISH_EN,
    XSUM,
)
from flan_tasks.datasets._summarization_of_talk import DIALOGSUM  # noqa: F401 - for the catalog
from flan_tasks.repairs.blanks import one_line, tidy
from flan_tasks.repairs.news import without_dateline
from flan_tasks.repairs.tokenizing import detokenize

# Traces of quoted-printable transfer coding: a coded blank, or a word broken by "= ".
_CODED = re.compile(r"=(?:20|09)(?!\d)|[a-z]= [a-z]")
_CODES = (
    (re.compile(r"=01,"), "'"),
    (re.compile(r"=(?:20|09|0A|0D|01)(?!\d)"), " "),
    (re.compile(r"=3D"), "="),
    (re.compile(r"=\s+|=$"), ""),
)
_RULE = re.compile(r"[*=_~|+-]{8,}")
_MARKS = r"(?:(?:re|fwd?) ?: *)"
_HEADER = re.compile(rf"(?:\bsubject ?: *{_MARKS}*|^{_MARKS}+)", re.IGNORECASE)
_MARKUP = re.compile(r"(?i)<html|<table|font-size:")


def _aeslc(row: Row) -> Normalized:
    """Asks for the subject line of an e-mail; undoes transfer codes, drops ruled lines."""
    body = row["email_body"]
    if _MARKUP.search(body):
        return Skip("markup instead of text")
    if _CODED.search(body):
        for pattern, replacement in _CODES:
            body = pattern.sub(replacement, body)
    # One sentence a line is how the corpus was split, not how the e-mail was written.
    body, subject = one_line(_RULE.sub(" ", body)), one_line(row["subject_line"])
    if not body:
        return Skip("no text")
    if not subject:
        return Skip("no summary")
    body = _without_subject(body, subject)
    return Example(fields={"email": body}, answer=subject) if body else Skip("no text")


def _without_subject(body: str, subject: str) -> str:
    """Takes a header out of the body that gives the subject away: "Subject: LINE SM-123"."""
    if not _HEADER.search(body):
        return body.strip()
    header = rf"{_HEADER.pattern}{re.escape(subject)}(?!\w)\s*"
    return re.sub(header, "", body, flags=re.IGNORECASE).strip()


AESLC = Dataset(
    name="aeslc",
    collection=FLAN_2021,
    source=Tfds(
        "aeslc:1.0.0",
        gone="its authors repacked the archive, and the checksum that TFDS stores no longer fits",
        download_mib=11,
    ),
    splits=Splits.given(),
    schema={"email_body": str, "subject_line": str},
    fields=("email",),
    normalize=_aeslc,
    metrics=("rouge",),
    size={"train": 14_436, "validation": 1_960, "test": 1_906},
    license="CC-BY-NC-SA-4.0",
    citation="Zhang and Tetreault 2019, This Email Could Save Your Life",
    alternatives=(Alternative(HuggingFace("Yale-LILY/aeslc")),),
)


# Bylines and times as lines that a stop was put after.
_BYLINE = (
    re.compile(r"^By\s?\. [^.]{2,60}?\s?\. (?:and(?:\s?\.)? [^.]{2,60}?\s?\. )*"),
    re.compile(
        r"^(?:(?:(?:PUBLISHED|UPDATED|CREATED)\s?:\s?\. )?"
        r"\d\d?:\d\d [A-Z]{2,4}, \d{1,2} [A-Z][a-z]+ \d{4}\s?\. (?:\|\s?\. )?)+"
    ),
    re.compile(r"^Last updated at [^.]{5,50}?\s?\. "),
)
_PAGE_CALL = re.compile(r"(?i)\s*(?:E-mail to a friend|Scroll down for videos?)\s?\.?(?=\s|$)")
_LINK_LINE = re.compile(r"^(?:READ|CLICK HERE|SCROLL DOWN|WATCH)\b")
# A stop was put after every line of a page, also where the sentence goes on in the next line.
_BROKEN_LINE = re.compile(r" \.(?= [a-z])|(?<=,)\.(?= [a-z])")
_LOOSE_STOP = re.compile(r"(?<=[^\s.]) \.(?=\s|$)(?! \.)")


def _cnn_dailymail(row: Row) -> Normalized:
    """Asks for a news story's main points, one a line; drops datelines, bylines and page links."""
    article = one_line(row["article"])
    for pattern in _BYLINE:
        article = pattern.sub("", article)
    article = without_dateline(article)
    article = _BROKEN_LINE.sub("", _PAGE_CALL.sub("", article))
    article = _LOOSE_STOP.sub(".", article).strip()
    points = [_LOOSE_STOP.sub(".", one_line(line)) for line in row["highlights"].splitlines()]
    points = [point for point in points if point and not _LINK_LINE.match(point)]
    if not article:
        return Skip("no text")
    if not points:
        return Skip("no summary")
    return Example(fields={"article": article}, answer="\n".join(points))


CNN_DAILYMAIL = Dataset(
    name="cnn_dailymail",
    collection=FLAN_2021,
    source=Tfds("cnn_dailymail:3.4.0", download_mib=558),
    splits=Splits.given(),
    schema={"article": str, "highlights": str},
    fields=("article",),
    normalize=_cnn_dailymail,
    metrics=("rouge",),
    size={"train": 287_113, "validation": 13_368, "test": 11_490},
    license="Apache-2.0 (the corpus; the texts are their publishers')",
    citation=(
        "Hermann et al. 2015, Teaching Machines to Read and Comprehend; "
        "See et al. 2017, Get To The Point"
    ),
    overlaps=("record",),
    alternatives=(Alternative(HuggingFace("abisee/cnn_dailymail", "3.0.0")),),
)


_UNKNOWN_WORD = re.compile(r"(?:^|\s)(?:UNK|<unk>)(?=\s|$)")


def _gigaword(row: Row) -> Normalized:
    """Asks for a lower-case headline; undoes tokenizing, skips unknown words and masked digits."""
    texts = (row["document"], row["summary"])
    if any(_UNKNOWN_WORD.search(text) for text in texts):
        return Skip("unknown word")
    # Every digit was made "#": a headline with its number blotted out teaches nothing.
    if any("#" in text for text in texts):
        return Skip("digits masked")
    sentence, headline = (_joined_words(text) for text in texts)
    if not sentence:
        return Skip("no text")
    if not headline:
        return Skip("no summary")
    return Example(fields={"sentence": sentence}, answer=headline)


def _joined_words(text: str) -> str:
    text = re.sub(r"(^|\s)`\s+", r"\1'", html.unescape(text))
    return re.sub(r"\s+'(?=[\s,.;:!?]|$)", "'", detokenize(text))


GIGAWORD = Dataset(
    name="gigaword",
    collection=FLAN_2021,
    source=Tfds("gigaword:1.2.0", download_mib=551),
    splits=Splits.given(),
    schema={"document": str, "summary": str},
    fields=("sentence",),
    normalize=_gigaword,
    metrics=("rouge",),
    size={"train": 3_803_957, "validation": 189_651, "test": 1_951},
    license="MIT (the corpus, by its card on the hub; the texts are the LDC's English Gigaword)",
    citation="Rush et al. 2015, A Neural Attention Model for Abstractive Sentence Summarization",
    alternatives=(Alternative(HuggingFace("Harvard/gigaword")),),
)


_DASH_AT_HEAD = re.compile(r"^[–—-]+\s*")


def _multi_news(row: Row) -> Normalized:
    """Asks for one summary of several reports; numbers them, drops repeats and a leading dash."""
    parts = (tidy(part) for part in row["document"].split("|||||"))
    articles = list(dict.fromkeys(part for part in parts if part))
    summary = _DASH_AT_HEAD.sub("", tidy(row["summary"]))
    if not summary:
        return Skip("no summary")
    if len(articles) < 2:
        return Skip("fewer than two texts")
    shown = (f"Article {number}\n{text}" for number, text in enumerate(articles, start=1))
    return Example(
        fields={"articles": "\n\n".join(shown), "first_article": articles[0]}, answer=summary
    )


MULTI_NEWS = Dataset(
    name="multi_news",
    collection=FLAN_2021,
    source=Tfds("multi_news:2.1.0", download_mib=722),
    splits=Splits.given(),
    schema={"document": str, "summary": str},
    fields=("articles", "first_article"),
    normalize=_multi_news,
    metrics=("rouge",),
    size={"train": 44_972, "validation": 5_622, "test": 5_622},
    license="for non-commercial research and educational purposes only",
    citation=(
        "Fabbri et al. 2019, Multi-News: A Large-Scale Multi-Document Summarization Dataset and "
        "Abstractive Hierarchical Model"
    ),
)


_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")


def _newsroom(row: Row) -> Normalized:
    """Asks for the short text under a headline; puts the headline on top, drops markup."""
    title, text, summary = (
        tidy(_TAG.sub("", html.unescape(row[column]))) for column in ("title", "text", "summary")
    )
    if not text:
        return Skip("no text")
    if not summary:
        return Skip("no summary")
    if one_line(summary) == one_line(text):
        return Skip("the summary is the whole text")
    article = f"{one_line(title)}\n\n{text}" if title else text
    return Example(fields={"article": article}, answer=one_line(summary))


_NEWSROOM_MANUAL = (
    "Ask for the data at https://lil.nlp.cornell.edu/newsroom/ (https://summari.es/download/) and "
    "put train.jsonl, dev.jsonl and test.jsonl in the manual folder"
)

NEWSROOM = Dataset(
    name="newsroom",
    collection=FLAN_2021,
    source=Tfds(
        "newsroom:1.0.0",
        manual=_NEWSROOM_MANUAL,
        manual_files=("train.jsonl", "dev.jsonl", "test.jsonl"),
    ),
    splits=Splits.given(),
    schema={"text": str, "title": str, "summary": str},
    fields=("article",),
    normalize=_newsroom,
    metrics=("rouge",),
    size={"train": 995_041, "validation": 108_837, "test": 108_862},
    license="for research, under the agreement signed to get it; the texts are their publishers'",
    citation=(
        "Grusky et al. 2018, Newsroom: A Dataset of 1.3 Million Summaries with Diverse Extractive "
        "Strategies"
    ),
    alternatives=(Alternative(HuggingFace("lil-lab/newsroom", manual=_NEWSROOM_MANUAL)),),
)


# A tag ends at its own ">": two on a line leave the words between them alone.
_ATTACHMENT = re.compile(r"<([A-Za-z][\w :.]{1,24})>")
_ATTACHED = (
    ("gif", "[GIF]"),
    ("video", "[video]"),
    ("photo", "[photo]"),
    ("picture", "[photo]"),
    ("image", "[photo]"),
    ("jpg", "[photo]"),
    ("link", "[link]"),
    ("location", "[location]"),
    ("file", "[file]"),
    ("fiie", "[file]"),
)


def _samsum(row: Row) -> Normalized:
    """Asks for a chat's gist; makes line ends even and tags like <file_photo> readable."""
    dialogue = tidy(_ATTACHMENT.sub(_attached, row["dialogue"]))
    summary = one_line(row["summary"])
    if not dialogue:
        return Skip("no text")
    if not summary:
        return Skip("no summary")
    return Example(fields={"dialogue": dialogue}, answer=summary)


def _attached(match: re.Match[str]) -> str:
    name = match.group(1).lower()
    if name.startswith("emoticon_"):
        return f"[{name.removeprefix('emoticon_')}]"
    # Anything else, such as <crickets>, was typed by whoever is speaking.
    return next((shown for word, shown in _ATTACHED if word in name), match.group(0))


def _samsum_row(row: Row) -> Row:
    """Turns a row of the hub's copy, where an empty text may be None, into the source's schema."""
    return {"dialogue": row["dialogue"] or "", "summary": row["summary"] or ""}


SAMSUM = Dataset(
    name="samsum",
    collection=FLAN_2021,
    source=Tfds(
        "samsum:1.0.0",
        manual=(
            "Fetch https://arxiv.org/src/1911.12237v2/anc/corpus.7z, unpack it and put train.json, "
            "val.json and test.json in the manual folder"
        ),
        manual_files=("train.json", "val.json", "test.json"),
    ),
    splits=Splits.given(),
    schema={"dialogue": str, "summary": str},
    fields=("dialogue",),
    normalize=_samsum,
    metrics=("rouge",),
    size={"train": 14_732, "validation": 818, "test": 819},
    license="CC-BY-NC-ND-4.0",
    citation=(
        "Gliwa et al. 2019, SAMSum Corpus: A Human-annotated Dialogue Dataset for Abstractive "
        "Summarization"
    ),
    alternatives=(Alternative(HuggingFace("knkarthick/samsum"), adapt=_samsum_row),),
)
