"""Builds that are not what was built: refused by whatever reads them, with words."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from packed_build import make_rows, seal_again, write_build, write_manifest
from rich.console import Console

import flan_tasks
from flan_tasks.core.errors import BuildError, DeclarationError, FlanTasksError
from flan_tasks.engine.manifest_file import read_manifest
from flan_tasks.engine.verification import verify
from flan_tasks.reports.compare import compare, side_of_build
from flan_tasks.reports.make import read_build
from flan_tasks.reports.terminal import print_report

SHARD = "train-00001-of-00002"


@pytest.fixture(params=["encoder-decoder", "decoder"])
def arch(request):
    return request.param


@pytest.fixture
def build(tmp_path):
    return write_build(tmp_path / "b", make_rows(23))


def read_all(folder, **arguments):
    reader = flan_tasks.open(folder, **arguments)
    reader.batch(0, len(reader))
    return [reader.unpack(row) for row in range(len(reader))]


def report(folder):
    print_report(*read_build(folder), console=Console(file=io.StringIO()))


USES = {
    "reading": read_all,
    "opening and checking": lambda folder: flan_tasks.open(folder, check="open"),
    "report": report,
    "diff": lambda folder: compare(side_of_build(folder), side_of_build(folder)),
    "verify": verify,
}


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


@pytest.mark.parametrize("use", USES)
def test_a_flipped_bit_anywhere_is_refused(tmp_path, arch, use):
    whole = write_build(tmp_path / "whole", make_rows(23), arch=arch)
    USES[use](whole)
    random = np.random.default_rng(len(use))
    for path in sorted(whole.iterdir()):
        folder = shutil.copytree(whole, tmp_path / path.name)
        flip(folder / path.name, int(random.integers(path.stat().st_size * 8)))
        with pytest.raises(BuildError, match=path.name):
            USES[use](folder)


def change(folder, array, place, value):
    path = folder / f"{SHARD}.{array}.npy"
    values = np.load(path)
    values[place] = value
    np.save(path, values)


# Array, place, value and message; of builds whose manifests describe what is in them.
IMPOSSIBLE = [
    ("inputs", (3, 2), 65535, "holds id 65,535; the vocabulary has 259"),
    ("inputs", (3, 2), 259, "holds id 259; the vocabulary has 259"),
    ("targets", (0, 0), 300, "holds id 300"),
    ("offsets", 1, 1 << 40, "offsets do not go from 0 to"),
    ("offsets", 0, 1, "offsets do not go from 0 to"),
    ("offsets", -1, 3, "offsets do not go from 0 to"),
    ("offsets", 4, -1, "offsets do not go from 0 to"),
    ("tasks", 0, -1, "holds task -1; manifest.json has 3"),
    ("tasks", 5, 3, "holds task 3; manifest.json has 3"),
    ("examples", 2, -7, "holds example -7"),
    ("examples", 2, 1 << 50, "holds example 1,125,899,906,842,624"),
    ("inputs_segment_ids", (3, 0), 0, "segments are not those"),
    ("inputs_segment_ids", (3, 0), 2, "segments are not those"),
    ("inputs_segment_ids", (3, -1), 1, "segments are not those"),
    ("targets_segment_ids", (1, 7), 9, "segments are not those"),
]


@pytest.mark.parametrize(("array", "place", "value", "message"), IMPOSSIBLE)
@pytest.mark.parametrize("use", USES)
def test_values_that_cannot_be_are_refused_whatever_the_hashes_say(
    build, use, array, place, value, message
):
    change(build, array, place, value)
    seal_again(build)
    with pytest.raises(BuildError, match=f"{SHARD}.{array}.npy is damaged: .*{message}"):
        USES[use](build)


def test_masks_of_decoder_builds_are_0_or_1(tmp_path):
    folder = write_build(tmp_path / "b", make_rows(9), arch="decoder")
    change(folder, "loss_mask", (0, 0), 2)
    seal_again(folder)
    with pytest.raises(BuildError, match="holds mask 2; it is 0 or 1"):
        read_all(folder)


def test_a_shard_is_compared_when_it_is_first_used(build):
    flip(build / f"{SHARD}.inputs.npy", 1600)
    reader = flan_tasks.open(build)
    assert reader[0]["encoder_input_tokens"].any()
    with pytest.raises(BuildError, match=f"{SHARD}.inputs.npy"):
        reader[22]
    with pytest.raises(BuildError, match=f"{SHARD}.inputs.npy"):
        flan_tasks.open(build, check="open")


def test_who_asks_for_no_checks_gets_none(build):
    flip(build / f"{SHARD}.inputs.npy", 1600)
    assert len(read_all(build, check="never")) == 23
    with pytest.raises(DeclarationError, match='check "now": known are use, open, never'):
        flan_tasks.open(build, check="now")


def test_each_file_is_compared_once(build, monkeypatch):
    from flan_tasks.engine import contents

    compared = []
    is_intact = contents.is_intact
    monkeypatch.setattr(
        contents,
        "is_intact",
        lambda path, *a, **k: compared.append(path) or is_intact(path, *a, **k),
    )
    reader = flan_tasks.open(build)
    for step in range(5):
        reader.batch(step, 8)
    assert len(compared) == len(set(compared)) == 12


def test_numbers_of_very_many_tasks_are_wider(build):
    before = read_all(build)
    path = build / f"{SHARD}.tasks.npy"
    np.save(path, np.load(path).astype(np.int32))
    seal_again(build)
    tasks = [[example.task for example in row] for row in read_all(build)]
    assert tasks == [[example.task for example in row] for row in before]


def places(value, place=()):
    """Every place in a JSON value, the value itself first."""
    yield place
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for name, entry in list(entries)[:1] if isinstance(value, list) else entries:
        if isinstance(entry, (dict, list)):
            yield from places(entry, (*place, name))
        else:
            yield (*place, name)


JUNK = (None, True, 7, -1, 1.5, "x", "", [], {}, [[]], 10**30, "\ud800", ["a", 1])


def with_junk(manifest, place, junk):
    changed = json.loads(json.dumps(manifest))
    holder = changed
    for name in place[:-1]:
        holder = holder[name]
    if junk is KeyError:
        del holder[place[-1]]
    else:
        holder[place[-1]] = junk
    return changed


@pytest.mark.slow
def test_a_manifest_of_any_shape_ends_in_words(build):
    manifest = read_manifest(build)
    random = np.random.default_rng(0)
    refused = 0
    for place in places(manifest):
        if not place or place == ("sha256",):
            continue
        for junk in (KeyError, *(JUNK[i] for i in random.choice(len(JUNK), 2, replace=False))):
            write_manifest(build, with_junk(manifest, place, junk))
            try:
                read_manifest(build)
                for use in USES.values():
                    use(build)
            except FlanTasksError:
                refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": []}, "tasks add up to 0"),
        ({"tasks": 7}, "tasks is 7; it should be a list"),
        ({"mixture": {}}, "it lacks mixture.name"),
        ({"seed": -1}, "seed is -1; it should be a whole number"),
        ({"format": "csv"}, "format is 'csv'; it should be one of jsonl"),
        ({"lengths": {"inputs": 12, "targets": 1}}, "lengths.targets is 1; it should be 2 or more"),
        ({"eos_id": 400}, "eos_id is 400 of a vocabulary of 259"),
        ({"vocabulary_size": 100}, "damaged: it holds id"),
        (
            {"files": [{"path": "../a", "bytes": 0, "sha256": "0" * 64}]},
            r"files\[0\].path is '../a'",
        ),
        ({"missing": {"a\nb": 1}}, r'missing\["a\\nb"\] is 1; it should be text'),
    ],
)
def test_what_is_wrong_with_a_manifest_is_named(build, changes, message):
    seal_again(build, **({"files": read_manifest(build)["files"]} | changes))
    with pytest.raises(BuildError, match=message):
        read_all(build)


@pytest.mark.parametrize("text", ['{"a": NaN}', "[" * 100_000, '{"a": 1e999}', "\ufeff{}"])
def test_what_is_no_json_is_said(build, text):
    (build / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(BuildError, match="manifest.json (is damaged|was changed)"):
        flan_tasks.open(build)
