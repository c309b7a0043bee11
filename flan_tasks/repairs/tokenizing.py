"""Undoes the tokenizing of Penn Treebank and Moses, and what other tools make of apostrophes."""

import re
from collections.abc import Mapping

from flan_tasks.repairs.blanks import one_line
from flan_tasks.repairs.marks import paired_quotes, with_dashes

# Spellings that stand for a mark in tokenized corpora, replaced wherever they occur; before each,
# texts one of which every match of it holds, as looking for these takes a tenth of the time.
_SPELLED = tuple(
    (needles, re.compile(pattern, re.IGNORECASE), replacement)
    for needles, pattern, replacement in (
        (("B-", "b-"), r"-LRB-", "("),
        (("B-", "b-"), r"-RRB-", ")"),
        (("B-", "b-"), r"-LSB-", "["),
        (("B-", "b-"), r"-RSB-", "]"),
        (("B-", "b-"), r"-LCB-", "{"),
        (("B-", "b-"), r"-RCB-", "}"),
        (("@-@", "@,@", "@.@"), r"\s@([-,.])@\s", r"\1"),
        (("\\",), r"\\([/*])", r"\1"),
        (
            (". .",),
            r"\.(?:\s\.){2,}|(?<!\S)\.\s\.(?!\S)",
            lambda match: match.group(0).replace(" ", ""),
        ),
        # A stock's symbol, "< .XYZ >"; elsewhere such marks compare and keep their blanks.
        (("< ",), r"(?<!\S)< ((?-i:\.?[A-Z]{2}[\w.]*)) >(?!\S)", r"<\1>"),
        (("' '",), r"(?<!\S)' '(?!\S)", '"'),
        ((". ' ",), r"(?<=\.) ' s(?!\S)", "'s"),
        (("' n '", "' N '"), r"(?<!\S)' n '(?!\S)", "'n'"),
        # Within a sentence a capital A before an amount is Australia's; at its head it is a word.
        (("A $ ",), r"(?<=[\w,(] )(?-i:A) \$ (?=\d)", "A$"),
        ((" na", " Na", " nA", " NA"), r"(?<!\S)(gon|wan) na(?!\S)", r"\1na"),
        ((" ta", " Ta", " tA", " TA"), r"(?<!\S)got ta(?!\S)", "gotta"),
    )
)
# Pairs of words that only a tokenizer parts; joined where the text shows other signs of one.
_CANNOT = re.compile(r"(?i)(?<!\S)(can) not(?!\S)(?! only)")

_NO_APOSTROPHE = re.compile(
    r"(?i)\b(do|does|did|ca|could|wo|would|should|is|are|was|were|has|have|had) nt\b"
)
_NT = (" nt", " Nt", " nT", " NT")
_APART = re.compile(r"(?<=[A-Za-z]) '(?=(?:s|re|ve|ll)\b(?! ?'))")

_QUOTE_MARKS = ('"', "''", "``")
_CLITIC = re.compile(r"(?i)n't|'(?:s|t|re|ve|ll|d|m)")
# "O 'Brien", "o 'clock", "y 'all": Moses parts words at the apostrophe.
_APOSTROPHE_WORD = re.compile(r"'[^\W\d_]\w*")
_BEFORE_APOSTROPHE = frozenset("O o D d L l y Y ma Ma".split())
_CURLY_CLITIC = frozenset("s t re ve ll d m".split())
_CLOSING = re.compile(r"(?!\.\.)[.,;:!?]+|[)\]}”]")
_OPENING = frozenset("( [ { “ ‘ `".split())
_CURRENCIES = frozenset("$ £ € ¥".split())
# What comes before a dollar sign in the name of a currency: US$, HK$ and so on.
_DOLLARS = frozenset("US C NZ HK S NT R CA AU".split())
_INITIALS = re.compile(r"[A-Z]{1,2}")
_AMOUNT = re.compile(r"(?:US|A|C|NZ|HK)?\.?\d")
# Words in s that are no plural, so that a lone ' after them is no possessive.
_NO_PLURAL = frozenset("is was as has his this its yes us does says".split())
_LEADS_UP = frozenset("a an as by called entitled from in named of the titled with".split())
_SAYING = frozenset(
    "said says say saying wrote writes adds told tells asks read reads by that".split()
)


def detokenize(text: str) -> str:
    """Undoes the tokenizing of Penn Treebank and Moses: text as people type it comes out as it was.

    Only marks that stand between blanks are moved, so text that was never tokenized keeps its own.
    Quotation marks are joined to what they enclose; where one of a pair is missing, its neighbors
    tell which side it belongs to.
    """
    text = one_line(text)
    for needles, pattern, replacement in _SPELLED:
        for needle in needles:
            if needle in text:
                text = pattern.sub(replacement, text)
                break
    tokens = with_dashes(text).split()
    plain = " ".join(tokens)
    joined = _join(tokens, _quote_sides(tokens, plain))
    if joined != plain:
        joined = _CANNOT.sub(r"\1not", joined)
    return paired_quotes(joined)


def with_apostrophes(text: str) -> str:
    """Mends "do nt" and "ca nt", which lost an apostrophe, and "Earth 's", which gained a blank."""
    if any(end in text for end in _NT):
        text = _NO_APOSTROPHE.sub(r"\1n't", text)
    return _APART.sub("'", text) if " '" in text else text


def _join(tokens: list[str], opens: Mapping[int, bool]) -> str:
    pieces: list[str] = []
    glued = True  # whether the token before wants none between
    for number, token in enumerate(tokens):
        if token.isalnum():  # most are words, and every mark holds something else
            pieces.append(token if glued else f" {token}")
            glued = False
            continue
        before = tokens[number - 1] if number else ""
        after = tokens[number + 1] if number + 1 < len(tokens) else ""
        left, right = _sides(token, before=before, after=after)
        if number in opens:
            left, right = not opens[number], opens[number]
        # Nothing joins a mark to the dash before it: "-- ( that is ) -- ".
        if not (glued or (left and before not in ("--", "-"))):
            pieces.append(" ")
        pieces.append(_plain_quotes(token))
        glued = right
    return "".join(pieces)


def _sides(token: str, *, before: str, after: str) -> tuple[bool, bool]:
    """Whether a token is joined to the one before it, and to the one after it."""
    number_before, number_after = before[-1:].isdigit(), after[:1].isdigit()
    if token == ":" and _is_time(before, after):
        return True, True
    if token == "/":
        both = number_before and number_after
        both = both or (before.lower(), after.lower()) == ("and", "or")
        both = both or (before.isupper() and after.isupper() and len(before) > 1)
        return both, both
    if token == "&":
        both = bool(_INITIALS.fullmatch(before) and _INITIALS.fullmatch(after))
        both = both and min(len(before), len(after)) == 1
        return both, both
    if token in ("’", "´"):
        return True, after in _CURLY_CLITIC
    if token in _CURRENCIES:
        amount = bool(_AMOUNT.match(after))
        return amount and token == "$" and before in _DOLLARS, amount
    if token == "#":
        return before == "C", number_after
    if token in ("%", "°", "′", "″"):
        return number_before, token == "°" and after in ("C", "F")
    if token in _OPENING:
        return False, True
    if _CLOSING.fullmatch(token) or _CLITIC.fullmatch(token):
        return True, False
    if _APOSTROPHE_WORD.fullmatch(token) and before in _BEFORE_APOSTROPHE:
        return True, False
    return False, False


def _is_time(before: str, after: str) -> bool:
    return bool(re.fullmatch(r"\d{1,2}", before) and re.fullmatch(r"\d{2}", after[:2]))


def _quote_sides(tokens: list[str], text: str) -> dict[int, bool]:
    """For each quotation mark that stands alone: whether it opens.

    Args:
      tokens: of the text.
      text: the same, with blanks between.
    """
    double = any(mark in text for mark in _QUOTE_MARKS)
    single = "'" in text or "`" in text
    return (_double_quotes(tokens) if double else {}) | (_single_quotes(tokens) if single else {})


def _double_quotes(tokens: list[str]) -> dict[int, bool]:
    alone = [number for number, token in enumerate(tokens) if token in _QUOTE_MARKS]
    # "``" opens and "''" closes, unless an even number of them begins with a closing one.
    directed = len(alone) % 2 == 1 or any(tokens[number] == "``" for number in alone[:1])
    opens: dict[int, bool] = {}
    is_open = False
    for number, token in enumerate(tokens):
        if directed and token in ("``", "''"):
            opens[number] = is_open = _directed_opens(tokens, number, is_open=is_open)
        elif token in _QUOTE_MARKS:
            # One of a pair may be missing: is it the first or the last?
            odd = len(alone) % 2 and number == alone[0] and not is_open
            is_open = not (_closes(tokens, number, single=len(alone) == 1) if odd else is_open)
            opens[number] = is_open = is_open and number + 1 < len(tokens)
        elif not token.isalnum() and (mark := max(token.rfind(mark) for mark in _QUOTE_MARKS)) >= 0:
            is_open = not any(letter.isalnum() for letter in token[:mark])
    return opens


def _directed_opens(tokens: list[str], number: int, *, is_open: bool) -> bool:
    """Whether a mark that has a direction opens; some sources turn one of a pair round."""
    following = tokens[number + 1 :]
    led_up_to = number > 0 and tokens[number - 1] in _LEADS_UP
    if led_up_to and not is_open and following and following[0][:1].isupper():
        return True  # "known as '' Gull": no quotation ends in such a word
    if tokens[number] == "``":
        return any(not _CLOSING.fullmatch(token) for token in following)
    # Nothing is open: it opens what the next mark, of the same direction, closes.
    later = [token for token in following if token in _QUOTE_MARKS]
    pairs = len(later) % 2 == 1 and later[0] == "''"
    return bool(following) and not is_open and (number == 0 or pairs)


def _single_quotes(tokens: list[str]) -> dict[int, bool]:
    alone = [number for number, token in enumerate(tokens) if token in ("'", "`")]
    directed = any(tokens[number] == "`" for number in alone)
    opens: dict[int, bool] = {}
    is_open = False
    for number in alone:
        before = tokens[number - 1] if number else ""
        after = tokens[number + 1] if number + 1 < len(tokens) else ""
        if tokens[number] == "`":
            is_open = True
        elif is_open:
            # Inside of quotes, after a plural and before a word, it is more likely a possessive.
            possessive = before.endswith("s") and after[:1].isalnum() and number != alone[-1]
            is_open = possessive
            opens[number] = False
            continue
        else:
            plural = before.lower().endswith(("s", "z", "x")) and before not in _NO_PLURAL
            last = number == alone[-1] and before not in _NO_PLURAL
            plural = plural or last and before[-1:].isalnum()
            is_open = bool(after) and not directed and not plural
        opens[number] = is_open
    return opens


def _closes(tokens: list[str], number: int, *, single: bool) -> bool:
    """Whether the first quotation mark of an odd number closes what began before the text."""
    before = tokens[number - 1] if number else ""
    after = tokens[number + 1] if number + 1 < len(tokens) else ""
    if not before or not after:
        return bool(before)
    if before[-1] not in ".,!?'":
        return False
    if after[0].islower():
        return True
    verb = tokens[number - 2]
    return single and before == "," and not (verb in _SAYING or verb.endswith("ed"))


def _plain_quotes(token: str) -> str:
    if token == "`":
        return "'"
    return token.replace("``", '"').replace("''", '"')
