"""`ft.show`, `ft.lint`, `ft.sources`, `ft.contamination`: what the commands print, as results."""

import json
import pickle

import pytest
from click.testing import CliRunner

import flan_tasks as ft
from flan_tasks.cli.main import cli
from flan_tasks.core.errors import RowError, SourceUnavailableError
from flan_tasks.core.field_checks import ConfigError


def flan(*words: str, code: int = 0):
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_prompts_are_those_of_the_command_and_of_rows():
    prompts = ft.show("cb", 4, seed=3, shots=1, vocab="bytes")
    words = ("show", "cb", "-n", "4", "--seed", "3", "--shots", "1", "--vocab", "bytes", "--json")
    assert prompts.to_json()["prompts"] == flan(*words)["prompts"]
    rows = ft.rows("cb", seed=3, shots=1, vocab="bytes", source="samples", limit=4)
    assert [prompt.inputs for prompt in prompts] == [row["inputs"] for row in rows]
    assert len(prompts) == 4 and len(prompts[1:3]) == 2 and "4 prompts of cb" in repr(prompts)


def test_one_template_or_each_of_them_is_shown():
    each = ft.show("rte", None)
    assert {prompt.template for prompt in each} == set(ft.templates("rte").ids)
    assert {prompt.template for prompt in ft.show("rte", 5, template="hence")} == {"hence"}
    with pytest.raises(ConfigError, match="mixture holds several"):
        ft.show("nli", None)
    with pytest.raises(ft.UnknownNameError, match="template of rte"):
        ft.show("rte", template="henc")
    with pytest.raises(ft.DeclarationError, match="number 0: wanted 1 or more"):
        ft.show("rte", 0)


def test_a_notebook_shows_texts_of_the_data_as_texts(own):
    import importlib

    _, module = own([{"haiku": f"<b>Line {n}</b>", "season": "spring"} for n in range(12)])
    importlib.import_module(module)
    html = ft.show("haiku", 1)._repr_html_()
    assert "&lt;b&gt;Line" in html and "<b>Line" not in html


def test_sources_are_those_of_the_command():
    states = ft.sources(["rte", "copa"], source="samples")
    assert states.to_json() == flan("sources", "rte", "copa", "--source", "samples", "--json")
    assert states.counts == {"available": 2}
    assert [one.name for one in states.sources] == ["copa", "rte"]
    assert "copa" in states._repr_html_()
    with pytest.raises(ft.UnknownNameError, match='unknown source "web"'):
        ft.sources("rte", source="web")


def test_findings_are_those_of_the_command():
    result = ft.lint("rte")
    assert result.to_json() == flan("lint", "rte", "--json")
    assert not result.faults and result.datasets == 1 and result.templates >= 10
    assert result.samples > 0 and "0 faults" in result._repr_html_()


def test_what_a_build_shares_with_sets_is_that_of_the_command(tmp_path):
    folder = tmp_path / "out"
    ft.build("rte", folder, source="samples", report=False)
    told = []
    result = ft.contamination(folder, "rte", progress=told.append)
    words = ("contamination", str(folder), "--against", "rte", "--json")
    assert result.to_json() == flan(*words, code=1 if result.findings else 0)
    assert result.examples > 0 and ("rte", "test") in result.compared
    assert told[-1] == "comparing"
    assert f"{result.examples:,} training examples" in result._repr_html_()


def test_an_error_carries_what_it_is_about():
    error = SourceUnavailableError("has no rows", dataset="birds", problems=[("birds", "none")])
    assert (str(error), error.reason) == ("birds: has no rows", "has no rows")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.dataset, again.problems) == (
        str(error),
        "birds",
        (("birds", "none"),),
    )
    config = ConfigError("BuildSpec", [("seed", "is -1; want 0 or more")])
    again = pickle.loads(pickle.dumps(config))
    assert (str(again), again.owner, list(again.problems)) == (
        "BuildSpec.seed is -1; want 0 or more",
        "BuildSpec",
        [("seed", "is -1; want 0 or more")],
    )
    assert str(RowError("birds, train, row 3: x")) == "birds, train, row 3: x"


def test_missing_datasets_are_named_one_by_one(tmp_path):
    with pytest.raises(SourceUnavailableError) as caught:
        ft.rows("nli", source="files", data_dir=tmp_path)
    problems = dict(caught.value.problems)
    assert {"rte", "cb", "anli_r1"} <= set(problems)
    assert problems["rte"].startswith("no files; wanted one for each split")


def test_places_may_be_named_one_by_one(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    places = {"rte": tmp_path / "elsewhere", "tfds": str(tmp_path)}
    states = ft.sources(["rte", "copa"], data_dir=places)
    words = [f"--data-dir={name}={place}" for name, place in places.items()]
    assert states.to_json() == flan("sources", "rte", "copa", "--json", *words)
    faults = ft.lint("rte", source="tfds", data_dir=places).to_json()["findings"]
    assert faults == flan("lint", "rte", "--source=tfds", "--json", *words)["findings"]
    ft.build("rte", tmp_path / "rte", source="samples", report=False)
    for call in (
        lambda places: ft.sources("rte", data_dir=places),
        lambda places: ft.lint("rte", data_dir=places),
        lambda places: ft.contamination(tmp_path / "rte", "rte", data_dir=places),
    ):
        with pytest.raises(ft.UnknownNameError, match='unknown dataset or cluster "rtee"'):
            call({"rtee": tmp_path})
        with pytest.raises(ConfigError, match="data_dir is 3"):
            call(3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ft.contamination("build", []), "contamination.against is empty; give a name"),
        (lambda: ft.contamination("build", "rte", show=-1), "contamination.show is -1"),
        (lambda: ft.contamination(3, "rte"), "contamination.folder is 3 .int.; want a path"),
        (lambda: ft.lint(3), "lint.names is 3 .int.; want a name, or a list of names"),
        (lambda: ft.lint("rte", most=0), "lint.most is 0 .int.; want a whole number, 1 or more"),
        (lambda: ft.sources([3]), "sources.names is .3. .list."),
        (lambda: ft.shares(3), "shares.mixture is 3"),
        (lambda: ft.verify(3), "verify.folder is 3"),
        (lambda: ft.diff(1, 2), "diff.a is 1"),
        (lambda: ft.open(3), "open.folder is 3"),
        (lambda: ft.templates(3), "templates.name is 3"),
        (lambda: ft.add("rte", templates="rte.toml"), "add.item is 'rte' .str.; want a Dataset"),
        (lambda: ft.build("rte", 3), "build.out is 3"),
        (lambda: ft.build("rte", "out", workers=0), "build.workers is 0"),
        (lambda: ft.build("rte", "out", workers="all"), "build.workers is 'all' .str."),
        (lambda: ft.build("rte", "out", runner="dask"), "RunnerSpec.scheduler is missing; runner"),
        (lambda: ft.build("rte", "out", runner="ray"), "RunnerSpec.runner is 'ray'"),
        (
            lambda: ft.build("rte", "out", runner="beam", beam_args="'"),
            'RunnerSpec.beam_args "\'": No closing quotation',
        ),
        (
            lambda: ft.build("rte", "out", scheduler="tcp://a:1", worker_timeout=-1.0),
            "RunnerSpec.scheduler is for runner dask; RunnerSpec.worker_timeout is for the runners",
        ),
        (lambda: ft.train("runs/finetune.gin"), "train.spec is 'runs/finetune.gin' .str."),
        (lambda: ft.infer([3], model="m"), "infer.prompts is .3. .list.; want a list of texts"),
        (lambda: ft.evaluate(3, model="m", out="out"), "evaluate.names is 3"),
        (lambda: ft.export(3, "out"), "export.model is 3"),
        (lambda: ft.BuildSpec.from_json({}), "BuildSpec.mixture is missing; give one"),
    ],
)
def test_an_argument_of_another_kind_is_named_before_anything_is_done(call, message):
    with pytest.raises(ConfigError, match=message):
        call()


def test_nearest_names_are_named_once():
    with pytest.raises(ft.UnknownNameError, match="Did you mean nli, wnli, snli"):
        ft.shares("nlii")
