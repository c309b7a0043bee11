import pytest

from flan_tasks.core.parsing import parse_json, parse_toml


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "{", "\ud800"])
def test_json_is_read_or_a_value_error(text):
    with pytest.raises(ValueError):
        parse_json(text)


@pytest.mark.parametrize("text", ["x = " + "[" * 100_000, "x = " + "9" * 5000, "x", "x = 1\nx = 2"])
def test_toml_is_read_or_a_value_error(text):
    with pytest.raises(ValueError):
        parse_toml(text)


def test_what_is_right_is_read():
    assert parse_json(b'{"a": [1]}') == {"a": [1]}
    assert parse_toml("a = [1]") == {"a": [1]}
