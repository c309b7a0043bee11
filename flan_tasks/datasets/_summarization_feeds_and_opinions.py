"""The second part of the summarization cluster; `summarization` collects it.

Here are a BBC article in one sentence (XSum), a guide as the bare list of its steps (WikiLingua),
and what many voices say together, as a critics' consensus or as the claim that arguments make (the
two opinion sets). AG News asks for a report's topic instead, as it did in the paper. Normalizers
remove what feeds and players left in the text: broken character codes, tags, agency marks, notes
on playback, tokenizing.
"""

import html
import re

from flan_tasks.core.dataset import FLAN_2021, Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Alternative, HuggingFace, Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.repairs.blanks import one_line, tidy
from flan_tasks.repairs.marks import joined_marks, paired_quotes
from flan_tasks.repairs.tokenizing import detokenize

# AG News: every "&" became a blank, so "&#39;" reads " #39;" and "Marks & Spencer" has three.
_LOST_AMPERSAND = re.compile(r"(?<=[A-Za-z])   (?=[A-Z])")
_BROKEN_CODE = re.compile(
    r"(?: |(?<![&\w]))(#\d{2,5}|quot|amp|lt|gt|nbsp|apos|hellip|[mn]dash|[lr][sd]quo);"
)
_STOCK_LINK = re.compile(r"\s*<a\s[^<>]*fullquote[^<>]*>[^<]*</a>", re.IGNORECASE)
_STOCK_NOTE = re.compile(r" ?\([\w.]+: Quote, Profile(?:, Research)?\)?")
_BLOCK_TAG = re.compile(r"</?(?:p|br|img|table|tr|td|div|ul|li)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_CUT_TAG = re.compile(r"</?[A-Za-z][^<>]*$")
_ESCAPED = re.compile(r'\\([$"#&])')
# A section's name before the text would give the answer away.
_SECTION_START = re.compile(
    r"[A-Z][\w /-]{1,20} ; |(?:[A-Z]\w+ )?News ?: "
    r"|(?i:world|international|sports?|business|sci(?:ence)?/tech|science|technology|tech) ?: "
)
_AGENCY_START = re.compile(r"([A-Z][\w. ]{1,30}|\w+\.com) - ")

# Opinions: how many of a text's many voices are shown.
_NUM_VOICES = 10
_NO_CONSENSUS = re.compile(r"no consensus yet\b", re.IGNORECASE)
_REVIEW_ELSEWHERE = re.compile(r"\s*[\[(]?full review (?:in|at) [\w .]+?[\])]?\.?$", re.IGNORECASE)
_TOKENIZED_TEXT = re.compile(r"\w [.,;?!](?:\s|$)|``|\w n't\b|\w 's\b")
_FOOTNOTE = re.compile(r"\s*\[\s?\d+\s?\]")

# XSum: what the page around an article left in it.
_PLAYBACK = re.compile(r"Media playback is (?:not supported|unsupported) on (?:this|your) device")
_UPDATED = re.compile(r"(?:\d{1,2} \w+ \d{4} )?Last updated at \d{1,2}:\d{2} (?:GMT|BST)")
_CONTACT = re.compile(
    r"^(?:follow (?:us|@\w+|[\w.]+ [\w.]+) on (?:twitter|facebook|instagram)\b|twitter: @"
    r"|\S+@bbc\.co\.uk\b).*$",
    re.IGNORECASE | re.MULTILINE,
)


def _ag_news(row: Row) -> Normalized:
    """Asks for a news report's topic; mends broken character codes, drops tags and agency marks."""
    if row["label"] < 0:
        return Skip("no gold label")
    title, description = _news_feed(row["title"]), _news_feed(row["description"])
    agency = _AGENCY_START.match(description)
    # A feed names its agency in both places, and only there: "Oil up (Reuters)", "Reuters - Oil".
    if agency and title.endswith(f"({agency.group(1)})"):
        title = title.removesuffix(f"({agency.group(1)})")
        description = description[agency.end() :]
    if not title.strip() or not description.strip():
        return Skip("no title or no text")
    name = AG_NEWS.labels["label"][row["label"]]
    topics = {
        "World": "world news",
        "Sports": "sports",
        "Business": "business",
        "Sci/Tech": "science and technology",
    }
    return Example(
        fields={"title": title, "description": description},
        options=AG_NEWS.options,
        answer=topics[name],
    )


AG_NEWS = Dataset(
    name="ag_news",
    collection=FLAN_2021,
    source=Tfds("ag_news_subset:1.0.0"),
    splits=Splits.validation_from_train(200, test="test"),
    schema={"title": str, "description": str, "label": int},
    labels={"label": ("World", "Sports", "Business", "Sci/Tech")},
    fields=("title", "description"),
    options=("world news", "sports", "business", "science and technology"),
    normalize=_ag_news,
    metrics=("accuracy",),
    size={"train": 120000, "test": 7600},
    license="non-commercial use (as the AG corpus states)",
    citation="Zhang et al. 2015, Character-level Convolutional Networks for Text Classification",
)


def _news_feed(text: str) -> str:
    """Undoes what a news feed's export did to a text."""
    text = _LOST_AMPERSAND.sub(" & ", text)
    text = _BROKEN_CODE.sub(lambda code: html.unescape(f"&{code.group(1)};"), text)
    text = _untagged_news(html.unescape(text))
    # "\$" is a dollar; any other backslash stands where a line ended.
    text = one_line(_ESCAPED.sub(r"\1", text).replace("\\", " "))
    text = _SECTION_START.sub("", text, count=1) if _SECTION_START.match(text) else text
    return joined_marks(text)


def _untagged_news(text: str) -> str:
    text = _STOCK_NOTE.sub("", _STOCK_LINK.sub("", text))
    return _CUT_TAG.sub("", _TAG.sub("", _BLOCK_TAG.sub(" ", text)))


def _rotten_tomatoes(row: Row) -> Normalized:
    """Asks what critics agree on about a movie; shows ten reviews, drops tags and notes on them."""
    movie = _opinion(row["_movie_name"].replace("_", " "))
    consensus = _opinion(row["_critic_consensus"])
    found = (_REVIEW_ELSEWHERE.sub("", _opinion(text)) for text in row["_critics"]["value"])
    reviews = list(dict.fromkeys(review for review in found if review))[:_NUM_VOICES]
    if not consensus or _NO_CONSENSUS.match(consensus):
        return Skip("no summary")
    if not movie or not reviews:
        return Skip("no title or no review")
    return Example(fields={"movie": movie, "reviews": "\n".join(reviews)}, answer=consensus)


OPINION_ABSTRACTS_ROTTEN_TOMATOES = Dataset(
    name="opinion_abstracts_rotten_tomatoes",
    collection=FLAN_2021,
    source=Tfds("opinion_abstracts/rotten_tomatoes:1.0.0", download_mib=20),
    splits=Splits.carved(validation=100, test=500),
    schema={"_movie_name": str, "_critics": dict, "_critic_consensus": str},
    fields=("movie", "reviews"),
    normalize=_rotten_tomatoes,
    metrics=("rouge",),
    size={"train": 3731},
    license="not stated by the source",
    citation=(
        "Wang and Ling 2016, Neural Network-Based Abstract Generation for Opinions and Arguments"
    ),
)


def _idebate(row: Row) -> Normalized:
    """Asks for the claim that arguments in a debate make; undoes tokenizing, drops footnotes."""
    claim = _argument(row["_claim"])
    debate = _argument(row["_debate_name"].replace("_", " "))
    found = (_argument(text) for text in row["_argument_sentences"]["value"])
    arguments = list(dict.fromkeys(text for text in found if text))[:_NUM_VOICES]
    if not claim:
        return Skip("no summary")
    if not debate or not arguments:
        return Skip("no debate or no argument")
    return Example(fields={"debate": debate, "arguments": "\n".join(arguments)}, answer=claim)


OPINION_ABSTRACTS_IDEBATE = Dataset(
    name="opinion_abstracts_idebate",
    collection=FLAN_2021,
    source=Tfds("opinion_abstracts/idebate:1.0.0", download_mib=20),
    splits=Splits.carved(validation=100, test=500),
    schema={"_debate_name": str, "_argument_sentences": dict, "_claim": str},
    fields=("debate", "arguments"),
    normalize=_idebate,
    metrics=("rouge",),
    size={"train": 2259},
    license="not stated by the source",
    citation=(
        "Wang and Ling 2016, Neural Network-Based Abstract Generation for Opinions and Arguments"
    ),
)


def _opinion(text: str) -> str:
    return one_line(_TAG.sub("", html.unescape(text)))


def _argument(text: str) -> str:
    text = _opinion(text)
    if _TOKENIZED_TEXT.search(text):
        text = detokenize(text)
    return one_line(_FOOTNOTE.sub("", text))


def _wiki_lingua(row: Row) -> Normalized:
    """Asks for a how-to guide's steps in short sentences; evens out blanks."""
    guide, steps = _guide(row["source"]), _guide(row["target"])
    if not guide:
        return Skip("no text")
    if not steps:
        return Skip("no summary")
    references = (_guide(text) for text in row["references"])
    return Example(
        fields={"guide": guide},
        answer=steps,
        references=tuple(dict.fromkeys((steps, *(text for text in references if text)))),
        key=row["gem_id"],
    )


WIKI_LINGUA_ENGLISH_EN = Dataset(
    name="wiki_lingua_english_en",
    collection=FLAN_2021,
    source=Tfds("gem/wiki_lingua_english_en:1.1.0"),
    splits=Splits.given(),
    schema={"gem_id": str, "source": str, "target": str, "references": list},
    fields=("guide",),
    normalize=_wiki_lingua,
    metrics=("rouge",),
    size={"train": 99020, "validation": 13823, "test": 28614},
    license="CC-BY-NC-SA-3.0",
    citation=(
        "Ladhak et al. 2020, WikiLingua: A New Benchmark Dataset for Cross-Lingual Abstractive "
        "Summarization; Gehrmann et al. 2021, The GEM Benchmark"
    ),
)


def _guide(text: str) -> str:
    return joined_marks(one_line(text))


def _xsum(row: Row) -> Normalized:
    """Asks for a news article in one sentence; drops notes on playback, time and contacts."""
    article = tidy(_CONTACT.sub("", _UPDATED.sub("", _PLAYBACK.sub("", row["document"]))))
    article = paired_quotes(joined_marks(article))
    summary = joined_marks(one_line(row["summary"]))
    if not article:
        return Skip("no text")
    if not summary:
        return Skip("no summary")
    # Of a page with a film, a line may be left: who reports. It tells nothing of the news.
    if len(article) < len(summary):
        return Skip("the text is shorter than the summary")
    return Example(fields={"article": article}, answer=summary)


XSUM = Dataset(
    name="xsum",
    collection=FLAN_2021,
    source=Tfds(
        "xsum:1.1.0",
        manual=(
            "xsum-extracts-from-downloads.tar.gz, made with the scripts at "
            "github.com/EdinburghNLP/XSum (XSum-Dataset), in TFDS's manual folder"
        ),
        manual_files=("xsum-extracts-from-downloads.tar.gz",),
        download_mib=3,
    ),
    splits=Splits.given(),
    schema={"document": str, "summary": str},
    fields=("article",),
    normalize=_xsum,
    metrics=("rouge",),
    size={"train": 203577, "validation": 11305, "test": 11301},
    license="not stated by the source (texts: BBC)",
    citation=(
        "Narayan et al. 2018, Don't Give Me the Details, Just the Summary! Topic-Aware "
        "Convolutional Neural Networks for Extreme Summarization"
    ),
    alternatives=(Alternative(HuggingFace("EdinburghNLP/xsum")),),
)
