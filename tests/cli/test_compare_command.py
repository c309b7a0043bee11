"""`flan compare`, as it is typed."""

import json
import re

from click.testing import CliRunner
from without_model import evaluated, right, wrong

from flan_tasks.cli.compare import command


def flan_compare(*words):
    return CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)


def test_tables_and_files(tmp_path):
    a = evaluated(tmp_path / "untuned", "rte", "cb", "sst2", rule=wrong)
    b = evaluated(tmp_path / "tuned", "rte", "cb", "sst2", rule=right)
    out = tmp_path / "out"
    shown = flan_compare(a, b, "--held-out", "nli", "--flips", 1, "--out", out)
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert "untuned" in lines[1] and "tuned" in lines[1]
    assert any(line.split()[0] == "rte" and "+100.0" in line for line in lines if line.strip())
    assert any(line.startswith("held out") for line in lines)
    # Every option is one token: what a sum chooses, its mean does.
    (changed,) = re.findall(r"tuned: ([\d,]+) answers changed .* and ([\d,]+) by", shown.stdout)
    assert changed[0] == changed[1] != "0"
    by_tokens = flan_compare(a, b, "--normalize", "tokens").stdout
    assert (
        f"tuned: {changed[0]} answers changed in worth" in by_tokens and "by the" not in by_tokens
    )
    assert lines[-1] == f"everything is in {out}"
    assert max(map(len, lines[:-1])) <= 80
    assert {path.name for path in out.iterdir()} == {
        *(f"comparison.{kind}" for kind in ("json", "csv", "md", "tex")),
        "flips.jsonl",
    }
    for form, name in (("markdown", "md"), ("latex", "tex"), ("csv", "csv")):
        printed = flan_compare(a, b, "--held-out", "nli", "--format", form).stdout
        assert printed == (out / f"comparison.{name}").read_text()
    printed = json.loads(flan_compare(a, b, "--held-out", "nli", "--format", "json").stdout)
    assert printed == json.loads((out / "comparison.json").read_text())


def test_text_of_data_steers_no_terminal(tmp_path):
    a = evaluated(tmp_path / "a", "gigaword", rule=lambda unit, gold: "\x1b[31mred")
    b = evaluated(tmp_path / "b", "gigaword", rule=right)
    shown = flan_compare(a, b, "--flips", 2, "--name", "a\x1b[1m", "--name", "b")
    assert shown.exit_code == 0 and "\x1b" not in shown.output and "right:" in shown.stdout
