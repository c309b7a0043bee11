"""`flan lint` reads the rows of a user's own dataset, and names what a build would refuse."""

import json

from own_datasets import TEMPLATES, rows

GOOD = "# Which season is a haiku set in?\n\n"
GOOD += '[example]\nhaiku = "Snow"\noptions = ["spring", "summer", "autumn", "winter"]\n'
GOOD += 'answer = "winter"\n\n' + TEMPLATES


def lint(flan, *words, code=0) -> list[dict]:
    return json.loads(flan("lint", *words, "--json", code=code).out)["findings"]


def test_own_rows_are_read_and_counted(flan, own):
    printed = flan(
        "lint", "haiku", *own([*rows(300), {"haiku": "x", "season": ""}], templates=GOOD)
    )
    assert "0 findings" in printed.out and "hint" not in printed.out
    assert "haiku: 301 rows read, 300 examples, skipped: 1 no season" in printed.out


def test_rows_that_a_build_refuses_are_named(flan, own):
    data = rows(300)
    data[237] = {"haiku": "Rain", "season": "monsoon"}
    data[250] = {"haiku": "No season here"}
    module = own(data, templates=GOOD)
    first, second = lint(flan, "haiku", *module, code=1)
    assert "a build refuses split train, row 237: answer 'monsoon'" in first["problem"]
    assert "row 250: no column season" in second["problem"]
    # And the build names the same.
    refused = flan("build", "haiku", *module, "--out", "out", code=1).err
    assert "row 237" in refused and "row 250" in refused


def test_ten_bad_rows_are_named_and_no_more(flan, own):
    data = [{**row, "season": "monsoon"} for row in rows(40)]
    found = lint(flan, "haiku", *own(data, templates=GOOD), code=1)
    assert len(found) == 10 and all("monsoon" in finding["problem"] for finding in found)


def test_a_damaged_line_and_rows_behind_it_are_named(flan, own, tmp_path):
    data = rows(30)
    data[20]["season"] = 7
    module = own(data, templates=GOOD)
    lines = (tmp_path / "haiku.jsonl").read_text().splitlines()
    lines[5] = lines[5][:-3]
    (tmp_path / "haiku.jsonl").write_text("\n".join(lines))
    text = flan("lint", "haiku", *module, code=1).out
    assert "row 5" in text and "not valid JSON" in text and "row 20" in text


def test_a_split_without_rows_says_what_to_declare(flan, own):
    module = own(rows(200), splits="ft.Splits.validation_from_train(50)", templates=GOOD)
    (found,) = lint(flan, "haiku", *module, code=1)
    assert 'its source (files) has no split "validation"' in found["problem"]
    assert "The dataset's splits read test from it" in found["problem"]
    assert "Splits.validation_from_train(N, test=None)" in found["problem"]


def test_every_row_skipped_is_a_fault(flan, own):
    data = [{"haiku": "x", "season": ""}] * 9
    found = lint(flan, "haiku", *own(data, templates=GOOD), code=1)
    assert any("every row was skipped" in finding["problem"] for finding in found)


def test_a_key_that_comes_twice_is_a_fault(flan, own, tmp_path):
    module = own(rows(30), templates=GOOD)
    path = tmp_path / f"{module[1]}.py"
    text = path.read_text()
    path.write_text(text.replace('answer=row["season"]', 'answer=row["season"], key="same"'))
    found = lint(flan, "haiku", *module, code=1)
    assert any('two examples have the key "same"' in finding["problem"] for finding in found)


def test_rules_of_the_collection_are_hints_for_others(flan, own):
    found = lint(flan, "haiku", *own(rows(20)))
    assert {finding["level"] for finding in found} == {"hint"}
    assert any("no comment at its head" in finding["problem"] for finding in found)


def test_an_example_is_asked_for_where_no_row_fills_the_templates(flan, own):
    bare = "# Which season is a haiku set in?\n\n" + TEMPLATES
    problems = [one["problem"] for one in lint(flan, "haiku", *own(None, templates=bare))]
    assert "no [example], whose values fill the templates where no row does" in problems
    assert lint(flan, "haiku", *own(rows(20), templates=bare)) == []


def test_files_that_are_not_there_are_a_hint_and_an_error_when_asked_for(flan, own):
    module = own(None, templates=GOOD)
    (found,) = lint(flan, "haiku", *module)
    assert found["level"] == "hint" and "no file haiku.jsonl" in found["problem"]
    (found, *_) = lint(flan, "haiku", *module, "--source", "declared", code=1)
    assert found["level"] == "error" and "no file haiku.jsonl" in found["problem"]


def test_another_source_is_read_when_asked_for(flan, own, tmp_path):
    module = own(None, templates=GOOD)
    (tmp_path / "data" / "haiku").mkdir(parents=True)
    lines = "".join(json.dumps(row) + "\n" for row in rows(20))
    (tmp_path / "data" / "haiku" / "train.jsonl").write_text(lines)
    printed = flan("lint", "haiku", *module, "--source", "files", "--data-dir", "data")
    assert "20 rows read, 20 examples" in printed.out


def test_a_part_is_said_to_be_one(flan, own, rows_read):
    module = own(rows(400), templates=GOOD)
    printed = " ".join(flan("lint", "haiku", *module, "--rows", "50").out.split())
    assert "rows read (the first of each split; --all-rows reads all)" in printed
    assert len(rows_read) < 60
    assert "400 rows read" in flan("lint", "haiku", *module, "--rows", "50", "--all-rows").out


def test_what_odd_rows_bring_about_is_one_hint(flan, own):
    data = rows(40)
    for row in data[::4]:
        row["haiku"] = ""
    quoted = GOOD.replace(
        "Write a haiku about {answer}.", 'Write a haiku like "{answer}"?'
    ).replace("{haiku}\n\nAt what", '"{haiku}"\n\nAt what')
    found = lint(flan, "haiku", *own(data, templates=quoted))
    (hint,) = [f for f in found if "quotation marks stand around an empty field" in f["problem"]]
    assert hint["level"] == "hint" and "and with 9 more of 40 rows" in hint["problem"]


def test_a_source_of_another_kind_names_the_one_that_reads_both(flan, own):
    words = ("--source", "tfds", "--data-dir", ".", "--out", "out")
    printed = flan("build", "my_mix", *own(rows(20)), *words, code=1).err
    assert 'haiku: has no source of kind "tfds"; it declares files' in printed
    assert "--source declared --data-dir DIR reads each dataset" in printed


def test_a_missing_file_is_not_answered_with_rows_that_are_not_there(flan, own):
    printed = flan("build", "haiku", *own(None), "--out", "out", code=1).err
    assert "no file haiku.jsonl" in printed and "embedded rows" not in printed
