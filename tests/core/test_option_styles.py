"""Styles of the block of options: the file, what each is for, and that ids keep them readable."""

import re

import pytest
from conftest import ROOT
from hypothesis import example, given
from hypothesis import strategies as st

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.option_styles import (
    BOTH,
    LABEL,
    OPTION_TARGETS,
    PLAIN_STYLE,
    TEXT,
    block_of,
    clashes,
    fits,
    option_styles,
    read_styles,
)
from flan_tasks.core.render import format_options
from flan_tasks.vocabulary import open_vocabulary

GOLDEN = ROOT / "tests" / "golden" / "option_styles.txt"
LISTS = {
    "two": ("yes", "no"),
    "three": ("yes", "it is impossible to say", "no"),
    "four": ("world news", "sports", "business", "science and technology"),
    "five": ("a thermometer", "a ruler", "a stopwatch", "a balance", "none of these"),
    "eight": ("heat", "light", "wind", "rain", "snow", "ice", "fog", "hail"),
    "fifteen": tuple(
        f"{one} {two}" for one in ("red", "blue", "old") for two in "pear fig lime".split()
    )
    + ("water", "milk", "tea", "juice", "wine", "beer"),
    "thirty": tuple(f"town {first}{second}" for first in "bdfgh" for second in "aeiouy"),
    "sentences with commas": (
        "She opens the door, looks around, and leaves.",
        "He reads the letter (the long one), then sings: “Why?”",
        "They wait and wait - or so it seems.",
    ),
    "letters": ("A", "B", "C"),
    "numbers": ("0", "1", "2", "3", "4", "5"),
    "amounts": ("1,000 km", "20 km", "$3.50"),
    "roman numerals": ("I", "II", "IV"),
    "listed already": ("a) the cat", "b) the dog"),
    "one speaks of others": ("iron", "copper", "both A and B"),
    "with slashes and bars": ("and/or", "either | or", "100%"),
    "other scripts": ("正确", "错误", "无法判断"),
    "right to left": ("نعم", "لا"),
    "marks of fields": ("{label}", "{option}", "%s"),
}


def test_there_are_twenty_styles_and_more_half_of_them_with_labels():
    styles = option_styles().values()
    assert len(styles) >= 20
    labeled = [style for style in styles if style.labels]
    assert len(styles) / 3 < len(labeled) < len(styles) * 2 / 3
    assert len({(one.text, one.item, one.between, one.last, one.labels) for one in styles}) == len(
        styles
    )


def test_the_plain_style_is_what_prompts_had_before():
    for options in LISTS.values():
        block = block_of(PLAIN_STYLE, options, LABEL)
        assert block.text == format_options(options)
        assert (block.labels, block.choices) == ((), options)


def rendered() -> str:
    pages = [
        "Every style with every kind of options that it is for; the target of the first option as",
        "text, label, both where it has labels.",
    ]
    for name in option_styles():
        pages.append(f"\n================ {name}")
        taken = [what for what, options in LISTS.items() if fits(name, options)]
        for what in taken:
            options = LISTS[what]
            pages += [f"---- {what}", block_of(name, options).text]
            if block_of(name, options).labels:
                targets = (block_of(name, options, how).choices[0] for how in OPTION_TARGETS)
                pages.append("=> " + " | ".join(targets))
        left = [what for what in LISTS if what not in taken]
        pages.append(f"---- not for: {', '.join(left) or 'none of them'}")
    return "\n".join(pages) + "\n"


def test_rendered_styles_are_those_that_were_read(request):
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(rendered(), encoding="utf-8")
    assert rendered() == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", option_styles())
@pytest.mark.parametrize("how", OPTION_TARGETS)
def test_a_target_names_one_option_and_stands_in_the_block(name, how):
    for options in filter(lambda one: fits(name, one), LISTS.values()):
        block = block_of(name, options, how)
        assert len(set(block.choices)) == len(options)
        assert len(set(block.labels)) in (0, len(options))
        for option, choice in zip(options, block.choices, strict=True):
            assert block.choice(option) == choice
            assert choice in block.text
        if block.labels and how == LABEL:
            assert not {one.casefold() for one in block.choices} & {
                one.casefold() for one in options
            }
        if not block.labels or how == TEXT:
            assert block.choices == options
        if block.labels and how == BOTH:
            assert all(one in choice for one, choice in zip(options, block.choices, strict=True))


def read_back(name, text, count):
    """The options of a block that stands on one line, read by its marks alone."""
    style = option_styles()[name]
    before, _, behind = style.text.partition("{items}")
    lead, tail = " ".join(before.split()), " ".join(behind.split())
    assert text.startswith(lead) and text.endswith(tail)
    line = text[len(lead) : len(text) - len(tail)].strip()
    head = style.item.partition("{option}")[0]
    if not head.strip() or style.item.endswith('"'):
        marks = sorted({style.between.strip(), style.last.strip()} - {""}, key=len, reverse=True)
        # A word ends nothing that it is written together with.
        spaces = [r"\s+" if mark[0].isalpha() else r"\s*" for mark in marks]
        joints = [rf"{s}{re.escape(m)}\s+" for s, m in zip(spaces, marks, strict=True)]
        pieces = re.split("|".join(joints), line)
        quote = '"' if style.item.endswith('"') else ""
        return [piece.strip().removeprefix(quote).removesuffix(quote) for piece in pieces]
    labels = style.labels_of(count) or ("",) * count
    pieces, rest = [], f" {line}"
    for label in labels:
        left, mark, rest = rest.partition(f" {head.replace('{label}', label).strip()}")
        assert mark
        pieces.append(left)
    pieces = [*pieces[1:], rest]
    joints = [style.between.strip()] * (count - 2) + [style.last.strip() or style.between.strip()]
    return [p.strip().removesuffix(j).strip() for p, j in zip(pieces, [*joints, ""], strict=True)]


WORDS = st.text(
    st.sampled_from("abcdeivxABCIVX0123 ,;:./|-*()[]\"'=?!•orand"), min_size=1, max_size=14
)
OPTIONS = st.lists(
    WORDS.map(lambda text: " ".join(text.split())).filter(bool), min_size=2, max_size=7, unique=True
).map(tuple)


@given(OPTIONS)
@example(("0or", "0"))
def test_options_are_read_back_from_one_line_in_every_style_they_fit(options):
    for name in option_styles():
        if name != PLAIN_STYLE and fits(name, options):
            line = " ".join(block_of(name, options).text.split())
            assert read_back(name, line, len(options)) == list(options), name


@pytest.mark.parametrize("name", option_styles())
def test_ids_of_t5_keep_the_block_readable(name, t5_model):
    vocabulary = open_vocabulary(str(t5_model))
    plain = ("two", "three", "four", "five", "eight", "fifteen", "sentences with commas")
    for what in plain:
        options = LISTS[what]
        if not fits(name, options):
            continue
        text = block_of(name, options).text
        ids = vocabulary.encode([text])[0].tolist()
        assert vocabulary.unk_id not in ids
        seen = " ".join(vocabulary.decode(ids).split())
        expected = [" ".join(option.split()) for option in options]
        assert read_back(name, seen, len(options)) == expected


def test_labels_are_not_taken_where_options_could_be_taken_for_them():
    for name, style in option_styles().items():
        for what in ("listed already", "one speaks of others"):
            assert not (style.labels and fits(name, LISTS[what]))
        assert not (style.labels == "numbers" and fits(name, LISTS["numbers"]))
        assert not (style.labels in ("letters", "capitals") and fits(name, LISTS["letters"]))
        assert not (
            style.labels in ("roman", "capital_roman") and fits(name, LISTS["roman numerals"])
        )
        assert not (style.labels and style.labels != "numbers" and fits(name, LISTS["thirty"]))


def test_labels_are_not_taken_where_the_wording_has_such_marks():
    assert clashes("capitals_with_colon", "A: %s\nB: Is that so?\n%s\nA:")
    assert clashes("numbers_in_parentheses", "(1) %s\n(2) %s\nDo they agree?\n%s")
    assert not clashes("numbers_in_parentheses", "A: %s\n%s")
    assert not clashes("dashes_alone", "A: %s\n- %s")
    assert not clashes("letters_with_bracket", "Is a dog meant? %s")


def test_every_option_set_has_the_plain_style():
    assert all(fits(PLAIN_STYLE, options) for options in LISTS.values())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '[[style]]\nid = "x"\ntext = "{items}"\nitem = "{option}"\nbetween = "\\n"',
            "tells where",
        ),
        ('[[style]]\nid = "x"\ntext = "a"\nitem = "- {option}"\nbetween = "\\n"', "{items} once"),
        ('[[style]]\nid = "x"\nhead = "a"', 'unknown key of a style "head"'),
        (
            '[[style]]\nid = "x"\ntext = "{items}"\nitem = "{label} {option}"\nbetween = " "',
            "give both or neither",
        ),
        ('[[style]]\nid = "x"', "missing"),
    ],
)
def test_a_malformed_file_of_styles_is_refused(text, problem):
    with pytest.raises(DeclarationError, match=re.escape(problem)):
        read_styles(text)
