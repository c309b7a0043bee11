"""Tests of what the sentiment normalizers repair and skip."""

from flan_tasks.core.example import Skip
from flan_tasks.datasets.sentiment import (
    IMDB_REVIEWS,
    SENTIMENT140,
    SST2,
    YELP_POLARITY_REVIEWS,
)


def test_imdb_turns_html_line_breaks_into_line_ends():
    example = IMDB_REVIEWS.normalize({"text": "Good.<br /><br />Very good.", "label": 1})
    assert example.fields["text"] == "Good.\n\nVery good."
    assert example.answer == "positive"


def test_imdb_reads_character_references():
    example = IMDB_REVIEWS.normalize({"text": "Dull &#305; &amp; long", "label": 0})
    assert example.fields["text"] == "Dull ı & long"


def test_imdb_skips_unlabeled_reviews():
    assert IMDB_REVIEWS.normalize({"text": "Fine.", "label": -1}) == Skip("no gold label")


def test_opening_is_the_first_eight_words_at_most():
    text = " ".join(f"w{number}" for number in range(40))
    example = IMDB_REVIEWS.normalize({"text": text, "label": 0})
    assert example.fields["opening"] == "w0 w1 w2 w3 w4 w5 w6 w7"


def test_opening_is_a_third_of_a_short_text():
    example = IMDB_REVIEWS.normalize({"text": "one two three four five six", "label": 0})
    assert example.fields["opening"] == "one two"


def test_tweets_of_polarity_two_are_skipped_as_neutral():
    assert SENTIMENT140.normalize({"text": "It is noon.", "polarity": 2}) == Skip("neutral")


def test_tweets_of_polarity_four_are_positive():
    assert SENTIMENT140.normalize({"text": "yes!", "polarity": 4}).answer == "positive"


def test_tweets_of_polarity_zero_are_negative():
    assert SENTIMENT140.normalize({"text": "no!", "polarity": 0}).answer == "negative"


def test_tweets_lose_their_html_escapes():
    example = SENTIMENT140.normalize({"text": "me &amp; you &lt;3 &quot;hi&quot; ", "polarity": 4})
    assert example.fields["text"] == 'me & you <3 "hi"'


def test_tweets_get_back_lost_apostrophes_and_lose_other_lost_characters():
    example = SENTIMENT140.normalize({"text": "thatï¿½s my ï¿½tieï¿½", "polarity": 0})
    assert example.fields["text"] == "that's my tie"


def test_empty_tweets_are_skipped():
    assert SENTIMENT140.normalize({"text": " ", "polarity": 4}) == Skip("no text")


def test_sst2_is_detokenized():
    example = SST2.normalize({"sentence": "it 's -lrb- not -rrb- `` art '' . ", "label": 0})
    assert example.fields["sentence"] == 'it\'s (not) "art".'


def test_sst2_phrases_lose_commas_and_dashes_at_the_cut():
    example = SST2.normalize({"sentence": ", but a well-made one -- ", "label": 1})
    assert example.fields["sentence"] == "but a well-made one"


def test_sst2_skips_hidden_labels():
    assert SST2.normalize({"sentence": "fine", "label": -1}) == Skip("no gold label")


def test_sst2_skips_punctuation_alone():
    assert SST2.normalize({"sentence": "... ", "label": 0}) == Skip("no text")


def test_yelp_escapes_are_undone():
    row = {"text": r'The \""best\"" pie.\n\nReally.', "label": 1}
    assert YELP_POLARITY_REVIEWS.normalize(row).fields["text"] == 'The "best" pie.\n\nReally.'


def test_yelp_label_named_one_is_negative():
    number = YELP_POLARITY_REVIEWS.labels["label"].index("1")
    assert YELP_POLARITY_REVIEWS.normalize({"text": "x", "label": number}).answer == "negative"
