"""Metrics by name: (golds, predictions) -> numbers from 0 to 100, correlations from -100 to 100.

Each is what its dataset's literature reports; libraries do the computing where they exist.
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

from flan_tasks.core.errors import unknown_name
from flan_tasks.evaluation.gold import Gold

Scores = dict[str, float]
Metric = Callable[[Sequence[Gold], Sequence[str]], Scores]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def metric(name: str) -> Metric:
    """Returns a metric by name.

    Raises:
      UnknownNameError: there is none.
    """
    if name not in METRICS:
        raise unknown_name("metric", name, METRICS)
    return METRICS[name]


def normalize_label(text: str) -> str:
    """Folds case and blanks and drops a final period, to compare an answer with an option."""
    return " ".join(text.casefold().split()).rstrip(".")


def normalize_answer(text: str) -> str:
    """Folds case, punctuation, articles and blanks (Rajpurkar et al. 2016, evaluation script)."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def accuracy(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Share of predictions equal to an accepted answer, case and a final period aside."""
    right = [
        any(normalize_label(prediction) == normalize_label(answer) for answer in gold.references)
        for gold, prediction in zip(golds, predictions, strict=True)
    ]
    return {"accuracy": _percent(right)}


def macro_f1(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """F1 averaged over the classes; a prediction that is no option counts against its class."""
    from sklearn.metrics import f1_score

    classes = list(range(len(golds[0].options)))
    numbers = _class_numbers(golds, predictions)
    return {
        "macro_f1": 100
        * float(f1_score(*numbers, labels=classes, average="macro", zero_division=0))
    }


def f1(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """F1 of the class whose option is "yes", or else the last option."""
    from sklearn.metrics import f1_score

    options = golds[0].options
    positive = options.index("yes") if "yes" in options else len(options) - 1
    numbers = _class_numbers(golds, predictions)
    score = f1_score(*numbers, labels=[positive], average="macro", zero_division=0)
    return {"f1": 100 * float(score)}


def matthews(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Matthews correlation (Warstadt et al. 2019)."""
    from sklearn.metrics import matthews_corrcoef

    return {"matthews": 100 * float(matthews_corrcoef(*_class_numbers(golds, predictions)))}


def pearson(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Pearson correlation with the gold score; a prediction that is no number counts as 0."""
    return {"pearson": _correlation("pearsonr", golds, predictions)}


def spearman(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Spearman correlation with the gold score; a prediction that is no number counts as 0."""
    return {"spearman": _correlation("spearmanr", golds, predictions)}


def squad(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Exact match and word F1, the best over all references (Rajpurkar et al. 2016)."""
    exact, overlap = [], []
    for gold, prediction in zip(golds, predictions, strict=True):
        exact.append(max(_exact(prediction, answer) for answer in gold.references))
        overlap.append(max(_word_f1(prediction, answer) for answer in gold.references))
    return {"em": _percent(exact), "f1": _percent(overlap)}


def multirc(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """F1 over all answers, and the share of questions with every answer judged right.

    Khashabi et al. 2018; questions are told apart by `paragraph` and `question` in `extra`.
    """
    groups: dict[tuple, list[bool]] = {}
    for gold, prediction in zip(golds, predictions, strict=True):
        right = normalize_label(prediction) == normalize_label(gold.answer)
        name = (gold.extra.get("paragraph"), gold.extra.get("question"))
        groups.setdefault(name, []).append(right)
    return {"em": _percent([all(group) for group in groups.values()]), **f1(golds, predictions)}


def rouge(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """ROUGE-1, -2 and -L F-measure with stemming, the best over all references (Lin 2004)."""
    from rouge_score.rouge_scorer import RougeScorer

    kinds = ("rouge1", "rouge2", "rougeLsum")
    scorer = RougeScorer(kinds, use_stemmer=True)
    totals = dict.fromkeys(kinds, 0.0)
    for gold, prediction in zip(golds, predictions, strict=True):
        found = [scorer.score(_lines(answer), _lines(prediction)) for answer in gold.references]
        for kind in kinds:
            totals[kind] += max(scores[kind].fmeasure for scores in found)
    return {kind: 100 * total / max(1, len(golds)) for kind, total in totals.items()}


def bleu(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Corpus BLEU by sacrebleu (Post 2018), tokenizer 13a, the first reference of each example."""
    import sacrebleu

    references = [[gold.references[0] for gold in golds]]
    return {"bleu": sacrebleu.corpus_bleu(list(predictions), references).score}


def edit_distance(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Levenshtein distance in letters for each letter of the answer, averaged; lower is better."""
    from nltk.metrics.distance import edit_distance as distance

    shares = [
        distance(prediction, gold.answer) / max(1, len(gold.answer))
        for gold, prediction in zip(golds, predictions, strict=True)
    ]
    return {"edit_distance": _percent(shares)}


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "f1": f1,
    "matthews": matthews,
    "pearson": pearson,
    "spearman": spearman,
    "squad": squad,
    "trivia_qa": squad,
    "record": squad,
    "multirc": multirc,
    "rouge": rouge,
    "bleu": bleu,
    "edit_distance": edit_distance,
}


def _percent(values: Sequence[float | bool]) -> float:
    return 100 * sum(values) / max(1, len(values))


def _class_numbers(
    golds: Sequence[Gold], predictions: Sequence[str]
) -> tuple[list[int], list[int]]:
    right, found = [], []
    for gold, prediction in zip(golds, predictions, strict=True):
        options = [normalize_label(option) for option in gold.options]
        label = normalize_label(prediction)
        right.append(gold.options.index(gold.answer))
        # One class more for whatever is no option.
        found.append(options.index(label) if label in options else len(options))
    return right, found


def _correlation(name: str, golds: Sequence[Gold], predictions: Sequence[str]) -> float:
    from scipy import stats

    right = [float(gold.extra.get("score", gold.answer)) for gold in golds]
    found = [_number(prediction) for prediction in predictions]
    if len(set(right)) < 2 or len(set(found)) < 2:
        return 0.0  # a constant correlates with nothing
    return 100 * float(getattr(stats, name)(right, found).statistic)


def _number(text: str) -> float:
    try:
        return float(text.strip().rstrip("."))
    except ValueError:
        return 0.0


def _exact(prediction: str, answer: str) -> bool:
    return normalize_answer(prediction) == normalize_answer(answer)


def _word_f1(prediction: str, answer: str) -> float:
    found, right = normalize_answer(prediction).split(), normalize_answer(answer).split()
    common = sum((Counter(found) & Counter(right)).values())
    # Two texts of punctuation alone share no word: 0, as in the script.
    return 2 * common / (len(found) + len(right)) if common else 0.0


def _lines(text: str) -> str:
    # rougeLsum works on lines: a sentence each, as the scripts of the literature cut them.
    return re.sub(r"(?<=[.!?])\s+", "\n", text)
