"""Rows of written reasoning: what is taken apart, what is skipped, and that scores can read it."""

from collections import Counter
from pathlib import Path

import pytest

from flan_tasks.core.example import Example, Skip
from flan_tasks.core.render import render
from flan_tasks.core.row_examples import normalize_row
from flan_tasks.core.template import FORWARD, INVERTED
from flan_tasks.datasets import catalog, get
from flan_tasks.metrics.by_name import metric
from flan_tasks.metrics.gold import Gold
from flan_tasks.raw_rows import open_source
from flan_tasks.raw_rows.samples import SamplesSource

NAMES = [dataset.name for dataset in catalog().datasets if dataset.cluster == "chain_of_thought"]
PUBLISHED = ("aqua", "creak", "ecqa", "gsm8k", "qasc", "sensemaking", "strategyqa")


def normalized(name, **row):
    (item,) = normalize_row(get(name), row, source_split="train", number=0)
    return item


def published(name, question, answer, chain="It is so."):
    return normalized(name, question=question, answer=answer, chain=chain)


def misread(name, examples):
    """Forward targets in which the metric does not read the answer, line ends or none."""
    dataset = get(name)
    (named,) = dataset.metrics
    wrong = []
    for template in catalog().templates(name).of_kind(FORWARD):
        targets = [render(template, example).targets for example in examples]
        for said in (targets, [" ".join(text.split()) for text in targets]):
            golds = [Gold.of(one, answer=one.answer, language="en") for one in examples]
            for gold, text in zip(golds, said, strict=True):
                if min(metric(named)([gold], [text]).values()) < 100:
                    wrong.append((template.id, text))
    return wrong


def examples_of(name, source):
    dataset = get(name)
    items = [
        item
        for split, count in source.splits().items()
        for number, row in enumerate(source.rows(split, range(count)))
        for item in normalize_row(dataset, row, source_split=split, number=number)
    ]
    return [item for item in items if isinstance(item, Example)]


def test_there_are_nine():
    assert len(NAMES) == 9


@pytest.mark.parametrize("name", NAMES)
def test_scores_read_the_answer_behind_the_reasoning_of_every_target(name):
    assert misread(name, examples_of(name, SamplesSource(name, catalog().samples(name)))) == []


@pytest.mark.parametrize("name", NAMES)
def test_all_four_directions_are_turned_round(name):
    directions = set()
    for template in catalog().templates(name).of_kind(INVERTED):
        sides = [template.fields(part) & {"rationale", "answer"} for part in ("inputs", "targets")]
        directions.add(tuple(map(frozenset, sides)))
    answer, rationale = frozenset({"answer"}), frozenset({"rationale"})
    both, neither = answer | rationale, frozenset[str]()
    assert directions == {
        (answer, rationale),  # with the question asked for or given
        (both, neither),
        (rationale, answer),
    }
    assert len(catalog().templates(name).of_kind(INVERTED)) == 4


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_rows_are_examples_or_skips_with_a_reason(name, real_tree: Path):
    folder = real_tree.parent / "cot"
    if not folder.is_dir():
        pytest.skip("no real rows of it available")
    dataset = get(name)
    source = open_source(dataset, kind="files", data_dir=folder, samples=None)
    count = source.num_rows("train")
    items = [
        item
        for number, row in enumerate(source.rows("train", range(count)))
        for item in normalize_row(dataset, row, source_split="train", number=number)
    ]
    skips = Counter(item.reason for item in items if isinstance(item, Skip))
    examples = [item for item in items if isinstance(item, Example)]
    assert len(examples) + skips.total() == len(items) == count == 500
    assert set(skips) <= {
        "two equal options",
        "reasoning that breaks off",
        "reasoning that ends in another option",
        "an answer that speaks of the options",
    }
    assert len(examples) > 0.95 * count, skips
    for example in examples:
        assert "Options:" not in example.fields.get("question", "")
        assert "\\n" not in "".join([*example.fields.values(), *example.options])
    assert misread(name, examples[::7]) == []


def test_gsm8k_at_its_source_gives_numbers(real_tree: Path):
    dataset = get("gsm8k")
    source = open_source(dataset, kind="tfds", data_dir=real_tree, samples=None)
    if source.status().state != "available":
        pytest.skip("no real rows of it available")
    for row in source.rows("test", range(200)):
        example = dataset.normalize(row)
        assert isinstance(example, Example)
        assert "<<" not in example.fields["rationale"] and "," not in example.answer


def test_letters_become_the_texts_of_options():
    example = published("qasc", "What melts?\\nOptions:\\n- (A) ice\\n- (B) sand", "(A)")
    assert (example.options, example.answer) == (("ice", "sand"), "ice")
    assert example.fields["question"] == "What melts?"


def test_options_may_have_letters_without_dashes_and_questions_several_lines():
    example = published("aqua", "Which is odd ?\\n10, 12, 15\\nOptions:\\n(A) 12\\n(B) 15", "(B)")
    assert example.fields["question"] == "Which is odd?\n10, 12, 15"
    assert example.answer == "15"


@pytest.mark.parametrize(
    ("name", "question", "answer", "reason"),
    [
        ("qasc", "What melts?", "(A)", "options that cannot be told apart"),
        ("qasc", "What melts?\\nOptions:\\nice\\nsand", "(A)", "options that cannot be told apart"),
        ("qasc", "Q?\\nOptions:\\n- (A) ice\\n- (B) sand", "(C)", "an answer that is no option"),
        ("qasc", "Q?\\nOptions:\\n- (A) Ice.\\n- (B) ice", "(A)", "two equal options"),
        ("ecqa", "Q?\\nOptions:\\n- ice\\n- sand", "water", "an answer that is no option"),
        ("ecqa", "\\nOptions:\\n- ice\\n- sand", "ice", "no question"),
        ("strategyqa", "Is it?", "perhaps", "an answer that is no option"),
        ("strategyqa", "", "yes", "no question"),
        ("creak", "Is it true?", "yes", "a claim that cannot be told from the question"),
        ("creak", '"A."\\n"B."', "yes", "a claim that cannot be told from the question"),
        ("sensemaking", "Which?", "Sentence A", "sentences that cannot be told apart"),
        (
            "sensemaking",
            'Which?\\nOptions:\\n- Sentence A: "A."\\n- Sentence A: "B."',
            "Sentence A",
            "sentences that cannot be told apart",
        ),
        (
            "sensemaking",
            'Which?\\nOptions:\\n- Sentence A: "A."\\n- Sentence B: "B."',
            "A",
            "an answer that is no option",
        ),
    ],
)
def test_rows_that_cannot_be_read_are_skipped_and_say_why(name, question, answer, reason):
    assert published(name, question, answer) == Skip(reason)


@pytest.mark.parametrize(("chain", "reason"), [("", "no reasoning"), (" \\n ", "no reasoning")])
def test_a_row_without_reasoning_is_skipped(chain, reason):
    assert published("strategyqa", "Is it?", "yes", chain) == Skip(reason)


def test_reasoning_that_ends_in_another_option_is_skipped():
    question = "Q?\\nOptions:\\n(A) 1/5\\n(B) 1/9"
    assert isinstance(published("aqua", question, "(A)", "3!/6! = 1/5"), Example)
    assert isinstance(published("aqua", question, "(B)", "3!/6! = 1/5"), Skip)


@pytest.mark.parametrize(
    "chain",
    [
        "6 / 2 = 3\\nAnswer: B",
        "6 / 2 = 3. So the correct option is (B).",
        "6 / 2 = 3 ANS:B",
        "Answer B) 6 / 2 = 3",
        "6 / 2 = 3",
    ],
)
def test_letters_of_options_leave_the_reasoning(chain):
    example = published("aqua", "Half of 6?\\nOptions:\\n(A) 2\\n(B) 3", "(B)", chain)
    assert example.fields["rationale"] == "6 / 2 = 3."


def test_an_answer_that_no_working_comes_out_at_is_skipped():
    question = "Half of 6?\\nOptions:\\n(A) 2\\n(B) None of these"
    found = published("aqua", question, "(B)", "6 / 2 = 3")
    assert found == Skip("an answer that speaks of the options")


def test_reasoning_that_speaks_of_an_answer_keeps_its_words():
    chain = "The answer is a number below B"
    example = published("aqua", "Half of 6?\\nOptions:\\n(A) 2\\n(B) 3", "(B)", chain)
    assert example.fields["rationale"] == f"{chain}."


def test_a_claim_with_quotation_marks_stays_whole():
    example = published("creak", 'Is it true?\\n"The song "Low Tide" is long"', "no")
    assert example.fields["claim"] == 'The song "Low Tide" is long.'


def test_sensemaking_knows_which_sentence_makes_sense():
    question = 'Which?\\nOptions:\\n- Sentence A: "Ice burns."\\n- Sentence B: "Wood burns."\\n'
    example = published("sensemaking", question, "Sentence A", "Ice is water")
    assert example.answer == "Ice burns."
    assert example.fields["sensible"] == "Wood burns."
    assert example.fields["rationale"] == "Ice is water."


def test_sentences_that_were_run_together_are_parted():
    example = published(
        "strategyqa", "Is it?", "yes", "Bees sting.Wasps do as well. In the U.S.Army"
    )
    assert example.fields["rationale"] == "Bees sting. Wasps do as well. In the U.S.Army."


def test_the_calculators_marks_leave_gsm8k():
    item = normalized(
        "gsm8k", question="Q?", annotation="48/2 = <<48/2=24>>24\n", short_answer="1,024"
    )
    assert (item.fields["rationale"], item.answer) == ("48/2 = 24.", "1024")


def test_esnli_answers_as_snli_does():
    assert get("esnli").options == get("snli").options
    assert get("esnli").labels["label"] == ("entailment", "neutral", "contradiction")


def test_qed_says_what_the_words_of_the_question_mean():
    def part(text):
        return {"start": 0, "end": len(text), "string": text}

    pairs = [("gull island", "it"), ("Opened", "opened"), ("when", "")]
    item = normalized(
        "qed",
        title_text="Gull Island",
        question="when was gull island opened",
        paragraph_text="It is far off. In 1871 it opened.",
        original_nq_answers=[part("1871"), part("In 1871"), part("1871")],
        annotation={
            "explanation_type": "single_sentence",
            "selected_sentence": part("In 1871 it opened."),
            "referential_equalities": [
                {"question_reference": part(a), "sentence_reference": part(b)} for a, b in pairs
            ],
        },
    )
    assert item.fields["rationale"] == (
        'In 1871 it opened. Here "it" is what the question calls "gull island".'
    )
    assert item.references == ("1871", "In 1871")


def test_alternatives_give_rows_as_published():
    adapt = {
        name: next(one.adapt for one in get(name).alternatives if one.adapt is not None)
        for name in ("aqua", "creak", "ecqa", "qasc", "strategyqa", "gsm8k")
    }
    letters = {"label": ["A", "B"], "text": ["ice", "sand"]}
    options = {f"q_op{place}": f"o{place}" for place in range(1, 6)}
    rows = {
        "aqua": {"question": "Q?", "options": ["A)1", "B)2"], "correct": "B", "rationale": "R"},
        "creak": {"sentence": "Ice is cold.", "label": "true", "explanation": "R"},
        "ecqa": {"q_text": "Q?", "q_ans": "o2", "taskB": "R", **options},
        "qasc": {
            **{"question": "Q?", "choices": letters, "answerKey": "B"},
            **{"fact1": "a b", "fact2": "C d.", "combinedfact": "e"},
        },
        "strategyqa": {"question": "Q?", "answer": True, "facts": ["A.", "B."]},
        "gsm8k": {"question": "Q?", "answer": "7", "chain": "R"},
    }
    answers = {name: normalized(name, **adapt[name](row)).answer for name, row in rows.items()}
    assert answers == {
        **{"aqua": "2", "creak": "yes", "ecqa": "o2"},
        **{"qasc": "sand", "strategyqa": "yes", "gsm8k": "7"},
    }


def test_options_are_not_ranked_behind_reasoning():
    assert not any(get(name).is_ranked for name in NAMES)
    assert get("snli").is_ranked
