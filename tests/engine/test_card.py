"""The dataset card: the hub's header, and a directory that `datasets` opens as it stands."""

import json
import shutil

import pytest

from flan_tasks.engine.card import make_card
from flan_tasks.engine.card_header import size_category

pytest.importorskip("datasets", reason="needs the extra hf")

STYLES = [
    ("inputs-targets", {"inputs", "targets"}),
    ("prompt-completion", {"prompt", "completion"}),
    ("messages", {"messages"}),
    ("alpaca", {"instruction", "input", "output"}),
    ("sharegpt", {"conversations"}),
]
ABOUT = {
    *("task", "dataset", "cluster", "template", "kind", "num_shots", "key", "split"),
    *("options", "license"),
}


def header(folder):
    from huggingface_hub import DatasetCard

    return DatasetCard((folder / "README.md").read_text(encoding="utf-8")).data.to_dict()


def card_with(folder, **changes):
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return make_card(manifest | changes), manifest


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize(("style", "texts"), STYLES)
def test_load_dataset_opens_a_build_as_it_is(make_build, tmp_path, monkeypatch, form, style, texts):
    import datasets

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = make_build(form, style=style)
    found = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert list(found) == ["train"] and len(found["train"]) == 56
    assert set(found["train"].column_names) == texts | ABOUT
    assert {row["dataset"] for row in found["train"]} == {"birds", "fish"}
    assert found["train"][0]["options"] == "yes\nno"


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_load_dataset_gives_the_rows_of_the_build_that_is_there(
    make_build, tmp_path, monkeypatch, form
):
    import datasets

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def load(folder):
        (tmp_path / "here").mkdir()
        shutil.copytree(folder, tmp_path / "here" / "build")
        try:
            place = str(tmp_path / "here" / "build")
            return datasets.load_dataset(place, split="train", cache_dir=str(tmp_path / "cache"))
        finally:
            shutil.rmtree(tmp_path / "here")

    one, other = make_build(form), make_build(form, style="inputs-targets", seed=1)
    assert header(one)["configs"][0]["description"] != header(other)["configs"][0]["description"]
    first, second, again = load(one)["key"], load(other)["key"], load(one)["key"]
    assert first == again != second and sorted(first) == sorted(second)


def test_header_says_what_the_hub_asks_for(make_build):
    folder = make_build()
    found = header(folder)
    assert found["language"] == ["en"]
    assert found["license"] == ["cc0-1.0"]
    assert found["task_categories"] == ["text-generation"]
    assert found["size_categories"] == ["n<1K"]
    digest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["digest"]
    assert found["configs"] == [
        {
            "config_name": "default",
            "description": f"flan_tasks build {digest}",
            "data_files": [{"split": "train", "path": "data/train-*.jsonl"}],
        }
    ]


def test_a_build_of_ids_promises_no_loading(make_build):
    folder = make_build("arrays")
    assert "configs" not in header(folder)
    assert "load_dataset" not in (folder / "README.md").read_text()


def test_licenses_the_hub_does_not_know_are_other(make_build):
    folder = make_build()
    _, manifest = card_with(folder)
    tasks = [{**task, "license": "free for research"} for task in manifest["tasks"]]
    (folder / "README.md").write_text(
        make_card(manifest | {"tasks": [*tasks, manifest["tasks"][0]]})
    )
    assert header(folder)["license"] == ["cc0-1.0", "other"]


def test_every_task_stands_with_source_license_citation_and_templates(make_build):
    card, manifest = card_with(make_build())
    for task in manifest["tasks"]:
        (line,) = [line for line in card.splitlines() if line.startswith(f"- {task['name']}: ")]
        assert task["citation"] in line and task["license"] in line
        assert f"| {task['name']} | animals |" in card
    assert manifest["command"] in card and manifest["digest"] in card


HOSTILE = "</td><script>alert(1)</script>![x](https://example.org/t.png) [y](javascript:z) `a` | b"


def hostile_card(make_build):
    """A card whose every declared text tries to be markup, and its manifest."""
    folder = make_build()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    tasks = [
        {
            **task,
            "license": HOSTILE,
            "citation": f"# {HOSTILE}\n\n- {HOSTILE}",
            "skipped": {HOSTILE: 3},
            "source": {"source": "hf", "name": HOSTILE, "revision": HOSTILE},
            "languages": ["en\nevil: x", "no", "- a", "a: b", "'", "\u0085"],
        }
        for task in manifest["tasks"]
    ]
    changes = {
        "tasks": tasks,
        "mixture": {**manifest["mixture"], "name": 'a"\nevil: b', "description": f"# {HOSTILE}"},
        "missing": {"mice": f"{HOSTILE}\n\n# {HOSTILE}"},
        "vocabulary": HOSTILE,
        "command": f"flan build x --license-deny 'a\n\n{HOSTILE}\r\n{HOSTILE}'",
    }
    return make_card(manifest | changes), manifest | changes


def test_no_declared_text_becomes_a_key_of_the_header(make_build):
    yaml = pytest.importorskip("yaml")
    card, manifest = hostile_card(make_build)
    head = yaml.safe_load(card.split("---\n")[1])
    assert "evil" not in head
    assert set(head["language"]) == set(manifest["tasks"][0]["languages"])
    assert head["pretty_name"] == 'flan_tasks a"\nevil: b'


def test_no_declared_text_becomes_markup_of_the_card(make_build):
    from markdown_it import MarkdownIt

    card, manifest = hostile_card(make_build)
    body = card.split("---\n", 2)[2].replace(manifest["mixture"]["name"], "m")
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(body)
    inline = [child for token in tokens for child in token.children or ()]
    links = [token.attrs["href"] for token in inline if token.type == "link_open"]
    assert links == ["https://arxiv.org/abs/2109.01652"]
    kinds = {token.type for token in [*tokens, *inline]}
    assert not kinds & {"html_block", "html_inline", "image", "hr", "blockquote_open"}
    headings = [t.content for t in tokens if t.type == "inline" and t.level == 1 and t.map]
    assert not any("script" in text and text.startswith("#") for text in headings)
    cells = [token for token in tokens if token.type == "td_open"]
    assert len(cells) == 11 * len(manifest["tasks"])
    (code,) = [token.content for token in tokens if token.type == "code_block"]
    assert code.count("<script>") == 2


def test_tasks_of_families_are_counted_apart(make_build):
    card, manifest = card_with(make_build())
    assert "Prompts and targets of 2 datasets in 1 cluster, worded" in card
    tasks = [{**manifest["tasks"][0], "name": "toys:a", "dataset": "toys:a"}]
    assert (
        "Prompts and targets of 1 task of a family in 1 cluster, worded"
        in card_with(make_build(), tasks=tasks)[0]
    )


def test_a_mixture_with_parts_says_what_its_columns_count(make_build):
    part = {"path": "a", "weight": 1.0, "share": 1.0, "requested": 56, "realized": 56}
    part |= {"available": 56, "repeats": 1.0, "at_ceiling": False, "prompts": "zs_opt", "tasks": 1}
    folder = make_build()
    tasks = [{**card_with(folder)[1]["tasks"][0], "part": "a", "prompt_type": "zs_opt"}]
    card, _ = card_with(folder, tasks=tasks, parts=[part | {"missing": 2}])
    assert "The column `available` counts an example once for each innermost part" in card
    assert "A task's rate is the number of rows that its shares give it" in card
    assert "1 of 3" in card
    plain, _ = card_with(folder)
    assert "innermost part" not in plain and "A task's rate" not in plain


def test_rows_without_a_source_by_name_are_the_users(make_build):
    card, manifest = card_with(make_build())
    task = manifest["tasks"][0]
    origins = {"files": "files of the user", "samples": "rows written for flan_tasks"}
    for source, words in origins.items():
        card, _ = card_with(make_build(), tasks=[{**task, "source": {"source": source}}])
        assert f"- {task['name']}: {words}. " in card


def test_what_is_missing_is_said_and_cannot_break_the_page(make_build):
    card, _ = card_with(make_build(), missing={"mice": "gone | <script>\nsince 2026"})
    assert "- mice: gone \\| &lt;script> since 2026" in card


@pytest.mark.parametrize(
    ("examples", "name"),
    [
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (43_135, "10K<n<100K"),
        (10**6, "1M<n<10M"),
        (10**12 - 1, "100B<n<1T"),
        (10**12, "n>1T"),
    ],
)
def test_size_categories_are_the_hubs(examples, name):
    assert size_category(examples) == name
