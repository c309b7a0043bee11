"""`flan contamination` and `ft.contamination` against files, by each rule; and builds without."""

import json

import numpy as np
import pytest
from toy_families import family_catalog, write_tasks

import flan_tasks as ft
from flan_tasks.core.family import Member
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.parts import Part as MixturePart
from flan_tasks.core.splits import Splits
from flan_tasks.decontamination.compared import FileTexts, Part
from flan_tasks.decontamination.example_words import Texts
from flan_tasks.decontamination.matches import Checker
from flan_tasks.jobs.contamination import folded_findings
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.specs.contamination_presets import PRESETS
from flan_tasks.store.store import Store

POEM = "an old silent pond then a frog jumps into it with the sound of falling water <b>"


@pytest.fixture
def build(flan, own, tmp_path):
    """A build of poems, two of which stand in evaluation texts, and the words of its module."""
    seasons = ("spring", "summer", "autumn", "winter")
    poems = [f"Line {i} of a poem" for i in range(40)]
    poems[3], poems[5] = POEM, f"Once more, {POEM.upper()}!"
    rows = [{"haiku": poem, "season": seasons[i % 4]} for i, poem in enumerate(poems)]
    module = own(rows)
    flan("build", "haiku", *module, "--out", tmp_path / "out")
    return tmp_path / "out", module


@pytest.mark.parametrize("preset", PRESETS)
def test_a_build_is_compared_with_a_file_by_each_rule(build, flan, tmp_path, preset):
    folder, module = build
    mine = tmp_path / "mine.jsonl"
    rows = [{"text": "Too short"}, {"text": ""}, {"text": f"{POEM}, he said"}]
    mine.write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = tmp_path / "page.html"
    words = ("contamination", folder, *module, "--against", mine, "--preset", preset)
    printed = flan(*words, "--html", page, code=1).out
    assert "mine.jsonl" in printed and "an old silent pond" in printed
    found = json.loads(flan(*words, "--json", code=1).out)
    assert found["preset"] == preset
    (pair,) = found["findings"]
    assert (pair["examples"], pair["evaluation_examples"]) == (2, 1)
    (one,) = found["sets"]
    assert (one["examples"], one["keys"], one["share"]) == (3, ["mine:2"], 1 / 3)
    assert one["too_short"] == (0 if preset == "fields" else 2)
    (match, _) = pair["shown"]
    assert match["share"] > 0.5 and match["evaluation_text"] == [f"{POEM}, he said"]
    text = page.read_text()
    assert "<b>" not in text and "&lt;b&gt;" in text and f"by the rule {preset}" in text
    result = ft.contamination(folder, str(mine), preset=preset)
    assert json.loads(json.dumps(result.to_json())) == found
    assert result.to_html() == text


def test_what_is_neither_a_name_nor_a_file_is_named(build, flan):
    folder, module = build
    wrong = flan("contamination", folder, *module, "--against", "haikuu", code=2).err
    assert "haikuu" in wrong and "haiku" in wrong
    wrong = flan("contamination", folder, *module, "--against", "./haikuu", code=1).err
    assert "haikuu: no such file or folder" in wrong
    with pytest.raises(ft.FlanTasksError, match="want fields, gpt3, tulu"):
        ft.contamination(folder, "haiku", preset="gpt2")


DEFINITION = "read what is written below and answer with one word, with no other, and no mark"
MEMBERS = tuple(Member(source_name=f"task {n}", cluster="toy") for n in (7, 9))


def poems_in_tasks(tmp_path):
    """A family whose tasks both hold the poem; their definitions are alike as well."""
    write_tasks(tmp_path, {"task 7": 7, "task 9": 9})
    for number, name in enumerate(("task 7", "task 9")):
        path = tmp_path / "tasks" / f"{name}.json"
        text = path.read_text().replace(f"input 4 of {number}", f"{POEM} of {number}")
        path.write_text(text.replace("Do what", f"{DEFINITION}; do what"))
    return family_catalog(tmp_path, MEMBERS, splits=Splits(train="tasks"))


@pytest.mark.parametrize("preset", PRESETS)
def test_examples_are_left_out_of_parts_and_families_by_each_rule(tmp_path, monkeypatch, preset):
    catalog = poems_in_tasks(tmp_path)
    sets = [FileTexts("mine", [Texts((POEM,)), Texts(("input",))], ["0", "1"])]
    checker = Checker(catalog, sets, preset)
    parts = (
        MixturePart(name="a", include=("toys",)),
        MixturePart(name="b", weight=2, include=("toys",)),
    )
    mixture = Mixture(name="m", parts=parts)
    store = Store(tmp_path / "store")
    whole = prepare(mixture, catalog, source=SourceChoice(), store=store)
    trained = [Part(item.dataset, "train", item.examples) for item in whole.ingredients]
    findings = [one for part in trained for one in checker.findings(part)]
    assert [one.examples for one in findings] == [1] * 4
    (together,) = folded_findings(findings[:2])
    assert (together.dataset, together.examples) == ("toys (2 tasks)", 2)

    # What a catalog's names mean is put in place of the file.
    from flan_tasks.plan import prepare as module

    monkeypatch.setattr(module, "compared_datasets", lambda *args: ())
    monkeypatch.setattr(module, "evaluation_parts", lambda *args, **options: tuple(sets))
    left = prepare(
        mixture,
        catalog,
        source=SourceChoice(),
        store=store,
        drop_against=("mine",),
        drop_preset=preset,
    )
    before = {item.name: item.available for item in whole.ingredients}
    assert {item.name: item.available + 1 for item in left.ingredients} == before
    for item in left.ingredients:
        (reason,) = set(item.examples.skipped) - set(whole.ingredients[0].examples.skipped)
        assert reason.startswith("occurs in evaluation sets (mine; ")
        assert not len(checker.matching(Part(item.dataset, "train", item.examples)))


def test_the_wording_of_a_family_is_no_match(tmp_path):
    catalog = poems_in_tasks(tmp_path)
    ready = prepare(
        Mixture(name="m", include=("toys",)),
        catalog,
        source=SourceChoice(),
        store=Store(tmp_path / "store"),
    )
    (item, _) = ready.ingredients
    assert item.examples.constants["definition"].startswith(DEFINITION)
    checker = Checker(catalog, [FileTexts("mine", [Texts((DEFINITION,))], ["0"])])
    assert checker.matching(Part(item.dataset, "train", item.examples)).tolist() == []


def test_a_mixture_says_by_which_rule_examples_were_left_out(build, flan, tmp_path):
    _, module = build
    words = ("build", "haiku", *module, "--drop-contaminated", "haiku")
    out = tmp_path / "gpt3"
    flan(*words, "--contamination-preset", "gpt3", "--out", out)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["decontaminated"]["preset"] == "gpt3"
    assert "--contamination-preset gpt3" in manifest["command"]
    assert "n words in a row" in (out / "README.md").read_text()
    found = json.loads(
        flan("contamination", out, *module, "--against", "haiku", "--preset", "gpt3", "--json").out
    )
    assert found["findings"] == []
    rows = np.sum([one["examples"] for one in found["sets"]])
    assert rows == found["evaluation_examples"]
