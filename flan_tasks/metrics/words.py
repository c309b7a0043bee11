"""How the answers of each language are cut into words, for the metrics that compare words.

English has the rules of its literature. Languages that put blanks between words are cut at what is
neither a letter, a mark nor a digit, so that accents count; those that do not are cut letter by
letter, as is usual for ROUGE and word F1 where no segmenter is agreed on.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from flan_tasks.core.errors import EvaluationError
from flan_tasks.core.languages import ENGLISH, has_blanks, primary
from flan_tasks.metrics.gold import Gold

# Scripts of the languages without blanks.
_SCRIPTS = ("Han", "Hiragana", "Katakana", "Bopomofo", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan")
# Which tokenizer of sacrebleu a language has; 13a, that of the literature, for all others.
_BLEU = {"zh": "zh", "yue": "zh", "wuu": "zh", "ja": "ja-mecab", "ko": "ko-mecab"}
_BLEU_USUAL, _BLEU_LETTERS = "13a", "char"


def words(text: str, language: str) -> list[str]:
    """Returns the words of a text, lower-cased; letters in a language without blanks."""
    folded = unicodedata.normalize("NFC", text).casefold()
    return _pattern(has_blanks(language)).findall(folded)


def without_punctuation(text: str) -> str:
    """Returns the text with a blank for each mark of punctuation, of any script."""
    import regex

    return regex.sub(r"\p{P}+", " ", text)


def bleu_tokenizer(language: str) -> str:
    """Returns the name of sacrebleu's tokenizer for a language (Post 2018)."""
    name = _BLEU.get(primary(language))
    return name or (_BLEU_USUAL if has_blanks(language) else _BLEU_LETTERS)


def shared_language(name: str, golds: Sequence[Gold]) -> str:
    """Returns the language of the answers, which a metric of words needs.

    Raises:
      EvaluationError: they are of several languages, or are called English and in another script.
    """
    languages = sorted({gold.language for gold in golds})
    if len(languages) > 1:
        raise EvaluationError(
            f"metric {name}: the answers are of several languages, {', '.join(languages)}, which "
            "are cut into words in ways of their own; score each language by itself"
        )
    if languages == [ENGLISH] and not _mostly_latin(gold.answer for gold in golds):
        raise EvaluationError(
            f'metric {name}: the answers are declared to be English ("{golds[0].answer[:40]}"), '
            "and most of their letters are of another script, which this metric would not see. "
            'Declare the language of the dataset, as in languages=("zh",), or answer_language='
            '"zh" beside several languages'
        )
    return languages[0]


class Words:
    """The interface of rouge_score's tokenizers, for one language."""

    def __init__(self, language: str) -> None:
        self._language = language

    def tokenize(self, text: str) -> list[str]:
        """Returns the words of a text."""
        return words(text, self._language)


@cache
def _pattern(blanks: bool) -> Any:
    import regex  # required by sacrebleu; Python's `re` takes a vowel sign for the end of a word

    word = r"[\p{L}\p{M}\p{N}]"
    if blanks:
        return regex.compile(f"{word}+")
    scripts = "".join(rf"\p{{Script={script}}}" for script in _SCRIPTS)
    # Marks stay with the letter they stand on; Latin words and numbers stay whole.
    return regex.compile(rf"(?=[{scripts}])[\p{{L}}\p{{N}}]\p{{M}}*|(?:(?![{scripts}]){word})+")


def _mostly_latin(texts: Iterable[str]) -> bool:
    import regex

    letters = latin = 0
    for text in texts:
        letters += len(regex.findall(r"\p{L}", text))
        latin += len(regex.findall(r"\p{Script=Latin}", text))
    return 2 * latin >= letters
