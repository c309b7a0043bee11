"""Exported tasks give the scores of `flan eval` on the same answers, without this package.

Every metric in English, and those that look at words, letters or labels in languages whose words
are cut in other ways; without exemplars and behind two; by decoders and encoder-decoders.

FLAN_TASKS_LM_EVAL_PYTHON names an interpreter that has lm_eval, and not this package.
"""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from toy_languages import by_flan_eval, toy_catalog

from flan_tasks.core.dataset import METRIC_NAMES
from flan_tasks.core.variation import Variation
from flan_tasks.evaluation.harness import number_name, numbers_of
from flan_tasks.evaluation.lm_eval import Export, export
from flan_tasks.evaluation.records import GENERATE, RANK
from flan_tasks.plan.exemplars import Budget
from flan_tasks.plan.prepare import SourceChoice
from flan_tasks.specs.formats import DECODER, ENCODER_DECODER
from flan_tasks.vocabulary import open_vocabulary

# English by all four, as they differ in prompts and stops; the other languages by two.
KINDS = (("decoder", 2), ("encoder-decoder", 0), ("decoder", 0), ("encoder-decoder", 2))


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """(arch, shots) -> name of a task -> (as `flan eval` scores it, what the export said)."""
    folder = tmp_path_factory.mktemp("scores")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLAN_TASKS_STORE", str(folder / "store"))
        known = toy_catalog(folder)
        ours = {
            shots: by_flan_eval(known, folder / f"rank_{shots}", method=RANK, shots=shots)
            | by_flan_eval(known, folder / f"generate_{shots}", method=GENERATE, shots=shots)
            for shots in (0, 2)
        }
        cases = []
        for arch, shots in KINDS:
            out = folder / f"{arch}_{shots}"
            settings = Export(
                variation=Variation(shots=shots),
                budget=Budget(open_vocabulary("bytes"), 10_000) if shots else None,
                arch=arch,
            )
            is_english = (arch, shots) in KINDS[2:]
            datasets = [d for d in known.datasets if not is_english or d.languages == ("en",)]
            names = export(datasets, known, out, settings, source=SourceChoice())
            cases.append([str(out), {name: ours[shots][name].answers for name in names}])
    (folder / "cases.json").write_text(json.dumps(cases))
    results = run(sys.executable, "run_export.py", folder)
    return folder, {
        (arch, shots): {name: (ours[shots][name], one) for name, one in found.items()}
        for (arch, shots), found in zip(KINDS, results, strict=True)
    }


def run(python, script, folder):
    """Runs what was exported by one of the helpers."""
    done = subprocess.run(
        [python, str(ROOT / "tests" / "builders" / script), "cases.json", "results.json"],
        cwd=folder,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "results.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_flan_eval_on_the_same_answers(compared, kind):
    _, tasks = compared
    assert len(tasks[kind]) > 2 * len(METRIC_NAMES)
    for name, (ours, theirs) in tasks[kind].items():
        numbers = numbers_of([ours.metric], [prompt.gold for prompt in ours.prompts])
        shown = {number_name(metric, one): ours.scores[one] for metric, one, _ in numbers}
        found = {number: theirs["scores"][number] for number in shown}
        assert found == {number: pytest.approx(value) for number, value in shown.items()}, name
        best = 0 if ours.metric == "edit_distance" else 100
        if "_right" in name:
            assert list(found.values()) == pytest.approx([best] * len(found)), name
        else:
            assert set(found.values()) != {best}, name
        normalized = {f"{number}_norm" for number in found if name.endswith("_rank")}
        assert set(theirs["scores"]) == {*found, *normalized}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_prompts_and_stops_are_those_that_answers_need(compared, kind):
    arch, shots = kind
    _, tasks = compared
    for name, (ours, theirs) in tasks[kind].items():
        is_rank = name.endswith("_rank")
        line = "\n" if arch == DECODER and not is_rank else ""
        assert theirs["prompts"] == {one.gold.key: one.inputs + line for one in ours.prompts}
        if shots:
            assert all(text.endswith(f"\n=>{line}") for text in theirs["prompts"].values())
        if is_rank:
            assert theirs["until"] == []
        elif shots:
            assert theirs["until"] == ["#####"]
        else:
            assert theirs["until"] == ([] if arch == ENCODER_DECODER else ["\n\n"])


@pytest.mark.slow
def test_the_real_package_says_the_same(compared):
    python = os.environ.get("FLAN_TASKS_LM_EVAL_PYTHON")
    if not python:
        pytest.skip("FLAN_TASKS_LM_EVAL_PYTHON names no Python with lm_eval and sacrebleu[ja,ko]")
    folder, tasks = compared
    for kind, found in zip(KINDS, run(python, "run_lm_eval.py", folder), strict=True):
        assert set(found) == set(tasks[kind])
        for name, (_, theirs) in tasks[kind].items():
            scores = found[name].pop("scores")
            assert scores == {n: pytest.approx(value) for n, value in theirs["scores"].items()}
            assert found[name] == {part: theirs[part] for part in ("prompts", "until")}
