"""Builds of mixtures with parts: the same rows from everyone, told apart, with exact shares."""

import json
from collections import Counter

import pytest

import flan_tasks as ft
from flan_tasks.core.errors import DeclarationError, SourceUnavailableError
from flan_tasks.core.parts import Part
from flan_tasks.datasets import catalog
from flan_tasks.engine.reopen import drawn, reopen
from flan_tasks.jobs import build as job
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import prepare
from flan_tasks.plan.source_choice import SourceChoice
from flan_tasks.specs.build_spec import build_spec_of

LENGTHS = {"inputs": 6000, "targets": 2000}
SHARED = {"source": "samples", "seed": 3, "vocab": "bytes"}
LONG = {**SHARED, "lengths": LENGTHS}
PARTS = (
    Part(
        name="understand",
        weight=0.4,
        include=("rte", "cb", "copa"),
        prompt_types=("zs_opt", "fs_opt", "zs_noopt", "fs_noopt"),
        shots=(1, 3),
    ),
    Part(name="again", weight=0.35, include=("rte",), option_order="shuffled"),
    Part(name="write", weight=0.25, mixture="struct_to_text"),
)
MIXTURE = ft.Mixture(name="parted", parts=PARTS)


def rows_of(folder) -> list[dict]:
    lines = [
        line
        for path in sorted((folder / "data").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [json.loads(line) for line in lines]


def files(folder) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parted")
    store = folder / "store"
    ft.build(MIXTURE, folder / "out", examples=400, shards=3, store=store, **LONG)
    return folder


def test_shares_are_exact_and_rows_say_what_they_are_of(built):
    rows = rows_of(built / "out")
    counts = Counter(row["part"] for row in rows)
    assert counts == {
        **{f"understand/{name}": 40 for name in PARTS[0].prompt_types},
        "again": 140,
        "write": 100,
    }
    manifest = json.loads((built / "out" / "manifest.json").read_text())
    parts = {part["path"]: part for part in manifest["parts"]}
    assert parts["understand"]["share"] == 0.4 and parts["understand"]["realized"] == 160
    assert parts["understand/fs_noopt"]["prompts"] == "fs_noopt, 1-3 shots"
    for path, count in counts.items():
        assert parts[path]["requested"] == parts[path]["realized"] == count
    by_task = Counter((row["part"], row["task"]) for row in rows)
    told = {(task["part"], task["task"]): task["realized"] for task in manifest["tasks"]}
    assert by_task == told
    card = (built / "out" / "README.md").read_text(encoding="utf-8")
    assert "| understand/zs_noopt | 1 | 10.00% | 40 | 40 |" in card
    assert "- name: prompt_type" in card
    assert "understand/fs_opt" in (built / "out" / "report.html").read_text(encoding="utf-8")


def test_prompts_of_a_part_are_as_it_says(built):
    for row in rows_of(built / "out"):
        few = row["part"].startswith("understand/fs")
        assert (1 <= row["num_shots"] <= 3) if few else row["num_shots"] == 0
        assert row["prompt_type"] == (row["part"].split("/")[1] if "/" in row["part"] else "zs_opt")
        if row["options"] and row["prompt_type"] == "zs_noopt":
            assert "OPTIONS:" not in row["inputs"]
    few = [row["num_shots"] for row in rows_of(built / "out") if "/fs" in row["part"]]
    assert set(few) == {1, 2, 3}


def test_a_dataset_is_drawn_anew_in_each_part_and_stored_once(built):
    orders = {}
    for row in rows_of(built / "out"):
        if row["task"] == "flan:rte":
            orders.setdefault(row["part"], []).append((row["key"], row["template"]))
    assert len(orders) == 5
    firsts = [tuple(order[:8]) for order in orders.values()]
    assert len(set(firsts)) == len(firsts)
    stored = [
        path.name for path in (built / "store").rglob("*.arrow") if path.name.startswith("rte-")
    ]
    assert len(stored) == 1


def test_workers_and_rows_give_the_same(built, tmp_path):
    ft.build(MIXTURE, tmp_path / "two", examples=400, shards=3, workers=2, **LONG)
    assert files(tmp_path / "two") == files(built / "out")
    view = ft.rows(MIXTURE, examples=400, **LONG)
    assert list(view) == rows_of(built / "out")


def test_beam_gives_the_same(built, tmp_path):
    pytest.importorskip("apache_beam", exc_type=ImportError)
    from flan_tasks.engine.run_beam import Beam

    spec = build_spec_of(MIXTURE, {"examples": 400, "shards": 3, **LONG})
    job.build(spec, tmp_path / "beam", runner=Beam([]))
    assert files(tmp_path / "beam") == files(built / "out")


def test_tables_have_columns_for_parts(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    ft.build(MIXTURE, tmp_path / "out", examples=60, format="parquet", **SHARED)
    table = pq.read_table(tmp_path / "out" / "data" / "train-00000-of-00001.parquet")
    assert table.column_names[-3:] == ["collection", "part", "prompt_type"]
    assert set(table["collection"].to_pylist()) == {"flan2021"}
    assert None not in table["part"].to_pylist()
    view = ft.rows(MIXTURE, examples=60, source="samples", seed=3, vocab="bytes")
    assert view.to_arrow().to_pylist() == table.to_pylist()
    plain = ft.rows("rte", examples=3, source="samples").to_arrow()
    assert "part" not in plain.column_names


def test_a_build_is_opened_again_and_seen_as_it_is(built):
    manifest = json.loads((built / "out" / "manifest.json").read_text())
    prepared, plan = reopen(manifest, catalog(), source=SourceChoice("samples"))
    assert [item.name for item in plan.ingredients] == [t["name"] for t in manifest["tasks"]]
    assert list(plan.counts) == [task["requested"] for task in manifest["tasks"]]
    seen = {(part.dataset.name, part.examples.key): part for part in drawn(prepared, plan)}
    used = {row["key"] for row in rows_of(built / "out") if row["task"] == "flan:rte"}
    numbers = [part.chosen for (name, _), part in seen.items() if name == "rte"]
    assert len(used) <= sum(map(len, numbers))


def test_two_builds_of_parts_are_compared_row_by_row(built, tmp_path):
    other = ft.Mixture(
        name="parted", parts=(*PARTS[:2], Part(name="write", weight=0.2, mixture="struct_to_text"))
    )
    ft.build(other, tmp_path / "other", examples=400, shards=3, **LONG)
    found = ft.diff(built / "out", tmp_path / "other")
    assert found.rows.same and found.rows.removed
    assert {name.split(" ")[0].split("/")[0] for name in found.rows.removed} <= {
        "understand",
        "again",
        "write",
    }
    assert ft.diff(built / "out", built / "out").is_empty
    assert ft.diff(MIXTURE, MIXTURE).is_empty and not ft.diff(MIXTURE, other).is_empty


def test_packed_rows_name_their_task_in_its_part(tmp_path):
    ft.build(MIXTURE, tmp_path / "out", examples=80, format="arrays", **SHARED)
    reader = ft.open(tmp_path / "out")
    names = {task["name"] for task in reader.tasks}
    assert {"understand/zs_opt/rte", "again/rte"} <= names
    assert reader.num_examples == 80


@pytest.mark.parametrize("weights", ["tokens", "trained_tokens"])
def test_weights_of_tokens_give_such_shares(tmp_path, weights):
    parts = (
        Part(name="short", weight=1, include=("cola", "copa")),
        Part(name="long", weight=1, include=("common_gen", "cnn_dailymail")),
    )
    mixture = ft.Mixture(name="weighed", parts=parts, weights=weights)
    kwargs = {**SHARED, "examples": 3000, "lengths": LENGTHS}
    result = ft.build(mixture, tmp_path / "out", format="arrays", report=False, **kwargs)
    exact, real = Counter(), Counter()
    for task in result.tasks:
        mean = task["mean_tokens"]
        sides = ("inputs", "targets") if weights == "tokens" else ("targets",)
        exact[task["part"]] += task["realized"] * sum(mean[side] for side in sides) / mean["rows"]
        # Of all rows, end tokens included.
        real[task["part"]] += sum(
            task["texts"][side]["tokens"] + task["realized"] for side in sides
        )
    assert abs(exact["short"] / exact.total() - 0.5) < 0.001
    # What was measured on the first rows holds of all, but for a percent or two.
    assert abs(real["short"] / real.total() - 0.5) < 0.02
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    again = reopen(manifest, catalog(), source=SourceChoice("samples"))[1]
    assert list(again.counts) == [task["requested"] for task in manifest["tasks"]]
    assert "Weights are shares of the tokens" in (tmp_path / "out" / "README.md").read_text()


def test_ceilings_hold_and_are_said(tmp_path):
    parts = (
        Part(name="small", weight=9, include=("cb",), max_repeats=2),
        Part(name="rest", weight=1, include=("rte", "copa")),
    )
    mixture = ft.Mixture(name="held", parts=parts)
    result = ft.build(mixture, tmp_path / "out", examples=200, **SHARED)
    tasks = {task["name"]: task for task in result.tasks}
    assert tasks["small/cb"]["realized"] == 2 * tasks["small/cb"]["available"]
    assert tasks["small/cb"]["at_ceiling"] and "at_ceiling" not in tasks["rest/rte"]
    assert result.examples == 200
    assert "at its ceiling" in (tmp_path / "out" / "README.md").read_text()
    everywhere = ft.Mixture(name="held", parts=parts, max_repeats=3)
    with pytest.raises(DeclarationError, match="max_repeats allows"):
        ft.build(everywhere, tmp_path / "more", examples=2000, **SHARED)


def test_ceilings_hold_without_parts(tmp_path):
    mixture = ft.Mixture(
        name="held",
        include=("cb", "rte", "copa"),
        scheme="rates",
        rates={"cb": 8, "rte": 1, "copa": 1},
        max_repeats=2,
    )
    result = ft.build(mixture, tmp_path / "out", examples=60, **SHARED)
    tasks = {task["name"]: task for task in result.tasks}
    assert tasks["cb"]["realized"] == 2 * tasks["cb"]["available"]
    assert tasks["rte"]["realized"] - tasks["copa"]["realized"] in (-1, 0, 1)
    assert "part" not in rows_of(tmp_path / "out")[0]


def test_missing_parts_are_said_and_the_rest_is_renormalized(tmp_path):
    (tmp_path / "data" / "rte").mkdir(parents=True)
    row = {"premise": "A dog runs.", "hypothesis": "It moves.", "idx": 0, "label": 0}
    lines = [json.dumps({**row, "idx": n, "premise": f"Dog {n} runs."}) for n in range(300)]
    (tmp_path / "data" / "rte" / "train.jsonl").write_text("\n".join(lines))
    mixture = ft.Mixture(
        name="m",
        parts=(
            Part(name="there", weight=1, include=("rte",)),
            Part(name="also", weight=3, include=("rte",), kinds=("inverted",)),
            Part(name="gone", weight=6, include=("cb",)),
        ),
    )
    where = {"source": "files", "data_dir": tmp_path / "data", "examples": 40}
    with pytest.raises(SourceUnavailableError, match="cb"):
        ft.build(mixture, tmp_path / "none", **where)
    result = ft.build(mixture, tmp_path / "out", allow_missing=True, **where)
    parts = {part["path"]: part for part in result.manifest["parts"]}
    assert (parts["there"]["realized"], parts["also"]["realized"]) == (10, 30)
    assert parts["gone"]["available"] == 0
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "Without parts whose rows are missing: gone" in card.replace("\\", "")


def test_limits_of_parts_cut_what_they_draw(tmp_path):
    mixture = ft.Mixture(
        name="m",
        parts=(
            Part(name="a", include=("rte",), limit=5),
            Part(name="b", include=("rte",)),
        ),
    )
    ft.build(mixture, tmp_path / "out", examples=80, **SHARED)
    keys = {
        name: {r["key"] for r in rows_of(tmp_path / "out") if r["part"] == name} for name in "ab"
    }
    assert len(keys["a"]) == 5 < len(keys["b"])


def test_evaluation_splits_have_every_example_of_each_part(tmp_path):
    ft.build(MIXTURE, tmp_path / "out", split="validation", **SHARED)
    rows = rows_of(tmp_path / "out")
    assert {row["kind"] for row in rows} == {"forward"}
    counts = Counter(row["part"] for row in rows if row["task"] == "flan:rte")
    assert len(set(counts.values())) == 1 and len(counts) == 5


def test_caches_of_single_tasks_have_no_room_for_parts():
    prepared = prepare(MIXTURE, catalog(), source=SourceChoice("samples"))
    with pytest.raises(DeclarationError, match="seqio-cache keeps one cache for each dataset"):
        make_plan(prepared, seed=0, grouped=True)


def test_a_cache_is_refused_before_anything_is_read(tmp_path):
    mixture = ft.Mixture(name="m", parts=(Part(name="a", include=("gigaword",)),))
    with pytest.raises(DeclarationError, match="Build it with --format packed-tfrecord or arrays"):
        ft.build(
            mixture, tmp_path / "out", format="seqio-cache", vocab="bytes", source="files",
            data_dir=tmp_path,
        )  # fmt: skip


def test_weights_of_tokens_without_a_vocabulary_say_so(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAN_TASKS_VOCAB", str(tmp_path / "none.model"))
    mixture = ft.Mixture(name="m", parts=(Part(name="a", include=("rte",)),), weights="tokens")
    with pytest.raises(ft.VocabularyError) as raised:
        ft.build(mixture, tmp_path / "out", source="samples")
    assert "weights of tokens" in " ".join(raised.value.__notes__)


def test_licenses_left_out_of_the_whole_are_left_out_of_parts(tmp_path):
    mixture = ft.Mixture(name="m", parts=(Part(name="a", include=("rte", "cb", "copa")),))
    licenses = {catalog()[name].license for name in ("rte",)}
    result = ft.build(
        mixture, tmp_path / "out", license_deny=tuple(licenses), examples=20, **SHARED
    )
    assert "a/rte" not in {task["name"] for task in result.tasks}


def test_unknown_names_of_the_whole_and_of_parts_are_named_together(tmp_path):
    parts = (Part(name="a", include=("niv3",)), Part(name="b", mixture="allx"))
    wrong = ft.Mixture(name="wrong", hold_out=("nil",), parts=parts)
    with pytest.raises(DeclarationError) as error:
        ft.build(wrong, tmp_path / "out", source="samples")
    assert all(f'"{name}"' in str(error.value) for name in ("nil", "niv3", "allx"))


def test_members_of_a_family_are_rows_of_their_part(tmp_path):
    tasks = ("niv2:task591_sciq_answer_generation", "niv2:task1146_country_capital")
    family = Part(name="family", include=tasks, prompt_types=("zs_opt", "fs_opt"), shots=2)
    mixture = ft.Mixture(name="both", parts=(family, Part(name="plain", include=("rte",))))
    told = {"source": "samples", "vocab": "bytes"}
    built = ft.build(mixture, tmp_path / "both", report=False, **told)
    rows = rows_of(tmp_path / "both")
    assert Counter(row["part"] for row in rows) == {
        part["path"]: part["requested"]
        for part in built.manifest["parts"]
        if part["path"] != "family"
    }
    assert {row["part"]: row["prompt_type"] for row in rows} == {
        "family/zs_opt": "zs_opt",
        "family/fs_opt": "fs_opt",
        "plain": "zs_opt",
    }
    assert all(part["realized"] == part["requested"] for part in built.manifest["parts"])
    assert all(task["realized"] == task["requested"] for task in built.manifest["tasks"])
    assert list(ft.rows(mixture, **told)) == rows


def test_a_build_of_parts_is_compared_with_evaluation_sets(built):
    found = ft.contamination(built / "out", against=("cb", "rte"), store=built / "store")
    assert found.examples >= len({(row["dataset"], row["key"]) for row in rows_of(built / "out")})
    assert {name for name, _ in found.compared} == {"cb", "rte"}
