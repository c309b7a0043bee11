import pytest
from conftest import toy_dataset
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.mixture import Mixture, mixing_rates, one_pass, parse_mixture, read_mixture

R1, R2 = (toy_dataset(name, part_of="rounds") for name in ("r1", "r2"))
BIG, SMALL = toy_dataset("big"), toy_dataset("small")
ALL = (R1, R2, BIG, SMALL)
COUNTS = {"r1": 1000, "r2": 4000, "big": 30_000, "small": 200}


def rates(counts=COUNTS, **declaration):
    return mixing_rates(Mixture(name="m", **declaration), ALL, counts)


def test_cap_is_per_dataset_and_shared_by_parts():
    assert rates() == {"r1": 600, "r2": 2400, "big": 3000, "small": 200}


def test_cap_per_task_gives_each_part_its_own():
    found = rates(cap_per="task")
    assert found == {"r1": 1000, "r2": 3000, "big": 3000, "small": 200}


def test_cap_applies_before_temperature():
    found = rates(scheme="temperature", temperature=2, cap=2500)
    assert found["big"] == pytest.approx(50)
    assert found["r1"] + found["r2"] == pytest.approx(50)


def test_equal_gives_each_dataset_one():
    found = rates(scheme="equal")
    assert found["big"] == found["small"] == found["r1"] + found["r2"] == 1


def test_rates_are_taken_as_given_and_shared_by_what_a_name_means():
    mixture = Mixture(name="m", scheme="rates", rates={"rounds": 5, "big": 2, "small": 1})
    found = mixing_rates(mixture, ALL, COUNTS, rate_of={"rounds": ["r1", "r2"]})
    assert found == {"r1": 1, "r2": 4, "big": 2, "small": 1}


def test_rates_refuse_a_member_without_one():
    mixture = Mixture(name="m", scheme="rates", rates={"big": 2})
    with pytest.raises(DeclarationError, match="no rate for r1, r2, small"):
        mixing_rates(mixture, ALL, COUNTS)


def test_rates_refuse_a_name_that_is_no_member():
    given = {"rounds": 5, "big": 2, "small": 1, "huge": 3}
    mixture = Mixture(name="m", scheme="rates", rates=given)
    with pytest.raises(DeclarationError, match="rates name huge, which is none of its datasets"):
        mixing_rates(mixture, ALL, COUNTS, rate_of={"rounds": ["r1", "r2"]})


def test_a_dataset_without_examples_has_no_rate():
    assert "small" not in rates(COUNTS | {"small": 0})


@given(
    st.fixed_dictionaries({name: st.integers(0, 60_000) for name in COUNTS}),
    st.integers(1, 5000),
)
def test_rates_sum_to_one_pass_and_respect_the_cap(counts, cap):
    mixture = Mixture(name="m", cap=cap)
    found = mixing_rates(mixture, ALL, counts)
    assert sum(found.values()) == pytest.approx(one_pass(mixture, ALL, counts))
    assert found.get("r1", 0) + found.get("r2", 0) <= cap + 1e-6
    assert found.get("big", 0) <= cap


def test_parse_mixture_reads_every_key():
    text = 'description = "d"\ninclude = ["nli"]\nexclude = ["rte"]\ncap = 10\ntemperature = 2\n'
    found = parse_mixture(text + 'scheme = "temperature"', name="mine", path="mine.toml")
    assert (found.include, found.exclude, found.cap, found.temperature) == (
        ("nli",),
        ("rte",),
        10,
        2.0,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("capp = 3", 'mine.toml: unknown key "capp"; known are'),
        ("cap = '3'", "\"cap\" must be int, not '3'"),
        ("cap = true", '"cap" must be int'),
        ("cap = 0", "1 or more"),
        ('include = "nli"', '"include" must be a list'),
        ("include = []", "include is empty"),
        ('scheme = "even"', "must be one of proportional"),
        ('kinds = ["backward"]', "kinds"),
        ("temperature = 0.0", "0.1 or more"),
        ("temperature = 0.001", "0.1 or more"),
        ("temperature = nan", "want a finite number"),
        ("temperature = inf", "want a finite number"),
        ("rates = {rte = 1}", "rates belong to scheme"),
        ('scheme = "rates"', "rates belong to scheme"),
        ('scheme = "rates"\nrates = {rte = 0}', "above 0"),
        ('scheme = "rates"\nrates = {rte = nan}', "want a finite number"),
        ('scheme = "rates"\nrates = {rte = inf}', "want a finite number"),
        ("cap = ", "not valid TOML"),
        ("x = " + "[" * 5000, "not valid TOML: it is nested too deeply"),
        ("cap = " + "9" * 5000, "not valid TOML"),
        ("cap = " + "9" * 400, "cap is a number of more than 64 bits"),
        ("temperature = " + "9" * 400, "temperature is a number of more than 64 bits"),
        ("temperature = -0.0", "0.1 or more"),
        ('scheme = "rates"\nrates = {rte = ' + "9" * 400 + "}", "rates is a number of more than"),
        ('scheme = "rates"\nrates = {rte = 1e308, cb = 1e308}', r"from 1e-100 to 1e\+100"),
        ('description = "a\\u0000b"', "description holds a NUL character"),
    ],
)
def test_parse_mixture_names_what_is_wrong(text, message):
    with pytest.raises(DeclarationError, match=message):
        parse_mixture(text, name="mine", path="mine.toml")


def test_read_mixture_is_named_after_its_file(tmp_path):
    (tmp_path / "without.nli.toml").write_text('exclude = ["nli"]')
    assert read_mixture(tmp_path / "without.nli.toml").name == "without.nli"


def test_mixture_refuses_a_name_of_capitals():
    with pytest.raises(DeclarationError, match="lower-case words joined by dots"):
        Mixture(name="No NLI")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": 3}, "name is 3"),
        ({"name": "m" * 300}, "mixture name has 300 characters; 100 are allowed"),
        ({"cap": "3"}, r"cap is '3' \(str\); want int"),
        ({"cap": True}, r"cap is True \(bool\); want int"),
        ({"include": (3,)}, "include is .* want a tuple of str"),
        ({"include": ["nli"]}, "include is .* want a tuple of str"),
        ({"include": None}, "include is None"),
        ({"scheme": "rates", "rates": {"rte": "x"}}, "rates is .* want a mapping of str to float"),
        ({"description": "\ud800"}, "description holds half a surrogate pair"),
    ],
)
def test_mixture_refuses_values_of_other_types(changes, message):
    with pytest.raises(DeclarationError, match=message):
        Mixture(**{"name": "mine", **changes})


@pytest.mark.parametrize("key", ["include", "exclude", "hold_out", "kinds"])
def test_mixture_refuses_a_text_in_place_of_a_list(key):
    with pytest.raises(DeclarationError, match=rf'"mine": {key} is one text; write \("rte",\)'):
        Mixture(name="mine", **{key: "rte"})


def test_a_byte_order_mark_before_a_mixture_is_no_text(tmp_path):
    (tmp_path / "mine.toml").write_text('exclude = ["nli"]', encoding="utf-8-sig")
    assert read_mixture(tmp_path / "mine.toml").exclude == ("nli",)
