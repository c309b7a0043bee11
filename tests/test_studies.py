"""Studies: their runs, the queue of them, and what they come to."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from flan_tasks.core import lock
from flan_tasks.core.errors import EvaluationError, FlanTasksError
from flan_tasks.core.field_checks import ConfigError
from flan_tasks.core.mixture import read_mixture
from flan_tasks.datasets import catalog
from flan_tasks.experiments.picture import draw
from flan_tasks.experiments.queue import numbers_of, read_result, states, work
from flan_tasks.experiments.results import as_markdown, results_of, student
from flan_tasks.experiments.runs import drawn_wordings, ends_first, plan_runs
from flan_tasks.specs.study import Study, published_studies, read_study

STUDY = Study(
    name="small",
    question="Which?",
    mixture={"include": ["rte", "cb"], "scheme": "equal"},
    build={"vocab": "bytes", "source": "samples", "examples": 8, "lengths": {"inputs": 64}},
    gin_files=("models/t5_1_1_tiny.gin", "runs/pretrain.gin"),
    train={"TRAIN_STEPS": 2, "BATCH_SIZE": 2},
    evaluate=("rte", "cb"),
    eval={"split": "test"},
    factors={"wordings": {str(n): {"wordings": n} for n in (1, 3, 9)}},
    seeds=(0, 1),
)


class Clock:
    """Seconds, of which each step takes one."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Flan:
    """Does steps by writing scores: of trained wordings 80, of others 60 + how many are trained."""

    def __init__(self, clock, ends=None):
        self.clock, self.ends, self.steps, self.trained = clock, ends, [], {}

    def __call__(self, step):
        self.steps.append(step.name)
        if len(self.steps) == self.ends:
            raise KeyboardInterrupt
        self.clock.now += 1
        if step.name == "build":
            self.trained = set(step.spec.templates or ())
            if step.spec.mixture != "nli":
                assert read_mixture_names(step.spec.mixture) == {"rte", "cb"}
        if step.name == "eval":
            count = len(self.trained) // 2
            datasets = []
            for name, majority in (("rte", 50.0), ("cb", 75.0)):
                templates = [
                    {
                        "template": one,
                        "split": "test",
                        "way": "sum",
                        "num_examples": 9,
                        "scores": {"f1": 1.0, "accuracy": value},
                        "majority": {"accuracy": majority},
                    }
                    for one in catalog().templates(name).ids[:10]
                    for value in [80.0 if f"{name}.{one}" in self.trained else 60.0 + count]
                ]
                datasets.append({"dataset": name, "cluster": "nli", "templates": templates})
            os.makedirs(step.spec.output_dir)
            with open(f"{step.spec.output_dir}/scores.json", "w") as file:
                json.dump({"datasets": datasets}, file)


def read_mixture_names(path):
    return {one.name for one in catalog().members(read_mixture(Path(path)))}


def worked(runs, folder, *, budget=None, ends=None):
    clock = Clock()
    flan = Flan(clock, ends)
    said = []
    left = work(runs, folder, do=flan, told=said.append, budget=budget, clock=clock)
    return left, flan.steps, said


def test_the_ends_of_levels_come_first_and_seeds_one_after_the_other(tmp_path):
    assert [ends_first(n) for n in (1, 2, 3, 5)] == [[0], [0, 1], [0, 2, 1], [0, 4, 2, 1, 3]]
    names = [run.name for run in plan_runs(STUDY, tmp_path)]
    assert names[:4] == [
        "wordings_1-seed_0",
        "wordings_9-seed_0",
        "wordings_3-seed_0",
        "wordings_1-seed_1",
    ]


def test_wordings_are_drawn_anew_by_seed_and_fewer_are_among_more():
    datasets = catalog().expand(["rte", "sst2"])
    draws = [drawn_wordings(datasets, count, seed=seed) for seed in (0, 1) for count in (1, 9)]
    for few, many in (draws[:2], draws[2:]):
        assert few["rte"] == many["rte"][:1] and len(set(many["sst2"])) == 9
        forward = {one.id for one in catalog().templates("rte").of_kind("forward")}
        assert set(many["rte"]) < forward
    assert draws[1] != draws[3]
    with pytest.raises(ConfigError, match="Study.wordings is 11; rte has 10 forward templates"):
        drawn_wordings(datasets, 11, seed=0)


def test_steps_of_a_run_are_told_what_the_study_says(tmp_path):
    run = plan_runs(STUDY, tmp_path, [("BATCH_SIZE", "4")])[1]
    build, training, evaluation = (step.spec for step in run.steps)
    assert build.templates == tuple(f"{n}.{i}" for n, ids in run.wordings.items() for i in ids)
    assert (build.seed, build.examples, build.format) == (0, 8, "arrays")
    assert training.data.task_feature_lengths == {"inputs": 64, "targets": 256}
    assert (training.data.batch_size, training.train_steps, training.seed) == (4, 2, 0)
    assert training.data.build_dir == str(run.home / "build") == run.steps[0].out
    assert evaluation.mixture_or_task_name == "rte,cb" and evaluation.source == "samples"
    assert evaluation.checkpoint_path == training.model_dir
    other = plan_runs(STUDY, tmp_path)[4].steps  # of another seed
    assert other[0].spec.seed == other[1].spec.seed == other[1].spec.data.seed == 1
    assert other[2].spec.seed == 0


def test_a_run_is_known_by_what_it_is_told_and_not_by_where_it_lies(tmp_path):
    runs = plan_runs(STUDY, tmp_path)
    assert len({run.digest for run in runs}) == len(runs)
    few = replace(STUDY, question="Why?", seeds=(1,), factors={"n": {"2": {"wordings": 9}}})
    (run,) = plan_runs(few, tmp_path / "b")
    assert run.digest in {one.digest for one in runs}
    placed = replace(few, build={**STUDY.build, "data_dir": "c"})
    assert plan_runs(placed, tmp_path)[0].digest == run.digest
    changes = [
        {"build": {**STUDY.build, "examples": 9}},
        {"train": {**STUDY.train, "TRAIN_STEPS": 3}},
        {"eval": {"split": "validation"}},
        {"mixture": {"include": ["rte", "cb"], "scheme": "equal", "cap": 7}},
    ]
    digests = {plan_runs(replace(few, **one), tmp_path)[0].digest for one in changes}
    assert len({run.digest, *digests}) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"build": {"exmaples": 3}}, 'unknown field of BuildSpec "exmaples"'),
        ({"build": {"examples": 0}}, "BuildSpec.examples is 0"),
        ({"build": {"lengths": "auto", "vocab": "bytes"}}, "lengths auto; give inputs and targets"),
        ({"eval": {"split": "train"}}, "EvalSpec.split"),
        ({"train": {"TRIAN_STEPS": 3}}, "TRIAN_STEPS"),
        ({"mixture": {"include": ["rtee"]}}, "rtee"),
        ({"mixture": {"includes": ["rte"]}}, 'mixture of small: unknown key "includes"'),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_done(change, message, tmp_path):
    with pytest.raises(FlanTasksError, match=message):
        plan_runs(replace(STUDY, seeds=(0,), **change), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_macro_that_is_the_studys_own_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="has MODEL_DIR, which the study sets itself"):
        plan_runs(STUDY, tmp_path, [("MODEL_DIR", "x")])


def test_the_queue_does_each_run_once_and_goes_on_where_it_was_stopped(tmp_path):
    runs = plan_runs(STUDY, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        worked(runs, tmp_path, ends=5)
    assert [one.state for one in states(runs)] == ["done", "begun", *["waiting"] * 4]
    left, steps, said = worked(runs, tmp_path)
    assert left == [] and steps == ["build", "train", "eval"] * 5
    assert said[0] == "wordings_9-seed_0 (2 of 6)"
    assert said[1] == "wordings_9-seed_0 (2 of 6): done in 3s"
    assert worked(runs, tmp_path)[1] == []
    lines = (tmp_path / "runs.csv").read_text().splitlines()
    assert lines[1] == f"wordings_1-seed_0,done,3.0,{runs[0].home.name}" and len(lines) == 7
    # A seed more has its own runs alone.
    more = plan_runs(replace(STUDY, seeds=(0, 1, 2)), tmp_path)
    assert len(worked(more, tmp_path)[1]) == 9


def test_with_a_budget_runs_begin_that_fit(tmp_path):
    runs = plan_runs(STUDY, tmp_path)
    left, steps, _ = worked(runs, tmp_path, budget=7)
    assert len(steps) == 6 and left == runs[2:]
    # How long one takes is known now.
    assert worked(runs, tmp_path, budget=2)[1] == []
    assert len(worked(runs, tmp_path, budget=3)[1]) == 3


def test_a_run_of_another_process_is_left_to_it(tmp_path):
    runs = plan_runs(STUDY, tmp_path)
    code = "import sys; from pathlib import Path; from flan_tasks.core import lock\n"
    code += "with lock.hold(Path(sys.argv[1])): print(flush=True); input()"
    words = [sys.executable, "-c", code, str(runs[0].home / ".lock")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        assert states(runs)[0].state == "running elsewhere"
        left, steps, said = worked(runs, tmp_path)
        assert left == runs[:1] and len(steps) == 15
        assert said[0] == "wordings_1-seed_0 (1 of 6): another process does it"
        other.communicate(b"\n")
    assert worked(runs, tmp_path)[0] == []


def test_what_another_process_ends_meanwhile_is_not_left(tmp_path):
    first, *others = plan_runs(STUDY, tmp_path)
    done = {"digest": first.digest, "seconds": {"build": 1.0}, "scores": []}
    with lock.hold(first.home / ".lock"):

        def ends_elsewhere(line):
            if "another process" in line:
                (first.home / "result.json").write_text(json.dumps(done))

        clock = Clock()
        runs = [first, *others]
        assert work(runs, tmp_path, do=Flan(clock), told=ends_elsewhere, clock=clock) == []


def test_a_result_that_is_damaged_is_named(tmp_path):
    runs = plan_runs(replace(STUDY, seeds=(0,)), tmp_path)
    worked(runs, tmp_path)
    path = runs[1].home / "result.json"
    path.write_text(path.read_text().replace(runs[1].digest, "0"))
    with pytest.raises(EvaluationError, match="is of a run that was told something else"):
        worked(runs, tmp_path)
    path.write_text("{")
    with pytest.raises(EvaluationError, match=f"{path} cannot be read"):
        states(runs)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(EvaluationError, match="cannot be written to: Not a directory"):
        worked(plan_runs(STUDY, tmp_path), tmp_path)


def values(results, dataset, measure):
    return [(line.arm[9:], line.value.mean) for line in results.of(dataset, measure)]


def test_results_are_of_trained_and_unseen_wordings(tmp_path):
    runs = plan_runs(STUDY, tmp_path)
    worked(runs, tmp_path)
    results = results_of(STUDY, [read_result(run) for run in runs])
    # CB reaches 80, and its most frequent answer 75.
    assert results.counting == ("rte",) and results.majority["cb"] == 75.0
    assert values(results, "rte", "trained") == [("1", 80), ("3", 80), ("9", 80)]
    assert values(results, "rte", "unseen") == [("1", 61), ("3", 63), ("9", 69)]
    assert values(results, None, "gap") == [("1", 19), ("3", 17), ("9", 11)]
    assert values(results, None, "trained by none") == [("1", 61), ("3", 63), ("9", 69)]
    (first, second, third) = results.of(None, "gap")
    assert first.changes == {}
    assert [one.changes["wordings_1"].mean for one in (second, third)] == [-2, -8]
    assert third.changes["wordings_1"].values == (-8, -8)
    page = as_markdown(results)
    head = "mean over the 1 dataset that counts"
    assert f"| {head} | wordings_9 - wordings_1 | 0.0 ± 0.0 | 8.0 ± 0.0 | -8.0 ± 0.0 |" in page
    cb = "cb, 9 examples, most frequent answer 75.0 (does not count)"
    assert f"| {cb} | wordings_1 | 80.0 ± 0.0 | 61.0 ± 0.0 | 19.0 ± 0.0 |" in page
    json.dumps(results.to_json())


def test_wordings_all_levels_have_in_common_want_all_levels(tmp_path):
    runs = plan_runs(STUDY, tmp_path)
    worked(runs[:4], tmp_path)
    results = results_of(STUDY, [read_result(run) for run in runs[:4]])
    assert results.done == {"wordings_1": (0, 1), "wordings_3": (0,), "wordings_9": (0,)}
    assert [len(line.value.values) for line in results.of("rte", "trained")] == [2, 1, 1]
    assert [len(line.value.values) for line in results.of("rte", "trained by none")] == [1, 1, 1]
    assert results_of(STUDY, []) is None


def test_where_no_wordings_are_drawn_the_score_is_the_mean_over_templates(tmp_path):
    factors = {"batch": {str(n): {"train": {"BATCH_SIZE": n}} for n in (1, 2)}}
    runs = plan_runs(replace(STUDY, factors=factors, build={"vocab": "bytes"}), tmp_path)
    scores = [
        {"dataset": "rte", "template": one, "value": value, "majority": None, "examples": 3}
        for one, value in (("a", 10.0), ("b", 20.0))
    ]
    found = [{"arm": run.arm, "seed": run.seed, "wordings": {}, "scores": scores} for run in runs]
    results = results_of(replace(STUDY, factors=factors), found)
    assert values(results, None, "score") == [("", 15.0), ("", 15.0)]


def test_intervals_are_students():
    # Of 1, 2, 3: t of 2 degrees of freedom, 4.303, times 1 / sqrt 3.
    assert student([1, 2, 3]).half == pytest.approx(4.3027 / 3**0.5, abs=1e-4)
    assert str(student([1, 2, 3])) == "2.0 ± 2.5" and str(student([5.0])) == "5.0"


def test_a_set_that_is_not_ranked_by_accuracy_is_compared_with_one_answer_for_all(tmp_path):
    held = {
        "dataset": "cola",
        "cluster": "misc",
        "templates": [
            {
                "template": "shortest",
                "split": split,
                "way": way,
                "num_examples": 5,
                "scores": {"matthews": value},
                "majority": {},
            }
            for split, way, value in (("test", "sum", 3.0), ("validation", "sum", 9.0))
        ],
    }
    path = tmp_path / "scores.json"
    path.write_text(json.dumps({"datasets": [held]}))
    (found,) = numbers_of(path)
    assert (found["number"], found["value"], found["majority"]) == ("matthews", 3.0, 0.0)
    path.write_text("[]")
    with pytest.raises(EvaluationError, match="holds no scores"):
        numbers_of(path)


def test_runs_of_ours_train_on_every_set_that_is_scored(tmp_path):
    study = read_study(published_studies()["wordings"])
    runs = plan_runs(study, tmp_path)
    assert len(runs) == 9
    assert all(set(run.wordings) == set(study.evaluate) for run in runs)


def test_a_picture_has_every_seed_and_level_and_nothing_out_of_it(tmp_path):
    study = replace(STUDY, question="Is 1 < 3?")
    runs = plan_runs(study, tmp_path)
    worked(runs, tmp_path)
    text = draw(results_of(study, [read_result(run) for run in runs]))
    root = ElementTree.fromstring(text)
    space = {"s": "http://www.w3.org/2000/svg"}
    shown = [one.text for one in root.iterfind(".//s:text", space)]
    # The mean over RTE alone, RTE, and CB, which does not count: trained and unseen, two seeds.
    assert "Is 1 < 3?" in shown and "cb (does not count)" in shown
    assert [one for one in shown if one in ("1", "3", "9")] == ["1", "3", "9"] * 3
    panels = root.findall("s:g", space)
    assert [len(one.findall("s:circle", space)) for one in panels] == [12, 12, 12]
    heights = [float(one.get("cy")) for one in panels[1].iterfind("s:circle", space)]
    # Trained, 80 at every level; then unseen, 61, 63 and 69, which is further up.
    assert len(set(heights[:6])) == 1
    assert heights[6] > heights[8] > heights[10] > heights[0] > 0
    width, height = (float(one) for one in root.get("viewBox").split()[2:])
    assert (width, height) == (900, 64 + 210) and max(heights) < 210


def test_a_picture_of_a_score_without_a_mean_has_the_sets_alone(tmp_path):
    scores = [{"dataset": "rte", "template": "a", "value": 3.0, "majority": 50.0, "examples": 3}]
    factors = {"b": {"x": {}, "y": {}}}
    found = [{"arm": f"b_{n}", "seed": 0, "wordings": {}, "scores": scores} for n in "xy"]
    text = draw(results_of(replace(STUDY, factors=factors), found))
    assert ">rte (does not count)<" in text and "polyline" not in text and ">x<" in text


# What runs begin from.

PRETRAINED = replace(
    STUDY,
    pretrain={
        "mixture": "nli",
        "build": {"vocab": "bytes", "source": "samples", "examples": 8, "lengths": {"inputs": 32}},
        "train": {"TRAIN_STEPS": 3, "BATCH_SIZE": 2},
    },
    factors={
        "tuning": {
            "none": {"tuned": False},
            "full": {},
            "lora": {"train": {"LORA_RANK": 2}},
        }
    },
    build={**STUDY.build, "lengths": {"inputs": 64, "targets": 8}},
    compare=("tuning_none", "tuning_full"),
)


def test_every_run_begins_from_one_pretraining(tmp_path):
    runs = plan_runs(PRETRAINED, tmp_path)
    names = [run.name for run in runs]
    assert names == [
        *("pretrain-seed_0", "tuning_none-seed_0", "tuning_lora-seed_0", "tuning_full-seed_0"),
        *("tuning_lora-seed_1", "tuning_full-seed_1"),
    ]
    before, untuned, lora, *_ = runs
    build, training = (step.spec for step in before.steps)
    assert not before.is_scored and before.home.parent == tmp_path / "pretrained"
    assert (build.mixture, build.examples, training.train_steps, training.seed) == ("nli", 8, 3, 0)
    assert training.checkpoint.initial_checkpoint_path is None and training.model.lora_rank == 0
    model = str(before.home / "model")
    assert all(run.begins_from == before for run in runs[1:])
    assert lora.steps[1].spec.checkpoint.initial_checkpoint_path == model == training.model_dir
    # What is not tuned is asked with the lengths of the others, which are those of their build.
    (step,) = untuned.steps
    assert step.spec.checkpoint_path == model
    assert step.spec.task_feature_lengths == {"inputs": 64, "targets": 8}
    assert lora.steps[2].spec.task_feature_lengths is None


def test_a_run_is_known_by_what_it_begins_from_and_not_by_where_that_lies(tmp_path):
    runs = plan_runs(PRETRAINED, tmp_path)
    elsewhere = plan_runs(PRETRAINED, tmp_path / "a", pretrained=tmp_path / "b")
    assert [run.digest for run in runs] == [run.digest for run in elsewhere]
    assert elsewhere[0].home.parent == tmp_path / "b"
    longer = {**PRETRAINED.pretrain, "train": {"TRAIN_STEPS": 4, "BATCH_SIZE": 2}}
    others = plan_runs(replace(PRETRAINED, pretrain=longer), tmp_path)
    assert not {run.digest for run in runs} & {run.digest for run in others}
    # A macro of the command line is for all training.
    told = plan_runs(PRETRAINED, tmp_path, [("BATCH_SIZE", "4")])
    assert {run.steps[1].spec.data.batch_size for run in told if len(run.steps) > 1} == {4}


def test_levels_may_begin_from_different_pretraining(tmp_path):
    longer = {**PRETRAINED.pretrain, "train": {"TRAIN_STEPS": 4, "BATCH_SIZE": 2}}
    factors = {"steps": {"3": {}, "4": {"pretrain": longer}}}
    runs = plan_runs(replace(PRETRAINED, factors=factors, compare=()), tmp_path)
    assert [run.is_scored for run in runs] == [False, False, *[True] * 4]
    assert [runs.index(run.begins_from) for run in runs[2:]] == [0, 1, 0, 1]


def test_the_queue_pretrains_once_and_before_all(tmp_path):
    runs = plan_runs(PRETRAINED, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        worked(runs, tmp_path, ends=2)
    assert states(runs)[0].state == "begun"
    left, steps, said = worked(runs, tmp_path)
    assert left == [] and said[0] == "pretrain-seed_0 (1 of 6)"
    assert steps == [*("build", "train"), "eval", *["build", "train", "eval"] * 4]
    assert worked(runs, tmp_path)[1] == []
    # In the same folder it is found again, whatever else the study has become.
    more = plan_runs(replace(PRETRAINED, seeds=(0, 1, 2)), tmp_path)
    assert worked(more, tmp_path)[1] == ["build", "train", "eval"] * 2


def test_a_pretraining_of_another_process_is_waited_for(tmp_path):
    runs = plan_runs(PRETRAINED, tmp_path)
    code = "import sys; from pathlib import Path; from flan_tasks.core import lock\n"
    code += "with lock.hold(Path(sys.argv[1])): print(flush=True); input()"
    words = [sys.executable, "-c", code, str(runs[0].home / ".lock")]
    clock = Clock()
    flan, said = Flan(clock), []
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()

        def wait(seconds):
            assert not flan.steps and seconds > 0
            if other.poll() is None:
                other.communicate(b"\n")

        left = work(runs, tmp_path, do=flan, told=said.append, clock=clock, wait=wait)
    assert left == [] and flan.steps[:2] == ["build", "train"] and len(flan.steps) == 15
    assert said[0] == "pretrain-seed_0 (1 of 6): another process does it"


def test_the_time_of_pretraining_says_nothing_of_runs(tmp_path):
    runs = plan_runs(PRETRAINED, tmp_path)
    # It takes two seconds; the first of the others begins in what is left, as nobody knows how long
    # one takes.
    left, steps, _ = worked(runs, tmp_path, budget=2.5)
    assert steps == ["build", "train", "eval"] and left == runs[2:]


def test_nothing_begins_without_what_it_begins_from(tmp_path):
    runs = plan_runs(PRETRAINED, tmp_path)
    left, steps, _ = worked(runs[1:], tmp_path)
    assert left == runs[1:] and steps == []


def scored(arm, seed, **values):
    scores = [
        {"dataset": name, "template": "a", "value": value, "majority": 50.0, "examples": 3}
        for name, value in values.items()
    ]
    return {"arm": f"tuning_{arm}", "seed": seed, "wordings": {}, "scores": scores}


def test_changes_are_from_the_levels_that_are_named_and_the_untuned_one_has_every_seed():
    found = [
        scored("none", 0, rte=50.0, cb=50.0),
        *(scored("full", seed, rte=70.0 + seed, cb=40.0) for seed in (0, 1)),
        *(scored("lora", seed, rte=65.0 + seed) for seed in (0, 1)),
    ]
    results = results_of(PRETRAINED, found)
    # What is not tuned need not beat the most frequent answer, and CB is lost by one that is.
    assert results.counting == ("rte",)
    assert results.done["tuning_none"] == (0, 1)
    none, full, lora = results.of("rte", "score")
    assert none.value.mean == 50.0 and none.value.half == 0.0
    assert full.changes["tuning_none"].mean == 20.5 and "tuning_full" not in full.changes
    assert lora.changes["tuning_none"].mean == 15.5
    assert (lora.changes["tuning_full"].mean, lora.changes["tuning_full"].half) == (-5.0, 0.0)
    assert results.of("cb", "score")[1].changes["tuning_none"].mean == -10.0
    page = as_markdown(results)
    assert "score; and changes from tuning_none and tuning_full" in page.lower()
    assert "| tuning_lora - tuning_full | -5.0 ± 0.0 |" in page
    assert "where every level that is tuned beats" in page
    assert "tuning_none: what the others begin from, without training" in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pretrain": {"mixtures": "nli"}}, 'unknown key "mixtures".*has no mixture'),
        ({"pretrain": {"mixture": "nli", "train": 3}}, "has train 3; want a table"),
        ({"pretrain": {"mixture": "nli", "build": {"seed": 1}}}, "build has seed, which the study"),
        ({"train": {"INITIAL_CHECKPOINT_PATH": "x"}}, "and pretrain says it; give one of them"),
        ({"pretrain": {}}, "tuned is false, and runs begin from nothing; give pretrain"),
        ({"compare": ("full",)}, 'unknown level "full". Did you mean tuning_full'),
        ({"pretrain": {"mixture": "nlii"}}, "nlii"),
    ],
)
def test_what_pretraining_cannot_be_is_told_first(change, message, tmp_path):
    with pytest.raises(FlanTasksError, match=f"(?s){message}"):
        plan_runs(replace(PRETRAINED, **change), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_beside_pretraining_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="leave --gin.INITIAL_CHECKPOINT_PATH out"):
        plan_runs(PRETRAINED, tmp_path, [("INITIAL_CHECKPOINT_PATH", "'x'")])
    bare = replace(PRETRAINED, pretrain={})
    runs = plan_runs(bare, tmp_path, [("INITIAL_CHECKPOINT_PATH", "'x'")])
    assert runs[0].steps[0].spec.checkpoint_path == "x"


@pytest.mark.parametrize("name", sorted(published_studies()))
def test_studies_of_ours_can_be_planned(name, tmp_path):
    study = read_study(published_studies()[name])
    runs = plan_runs(study, tmp_path)
    assert len({run.digest for run in runs}) == len(runs) > len(study.seeds)
    assert all(run.steps[1].spec.seed == run.seed for run in runs if len(run.steps) == 3)
