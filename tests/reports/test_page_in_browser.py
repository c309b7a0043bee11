"""The report in a real browser: what is shown, filters, keys, themes, widths."""

import pytest
from report_builds import AWKWARD

from flan_tasks.reports.make import read_build, report_of

pytestmark = pytest.mark.slow
WIDE = {"viewport": {"width": 1280, "height": 860}}
PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True}


@pytest.fixture
def opened(make_build, screen):
    shown = screen(**WIDE)
    shown.open(make_build() / "report.html", "#examples")
    return shown


def texts(page):
    return page.eval_on_selector_all(".view .text", "nodes => nodes.map((n) => n.textContent)")


def test_overview_tells_sizes_shares_and_lengths(make_build, screen):
    shown = screen(**WIDE)
    shown.open(make_build() / "report.html")
    text = shown.page.inner_text("main")
    assert "56" in shown.page.inner_text(".tiles") and "2 tasks in 1 cluster" in text
    assert {"birds", "fish"} <= set(shown.page.inner_text("[aria-label=Shares]").split())
    assert shown.page.locator(".chart canvas").count() == 2


def test_the_policy_refuses_code_that_is_not_the_pages_own(make_build, screen):
    shown = screen(**WIDE)
    shown.open(make_build() / "report.html")
    widths = shown.page.eval_on_selector_all(".track i", "all => all.map((i) => i.style.width)")
    assert widths and all(width.endswith("%") for width in widths)
    assert shown.said == []
    shown.page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.caught = 3";
          document.body.append(script);
          const box = document.createElement("div");
          box.innerHTML = "<img src='data:,x' onerror='window.caught = 4'>";
          box.innerHTML += "<b onclick='window.caught = 5'>b</b>";
          document.body.append(box);
          box.querySelector("b").click();
        }"""
    )
    assert shown.page.evaluate("() => window.caught") is None
    refused = [text for text in shown.said if "Content Security Policy" in text]
    assert len(refused) >= 2
    shown.said.clear()  # what was refused was said, as it is to be


def test_texts_of_the_data_are_shown_as_text(make_build, screen):
    shown = screen(**WIDE)
    folder = make_build()
    shown.open(folder / "report.html", "#examples?dataset=fish")
    _, sample = read_build(folder)
    wanted = {text for text in AWKWARD if any(text in e.inputs for e in sample.examples)}
    wanted |= {text for text in AWKWARD if any(text == e.targets for e in sample.examples)}
    seen = ""
    for _ in range(30):
        seen += "\n".join(texts(shown.page))
        shown.page.keyboard.press("ArrowDown")
    assert len(wanted) >= 5 and [text for text in wanted if text not in seen] == []
    assert shown.page.evaluate("() => window.caught") is None
    assert shown.page.locator("main img, main script, main b b").count() == 0


def test_direction_marks_stay_within_their_text(make_build, screen):
    shown = screen(**WIDE)
    shown.open(make_build() / "report.html", "#examples?text=right")
    text = shown.page.locator(".view .text").first
    assert text.evaluate("(node) => getComputedStyle(node).unicodeBidi") == "plaintext"
    item = shown.page.locator(".item p").first
    assert item.evaluate("(node) => getComputedStyle(node).unicodeBidi") == "isolate"


def test_filters_narrow_the_list_and_each_other(opened):
    page = opened.page
    assert opened.status() == "all 56 examples"
    page.select_option("select[aria-label=dataset]", "birds")
    assert opened.status() == "30 of 56 sampled examples"
    ids = page.eval_on_selector_all("select[aria-label=template] option", "o => o.map(n=>n.value)")
    assert set(ids) == {"", "plain", "bare", "name_one"}
    page.select_option("select[aria-label=kind]", "inverted")
    shown = set(page.locator(".item .head .mono").all_inner_texts())
    assert shown == {"name_one"}
    page.click("text=Clear filters")
    assert opened.status() == "all 56 examples"


def test_search_finds_text_and_marks_it(opened):
    opened.page.fill("input[type=search]", "ANIMAL NUMBER 12")
    assert opened.status().endswith("of 56 sampled examples")
    marked = opened.page.locator(".view mark").all_inner_texts()
    assert [text.lower() for text in marked] == ["animal number 12"]
    opened.page.fill("input[type=search]", "no such text (")
    assert "No sampled example fits" in opened.page.inner_text(".list")


def test_keys_reach_search_list_and_tokens(opened):
    page = opened.page
    page.keyboard.press("/")
    assert page.evaluate("() => document.activeElement.type") == "search"
    page.keyboard.type("animal")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("() => document.activeElement.className") == "list"
    chosen = "[aria-selected=true]"
    first = page.get_attribute(chosen, "id")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    assert page.get_attribute(chosen, "id") != first
    page.keyboard.press("Home")
    assert page.get_attribute(chosen, "id") == "item-0"
    page.keyboard.press("End")
    assert page.locator(chosen).is_visible()
    page.keyboard.press("t")
    assert page.locator(".tokens .tok.trained").count() > 1


def test_every_control_is_reached_by_tab_in_reading_order(opened):
    opened.page.evaluate("() => document.activeElement.blur()")
    reached = []
    for _ in range(16):
        opened.page.keyboard.press("Tab")
        reached.append(
            opened.page.evaluate(
                "() => { const n = document.activeElement;"
                " return n.getAttribute('aria-label') || n.textContent }"
            )
        )
    order = ["Skip to content", "Overview", "Search prompts and targets", "cluster", "kind"]
    assert [reached.index(name) for name in order] == sorted(reached.index(n) for n in order)


def test_tokens_are_those_of_the_vocabulary(opened):
    page = opened.page
    text, target = texts(page)
    page.click("text=Tokens")
    blocks = page.locator(".tokens").all()
    spans = [block.locator(".tok").all_text_contents() for block in blocks]
    assert [len(found) for found in spans] == [len(t.encode()) + 1 for t in (text, target)]
    assert spans[1][-1] == "EOS" and "".join(spans[1][:-1]) == target
    assert page.locator(".tokens .tok.trained").count() == len(spans[1])


@pytest.mark.parametrize("arch", ["encoder-decoder", "decoder"])
def test_packed_rows_show_their_segments(make_build, screen, arch):
    shown = screen(**WIDE)
    shown.open(make_build("arrays", arch=arch) / "report.html", "#examples")
    page = shown.page
    page.click("text=Packed row")
    members = page.locator(".segment").count()
    assert members > 1
    assert page.locator(".gauge").first.locator("button").count() == members
    page.locator(".segment > button").nth(1).click()
    assert page.get_attribute(".segment >> nth=1", "aria-current") == "true"
    assert page.inner_text(".segment[aria-current] b") == f"2. {page.inner_text('.view h2')}"


def test_a_dataset_opens_on_its_templates_and_leads_to_its_examples(make_build, screen):
    shown = screen(**WIDE)
    shown.open(make_build() / "report.html", "#datasets")
    page = shown.page
    page.click("button:text-is('fish')")
    page.locator(".template summary").first.click()
    assert "Is a {animal} a bird?" in page.inner_text(".template[open] .wording")
    page.click("text=Browse its examples")
    page.locator("select[aria-label=dataset]").wait_for()
    assert page.input_value("select[aria-label=dataset]") == "fish"


def test_theme_follows_the_system_until_it_is_chosen(make_build, screen):
    path = make_build() / "report.html"
    shown = screen(**WIDE, color_scheme="dark")
    shown.open(path)
    ground = "() => getComputedStyle(document.body).backgroundColor"
    dark = shown.page.evaluate(ground)
    shown.page.click("#theme")
    light = shown.page.evaluate(ground)
    assert dark != light
    shown.page.reload()
    shown.page.wait_for_selector("html[data-ready]")
    assert shown.page.evaluate(ground) == light


@pytest.mark.parametrize("place", ["#overview", "#datasets", "#examples", "#sources"])
def test_nothing_runs_out_of_a_phone(make_build, screen, place):
    shown = screen(**PHONE)
    shown.open(make_build() / "report.html", place)
    if place == "#datasets":
        shown.page.click("tr.task >> nth=0")
    width = "() => document.documentElement.scrollWidth"
    assert shown.page.evaluate(width) <= 390


def test_on_a_phone_the_list_leads_to_an_example_and_back(make_build, screen):
    shown = screen(**PHONE)
    shown.open(make_build() / "report.html", "#examples")
    page = shown.page
    assert not page.locator(".view").is_visible()
    page.tap(".item >> nth=1")
    assert page.locator(".view").is_visible() and not page.locator(".list").is_visible()
    page.tap("[aria-label='Back to the list']")
    assert page.locator(".list").is_visible()


def test_of_many_examples_only_those_seen_are_in_the_page(make_build, screen, tmp_path):
    from flan_tasks.reports.page_file import make_page
    from flan_tasks.reports.sample import Sample

    manifest, sample = read_build(make_build())
    many = tuple(sample.examples[k % len(sample.examples)] for k in range(100_000))
    page = make_page(manifest, Sample(many, sample.vocabulary), templates={})
    assert 'type="application/gzip+base64"' in page
    path = tmp_path / "many.html"
    path.write_text(page, encoding="utf-8")
    shown = screen(**WIDE)
    shown.open(path, "#examples")
    # What makes it fast, whatever the machine: only what is seen is in the page.
    assert shown.page.locator(".item").count() < 40
    assert shown.status() == "100,000 examples sampled from 56"
    shown.page.fill("input[type=search]", "number 12")
    shown.page.wait_for_selector("button:text-is('Clear filters'):visible")
    assert shown.page.locator(".item").count() < 40


def test_without_a_vocabulary_lengths_are_characters_and_tokens_say_why(make_build, screen):
    shown = screen(**WIDE)
    shown.open(make_build(vocab=None) / "report.html")
    assert "in characters" in shown.page.inner_text("[aria-label='Length of inputs']")
    shown = screen(**WIDE)
    shown.open(make_build("parquet", vocab=None) / "report.html", "#examples")
    button = shown.page.locator("button:text-is('Tokens')")
    assert button.is_disabled()


def test_a_report_without_examples_still_tells_the_numbers(make_build, screen, tmp_path):
    path = tmp_path / "afterwards.html"
    path.write_text(report_of(make_build("packed-tfrecord")), encoding="utf-8")
    shown = screen(**WIDE)
    shown.open(path)
    assert "56" in shown.page.inner_text(".tiles")
    shown.page.click("nav >> text=Examples")
    assert "cannot be shown row by row" in shown.page.inner_text(".list")


def test_a_report_made_afterwards_is_the_one_of_the_build(make_build):
    folder = make_build()
    assert report_of(folder) == (folder / "report.html").read_text(encoding="utf-8")
