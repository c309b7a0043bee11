"""Tables and lists fit the terminal, 80 columns where there is none, and lose nothing."""

import json
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flan_tasks.cli import start, table
from flan_tasks.datasets import catalog

NAMES = [dataset.name for dataset in catalog().datasets]
COLUMNS = 80


@pytest.fixture
def flan(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(COLUMNS))

    def run(*words, code=0) -> str:
        monkeypatch.setattr(sys, "argv", ["flan", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            start.main()
        printed = capsys.readouterr()
        assert caught.value.code == code, printed.err + printed.out
        return printed.out

    return run


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    from click.testing import CliRunner

    from flan_tasks.cli.build import command

    out = tmp_path_factory.mktemp("tables") / "all"
    words = ["all", "--source", "samples", "--vocab", "bytes", "--lengths", "auto", "--shots", "1"]
    result = CliRunner().invoke(
        command, [*words, "--out", str(out)], env={"COLUMNS": str(COLUMNS)}, catch_exceptions=False
    )
    assert result.exit_code == 0
    return out, result.stdout


def too_long(text: str) -> list[str]:
    return [line for line in text.splitlines() if len(line) > COLUMNS]


def squeezed(text: str) -> str:
    """A text without its blanks and line ends, in which a name that was cut is whole again."""
    return "".join(text.split())


def first_column(text: str, indent: int) -> str:
    """What stands at an indent, up to the next two blanks, of all lines."""
    lines = (line[indent:] for line in text.splitlines() if line[:indent].isspace() or not indent)
    return "\n".join(line.split("  ")[0] for line in lines)


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("list", "nli", "summarization"),
        ("list", "--mixtures"),
        ("list", "--mixtures", "without.nli"),
        ("sources", "--source", "samples"),
        ("sources", "--source", "hf"),
        ("build", "all", "--source", "samples", "--dry-run"),
        ("build", "without.nli", "--source", "samples", "--dry-run", "--split", "test"),
        ("diff", "without.nli", "without.superglue"),
    ],
    ids=" ".join,
)
def test_no_line_is_longer_than_the_terminal_is_wide(flan, words):
    printed = flan(*words)
    assert printed and too_long(printed) == []


def test_what_a_build_prints_fits(build):
    _, printed = build
    assert "Lengths from the data" in printed and "because" in printed
    # But for the folder, whose name a reader may want to copy.
    assert [line for line in too_long(printed) if not line.startswith("It is in ")] == []
    for name in NAMES:
        if catalog()[name].collection == "flan2021" and catalog()[name].is_trained_on:
            assert name in squeezed(first_column(printed, 2))


def test_a_report_fits(flan, build):
    out, _ = build
    printed = flan("report", out, "--text")
    assert too_long(printed) == []
    manifest = json.loads((out / "manifest.json").read_text())
    names = squeezed(first_column(printed, 0))
    assert all(task["name"] in names for task in manifest["tasks"])
    # rich would mark what it cut.
    assert "…" not in printed


def test_findings_of_contamination_fit(flan, tmp_path):
    words = ("squad_v2", "--source", "samples", "--out", tmp_path / "squad")
    flan("build", *words)
    sets = ("--source", "samples", "--against", "squad_v2", "--show", "0")
    printed = flan("contamination", tmp_path / "squad", *sets, code=1)
    assert "anothersplitofthesame" in squeezed(printed) and too_long(printed) == []


def test_every_dataset_is_listed_and_so_is_its_license(flan):
    printed = flan("list")
    names = squeezed(first_column(printed, 2))
    assert all(name in names for name in NAMES)
    start = printed.splitlines()[0].index("license")
    column = squeezed("\n".join(line[start:] for line in printed.splitlines()))
    assert all(squeezed(dataset.license) in column for dataset in catalog().datasets)


def test_sources_lose_no_word(flan):
    printed = flan("sources")
    place = printed.splitlines()[0].index("what there is")
    column = squeezed("\n".join(line[place:] for line in printed.splitlines()))
    for source in json.loads(flan("sources", "--json"))["sources"]:
        for text in (source["detail"], *source["alternatives"]):
            assert squeezed(text) in column


@pytest.mark.parametrize("words", [("list",), ("sources",)])
def test_wide_has_a_line_for_each_dataset(flan, words):
    lines = flan(*words, "--wide").splitlines()
    for name in NAMES:
        (line,) = [line for line in lines if line.split()[1:2] == [name]]
        assert line.startswith(catalog()[name].cluster)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.text("abc_/ ", max_size=120),
            st.integers(0, 10**7).map("{:,}".format),
            st.text("xyz ", max_size=200),
        ),
        min_size=1,
    )
)
def test_a_table_keeps_every_letter(rows):
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(COLUMNS))
        patch.setattr(table.click, "echo", lines.append)
        table.print_table(["name", "a number", "text"], rows)
    assert too_long("\n".join(lines)) == []
    cells = "".join(["nameanumbertext", *(cell for row in rows for cell in row)])
    assert Counter(squeezed("".join(lines))) == Counter(squeezed(cells))


def test_the_widest_table_of_scores_fits(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    header = ["dataset", "metric", "answer", "split", "examples", "chance", "majority", "mean"]
    row = ["opinion_abstracts_rotten_tomatoes", "edit_distance", "rank", "validation", "30,000"]
    table.print_table([*header, "sd", "range"], [[*row, "33.3", "100.0", "51.2", "12.3", "0-100"]])
    printed = capsys.readouterr().out
    assert too_long(printed) == []
    assert squeezed(first_column(printed, 0)) == "dataset" + row[0]


def test_a_narrow_terminal_cuts_nothing(flan, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1")
    assert "anli_r1" in squeezed(flan("list", "anli"))
