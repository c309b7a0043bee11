"""Rows that a draft without rows of its own begins with, to be replaced."""

from flan_tasks.core.dataset import Row

_REMARKS = (
    ("The bread was still warm when it came to the table.", "praise"),
    ("Nobody answered the phone, although the sign says open until six.", "complaint"),
    ("Do you take cards, or only coins?", "question"),
    ("My daughter asks every week when we can go to your library again.", "praise"),
    ("The second box arrived without its lid, and one cup was broken.", "complaint"),
    ("Is the swimming pool heated in winter?", "question"),
    ("Thank you for finding my umbrella; I had given it up.", "praise"),
    ("We waited forty minutes for two glasses of water.", "complaint"),
    ("Which bus goes from the station to the harbor?", "question"),
    ("The gardener explained every plant, and we learned a great deal.", "praise"),
    ("The heating in room twelve has not worked since Monday.", "complaint"),
    ("Can the tickets be returned if it rains?", "question"),
)
_REPORTS = (
    (
        "The ferry to the island will not run on Tuesday, as its engine is repaired.",
        "No ferry on Tuesday",
    ),
    (
        "After nine years of work the town opened its new bridge for cyclists.",
        "Bridge for cyclists opens",
    ),
    (
        "A pair of storks has nested on the roof of the school and raised three chicks.",
        "Storks nest on school roof",
    ),
    (
        "The bakery in Mill Lane closes after four generations of one family.",
        "Mill Lane bakery closes",
    ),
    (
        "Snow fell on the vineyards in April, and farmers fear for the harvest.",
        "April snow threatens vines",
    ),
    (
        "Pupils measured the noise in their street and handed the numbers to the mayor.",
        "Pupils measure street noise",
    ),
    (
        "The library lends tools now: drills, saws and ladders, for a week each.",
        "Library lends tools",
    ),
    (
        "A diver found the anchor of a ship that sank in a storm in 1871.",
        "Anchor of lost ship found",
    ),
    ("The old tram returns to the center, pulled by a battery this time.", "Old tram returns"),
    (
        "Volunteers planted six hundred oaks on the hill that burned last summer.",
        "Oaks for the burned hill",
    ),
    (
        "The clock on the town hall is right again, after it was slow for a month.",
        "Town hall clock is right again",
    ),
    (
        "A choir of two hundred sang in the market hall and filled it to the doors.",
        "Choir fills market hall",
    ),
)
FIRST_ROWS: dict[str, tuple[Row, ...]] = {
    "classification": tuple({"text": text, "label": label} for text, label in _REMARKS),
    "generation": tuple({"text": text, "headline": headline} for text, headline in _REPORTS),
}
