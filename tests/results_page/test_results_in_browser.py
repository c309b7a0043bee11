"""The page of results in a real browser: pictures, filters, answers, themes, widths."""

import json

import pytest
from constructed_results import block, scored
from report_builds import AWKWARD
from without_model import right, wrong

import flan_tasks as ft
from flan_tasks.core.choice import hash_text
from flan_tasks.datasets import catalog
from flan_tasks.jobs.evaluate import suites_of
from flan_tasks.specs.eval_config import BYTES, CHARACTERS, TOKENS, QuestionSpec

pytestmark = pytest.mark.slow
WIDE = {"viewport": {"width": 1280, "height": 860}}
PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True}
NAMES = ("rte", "cb", "copa", "squad_v1", "gigaword")


def half(unit, gold):
    """Right on half of the examples, under each template on others."""
    return (right if hash_text(unit.template, gold.key) % 2 else wrong)(unit, gold)


def awkward(unit, gold):
    """Writes what must be shown as text and do nothing; options are chosen by `half`."""
    if unit.method == "generate":
        return AWKWARD[hash_text(unit.template, gold.key) % len(AWKWARD)]
    return half(unit, gold)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return scored(tmp_path_factory.mktemp("one") / "scores", *NAMES, rule=awkward)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A page of two evaluations and a run."""
    place = tmp_path_factory.mktemp("two")
    folders = [
        scored(place / name, *NAMES, rule=rule)
        for name, rule in (("plain", half), ("tuned", right))
    ]
    run = place / "run"
    run.mkdir()
    lines = [
        {"kind": kind, "step": step, "loss": 4 / step, "accuracy": 0.1, "task_loss": {"rte": 1.0}}
        for step in range(1, 30)
        for kind in (("train", "eval") if step % 7 == 0 else ("train",))
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return ft.results(*folders, run, out=place / "two.html", vocab="bytes", held_out=["nli"])


def opened(screen, path, place="", **settings):
    shown = screen(**(settings or WIDE))
    shown.open(path, place)
    return shown


def test_overview_draws_every_template_of_every_dataset(folder, screen):
    path = ft.results(folder)
    page = opened(screen, path).page
    stated = block(path.read_text(encoding="utf-8"), "summary")["datasets"]
    for entry in stated:
        (line,) = [one for one in entry["sides"][0]["lines"] if one["first"]][:1]
        row = page.locator(f"details[data-name='{entry['name']}'] > summary")
        assert row.locator(".lane i").count() == line["num_templates"] == 10
        test = next(
            (one for one in entry["sides"][0]["lines"] if one["first"] and one["split"] == "test"),
            line,
        )
        assert f"{test['mean']:.1f}" in row.inner_text()
    assert page.locator(".reliability circle").count() > 0


def test_a_dataset_opens_on_templates_classes_and_its_answers(folder, screen):
    path = ft.results(folder)
    page = opened(screen, path).page
    row = page.locator("details[data-name=rte]")
    row.locator("> summary").click()
    row.locator(".classes td.num").first.wait_for(state="attached")
    entries = block(path.read_text(encoding="utf-8"), "summary")["datasets"]
    (templates,) = (one["sides"][0]["templates"] for one in entries if one["name"] == "rte")
    assert row.locator("table.grid tbody tr:not(.sum)").count() == len(templates)
    cells = row.locator(".classes td.num:not(.soft)").all_inner_texts()
    assert sum(int(cell) for cell in cells) > 0
    row.locator("select[aria-label='Template of the classes']").select_option(templates[0])
    alone = row.locator(".classes td.num:not(.soft)").all_inner_texts()
    assert sum(map(int, alone)) * len(templates) == sum(map(int, cells))
    row.locator("text=Browse its answers").click()
    page.locator("select[aria-label=dataset]").wait_for()
    assert page.input_value("select[aria-label=dataset]") == "rte"


def test_filters_narrow_the_answers(folder, screen):
    path = ft.results(folder)
    shown = opened(screen, path, "#answers?dataset=rte")
    summary, answers = (block(path.read_text("utf-8"), name) for name in ("summary", "answers"))
    units = [summary["units"][unit] for unit in answers["unit"]]
    worths = [side[1] for side in answers["sides"][0]]
    of_rte = [worth for unit, worth in zip(units, worths, strict=True) if unit[0] == "rte"]
    assert shown.status().startswith(f"{len(of_rte)} of ")
    shown.page.select_option("select[aria-label=answer]", "wrong")
    assert shown.status().startswith(f"{of_rte.count(0)} of ")
    assert set(shown.page.locator(".item .verdict").all_inner_texts()) == {"✗"}
    shown.page.click("text=Clear filters")
    assert shown.status() == f"all {len(units)} answers"
    shown.page.fill("input[type=search]", "no such text (")
    assert "No answer fits" in shown.page.inner_text(".list")


def test_an_answer_has_its_options_with_probabilities_and_other_templates(folder, screen):
    page = opened(screen, ft.results(folder), "#answers?dataset=rte").page
    shares = page.locator(".chance-line .num:not(.soft)").all_inner_texts()
    numbers = [float(text.replace("→", "").replace("%", "")) for text in shares]
    assert sum(numbers) == pytest.approx(100, abs=0.2) and len(numbers) == 2
    assert page.locator(".option.answer").count() == 1
    chips = page.locator(".chips button")
    assert chips.count() == 10
    before = page.inner_text(".view .about .mono >> nth=0")
    chips.nth(3).click()
    assert page.inner_text(".view .about .mono >> nth=0") in chips.nth(3).inner_text()
    assert page.inner_text(".view .about .mono >> nth=0") != before


def test_texts_of_models_are_shown_as_text(folder, screen):
    shown = opened(screen, ft.results(folder), "#answers?dataset=gigaword")
    page, seen = shown.page, ""
    for _ in range(40):
        seen += "\n".join(page.locator(".view .text").all_text_contents())
        page.keyboard.press("ArrowDown")
    written = [text for text in AWKWARD if text in seen]
    assert len(written) >= 4
    assert page.evaluate("() => window.caught") is None
    assert page.locator("main img, main script, main b b").count() == 0


def test_tokens_are_those_of_the_vocabulary(pair, screen):
    page = opened(screen, pair, "#answers?dataset=rte").page
    text = page.locator(".view .text").first.text_content()
    page.keyboard.press("t")
    blocks = [one.locator(".tok").all_text_contents() for one in page.locator(".tokens").all()]
    assert len(blocks) == 3 and blocks[0][-1] == "EOS"
    assert len(blocks[0]) == len(text.encode()) + 1
    assert {"".join(block[:-1]) for block in blocks[1:]} == {"yes", "no"}


def test_two_models_stand_beside_each_other(pair, screen):
    shown = opened(screen, pair, "#changes")
    page = shown.page
    summary = block(pair.read_text(encoding="utf-8"), "summary")
    assert page.locator(".change-line").count() == len(summary["changes"]["changes"])
    tables = page.inner_text("#page-changes")
    assert all(cell in tables for _, _, lines in summary["changes"]["tables"] for cell in lines[0])
    page.click(".change-line >> nth=0")
    page.locator("select[aria-label=change]").wait_for()
    assert page.input_value("select[aria-label=change]") == "became right"
    assert all(
        text.startswith("✗") and "✓" in text
        for text in page.locator(".item .head").all_inner_texts()
    )
    assert page.locator(".chance-line").count() in (0, 4)


def test_training_has_its_curves(pair, screen):
    page = opened(screen, pair, "#training").page
    titles = page.locator("#page-training h2").all_inner_texts()
    assert titles == ["Loss", "Accuracy", "Loss of each task"]
    assert page.locator("#page-training canvas").count() == 2
    page.click("#page-training details summary >> nth=0")
    page.wait_for_selector("#page-training details[open] canvas")


def test_a_run_alone_has_no_answers(tmp_path, screen):
    (tmp_path / "metrics.jsonl").write_text('{"kind": "train", "step": 1, "loss": 2.0}\n')
    page = opened(screen, ft.results(tmp_path)).page
    assert page.locator("#tabs a").all_inner_texts() == ["Training", "Settings"]
    assert page.locator("canvas").count() == 1


def test_averages_of_groups_are_named_and_two_evaluations_meet_in_them(tmp_path, screen):
    how = {"source": "samples", "allow_missing": True}
    asked = suites_of(QuestionSpec(mixture_or_task_name="flan2021@commonsense", **how))
    folders = [
        scored(tmp_path / name, rule=rule, suites=asked)
        for name, rule in (("plain", half), ("tuned", right))
    ]
    # The second has its averages in another order, one of them under another group.
    path = folders[1] / "scores.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    averages = content["suites"][0]["averages"]
    averages.reverse()
    averages[0]["group"] = "of another kind"
    path.write_text(json.dumps(content), encoding="utf-8")
    made = ft.results(*folders, out=tmp_path / "two.html")
    grid = opened(screen, made).page.locator(".panel:has-text('flan2021@commonsense') table").first
    rows = [
        [cell.strip() for cell in row.locator("td").all_inner_texts()]
        for row in grid.locator("tbody tr").all()
    ]
    expected = {}
    for place, one in enumerate(block(made.read_text(encoding="utf-8"), "summary")["evaluations"]):
        for average in one["suites"][0]["averages"]:
            name = ", ".join(filter(None, (average["name"], average["group"])))
            expected.setdefault(name, ["-", "-"])[place] = f"{average['value']:.1f}"
    assert any(name.endswith(", of another kind") for name in expected)
    shown = {row[0]: [cell.partition(" ")[0] for cell in row[2:4]] for row in rows}
    assert len(shown) == len(rows) and shown == expected


def test_every_way_has_words_and_prompts_are_counted_once(tmp_path, screen):
    folder = scored(
        tmp_path / "out", "rte", "gigaword", rule=half, normalize=(TOKENS, CHARACTERS, BYTES)
    )
    path = folder / "scores.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for score in content["datasets"]:
        for one in score["templates"]:
            one["shortened"] = 1
    prompts = sum(
        one["way"] in ("sum", "generated")
        for score in content["datasets"]
        for one in score["templates"]
    )
    path.write_text(json.dumps(content), encoding="utf-8")
    page = opened(screen, ft.results(folder)).page
    tile = page.locator(".tile", has_text="Too long")
    assert f"{prompts} shortened" in tile.inner_text()
    page.locator("details[data-name=rte] > summary").click()
    names = page.locator("details[data-name=rte] select[aria-label='Number shown'] option")
    names.first.wait_for(state="attached")
    texts = names.all_inner_texts()
    assert len(set(texts)) == len(texts) == 8 and "undefined" not in " ".join(texts)
    assert "accuracy, test, options ranked, a byte" in texts


@pytest.mark.parametrize("place", ["#overview", "#changes", "#answers", "#training", "#settings"])
def test_nothing_runs_out_of_a_phone(pair, screen, place):
    page = opened(screen, pair, place, **PHONE).page
    if place == "#overview":
        page.click("details[data-name=rte] > summary")
        page.wait_for_selector("details[data-name=rte] .classes")
    if place == "#answers":
        page.tap(".item >> nth=1")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_dark_is_dark(pair, screen):
    page = opened(screen, pair, **WIDE, color_scheme="dark").page
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert sum(int(part) for part in ground[4:-1].split(",")) < 150


def test_a_page_of_all_62_datasets_is_one_file_of_a_few_megabytes(tmp_path, screen):
    known = catalog()
    names = [dataset.name for dataset in known.members(known.mixture("all"))]
    folder = scored(tmp_path / "all", *names, rule=half, splits=("test",), examples=2)
    path = ft.results(folder)
    assert path.stat().st_size < 20_000_000
    page = opened(screen, path).page
    rows = page.locator("details.scored").count()
    summary = block(path.read_text(encoding="utf-8"), "summary")
    assert rows == sum(
        len({line["way"] == "generated" for line in entry["sides"][0]["lines"]})
        for entry in summary["datasets"]
    )
    assert len(summary["datasets"]) > 62
