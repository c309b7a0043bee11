import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.errors import DeclarationError, UnknownNameError
from flan_tasks.core.template import Template
from flan_tasks.core.variation import PLAIN, PromptSpec, Variation
from flan_tasks.datasets import catalog

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
        ({"shots": -1}, "shots is -1; want 0 or more"),
        ({"shots": 65}, "shots is 65; want at most 64"),
        (
            {"option_order": "random"},
            'has an unknown option_order "random". Known: fixed, shuffled',
        ),
        ({"templates": "plain"}, r'templates is one text; write \("plain",\)'),
        ({"templates": ()}, "templates is empty"),
        ({"templates": (3,)}, "templates is .* want a tuple of str or None"),
        ({"kinds": 3}, "kinds is 3"),
        ({"shots": "1"}, "shots is '1'"),
        ({"options": 1}, r"options is 1 \(int\); want bool"),
        ({"option_order": []}, "option_order is"),
        ({"kinds": ("reversed",)}, "kinds has an unknown kinds"),
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
    num_templates=st.none() | st.integers(1, 9),
)


@given(variations)
def test_words_say_the_same_on_the_command_line(variation):
    import click

    from flan_tasks.cli.spec_options import spec_options

    @click.command()
    @spec_options(PromptSpec)
    def command(spec):
        return spec.variation

    words = [word for option in variation.words for word in option.split()]
    assert command.main(words, standalone_mode=False) == variation


def test_the_first_templates_of_each_dataset_are_drawn():
    every = ids(Variation())
    assert ids(Variation(num_templates=3)) == every[:3]
    assert ids(Variation(num_templates=99)) == every


def test_a_prompt_without_instruction_holds_fields_and_options_alone():
    templates = catalog().templates("rte").templates
    (inputs,) = Variation(instructions="inputs_only").choose("rte", templates, "train")
    names = [name for is_field, name in inputs.pieces["inputs", True] if is_field]
    assert sorted(names[:-1]) == sorted(catalog()["rte"].fields) and names[-1] == "options"
    words = "".join(text for is_field, text in inputs.pieces["inputs", True] if not is_field)
    assert words.strip() == ""
    (named,) = Variation(instructions="dataset_name").choose("rte", templates, "train")
    assert named.inputs == f"[rte]\n{inputs.inputs}"
    assert named.targets == inputs.targets == "{answer}"


def test_templates_of_others_are_left_out_for_one_dataset():
    named = Variation(templates=("rte.hence", "cb.plain", "follows"))
    assert named.for_dataset("rte", ("follows", "hence", "more")).templates == ("follows", "hence")
    assert Variation(templates=("cb.plain",)).for_dataset("rte", ("hence",)).templates is None
    missing = Variation(templates=("follows",))
    assert missing.for_dataset("rte", ("hence",)) == missing


@pytest.mark.parametrize("name", [dataset.name for dataset in catalog().datasets])
def test_every_dataset_has_prompts_without_instruction(name):
    templates = catalog().templates(name).templates
    (found,) = Variation(instructions="dataset_name").choose(name, templates, "train")
    used = found.fields("inputs") - {"options"}
    assert used and used <= set(catalog()[name].fields)
    assert ("options" in found.fields("inputs")) == catalog()[name].is_classification
