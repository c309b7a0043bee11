"""What a build, its page and its report in a terminal say of texts that were too long."""

import io
import json

import pytest
from click.testing import CliRunner
from rich.console import Console

from flan_tasks.cli.main import cli
from flan_tasks.plan.fitting import fitting_lines
from flan_tasks.reports.long_texts import SHORTENED, TRIMMED, WHOLE, long_texts, treatment
from flan_tasks.reports.make import read_build, report_of
from flan_tasks.reports.terminal import print_report


@pytest.mark.parametrize(
    ("manifest", "inputs", "targets"),
    [
        ({"format": "jsonl", "fits": False}, WHOLE, WHOLE),
        ({"format": "arrays", "fits": True}, SHORTENED, TRIMMED),
        ({"format": "tfrecord", "fits": True}, SHORTENED, TRIMMED),
        # SeqIO cuts what it reads of a cache; prompts fit only where lengths were asked for.
        ({"format": "seqio-cache", "fits": True}, SHORTENED, WHOLE),
        ({"format": "seqio-cache", "fits": False}, WHOLE, WHOLE),
        # A build from before prompts were made to fit.
        ({"format": "arrays"}, TRIMMED, TRIMMED),
    ],
)
def test_each_part_says_what_became_of_it(manifest, inputs, targets):
    assert treatment(manifest) == {"inputs": inputs, "targets": targets}


def test_the_command_the_terminal_and_the_page_say_the_same(tmp_path):
    words = "--source samples --format arrays --vocab bytes --lengths inputs=200,targets=8"
    folder = tmp_path / "out"
    run = CliRunner().invoke(
        cli,
        ["build", "reading_comprehension", *words.split(), "--out", str(folder)],
        standalone_mode=False,
    )
    assert run.exception is None, run.output
    manifest, sample = read_build(folder)
    over = manifest["over_length"]
    line = long_texts(manifest)
    assert over["inputs"] and f"{over['inputs']} inputs (shortened)" in line
    assert over["targets"] and f"{over['targets']} targets (trimmed at their end)" in line
    fields, *_, left_out = fitting_lines(manifest)
    assert fields.startswith("Fields shortened") and left_out.startswith("Rows left out")
    out = io.StringIO()
    print_report(manifest, sample, console=Console(file=out, width=1_000))
    for text in (line, fields, left_out):
        assert text in " ".join(run.output.split())
        assert text in out.getvalue()
    page = report_of(folder)
    summary = json.loads(
        page.split('<script id="summary" type="application/json">')[1].split("<")[0]
    )
    assert summary["long"] == treatment(manifest)
    assert {fields, left_out} <= set(summary["fitting"])
    assert summary["num_left_out"] == len(manifest["left_out"]) > 0
    assert "left_out" not in summary
