"""The file of a study: what it says, and what is wrong with it."""

import pytest

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.specs.study import Study, published_studies, read_study

FILE = """
question = "Which?"
seeds = 2
evaluate = ["rte"]
gin_files = ["models/t5_1_1_tiny.gin", "runs/pretrain.gin"]

[factors.wordings]
1 = { wordings = 1 }
3 = { wordings = 3, train = { BATCH_SIZE = 4 } }

[factors.sets]
few = {}
many = { mixture = { include = ["rte", "cb"] } }

[mixture]
include = ["rte"]
scheme = "equal"

[train]
TRAIN_STEPS = 2
BATCH_SIZE = 2
"""


def study(tmp_path, text=FILE, name="mine"):
    path = tmp_path / f"{name}.toml"
    path.write_text(text)
    return read_study(path)


def test_every_combination_of_levels_lays_them_over_the_study(tmp_path):
    read = study(tmp_path)
    assert (read.name, read.seeds) == ("mine", (0, 1))
    arms = read.arms
    assert [arm.name for arm in arms] == [
        "wordings_1-sets_few",
        "wordings_1-sets_many",
        "wordings_3-sets_few",
        "wordings_3-sets_many",
    ]
    assert arms[0].levels == {"wordings": "1", "sets": "few"}
    last = arms[-1].study
    assert last.wordings == 3 and last.factors == {}
    assert last.train == {"TRAIN_STEPS": 2, "BATCH_SIZE": 4}
    assert last.mixture == {"include": ["rte", "cb"], "scheme": "equal"}
    assert read.mixture == {"include": ["rte"], "scheme": "equal"}


def test_a_study_without_factors_is_its_seeds(tmp_path):
    text = FILE[: FILE.index("[factors")] + 'mixture = "nli"\n'
    (arm,) = study(tmp_path, text.replace("seeds = 2", "seeds = [7, 3]")).arms
    assert (arm.name, arm.levels, arm.study.seeds) == ("all", {}, (7, 3))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("question", "questoin", 'unknown key "questoin".*question'),
        ('"Which?"', '""', "Study.question is empty"),
        ('"Which?"', "3", "Study.question is 3"),
        ('question = "Which?"', "", "Study.question is missing"),
        ("seeds = 2", "seeds = 0", "Study.seeds is empty"),
        ("seeds = 2", "seeds = [1, 1]", "has a seed twice"),
        ("seeds = 2", "seeds = [-1]", "has -1; want 0 to"),
        ("{ wordings = 1 }", "{ wordings = 0 }", "Study.wordings is 0; want 1 or more"),
        ("{ wordings = 1 }", "{ wordigns = 1 }", 'level 1: unknown key "wordigns".*wordings'),
        ("few = {}", '"a b" = {}', "'a b' is no name here"),
        ("[factors.sets]", "[factors.none]\n[factors.sets]", "none has no level"),
        ("TRAIN_STEPS", "MODEL_DIR", "has MODEL_DIR, which the study sets itself"),
        ("{ wordings = 1 }", '{ wordings = 1, build = { templates = ["hence"] } }', "has templat"),
        ("seeds = 2", "seeds = 9000", "make 36,000 runs; want at most 10,000"),
        ("= 2\n", "= = 2\n", "not valid TOML"),
    ],
)
def test_a_file_that_says_something_else_names_it(before, after, message, tmp_path):
    with pytest.raises(DeclarationError, match=message) as caught:
        study(tmp_path, FILE.replace(before, after, 1))
    assert str(caught.value).startswith(str(tmp_path / "mine.toml"))


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(DeclarationError, match="no.toml: cannot be read: No such file"):
        read_study(tmp_path / "no.toml")


def test_a_study_of_python_is_checked_as_a_file_is():
    with pytest.raises(ConfigError, match="Study.seeds has a seed twice"):
        Study(
            name="a", question="b", mixture="nli", gin_files=("c",), evaluate=("d",), seeds=(1, 1)
        )


@pytest.mark.parametrize("name", published_studies())
def test_ours_can_be_read(name):
    assert read_study(published_studies()[name]).question.endswith("?")


def test_changes_are_laid_over_the_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FILE)
    changes = ["train.TRAIN_STEPS = 7", 'gin_files = ["a.gin"]', "seeds = 1", "eval.split = 'test'"]
    read = read_study(path, changes)
    assert read.train == {"TRAIN_STEPS": 7, "BATCH_SIZE": 2} and read.gin_files == ("a.gin",)
    assert read.seeds == (0,) and read.eval == {"split": "test"}
    with pytest.raises(DeclarationError, match="--set: 'train.TRAIN_STEPS=' is no TOML"):
        read_study(path, ["train.TRAIN_STEPS="])
    with pytest.raises(DeclarationError, match='unknown key "trian"'):
        read_study(path, ["trian.TRAIN_STEPS=2"])
