"""Metrics of generated texts, computed by maintained libraries."""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from flan_tasks.core import extras
from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.languages import ENGLISH
from flan_tasks.metrics.gold import Gold, Scores, checked, percent
from flan_tasks.metrics.words import Words, bleu_tokenizer, has_blanks, shared_language

ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")
# Answers whose scores are remembered: where two models are compared, each is scored alone, among
# all, and among all but some.
_REMEMBERED = 1 << 13


@checked
def rouge(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """ROUGE-1, -2 and -L F-measure with stemming, the best over all references (Lin 2004).

    rougeL takes a text as one sequence of words, rougeLsum sentence by sentence, as summaries of
    several sentences are scored in the literature. English words are those of rouge_score, stemmed;
    in other languages they are those of `metrics.words`, and nothing is stemmed.
    """
    shared_language("rouge", golds)
    return rouge_of_checked(golds, predictions)


@checked
def rouge_of_checked(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """`rouge` of some of the examples whose language was checked: one alone may be of another."""
    with extras.needed_for("ROUGE"):
        import rouge_score.rouge_scorer  # noqa: F401 - it is needed; the scorer imports it

    language = golds[0].language
    totals = dict.fromkeys(ROUGE, 0.0)
    for gold, prediction in zip(golds, predictions, strict=True):
        of_one = _rouge_of_one(language, tuple(gold.references), prediction)
        for kind, value in zip(ROUGE, of_one, strict=True):
            totals[kind] += value
    return {kind: 100 * total / len(golds) for kind, total in totals.items()}


@lru_cache(_REMEMBERED)
def _rouge_of_one(language: str, references: tuple[str, ...], prediction: str) -> tuple[float, ...]:
    """The best F-measure of each kind over the references."""
    scorer = _rouge_scorer(language)
    by_reference = [scorer.score(_lines(answer), _lines(prediction)) for answer in references]
    return tuple(max(scores[kind].fmeasure for scores in by_reference) for kind in ROUGE)


@cache
def _rouge_scorer(language: str) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(ROUGE, tokenizer=_StemmedWords() if language == ENGLISH else Words(language))


class _StemmedWords:
    """What rouge_score cuts English into with `use_stemmer`; the stems of words are remembered,
    which take most of its time.
    """

    def __init__(self) -> None:
        from nltk.stem import porter

        self.stem = lru_cache(1 << 16)(porter.PorterStemmer().stem)

    def tokenize(self, text: str) -> list[str]:
        """Returns the stemmed words of a text."""
        from rouge_score import tokenize

        return tokenize.tokenize(text, self)


@checked
def bleu(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Corpus BLEU by sacrebleu (Post 2018) over all references.

    Its tokenizer is 13a, and zh, ja-mecab, ko-mecab or char where the language asks for one.
    """
    scorer = _bleu(golds)
    tokenizer = bleu_tokenizer(golds[0].language)
    counts = [
        _bleu_counts(tokenizer, tuple(gold.references), prediction)
        for gold, prediction in zip(golds, predictions, strict=True)
    ]
    # BLEU of a corpus is computed of these numbers, summed over its sentences.
    sums = [sum(of_place) for of_place in zip(*counts, strict=True)]
    orders = (len(sums) - 2) // 2
    score = scorer.compute_bleu(
        sums[2 : 2 + orders],
        sums[2 + orders :],
        sums[0],
        sums[1],
        smooth_method=scorer.smooth_method,
        smooth_value=scorer.smooth_value,
    ).score
    return {"bleu": score}


@lru_cache(_REMEMBERED)
def _bleu_counts(tokenizer: str, references: tuple[str, ...], prediction: str) -> tuple[int, ...]:
    """Words of a prediction, of the reference nearest in length, and of each order of n-grams
    those that a reference has, and all.
    """
    one = _sentence_bleu(tokenizer).sentence_score(prediction, list(references))
    return (one.sys_len, one.ref_len, *one.counts, *one.totals)


@cache
def _sentence_bleu(tokenizer: str) -> Any:
    from sacrebleu.metrics import BLEU

    # It counts the same with and without, and warns without.
    return BLEU(tokenize=tokenizer, effective_order=True)


def rouge_signature(golds: Sequence[Gold]) -> str:
    """How `rouge` cuts the words of these golds; "" for English, where there is one way."""
    language = shared_language("rouge", golds)
    if language == ENGLISH:
        return ""
    return f"lang:{language}|words:{'unicode' if has_blanks(language) else 'letters'}|stem:no"


def bleu_signature(golds: Sequence[Gold]) -> str:
    """How sacrebleu computes `bleu` for these golds: what makes a BLEU score comparable."""
    scorer = _bleu(golds)
    scorer.corpus_score([""] * len(golds), _streams(golds))
    return str(scorer.get_signature())


@checked
def edit_distance(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Levenshtein distance in letters for each letter of the answer, averaged; lower is better."""
    with extras.needed_for("The edit distance"):
        from nltk.metrics.distance import edit_distance as distance

    shares = [
        distance(prediction, gold.answer) / max(1, len(gold.answer))
        for gold, prediction in zip(golds, predictions, strict=True)
    ]
    return {"edit_distance": percent(shares)}


def _bleu(golds: Sequence[Gold]) -> Any:
    with extras.needed_for("BLEU"):
        from sacrebleu.metrics import BLEU

    language = shared_language("bleu", golds)
    tokenizer = bleu_tokenizer(language)
    try:
        return BLEU(tokenize=tokenizer)
    except (RuntimeError, ImportError) as error:  # as sacrebleu says that a segmenter is missing
        raise EvaluationError(
            f'metric bleu: answers in "{language}" are cut into words by {tokenizer}, whose '
            f'segmenter is not installed: pip install "sacrebleu[{tokenizer[:2]}]"'
        ) from error


def _streams(golds: Sequence[Gold]) -> list[list[str | None]]:
    # A stream for each place among the references; sacrebleu takes None where there is none.
    most = max(len(gold.references) for gold in golds)
    return [
        [gold.references[place] if place < len(gold.references) else None for gold in golds]
        for place in range(most)
    ]


def _lines(text: str) -> str:
    # rougeLsum works on lines: a sentence each, as the scripts of the literature cut them. Full
    # stops of other scripts may have no blank behind them.
    text = re.sub(r"(?<=[.!?])\s+", "\n", text)
    return re.sub(r"(?<=[\u3002\uff0e\uff01\uff1f\u0964])\s*(?=\S)", "\n", text)
