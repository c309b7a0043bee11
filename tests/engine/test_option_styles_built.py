"""Builds that vary how options are listed: rows name their style, and everything counts them."""

import json
from collections import Counter

import pytest

import flan_tasks as ft
from flan_tasks.core.option_styles import PLAIN_STYLE, block_of
from flan_tasks.core.parts import Part
from flan_tasks.engine.option_counts import style_table

NAMES = ("rte", "cb", "copa", "samsum")
PARTS = (
    Part(
        name="varied",
        weight=0.6,
        include=NAMES,
        prompt_types=("zs_opt", "fs_opt", "zs_noopt"),
        shots=(1, 2),
    ),
    Part(name="plain", weight=0.4, include=("rte", "samsum"), option_style=PLAIN_STYLE),
)
# Targets are texts, so that rows hold the options that are listed.
MIXTURE = ft.Mixture(name="listed", parts=PARTS, option_style="varied")
SHARED = {
    **{"source": "samples", "seed": 5, "vocab": "bytes", "examples": 300},
    "lengths": {"inputs": 8000, "targets": 2000},
}


def rows_of(folder):
    paths = sorted((folder / "data").glob("*.jsonl"))
    lines = [line for path in paths for line in path.read_text("utf-8").splitlines()]
    return [json.loads(line) for line in lines]


def read_manifest(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def counts_of(manifest):
    return {task["name"]: task["option_styles"] for task in manifest["tasks"]}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("listed") / "out"
    ft.build(MIXTURE, folder, shards=3, **SHARED)
    return folder


def test_rows_name_the_style_in_which_their_options_stand(built):
    rows = rows_of(built)
    for row in rows:
        if not row["option_style"]:
            is_left_out = row["prompt_type"] == "zs_noopt" or not row["options"]
            assert is_left_out or "OPTIONS:" not in row["inputs"]
            continue
        options = tuple(row["options"].split("\n"))
        block = block_of(row["option_style"], options).text
        assert 1 <= row["inputs"].count(block) <= 1 + row["num_shots"]
    styles = {part: set() for part in ("varied", "plain")}
    for row in rows:
        styles[row["part"].partition("/")[0]].add(row["option_style"])
    assert len(styles["varied"]) > 10 and "" in styles["varied"]
    assert styles["plain"] == {PLAIN_STYLE, ""}


def test_styles_are_counted_by_task_and_on_the_whole(built):
    manifest = read_manifest(built)
    counts: dict[str, Counter] = {task["name"]: Counter() for task in manifest["tasks"]}
    for row in rows_of(built):
        if row["option_style"]:
            counts[f"{row['part']}/{row['task'].removeprefix('flan:')}"][row["option_style"]] += 1
    assert counts_of(manifest) == counts
    assert manifest["option_styles"] == sum(counts.values(), Counter())
    assert list(manifest["option_styles"]) == sorted(manifest["option_styles"])
    assert not counts["varied/zs_noopt/rte"] and not counts["plain/samsum"]


def test_the_card_and_the_report_show_the_counts(built, flan):
    manifest = read_manifest(built)
    heads, *lines, total = style_table(manifest)
    assert heads == ["style", "varied", "plain", "rows", "share"]
    sizes = [int(line[3]) for line in lines]
    assert sizes == sorted(sizes, reverse=True) and sum(sizes) == int(total[3])
    for style, *by_part, rows, _ in lines:
        assert sum(map(int, by_part)) == int(rows) == manifest["option_styles"][style]
    card = (built / "README.md").read_text(encoding="utf-8")
    assert "- name: option_style\n    dtype: string" in card
    for line in (heads, *lines, total):
        assert f"| {' | '.join(line)} |" in card
    assert f"{total[3]} of 300 rows list options in a style" in card
    text = flan("report", built, "--text", "--wide").out
    assert "Options by style" in text
    assert [style in text for style, *_ in lines] == [True] * len(lines)
    flan("verify", built)


def test_other_ways_have_the_same_styles(built, tmp_path):
    ft.build(MIXTURE, tmp_path / "two", shards=3, workers=2, **SHARED)
    assert (tmp_path / "two" / "manifest.json").read_bytes() == (
        built / "manifest.json"
    ).read_bytes()
    rows = rows_of(built)
    view = ft.rows(MIXTURE, **SHARED)
    assert list(view) == rows
    table = view.to_arrow()
    assert table.column_names[-4:] == ["option_style", "collection", "part", "prompt_type"]
    ft.build(MIXTURE, tmp_path / "parquet", format="parquet", **SHARED)
    pq = pytest.importorskip("pyarrow.parquet")
    (path,) = (tmp_path / "parquet" / "data").iterdir()
    assert pq.read_table(path).to_pylist() == table.to_pylist() == rows


def test_packed_builds_count_as_those_with_texts_do(built, tmp_path):
    for arch in ("encoder-decoder", "decoder"):
        folder = tmp_path / arch
        ft.build(MIXTURE, folder, format="arrays", arch=arch, report=False, **SHARED)
        assert counts_of(read_manifest(folder)) == counts_of(read_manifest(built))


def test_records_name_the_style_too(tmp_path):
    tf = pytest.importorskip("tensorflow")
    told = {**SHARED, "examples": 40}
    ft.build(MIXTURE, tmp_path / "out", format="tfrecord", report=False, **told)
    (path,) = (tmp_path / "out" / "data").iterdir()
    records = [
        tf.train.Example.FromString(record.numpy()).features.feature
        for record in tf.data.TFRecordDataset(str(path))
    ]
    styles = [record["option_style"].bytes_list.value[0].decode() for record in records]
    assert styles == [row["option_style"] for row in ft.rows(MIXTURE, **told)]


def test_members_of_families_and_styles_of_one_mixture_are_counted(tmp_path):
    tasks = ("niv2:task591_sciq_answer_generation", "p3:super_glue_rte_does_this_imply")
    mixture = ft.Mixture(name="family", include=(*tasks, "snli"))
    told = {"source": "samples", "option_style": "slashes", "option_targets": "label"}
    ft.build(mixture, tmp_path / "out", report=False, **told)
    manifest, rows = read_manifest(tmp_path / "out"), rows_of(tmp_path / "out")
    assert "part" not in rows[0]
    assert manifest["option_styles"] == Counter(
        row["option_style"] for row in rows if row["option_style"]
    )
    heads, *_ = style_table(manifest)
    assert heads == ["style", "rows", "share"]
    assert set(counts_of(manifest)["snli"]) == {"slashes"}
    # The published wording holds its options, or has none.
    assert not counts_of(manifest)["p3:super_glue_rte_does_this_imply"]


def test_builds_in_the_plain_way_say_nothing_of_styles(tmp_path):
    ft.build("rte", tmp_path / "out", source="samples", report=False)
    manifest = (tmp_path / "out" / "manifest.json").read_text(encoding="utf-8")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "option_styles" not in manifest and "list options in a style" not in card
    assert "option_style" not in rows_of(tmp_path / "out")[0]
    assert "option_style" not in card
    # Nor do those that ask for several and have no options to list.
    ft.build("samsum", tmp_path / "none", source="samples", option_style="varied", report=False)
    assert "option_styles" not in read_manifest(tmp_path / "none")
