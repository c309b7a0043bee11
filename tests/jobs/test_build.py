"""`ft.build` and its like: the same as the command, with typed results."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import flan_tasks as ft
from flan_tasks.cli.main import cli
from flan_tasks.core.mixture import Mixture
from flan_tasks.datasets import catalog


def flan(*words: str):
    return CliRunner().invoke(cli, words, catch_exceptions=False)


def test_a_build_is_that_of_the_command(tmp_path):
    built = ft.build("nli", tmp_path / "python", source="samples", seed=3, examples=50, shards=2)
    words = ["--source", "samples", "--seed", "3", "--examples", "50", "--shards", "2"]
    flan("build", "nli", "--out", str(tmp_path / "command"), *words)
    here, there = (tmp_path / name / "manifest.json" for name in ("python", "command"))
    assert here.read_bytes() == there.read_bytes()
    assert built.examples == built.rows == 50 and not built.was_there
    assert sum(task["realized"] for task in built.tasks) == 50
    assert built.command.startswith("flan build nli --out DIR --source samples")
    assert ft.build("nli", tmp_path / "python", source="samples", seed=3, examples=50, shards=2)


def test_a_build_says_how_far_it_is_and_else_is_quiet(tmp_path, capfd):
    seen = []
    ft.build("rte", tmp_path / "a", source="samples", progress=seen.append)
    assert seen[-1].done == seen[-1].shards == 1
    ft.build("rte", tmp_path / "b", source="samples")
    assert capfd.readouterr() == ("", "")


def test_a_specification_stands_for_its_fields(tmp_path):
    spec = ft.BuildSpec(mixture="rte", source="samples", format="arrays", vocab="bytes")
    built = ft.build(spec, tmp_path / "out")
    assert built.tokens and built.tokens["inputs"] > 0
    with pytest.raises(ft.DeclarationError, match="give one or the other"):
        ft.build(spec, tmp_path / "out", seed=1)
    assert json.loads(json.dumps(built.manifest["recipe"]["spec"]))["format"] == "arrays"


def test_a_declared_mixture_is_built(tmp_path):
    mine = Mixture(name="mine", include=("rte", "cb"), cap=5)
    built = ft.build(mine, tmp_path / "out", source="samples")
    assert {task["name"] for task in built.tasks} == {"rte", "cb"}
    assert built.manifest["mixture"]["cap"] == 5
    assert built.command.startswith("flan build mine.toml --out DIR")
    # A file of it is the same build.
    file = tmp_path / "mine.toml"
    file.write_text('include = ["rte", "cb"]\ncap = 5\n')
    assert ft.build(str(file), tmp_path / "out", source="samples").was_there


def test_a_declared_mixture_needs_a_name_of_its_own(tmp_path):
    with pytest.raises(
        ft.ConfigError, match='mixture has the name of another that is known, "nli"'
    ):
        ft.build(Mixture(name="nli", include=("rte",), cap=5), tmp_path / "out", source="samples")
    known = catalog().mixture("without.nli")
    built = ft.build(known, tmp_path / "out", source="samples", examples=5)
    assert built.command.startswith("flan build without.nli --out DIR")


def test_what_holds_already_is_not_said_again(tmp_path):
    mine = Mixture(name="mine", include=("all",), hold_out=("nli",), drop_overlaps=True)
    built = ft.build(mine, tmp_path / "a", source="samples", examples=5)
    assert ft.build(
        mine, tmp_path / "a", source="samples", examples=5, drop_overlaps=True
    ).was_there
    assert "--drop-overlaps" not in built.command


def test_a_vocabulary_that_was_configured_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAN_TASKS_VOCAB", "bytes")
    built = ft.build("rte", tmp_path / "out", source="samples", shots=1)
    assert built.manifest["vocabulary"] == "bytes"


def test_answers_to_texts_come_back_whatever_ends_their_lines(tmp_path, monkeypatch):
    def infer(run, *, progress=None):
        lines = Path(run.input_path).read_text(encoding="utf-8").split("\n")
        answered = [{"prediction": json.loads(line)["prompt"]} for line in lines if line]
        text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in answered)
        Path(run.output_path).write_text(text, encoding="utf-8")
        return len(answered)

    monkeypatch.setattr("flan_tasks.jobs.models.infer", infer)
    texts = ["a\u2028b", "c\u0085d\u2029", "e\nf", ""]
    assert ft.infer(texts, model=tmp_path) == texts
    with pytest.raises(ft.DeclarationError, match="prompts is one text"):
        ft.infer("a text", model=tmp_path)
    with pytest.raises(ft.DeclarationError, match="give model="):
        ft.infer(["a"])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"sed": 1}, ft.UnknownNameError, 'unknown field of BuildSpec "sed". Did you mean seed'),
        ({"seed": "1"}, ft.ConfigError, r"BuildSpec.seed is '1' \(str\); want int"),
        ({"eos": "</s>"}, ft.ConfigError, "eos is of a vocabulary; give one"),
        ({"lengths": "auto"}, ft.ConfigError, "lengths auto counts tokens; give a vocab"),
        ({"templates": ("no_such",)}, ft.UnknownNameError, 'unknown template of rte "no_such"'),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_written(settings, error, message, tmp_path):
    with pytest.raises(error, match=message):
        ft.build("rte", tmp_path / "out", **{"source": "samples", **settings})
    assert not (tmp_path / "out").exists()


def test_an_unknown_mixture_is_named(tmp_path):
    with pytest.raises(ft.UnknownNameError, match="nlli"):
        ft.build("nlli", tmp_path / "out")


def test_shares_are_those_that_are_listed():
    found = ft.shares("without.nli")
    (listed,) = json.loads(flan("list", "--mixtures", "without.nli", "--json").output)["mixtures"]
    assert json.loads(json.dumps(found.to_json())) == listed
    assert sum(found.clusters.values()) == pytest.approx(1, abs=1e-3)
    assert "rte" in found.held_out and "nli" not in found.clusters
    page = found._repr_html_()
    assert "without.nli" in page and "<script" not in page


def test_verify_report_and_diff(tmp_path, monkeypatch):
    for seed in (0, 1):
        ft.build("rte", tmp_path / str(seed), source="samples", seed=seed)
    verified = ft.verify(tmp_path / "0")
    assert (verified.examples, verified.files) == (15, 5)
    monkeypatch.chdir(tmp_path)
    page = ft.report(tmp_path / "0")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(ft.ConfigError, match="lies in the build"):
        ft.report(tmp_path / "0", tmp_path / "0" / "page.html")
    assert ft.diff(tmp_path / "0", tmp_path / "1").settings["seed"] == (0, 1)
    assert ft.diff("rte", "rte").is_empty
    with pytest.raises(ft.DeclarationError, match="is a build and the other a mixture"):
        ft.diff(tmp_path / "0", "rte")
    (tmp_path / "0" / "README.md").write_text("changed")
    with pytest.raises(ft.BuildError, match=r"README\.md"):
        ft.verify(tmp_path / "0")


def test_results_show_themselves_with_data_escaped(tmp_path):
    hostile = Mixture(name="m", description="<script>x</script>", include=("rte",))
    assert "<script" not in ft.shares(hostile)._repr_html_()
    built = ft.build("rte", tmp_path / "<b>", source="samples")
    assert "<b>" not in built._repr_html_() and "rte" in built._repr_html_()
