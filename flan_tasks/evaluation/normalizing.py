"""Ways to choose the likeliest option: by its sum of log-probabilities, or by that normalized.

A long option has a small sum whatever it says, and a common one a large sum whatever was asked.
So the sum is divided by a length of the option, in tokens, characters or bytes of UTF-8, or the
sum that the same option has without the question is taken off it. All but that last one need
nothing else of the model than the sum.
"""

from collections.abc import Mapping, Sequence

from flan_tasks.core.errors import unknown_name
from flan_tasks.specs.eval_config import BYTES, CHARACTERS, NORMALIZATIONS, TOKENS, UNCONDITIONAL

# Ways to an answer: the option of the highest sum of log-probabilities, of the highest mean for
# each token (or character, or byte, or of the highest sum beyond that without the question, which
# are called as the option `--normalize` has them), or the text the model wrote.
SUM, NORMALIZED, GENERATED = "sum", "normalized", "generated"
_WAYS: Mapping[str, str] = {name: name for name in NORMALIZATIONS} | {TOKENS: NORMALIZED}


def ways_of(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the ways that names of normalizations mean, in the order of NORMALIZATIONS.

    Raises:
      UnknownNameError: a name is none of them.
    """
    for name in names:
        if name not in _WAYS:
            raise unknown_name("normalization", name, NORMALIZATIONS)
    return tuple(way for name, way in _WAYS.items() if name in names)


def way_name(way: str) -> str:
    """Returns what a way is normalized by, as `--normalize` has it; SUM and GENERATED stay."""
    return TOKENS if way == NORMALIZED else way


def normalized(
    way: str,
    sums: Sequence[float],
    *,
    texts: Sequence[str],
    tokens: Sequence[int],
    unconditional: Sequence[float],
) -> tuple[float, ...]:
    """Returns what is compared where an option is chosen in one of the ways.

    Args:
      way: SUM, or one that `ways_of` gives.
      sums: sum of the log-probabilities of each option's tokens.
      texts: what was ranked; a blank before it parts it from the prompt and has no length.
      tokens: number of tokens of each option.
      unconditional: the sums of the same options without the question.
    """
    if way == SUM:
        return tuple(sums)
    if way == UNCONDITIONAL:
        return tuple(s - alone for s, alone in zip(sums, unconditional, strict=True))
    texts = [text.removeprefix(" ") for text in texts]
    lengths: Sequence[int] = {
        NORMALIZED: tokens,
        CHARACTERS: [len(text) for text in texts],
        BYTES: [len(text.encode()) for text in texts],
    }[way]
    return tuple(s / max(length, 1) for s, length in zip(sums, lengths, strict=True))
