"""Which libraries compute which metric: what an environment without this package must have."""

from collections.abc import Iterable

from flan_tasks.core import extras
from flan_tasks.core.dataset import WORD_METRICS, Dataset
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
    distributions: set[str] = set()
    segmenters: set[str] = set()
    for name, language in needed:
        distributions.update(_LIBRARIES.get(name, ()))
        if name in WORD_METRICS and language != ENGLISH:
            distributions.add(_REGEX)
        if name == "bleu" and (tokenizer := bleu_tokenizer(language)) in _SEGMENTERS:
            segmenters.add(_SEGMENTERS[tokenizer])
    if segmenters:
        distributions = distributions - {"sacrebleu"} | {
            f"sacrebleu[{','.join(sorted(segmenters))}]"
        }
    return sorted(distributions)


def require_libraries(datasets: Iterable[Dataset]) -> None:
    """Checks that what computes the metrics of datasets is installed, before hours of answers.

    Raises:
      MissingLibraryError: some is not; all of these are named.
    """
    needed = {(name, d.language_of_answers) for d in datasets for name in d.metrics}
    modules = {distribution: module for module, (distribution, _) in extras.LIBRARIES.items()}
    distributions = [name.split("[")[0] for name in libraries(needed)]
    extras.require(*(modules[name] for name in distributions), what="Scoring")
