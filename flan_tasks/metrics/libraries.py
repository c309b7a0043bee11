"""Which libraries compute which metric: what an environment without this package must have."""

from collections.abc import Iterable

from flan_tasks.core.dataset import WORD_METRICS
from flan_tasks.core.languages import ENGLISH
from flan_tasks.metrics.words import bleu_tokenizer

_SKLEARN, _SCIPY, _NLTK, _REGEX = "scikit-learn", "scipy", "nltk", "regex"
_LIBRARIES = {
    "macro_f1": (_SKLEARN,),
    "f1": (_SKLEARN,),
    "matthews": (_SKLEARN,),
    "multirc": (_SKLEARN,),
    "multilabel": (_SKLEARN,),
    "pearson": (_SCIPY,),
    "spearman": (_SCIPY,),
    "rouge": ("rouge-score", _REGEX),
    "bleu": ("sacrebleu", _REGEX),
    "edit_distance": (_NLTK,),
}
# Tokenizers of sacrebleu that need a segmenter, and the extra that brings it.
_SEGMENTERS = {"ja-mecab": "ja", "ko-mecab": "ko"}


def libraries(needed: Iterable[tuple[str, str]]) -> list[str]:
    """Returns what pip installs for metrics, each with the language of its answers."""
    found: set[str] = set()
    extras: set[str] = set()
    for name, language in needed:
        found.update(_LIBRARIES.get(name, ()))
        if name in WORD_METRICS and language != ENGLISH:
            found.add(_REGEX)
        if name == "bleu" and (tokenizer := bleu_tokenizer(language)) in _SEGMENTERS:
            extras.add(_SEGMENTERS[tokenizer])
    if extras:
        found = found - {"sacrebleu"} | {f"sacrebleu[{','.join(sorted(extras))}]"}
    return sorted(found)
