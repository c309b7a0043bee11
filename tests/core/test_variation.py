import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.errors import DeclarationError, UnknownNameError
from flan_tasks.core.template import Template
from flan_tasks.core.variation import PLAIN, Variation

TEMPLATES = (
    Template(id="plain", inputs="{a}?", targets="{answer}"),
    Template(id="bare", inputs="{a}", targets="{answer}"),
    Template(id="turned", kind="inverted", inputs="{answer}", targets="{a}"),
)


def ids(variation, split="train", **options):
    return [t.id for t in variation.choose("rte", TEMPLATES, split, **options)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shots": -1}, "shots -1 must be from 0 to 64"),
        ({"shots": 65}, "shots 65"),
        ({"option_order": "random"}, 'option_order "random" must be one of fixed, shuffled'),
        ({"templates": "plain"}, r'templates is one text; write \("plain",\)'),
        ({"templates": ()}, "templates is empty"),
        ({"kinds": ("reversed",)}, r"kinds \['reversed'\] must be among forward, inverted"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(DeclarationError, match=message):
        Variation(**changes)


def test_training_draws_all_kinds_and_evaluation_forward_ones():
    assert ids(PLAIN) == ["plain", "bare", "turned"]
    assert ids(PLAIN, "test") == ["plain", "bare"]
    assert ids(PLAIN, kinds=("inverted",)) == ["turned"]
    assert ids(Variation(kinds=("inverted",)), "test") == ["turned"]


def test_templates_are_named_for_all_or_for_one_dataset():
    assert ids(Variation(templates=("bare",))) == ["bare"]
    assert ids(Variation(templates=("rte.bare", "plain"))) == ["plain", "bare"]
    # Only templates of another dataset are named: this one keeps all of its own.
    assert ids(Variation(templates=("cb.bare",))) == ["plain", "bare", "turned"]


def test_no_template_left_is_an_error_that_lists_them():
    with pytest.raises(DeclarationError, match=r"among turned; it has plain \(forward\), bare"):
        ids(Variation(templates=("turned",)), "test")


def test_an_unknown_template_offers_the_nearest():
    known = [("rte", ("plain", "bare")), ("cb", ("other",))]
    Variation(templates=("plain", "cb.other")).check_templates(known)
    for name in ("plane", "rte.plane", "cb.plain"):
        with pytest.raises(UnknownNameError, match="Did you mean"):
            Variation(templates=(name,)).check_templates(known)


variations = st.builds(
    Variation,
    shots=st.integers(0, 64),
    options=st.booleans(),
    option_order=st.sampled_from(["fixed", "shuffled"]),
    templates=st.none() | st.just(("plain", "rte.bare")),
    kinds=st.none() | st.just(("forward",)),
)


@given(variations)
def test_words_say_the_same_on_the_command_line(variation):
    import click

    from flan_tasks.cli import options

    @click.command()
    @options.variation
    def command(variation):
        return variation

    words = [word for option in variation.words for word in option.split()]
    assert command.main(words, standalone_mode=False) == variation
