"""Characters: broken encodings, controls of Windows-1252, and what nobody sees."""

import re
from collections.abc import Callable
from functools import cache

from flan_tasks.core.extras import needed_for

# "15th-?\u00adcentury": a soft hyphen that some tool wrote twice, once as a question mark.
_SOFT_HYPHEN_TWICE = re.compile(r"(?<=[\w-])\?\u00ad(?=\w)")
# Soft hyphens, blanks of no width and marks of direction; joiners stay, as emoji are made of them.
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"))
# Control characters that were letters and quotation marks in Windows-1252.
_WINDOWS = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}


def readable(text: str) -> str:
    """Repairs UTF-8 that was read as another encoding, and drops characters that nobody sees.

    "â€”" becomes a dash and "Ã³" an ó again; text that makes sense as it is stays, in every
    language. Control characters that Windows has letters for become these letters.
    """
    if text.isascii():
        return text
    text = _encoding_repair()(text).translate(_WINDOWS)
    return _SOFT_HYPHEN_TWICE.sub("", text).translate(_INVISIBLE)


@cache
def _encoding_repair() -> Callable[[str], str]:
    # Imported when first needed: declarations are imported without any library.
    with needed_for("Repairing broken characters"):
        import ftfy
    return ftfy.fix_encoding
