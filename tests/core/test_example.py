import pytest

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.example import Example


def test_example_strips_texts():
    example = Example(fields={"a": " x\n"}, answer=" yes ", options=("yes ", "no"))
    assert example.fields == {"a": "x"}
    assert (example.answer, example.options, example.references) == ("yes", ("yes", "no"), ("yes",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"answer": "maybe"}, "not among the options"),
        ({"answer": "  "}, "answer is empty"),
        ({"options": ("yes", "yes ", "no")}, "two options are equal"),
        ({"options": ("yes", " ")}, "an option is empty"),
        ({"fields": {"a": 3}}, 'field "a" must be text, not int'),
        ({"fields": {"a": "\ud83d"}}, "surrogate"),
    ],
)
def test_example_refuses(changes, message):
    with pytest.raises(DeclarationError, match=message):
        Example(**({"fields": {"a": "x"}, "answer": "yes", "options": ("yes", "no")} | changes))
