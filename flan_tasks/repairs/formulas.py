r"""LaTeX in school science, as people write it: CO_{2} is CO₂, 10^{-3} is 10⁻³, \times is ×.

Subscripts and superscripts are Unicode's, which most tokenizers make plain digits of; what has no
such sign keeps its mark: v_{q} is v_q.
"""

import re

_DIGITS = "0123456789+-=()"
_RAISED = dict(zip(_DIGITS + "n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ", strict=True))
_LOWERED = dict(zip(_DIGITS, "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎", strict=True))
_SIGNS = {
    "times": "×",
    "cdot": "·",
    "div": "÷",
    "pm": "±",
    "Delta": "Δ",
    "lambda": "λ",
    "pi": "π",
    "degree": "°",
    "circ": "°",
    "rightarrow": "→",
    "to": "→",
    "leq": "≤",
    "geq": "≥",
    "approx": "≈",
    "Box": "___",
    "%": "%",
}
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}")
_STYLED = re.compile(r"\\(?:text|mathrm|mathit|rm)\{([^{}]*)\}")
_SIGN = re.compile(rf"\\({'|'.join(map(re.escape, _SIGNS))})(?![A-Za-z])")
_INDEX = re.compile(r"([_^])\{([^{}]*)\}|(?<=[\w)])(\^)([+-]?\d+|[+-])(?!\w*\^)")


def plain_formulas(text: str) -> str:
    """Writes the LaTeX of a text as people do; text without any comes back as it was."""
    if not ("\\" in text or "_{" in text or "^" in text):
        return text
    text = _STYLED.sub(r"\1", _FRACTION.sub(r"\1/\2", text))
    text = _INDEX.sub(_index, text)
    return _SIGN.sub(lambda match: _SIGNS[match.group(1)], text)


def _index(match: re.Match[str]) -> str:
    mark, inner = match.group(1) or match.group(3), match.group(2) or match.group(4) or ""
    signs = _LOWERED if mark == "_" else _RAISED
    if inner and all(letter in signs for letter in inner):
        return "".join(signs[letter] for letter in inner)
    return f"{mark}{inner}"
