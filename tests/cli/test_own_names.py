"""Names of a user's own, without the module that declares them and with it."""

from pathlib import Path

import pytest
from own_datasets import rows

SAID = "is known after its Python module is named, with --module, or imported"
MIXED = 'description = "Mine."\ninclude = ["haiku", "rte"]\n'
PARTS = """description = "Mine, in parts."
[parts.first]
include = ["haiku"]
[parts.second]
mixture = "my_mix"
"""


@pytest.mark.parametrize(
    "words",
    [
        ("build", "haiku", "--out", "out"),
        ("build", "my_mix", "--out", "out"),
        ("build", "mixed.toml", "--out", "out"),
        ("build", "parts.toml", "--out", "out"),
        ("build", "rte", "--data-dir", "haiku=.", "--out", "out"),
        ("lint", "haiku"),
        ("show", "haiku"),
        ("list", "haiku"),
        ("sources", "haiku"),
    ],
    ids=" ".join,
)
def test_an_unknown_name_says_what_makes_those_of_a_user_known(flan, own, words):
    own(rows(20))
    Path("mixed.toml").write_text(MIXED)
    Path("parts.toml").write_text(PARTS)
    # With parts the names are problems of the declaration, all of which are listed.
    printed = flan(*words, code=1 if "parts.toml" in words else 2).err
    assert "unknown" in printed and printed.count(SAID) == 1


def test_with_a_module_of_theirs_a_name_is_unknown_for_itself(flan, own):
    module = own(rows(20))
    printed = flan("lint", "haikus", *module, code=2).err
    assert "Did you mean haiku," in printed and SAID not in printed
