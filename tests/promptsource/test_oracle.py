"""Prompts rendered here and elsewhere are the same, byte for byte."""

from collections import Counter

import pytest
from conftest import ROOT


@pytest.fixture(autouse=True)
def _from_root(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def test_a_sample_of_published_prompts_is_equal(real_p3):
    from benchmarks.p3_oracle import compare

    titles = ("qasc", "sciq", "quoref", "amazon_polarity", "duorc/SelfRC")
    compared = list(compare(real_p3, titles=titles))
    assert {one.title for one in compared} == set(titles)
    assert not [difference for one in compared for difference in one.different]
    assert sum((one.equal for one in compared), Counter()) == {
        "exact": 95,
        "choice": 22,
        "random": 10,
        "truncated": 33,
    }


@pytest.mark.slow
def test_all_published_prompts_whose_rows_are_there_are_equal(real_p3):
    from benchmarks.p3_oracle import compare

    compared = list(compare(real_p3))
    equal = sum((one.equal for one in compared), Counter())
    # Rows of 124 exact ones are not among those that came with the prompts.
    assert (equal["exact"], sum(one.absent["exact"] for one in compared)) == (550, 124)
    assert (equal["choice"], equal["truncated"]) == (394, 122)
    # Published with another target than the template has today.
    different = [difference for one in compared for difference in one.different]
    assert {check for check, _ in different} == {"random"}
    assert {what.split(",")[0] for _, what in different} == {
        "race_high_Is_this_the_right_answer",
        "race_middle_Is_this_the_right_answer",
    }


def test_a_prompt_that_no_draw_gives_is_different(prompt_folder, tmp_path, monkeypatch):
    import json

    from test_subtask_examples import POT, ROW

    from benchmarks import p3_oracle

    (tmp_path / "templates").symlink_to(prompt_folder)
    (tmp_path / "rows" / "tea_shop").mkdir(parents=True)
    (tmp_path / "rows" / "tea_shop" / "train.jsonl").write_text(json.dumps(ROW) + "\n")
    prompt = "Mina asks for tea. What goes into the pot?\n- hot\n- cold"
    entries = [(0, prompt, "cold"), (0, prompt, "hot"), (1, prompt, "cold")]
    (tmp_path / "rendered").mkdir()
    (tmp_path / "rendered" / "tea_shop.jsonl").write_text(
        "".join(
            json.dumps(
                {
                    "subtask": POT.name,
                    "split": "train",
                    "row": row,
                    "inputs_pretokenized": inputs,
                    "targets_pretokenized": targets,
                    "check": "exact",
                }
            )
            + "\n"
            for row, inputs, targets in entries
        )
    )
    monkeypatch.setattr(p3_oracle, "subtasks", lambda: (POT,))
    (one,) = p3_oracle.compare(tmp_path, rows=5)
    assert (one.equal["exact"], one.absent["exact"], one.rendered) == (1, 1, 1)
    assert one.different == [("exact", "tea_shop_what_goes_into_the_pot_, train:0")]
