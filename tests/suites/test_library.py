"""Suite files: what is wrong with one is said when it is read, all of it."""

import pytest

from flan_tasks.core.errors import DeclarationError, UnknownNameError
from flan_tasks.datasets import catalog
from flan_tasks.suites.library import (
    is_suite,
    open_suite,
    parse_suite,
    published_suite,
    read_suite,
    suite_names,
)
from flan_tasks.suites.parts import opened_parts

GOOD = """
description = "Sums."
home = "https://example.org"
layout = "test.jsonl"
files = { test = "test.jsonl" }

[protocols.plain]
source = "this file"
method = "generate"
question = "{a} + {b} ="
answer = "{c}"

[[averages]]
name = "micro"
over = "examples"
"""


def parsed(text):
    return parse_suite(text, name="sums", path="sums.toml")


def test_published_suites_name_known_datasets_and_their_own_averages():
    of_templates = {"flan2021", "glue", "helm", "niv2_test", "superglue", "t0_heldout"}
    of_parts = {"flan2022_heldout"}
    of_strings = {"bbh", "gsm8k", "mgsm", "mmlu", "tydiqa"}
    assert set(suite_names()) == of_strings | of_templates | of_parts
    for name in suite_names():
        suite = published_suite(name)
        assert suite.license and suite.citation and suite.home and suite.layout
        if suite.parts:
            assert len(opened_parts(suite)) == len(suite.parts)
        if name in of_templates | of_parts:
            continue
        assert catalog().expand(suite.datasets), name
        assert suite.rows
        facts = {
            key
            for dataset in suite.datasets
            if dataset in catalog().families
            for member in catalog().families[dataset].members.values()
            for key in member.facts
        }
        assert {average.by for average in suite.averages} - {""} <= facts, name


def test_a_name_is_a_suite_a_protocol_or_a_file():
    assert [one.name for one in open_suite("mmlu")] == ["mmlu", "hendrycks"]
    assert open_suite("mmlu@flan")[1].name == "flan"
    assert is_suite("mine.toml") and is_suite("mmlu@x") and not is_suite("rte")
    with pytest.raises(UnknownNameError, match="protocol of mmlu"):
        open_suite("mmlu@hendricks")
    with pytest.raises(UnknownNameError, match='unknown suite "mlmu". Did you mean mmlu'):
        open_suite("mlmu@hendrycks")
    with pytest.raises(UnknownNameError, match="protocol of mmlu"):
        open_suite("mmlu@")


def test_a_good_file_is_read():
    suite = parsed(GOOD)
    assert suite.protocols[0].question == "{a} + {b} =" and suite.protocol("") is suite.protocols[0]
    assert suite.protocol("other") is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('home = "https', 'hom = "https', "unknown key 'hom'; known are description, home"),
        ('home = "https://example.org"\n', "", 'no "home"'),
        ('description = "Sums."', "description = 3", "description is 3"),
        ('method = "generate"', 'method = "guess"', "method is 'guess'"),
        ('method = "generate"', 'method = "rank"', 'method "rank" and options belong together'),
        ('"{a} + {b} ="', '"{a + {b} ="', "has a brace that is no column's"),
        ('"{a} + {b} ="', '"{a:upper} ="', "behind the colon only trimmed may stand"),
        ('answer = "{c}"', 'answer = "{c}"\nshots = 2', "shots and exemplars belong together"),
        ('answer = "{c}"', 'answer = "{c}"\nmetric = "acuracy"', 'metric "acuracy" must be one of'),
        ('answer = "{c}"', 'answer = "{c}"\nread = { pattern = "(" }', "no regular expression"),
        ('answer = "{c}"', 'answer = "{c}"\nread = { before = "x" }', "unknown key 'before'"),
        ('answer = "{c}"', 'answer = "{c}"\nexemplars = { form = "prompt" }', "split or record"),
        ("[protocols.plain]", "[protocols.Plain]", "lower-case letters"),
        ('source = "this file"', 'source = " "', "say where the protocol is written down"),
        ('over = "examples"', 'over = "groups"', 'by goes with over = "groups" or only'),
        ("[[averages]]", "[averages]", "averages must be tables, [[averages]]"),
        ("files = { test", 'datasets = ["rte"]\nfiles = { test', "one of them"),
        ('question = "{a} + {b} ="\n', "", 'no "question"; or give templates = true'),
        ('answer = "{c}"', 'answer = "{c}"\ntemplates = true', "question does not go with templ"),
        ('answer = "{c}"', 'answer = "{c}"\nchosen_on = "validation"', "goes with templates"),
        ('answer = "{c}"', 'answer = "{c}"\nlisted = "("', 'listed "(" is no regular expr'),
        ('answer = "{c}"', 'answer = "{c}"\nchoices = 4\nlisted = "x"', "one of them"),
        ('method = "generate"', 'method = "auto"', 'method "auto" goes with templates'),
        ('over = "examples"', 'over = "parts"', 'over = "parts" and parts belong together'),
        ('over = "examples"', 'over = "tasks"\nof = "median"', "over the templates of groups"),
        ('over = "examples"', 'over = "tasks"\neach = true', "each goes with over"),
        ('over = "examples"', 'over = "tasks"\nnumber = "f1"', 'number "f1" is none of plain'),
        ("files = { test", 'numbers = { x = ["y"] }\nfiles = { test', "numbers go with a protocol"),
        ('layout = "test.jsonl"', 'layout = "x"\nname = "y"', "name is not given in the file"),
        ("[protocols.plain]", "[protocols.plain", "not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(old, new, said):
    assert old in GOOD
    with pytest.raises(DeclarationError) as caught:
        parsed(GOOD.replace(old, new))
    assert said in str(caught.value) and "sums.toml: " in str(caught.value)


def test_all_problems_of_a_file_are_said_at_once():
    text = GOOD.replace('home = "h', 'hom = "h').replace('over = "examples"', 'over = "rows"')
    with pytest.raises(DeclarationError) as caught:
        parsed(text)
    assert "unknown key 'hom'" in str(caught.value) and "over is 'rows'" in str(caught.value)


def test_a_published_number_says_where_it_was_read():
    text = GOOD + (
        '\n[[published]]\nmodel = "m"\nprotocol = "plain"\naverage = "macro"\nvalue = 1\n'
        'source = "a table"\n'
    )
    with pytest.raises(DeclarationError, match='average "macro" must be one of micro'):
        parsed(text)
    with pytest.raises(DeclarationError, match="say where the number was read"):
        parsed(text.replace('"macro"', '"micro"').replace('"a table"', '""'))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DeclarationError, match=r"gone\.toml: cannot be read"):
        read_suite(tmp_path / "gone.toml")
