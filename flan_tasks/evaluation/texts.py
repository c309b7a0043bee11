"""Metrics of generated texts, computed by maintained libraries."""

import re
from collections.abc import Sequence
from typing import Any

from flan_tasks.core import extras
from flan_tasks.evaluation.gold import Gold, Scores, checked, percent

ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")


@checked
def rouge(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """ROUGE-1, -2 and -L F-measure with stemming, the best over all references (Lin 2004).

    rougeL takes a text as one sequence of words, rougeLsum sentence by sentence, as summaries of
    several sentences are scored in the literature.
    """
    with extras.needed_for("ROUGE"):
        from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(ROUGE, use_stemmer=True)
    totals = dict.fromkeys(ROUGE, 0.0)
    for gold, prediction in zip(golds, predictions, strict=True):
        found = [scorer.score(_lines(answer), _lines(prediction)) for answer in gold.references]
        for kind in ROUGE:
            totals[kind] += max(scores[kind].fmeasure for scores in found)
    return {kind: 100 * total / len(golds) for kind, total in totals.items()}


@checked
def bleu(golds: Sequence[Gold], predictions: Sequence[str]) -> Scores:
    """Corpus BLEU by sacrebleu (Post 2018), tokenizer 13a, over all references."""
    return {"bleu": _bleu().corpus_score(list(predictions), _streams(golds)).score}


def bleu_signature(golds: Sequence[Gold]) -> str:
    """How sacrebleu computes `bleu` for these golds: what makes a BLEU score comparable."""
    made = _bleu()
    made.corpus_score([""] * len(golds), _streams(golds))
    return str(made.get_signature())


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


def _bleu() -> Any:
    with extras.needed_for("BLEU"):
        from sacrebleu.metrics import BLEU

    return BLEU()


def _streams(golds: Sequence[Gold]) -> list[list[str | None]]:
    # A stream for each place among the references; sacrebleu takes None where there is none.
    most = max(len(gold.references) for gold in golds)
    return [
        [gold.references[place] if place < len(gold.references) else None for gold in golds]
        for place in range(most)
    ]


def _lines(text: str) -> str:
    # rougeLsum works on lines: a sentence each, as the scripts of the literature cut them.
    return re.sub(r"(?<=[.!?])\s+", "\n", text)
