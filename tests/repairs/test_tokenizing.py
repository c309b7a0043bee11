"""Tests of undoing tokenizers."""

import pytest

from flan_tasks.repairs.tokenizing import detokenize, with_apostrophes


@pytest.mark.parametrize(
    ("tokenized", "typed"),
    [
        ("Rain fell , then snow ; nobody came .", "Rain fell, then snow; nobody came."),
        ("the boat ( a ketch ) sank !", "the boat (a ketch) sank!"),
        ("the boat -LRB- a ketch -rrb- sank", "the boat (a ketch) sank"),
        ("it was n't the baker 's ; they 've left", "it wasn't the baker's; they've left"),
        ("He doesn 't know , Ms. O 'Leary said .", "He doesn't know, Ms. O'Leary said."),
        ("it opens at nine o 'clock , ma 'am", "it opens at nine o'clock, ma'am"),
        ("I can not swim , I said .", "I cannot swim, I said."),
        ("we 're gon na win , you wan na bet ?", "we're gonna win, you wanna bet?"),
        ("some 12.5 % of them", "some 12.5% of them"),
        ("it cost $ 4.50 , or £ 3", "it cost $4.50, or £3"),
        ("shares fell to A $ 4.56 , US $ 3", "shares fell to A$4.56, US$3"),
        ("A $ 10 bill lay there .", "A $10 bill lay there."),
        ("a $ 10 bill lay there .", "a $10 bill lay there."),
        ("the S & P , and salt & pepper", "the S&P, and salt & pepper"),
        ("cleaners and / or painters , 1 / 2 of them", "cleaners and/or painters, 1/2 of them"),
        ("at 9 : 30 , in one place : here", "at 9:30, in one place: here"),
        ("it was 90 ° C in room # 4 .", "it was 90°C in room #4."),
        ("Reeve Co . Ltd . was sold .", "Reeve Co. Ltd. was sold."),
        ("a well @-@ known 3 @,@ 000", "a well-known 3,000"),
        ("either \\/ or , four \\*", "either / or, four *"),
        ("the 1970 ’ s , the term ‘ lull ’", "the 1970’s, the term ‘lull’"),
        ("( 1901 -- 88 ) -- in 1912 -- he", "(1901–88) -- in 1912 -- he"),
        ("won 6 -- 4 , 7 -- 6 (May 1874 -- 3 June 1904)", "won 6–4, 7–6 (May 1874 – 3 June 1904)"),
        ("wait ... and see ...", "wait ... and see ..."),
        ('he stopped . . .and " . . . left "', 'he stopped ...and "... left"'),
        ("shares of Reeve < .XYZ > fell", "shares of Reeve <.XYZ> fell"),
    ],
)
def test_detokenize_gives_what_people_type(tokenized, typed):
    assert detokenize(tokenized) == typed


@pytest.mark.parametrize(
    ("tokenized", "typed"),
    [
        ("`` No , '' he said , `` not I . ''", '"No," he said, "not I."'),
        ('" No , " he said , " not I . "', '"No," he said, "not I."'),
        ('called it " a pity " .', 'called it "a pity".'),
        ("'' The Gull '' and '' The Tern ''", '"The Gull" and "The Tern"'),
        ('" We are late , he said .', '"We are late, he said.'),
        ('We are late , " he said .', 'We are late," he said.'),
        ('She replied , " We are late .', 'She replied, "We are late.'),
        ('We are late . "', 'We are late."'),
        ("( `` Aster alpinus '' )", '("Aster alpinus")'),
        ("the `` Gull '' , '' Tern '' sailed", 'the "Gull", "Tern" sailed'),
        ("known as the Gull of Teal `` .", 'known as the Gull of Teal".'),
        ("'' sails well , they said", '"sails well, they said'),
        ("signed for the first time as '' Gull", 'signed for the first time as "Gull'),
        ('to " be glad "," be calm "... and', 'to "be glad", "be calm"... and'),
        ("known as ' a fine ship", "known as 'a fine ship"),
        ('"We are late, " he said. "', '"We are late," he said."'),
        ("the ` small ' film , sir", "the 'small' film, sir"),
        ("it is ' bigger than others ' .", "it is 'bigger than others'."),
        ("the nurses ' home , the boys ' club", "the nurses' home, the boys' club"),
        ("late-'60s rock 'n' roll , haul 'em in", "late-'60s rock 'n' roll, haul 'em in"),
    ],
)
def test_detokenize_joins_quotes_to_what_they_enclose(tokenized, typed):
    assert detokenize(tokenized) == typed


@pytest.mark.parametrize(
    "typed",
    [
        'He said, "I can not only sing, I can dance," and left.',
        "It's 5% of $3.20 -- that's what the clerks' \"rule\" says (I think).",
        "We can not go.",
        "if x < y and 1/2 > 0, then y > x",
        "In June 1998, 300 people came; at 9:30 they'd gone.",
        "the 'bad old days' / the '60s & after: C#, R&D, #2, <.XYZ>",
        "The word “maître d'” isn’t French…",
        "https://example.org/a,b?c=d&e='f'",
        "",
    ],
)
def test_detokenize_leaves_typed_text_alone(typed):
    assert detokenize(typed) == typed


def test_detokenize_is_done_after_one_pass():
    text = "`` It is n't , '' the twins ' aunt said -- `` ( not ) 5 % . ''"
    assert detokenize(detokenize(text)) == detokenize(text)


@pytest.mark.parametrize(
    ("broken", "typed"),
    [
        ("i do nt know and ca nt say", "i don't know and can't say"),
        ("Earth 's poles", "Earth's poles"),
        (
            "the 's' in cats, 's ' too, at 30 nt of depth",
            "the 's' in cats, 's ' too, at 30 nt of depth",
        ),
    ],
)
def test_apostrophes_come_back_where_a_tool_took_them(broken, typed):
    assert with_apostrophes(broken) == typed
