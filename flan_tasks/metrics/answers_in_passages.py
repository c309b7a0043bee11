"""Metrics of question answering, each as the evaluation script of its dataset computes it.

Outside English, where those scripts see only ASCII punctuation, English articles and words between
blanks, texts are compared as MLQA's script does (Lewis et al. 2020): punctuation of every script,
and letters for words where a language has no blanks. Articles of other languages stay.
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.languages import ENGLISH, has_blanks
from flan_tasks.metrics.classes import f1, is_right, normalize_label
from flan_tasks.metrics.gold import Gold, Scores, checked, percent
from flan_tasks.metrics.words import without_punctuation, words

# What our normalizers write where a source says that its text leaves a question open.
NO_ANSWER = frozenset({"unanswerable", "text does not say"})
# Questions whose annotators agree less are left out (Choi et al. 2018, section 4).
QUAC_LEAST_HUMAN_F1 = 0.4

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_PARTING = str.maketrans(dict.fromkeys(string.punctuation + "\u2018\u2019\u00b4`", " "))


def normalize_answer(text: str, language: str = ENGLISH) -> str:
    """Folds case, punctuation, articles and blanks (Rajpurkar et al. 2016, evaluation script)."""
    if language != ENGLISH:
        return " ".join(without_punctuation(text.lower()).split())
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


@checked
def squad(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Exact match and word F1, the best over all references (Rajpurkar et al. 2016).

    So also open Natural Questions (Lee et al. 2019) and ReCoRD (Zhang et al. 2018).
    """
    exact, overlap = [], []
    for gold, prediction in zip(golds, predictions, strict=True):
        language = gold.language
        exact.append(_best(partial(_exact, language=language), prediction, gold.references))
        overlap.append(_best(partial(_word_f1, language=language), prediction, gold.references))
    return {"em": percent(exact), "f1": percent(overlap)}


@checked
def trivia_qa(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Exact match and word F1, the best over all aliases (Joshi et al. 2017, its script).

    Punctuation parts words here, where SQuAD's script leaves it out.
    """
    exact, overlap = [], []
    for gold, prediction in zip(golds, predictions, strict=True):
        predicted = prediction.translate(_PARTING)
        aliases = [text.translate(_PARTING) for text in gold.references]
        exact.append(_best(partial(_exact, language=gold.language), predicted, aliases))
        overlap.append(_best(partial(_word_f1, language=gold.language), predicted, aliases))
    return {"em": percent(exact), "f1": percent(overlap)}


@checked
def squad_v2(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """As `squad`, all or nothing where there is no answer (Rajpurkar et al. 2018, its script).

    Besides, the same for the questions that have an answer and for those that have none.
    """
    exact, overlap, has_answer = [], [], []
    for gold, prediction in zip(golds, predictions, strict=True):
        references = [_spoken(text) for text in gold.references]
        predicted = _spoken(prediction)
        exact.append(_best(partial(_exact, language=gold.language), predicted, references))
        word_f1 = partial(_word_f1_or_none, language=gold.language)
        overlap.append(_best(word_f1, predicted, references))
        has_answer.append(any(references))
    scores = {"em": percent(exact), "f1": percent(overlap)}
    for name, answerable in (("has_answer", True), ("no_answer", False)):
        numbers = [number for number, has in enumerate(has_answer) if has is answerable]
        if numbers:
            scores[f"{name}_em"] = percent([exact[number] for number in numbers])
            scores[f"{name}_f1"] = percent([overlap[number] for number in numbers])
    return scores


@checked
def coqa(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Exact match and word F1 (Reddy et al. 2019, its script).

    Where there are several references, each is left out once and the mean is taken, so that people,
    who are compared with the others, and systems are measured alike.
    """
    exact, overlap = [], []
    for gold, prediction in zip(golds, predictions, strict=True):
        is_exact = partial(_exact, language=gold.language)
        word_f1 = partial(_word_f1_or_none, language=gold.language)
        exact.append(_leaving_one_out(is_exact, prediction, gold.references))
        overlap.append(_leaving_one_out(word_f1, prediction, gold.references))
    return {"em": percent(exact), "f1": percent(overlap)}


@checked
def quac(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Word F1, and HEQ-Q: how often it is at least that of people (Choi et al. 2018, its script).

    All annotators' answers are `annotators` in `extra`, equal ones among them; without it, the
    references. Questions on which annotators agree by an F1 under 0.4 are left out. HEQ-D needs
    whole dialogs, which the source does not tell apart.
    """
    overlap, reached = [], []
    for gold, prediction in zip(golds, predictions, strict=True):
        references = _majority(gold.extra.get("annotators") or gold.references)
        span_f1 = partial(_span_f1, language=gold.language)
        people = _agreement(references, span_f1)
        if people < QUAC_LEAST_HUMAN_F1:
            continue
        score = _leaving_one_out(span_f1, _spoken(prediction), references)
        overlap.append(score)
        reached.append(score >= people)
    if not overlap:
        raise EvaluationError(
            f"metric quac: annotators agree on none of the {len(golds)} questions, so that none "
            "counts; give more examples"
        )
    return {"f1": percent(overlap), "heq_q": percent(reached)}


@checked
def drop(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Exact match and numeracy-aware F1, best over references (Dua et al. 2019, its script).

    Numbers are compared as numbers, and where the answer holds one, a prediction without it gets
    nothing. An answer is one span here: the source joins several to one text.
    """
    exact, overlap = [], []
    for gold, prediction in zip(golds, predictions, strict=True):
        predicted = _drop_text(prediction)
        right = [_drop_text(text) for text in gold.references]
        exact.append(predicted in right)
        overlap.append(max(_bag_f1(set(predicted.split()), set(text.split())) for text in right))
    return {"em": percent(exact), "f1": percent(overlap)}


@checked
def multirc(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """F1 over all answers, and the share of questions with every answer judged right.

    Khashabi et al. 2018 (F1a, EM0), as in SuperGLUE; questions are told apart by `paragraph` and
    `question` in `extra`. `f1_m` is their F1m: of precision and recall averaged over questions.
    """
    groups: dict[tuple, list[int]] = {}
    for number, gold in enumerate(golds):
        name = (gold.extra.get("paragraph"), gold.extra.get("question"))
        groups.setdefault(name, []).append(number)
    right = [
        is_right(gold, prediction) for gold, prediction in zip(golds, predictions, strict=True)
    ]
    is_yes = [gold.answer == "yes" for gold in golds]
    says_yes = [normalize_label(prediction) == "yes" for prediction in predictions]
    precision, recall = 0.0, 0.0
    for numbers in groups.values():
        common = sum(is_yes[n] and says_yes[n] for n in numbers)
        # 1 where there is nothing to be precise about or to recall, as in their script.
        predicted_yes, right_yes = (
            sum(says_yes[n] for n in numbers),
            sum(is_yes[n] for n in numbers),
        )
        precision += common / predicted_yes if predicted_yes else 1.0
        recall += common / right_yes if right_yes else 1.0
    total = precision + recall
    return {
        "em": percent([all(right[n] for n in numbers) for numbers in groups.values()]),
        "f1_m": 100 * 2 * precision * recall / (total * len(groups)) if total else 0.0,
        **f1(golds, predictions),
    }


def _best(score: Callable[[str, str], float], predicted: str, references: Sequence[str]) -> float:
    return max(float(score(predicted, text)) for text in references)


def _leaving_one_out(
    score: Callable[[str, str], float], predicted: str, references: Sequence[str]
) -> float:
    if len(references) == 1:
        return float(score(predicted, references[0]))
    scores = [float(score(predicted, text)) for text in references]
    best = [max(scores[:place] + scores[place + 1 :]) for place in range(len(scores))]
    return sum(best) / len(best)


def _spoken(text: str) -> str:
    """The text, or "" where it says that there is no answer."""
    return "" if normalize_answer(text) in NO_ANSWER else text


def _exact(predicted: str, right: str, *, language: str) -> float:
    return float(normalize_answer(predicted, language) == normalize_answer(right, language))


def _answer_words(text: str, language: str) -> list[str]:
    normal = normalize_answer(text, language)
    return normal.split() if has_blanks(language) else words(normal, language)


def _word_f1(predicted: str, right: str, *, language: str) -> float:
    predicted_words, right_words = (
        _answer_words(predicted, language),
        _answer_words(right, language),
    )
    common = sum((Counter(predicted_words) & Counter(right_words)).values())
    # Two texts of punctuation alone share no word: 0, as in the script.
    return 2 * common / (len(predicted_words) + len(right_words)) if common else 0.0


def _word_f1_or_none(predicted: str, right: str, *, language: str) -> float:
    """Word F1; 1 where both are without words."""
    if not normalize_answer(predicted, language) or not normalize_answer(right, language):
        return _exact(predicted, right, language=language)
    return _word_f1(predicted, right, language=language)


def _span_f1(predicted: str, right: str, *, language: str) -> float:
    """Word F1; an unanswered question is right or wrong."""
    if not predicted or not right:
        return float(predicted == right)
    return _word_f1(predicted, right, language=language)


def _majority(references: Sequence[str]) -> list[str]:
    """The spans, or one "" where at least as many annotators found no answer."""
    spans = [text for text in map(_spoken, references) if text]
    return spans if 2 * len(spans) > len(references) else [""]


def _agreement(references: Sequence[str], score: Callable[[str, str], float]) -> float:
    """The F1 of each reference with the nearest of the others, averaged; 1 for a lone one."""
    if len(references) == 1:
        return 1.0
    best = [
        max(score(text, other) for j, other in enumerate(references) if i != j)
        for i, text in enumerate(references)
    ]
    return sum(best) / len(best)


def _drop_text(text: str) -> str:
    pieces = (_drop_word(word) for word in re.split(r"[ -]", text))
    return " ".join(piece for piece in pieces if piece.strip()).strip()


def _drop_word(word: str) -> str:
    word = word.lower()
    if not _is_number(word):
        word = word.translate(_PUNCTUATION)
    if _is_number(word):
        word = str(float(word))
    return " ".join(_ARTICLES.sub(" ", word).split())


def _bag_f1(predicted: set[str], right: set[str]) -> float:
    numbers = {word for word in right if _is_number(word)}
    if numbers and not numbers & predicted:
        return 0.0
    common = len(predicted & right)
    precision = common / len(predicted) if predicted else 1.0
    recall = common / len(right) if right else 1.0
    # To two places, as the script rounds each answer.
    return round(2 * precision * recall / (precision + recall), 2) if precision + recall else 0.0


def _is_number(text: str) -> bool:
    try:
        float(text)
        return True
    except ValueError:
        return False
