"""`flan show` draws as a build does, and takes rows from where they are available at once."""

import json

import pytest
from own_datasets import rows


def built_rows(flan, out, *words) -> list[dict]:
    flan("build", *words, "--no-report", "--shards", "1", "--out", out)
    lines = (out / "data" / "train-00000-of-00001.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def shown(flan, *words) -> list[dict]:
    return json.loads(flan("show", *words, "--json").out)["prompts"]


@pytest.mark.parametrize(
    "words",
    [
        ("nli",),
        ("rte", "--seed", "7"),
        ("rte", "--option-order", "shuffled", "--kinds", "forward"),
        ("arc", "--options", "off"),
        ("rte", "--shots", "2", "--vocab", "bytes"),
    ],
    ids=" ".join,
)
def test_what_is_shown_is_what_a_build_has(flan, tmp_path, words):
    built = built_rows(flan, tmp_path / "out", *words, "--source", "samples")
    found = shown(flan, *words, "-n", len(built))
    names = ("dataset", "template", "kind", "key", "inputs", "targets", "num_shots")
    # A build names the dataset that parts belong to.
    of_build = [{n: row["task"][5:] if n == "dataset" else row[n] for n in names} for row in built]
    assert [{name: prompt[name] for name in names} for prompt in found] == of_build


def test_more_prompts_than_a_build_has_are_those_of_its_next_pass(flan):
    found = shown(flan, "rte", "-n", "40")
    pairs = [(prompt["key"], prompt["template"]) for prompt in found]
    assert len(found) == 40 and len({key for key, _ in pairs}) < 20 < len(set(pairs))


def test_one_template_is_shown_with_row_after_row(flan):
    found = shown(flan, "rte", "--template", "hence", "-n", "5")
    assert {prompt["template"] for prompt in found} == {"hence"}
    assert len({prompt["key"] for prompt in found}) == 5


def test_a_set_that_is_evaluated_only_is_shown(flan):
    assert shown(flan, "wsc273", "-n", "1")[0]["key"].startswith("test:")


def test_another_split_is_shown_when_asked_for(flan):
    keys = {prompt["key"] for prompt in shown(flan, "rte", "--split", "test", "-n", "4")}
    assert len(keys) == 4 and all(key.startswith("validation:") for key in keys)


def test_a_dataset_of_files_is_shown_without_a_word_of_its_source(flan, own):
    module = own(rows(20))
    (prompt,) = shown(flan, "haiku", *module, "-n", "1")
    assert "Line " in prompt["inputs"] + prompt["targets"]
    assert {p["dataset"] for p in shown(flan, "my_mix", *module, "-n", "30")} == {"haiku", "rte"}


def test_a_dataset_that_must_be_downloaded_names_the_command(flan, own):
    module = own(None, source='ft.Tfds("haiku_of_mine:1.0.0")', splits="ft.Splits.given()")
    printed = flan("show", "haiku", *module, code=1).err
    assert "haiku: no embedded rows" in printed
    command = f"flan show haiku --module={module[1]} --source declared"
    assert f"{command};" in printed and f"{command} --data-dir DIR" in printed


def test_files_that_are_not_there_are_named(flan, own):
    printed = flan("show", "haiku", *own(None), code=1).err
    assert "is missing (no file haiku.jsonl)" in printed


def test_many_prompts_are_read_once_and_printed_as_they_come(flan, own, monkeypatch, rows_read):
    module = own(rows(60))
    from flan_tasks.engine import preview

    sizes = []
    chunk = preview.render_chunk
    monkeypatch.setattr(
        preview,
        "render_chunk",
        lambda plan, drawn, **more: sizes.append(len(drawn)) or chunk(plan, drawn, **more),
    )
    assert flan("show", "haiku", *module, "-n", "3000").out.count("── target") == 3000
    # Two rows are the validation split's.
    assert len(rows_read) == 58
    assert sizes[0] <= 16 and max(sizes) <= 1024


def test_exemplars_need_no_vocabulary_to_be_shown(flan, monkeypatch):
    monkeypatch.delenv("FLAN_TASKS_VOCAB", raising=False)
    printed = flan("show", "rte", "--shots", "2", "-n", "1", "--json")
    assert json.loads(printed.out)["prompts"][0]["num_shots"] == 2
    assert "Without --vocab exemplars are not counted in tokens" in printed.err


def test_exemplars_that_do_not_fit_the_vocabulary_are_left_out(flan):
    words = ("newsroom", "--shots", "5", "-n", "3")
    free = [prompt["num_shots"] for prompt in shown(flan, *words)]
    fitted = [prompt["num_shots"] for prompt in shown(flan, *words, "--vocab", "bytes")]
    assert free == [5, 5, 5] and max(fitted) < 5


def test_a_vocabulary_for_nothing_is_refused(flan):
    for words in (("--vocab", "bytes"), ("--eos", "</s>")):
        printed = flan("show", "rte", *words, code=2).err
        assert "are for --tokens, --lengths and --shots" in printed
    assert "--eos is of a vocabulary" in flan("show", "rte", "--shots", 1, "--eos", "x", code=2).err


def test_what_is_shown_to_fit_is_what_a_build_with_ids_has(flan, tmp_path):
    tf = pytest.importorskip("tensorflow")
    lengths = ("--vocab", "bytes", "--lengths", "inputs=300")
    out = tmp_path / "out"
    flan("build", "cb", "--source", "samples", "--out", out, "--format", "tfrecord", *lengths)
    (path,) = (out / "data").glob("*.tfrecord")
    features = [
        tf.train.Example.FromString(record.numpy()).features.feature
        for record in tf.data.TFRecordDataset(str(path))
    ]
    prompts = [f["inputs_pretokenized"].bytes_list.value[0].decode() for f in features]
    found = shown(flan, "cb", *lengths, "-n", len(prompts))
    assert [prompt["inputs"] for prompt in found] == prompts
    assert any(prompt["shortened"] for prompt in found)
    tokens = shown(flan, "cb", *lengths, "-n", len(prompts), "--tokens")
    ids = [list(f["inputs"].int64_list.value) for f in features]
    assert [prompt["input_ids"] for prompt in tokens] == ids
    assert "shortened: premise" in flan("show", "cb", *lengths, "-n", len(prompts)).out


def test_a_length_nothing_fits_is_refused(flan):
    words = ("show", "rte", "--vocab", "bytes", "--lengths", "inputs=9")
    assert "prompts fits 9 tokens" in flan(*words, code=1).err
    assert "is for flan build" in flan("show", "rte", "--lengths", "auto", code=2).err


def test_a_text_build_with_shots_says_why_it_wants_a_vocabulary(flan, tmp_path, monkeypatch):
    monkeypatch.setenv("FLAN_TASKS_VOCAB", str(tmp_path / "none.model"))
    words = ("build", "rte", "--source", "samples", "--out", tmp_path / "out")
    printed = flan(*words, "--shots", "2", code=1).err
    assert "so text formats need a vocabulary with it; --vocab bytes needs no file" in printed
    flan(*words)
