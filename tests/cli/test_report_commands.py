"""`flan report`, `flan diff` and `flan show --tokens`, as they are called."""

import json

import pytest
from toy_tokenizers import sentencepiece_model


@pytest.fixture
def built(flan, tmp_path):
    words = ("--source", "samples", "--vocab", "bytes", "--out", tmp_path / "out")
    flan("build", "nli", *words)
    return tmp_path / "out"


def test_a_build_holds_a_report_that_verify_knows(flan, built):
    assert (built / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    flan("verify", built)


def test_no_report_leaves_it_out_and_the_command_says_so(flan, tmp_path):
    words = ("--source", "samples", "--no-report", "--json", "--out", tmp_path / "out")
    found = json.loads(flan("build", "rte", *words).out)
    assert not (tmp_path / "out" / "report.html").exists()
    assert found["command"].endswith(" --no-report")


def test_report_is_written_where_asked_and_never_into_the_build(flan, built, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "out-report.html" in flan("report", built).out
    page = (tmp_path / "out-report.html").read_text(encoding="utf-8")
    assert page == (built / "report.html").read_text(encoding="utf-8")
    assert "lies in the build" in flan("report", built, "--out", built / "a.html", code=2).err
    flan("verify", built)


@pytest.fixture
def no_hub(monkeypatch):
    """A machine whose cache of the hub is empty, on which nothing may be fetched."""
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(hub, "hf_hub_download", lambda *_: pytest.fail("asks the hub"))
    monkeypatch.delenv("FLAN_TASKS_VOCAB", raising=False)


def test_report_uses_the_vocabulary_of_the_build_where_the_machine_has_it(
    flan, no_hub, tmp_path, monkeypatch
):
    settings = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    model = sentencepiece_model(tmp_path / "small.model", **settings)
    built, page = tmp_path / "out", tmp_path / "r.html"
    flan("build", "rte", "--source", "samples", "--vocab", model, "--out", built)
    digest = json.loads((built / "manifest.json").read_text())["vocabulary"]

    note = flan("report", built, "--out", page).err
    assert note == (
        f"Note: The vocabulary of the build, the file of {digest[:20]}..., is not on this "
        "machine, so no tokens are shown; flan report DIR --vocab PATH (of that file) shows them.\n"
    )
    assert page.read_text(encoding="utf-8") != (built / "report.html").read_text(encoding="utf-8")
    monkeypatch.setenv("FLAN_TASKS_VOCAB", str(model))
    assert flan("report", built, "--out", page).err == ""
    assert page.read_text(encoding="utf-8") == (built / "report.html").read_text(encoding="utf-8")


def test_report_finds_the_vocabulary_of_t5_in_the_cache_and_asks_no_hub(
    flan, no_hub, t5_model, tmp_path, monkeypatch
):
    import huggingface_hub

    built, page = tmp_path / "out", tmp_path / "r.html"
    words = ("--source", "samples", "--format", "arrays", "--vocab", t5_model, "--out", built)
    flan("build", "rte", *words)
    note = flan("report", built, "--out", page).err
    assert note.count("\n") == 1 and "The vocabulary of the build, t5, is not on this" in note
    assert "--vocab t5 (from the hub)" in note
    assert note.removeprefix("Note: ").strip() in flan("report", built, "--text", "--wide").out
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: str(t5_model))
    assert flan("report", built, "--out", page).err == ""


def test_report_samples_as_many_as_asked(flan, built, tmp_path):
    flan("report", built, "--examples", "7", "--out", tmp_path / "r.html")
    assert '"sampled":7,' in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_report_of_what_is_no_build_is_refused(flan, tmp_path):
    assert "is no build directory" in flan("report", tmp_path, code=1).err


def test_report_text_is_plain_where_no_terminal_reads_it(flan, built):
    printed = flan("report", built, "--text").out
    assert "\x1b" not in printed
    manifest = json.loads((built / "manifest.json").read_text())
    for task in manifest["tasks"]:
        # The table of datasets comes first; the one of texts has some of them again.
        line = next(row for row in printed.splitlines() if row.startswith(task["name"] + " "))
        assert f" {task['realized']} " in line
    assert "Skipped rows" in printed and "Lengths in tokens" in printed


def test_diff_says_nothing_differs_and_what_does(flan, built, tmp_path):
    assert "do not differ" in flan("diff", built, built).out
    words = ("--source", "samples", "--vocab", "bytes", "--seed", "1", "--out", tmp_path / "b")
    flan("build", "nli", *words)
    printed = flan("diff", built, tmp_path / "b", "--rows", "2").out
    assert "seed: 0 → 1" in printed and "with other words" in printed and "more)" in printed
    found = json.loads(flan("diff", built, tmp_path / "b", "--json").out)
    assert found["settings"] == {"seed": [0, 1]} and found["added"] == []


def test_diff_of_mixtures_names_datasets_and_rates(flan):
    assert "do not differ" in flan("diff", "nli", "nli").out
    found = json.loads(flan("diff", "all", "without.nli", "--json").out)
    assert {"rte", "cb"} <= set(found["removed"]) and found["added"] == []
    assert found["settings"]["hold_out"] == [[], ["nli"]]
    assert found["changed"]["cola"]["share"][0] < found["changed"]["cola"]["share"][1]


def test_diff_of_a_build_with_a_mixture_is_a_usage_error(flan, built):
    assert "give two of one kind" in flan("diff", built, "nli", code=2).err


def test_diff_of_a_directory_that_is_not_there_says_so(flan, built):
    said = flan("diff", built, built / "none", code=2).err
    assert "none is no directory" in said and "Did you mean" not in said


def test_show_tokens_cuts_both_parts_and_says_which_is_trained(flan):
    words = ("rte", "-n", "1", "--tokens", "--vocab", "bytes")
    (prompt,) = json.loads(flan("show", *words, "--json").out)["prompts"]
    assert bytes(i - 3 for i in prompt["input_ids"][:-1]).decode() == prompt["inputs"]
    assert prompt["target_ids"][-1] == 1
    lines = flan("show", *words).out.splitlines()
    assert "\x1b" not in "".join(lines)
    place = next(n for n, line in enumerate(lines) if line.endswith("tokens, trained"))
    assert lines[place].startswith(f"── target: {len(prompt['target_ids'])} tokens")
    assert lines[place + 1] == "|".join([*prompt["targets"], "EOS"])


def test_show_colors_trained_tokens_on_a_terminal(flan, monkeypatch):
    import click

    from flan_tasks.cli import show
    from flan_tasks.vocabulary import open_vocabulary

    written = []
    monkeypatch.setattr(click, "echo", lambda text="", **_: written.append(text))
    about = {"dataset": "d", "template": "t", "kind": "forward", "key": "k", "shortened": []}
    ids = {"input_ids": [68, 1], "target_ids": [69, 1]}
    show._print_tokens(about | ids, open_vocabulary("bytes"))
    assert click.style("B", fg="green", bold=True) in "".join(map(str, written))


def test_vocab_without_tokens_is_a_usage_error(flan):
    assert (
        "are for --tokens, --lengths and --shots"
        in flan("show", "rte", "--vocab", "bytes", code=2).err
    )
