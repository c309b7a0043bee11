"""Languages as declarations name them: ISO 639 codes, with or without a region or script."""

ENGLISH = "en"
# Written without blanks between words: Chinese (Mandarin, Cantonese, Wu, classical), Japanese,
# Thai, Lao, Khmer, Burmese, Tibetan, Dzongkha.
_WITHOUT_BLANKS = frozenset({"zh", "yue", "wuu", "lzh", "ja", "th", "lo", "km", "my", "bo", "dz"})
# Cut into words by a segmenter of their own where BLEU is computed.
_SEGMENTED = frozenset({"ko"})


def primary(code: str) -> str:
    """Returns a code without region or script: `zh` of `zh-Hant-TW`."""
    return code.replace("_", "-").split("-")[0].lower()


def has_blanks(code: str) -> bool:
    """Whether a language is written with blanks between its words."""
    return primary(code) not in _WITHOUT_BLANKS


def cut_alike(codes: tuple[str, ...]) -> bool:
    """Whether metrics cut the texts of all these languages into words in one way."""
    ways = {
        primary(code)
        if not has_blanks(code) or primary(code) in (ENGLISH, *_SEGMENTED)
        else "words"
        for code in codes
    }
    return len(ways) < 2
