"""The repairs of the summarization normalizers, each on a toy row."""

import pytest

from flan_tasks.core.example import Skip
from flan_tasks.datasets.summarization import (
    AESLC,
    CNN_DAILYMAIL,
    GIGAWORD,
    MULTI_NEWS,
    NEWSROOM,
    SAMSUM,
)


def _email(body):
    return AESLC.normalize({"email_body": body, "subject_line": "Hello"}).fields["email"]


def _article(text):
    found = CNN_DAILYMAIL.normalize({"article": text, "highlights": "It happened."})
    return found.fields["article"]


def _points(highlights):
    return CNN_DAILYMAIL.normalize({"article": "It happened.", "highlights": highlights}).answer


def _headline_row(document, summary="rain stops play"):
    return GIGAWORD.normalize({"document": document, "summary": summary})


def _reports(document, summary="– Rain stopped play."):
    return MULTI_NEWS.normalize({"document": document, "summary": summary})


def _newsroom(text="The text.", title="The title", summary="The summary."):
    return NEWSROOM.normalize({"text": text, "title": title, "summary": summary})


def _chat(dialogue):
    return SAMSUM.normalize({"dialogue": dialogue, "summary": "They talk."}).fields["dialogue"]


def test_aeslc_joins_lines_that_end_after_each_sentence():
    assert _email("Dear all,  See\nyou.\nJo\n") == "Dear all, See you. Jo"


def test_aeslc_undoes_transfer_codes():
    assert _email("We will meet be= fore\n=20 noon.=09Don=01,t be la= te") == (
        "We will meet before noon. Don't be late"
    )


def test_aeslc_keeps_equal_signs_of_plain_mails():
    assert _email("Set x = 5 and y=2.") == "Set x = 5 and y=2."


def test_aeslc_drops_ruled_lines():
    assert _email("**********NOTE********** Read this.") == "NOTE Read this."


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("To: all Subject: Lunch Dear all,", "To: all Dear all,"),
        ("Re: lunch Dear all,", "Dear all,"),
        ("Subject: Re: Lunch. See you", ". See you"),
        ("She called re: Lunch at noon", "She called re: Lunch at noon"),
        ("Subject: Lunchtime", "Subject: Lunchtime"),
    ],
)
def test_aeslc_header_does_not_give_the_subject_away(typed, shown):
    row = {"email_body": typed, "subject_line": "Lunch"}
    assert AESLC.normalize(row).fields["email"] == shown


def test_aeslc_skips_markup():
    row = {"email_body": "<HTML><BODY>Buy</BODY></HTML>", "subject_line": "Buy"}
    assert AESLC.normalize(row) == Skip("markup instead of text")


@pytest.mark.parametrize(
    "dateline",
    [
        "(CNN) -- ",
        "LONDON, England (CNN) -- ",
        "CAVITE CITY, Philippines (CNN)  -- ",
        "St. Louis (CNN) -- ",
        "(CNN)",
        "Paris (CNN)",
        "(CNN Student News) -- ",
        "(Mental Floss) -- ",
    ],
)
def test_cnn_drops_dateline_and_keeps_the_article(dateline):
    assert _article(f"{dateline}Rain fell (at last) -- and stayed.") == (
        "Rain fell (at last) -- and stayed."
    )


def test_cnn_keeps_brackets_in_a_first_sentence():
    text = "The firm (formerly Acme) -- now a giant -- grew."
    assert _article(text) == text


def test_cnn_drops_dateline_after_an_editors_note():
    assert _article("Editor's note: Jo writes. (CNN) -- It rained.") == (
        "Editor's note: Jo writes. It rained."
    )


@pytest.mark.parametrize(
    "head",
    [
        "By . Jo Bloggs . ",
        "By. Jo Bloggs. ",
        "By . Jo Bloggs . and Al Ash . ",
        "By . Jo Bloggs . PUBLISHED: . 03:53 EST, 23 July 2013 . | . UPDATED: . 11:25 EST,"
        " 23 July 2013 . ",
        "By. Jo Bloggs. PUBLISHED:. 03:53 EST, 23 July 2013. |. ",
        "By . Jo Bloggs . Last updated at 2:18 PM on 30th December 2011 . ",
    ],
)
def test_cnn_drops_byline_and_time_stamps(head):
    assert _article(f"{head}A dog barked.") == "A dog barked."


def test_cnn_drops_calls_to_the_page():
    assert _article("It rained. Scroll down for video. It stopped. E-mail to a friend .") == (
        "It rained. It stopped."
    )


def test_cnn_joins_sentences_broken_by_a_stop():
    assert _article("The mayor, . who is 50, . left . Nobody saw it .") == (
        "The mayor, who is 50, left. Nobody saw it."
    )


def test_cnn_highlights_stand_one_a_line_without_loose_stops():
    assert _points("It rained .\nIt stopped .") == "It rained.\nIt stopped."


def test_cnn_highlights_lose_lines_that_are_links():
    assert _points("It rained.\nREAD: More rain.\nCLICK HERE for all news.") == "It rained."


def test_gigaword_undoes_tokenizing():
    example = _headline_row(
        "the miners ' union wo n't yield , `` never , '' it said -lrb- again -rrb- ."
    )
    assert (
        example.fields["sentence"] == "the miners' union won't yield, \"never,\" it said (again)."
    )


def test_gigaword_closes_single_quotes():
    assert _headline_row("a ` very wet ' day .").fields["sentence"] == "a 'very wet' day."


@pytest.mark.parametrize("document", ["UNK rain fell .", "rain fell in <unk> ."])
def test_gigaword_skips_unknown_words(document):
    assert _headline_row(document) == Skip("unknown word")


def test_gigaword_skips_masked_digits_in_the_headline():
    assert _headline_row("rain fell .", "## mm of rain") == Skip("digits masked")


def test_multi_news_numbers_the_articles():
    assert _reports("One.\n\n\n\nTwo. ||||| Three. |||||").fields["articles"] == (
        "Article 1\nOne.\n\nTwo.\n\nArticle 2\nThree."
    )


def test_multi_news_drops_a_repeated_article():
    assert _reports("One. ||||| Two. ||||| One.").fields["articles"].count("One.") == 1


def test_multi_news_drops_the_dash_before_a_summary():
    assert _reports("One. ||||| Two.").answer == "Rain stopped play."


def test_multi_news_skips_a_single_article():
    assert _reports("One. |||||") == Skip("fewer than two texts")


def test_newsroom_puts_the_title_on_top():
    assert _newsroom().fields["article"] == "The title\n\nThe text."


def test_newsroom_does_without_a_title():
    assert _newsroom(title="").fields["article"] == "The text."


def test_newsroom_reads_entities_and_drops_tags():
    assert _newsroom(summary="<p>Fish &amp; <b>chips</b>.</p>").answer == "Fish & chips."


def test_newsroom_skips_a_summary_that_is_the_text():
    assert _newsroom(summary="The  text.") == Skip("the summary is the whole text")


def test_samsum_makes_line_ends_even():
    assert _chat("A: hi\r\nB: ho \r\n") == "A: hi\nB: ho"


def test_samsum_keeps_words_between_two_tags():
    assert _chat("A: <file_photo> look <file_other>") == "A: [photo] look [file]"


def test_samsum_keeps_hearts_and_typed_actions():
    assert _chat("A: <3 you :> and <crickets>") == "A: <3 you :> and <crickets>"


def test_samsum_hub_rows_without_text_become_empty():
    adapt = SAMSUM.alternatives[0].adapt
    assert adapt({"id": "1", "dialogue": None, "summary": "S"}) == {"dialogue": "", "summary": "S"}
