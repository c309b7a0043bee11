"""A specification: checked when made, JSON in and out, the canonical command printed from it."""

import dataclasses
import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.cli.main import cli
from flan_tasks.cli.spec_options import spec_options
from flan_tasks.core.errors import UnknownNameError
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.spec import Spec, option
from flan_tasks.specs.build_spec import BuildSpec


@dataclass(frozen=True, kw_only=True)
class Hunt(Spec):
    """A toy job."""

    birds: int = option(3, least=1, most=9)
    """How many birds."""
    how: str = option("net", choices=("net", "lens"))
    """With what."""
    names: tuple[str, ...] = option(())
    """Their names."""
    place: str | None = option(None, is_path=True)
    """Where."""


def test_every_problem_is_named_at_once():
    with pytest.raises(ConfigError) as error:
        Hunt(birds=0, how="gun")
    assert [name for name, _ in error.value.problems] == ["birds", "how"]
    assert "Hunt.birds is 0; want 1 or more" in str(error.value)
    assert "net, lens" in str(error.value) or "lens, net" in str(error.value)
    with pytest.raises(ConfigError, match="birds is 10; want at most 9"):
        Hunt(birds=10)


def test_types_go_before_ranges():
    with pytest.raises(ConfigError, match=r"birds is 'x' \(str\); want int"):
        Hunt(birds="x")
    with pytest.raises(ConfigError, match="names is one text"):
        Hunt(names="heron")


def test_lists_and_paths_are_taken_for_what_json_and_users_mean():
    made = Hunt(names=["heron"], place=Path("a") / "b")
    assert (made.names, made.place) == (("heron",), str(Path("a") / "b"))
    assert Hunt(place="a\udcff").place == "a\udcff"  # bytes that are no text


def test_json_in_and_out():
    made = Hunt(birds=4, names=("heron", "tern"))
    assert Hunt.from_json(json.loads(json.dumps(made.to_json()))) == made
    with pytest.raises(UnknownNameError, match='unknown field of Hunt "bird". Did you mean birds'):
        Hunt.from_json({"bird": 4})


SPECS = st.builds(
    BuildSpec,
    mixture=st.sampled_from(["rte", "without.nli", "a folder/mine.toml"]),
    source=st.sampled_from(["declared", "samples", "tfds"]),
    split=st.sampled_from(["train", "validation", "test"]),
    examples=st.none() | st.integers(1, 10**9),
    seed=st.integers(0, 2**63 - 1),
    vocab=st.sampled_from([None, "bytes", "it's a model"]),
    format=st.sampled_from(["jsonl", "arrays", "seqio-cache"]),
    lengths=st.sampled_from([None, {"inputs": 512, "targets": 64}]),
    shards=st.none() | st.integers(1, 9),
    shots=st.integers(0, 64),
    options=st.booleans(),
    option_order=st.sampled_from(["fixed", "shuffled"]),
    num_templates=st.none() | st.integers(1, 9),
    kinds=st.sampled_from([None, ("forward",), ("forward", "inverted")]),
    license_deny=st.sampled_from([(), ("cc-by-nc*", "it's")]),
    drop_contaminated=st.sampled_from([(), ("rte", "nli")]),
    drop_overlaps=st.booleans(),
    report=st.booleans(),
    allow_missing=st.booleans(),
)


def read_by_the_command_line(spec: BuildSpec) -> BuildSpec:
    """What the options of `flan build` make of a specification's command."""
    caught = []

    @click.command()
    @click.option("--out")
    @spec_options(BuildSpec)
    def build(spec: BuildSpec, out: str) -> None:
        caught.append(spec)

    words = shlex.split(spec.command())[2:]
    result = CliRunner().invoke(build, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return caught[0]


@given(SPECS)
def test_the_canonical_command_says_the_same(spec):
    assert read_by_the_command_line(spec).record() == spec.record()
    assert BuildSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_a_record_holds_no_place():
    spec = BuildSpec(mixture="/home/me/mine.toml", data_dir="/data", store="/tmp/s", source="tfds")
    assert "/" not in json.dumps(spec.record()).replace("inputs/targets", "")
    assert "/home" not in spec.command() and "--data-dir DATA" in spec.command()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "json"}, 'format has an unknown format "json". Did you mean jsonl'),
        ({"arch": "decoder"}, "arch decoder is for packed formats; jsonl does not pack"),
        ({"lengths": {"row": 9}}, "lengths has row, which is for arch decoder"),
        ({"lengths": {"input": 9}}, "lengths is {'input': 9}; want inputs, targets"),
        ({"shots": 65}, "shots is 65; want at most 64"),
        ({"seed": -1}, "seed is -1; want 0 or more"),
        (
            {"instructions": "inputs_only", "num_templates": 3},
            r"num_templates cannot be: .* leave no templates to choose",
        ),
        ({"mixture": ""}, "mixture is empty"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        BuildSpec(**{"mixture": "rte", **changes})


def test_a_declaration_may_stand_for_a_name():
    spec = BuildSpec(mixture=Mixture(name="mine", include=("rte",)))
    assert spec.name == spec.record()["mixture"] == "mine.toml"
    assert BuildSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert replace(spec, seed=1).seed == 1


def test_every_field_is_an_option_with_its_explanation():
    result = CliRunner().invoke(cli, ["build", "-h"])
    shown = " ".join(result.output.split())
    for part in dataclasses.fields(BuildSpec):
        name = {"report": "no-report", "modules": "module"}.get(part.name, part.name)
        assert part.name == "mixture" or f"--{name.replace('_', '-')}" in shown
