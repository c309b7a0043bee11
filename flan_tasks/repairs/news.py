"""What stands before the first word of a news article: place and agency, author, time."""

import re

# Only CNN's own mark may have a place before it or lack the dash: other names in brackets are often
# part of the first sentence.
_DATELINE = re.compile(
    r"^(?:[A-Z][\w.,'’/ -]{1,60}? ?)?\(CNN[^()]{0,30}\)\s*(?:[-–—]+\s*|(?=[A-Z\"'“‘]))"
    r"|^\([^()]{2,40}\)\s*(?:--|—)\s+"
)
_DATELINE_AFTER_NOTE = re.compile(
    r"(?<=[.!?\"”)] )(?:[A-Z][\w,'’/ -]{1,60}? ?)?\(CNN[^()]{0,30}\)\s*(?:--|—)\s+"
)
# "By Jane Doe", a paragraph of its own; a newspaper's staff also at the head of a line.
_NAME = r"(?:[A-Z][\w'’-]+|[A-Z]\.)"
_BYLINE = re.compile(
    rf"^By\s+(?:{_NAME}[ ,]+|and |for |in ){{0,9}}{_NAME}[ ]*\n\s*"
    r"|^By (?:Daily Mail|Associated Press|Mail ?[Oo]n(?:line| Sunday)|Sportsmail)"
    r" (?:Reporter|Correspondent)s?\s+"
)


def without_dateline(text: str) -> str:
    """Takes "LONDON, England (CNN) -- " or "(OPRAH.com) -- " from an article's head.

    Where an editor's note comes first, the dateline behind it goes.
    """
    text = _DATELINE.sub("", text, count=1)
    if text.lstrip("(").startswith("Editor"):
        text = _DATELINE_AFTER_NOTE.sub("", text, count=1)
    return text


def without_byline(text: str) -> str:
    """Takes "By Jane Doe" from an article's head, where it has a line of its own."""
    return _BYLINE.sub("", text, count=1)
