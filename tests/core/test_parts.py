"""Parts of a mixture: what a declaration and a TOML file may say, and every problem at once."""

import math

import pytest

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.mixture import Mixture, parse_mixture
from flan_tasks.core.parts import Part

NLI = Part(name="a", include=("nli",))

TOML = """\
weights = "tokens"
max_repeats = 4
[parts.one]
weight = 0.4
include = ["nli"]
exclude = ["wnli"]
prompt_types = ["zs_opt", "fs_opt"]
shots = [1, 5]
[parts.two]
scheme = "rates"
mixture = "commonsense"
rates = { copa = 2 }
[parts.three.parts.inner]
include = ["sentiment"]
options = false
kinds = ["forward"]
temperature = 2
"""


def test_a_file_says_what_python_says():
    assert parse_mixture(TOML, name="m", path="m.toml") == Mixture(
        name="m",
        weights="tokens",
        max_repeats=4.0,
        parts=(
            Part(
                name="one",
                weight=0.4,
                include=("nli",),
                exclude=("wnli",),
                prompt_types=("zs_opt", "fs_opt"),
                shots=(1, 5),
            ),
            Part(name="two", scheme="rates", mixture="commonsense", rates={"copa": 2}),
            Part(
                name="three",
                parts=(
                    Part(
                        name="inner",
                        include=("sentiment",),
                        options=False,
                        kinds=("forward",),
                        temperature=2.0,
                    ),
                ),
            ),
        ),
    )


def test_what_is_written_as_json_is_read_back():
    mixture = parse_mixture(TOML, name="m", path="m.toml")
    values = mixture.to_json()
    lists = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    assert Mixture(**lists) == mixture
    assert "parts" not in Mixture(name="m").to_json()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight": 0}, "weight 0 must be a number above 0"),
        ({"weight": -1.5}, "weight -1.5 must be a number above 0"),
        ({"weight": math.nan}, "weight is nan; want a finite number"),
        ({"weight": math.inf}, "weight is inf; want a finite number"),
        ({"mixture": "all"}, "it has mixture and include; give one of them"),
        ({"include": ()}, "it has no datasets; give mixture, include or parts"),
        ({"name": "Big Part"}, "must be lower-case letters, digits and underscores"),
        ({"scheme": "even"}, 'scheme "even" must be one of'),
        ({"cap": 0}, "cap and limit must be 1 or more"),
        ({"max_repeats": 0}, "max_repeats 0 must be a number from"),
        ({"rates": {"rte": 1}}, "rates belong to scheme"),
        ({"shots": (3, 2)}, "shots [3, 2] must be the fewest and the most, from 1 to 64"),
        ({"shots": 65}, "shots is 65; want at most 64"),
        ({"prompt_types": ("zs_op",)}, "zs_opt"),
        ({"prompt_types": {"zs_opt": 0.0}}, "the weight of zs_opt, 0, must be a number above 0"),
        ({"prompt_types": ("fs_opt",), "shots": 0}, "few-shot prompt types and shots = 0"),
        ({"prompt_types": ("zs_opt",), "options": False}, "the types say whether options"),
        ({"instructions": "none"}, 'unknown instructions "none"'),
    ],
)
def test_a_part_that_cannot_be_says_why(change, words):
    with pytest.raises(DeclarationError) as raised:
        Part(**{"name": "a", "include": ("nli",), **change})
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"parts": (NLI, NLI)}, '2 parts are called "a"; give each a name of its own'),
        ({"parts": (NLI,), "include": ("nli",)}, "it has include and parts"),
        ({"parts": (NLI,), "scheme": "rates", "rates": {"nli": 1}}, "give them weights"),
        ({"weights": "tokens"}, "are those of parts, and it has none"),
        ({"parts": (NLI,), "weights": "words"}, 'weights "words" must be one of examples, tokens'),
    ],
)
def test_a_mixture_that_cannot_be_says_why(values, words):
    with pytest.raises(DeclarationError) as raised:
        Mixture(name="m", **values)
    assert words in str(raised.value)


def test_all_problems_of_a_file_are_listed_with_their_places():
    text = """\
    cap = "big"
    [parts.one]
    weight = "much"
    includes = ["nli"]
    [parts.two]
    weight = nan
    mixture = "all"
    include = ["nli"]
    [parts.three.parts.inner]
    weight = -1
    include = "nli"
    [parts.three.parts.other]
    include = ["nli"]
    shots = [1, 2, 3]
    [parts]
    four = 4
    """
    text = text.replace("[parts]\n    four = 4\n", "")
    with pytest.raises(DeclarationError) as raised:
        parse_mixture(text, name="m", path="m.toml")
    lines = str(raised.value).splitlines()
    assert all(line.startswith("m.toml: ") for line in lines)
    for words in (
        '"cap" must be int',
        'parts.one: unknown key "includes"',
        'parts.one: "weight" must be a number',
        "parts.two: weight is nan",
        'parts.three.parts.inner: "include" must be a list of texts',
        'parts.three.parts.other: "shots" must be a number, or two',
    ):
        assert any(words in line for line in lines), words


@pytest.mark.parametrize("text", ["parts = 3", 'parts = ["a"]', "[parts]\na = 1"])
def test_parts_that_are_no_tables_are_refused(text):
    with pytest.raises(DeclarationError, match="m.toml: .*parts"):
        parse_mixture(text, name="m", path="m.toml")
