"""The bytes of shards, in every format: what is moved, renamed or made faster changes none of them.

Rows are embedded ones and tokens are bytes, so that only this package and the libraries that write
decide. Of a library whose files differ between releases the release stands in the golden file, and
another one is not compared.
"""

import hashlib
import importlib.metadata
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT

from flan_tasks.cli.main import cli

GOLDEN = ROOT / "tests" / "golden" / "shards.jsonl"
STYLES = ("inputs-targets", "prompt-completion", "messages", "alpaca", "sharegpt")
BUILDS = {
    **{f"jsonl {style}": ["--format", "jsonl", "--style", style] for style in STYLES},
    "jsonl fitted": ["--vocab", "bytes", "--lengths", "inputs=300,targets=32"],
    "jsonl shots": ["--vocab", "bytes", "--shots", "2", "--lengths", "inputs=900,targets=64"],
    "jsonl options off": ["--options", "off"],
    "jsonl options shuffled": ["--option-order", "shuffled"],
    "jsonl three templates": ["--num-templates", "3", "--kinds", "forward"],
    "jsonl inputs only": ["--instructions", "inputs_only"],
    "jsonl validation": ["--split", "validation"],
    "jsonl five shards": ["--shards", "5", "--seed", "7"],
    "jsonl all": ["--examples", "400"],
    "parquet": ["--format", "parquet"],
    **{
        name: ["--format", name, "--vocab", "bytes"]
        for name in ("tfrecord", "arrayrecord", "seqio-cache", "packed-tfrecord", "arrays")
    },
    **{
        f"{name} decoder": ["--format", name, "--arch", "decoder", "--vocab", "bytes"]
        for name in ("packed-tfrecord", "arrays")
    },
    "arrays shots": ["--format", "arrays", "--vocab", "bytes", "--shots", "3"],
}
WRITTEN_BY = {"parquet": "pyarrow", "arrayrecord": "array_record"}
MIXTURES = {"jsonl fitted": "summarization", "jsonl all": "all"}


def built(name: str, folder: Path) -> dict:
    """What a build wrote: rows, and the digest of its shards in their order."""
    words = ["build", MIXTURES.get(name, "nli"), "--source", "samples", "--examples", "160"]
    words += ["--no-report", "--json", "--out", str(folder / "out"), *BUILDS[name]]
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    manifest = json.loads((folder / "out" / "manifest.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256()
    for shard in manifest["shards"]:
        for path in shard["paths"]:
            digest.update(path.encode() + b"\0" + (folder / "out" / path).read_bytes())
    library = WRITTEN_BY.get(name.split()[0])
    return {
        "build": name,
        "rows": manifest["rows"],
        "sha256": digest.hexdigest(),
        **({library: importlib.metadata.version(library)} if library else {}),
    }


@pytest.mark.parametrize("name", BUILDS)
def test_shards_are_those_of_before(name, tmp_path, request):
    golden = {}
    if GOLDEN.exists():
        lines = GOLDEN.read_text(encoding="utf-8").splitlines()
        golden = {entry["build"]: entry for entry in map(json.loads, lines)}
    now = built(name, tmp_path)
    if request.config.getoption("--update-golden"):
        golden[name] = now
        text = "".join(json.dumps(golden[n]) + "\n" for n in BUILDS if n in golden)
        GOLDEN.write_text(text, encoding="utf-8")
        return
    then = golden[name]
    library = WRITTEN_BY.get(name.split()[0])
    if library and then[library] != now[library]:
        pytest.skip(f"written by {library} {then[library]}, which this is not")
    assert now == then
