"""What is said where a build is not the one in the directory."""

import json
from dataclasses import replace

import pytest
from conftest import TOY_TEMPLATES, make_catalog, toy_normalize

from flan_tasks.core.errors import BuildError
from flan_tasks.core.mixture import Mixture
from flan_tasks.engine import recipe as recipe_module
from flan_tasks.engine.recipe import differences, digest_of, make_recipe
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.specs.build_spec import BuildSpec

MIXTURE = Mixture(name="m")
SPEC = BuildSpec(mixture="m", source="files", lengths={"inputs": 1024, "targets": 256})


def made(folder, *, sizes=None, mixture=MIXTURE, spec=SPEC, **changes):
    folder.mkdir(exist_ok=True)
    catalog = make_catalog(folder, sizes or {"birds": 34, "fish": 24}, **changes)
    found = prepare(mixture, catalog, source=SourceChoice(), allow_missing=True)
    return make_recipe(found, make_plan(found, seed=0), spec)


@pytest.fixture
def there(tmp_path):
    return made(tmp_path / "there")


def test_a_recipe_is_that_of_its_rows_and_not_of_their_place(there, tmp_path):
    again = made(tmp_path / "elsewhere")
    assert again == there and digest_of(again) == digest_of(there)
    assert json.loads(json.dumps(there)) == there
    assert str(tmp_path) not in json.dumps(there)


def test_options_are_named_with_both_values(there):
    now = {**there, "spec": replace(SPEC, seed=7, allow_missing=True, kinds=("forward",)).record()}
    assert differences(there, now) == [
        "--kinds: none, now forward",
        "--seed: 0, now 7",
        "--allow-missing: off, now on",
    ]


def test_an_option_that_one_release_lacks_is_named(there):
    now = {**there, "spec": {**there["spec"], "min_length": None}}
    assert differences(there, now) == ["--min-length: now alone"]
    assert differences(now, there) == ["--min-length: there alone"]


def test_builds_from_before_there_was_an_order_are_what_they_were(there):
    assert "order" not in there["spec"]
    now = {**there, "spec": replace(SPEC, order="blocks").record()}
    assert differences(there, now) == ["--order: random, now blocks"]


def test_where_things_lie_is_no_difference(there):
    assert replace(SPEC, data_dir="/data", store="/store").record() == there["spec"]


def test_a_recipe_of_an_earlier_release_is_said_to_be_one(there):
    before = {name: value for name, value in there.items() if name != "spec"}
    lines = differences({**before, "command": "flan build m --out DIR"}, there)
    assert lines == [
        "how it was asked for: a command, as releases up to 0.1.0 kept it; now its options"
    ]


def test_the_mixture_is_named_by_part(there, tmp_path):
    now = made(tmp_path / "now", mixture=Mixture(name="m", cap=5))
    lines = differences(there, now)
    assert lines[0] == "mixture, cap: 3000, now 5"
    assert digest_of(now) != digest_of(there)


def test_a_reworded_template_is_named(there, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "conftest.TOY_TEMPLATES", TOY_TEMPLATES.replace("Is a {animal}", "Is {animal}")
    )
    lines = differences(there, made(tmp_path / "now"))
    assert lines == ["birds: template plain reworded", "fish: template plain reworded"]


def test_added_and_removed_templates_are_named(there, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "conftest.TOY_TEMPLATES", TOY_TEMPLATES.replace('id = "bare"', 'id = "short"')
    )
    lines = differences(there, made(tmp_path / "now"))
    assert lines[:2] == ["birds: template short added", "birds: template bare gone"]


def test_the_order_of_templates_counts(there):
    now = json.loads(json.dumps(there))
    templates = now["tasks"]["birds"]["templates"]
    now["tasks"]["birds"]["templates"] = dict(reversed(templates.items()))
    assert digest_of(now) != digest_of(there)
    assert differences(there, now) == ["birds: the order of its templates"]


def test_a_changed_normalizer_is_named_by_its_part_of_the_store_key(there, tmp_path):
    def other(row):
        """Asks whether an animal is a bird."""
        return toy_normalize(row)

    lines = differences(there, made(tmp_path / "now", normalize=other))
    assert lines[0] == "birds: its examples, by their normalizer"


def test_changed_rows_of_the_source_are_named(there, tmp_path):
    lines = differences(there, made(tmp_path / "now", sizes={"birds": 35, "fish": 24}))
    assert lines[0] == "birds: its examples, by their source"


def test_a_changed_license_is_named(there, tmp_path):
    lines = differences(there, made(tmp_path / "now", license="MIT"))
    assert lines[0] == "birds: cluster, part_of, license, citation or metrics"


def test_datasets_that_come_and_go_are_named(there, tmp_path):
    now = made(tmp_path / "now", sizes={"birds": 34, "frogs": 24})
    lines = differences(there, now)
    assert lines[-2:] == ["fish: there, not now", "frogs: now, not there"]


def test_a_long_list_of_differences_is_cut(there):
    more = {**there["spec"], **{f"x{number}": number for number in range(20)}}
    lines = differences(there, {**there, "spec": more})
    assert len(lines) == 13 and lines[-1] == "... and 8 more"


def test_a_recipe_of_unknown_form_still_gives_a_message(there):
    assert differences({}, there)


SETTINGS = BuildSettings(
    format="jsonl",
    split="train",
    style="inputs-targets",
    lengths={"inputs": 1024, "targets": 256},
    num_shards=4,
)


def test_a_build_in_the_way_is_refused_with_what_differs(tmp_path):
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    found = prepare(Mixture(name="m"), catalog, source=SourceChoice())
    plan = make_plan(found, seed=0)
    build(found, plan, SETTINGS, tmp_path / "out")
    lengths = replace(SETTINGS, lengths={"inputs": 512, "targets": 256})
    with pytest.raises(BuildError, match="differ:\n  --lengths: inputs=1024,targets=256, now inp"):
        build(found, plan, lengths, tmp_path / "out")


def test_an_unfinished_build_is_not_continued_with_other_libraries(tmp_path, monkeypatch):
    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    found = prepare(Mixture(name="m"), catalog, source=SourceChoice())
    plan = make_plan(found, seed=0)
    versions = recipe_module.library_versions()

    def stops(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("flan_tasks.engine.work.build_shard", stops)
        with pytest.raises(KeyboardInterrupt):
            build(found, plan, SETTINGS, tmp_path / "out")
    other = {**versions, "pyarrow": "99.1"}
    monkeypatch.setattr("flan_tasks.engine.directory.library_versions", lambda: other)
    message = f"unfinished build, begun by(.|\n)*  pyarrow: {versions['pyarrow']}, now 99.1"
    with pytest.raises(BuildError, match=message):
        build(found, plan, SETTINGS, tmp_path / "out")
    monkeypatch.undo()
    build(found, plan, SETTINGS, tmp_path / "out")
    # A complete one is what its manifest says, libraries and all.
    monkeypatch.setattr("flan_tasks.engine.directory.library_versions", lambda: other)
    assert build(found, plan, SETTINGS, tmp_path / "out").was_there
