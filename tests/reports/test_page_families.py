"""The page of a build with families: one row each, that opens on its members; small data."""

import json
import shutil
import subprocess

import pytest
from conftest import ROOT
from toy_families import family_catalog, write_tasks

from flan_tasks.core.member import Member
from flan_tasks.core.mixture import Mixture
from flan_tasks.engine.folded import folded
from flan_tasks.engine.license_table import LICENSE_HEADS, license_rows, use_note
from flan_tasks.engine.option_counts import counts_of_build, style_table
from flan_tasks.engine.run_local import build
from flan_tasks.engine.shard import BuildSettings
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.reports.make import read_build, read_templates, reporter
from flan_tasks.reports.packed_data import columns_of, script_text
from flan_tasks.reports.page_file import make_page
from flan_tasks.reports.payload import summary
from flan_tasks.store.store import Store
from flan_tasks.vocabulary import open_vocabulary

PAGE = ROOT / "flan_tasks" / "reports" / "page"
SHARED = ROOT / "flan_tasks" / "reports" / "page_parts"
SCRIPTS = [
    *(SHARED / f"{name}.js" for name in ("dom", "packed_data", "names", "marks")),
    *(PAGE / f"{name}.js" for name in ("data", "families", "overview", "datasets", "sources")),
]
DOCUMENT = ROOT / "tests" / "builders" / "page_dom.js"
NUM_MEMBERS = 12


@pytest.fixture
def family_build(tmp_path):
    """A build of a family's twelve tasks in two clusters."""
    sizes = {f"task {number}": 5 + number for number in range(NUM_MEMBERS)}
    write_tasks(tmp_path, sizes)
    members = [Member(source_name=name, cluster=f"c{len(name)}") for name in sizes]
    catalog = family_catalog(tmp_path, members)
    mixture = Mixture(name="m", include=("toys",), cap=8)
    store = Store(tmp_path / "store")
    prepared = prepare(mixture, catalog, source=SourceChoice(), store=store)
    plan, vocabulary = make_plan(prepared, seed=0, num_examples=100), open_vocabulary("bytes")
    settings = BuildSettings(
        format="jsonl",
        split="train",
        style="inputs-targets",
        lengths={"inputs": 160, "targets": 12},
        vocabulary=vocabulary,
        num_shards=1,
    )
    folder = tmp_path / "build"
    build(prepared, plan, settings, folder, report=reporter(plan, vocabulary))
    return folder


@pytest.fixture
def on_page(tmp_path):
    """Runs statements in node with the scripts of a page; nothing is drawn."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here")

    def run(page, statements):
        path = tmp_path / "page.html"
        path.write_text(page, encoding="utf-8")
        command = [node, str(DOCUMENT), str(path), *map(str, SCRIPTS)]
        done = subprocess.run(
            command, input=statements, capture_output=True, text=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def page_of(folder, **changes):
    manifest, sample = read_build(folder)
    return make_page(manifest | changes, sample, templates=read_templates(folder, manifest))


def test_scripts_are_javascript():
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here")
    for path in sorted((*PAGE.glob("*.js"), *SHARED.glob("*.js"))):
        subprocess.run([node, "--check", str(path)], check=True)


def test_tasks_come_back_as_they_were(family_build, on_page):
    manifest, _ = read_build(family_build)
    tasks = [
        {**task, "skipped": {"12": 3, "empty": number, "3": 1}} if number % 2 else task
        for number, task in enumerate(manifest["tasks"])
    ]
    keys = ("name", "cluster", "rate", "realized", "skipped", "template_counts", "texts", "license")
    shown = on_page(page_of(family_build, tasks=tasks), "return page.tasks")
    assert [{k: task[k] for k in keys} for task in shown] == [
        {k: task[k] for k in keys} for task in tasks
    ]


def test_families_are_folded_as_in_a_terminal(family_build, on_page):
    manifest, _ = read_build(family_build)
    alone = {**manifest["tasks"][0], "name": "fish", "license": "MIT"}
    only = {**manifest["tasks"][1], "name": "pets:cats"}
    other = {**manifest["tasks"][2], "name": "a part/toys:task_1"}
    tasks = [alone, *manifest["tasks"], only, other]
    shown = on_page(page_of(family_build, tasks=tasks), "return page.byFamily(page.tasks)")
    expected = folded(tasks)
    assert [task["name"] for task in shown] == [
        *("fish", f"toys ({NUM_MEMBERS} tasks)", "pets:cats", "a part/toys:task_1"),
    ]
    keys = ("name", "cluster", "license", "templates", "available", "requested", "realized")
    more = ("repeated", "never_seen", "skipped", "template_counts")
    for entry, wanted in zip(shown, expected, strict=True):
        assert entry["rate"] == pytest.approx(wanted["rate"])
        assert {k: entry[k] for k in (*keys, *more)} == {k: wanted[k] for k in (*keys, *more)}
    assert len(shown[1]["members"]) == NUM_MEMBERS


def test_the_table_has_a_row_for_a_family_that_opens_on_its_members(family_build, on_page):
    statements = """
        page.drawDatasets();
        const body = page.find("page-datasets").all("tbody")[0];
        const before = body.all("tr.task").map((row) => row.all("button.rowname")[0].textContent);
        body.all("tr.task")[0].click();
        const inner = body.all("tbody")[0].all("tr.task");
        inner[0].click();
        const buttons = body.all("a.button").map((one) => one.attributes.href);
        const heads = body.all("h3").map((head) => head.textContent);
        const names = inner.map((row) => row.all("button.rowname")[0].textContent);
        return [before, names, heads, buttons];
    """
    before, inner, heads, links = on_page(page_of(family_build), statements)
    assert before == [f"toys ({NUM_MEMBERS} tasks)"]
    assert sorted(inner) == sorted(t["name"] for t in read_build(family_build)[0]["tasks"])
    assert "Its tasks" in heads and links[0] == "#examples?dataset=toys%3A"
    assert len(links) == 2 and links[1].startswith("#examples?dataset=toys%3Atask")


def test_shares_have_a_family_once_in_each_cluster(family_build, on_page):
    statements = """
        const panel = page.shares();
        const families = panel.all("details.family");
        const closed = panel.all("a.share").length;
        families[0].open = true;
        families[0].listeners.toggle();
        const label = (node) => node.all("span.label")[0].textContent;
        return [families.map(label), closed, panel.all("a.share").map(label)];
    """
    labels, closed, opened = on_page(page_of(family_build), statements)
    assert sorted(labels) == ["toys (10 tasks)", "toys (2 tasks)"] and closed == 0
    assert len(opened) == int(labels[0].split("(")[1].split()[0])


def test_other_panels_name_a_family_and_not_its_members(family_build, on_page):
    manifest, _ = read_build(family_build)
    tasks = [{**task, "skipped": {"empty": 2}, "repeated": 1} for task in manifest["tasks"]]
    missing = {f"toys:lost_{n}": "no such file" for n in range(40)} | {"fish": "gone"}
    changes = {"missing": missing, "without_split": [f"toys:t{n}" for n in range(9)]}
    page = page_of(family_build, tasks=tasks, **changes)
    statements = """
        page.drawSources();
        const some = [page.losses(), page.skipped(), page.repeats(), page.find("page-sources")];
        return [...some, ...page.notices().filter(Boolean)].map((node) => node.textContent);
    """
    losses, skipped, repeats, sources, missing_text, without = on_page(page, statements)
    assert f"toys ({NUM_MEMBERS} tasks)targets" in losses and "toys:" not in losses
    assert f"toys ({NUM_MEMBERS} tasks) {2 * NUM_MEMBERS}" in skipped
    assert "toys:" not in skipped + repeats + sources
    assert "Rows of 41 datasets were not available" in missing_text
    assert "and 37 more of toys — no such file" in missing_text and "fish — gone" in missing_text
    assert "and 6 more of toys" in without


def test_a_dataset_in_a_part_reads_as_the_dataset_in_its_part(family_build, on_page):
    manifest, _ = read_build(family_build)
    tasks = [{**t, "name": f"flan/more/{t['name']}"} for t in manifest["tasks"][:1]]
    sample = read_build(family_build)[1]
    page = make_page(
        manifest | {"tasks": tasks},
        type(sample)((), sample.vocabulary),
        templates={},
    )
    statements = """
        page.drawDatasets();
        return page.find("page-datasets").all("button.rowname").map((node) => node.textContent);
    """
    own = manifest["tasks"][0]["name"]
    assert on_page(page, statements) == [f"{own} in flan/more"]
    assert on_page(page, "return page.isMeant('flan/more/toys:', page.tasks[0].name)")
    assert not on_page(page, "return page.isMeant('toys:', page.tasks[0].name)")


def test_licenses_and_styles_of_options_stand_by_part(family_build, on_page):
    manifest, _ = read_build(family_build)
    licenses = ["MIT", "CC-BY-NC-4.0", "not stated by its source"]
    tasks = [
        {
            **task,
            "part": f"part {number % 2}/zs_opt",
            "license": licenses[number % 3],
            "option_styles": {"slashes": 2 + number % 2},
        }
        for number, task in enumerate(manifest["tasks"])
    ]
    changes = {"tasks": tasks, "parts": [], "option_styles": counts_of_build(tasks)}
    about = {**manifest, **changes}
    statements = """
        page.drawSources();
        const panels = page.find("page-sources").all("section.panel");
        const cells = (node) => node.all("tr").map((row) => row.children.map((c) => c.textContent));
        const titled = (title) => panels.filter((node) => node.attributes["aria-label"] === title);
        const [licenses] = titled("Licenses by part");
        return [cells(licenses), licenses.textContent, cells(page.optionStyles())];
    """
    table, text, styles = on_page(page_of(family_build, **changes), statements)
    assert table == [list(LICENSE_HEADS), *license_rows(about)]
    assert {cells[0] for cells in table[1:]} == {"part 0", "part 1"}
    assert use_note(about) in text and "excludes commercial use" in text
    assert styles == style_table(about)
    assert styles == [
        ["style", "part 0", "part 1", "rows", "share"],
        ["slashes", "12", "18", "30", "100.0%"],
        ["all", "12", "18", "30", "100.0%"],
    ]


def test_builds_without_parts_or_styles_have_no_such_tables(family_build, on_page):
    statements = """
        page.drawSources();
        const panels = page.find("page-sources").all("section.panel");
        return [page.optionStyles(), panels.map((node) => node.attributes["aria-label"])];
    """
    assert on_page(page_of(family_build), statements) == [None, ["Made by", "Licenses", "Sources"]]


def test_of_1613_members_the_page_holds_less_than_a_megabyte(family_build):
    manifest, sample = read_build(family_build)
    first = manifest["tasks"][0]
    templates = read_templates(family_build, manifest)
    ten = [{**templates[first["name"]][0], "id": f"template_{k}"} for k in range(10)]
    tasks = [
        {
            **first,
            "name": f"toys:task{n}_a_name_as_long_as_those_of_the_source_are",
            "dataset": f"toys:task{n}_a_name_as_long_as_those_of_the_source_are",
            "cluster": f"cluster {n % 60}",
            "rate": 100 + n / 7,
            "realized": 100_000 + n,
            "template_counts": {f"template_{k}": 10_000 + n + k for k in range(10) if n % 7 != k},
            "skipped": {"empty answer": n} if n % 3 else {},
            "citation": "A citation of some length, " * 12,
            "source": {**first["source"], "name": f"tasks/task{n}.json"},
        }
        for n in range(1613)
    ]
    about = summary(
        manifest | {"tasks": tasks},
        type(sample)((), sample.vocabulary),
        templates={task["name"]: ten for task in tasks},
    )
    assert len(about["wordings"]) == 1
    assert len(script_text(about)) < 1_000_000
    assert about["tasks"]["count"] == 1613


def test_columns_leave_out_what_all_entries_share():
    columns = columns_of([{"a": {"x": 1, "y": "b"}}, {"a": {"x": 2.5, "y": "b"}}])["columns"]
    assert columns == {
        "a": {"shapes": [{"x": 0, "y": "b"}], "sizes": [1], "shape": [], "numbers": [1, 2.5]}
    }
