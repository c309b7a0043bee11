"""Repairs and label maps of the summarization normalizers, on toy rows."""

from typing import Any

import pytest

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.row_examples import normalize_row
from flan_tasks.datasets._summarization_feeds_and_opinions import (
    AG_NEWS,
    OPINION_ABSTRACTS_IDEBATE,
    OPINION_ABSTRACTS_ROTTEN_TOMATOES,
    WIKI_LINGUA_ENGLISH_EN,
    XSUM,
)

ROWS: dict[str, dict[str, Any]] = {
    "ag_news": {"title": "T", "description": "D.", "label": 0},
    "opinion_abstracts_rotten_tomatoes": {
        "_movie_name": "M",
        "_critics": {"key": ["1"], "value": ["Good."]},
        "_critic_consensus": "It is good.",
    },
    "opinion_abstracts_idebate": {
        "_debate_name": "This House would",
        "_argument_sentences": {"key": ["0"], "value": ["So it is."]},
        "_claim": "It is so",
    },
    "wiki_lingua_english_en": {
        "gem_id": "g-0",
        "source": "Stir it well.",
        "target": "Stir.",
        "references": [],
    },
    "xsum": {"document": "It was sold.", "summary": "Sold."},
}


def item(dataset: Dataset, **changes: Any) -> Example | Skip:
    row = {**ROWS[dataset.name], **changes}
    (found,) = normalize_row(dataset, row, source_split="train", number=0)
    return found


def example(dataset: Dataset, **changes: Any) -> Example:
    found = item(dataset, **changes)
    assert isinstance(found, Example), found
    return found


def news(description: str) -> str:
    return example(AG_NEWS, description=description).fields["description"]


def critics(*reviews: str) -> dict[str, list[str]]:
    return {"key": [str(number) for number in range(len(reviews))], "value": list(reviews)}


@pytest.mark.parametrize(
    ("label", "answer"),
    enumerate(("world news", "sports", "business", "science and technology")),
)
def test_ag_news_maps_labels_by_name(label, answer):
    assert example(AG_NEWS, label=label).answer == answer


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("Peru #39;s coast", "Peru's coast"),
        ("called  quot;tepid quot; by all", 'called "tepid" by all'),
        ("an AT amp;T phone", "an AT&T phone"),
        ("costs  #36;10.3B now", "costs $10.3B now"),
        ("Grey   Sons Co.", "Grey & Sons Co."),
        ("do not; or do", "do not; or do"),
    ],
)
def test_ag_news_mends_codes_that_lost_their_ampersand(raw, wanted):
    assert news(raw) == wanted


def test_ag_news_removes_tags_and_keeps_their_text():
    assert news("&lt;p&gt;&lt;b&gt;Bold&lt;/b&gt; claims&lt;/p&gt; here") == "Bold claims here"


def test_ag_news_removes_a_tag_that_is_cut_off():
    assert news('All is well. &lt;a href="http://ads') == "All is well."


def test_ag_news_removes_links_to_stock_quotes():
    link = '&lt;A HREF="http://x/FullQuote.aspx?ticker=AB.N"&gt;AB.N&lt;/A&gt;'
    assert news(f"Shares of AB {link}, a bank") == "Shares of AB, a bank"


def test_ag_news_removes_notes_on_stock_quotes():
    assert news("AB (AB.N: Quote, Profile, Research) rose") == "AB rose"


def test_ag_news_reads_backslashes_as_line_ends_but_before_a_dollar():
    assert news("a fine\\of \\$5") == "a fine of $5"


def test_ag_news_drops_the_agency_named_in_title_and_text():
    found = example(AG_NEWS, title="Oil up (AP)", description="AP - Oil rose.")
    assert found.fields == {"title": "Oil up", "description": "Oil rose."}


def test_ag_news_drops_a_section_name_that_gives_the_answer_away():
    assert example(AG_NEWS, title="Business ; Oil up").fields["title"] == "Oil up"


def test_rotten_tomatoes_shows_ten_reviews():
    found = example(
        OPINION_ABSTRACTS_ROTTEN_TOMATOES, _critics=critics(*(f"No. {i}" for i in range(12)))
    )
    assert len(found.fields["reviews"].splitlines()) == 10


def test_rotten_tomatoes_reads_underscores_of_a_title_as_blanks():
    found = example(OPINION_ABSTRACTS_ROTTEN_TOMATOES, _movie_name="my_dog")
    assert found.fields["movie"] == "my dog"


def test_rotten_tomatoes_drops_notes_that_point_elsewhere():
    found = example(
        OPINION_ABSTRACTS_ROTTEN_TOMATOES,
        _critics=critics("Schön. [Full review in German]", "Full Review in Greek", "Fine."),
    )
    assert found.fields["reviews"] == "Schön.\nFine."


def test_rotten_tomatoes_skips_a_movie_without_consensus():
    found = item(OPINION_ABSTRACTS_ROTTEN_TOMATOES, _critic_consensus="No consensus yet.")
    assert found == Skip("no summary")


def test_idebate_undoes_tokenizing():
    found = example(
        OPINION_ABSTRACTS_IDEBATE, _argument_sentences=critics("If so , they do n't pay .")
    )
    assert found.fields["arguments"] == "If so, they don't pay."


def test_idebate_drops_footnotes():
    found = example(OPINION_ABSTRACTS_IDEBATE, _argument_sentences=critics("It fell by half. [12]"))
    assert found.fields["arguments"] == "It fell by half."


def test_wiki_lingua_evens_out_blanks():
    found = example(WIKI_LINGUA_ENGLISH_EN, source="Cut it.  Use 5\u00a0cm of it .")
    assert found.fields["guide"] == "Cut it. Use 5 cm of it."


def test_wiki_lingua_counts_equal_references_once():
    found = example(WIKI_LINGUA_ENGLISH_EN, references=["Stir.", "Stir it."])
    assert found.references == ("Stir.", "Stir it.")


@pytest.mark.parametrize(
    "noise",
    [
        "Media playback is not supported on this device",
        "2 May 2014 Last updated at 10:11 BST",
        "Follow us on Twitter @example.",
        "Jo.Doe-INTERNET@bbc.co.uk",
    ],
)
def test_xsum_drops_what_the_page_left(noise):
    assert example(XSUM, document=f"{noise}\nIt was sold.").fields["article"] == "It was sold."


def test_xsum_skips_an_article_without_text():
    assert item(XSUM, document="") == Skip("no text")


def test_xsum_skips_an_article_shorter_than_its_summary():
    found = item(XSUM, document="Jo Doe reports.", summary="A letter has been sold.")
    assert found == Skip("the text is shorter than the summary")
